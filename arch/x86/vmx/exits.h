/* SPDX-License-Identifier: MIT */
/*
 * The table of VM exits (SDM 3D appendix C). X(reason, name, handler): one row makes the entry of
 * exit_table[] (name, counter) and the case of the dispatch, a direct call: the exit path has no
 * indirect branch.
 */
#ifndef FIRN_VMX_EXITS_H
#define FIRN_VMX_EXITS_H

#define VMX_EXIT_IO 30

#define VMX_EXITS(X)                                        \
	X(0, "exception or NMI", exit_exception)            \
	X(1, "external interrupt", exit_external_interrupt) \
	X(2, "triple fault", exit_triple_fault)             \
	X(3, "INIT signal", exit_ignored)                   \
	X(4, "SIPI", exit_ignored)                          \
	X(7, "interrupt window", exit_ignored)              \
	X(8, "NMI window", exit_ignored)                    \
	X(9, "task switch", exit_task_switch)               \
	X(10, "CPUID", exit_cpuid)                          \
	X(12, "HLT", exit_hlt)                              \
	X(13, "INVD", exit_skip)                            \
	X(15, "RDPMC", exit_rdpmc)                          \
	X(17, "RSM", exit_ud)                               \
	X(18, "VMCALL", exit_vmcall)                        \
	X(19, "VMCLEAR", exit_ud)                           \
	X(20, "VMLAUNCH", exit_ud)                          \
	X(21, "VMPTRLD", exit_ud)                           \
	X(22, "VMPTRST", exit_ud)                           \
	X(23, "VMREAD", exit_ud)                            \
	X(24, "VMRESUME", exit_ud)                          \
	X(25, "VMWRITE", exit_ud)                           \
	X(26, "VMXOFF", exit_ud)                            \
	X(27, "VMXON", exit_ud)                             \
	X(28, "CR access", exit_cr)                         \
	X(VMX_EXIT_IO, "I/O", exit_io)                      \
	X(31, "RDMSR", exit_rdmsr)                          \
	X(32, "WRMSR", exit_wrmsr)                          \
	X(33, "entry: guest state", exit_entry_failed)      \
	X(34, "entry: MSR loading", exit_entry_failed)      \
	X(36, "MWAIT", exit_ud)                             \
	X(37, "monitor trap flag", exit_ignored)            \
	X(39, "MONITOR", exit_ud)                           \
	X(40, "PAUSE", exit_pause)                          \
	X(41, "entry: machine check", exit_entry_failed)    \
	X(43, "TPR below threshold", exit_ignored)          \
	X(44, "APIC access", exit_apic_access)              \
	X(45, "virtualized EOI", exit_eoi)                  \
	X(48, "EPT violation", exit_ept_violation)          \
	X(49, "EPT misconfiguration", exit_ept_misconfig)   \
	X(50, "INVEPT", exit_ud)                            \
	X(52, "preemption timer", exit_ignored)             \
	X(53, "INVVPID", exit_ud)                           \
	X(54, "WBINVD", exit_skip)                          \
	X(55, "XSETBV", exit_xsetbv)                        \
	X(56, "APIC write", exit_apic_write)                \
	X(62, "page-modification log full", exit_pml_full)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The table of #VMEXIT codes (APM vol. 2 appendix C). X(index, name, handler, opcode): one row
 * makes the name, the counter and the case of the dispatch, a direct call: the exit path has no
 * indirect branch. index: the code, but for codes too large for an array. opcode: SVM_OPCODE* of
 * the instruction that exits there and that the handler ends with svm_skip(), or 0.
 */
#ifndef FIRN_SVM_EXITS_H
#define FIRN_SVM_EXITS_H

#include "arch/x86/svm/svm.h"

#define SVM_EXIT_IOIO 0x7b

/* What running guests cause most, in the order in which the dispatch compares. */
#define SVM_FREQUENT_EXITS(X)                                   \
	X(0x7c, "MSR", exit_msr, 0)                             \
	X(SVM_EXIT_INDEX_NPF, "nested page fault", exit_npf, 0) \
	X(SVM_EXIT_IOIO, "I/O", exit_io, 0)                     \
	X(0x64, "interrupt window", exit_ignored, 0)            \
	X(0x78, "HLT", exit_hlt, SVM_OPCODE1(0xf4))             \
	X(0x60, "external interrupt", exit_ignored, 0)          \
	X(0x72, "CPUID", exit_cpuid, SVM_OPCODE2(0x0f, 0xa2))   \
	X(0x81, "VMMCALL", exit_vmmcall, SVM_OPCODE3(0x0f, 0x01, 0xd9))

#define SVM_OTHER_EXITS(X)                                            \
	X(0x00, "CR0 read", svm_cr_access, 0)                         \
	X(0x04, "CR4 read", svm_cr_access, 0)                         \
	X(0x10, "CR0 write", svm_cr_access, 0)                        \
	X(0x14, "CR4 write", svm_cr_access, 0)                        \
	X(0x18, "CR8 write", svm_cr_access, 0)                        \
	X(0x41, "exception #DB", exit_db, 0)                          \
	X(0x46, "exception #UD", guest_invalid_opcode, 0)             \
	X(0x51, "exception #AC", exit_ac, 0)                          \
	X(0x52, "exception #MC", exit_mc, 0)                          \
	X(0x61, "NMI", exit_ignored, 0)                               \
	X(0x62, "SMI", exit_ignored, 0)                               \
	X(0x63, "INIT signal", exit_ignored, 0)                       \
	X(0x65, "CR0 selective write", svm_cr_access, 0)              \
	X(0x6f, "RDPMC", exit_gp, 0)                                  \
	X(0x74, "IRET", svm_iret, 0)                                  \
	X(0x76, "INVD", svm_skip, SVM_OPCODE2(0x0f, 0x08))            \
	X(0x77, "PAUSE", exit_pause, SVM_OPCODE1(0x90))               \
	X(0x7a, "INVLPGA", exit_ud, 0)                                \
	X(0x7d, "task switch", exit_task_switch, 0)                   \
	X(0x7f, "shutdown", exit_shutdown, 0)                         \
	X(0x80, "VMRUN", exit_ud, 0)                                  \
	X(0x82, "VMLOAD", exit_ud, 0)                                 \
	X(0x83, "VMSAVE", exit_ud, 0)                                 \
	X(0x84, "STGI", exit_ud, 0)                                   \
	X(0x85, "CLGI", exit_ud, 0)                                   \
	X(0x86, "SKINIT", exit_ud, 0)                                 \
	X(0x89, "WBINVD", exit_wbinvd, 0)                             \
	X(0x8a, "MONITOR", exit_ud, 0)                                \
	X(0x8b, "MWAIT", exit_ud, 0)                                  \
	X(0x8d, "XSETBV", exit_xsetbv, SVM_OPCODE3(0x0f, 0x01, 0xd1)) \
	X(0x8e, "RDPRU", exit_ud, 0)

#define SVM_EXITS(X) SVM_FREQUENT_EXITS(X) SVM_OTHER_EXITS(X)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * MSRs as a guest sees them: one table of {number, rules, where the value lives}. An MSR whose
 * feature is not in the VM's CPUID image does not exist.
 *
 * All functions that take a vCPU run on the CPU that owns it.
 */
#ifndef FIRN_X86_GUEST_MSR_H
#define FIRN_X86_GUEST_MSR_H

#include "arch/x86/regs.h"
#include "core/vcpu.h"

/*
 * RDMSR and WRMSR of the guest. False = the caller injects #GP(0); then nothing has changed. An
 * MSR that is not in the table is also logged, rate-limited, with value and RIP.
 */
bool guest_msr_read(struct vcpu *vcpu, u32 msr, u64 *value);
bool guest_msr_write(struct vcpu *vcpu, u32 msr, u64 value);

#define MSR_LIST_MAX 104
/*
 * The MSRs that guests may read and write without an exit, in ascending order, up to max of them;
 * returns how many there are. cet: in a VM with CET. Hardware or the world switch of the vendor code keeps their values,
 * and they follow no rule beyond what the CPU checks itself.
 */
size_t guest_msr_passthrough(bool cet, u32 *msrs, size_t max);

/* Power-on values (SDM 3A 9.1.1). init: those that INIT changes; the others are kept. */
void guest_msr_reset(struct vcpu *vcpu, bool init);
/*
 * What firmware leaves behind before it starts an operating system: MTRRs on, memory write-back,
 * the device hole below 4 GiB uncached. For a VM that is started without firmware.
 */
void guest_msr_firmware_setup(struct vcpu *vcpu);

/* vm.arch.arch_capabilities for a host whose IA32_ARCH_CAPABILITIES reads host. */
u64 guest_msr_arch_capabilities(u64 host);

/*
 * For registers by id: the MSRs that this VM has and that can be read, in ascending order, up to
 * max of them; returns how many there are. x2APIC registers are not among them: see vcpu_regs.h.
 */
size_t guest_msr_list(const struct vcpu *vcpu, u32 *msrs, size_t max);
/* Name like "LSTAR", "IA32_MTRR_PHYS+3" for MSRs that some VM can list; false = there is none. */
bool guest_msr_name(u32 msr, char *buf, size_t len);
bool guest_msr_by_name(const char *name, u32 *msr);
/* As above, without logging. ERR_NOENT: no such MSR here; ERR_READONLY; ERR_INVALID: bad value. */
enum firn_err guest_msr_get(struct vcpu *vcpu, u32 msr, u64 *value);
enum firn_err guest_msr_set(struct vcpu *vcpu, u32 msr, u64 value);

#endif

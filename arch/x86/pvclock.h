/* SPDX-License-Identifier: MIT */
/*
 * KVM paravirtual clock: guest time = ns since vm.arch.clock_base_tsc, computed by the guest from
 * its TSC. All vCPUs share that one reference, so the clock is monotonic across them ("stable").
 * It goes on while the VM is paused.
 */
#ifndef FIRN_X86_PVCLOCK_H
#define FIRN_X86_PVCLOCK_H

#include "core/types.h"

struct vcpu;

#define MSR_KVM_WALL_CLOCK_OLD	0x11
#define MSR_KVM_SYSTEM_TIME_OLD 0x12
#define MSR_KVM_WALL_CLOCK	0x4b564d00
#define MSR_KVM_SYSTEM_TIME	0x4b564d01

/*
 * False = #GP: not one of the four MSRs, its feature is not in the CPUID image, or an address that
 * is not 4-byte aligned. An address that is no RAM is accepted and never written. Reset and INIT
 * write 0 to the system time MSR, which ends the registration. Owner CPU.
 */
bool pvclock_msr_read(struct vcpu *vcpu, u32 msr, u64 *value);
bool pvclock_msr_write(struct vcpu *vcpu, u32 msr, u64 value);

/* The guest's TSC changed against the host's: writes the structure again. Owner CPU. */
void pvclock_update(struct vcpu *vcpu);
/* The vCPU did not run for a while (pause): tells the guest's watchdogs. Owner CPU, before entry. */
void pvclock_set_guest_stopped(struct vcpu *vcpu);

/* ns = (ticks << shift, or >> -shift) * mul >> 32, rounding down; at 100 kHz .. 100 GHz. */
void pvclock_scale(u64 tsc_khz, u32 *mul, s8 *shift);

#endif

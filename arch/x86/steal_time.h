/* SPDX-License-Identifier: MIT */
/*
 * KVM steal time: how long a vCPU was ready but did not run, and whether it is held off right now,
 * in a structure in guest memory that all vCPUs of the VM look at (Linux
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME). The scheduler's side of it is
 * arch_vcpu_preempted() and arch_vcpu_scheduled_in() of core/vcpu.h.
 */
#ifndef FIRN_X86_STEAL_TIME_H
#define FIRN_X86_STEAL_TIME_H

#include "core/types.h"

struct vcpu;

#define MSR_KVM_STEAL_TIME 0x4b564d03

struct steal_time {
	u64 msr;	     /* last value written; bit 0 = enabled */
	u64 reported_tsc;    /* of vcpu->steal_tsc: what the guest's structure contains */
	bool preempted_told; /* the guest's structure says so */
};

/*
 * False = #GP: a reserved bit is set. An address that is no RAM is accepted and never written.
 * Time counts from the registration on. Reset and INIT write 0, which ends it. Owner CPU.
 */
bool steal_time_msr_write(struct vcpu *vcpu, u64 value);

#endif

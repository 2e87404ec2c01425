/* SPDX-License-Identifier: MIT */
/* Hypercalls that guests may make with VMCALL or VMMCALL: KVM's convention, docs/guest-abi.md. */
#ifndef FIRN_X86_HYPERCALL_H
#define FIRN_X86_HYPERCALL_H

#include "core/vcpu.h"

struct hypercall {
	u32 number;
	u32 feature; /* KVM_FEATURE_* or FIRN_FEATURE_* that offers it, 0 = always there */
	const char *name;
};

/* Every hypercall there is, ascending; what the documentation is checked against. */
extern const struct hypercall hypercalls[];
extern const size_t nr_hypercalls;

/*
 * Does the hypercall that the vCPU's registers ask for, stores the result in RAX. Never faults;
 * the caller advances RIP (virt_skip). On the CPU that owns the vCPU.
 */
void guest_hypercall(struct vcpu *vcpu);

#endif

/* SPDX-License-Identifier: MIT */
/* The hypercall that sends one interrupt to many vCPUs: docs/guest-abi.md, SEND_IPI. */
#ifndef FIRN_X86_PV_IPI_H
#define FIRN_X86_PV_IPI_H

#include "core/types.h"

struct vcpu;

/*
 * Bit n of the bitmap, whose low and high word have word_bits bits (32, 64), stands for the vCPU
 * with APIC id first + n. icr: vector and delivery mode, as in the ICR's low half. Returns how many
 * vCPUs took it, or -KVM_EINVAL. Bits of vCPUs that are not there are ignored. The caller's CPU.
 */
s64 pv_send_ipi(struct vcpu *vcpu, u64 low, u64 high, u64 first, u64 icr, unsigned word_bits);

#endif

/* SPDX-License-Identifier: MIT */
/* XCR0 of a guest and the size of the XSAVE areas that follow from it (SDM 1 13.2-13.4). */
#ifndef FIRN_X86_GUEST_XSTATE_H
#define FIRN_X86_GUEST_XSTATE_H

#include "core/vcpu.h"

#define XSTATE_FIRST_EXTENDED 2 /* component; those before are of the legacy area */

/* Bits that XCR0 may have in a VM with this CPUID image; 0 = no XSAVE. */
u64 guest_xcr0_supported(const struct cpuid_image *image);

/*
 * XSETBV(index): false = #GP(0), nothing has changed. The caller has checked CPL 0; CR4.OSXSAVE
 * is checked by the CPU before the exit. On the CPU that owns the vCPU.
 */
bool guest_xcr0_set(struct vcpu *vcpu, u32 index, u64 value);
/* Is this a value that XSETBV takes? */
bool guest_xcr0_valid(const struct cpuid_image *image, u64 value);

/* Bytes of an XSAVE area that holds these components, in standard or compacted form. */
u32 guest_xstate_size(const struct cpuid_image *image, u64 components, bool compacted);

#endif

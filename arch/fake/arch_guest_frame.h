/* SPDX-License-Identifier: MIT */
/* Where the memory of VMs is: with all other. */
#ifndef FIRN_FAKE_ARCH_GUEST_FRAME_H
#define FIRN_FAKE_ARCH_GUEST_FRAME_H

#include "core/arch.h"

static inline void *guest_frame(u64 hpa)
{
	return phys_to_virt(hpa);
}

#endif

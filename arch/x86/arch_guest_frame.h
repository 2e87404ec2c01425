/* SPDX-License-Identifier: MIT */
/* Where the memory of VMs is: asked at every access, so it is one addition. */
#ifndef FIRN_X86_ARCH_GUEST_FRAME_H
#define FIRN_X86_ARCH_GUEST_FRAME_H

#include "core/types.h"

extern u64 guest_window; /* virtual minus physical address; new at each boot */

static inline void *guest_frame(u64 hpa)
{
	return (void *)(guest_window + hpa);
}

#endif

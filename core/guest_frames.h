/* SPDX-License-Identifier: MIT */
/*
 * Whose memory is whose: what VMs have is taken out of the direct map, and only the accessors
 * (core/guest_memory.h) find it, by guest_frame(). Implemented by arch/. Any CPU.
 */
#ifndef FIRN_CORE_GUEST_FRAMES_H
#define FIRN_CORE_GUEST_FRAMES_H

#include "core/err.h"

/* Physical memory of pmem's becomes a VM's. Page aligned. ERR_NOMEM leaves it where it was. */
enum firn_err guest_memory_take(u64 hpa, u64 size) __must_check;
/* The same range comes back; the caller has cleared what a guest may have written. */
void guest_memory_return(u64 hpa, u64 size);

#endif

/* SPDX-License-Identifier: MIT */
/* The host clock: TSC frequency, delays. core/arch.h has the functions to read it. */
#ifndef FIRN_X86_CLOCK_H
#define FIRN_X86_CLOCK_H

#include "boot/handover.h"
#include "core/err.h"

/*
 * Measures the TSC frequency (at most 20 ms) and takes over the wall clock. After
 * platform_init(). ERR_NOENT: no timer to measure with and CPUID doesn't know: 1 GHz is assumed.
 */
enum firn_err clock_init(const struct handover *h);

/* Busy wait. Before clock_init() it waits by port accesses, about 1 us each. */
void clock_delay_us(unsigned us);

#endif

/* SPDX-License-Identifier: MIT */
/* The TSC's frequency. Boot CPU, at boot. */
#ifndef FIRN_X86_TSC_CALIBRATE_H
#define FIRN_X86_TSC_CALIBRATE_H

#include "core/types.h"

/* From leaves 15h and 16h; 0 = not there. */
u64 tsc_khz_from_cpuid(void);
/* Against the ACPI PM timer, the HPET or the PIT, in 10 ms; 0 = none works. *timer names it. */
u64 tsc_khz_measure(const char **timer);

#endif

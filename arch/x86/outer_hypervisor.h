/* SPDX-License-Identifier: MIT */
/* The hypervisor that Firn itself runs under. */
#ifndef FIRN_X86_OUTER_HYPERVISOR_H
#define FIRN_X86_OUTER_HYPERVISOR_H

#include "core/types.h"

/*
 * Its name by the signatures in CPUID 4000_0000h, 4000_0100h and so on, of which one hypervisor
 * may have several; "an unknown hypervisor" when none is known. Only where CPUID says that there
 * is one. read stands for the CPUID instruction, out has EAX, EBX, ECX, EDX. Pure.
 */
const char *outer_hypervisor_name(void (*read)(u32 leaf, u32 out[4]));

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine: off or again. Other CPUs have been parked before; this CPU has left
 * VMX operation. Tried in order until one works: EFI ResetSystem(), ACPI, then for a reset port
 * 0xCF9, the keyboard controller and a triple fault.
 */
#ifndef FIRN_X86_POWER_H
#define FIRN_X86_POWER_H

#include "boot/handover.h"

/* Remembers the EFI system table. After paging_init(). */
void machine_power_init(const struct handover *h);

/* When nothing switches the machine off it says so and halts. */
void machine_power_off(void) __noreturn;
void machine_reboot(void) __noreturn;

#endif

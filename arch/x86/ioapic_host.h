/* SPDX-License-Identifier: MIT */
/* The machine's IOAPICs (82093AA, ACPI 5.2.12.3). */
#ifndef FIRN_X86_IOAPIC_HOST_H
#define FIRN_X86_IOAPIC_HOST_H

#include "core/err.h"

/*
 * Finds the IOAPICs (MADT, else the default one) and masks every pin. ERR_NOENT: there is none.
 * Boot CPU.
 */
enum firn_err ioapic_host_init(void);

/*
 * Routes a legacy IRQ (0..15, MADT overrides applied) to a vector of an online CPU, unmasked.
 * ERR_NOENT: no such pin; ERR_RANGE: the CPU's APIC id doesn't fit the 8-bit destination.
 */
enum firn_err ioapic_route_isa(unsigned irq, u8 vector, unsigned cpu);
/* Masks all pins again (power off, reboot). */
void ioapic_mask_all(void);

#endif

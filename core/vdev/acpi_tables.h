/* SPDX-License-Identifier: MIT */
/* The guest's ACPI tables: RSDP, XSDT, FADT, MADT, MCFG, DSDT (ACPI 6.4 chapter 5). */
#ifndef FIRN_VDEV_ACPI_TABLES_H
#define FIRN_VDEV_ACPI_TABLES_H

#include "core/err.h"

struct vm;

/* Enough for the largest number of vCPUs; the RSDP is the first byte. */
#define ACPI_TABLES_MAX 16384

struct acpi_cpus {
	unsigned max; /* that there may be, up to the DSDT's CPU devices */
	u64 present;  /* bit = CPU number = APIC id */
};

/*
 * Builds everything as one piece that belongs at GUEST_ACPI_RSDP. Returns its size, 0 if it does
 * not fit.
 */
size_t acpi_tables_build(const struct acpi_cpus *cpus, u8 *out, size_t size);

/* Puts the tables into the VM's memory. ERR_NOMEM, ERR_RANGE (no RAM there). VM not running. */
enum firn_err acpi_tables_install(struct vm *vm);

#endif

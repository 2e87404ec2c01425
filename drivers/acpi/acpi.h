/* SPDX-License-Identifier: MIT */
/*
 * ACPI table reader: RSDP, RSDT/XSDT, MADT, FADT, HPET, MCFG, SPCR and \_S5 from the DSDT.
 * Tables are outside input: every length is checked, nothing is believed twice. No AML is run.
 */
#ifndef FIRN_DRIVERS_ACPI_H
#define FIRN_DRIVERS_ACPI_H

#include "core/acpi_layout.h"
#include "core/err.h"

#define ACPI_MAX_CPUS	 512
#define ACPI_MAX_IOAPICS 16
#define ACPI_ISA_IRQS	 16
#define ACPI_MAX_ECAM	 8
#define ACPI_TABLE_MAX	 (1u << 20) /* bytes; a longer table is malformed to us */

/* Copies from physical memory; false when that can't be read. */
struct acpi_reader {
	bool (*read)(void *ctx, u64 pa, void *buf, size_t len);
	void *ctx;
};

struct acpi_address { /* Generic Address Structure, 5.2.3.2; address 0 = absent */
	u64 address;
	u8 space; /* enum acpi_space; others are treated as absent */
	u8 bits;
};

struct acpi_ioapic {
	u32 id, address, gsi_base;
};
struct acpi_isa_override { /* identity, edge, active high when not overridden */
	u32 gsi;
	bool level, active_low;
};
struct acpi_ecam {
	u64 base;
	u16 segment;
	u8 first_bus, last_bus;
};

struct acpi_info {
	bool present; /* an RSDP and a root table were read */
	u8 revision;  /* of the RSDP */
	char oem[7];
	unsigned bad_tables; /* skipped because of length, checksum or content */

	/* MADT */
	bool has_madt;
	u64 lapic_address;
	unsigned nr_cpus; /* enabled ones, in table order, without duplicates */
	bool cpus_truncated;
	u32 cpu_apic_id[ACPI_MAX_CPUS];
	unsigned nr_ioapics;
	struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
	struct acpi_isa_override isa[ACPI_ISA_IRQS];

	/* FADT */
	bool has_fadt;
	bool no_8042; /* IAPC_BOOT_ARCH says there is no keyboard controller */
	u16 sci_irq;
	u16 smi_command;
	u8 acpi_enable;
	u32 pm1a_control, pm1b_control; /* I/O ports, 0 = absent */
	u32 pm_timer;			/* I/O port, 0 = absent */
	bool pm_timer_32bit;
	struct acpi_address reset;
	u8 reset_value;
	bool reset_supported;

	/* \_S5: values for SLP_TYP */
	bool has_s5;
	u8 s5_type_a, s5_type_b;

	u64 hpet;		    /* physical base, 0 = none */
	struct acpi_address serial; /* SPCR: 16550-compatible console */
	unsigned nr_ecam;
	struct acpi_ecam ecam[ACPI_MAX_ECAM];
};

/*
 * Fills info from the tables behind rsdp. Broken tables are skipped and counted; what is left
 * has defaults. FIRN_OK when RSDP and root table are good; ERR_NOENT (rsdp 0), ERR_FORMAT or
 * ERR_IO else, with info->present false and defaults in place. Pure but for the reader.
 */
enum firn_err acpi_read(const struct acpi_reader *reader, u64 rsdp, struct acpi_info *info);

/* Finds \_S5's package in a DSDT's or SSDT's AML bytes. Pure; for tests too. */
bool acpi_find_s5(const u8 *aml, size_t len, u8 *type_a, u8 *type_b);

#endif

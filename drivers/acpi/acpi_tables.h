/* SPDX-License-Identifier: MIT */
/* ACPI table layouts (ACPI 6.4, chapter 5; HPET 1.0a 3.2.4; PCI Firmware 3.2 4.1.2; SPCR 1.08). */
#ifndef FIRN_DRIVERS_ACPI_TABLES_H
#define FIRN_DRIVERS_ACPI_TABLES_H

#include "core/types.h"

#define ACPI_SIG(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	u8 checksum;	   /* of the first 20 bytes */
	char oem_id[6];
	u8 revision; /* 0: ends after rsdt */
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP, ACPI 5.2.5.3");
#define ACPI_RSDP_V1_SIZE 20

struct acpi_header {
	u32 signature;
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	u32 creator_id;
	u32 creator_revision;
} __packed;
_Static_assert(sizeof(struct acpi_header) == 36, "table header, ACPI 5.2.6");

struct acpi_gas {
	u8 space, bits, offset, access;
	u64 address;
} __packed;
_Static_assert(sizeof(struct acpi_gas) == 12, "Generic Address Structure, ACPI 5.2.3.2");

struct acpi_madt {
	struct acpi_header header;
	u32 lapic_address;
	u32 flags;
} __packed;

struct acpi_madt_entry {
	u8 type, length;
} __packed;

enum acpi_madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9,
};
#define MADT_CPU_ENABLED BIT(0)

struct acpi_madt_lapic {
	struct acpi_madt_entry entry;
	u8 uid, apic_id;
	u32 flags;
} __packed;

struct acpi_madt_ioapic {
	struct acpi_madt_entry entry;
	u8 id, reserved;
	u32 address, gsi_base;
} __packed;

struct acpi_madt_override {
	struct acpi_madt_entry entry;
	u8 bus, irq;
	u32 gsi;
	u16 flags; /* bits 1:0 polarity, 3:2 trigger mode; 3 = active low, level */
} __packed;
#define MADT_POLARITY(flags) ((flags)&3)
#define MADT_TRIGGER(flags)  ((flags) >> 2 & 3)
#define MADT_ACTIVE_LOW	     3
#define MADT_LEVEL	     3

struct acpi_madt_lapic_address {
	struct acpi_madt_entry entry;
	u16 reserved;
	u64 address;
} __packed;

struct acpi_madt_x2apic {
	struct acpi_madt_entry entry;
	u16 reserved;
	u32 apic_id, flags, uid;
} __packed;

struct acpi_fadt {
	struct acpi_header header;
	u32 firmware_control, dsdt;
	u8 reserved1, profile;
	u16 sci_irq;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control;
	u32 pm_timer, gpe0, gpe1;
	u8 pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	u8 gpe0_length, gpe1_length, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved2;
	u32 flags;
	struct acpi_gas reset;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_revision;
	u64 x_firmware_control, x_dsdt;
} __packed;
_Static_assert(offsetof(struct acpi_fadt, pm_timer) == 76, "FADT, ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "FADT, ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "FADT, ACPI 5.2.9");
#define FADT_V1_SIZE	     116
#define FADT_PM_TIMER_32BIT  BIT(8)
#define FADT_RESET_SUPPORTED BIT(10)
#define FADT_BOOT_8042	     BIT(1) /* valid from table revision 2 on */

struct acpi_hpet {
	struct acpi_header header;
	u32 block_id;
	struct acpi_gas address;
} __packed;

struct acpi_mcfg {
	struct acpi_header header;
	u64 reserved;
} __packed;

struct acpi_mcfg_entry {
	u64 base;
	u16 segment;
	u8 first_bus, last_bus;
	u32 reserved;
} __packed;
_Static_assert(sizeof(struct acpi_mcfg_entry) == 16, "MCFG entry");

struct acpi_spcr {
	struct acpi_header header;
	u8 interface, reserved[3];
	struct acpi_gas address;
} __packed;
#define SPCR_16550	      0
#define SPCR_16550_COMPATIBLE 1

#endif

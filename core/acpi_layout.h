/* SPDX-License-Identifier: MIT */
/*
 * ACPI table layouts (ACPI 6.4, chapter 5; HPET 1.0a 3.2.4; PCI Firmware 3.2 4.1.2; SPCR 1.08): of the
 * machine's tables, which Firn reads, and of those that it makes for guests.
 */
#ifndef FIRN_CORE_ACPI_LAYOUT_H
#define FIRN_CORE_ACPI_LAYOUT_H

#include "core/types.h"

#define ACPI_SIG(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

#define ACPI_RSDP_SIGNATURE "RSD PTR "
struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
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

enum acpi_space {
	ACPI_SPACE_MEMORY = 0,
	ACPI_SPACE_IO = 1
};
#define ACPI_ACCESS_BYTE 1

struct acpi_gas {
	u8 space; /* enum acpi_space, or others */
	u8 bit_width, bit_offset, access_size;
	u64 address;
} __packed;
_Static_assert(sizeof(struct acpi_gas) == 12, "Generic Address Structure, ACPI 5.2.3.2");

struct acpi_madt {
	struct acpi_header header;
	u32 lapic_address;
	u32 flags; /* bit 0: there is a dual 8259 */
} __packed;
_Static_assert(sizeof(struct acpi_madt) == 44, "MADT, ACPI 5.2.12");

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
#define MADT_CPU_ENABLED	BIT(0)
#define MADT_CPU_ONLINE_CAPABLE BIT(1) /* not there, but may come; only without ENABLED */

struct acpi_madt_lapic {
	struct acpi_madt_entry entry;
	u8 uid, apic_id;
	u32 flags;
} __packed;
_Static_assert(sizeof(struct acpi_madt_lapic) == 8, "ACPI 5.2.12.2");

struct acpi_madt_ioapic {
	struct acpi_madt_entry entry;
	u8 id, reserved;
	u32 address, gsi_base;
} __packed;
_Static_assert(sizeof(struct acpi_madt_ioapic) == 12, "ACPI 5.2.12.3");

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
	struct acpi_gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control;
	struct acpi_gas x_pm_timer, x_gpe0, x_gpe1;
	struct acpi_gas sleep_control, sleep_status;
	u64 hypervisor_id;
} __packed;
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT, ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, pm_timer) == 76, "FADT, ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "FADT, ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "FADT, ACPI 5.2.9");
#define FADT_V1_SIZE 116

/* flags */
#define FADT_WBINVD	      BIT(0)
#define FADT_PROC_C1	      BIT(2)
#define FADT_NO_POWER_BUTTON  BIT(4) /* none among the fixed hardware */
#define FADT_NO_SLEEP_BUTTON  BIT(5)
#define FADT_PM_TIMER_32BIT   BIT(8)
#define FADT_RESET_SUPPORTED  BIT(10)
#define FADT_HARDWARE_REDUCED BIT(20)
/* boot_arch */
#define FADT_BOOT_8042	 BIT(1) /* valid from table revision 2 on */
#define FADT_BOOT_NO_VGA BIT(2)
/* c2_latency, c3_latency in us: states with more than that are not supported */
#define FADT_C2_LATENCY_MAX 100
#define FADT_C3_LATENCY_MAX 1000

struct acpi_hpet {
	struct acpi_header header;
	u32 block_id;
	struct acpi_gas address;
} __packed;

struct acpi_mcfg {
	struct acpi_header header;
	u64 reserved;
} __packed; /* entries follow */

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

/* SPDX-License-Identifier: MIT */
/* Guest-physical address map of every VM: where RAM, firmware tables and devices are. */
#ifndef FIRN_CORE_GUEST_LAYOUT_H
#define FIRN_CORE_GUEST_LAYOUT_H

#include "core/types.h"

/* RAM below 1 MiB as on a PC: conventional memory, then EBDA, video and firmware (reserved). */
#define GUEST_LOW_RAM_END 0x9fc00ull
#define GUEST_HIGH_RAM	  0x100000ull /* extended memory starts here */

/* ACPI tables are copied into [GUEST_ACPI_START, GUEST_ACPI_END) (ACPI 6.4, 5.2.5.1). */
#define GUEST_ACPI_START 0xe0000ull
#define GUEST_ACPI_RSDP	 0xf0000ull
#define GUEST_ACPI_END	 0x100000ull
/* F000:FFF0, where a PC's BIOS begins; behind the tables. */
#define GUEST_RESET_VECTOR 0xffff0ull

/* RAM that does not fit below the hole for devices continues at 4 GiB. */
#define GUEST_HOLE_START 0xc0000000ull
#define GUEST_HOLE_END	 0x100000000ull

#define GUEST_PCI_MMIO_START 0xc0000000ull
#define GUEST_PCI_MMIO_END   0xe0000000ull
#define GUEST_ECAM_BASE	     0xe0000000ull
#define GUEST_ECAM_SIZE	     0x100000ull /* bus 0 */
#define GUEST_IOAPIC_BASE    0xfec00000ull
#define GUEST_LAPIC_BASE     0xfee00000ull

/* RAM below the hole, from address 0, and above 4 GiB, for a VM with so many bytes of memory. */
static inline u64 guest_ram_below_hole(u64 memory)
{
	return MIN(memory, GUEST_HOLE_START);
}
static inline u64 guest_ram_above_4g(u64 memory)
{
	return memory - guest_ram_below_hole(memory);
}

_Static_assert(GUEST_ACPI_RSDP % 16 == 0, "the RSDP is searched on 16-byte boundaries");

#endif

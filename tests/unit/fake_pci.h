/* SPDX-License-Identifier: MIT */
/* A machine's configuration space for tests: functions with BARs and capabilities, and device memory. */
#ifndef FIRN_TESTS_FAKE_PCI_H
#define FIRN_TESTS_FAKE_PCI_H

#include "drivers/pci/pci_internal.h"

#define FAKE_MAX_FUNCTIONS 64

struct fake_function {
	struct pci_address address;
	u8 config[4096];
	u32 bar_mask[HOST_PCI_BARS]; /* bits that software can write */
	bool sized;		     /* a BAR was written */
	bool sized_while_decoding;
	unsigned intx_disables; /* writes that set the bit */
};

/* An empty segment 0 of 256 buses, four CPUs with APIC ids 0..3, no memory mapped. */
void fake_pci_reset(void);
void fake_pci_set_ranges(const struct pci_range *ranges, unsigned count);
/* A function with a type-0 header, not multifunction. */
struct fake_function *fake_pci_add(u8 bus, u8 device, u8 function, u16 vendor, u16 device_id,
				   u32 class_code);
/* Makes it a bridge to these buses. */
void fake_pci_make_bridge(struct fake_function *f, u8 secondary, u8 subordinate);
/* value with the type bits, mask with the writable bits; 64-bit ones take two. */
void fake_pci_set_bar(struct fake_function *f, unsigned i, u32 value, u32 mask);
/* Puts an entry into the list at offset, in front of what is there; body follows the two bytes. */
void fake_pci_add_cap(struct fake_function *f, u8 offset, u8 id, const void *body, size_t len);
u32 fake_pci_get(const struct fake_function *f, unsigned offset, unsigned width);
void fake_pci_put(struct fake_function *f, unsigned offset, u32 value, unsigned width);
/* Every address answers as this one does; NULL = no more. */
extern struct fake_function *fake_pci_everywhere;

/* Scans anew; pci_first() is the result. */
void fake_pci_scan(void);

/* What mmio_map() gives for this range, zeroed; elsewhere it fails. */
u8 *fake_pci_memory(u64 pa, size_t len);
/* How often it gave that since then. */
unsigned fake_pci_mappings(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Base address registers: what they decode and how large that is (PCI 3.0 6.2.5.1). */
#include "core/log.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/pci_internal.h"

#define BAR_OFFSET(i)	 (offsetof(struct pci_header, bar) + 4 * (i))
#define COMMAND		 offsetof(struct pci_header, command)
#define BRIDGE_BARS	 2
#define ALL_ONES	 0xffffffffu
#define CLASS_DISPLAY	 0x03
#define CLASS_BRIDGE	 0x06
#define CLASS_SERIAL	 PCI_CLASS(0x07, 0x00, 0x00)
#define CLASS_IS(fn, c)	 (((fn)->class_code & ~0xffu) == (c))
#define IO_DECODED_BY_16 0xffff0000u /* may read as 0 above the ports there are */

struct registers {
	unsigned count;
	bool sized;
	u32 value[HOST_PCI_BARS], mask[HOST_PCI_BARS];
};

/* While a BAR is sized it decodes nothing: consoles must go on, and what is behind a bridge. */
static bool may_stop_decoding(const struct host_pci *fn)
{
	u8 base = PCI_CLASS_BASE(fn->class_code);

	return fn->header_type == PCI_HEADER_TYPE_DEVICE && base != CLASS_BRIDGE &&
	       base != CLASS_DISPLAY && !CLASS_IS(fn, CLASS_SERIAL);
}

static void read_registers(const struct host_pci *fn, struct registers *r)
{
	struct pci_address a = fn->address;
	u16 command = pci_read16(a, COMMAND);

	r->count = fn->header_type == PCI_HEADER_TYPE_DEVICE ? HOST_PCI_BARS : BRIDGE_BARS;
	r->sized = may_stop_decoding(fn);
	for (unsigned i = 0; i < r->count; i++)
		r->value[i] = pci_read32(a, BAR_OFFSET(i));
	if (!r->sized)
		return;
	pci_write16(a, COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (unsigned i = 0; i < r->count; i++) {
		pci_write32(a, BAR_OFFSET(i), ALL_ONES);
		r->mask[i] = pci_read32(a, BAR_OFFSET(i));
		pci_write32(a, BAR_OFFSET(i), r->value[i]);
	}
	pci_write16(a, COMMAND, command);
}

/* The mask has ones from the size's bit on, up to the top. */
static bool set_size(struct host_bar *bar, u64 mask)
{
	bar->size = -mask;
	return mask && !(bar->size & (bar->size - 1));
}

static bool decode_ports(struct host_bar *bar, const struct registers *r, unsigned i)
{
	u32 mask = r->mask[i] & ~PCI_BAR_IO_FLAGS;

	bar->type = PCI_BAR_PORTS;
	bar->address = r->value[i] & ~PCI_BAR_IO_FLAGS;
	if (!r->sized)
		return true;
	if (!(mask & IO_DECODED_BY_16))
		mask |= IO_DECODED_BY_16;
	return r->mask[i] & ~PCI_BAR_IO_FLAGS && set_size(bar, (u64)ALL_ONES << 32 | mask);
}

static bool decode_memory(struct host_bar *bar, const struct registers *r, unsigned i)
{
	u64 value = r->value[i], mask = (u64)ALL_ONES << 32 | r->mask[i];
	bool wide = (value & PCI_BAR_TYPE) == PCI_BAR_64BIT;

	if ((value & PCI_BAR_TYPE) == PCI_BAR_TYPE_RESERVED || (wide && i + 1 == r->count))
		return false;
	if (wide) {
		value |= (u64)r->value[i + 1] << 32;
		mask = (u64)r->mask[i + 1] << 32 | r->mask[i];
	}
	bar->type = wide ? PCI_BAR_MEMORY_64 : PCI_BAR_MEMORY_32;
	bar->address = value & ~(u64)PCI_BAR_FLAGS;
	bar->prefetchable = value & PCI_BAR_PREFETCHABLE;
	return !r->sized || (r->mask[i] && set_size(bar, mask & ~(u64)PCI_BAR_FLAGS));
}

static bool decode(struct host_bar *bar, const struct registers *r, unsigned i)
{
	return r->value[i] & PCI_BAR_IO ? decode_ports(bar, r, i) : decode_memory(bar, r, i);
}

void pci_read_bars(struct host_pci *fn)
{
	struct registers r = { 0 };

	read_registers(fn, &r);
	for (unsigned i = 0; i < r.count; i++) {
		struct host_bar *bar = &fn->bar[i];

		if (!r.value[i] && !r.mask[i])
			continue;
		if (!decode(bar, &r, i)) {
			log_warn("pci: " PCI_ADDRESS_FORMAT ": BAR %u is malformed: 0x%08x, mask "
				 "0x%08x",
				 PCI_ADDRESS(fn->address), i, r.value[i], r.mask[i]);
			*bar = (struct host_bar){ 0 };
		}
		i += bar->type == PCI_BAR_MEMORY_64;
	}
}

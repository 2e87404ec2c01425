/* SPDX-License-Identifier: MIT */
/* Capability lists (PCI 3.0 6.7, PCIe 7.9). They are the device's word: each walk has an end. */
#include "core/log.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/pci_internal.h"

#define STATUS	      offsetof(struct pci_header, status)
#define CAPABILITIES  offsetof(struct pci_header, capabilities)
#define POINTER_MASK  0xfcu /* the low bits are reserved */
#define ID_ABSENT     0xff
#define HEADER_ABSENT 0xffffffffu
/* As many as fit without overlapping. */
#define MAX_CAPABILITIES ((PCI_CONFIG_SIZE - PCI_CAP_FIRST) / 4)
#define MAX_EXTENDED	 ((PCIE_CONFIG_SIZE - PCIE_EXT_CAP_FIRST) / 8)

/* Calls visit for each until it returns true; true at the end of a sound list or of the visit. */
static bool walk(const struct host_pci *fn, bool (*visit)(unsigned offset, u8 id, void *arg),
		 void *arg)
{
	unsigned offset;

	if (fn->header_type > PCI_HEADER_TYPE_BRIDGE ||
	    !(pci_read16(fn->address, STATUS) & PCI_STATUS_CAPABILITIES))
		return true;
	offset = pci_read8(fn->address, CAPABILITIES) & POINTER_MASK;
	for (unsigned i = 0; i < MAX_CAPABILITIES && offset; i++) {
		u16 header;

		if (offset < PCI_CAP_FIRST)
			return false;
		header = pci_read16(fn->address, offset);
		if ((header & 0xff) == ID_ABSENT)
			return false;
		if (visit(offset, header, arg))
			return true;
		offset = header >> 8 & POINTER_MASK;
	}
	return !offset;
}

struct wanted {
	u8 id;
	unsigned after; /* 0: that one was there already */
	unsigned offset;
};

static bool is_wanted(unsigned offset, u8 id, void *arg)
{
	struct wanted *wanted = arg;

	if (!wanted->after && id == wanted->id)
		wanted->offset = offset;
	if (offset == wanted->after)
		wanted->after = 0;
	return wanted->offset;
}

unsigned pci_next_capability(const struct host_pci *fn, unsigned after, u8 id)
{
	struct wanted wanted = { .id = id, .after = after };

	walk(fn, is_wanted, &wanted);
	return wanted.offset;
}

unsigned pci_find_capability(const struct host_pci *fn, u8 id)
{
	return pci_next_capability(fn, 0, id);
}

unsigned pci_find_extended(const struct host_pci *fn, u16 id)
{
	unsigned offset = PCIE_EXT_CAP_FIRST;

	if (!fn->express)
		return 0;
	for (unsigned i = 0; i < MAX_EXTENDED && offset >= PCIE_EXT_CAP_FIRST; i++) {
		u32 header = pci_read32(fn->address, offset);

		if (!header || header == HEADER_ABSENT)
			return 0;
		if (PCIE_EXT_CAP_ID(header) == id)
			return offset;
		offset = PCIE_EXT_CAP_NEXT(header);
	}
	return 0;
}

static void set_first(u8 *field, unsigned offset)
{
	if (!*field)
		*field = offset;
}

static bool note(unsigned offset, u8 id, void *arg)
{
	struct host_pci *fn = arg;

	if (id == PCI_CAP_ID_MSI)
		set_first(&fn->msi, offset);
	else if (id == PCI_CAP_ID_MSIX)
		set_first(&fn->msix, offset);
	else if (id == PCI_CAP_ID_EXPRESS)
		set_first(&fn->express, offset);
	return false;
}

static u16 control_of(const struct host_pci *fn, unsigned offset)
{
	return pci_read16(fn->address, offset + offsetof(struct pci_cap_msi, control));
}
_Static_assert(offsetof(struct pci_cap_msi, control) == offsetof(struct pci_cap_msix, control),
	       "PCI 3.0 6.8.1, 6.8.2");

void pci_read_capabilities(struct host_pci *fn)
{
	if (!walk(fn, note, fn))
		log_warn("pci: " PCI_ADDRESS_FORMAT ": the list of capabilities is broken",
			 PCI_ADDRESS(fn->address));
	if (fn->msi)
		fn->msi_vectors = 1 << MIN(MSI_CONTROL_CAPABLE(control_of(fn, fn->msi)),
					   MSI_CONTROL_CAPABLE_MAX);
	if (fn->msix)
		fn->msix_vectors = MSIX_CONTROL_COUNT(control_of(fn, fn->msix));
}

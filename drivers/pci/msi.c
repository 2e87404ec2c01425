/* SPDX-License-Identifier: MIT */
/* MSI: address and data in configuration space. */
#include "drivers/pci/msi.h"

#include "core/vdev/pci_regs.h"

#define CONTROL offsetof(struct pci_cap_msi, control)
#define ADDRESS offsetof(struct pci_cap_msi, address)
#define COMMAND offsetof(struct pci_header, command)

/* MSI is off: the parts of a message are written one by one. */
static void set_message(const struct host_pci *fn, u16 control, struct msi_message message)
{
	bool wide = control & MSI_CONTROL_64BIT;

	pci_write32(fn->address, fn->msi + ADDRESS, message.address);
	if (wide)
		pci_write32(fn->address, fn->msi + MSI_ADDRESS_HIGH, message.address >> 32);
	pci_write16(fn->address, fn->msi + MSI_DATA(wide), message.data);
}

enum firn_err pci_msi_enable(struct pci_msi *msi, struct host_pci *fn, unsigned cpu,
			     struct interrupt *interrupt)
{
	enum firn_err err;
	u16 control;

	*msi = (struct pci_msi){ .fn = fn, .cpu = cpu };
	if (!fn->msi)
		return ERR_UNSUPPORTED;
	err = vector_alloc(cpu, interrupt, &msi->vector);
	if (err)
		return err;
	control = pci_read16(fn->address, fn->msi + CONTROL);
	control &= ~(MSI_CONTROL_ENABLE | MSI_CONTROL_VECTORS);
	pci_write16(fn->address, fn->msi + CONTROL, control);
	set_message(fn, control, vector_message(cpu, msi->vector));
	pci_write16(fn->address, COMMAND,
		    pci_read16(fn->address, COMMAND) | PCI_COMMAND_INTX_DISABLE);
	pci_write16(fn->address, fn->msi + CONTROL, control | MSI_CONTROL_ENABLE);
	return FIRN_OK;
}

void pci_msi_disable(struct pci_msi *msi)
{
	u16 control;

	if (!msi->vector)
		return;
	control = pci_read16(msi->fn->address, msi->fn->msi + CONTROL);
	pci_write16(msi->fn->address, msi->fn->msi + CONTROL, control & ~MSI_CONTROL_ENABLE);
	vector_free(msi->cpu, msi->vector);
	msi->vector = 0;
}

/* SPDX-License-Identifier: MIT */
/* The list of functions, and whose they are. */
#include "drivers/pci/pci.h"

#include "arch/x86/platform.h"
#include "core/log.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/pci_internal.h"

#define COMMAND offsetof(struct pci_header, command)

static struct host_pci *functions;

struct host_pci *pci_first(void)
{
	return functions;
}

void pci_init(const struct handover *h)
{
	struct host_pci **tail = &functions;
	unsigned nr_ranges, count = 0;
	const struct pci_range *ranges = pci_find_ranges(platform_acpi(), h, &nr_ranges);

	for (unsigned i = 0; i < nr_ranges; i++)
		tail = pci_scan(&ranges[i], tail, &count);
	log_info("pci: %u functions, configuration by %s", count,
		 ranges[0].ecam ? "ECAM" : "ports 0xcf8 and 0xcfc");
}

struct host_pci *pci_find(struct host_pci *prev, u16 vendor_id, u16 device_id)
{
	struct host_pci *fn = prev ? prev->next : functions;

	while (fn && (fn->vendor_id != vendor_id || fn->device_id != device_id))
		fn = fn->next;
	return fn;
}

enum firn_err pci_claim(struct host_pci *fn, const char *owner)
{
	const char *none = NULL;

	if (!__atomic_compare_exchange_n(&fn->owner, &none, owner, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return ERR_STATE;
	return FIRN_OK;
}

static void change_command(struct host_pci *fn, u16 clear, u16 set)
{
	u16 command = pci_read16(fn->address, COMMAND);

	pci_write16(fn->address, COMMAND, (command & ~clear) | set);
}

void pci_enable(struct host_pci *fn)
{
	change_command(fn, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
}

void pci_stop_dma(struct host_pci *fn)
{
	change_command(fn, PCI_COMMAND_BUS_MASTER, 0);
}

void pci_release(struct host_pci *fn)
{
	change_command(fn, PCI_COMMAND_BUS_MASTER, PCI_COMMAND_INTX_DISABLE);
	__atomic_store_n(&fn->owner, NULL, __ATOMIC_RELEASE);
}

void *pci_map_bar(const struct host_pci *fn, unsigned i, enum mmio_type type)
{
	const struct host_bar *bar;

	if (i >= HOST_PCI_BARS)
		return NULL;
	bar = &fn->bar[i];
	if (bar->type < PCI_BAR_MEMORY_32 || !bar->address || !bar->size)
		return NULL;
	return mmio_map(bar->address, bar->size, type);
}

/* SPDX-License-Identifier: MIT */
/*
 * A function's configuration space of any content: scanning ends, and what is believed of it is
 * within bounds. The first byte says which of its bytes can be written.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/platform.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/msix.h"
#include "drivers/pci/pci_internal.h"

#define LAST_BUS 3 /* a few, to be quick */

struct cpu cpus[MAX_CPUS];
static u8 config[PCIE_CONFIG_SIZE];
static u8 writable;

static bool answers(struct pci_address a, unsigned offset)
{
	return a.device == 0 && a.bus <= LAST_BUS && offset < sizeof(config);
}

static u32 read(struct pci_address a, unsigned offset, unsigned width)
{
	u32 value = ~0u;

	if (answers(a, offset) && offset % width == 0)
		memcpy(&value, &config[offset], width);
	return value;
}

static void write(struct pci_address a, unsigned offset, u32 value, unsigned width)
{
	for (unsigned i = 0; i < width && answers(a, offset + i); i++)
		if (writable & 1 << (offset + i) % 8)
			config[offset + i] = value >> 8 * i;
}

#include "tests/unit/fake_pci_access.h"

const struct acpi_info *platform_acpi(void)
{
	return NULL;
}

const struct pci_range *pci_find_ranges(const struct acpi_info *acpi, const struct handover *h,
					unsigned *count)
{
	static const struct pci_range range = { .last_bus = LAST_BUS };

	(void)acpi;
	(void)h;
	*count = 1;
	return &range;
}

/* As long as was asked for: the sanitizer watches the ends. */
static u8 *device_memory;
void *mmio_map(u64 pa, size_t len, enum mmio_type type)
{
	(void)type;
	if (!pa || pa > ~0ull - len || len > MiB)
		return NULL;
	free(device_memory);
	device_memory = calloc(1, len);
	return device_memory;
}

static void check(struct host_pci *fn)
{
	struct pci_msix msix;

	for (unsigned i = 0; i < HOST_PCI_BARS; i++)
		if (fn->bar[i].size & (fn->bar[i].size - 1))
			abort();
	if (fn->secondary_bus &&
	    (fn->secondary_bus <= fn->address.bus || fn->subordinate_bus < fn->secondary_bus))
		abort();
	if (fn->msi_vectors > 32 || fn->msix_vectors > 2048)
		abort();
	if (pci_find_extended(fn, PCIE_EXT_CAP_ID_SRIOV) > PCIE_CONFIG_SIZE - 4 ||
	    pci_find_capability(fn, PCI_CAP_ID_VENDOR) > PCI_CONFIG_SIZE - 4)
		abort();
	if (pci_msix_enable(&msix, fn) == FIRN_OK)
		pci_msix_disable(&msix);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct host_pci *fn, *next, *tail = NULL;
	struct host_pci **end = &tail;
	unsigned count = 0, nr_ranges;

	if (!size)
		return 0;
	writable = data[0];
	memset(config, 0, sizeof(config));
	memcpy(config, data + 1, size - 1 < sizeof(config) ? size - 1 : sizeof(config));
	pci_scan(pci_find_ranges(NULL, NULL, &nr_ranges), end, &count);
	if (count > (LAST_BUS + 1) * PCI_DEVICE_FUNCTIONS)
		abort();
	for (fn = tail; fn; fn = next) {
		next = fn->next;
		check(fn);
		free(fn);
	}
	return 0;
}

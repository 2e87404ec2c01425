/* SPDX-License-Identifier: MIT */
/* Configuration space and device memory for tests of drivers/pci. */
#include "fake_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpu.h"
#include "arch/x86/platform.h"
#include "core/vdev/pci_regs.h"
#include "fake.h"

#define COMMAND	  offsetof(struct pci_header, command)
#define FIRST_BAR offsetof(struct pci_header, bar)
#define DECODING  (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct cpu cpus[MAX_CPUS];
struct fake_function *fake_pci_everywhere;

static struct fake_function functions[FAKE_MAX_FUNCTIONS];
static unsigned nr_functions, nr_ranges;
static struct pci_range ranges[ACPI_MAX_ECAM + 1];
static struct {
	u64 pa;
	size_t len;
	u8 *bytes;
	unsigned mappings;
} memory;

void fake_pci_reset(void)
{
	fake_reset();
	fake_set_nr_cpus(4);
	for (unsigned i = 0; i < 4; i++)
		cpus[i].apic_id = i;
	memset(functions, 0, sizeof(functions));
	nr_functions = 0;
	fake_pci_everywhere = NULL;
	fake_pci_set_ranges(&(struct pci_range){ .last_bus = 255 }, 1);
	free(memory.bytes);
	memset(&memory, 0, sizeof(memory));
}

void fake_pci_set_ranges(const struct pci_range *r, unsigned count)
{
	memcpy(ranges, r, count * sizeof(*r));
	nr_ranges = count;
}

const struct pci_range *pci_find_ranges(const struct acpi_info *acpi, const struct handover *h,
					unsigned *count)
{
	(void)acpi;
	(void)h;
	*count = nr_ranges;
	return ranges;
}

const struct acpi_info *platform_acpi(void)
{
	return NULL;
}

struct fake_function *fake_pci_add(u8 bus, u8 device, u8 function, u16 vendor, u16 device_id,
				   u32 class_code)
{
	struct fake_function *f = &functions[nr_functions++];

	assert_in_range(nr_functions, 1, FAKE_MAX_FUNCTIONS);
	f->address = (struct pci_address){ 0, bus, device, function };
	fake_pci_put(f, offsetof(struct pci_header, vendor_id), vendor, 2);
	fake_pci_put(f, offsetof(struct pci_header, device_id), device_id, 2);
	fake_pci_put(f, offsetof(struct pci_header, revision_id), class_code << 8 | 1, 4);
	fake_pci_put(f, COMMAND, DECODING, 2);
	return f;
}

void fake_pci_make_bridge(struct fake_function *f, u8 secondary, u8 subordinate)
{
	f->config[offsetof(struct pci_header, header_type)] |= PCI_HEADER_TYPE_BRIDGE;
	f->config[offsetof(struct pci_bridge_header, secondary_bus)] = secondary;
	f->config[offsetof(struct pci_bridge_header, subordinate_bus)] = subordinate;
}

void fake_pci_set_bar(struct fake_function *f, unsigned i, u32 value, u32 mask)
{
	fake_pci_put(f, FIRST_BAR + 4 * i, value, 4);
	f->bar_mask[i] = mask;
}

void fake_pci_add_cap(struct fake_function *f, u8 offset, u8 id, const void *body, size_t len)
{
	u8 *first = &f->config[offsetof(struct pci_header, capabilities)];

	f->config[offsetof(struct pci_header, status)] |= PCI_STATUS_CAPABILITIES;
	f->config[offset] = id;
	f->config[offset + 1] = *first;
	memcpy(&f->config[offset + 2], body, len);
	*first = offset;
}

u32 fake_pci_get(const struct fake_function *f, unsigned offset, unsigned width)
{
	u32 value = 0;

	memcpy(&value, &f->config[offset], width);
	return value;
}

void fake_pci_put(struct fake_function *f, unsigned offset, u32 value, unsigned width)
{
	memcpy(&f->config[offset], &value, width);
}

static struct fake_function *find(struct pci_address a)
{
	for (unsigned i = 0; i < nr_functions; i++)
		if (memcmp(&functions[i].address, &a, sizeof(a)) == 0)
			return &functions[i];
	return fake_pci_everywhere;
}

static u32 read(struct pci_address a, unsigned offset, unsigned width)
{
	const struct fake_function *f = find(a);

	assert_true(offset % width == 0);
	return f && offset < sizeof(f->config) ? fake_pci_get(f, offset, width) : ~0u;
}

static void write_bar(struct fake_function *f, unsigned i, u32 value)
{
	u32 fixed = fake_pci_get(f, FIRST_BAR + 4 * i, 4) & ~f->bar_mask[i];

	f->sized = true;
	f->sized_while_decoding |= fake_pci_get(f, COMMAND, 2) & DECODING;
	fake_pci_put(f, FIRST_BAR + 4 * i, fixed | (value & f->bar_mask[i]), 4);
}

static void write(struct pci_address a, unsigned offset, u32 value, unsigned width)
{
	struct fake_function *f = find(a);
	bool is_device =
		f && !(f->config[offsetof(struct pci_header, header_type)] & PCI_HEADER_TYPE_MASK);

	assert_true(offset % width == 0);
	if (!f || offset >= sizeof(f->config))
		return;
	if (is_device && offset >= FIRST_BAR && offset < FIRST_BAR + 4 * HOST_PCI_BARS) {
		assert_int_equal(width, 4);
		write_bar(f, (offset - FIRST_BAR) / 4, value);
		return;
	}
	f->intx_disables += offset == COMMAND && value & PCI_COMMAND_INTX_DISABLE;
	fake_pci_put(f, offset, value, width);
}

#include "tests/unit/fake_pci_access.h"

/* Unlike in Firn, where it happens once. */
void fake_pci_scan(void)
{
	for (struct host_pci *fn = pci_first(), *next; fn; fn = next) {
		next = fn->next;
		free(fn);
	}
	pci_init(NULL);
}

u8 *fake_pci_memory(u64 pa, size_t len)
{
	free(memory.bytes);
	memory.pa = pa;
	memory.len = len;
	memory.mappings = 0;
	memory.bytes = calloc(1, len);
	return memory.bytes;
}

void *mmio_map(u64 pa, size_t len, enum mmio_type type)
{
	(void)type;
	if (pa < memory.pa || pa - memory.pa > memory.len || len > memory.len - (pa - memory.pa))
		return NULL;
	memory.mappings++;
	return memory.bytes + (pa - memory.pa);
}

unsigned fake_pci_mappings(void)
{
	return memory.mappings;
}

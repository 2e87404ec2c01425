/* SPDX-License-Identifier: MIT */
/* Access to configuration space: ECAM (PCIe 7.2.2), else configuration mechanism 1 (PCI 3.0 3.2.2.3.2). */
#include "arch/x86/x86.h"
#include "core/log.h"
#include "core/spinlock.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/pci_internal.h"

#define ECAM_SIZE(buses) ((u64)(buses) << PCI_ECAM_BUS_SHIFT)

static struct pci_range ranges[ACPI_MAX_ECAM + 1];
static unsigned nr_ranges;
static struct spinlock port_lock; /* address and data belong together */

static bool overlaps_range(const struct acpi_ecam *e)
{
	for (unsigned i = 0; i < nr_ranges; i++)
		if (ranges[i].segment == e->segment && e->first_bus <= ranges[i].last_bus &&
		    ranges[i].first_bus <= e->last_bus)
			return true;
	return false;
}

/* Sizing writes to BARs: in RAM that a wrong table points to, that would be anything. */
static bool overlaps_ram(const struct handover *h, u64 base, u64 size)
{
	for (u32 i = 0; i < h->nr_memory; i++) {
		const struct handover_memory *m = &h->memory[i];

		if (m->type != HANDOVER_MEM_RESERVED && base < m->base + m->size &&
		    m->base < base + size)
			return true;
	}
	return false;
}

/* The table has the address that bus 0 would have (PCI Firmware 3.2, 4.1.2). */
static const char *add_ecam(const struct acpi_ecam *e, const struct handover *h)
{
	struct pci_range *r = &ranges[nr_ranges];
	u64 size = ECAM_SIZE(e->last_bus - e->first_bus + 1), base;

	if (__builtin_add_overflow(e->base, ECAM_SIZE(e->first_bus), &base) || base > ~0ull - size)
		return "is beyond the address space";
	if (!IS_ALIGNED(e->base, ECAM_SIZE(1)))
		return "is not aligned";
	if (overlaps_range(e))
		return "has buses of another range";
	if (overlaps_ram(h, base, size))
		return "is in RAM";
	r->ecam = mmio_map(base, size, MMIO_UC);
	if (!r->ecam)
		return "cannot be mapped";
	r->segment = e->segment;
	r->first_bus = e->first_bus;
	r->last_bus = e->last_bus;
	nr_ranges++;
	return NULL;
}

static bool has_segment_0(void)
{
	for (unsigned i = 0; i < nr_ranges; i++)
		if (ranges[i].segment == 0)
			return true;
	return false;
}

const struct pci_range *pci_find_ranges(const struct acpi_info *acpi, const struct handover *h,
					unsigned *count)
{
	nr_ranges = 0;
	for (unsigned i = 0; i < acpi->nr_ecam; i++) {
		const struct acpi_ecam *e = &acpi->ecam[i];
		const char *why = add_ecam(e, h);

		if (why)
			log_warn("pci: MCFG: segment %u, buses 0x%02x-0x%02x at 0x%llx: %s; left "
				 "out",
				 e->segment, e->first_bus, e->last_bus, (unsigned long long)e->base,
				 why);
	}
	if (!has_segment_0())
		ranges[nr_ranges++] = (struct pci_range){ .last_bus = PCI_BUSES - 1 };
	*count = nr_ranges;
	return ranges;
}

static const struct pci_range *find_range(struct pci_address a)
{
	for (unsigned i = 0; i < nr_ranges; i++)
		if (ranges[i].segment == a.segment && a.bus >= ranges[i].first_bus &&
		    a.bus <= ranges[i].last_bus)
			return &ranges[i];
	return NULL;
}

/* The data port of the register; port_lock is held. */
static u16 select_port(struct pci_address a, unsigned offset)
{
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE | a.bus << PCI_CONFIG_BUS_SHIFT |
					 a.device << PCI_CONFIG_DEVICE_SHIFT |
					 a.function << PCI_CONFIG_FUNCTION_SHIFT | (offset & 0xfc));
	return PCI_CONFIG_DATA + (offset & 3);
}

static volatile void *ecam_register(const struct pci_range *r, struct pci_address a,
				    unsigned offset)
{
	return r->ecam + (ECAM_SIZE(a.bus - r->first_bus) | a.device << PCI_ECAM_DEVICE_SHIFT |
			  a.function << PCI_ECAM_FUNCTION_SHIFT | offset);
}

static bool reachable(const struct pci_range *r, struct pci_address a, unsigned offset,
		      unsigned width)
{
	unsigned size = r && r->ecam ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;

	return r && a.device < PCI_DEVICES && a.function < PCI_DEVICE_FUNCTIONS && offset < size &&
	       IS_ALIGNED(offset, width);
}

/* AMD's processors need AL, AX or EAX and a plain MOV for ECAM (BKDG family 10h 2.11.1). */
#define DEFINE_ACCESS(bits, suffix, in, out)                                            \
	u##bits pci_read##bits(struct pci_address a, unsigned offset)                   \
	{                                                                               \
		const struct pci_range *r = find_range(a);                              \
		u##bits value = (u##bits) ~0ull;                                        \
                                                                                        \
		if (!reachable(r, a, offset, (bits) / 8))                               \
			return value;                                                   \
		if (r->ecam) {                                                          \
			__asm__ volatile("mov" suffix " (%1), %0"                       \
					 : "=a"(value)                                  \
					 : "r"(ecam_register(r, a, offset))             \
					 : "memory");                                   \
			return value;                                                   \
		}                                                                       \
		spin_lock(&port_lock);                                                  \
		value = in(select_port(a, offset));                                     \
		spin_unlock(&port_lock);                                                \
		return value;                                                           \
	}                                                                               \
                                                                                        \
	void pci_write##bits(struct pci_address a, unsigned offset, u##bits value)      \
	{                                                                               \
		const struct pci_range *r = find_range(a);                              \
                                                                                        \
		if (!reachable(r, a, offset, (bits) / 8))                               \
			return;                                                         \
		if (r->ecam) {                                                          \
			__asm__ volatile("mov" suffix " %0, (%1)"                       \
					 :                                              \
					 : "a"(value), "r"(ecam_register(r, a, offset)) \
					 : "memory");                                   \
			return;                                                         \
		}                                                                       \
		spin_lock(&port_lock);                                                  \
		out(select_port(a, offset), value);                                     \
		spin_unlock(&port_lock);                                                \
	}

DEFINE_ACCESS(8, "b", inb, outb)
DEFINE_ACCESS(16, "w", inw, outw)
DEFINE_ACCESS(32, "l", inl, outl)

/* SPDX-License-Identifier: MIT */
/* The machine's IOAPICs: every pin masked but those that a driver asked for. */
#include "arch/x86/ioapic_host.h"

#include "arch/x86/cpu.h"
#include "arch/x86/ioapic_regs.h"
#include "arch/x86/msi.h"
#include "arch/x86/paging.h"
#include "arch/x86/platform.h"
#include "core/log.h"

#define DEFAULT_ADDRESS 0xfec00000u
#define IOAPIC_SIZE	0x20
#define VERSION_ABSENT	0xffffffffu

struct io_apic {
	volatile u32 *registers;
	u32 gsi_base, pins;
};
static struct io_apic io_apics[ACPI_MAX_IOAPICS];
static unsigned nr_io_apics;

static u32 read(const struct io_apic *io, u32 reg)
{
	io->registers[IOREGSEL / 4] = reg;
	return io->registers[IOWIN / 4];
}

static void write(const struct io_apic *io, u32 reg, u32 value)
{
	io->registers[IOREGSEL / 4] = reg;
	io->registers[IOWIN / 4] = value;
}

static void mask_pins(const struct io_apic *io)
{
	for (u32 pin = 0; pin < io->pins; pin++) {
		write(io, IOREDTBL(pin), RTE_MASKED);
		write(io, IOREDTBL(pin) + 1, 0);
	}
}

static void add(u64 address, u32 gsi_base)
{
	struct io_apic *io = &io_apics[nr_io_apics];
	u32 version;

	io->registers = mmio_map(address, IOAPIC_SIZE, MMIO_UC);
	if (!io->registers)
		return;
	version = read(io, IOAPICVER);
	if (version == VERSION_ABSENT || version == 0)
		return;
	io->gsi_base = gsi_base;
	io->pins = (version >> IOAPICVER_MAX_PIN_SHIFT & IOAPICVER_MAX_PIN_MASK) + 1;
	mask_pins(io);
	log_debug("ioapic: 0x%lx, GSI %u to %u", (unsigned long)address, gsi_base,
		  gsi_base + io->pins - 1);
	nr_io_apics++;
}

enum firn_err ioapic_host_init(void)
{
	const struct acpi_info *acpi = platform_acpi();

	for (unsigned i = 0; i < acpi->nr_ioapics; i++)
		add(acpi->ioapic[i].address, acpi->ioapic[i].gsi_base);
	if (!acpi->has_madt)
		add(DEFAULT_ADDRESS, 0);
	return nr_io_apics ? FIRN_OK : ERR_NOENT;
}

void ioapic_mask_all(void)
{
	for (unsigned i = 0; i < nr_io_apics; i++)
		mask_pins(&io_apics[i]);
}

static const struct io_apic *find(u32 gsi)
{
	for (unsigned i = 0; i < nr_io_apics; i++)
		if (gsi >= io_apics[i].gsi_base && gsi - io_apics[i].gsi_base < io_apics[i].pins)
			return &io_apics[i];
	return NULL;
}

enum firn_err ioapic_route_isa(unsigned irq, u8 vector, unsigned cpu)
{
	struct acpi_isa_override isa = { .gsi = irq };
	const struct io_apic *io;
	u32 low = vector, pin;

	if (irq >= ACPI_ISA_IRQS)
		return ERR_NOENT;
	if (platform_acpi()->has_madt)
		isa = platform_acpi()->isa[irq];
	io = find(isa.gsi);
	if (!io)
		return ERR_NOENT;
	if (cpus[cpu].apic_id > MSI_DEST_MAX)
		return ERR_RANGE;
	pin = isa.gsi - io->gsi_base;
	low |= isa.level ? RTE_LEVEL : 0;
	low |= isa.active_low ? RTE_ACTIVE_LOW : 0;
	write(io, IOREDTBL(pin) + 1, cpus[cpu].apic_id << (RTE_DEST_SHIFT - 32));
	write(io, IOREDTBL(pin), low);
	return FIRN_OK;
}

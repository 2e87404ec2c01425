/* SPDX-License-Identifier: MIT */
/* MADT: processors, IOAPICs, interrupt overrides (ACPI 5.2.12). */
#include "drivers/acpi/acpi_parse.h"

#include "core/acpi_layout.h"

#define XAPIC_BROADCAST	 0xff
#define X2APIC_BROADCAST 0xffffffffu

union madt_entry {
	struct acpi_madt_entry entry;
	struct acpi_madt_lapic lapic;
	struct acpi_madt_ioapic ioapic;
	struct acpi_madt_override override;
	struct acpi_madt_lapic_address lapic_address;
	struct acpi_madt_x2apic x2apic;
};

static void add_cpu(struct acpi_info *info, u32 apic_id, u32 flags, u32 broadcast)
{
	if (!(flags & MADT_CPU_ENABLED) || apic_id == broadcast)
		return;
	/* Firmware may list a CPU as LAPIC and as x2APIC. */
	for (unsigned i = 0; i < info->nr_cpus; i++)
		if (info->cpu_apic_id[i] == apic_id)
			return;
	if (info->nr_cpus < ACPI_MAX_CPUS)
		info->cpu_apic_id[info->nr_cpus++] = apic_id;
	else
		info->cpus_truncated = true;
}

static void add_ioapic(struct acpi_info *info, const struct acpi_madt_ioapic *e)
{
	struct acpi_ioapic *io = &info->ioapic[info->nr_ioapics];

	if (!e->address || info->nr_ioapics == ACPI_MAX_IOAPICS) {
		info->bad_tables++;
		return;
	}
	*io = (struct acpi_ioapic){ e->id, e->address, e->gsi_base };
	info->nr_ioapics++;
}

static void add_override(struct acpi_info *info, const struct acpi_madt_override *e)
{
	if (e->bus != 0 || e->irq >= ACPI_ISA_IRQS) {
		info->bad_tables++;
		return;
	}
	info->isa[e->irq] = (struct acpi_isa_override){
		.gsi = e->gsi,
		.level = MADT_TRIGGER(e->flags) == MADT_LEVEL,
		.active_low = MADT_POLARITY(e->flags) == MADT_ACTIVE_LOW,
	};
}

static u8 minimum_length(u8 type)
{
	switch (type) {
	case MADT_LAPIC:
		return sizeof(struct acpi_madt_lapic);
	case MADT_IOAPIC:
		return sizeof(struct acpi_madt_ioapic);
	case MADT_OVERRIDE:
		return sizeof(struct acpi_madt_override);
	case MADT_LAPIC_ADDRESS:
		return sizeof(struct acpi_madt_lapic_address);
	case MADT_X2APIC:
		return sizeof(struct acpi_madt_x2apic);
	default:
		return sizeof(struct acpi_madt_entry);
	}
}

static void parse_entry(struct acpi_info *info, const union madt_entry *e)
{
	switch (e->entry.type) {
	case MADT_LAPIC:
		add_cpu(info, e->lapic.apic_id, e->lapic.flags, XAPIC_BROADCAST);
		break;
	case MADT_IOAPIC:
		add_ioapic(info, &e->ioapic);
		break;
	case MADT_OVERRIDE:
		add_override(info, &e->override);
		break;
	case MADT_LAPIC_ADDRESS:
		info->lapic_address = e->lapic_address.address;
		break;
	case MADT_X2APIC:
		add_cpu(info, e->x2apic.apic_id, e->x2apic.flags, X2APIC_BROADCAST);
		break;
	}
}

void acpi_parse_madt(const struct acpi_table *table, struct acpi_info *info)
{
	struct acpi_madt madt;
	u32 offset = sizeof(madt);

	if (info->has_madt || !acpi_read_at(table, 0, &madt, sizeof(madt))) {
		info->bad_tables++;
		return;
	}
	info->has_madt = true;
	info->lapic_address = madt.lapic_address;
	while (offset < table->length) {
		union madt_entry e = { 0 };

		if (!acpi_read_at(table, offset, &e.entry, sizeof(e.entry)) ||
		    e.entry.length < minimum_length(e.entry.type) ||
		    e.entry.length > table->length - offset ||
		    !acpi_read_at(table, offset, &e, MIN(e.entry.length, sizeof(e)))) {
			info->bad_tables++;
			return;
		}
		parse_entry(info, &e);
		offset += e.entry.length;
	}
}

/* SPDX-License-Identifier: MIT */
/* FADT: power management ports, reset register, DSDT (ACPI 5.2.9). */
#include "drivers/acpi/acpi_parse.h"

#include <string.h>

#include "core/acpi_layout.h"

static u32 io_port(u32 port)
{
	return port <= IO_PORT_MAX ? port : 0;
}

static void parse_reset(const struct acpi_fadt *fadt, struct acpi_info *info)
{
	const struct acpi_gas *gas = &fadt->reset;

	if (!(fadt->flags & FADT_RESET_SUPPORTED) || !gas->address)
		return;
	if (gas->space == ACPI_SPACE_IO ? gas->address > IO_PORT_MAX
					: gas->space != ACPI_SPACE_MEMORY)
		return;
	info->reset = (struct acpi_address){ gas->address, gas->space, gas->bit_width };
	info->reset_value = fadt->reset_value;
	info->reset_supported = true;
}

static void parse_dsdt(const struct acpi_table *fadt_table, const struct acpi_fadt *fadt,
		       struct acpi_info *info)
{
	struct acpi_table dsdt;

	if ((fadt->x_dsdt && acpi_open(fadt_table->reader, fadt->x_dsdt, &dsdt)) ||
	    acpi_open(fadt_table->reader, fadt->dsdt, &dsdt))
		acpi_parse_aml(&dsdt, info);
	else
		info->bad_tables++;
}

void acpi_parse_fadt(const struct acpi_table *table, struct acpi_info *info)
{
	struct acpi_fadt fadt;

	memset(&fadt, 0, sizeof(fadt)); /* fields of later revisions stay absent */
	if (info->has_fadt || table->length < FADT_V1_SIZE ||
	    !acpi_read_at(table, 0, &fadt, MIN(table->length, sizeof(fadt)))) {
		info->bad_tables++;
		return;
	}
	info->has_fadt = true;
	info->no_8042 = table->revision >= 2 && !(fadt.boot_arch & FADT_BOOT_8042);
	info->sci_irq = fadt.sci_irq;
	info->smi_command = io_port(fadt.smi_command);
	info->acpi_enable = fadt.acpi_enable;
	info->pm1a_control = io_port(fadt.pm1a_control);
	info->pm1b_control = io_port(fadt.pm1b_control);
	info->pm_timer = io_port(fadt.pm_timer);
	info->pm_timer_32bit = fadt.flags & FADT_PM_TIMER_32BIT;
	parse_reset(&fadt, info);
	parse_dsdt(table, &fadt, info);
}

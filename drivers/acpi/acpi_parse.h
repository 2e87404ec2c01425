/* SPDX-License-Identifier: MIT */
/* Inside the ACPI reader: an opened table and the parsers of each kind. */
#ifndef FIRN_DRIVERS_ACPI_PARSE_H
#define FIRN_DRIVERS_ACPI_PARSE_H

#include "drivers/acpi/acpi.h"

#define IO_PORT_MAX 0xffff

struct acpi_table {
	const struct acpi_reader *reader;
	u64 pa;
	u32 length; /* of the whole table, header included */
	u32 signature;
	u8 revision;
};

/* Reads header and checks length and checksum. */
bool acpi_open(const struct acpi_reader *reader, u64 pa, struct acpi_table *table);
/* False when not all of [offset, offset + len) is in the table. */
bool acpi_read_at(const struct acpi_table *table, u32 offset, void *buf, size_t len);

/* Each takes what it understands and counts the rest in info->bad_tables. */
void acpi_parse_madt(const struct acpi_table *table, struct acpi_info *info);
void acpi_parse_fadt(const struct acpi_table *table, struct acpi_info *info);
void acpi_parse_aml(const struct acpi_table *table, struct acpi_info *info);
void acpi_parse_hpet(const struct acpi_table *table, struct acpi_info *info);
void acpi_parse_mcfg(const struct acpi_table *table, struct acpi_info *info);
void acpi_parse_spcr(const struct acpi_table *table, struct acpi_info *info);

#endif

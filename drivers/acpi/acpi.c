/* SPDX-License-Identifier: MIT */
/* ACPI root: RSDP, RSDT or XSDT, and the loop over the tables. */
#include "drivers/acpi/acpi.h"

#include <string.h>

#include "core/acpi_layout.h"
#include "drivers/acpi/acpi_parse.h"

#define MAX_TABLES	      256
#define DEFAULT_LAPIC_ADDRESS 0xfee00000u
#define CHUNK		      256

static u8 byte_sum(const u8 *bytes, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *bytes++;
	return sum;
}

bool acpi_read_at(const struct acpi_table *table, u32 offset, void *buf, size_t len)
{
	if (offset > table->length || len > table->length - offset)
		return false;
	return table->reader->read(table->reader->ctx, table->pa + offset, buf, len);
}

static bool checksum_ok(const struct acpi_table *table)
{
	u8 chunk[CHUNK], sum = 0;
	u32 offset = 0;

	while (offset < table->length) {
		u32 n = MIN(table->length - offset, (u32)CHUNK);

		if (!acpi_read_at(table, offset, chunk, n))
			return false;
		sum += byte_sum(chunk, n);
		offset += n;
	}
	return sum == 0;
}

/* Address and length of a table are believed only after its checksum. */
bool acpi_open(const struct acpi_reader *reader, u64 pa, struct acpi_table *table)
{
	struct acpi_header header;

	if (!pa || pa > ~0ull - ACPI_TABLE_MAX ||
	    !reader->read(reader->ctx, pa, &header, sizeof(header)))
		return false;
	*table =
		(struct acpi_table){ reader, pa, header.length, header.signature, header.revision };
	return header.length >= sizeof(header) && header.length <= ACPI_TABLE_MAX &&
	       checksum_ok(table);
}

static enum firn_err read_rsdp(const struct acpi_reader *reader, u64 pa, struct acpi_rsdp *rsdp)
{
	memset(rsdp, 0, sizeof(*rsdp));
	if (!reader->read(reader->ctx, pa, rsdp, ACPI_RSDP_V1_SIZE))
		return ERR_IO;
	if (memcmp(rsdp->signature, ACPI_RSDP_SIGNATURE, sizeof(rsdp->signature)) ||
	    byte_sum((const u8 *)rsdp, ACPI_RSDP_V1_SIZE))
		return ERR_FORMAT;
	if (rsdp->revision < 2)
		return FIRN_OK;
	if (!reader->read(reader->ctx, pa, rsdp, sizeof(*rsdp)))
		return ERR_IO;
	/* A bad second part is no reason to give up: the RSDT is still there. */
	if (rsdp->length < sizeof(*rsdp) || byte_sum((const u8 *)rsdp, sizeof(*rsdp)))
		rsdp->xsdt = 0;
	return FIRN_OK;
}

static void parse_table(const struct acpi_reader *reader, u64 pa, struct acpi_info *info)
{
	struct acpi_table table;

	if (!acpi_open(reader, pa, &table)) {
		info->bad_tables++;
		return;
	}
	switch (table.signature) {
	case ACPI_SIG('A', 'P', 'I', 'C'):
		acpi_parse_madt(&table, info);
		break;
	case ACPI_SIG('F', 'A', 'C', 'P'):
		acpi_parse_fadt(&table, info);
		break;
	case ACPI_SIG('S', 'S', 'D', 'T'):
		acpi_parse_aml(&table, info);
		break;
	case ACPI_SIG('H', 'P', 'E', 'T'):
		acpi_parse_hpet(&table, info);
		break;
	case ACPI_SIG('M', 'C', 'F', 'G'):
		acpi_parse_mcfg(&table, info);
		break;
	case ACPI_SIG('S', 'P', 'C', 'R'):
		acpi_parse_spcr(&table, info);
		break;
	}
}

static void parse_root(const struct acpi_table *root, size_t entry_size, struct acpi_info *info)
{
	u32 count = (root->length - sizeof(struct acpi_header)) / entry_size;

	for (u32 i = 0; i < MIN(count, (u32)MAX_TABLES); i++) {
		u64 pa = 0;

		if (acpi_read_at(root, sizeof(struct acpi_header) + i * entry_size, &pa,
				 entry_size))
			parse_table(root->reader, pa, info);
	}
}

static enum firn_err parse_tables(const struct acpi_reader *reader, const struct acpi_rsdp *rsdp,
				  struct acpi_info *info)
{
	struct acpi_table root;

	if (rsdp->xsdt && acpi_open(reader, rsdp->xsdt, &root) &&
	    root.signature == ACPI_SIG('X', 'S', 'D', 'T'))
		parse_root(&root, sizeof(u64), info);
	else if (acpi_open(reader, rsdp->rsdt, &root) &&
		 root.signature == ACPI_SIG('R', 'S', 'D', 'T'))
		parse_root(&root, sizeof(u32), info);
	else
		return ERR_FORMAT;
	return FIRN_OK;
}

static void set_oem(struct acpi_info *info, const char *oem)
{
	for (unsigned i = 0; i < sizeof(info->oem) - 1; i++)
		info->oem[i] = oem[i] >= ' ' && oem[i] < 0x7f ? oem[i] : ' ';
	for (unsigned i = sizeof(info->oem) - 1; i > 0 && info->oem[i - 1] == ' '; i--)
		info->oem[i - 1] = '\0';
}

enum firn_err acpi_read(const struct acpi_reader *reader, u64 pa, struct acpi_info *info)
{
	struct acpi_rsdp rsdp;
	enum firn_err err;

	memset(info, 0, sizeof(*info));
	info->lapic_address = DEFAULT_LAPIC_ADDRESS;
	for (u32 i = 0; i < ACPI_ISA_IRQS; i++)
		info->isa[i].gsi = i;
	if (!pa || pa > ~0ull - sizeof(rsdp))
		return pa ? ERR_IO : ERR_NOENT;
	err = read_rsdp(reader, pa, &rsdp);
	if (err)
		return err;
	err = parse_tables(reader, &rsdp, info);
	if (err)
		return err;
	info->present = true;
	info->revision = rsdp.revision;
	set_oem(info, rsdp.oem_id);
	return FIRN_OK;
}

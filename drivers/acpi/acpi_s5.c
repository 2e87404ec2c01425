/* SPDX-License-Identifier: MIT */
/*
 * The soft-off state \_S5 without an AML interpreter: it must be a Name of a Package of constants
 * (ACPI 7.4.2), so its encoding can be looked for in the bytes (ACPI 20.2).
 */
#include "drivers/acpi/acpi_parse.h"

#include <string.h>

#include "core/acpi_layout.h"

#define AML_ZERO    0x00
#define AML_ONE	    0x01
#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_WORD    0x0b
#define AML_DWORD   0x0c
#define AML_PACKAGE 0x12
#define AML_ROOT    '\\'

#define NAME_LENGTH 4
#define SLP_TYP_MAX 7
#define CHUNK	    512
#define OVERLAP	    32 /* longer than the longest encoding of what is looked for */

static const char s5_name[NAME_LENGTH] = "_S5_";

struct cursor {
	const u8 *p, *end;
};

static bool next(struct cursor *c, u8 *byte)
{
	if (c->p == c->end)
		return false;
	*byte = *c->p++;
	return true;
}

static bool skip(struct cursor *c, size_t n)
{
	if ((size_t)(c->end - c->p) < n)
		return false;
	c->p += n;
	return true;
}

/* A constant that fits SLP_TYP; what is above the low byte has been seen as garbage and is ignored. */
static bool constant(struct cursor *c, u8 *value)
{
	u8 op;

	if (!next(c, &op))
		return false;
	switch (op) {
	case AML_ZERO:
	case AML_ONE:
		*value = op;
		return true;
	case AML_BYTE:
		return next(c, value);
	case AML_WORD:
		return next(c, value) && skip(c, 1);
	case AML_DWORD:
		return next(c, value) && skip(c, 3);
	default:
		return false;
	}
}

/* PackageOp PkgLength NumElements SLP_TYPa SLP_TYPb ... */
static bool package(struct cursor *c, u8 *type_a, u8 *type_b)
{
	u8 op, lead, count;

	if (!next(c, &op) || op != AML_PACKAGE || !next(c, &lead) || !skip(c, lead >> 6) ||
	    !next(c, &count) || count < 1 || !constant(c, type_a))
		return false;
	*type_b = *type_a;
	if (count >= 2 && !constant(c, type_b))
		return false;
	return *type_a <= SLP_TYP_MAX && *type_b <= SLP_TYP_MAX;
}

static bool is_name(const u8 *aml, size_t at)
{
	if (at >= 1 && aml[at - 1] == AML_NAME)
		return true;
	return at >= 2 && aml[at - 1] == AML_ROOT && aml[at - 2] == AML_NAME;
}

bool acpi_find_s5(const u8 *aml, size_t len, u8 *type_a, u8 *type_b)
{
	for (size_t i = 1; i + NAME_LENGTH < len; i++) {
		struct cursor c = { aml + i + NAME_LENGTH, aml + len };

		if (!memcmp(aml + i, s5_name, NAME_LENGTH) && is_name(aml, i) &&
		    package(&c, type_a, type_b))
			return true;
	}
	return false;
}

/* In overlapping pieces, so that no memory is needed for a large DSDT. */
void acpi_parse_aml(const struct acpi_table *table, struct acpi_info *info)
{
	u8 chunk[CHUNK], a, b;
	u32 offset = sizeof(struct acpi_header);

	while (!info->has_s5 && offset < table->length) {
		u32 n = MIN(table->length - offset, (u32)CHUNK);

		if (!acpi_read_at(table, offset, chunk, n)) {
			info->bad_tables++;
			return;
		}
		if (acpi_find_s5(chunk, n, &a, &b)) {
			info->has_s5 = true;
			info->s5_type_a = a;
			info->s5_type_b = b;
		}
		if (n < CHUNK)
			return;
		offset += CHUNK - OVERLAP;
	}
}

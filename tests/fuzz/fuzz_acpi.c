/* SPDX-License-Identifier: MIT */
/*
 * ACPI reader on arbitrary bytes, which are physical memory from address 0x1000 on with the RSDP
 * at its start. The first byte chooses whether checksums are made right, so that the fuzzer gets
 * behind them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/acpi/acpi.h"
#include "core/acpi_layout.h"

#define BASE 0x1000ull

struct image {
	const u8 *bytes;
	size_t size;
};

static u8 sum(const u8 *bytes, size_t len)
{
	u8 total = 0;

	while (len--)
		total += *bytes++;
	return total;
}

static bool read_image(void *ctx, u64 pa, void *buf, size_t len)
{
	const struct image *image = ctx;

	if (pa < BASE || pa - BASE > image->size || len > image->size - (pa - BASE))
		return false;
	memcpy(buf, image->bytes + (pa - BASE), len);
	return true;
}

/* Makes the sums of RSDP and of everything that looks like a table at a 16-byte boundary right. */
static void fix_checksums(u8 *bytes, size_t size)
{
	struct acpi_rsdp *rsdp = (void *)bytes;

	if (size < sizeof(*rsdp))
		return;
	memcpy(rsdp->signature, "RSD PTR ", 8);
	rsdp->checksum -= sum(bytes, ACPI_RSDP_V1_SIZE);
	rsdp->extended_checksum -= sum(bytes, sizeof(*rsdp));
	for (size_t at = 48; at + sizeof(struct acpi_header) <= size; at += 16) {
		struct acpi_header *h = (void *)(bytes + at);

		if (h->length >= sizeof(*h) && h->length <= size - at)
			h->checksum -= sum(bytes + at, h->length);
	}
}

static void check(const struct acpi_info *info)
{
	if (info->nr_cpus > ACPI_MAX_CPUS || info->nr_ioapics > ACPI_MAX_IOAPICS ||
	    info->nr_ecam > ACPI_MAX_ECAM || info->s5_type_a > 7 || info->s5_type_b > 7 ||
	    info->pm_timer > 0xffff || info->pm1a_control > 0xffff || info->oem[6] != '\0')
		abort();
	for (unsigned i = 0; i < info->nr_cpus; i++)
		for (unsigned j = 0; j < i; j++)
			if (info->cpu_apic_id[i] == info->cpu_apic_id[j])
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acpi_info info;
	struct image image = { 0 };
	const struct acpi_reader reader = { read_image, &image };
	u8 *copy, a, b;

	if (size < 1 || size > 0x10000)
		return 0;
	copy = malloc(size - 1 ? size - 1 : 1);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		fix_checksums(copy, size - 1);
	image.bytes = copy;
	image.size = size - 1;
	acpi_read(&reader, BASE, &info);
	check(&info);
	acpi_find_s5(copy, size - 1, &a, &b);
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* What must hold for a load plan of any kernel file: used by the fuzz targets of the loaders. */
#ifndef FIRN_TESTS_LOADER_FUZZ_H
#define FIRN_TESTS_LOADER_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "core/loader/plan.h"

#define FUZZ_INITRD_SIZE 5000

static inline void require(bool ok)
{
	if (!ok)
		abort();
}

static inline void check_range(const struct load_plan *plan, unsigned i)
{
	const struct plan_range *r = &plan->range[i];
	require(plan_is_ram(plan, r->gpa, r->len));
	require(r->data_len <= r->len);
	/* Under the sanitizer this finds any byte beyond the source. */
	if (r->data_len)
		require(memcmp(r->data, r->data, r->data_len) == 0);
	for (unsigned k = 0; k < i; k++)
		require(r->gpa >= plan->range[k].gpa + plan->range[k].len ||
			plan->range[k].gpa >= r->gpa + r->len);
}

/* Plans the file in a small and in a large VM; looks at every byte that would be copied. */
static inline void fuzz_plan(const u8 *data, size_t size, unsigned nr_modules,
			     bool (*detect)(const struct loader_file *kernel),
			     enum firn_err (*make)(struct load_plan *plan))
{
	static const u64 sizes[] = { 24 * MiB, 6 * GiB };
	static const u8 initrd[FUZZ_INITRD_SIZE];
	static struct load_plan plan;
	struct load_error err;
	struct loader_images img = { .kernel = { "k", data, size },
				     .initrd = { "i", initrd, sizeof(initrd) },
				     .nr_modules = nr_modules,
				     .module[0] = { { "m", initrd, 10 }, "args" },
				     .cmdline = "command line" };

	if (!detect(&img.kernel))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		err.text[0] = '\0';
		plan_init(&plan, &img, sizes[i], &err);
		if (make(&plan) != FIRN_OK) {
			require(strlen(err.text) > 10);
			continue;
		}
		require(plan.boot.rip < 4 * GiB && plan.boot.gdt_base != 0);
		for (unsigned k = 0; k < plan.nr_ranges; k++)
			check_range(&plan, k);
	}
}

#endif

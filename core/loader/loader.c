/* SPDX-License-Identifier: MIT */
/* Which format a kernel has, and checking it without a VM. */
#include "core/loader.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/guest_layout.h"
#include "core/loader/plan.h"

/* In the order in which they are tried: a file may be valid in more than one way. */
static const struct format {
	enum loader_format id;
	const char *name;
	bool (*detect)(const struct loader_file *kernel);
	enum firn_err (*plan)(struct load_plan *plan);
} formats[] = {
	{ LOADER_MULTIBOOT, "multiboot 1", multiboot_detect, multiboot_plan },
	{ LOADER_PVH, "PVH ELF", pvh_detect, pvh_plan },
	{ LOADER_LINUX, "Linux bzImage", linux_detect, linux_plan },
};

static const struct format *find_format(const struct loader_file *kernel)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].detect(kernel))
			return &formats[i];
	return NULL;
}

enum loader_format loader_detect(const struct loader_images *img)
{
	const struct format *format = find_format(&img->kernel);

	return format ? format->id : LOADER_UNKNOWN;
}

const char *loader_format_name(enum loader_format id)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].id == id)
			return formats[i].name;
	return "unknown";
}

static enum firn_err fill_plan(struct load_plan *plan, const struct loader_images *img, u64 memory,
			       struct load_error *err)
{
	const struct format *format = find_format(&img->kernel);

	plan_init(plan, img, MIN(memory, PLAN_MAX_MEMORY), err);
	if (memory > PLAN_MAX_MEMORY || memory <= GUEST_HIGH_RAM)
		return plan_fail(plan, ERR_RANGE, "a VM cannot have %llu bytes of memory",
				 (unsigned long long)memory);
	if (img->kernel.size == 0)
		return plan_fail(plan, ERR_TRUNCATED, "the file is empty");
	if (!format)
		return plan_fail(plan, ERR_FORMAT,
				 "not a kernel that Firn can start: no multiboot 1 header, no ELF "
				 "with a PVH note, no Linux setup header");
	return format->plan(plan);
}

enum firn_err loader_plan(const struct loader_images *img, u64 memory, struct load_plan **plan,
			  struct load_error *err)
{
	err->text[0] = '\0';
	*plan = malloc(sizeof(**plan));
	if (!*plan) {
		snprintf(err->text, sizeof(err->text), "kernel %s: out of memory",
			 img->kernel.name);
		return ERR_NOMEM;
	}
	return fill_plan(*plan, img, memory, err);
}

enum firn_err loader_check(const struct loader_images *img, u64 memory, struct load_error *err)
{
	struct load_plan *plan;
	enum firn_err ret = loader_plan(img, memory, &plan, err);

	free(plan);
	return ret;
}

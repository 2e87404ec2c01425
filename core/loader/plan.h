/* SPDX-License-Identifier: MIT */
/* Load plan: which bytes go where in guest memory. Loaders fill it; core/loader_load.c carries it out. */
#ifndef FIRN_CORE_LOADER_PLAN_H
#define FIRN_CORE_LOADER_PLAN_H

#include "core/loader.h"

#define PLAN_MAX_RANGES 48
#define PLAN_ROOM	(48 * KiB) /* page tables, boot parameters, strings */
#define PLAN_MAX_MEMORY BIT(46)
#define PLAN_ALIGN	16 /* of small tables */

/* A claimed range of guest memory: data first, zeros up to len when zero_rest, else left alone. */
struct plan_range {
	char what[40]; /* for messages */
	u64 gpa, len;
	const void *data;
	u64 data_len;
	bool zero_rest;
};

struct load_plan {
	const struct loader_images *img;
	struct load_error *err;
	struct boot_state boot;

	unsigned nr_map;
	struct memory_map_entry map[MEMORY_MAP_MAX];
	unsigned nr_ranges;
	struct plan_range range[PLAN_MAX_RANGES];

	size_t room_used;
	u8 room[PLAN_ROOM] __aligned(8); /* what Firn itself makes for the guest */
};

/* Where a range may go. */
struct plan_window {
	u64 min, max; /* the range lies in [min, max) */
	u64 align;    /* power of two */
	bool top_down;
};

void plan_init(struct load_plan *plan, const struct loader_images *img, u64 memory,
	       struct load_error *err);

/* Zeroed bytes that live as long as the plan, 8-byte aligned; NULL and an error text when full. */
void *plan_room(struct load_plan *plan, size_t size);

/* At a fixed address. ERR_RANGE (not RAM), ERR_OVERLAP, ERR_FULL. */
enum firn_err plan_claim(struct load_plan *plan, const struct plan_range *range);
/* At the first place in the window that is free RAM; sets range->gpa. ERR_RANGE, ERR_FULL. */
enum firn_err plan_place(struct load_plan *plan, struct plan_range *range,
			 const struct plan_window *window);
/* Small tables and strings: anywhere in low memory, which every kernel leaves alone until it has read them. */
enum firn_err plan_place_low(struct load_plan *plan, const char *what, const void *data, size_t len,
			     u64 align, u64 *gpa);

/* True when [gpa, gpa+len) lies in one piece of RAM of the guest. */
bool plan_is_ram(const struct load_plan *plan, u64 gpa, u64 len);
u64 plan_low_ram_end(const struct load_plan *plan); /* end of RAM below the hole */

/* Descriptor table with flat code and data segments, for boot->mode; fills boot's selectors. */
enum firn_err plan_gdt(struct load_plan *plan);
/* Page tables that map the low 4 GiB 1:1; fills boot->cr3. */
enum firn_err plan_identity_map(struct load_plan *plan);

/* Sets the error text, prefixed with the kernel's name, and returns code. */
enum firn_err plan_fail(struct load_plan *plan, enum firn_err code, const char *fmt, ...)
	__printf(3, 4);

/* The formats; each fills ranges and boot. */
enum firn_err linux_plan(struct load_plan *plan);
enum firn_err pvh_plan(struct load_plan *plan);
enum firn_err multiboot_plan(struct load_plan *plan);
bool linux_detect(const struct loader_file *kernel);
bool pvh_detect(const struct loader_file *kernel);
bool multiboot_detect(const struct loader_file *kernel);

/*
 * Detection and planning in one; memory in bytes. ERR_NOMEM leaves no plan (NULL); after any other
 * result the caller frees it. The error text is set on failure.
 */
enum firn_err loader_plan(const struct loader_images *img, u64 memory, struct load_plan **plan,
			  struct load_error *err);

#endif

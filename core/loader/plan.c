/* SPDX-License-Identifier: MIT */
/* Load plan: claims ranges of guest memory, finds free ones, and refuses what does not fit. */
#include "core/loader/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/guest_layout.h"

void plan_init(struct load_plan *plan, const struct loader_images *img, u64 memory,
	       struct load_error *err)
{
	memset(plan, 0, sizeof(*plan));
	plan->img = img;
	plan->err = err;
	plan->nr_map = loader_memory_map(memory, plan->map);
}

enum firn_err plan_fail(struct load_plan *plan, enum firn_err code, const char *fmt, ...)
{
	char *text = plan->err->text;
	size_t size = sizeof(plan->err->text);
	va_list ap;
	int n = snprintf(text, size, "kernel %s: ", plan->img->kernel.name);

	if (n < 0 || (size_t)n >= size)
		return code;
	va_start(ap, fmt);
	vsnprintf(text + n, size - n, fmt, ap);
	va_end(ap);
	return code;
}

void *plan_room(struct load_plan *plan, size_t size)
{
	size_t used = plan->room_used;

	if (size > sizeof(plan->room) - used) {
		plan_fail(plan, ERR_RANGE,
			  "boot information is larger than %u KiB: shorten the command lines",
			  (unsigned)(PLAN_ROOM / KiB));
		return NULL;
	}
	plan->room_used = MIN(ALIGN_UP(used + size, 8), sizeof(plan->room));
	return plan->room + used;
}

bool plan_is_ram(const struct load_plan *plan, u64 gpa, u64 len)
{
	for (unsigned i = 0; i < plan->nr_map; i++) {
		const struct memory_map_entry *e = &plan->map[i];

		if (e->type == MEMORY_MAP_RAM && gpa >= e->base && gpa - e->base < e->size &&
		    len <= e->size - (gpa - e->base))
			return true;
	}
	return false;
}

u64 plan_low_ram_end(const struct load_plan *plan)
{
	u64 end = 0;

	for (unsigned i = 0; i < plan->nr_map; i++)
		if (plan->map[i].type == MEMORY_MAP_RAM && plan->map[i].base < GUEST_HOLE_START)
			end = plan->map[i].base + plan->map[i].size;
	return end;
}

static const struct plan_range *find_overlap(const struct load_plan *plan, u64 gpa, u64 len)
{
	for (unsigned i = 0; i < plan->nr_ranges; i++) {
		const struct plan_range *r = &plan->range[i];

		if (gpa < r->gpa + r->len && r->gpa < gpa + len)
			return r;
	}
	return NULL;
}

static enum firn_err add_range(struct load_plan *plan, const struct plan_range *range)
{
	if (plan->nr_ranges == PLAN_MAX_RANGES)
		return plan_fail(plan, ERR_FULL, "more than %u parts to load", PLAN_MAX_RANGES);
	plan->range[plan->nr_ranges++] = *range;
	return FIRN_OK;
}

enum firn_err plan_claim(struct load_plan *plan, const struct plan_range *range)
{
	const struct plan_range *other;

	if (!plan_is_ram(plan, range->gpa, range->len))
		return plan_fail(plan, ERR_RANGE,
				 "%s at 0x%llx, %llu bytes, is not in RAM: this VM's ends at "
				 "0x%llx",
				 range->what, (unsigned long long)range->gpa,
				 (unsigned long long)range->len,
				 (unsigned long long)plan_low_ram_end(plan));
	other = find_overlap(plan, range->gpa, range->len);
	if (other)
		return plan_fail(plan, ERR_OVERLAP, "%s at 0x%llx overlaps %s at 0x%llx",
				 range->what, (unsigned long long)range->gpa, other->what,
				 (unsigned long long)other->gpa);
	return add_range(plan, range);
}

/* The lowest free place in [base, end), or the highest; false when there is none. */
static bool find_up(const struct load_plan *plan, u64 base, u64 end, u64 len, u64 align, u64 *gpa)
{
	for (u64 at = ALIGN_UP(base, align); at < end && len <= end - at;) {
		const struct plan_range *r = find_overlap(plan, at, len);

		if (!r) {
			*gpa = at;
			return true;
		}
		at = ALIGN_UP(r->gpa + r->len, align);
	}
	return false;
}

static bool find_down(const struct load_plan *plan, u64 base, u64 end, u64 len, u64 align, u64 *gpa)
{
	while (end > base && len <= end - base) {
		u64 at = ALIGN_DOWN(end - len, align);
		const struct plan_range *r = find_overlap(plan, at, len);

		if (at < base)
			return false;
		if (!r) {
			*gpa = at;
			return true;
		}
		end = r->gpa;
	}
	return false;
}

static bool find_place(const struct load_plan *plan, u64 len, const struct plan_window *w, u64 *gpa)
{
	for (unsigned i = 0; i < plan->nr_map; i++) {
		unsigned at = w->top_down ? plan->nr_map - 1 - i : i;
		const struct memory_map_entry *e = &plan->map[at];
		u64 base = MAX(e->base, w->min);
		u64 end = MIN(e->base + e->size, w->max);

		if (e->type != MEMORY_MAP_RAM || base >= end)
			continue;
		if (w->top_down ? find_down(plan, base, end, len, w->align, gpa)
				: find_up(plan, base, end, len, w->align, gpa))
			return true;
	}
	return false;
}

enum firn_err plan_place(struct load_plan *plan, struct plan_range *range,
			 const struct plan_window *window)
{
	if (!find_place(plan, range->len, window, &range->gpa))
		return plan_fail(plan, ERR_RANGE,
				 "no room for %s (%llu KiB) between 0x%llx and 0x%llx%s",
				 range->what, (unsigned long long)DIV_ROUND_UP(range->len, KiB),
				 (unsigned long long)window->min,
				 (unsigned long long)MIN(window->max, plan_low_ram_end(plan)),
				 window->max > GUEST_HIGH_RAM ? ": give the VM more memory" : "");
	return add_range(plan, range);
}

enum firn_err plan_place_low(struct load_plan *plan, const char *what, const void *data, size_t len,
			     u64 align, u64 *gpa)
{
	const struct plan_window low = { .min = PAGE_SIZE,
					 .max = GUEST_LOW_RAM_END,
					 .align = align };
	struct plan_range range = { .len = len, .data = data, .data_len = len };
	enum firn_err err;

	snprintf(range.what, sizeof(range.what), "%s", what);
	err = plan_place(plan, &range, &low);
	*gpa = range.gpa;
	return err;
}

/* SPDX-License-Identifier: MIT */
/* The image at random addresses: a place of 2 MiB steps in the GiB that it was linked for. */
#include "arch/x86/kaslr.h"

#include "arch/x86/hw_random.h"
#include "arch/x86/pagetable.h"
#include "arch/x86/relocate.h"
#include "arch/x86/x86.h"
#include "core/config_parser.h"
#include "core/log.h"

extern const u16 __relocations_start[], __relocations_end[];
extern char __image_end[];

static enum firn_err result = ERR_STATE; /* ERR_STATE: not wanted */

/* The loader's page directory that maps the image; below 4 GiB, which is mapped one to one. */
static u64 *image_directory(void)
{
	u64 *table = (u64 *)(read_cr3() & PTE_ADDR);

	for (unsigned level = PT_TOP_LEVEL; level > 2; level--)
		table = (u64 *)(table[IMAGE_LINK_BASE / pagetable_span(level) % PT_ENTRIES] &
				PTE_ADDR);
	return table;
}

static bool is_wanted(const struct handover *h)
{
	struct text config = { (const char *)h->config_base, h->config_size };

	if (h->config_base >= 4 * GiB || h->config_size > 4 * GiB - h->config_base)
		return true; /* not mapped yet */
	return !text_sets(config, "kaslr", "off");
}

void kaslr_start(const struct handover *h)
{
	const u64 size = (u64)(__image_end - __image_start);
	const u64 pages = DIV_ROUND_UP(size, IMAGE_ALIGN);
	u64 *directory = image_directory(), slot;

	if (!is_wanted(h) || 2 * pages > PT_ENTRIES)
		return;
	/* Behind where it is now: both places are in use meanwhile. */
	slot = pages + hw_random_or_clock() % (PT_ENTRIES - 2 * pages + 1);
	for (u64 i = 0; i < pages; i++)
		directory[slot + i] = directory[i];
	write_cr3(read_cr3());
	/* This function is relocated, too: from here on its variables are at the new place. */
	result = image_relocate((void *)IMAGE_LINK_BASE, size, __relocations_start,
				(size_t)(__relocations_end - __relocations_start),
				slot * IMAGE_ALIGN);
}

u64 image_link_address(u64 va)
{
	return va >= (u64)__image_start && va < (u64)__image_end ? va - image_slide() : va;
}

void kaslr_report(void)
{
	if (result == FIRN_OK)
		log_info("image at %016lx, slide %lx", (unsigned long)__image_start,
			 (unsigned long)image_slide());
	else if (result == ERR_STATE)
		log_info("image at %016lx, where it was linked", (unsigned long)__image_start);
	else
		log_warn("image at %016lx, where it was linked: its relocations are damaged: %s",
			 (unsigned long)__image_start, firn_strerror(result));
}

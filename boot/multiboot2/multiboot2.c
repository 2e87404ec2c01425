/* SPDX-License-Identifier: MIT */
/* GRUB's side of the hand-over: called by the entry code as soon as there is a stack. */
#include "arch/x86/x86.h"
#include "boot/handover_build.h"
#include "boot/image.h"
#include "boot/multiboot2/info.h"
#include "boot/multiboot2/rtc.h"

/* GRUB's information is some KiB; the length in it is not to be believed beyond reason. */
#define INFO_MAX_SIZE MiB

extern u8 __image_start[], __image_end[];

u64 multiboot2_start(u64 info, u64 image_base);

static struct handover handover;
static struct rsdp_copy rsdp;

static u64 physical(const void *image_address, u64 image_base)
{
	return (u64)image_address - IMAGE_LINK_BASE + image_base;
}

/*
 * Builds the hand-over from the information at this physical address (identity-mapped, below
 * 4 GiB), returns its physical address. There is no console yet: problems are notes in it.
 */
u64 multiboot2_start(u64 info, u64 image_base)
{
	struct handover *h = &handover;
	enum firn_err err;

	handover_init(h, HANDOVER_MULTIBOOT2);
	h->image_base = image_base;
	h->image_size = (u64)(__image_end - __image_start);
	err = multiboot2_read_info((const void *)info, MIN(INFO_MAX_SIZE, 4 * GiB - info), h,
				   &rsdp);
	if (err)
		handover_note(h, "boot loader", "its multiboot 2 information is malformed");
	if (!h->config_base)
		handover_note(h, h->config_name, "no module of this name");
	if (rsdp.size)
		h->rsdp = physical(&rsdp.bytes, image_base);
	handover_claim_memory(h, physical(h, image_base), sizeof(*h));
	h->boot_time = rtc_read(&h->boot_time_tsc);
	h->loader_tsc = rdtsc();
	return physical(h, image_base);
}

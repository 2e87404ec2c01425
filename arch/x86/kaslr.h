/* SPDX-License-Identifier: MIT */
/* At which addresses the image runs: others at each boot. */
#ifndef FIRN_X86_KASLR_H
#define FIRN_X86_KASLR_H

#include "boot/handover.h"
#include "boot/image.h"

extern char __image_start[];

/* How far the image is from where it was linked; bytes. */
static inline u64 image_slide(void)
{
	return (u64)__image_start - IMAGE_LINK_BASE;
}

/* The address of firn.elf that an address of the running image stands for; others stay. */
u64 image_link_address(u64 va);

/*
 * The very first C code, still at the link address, on the loader's page tables: chooses a place,
 * maps the image there as well and relocates it. Before it, nothing has stored an address of the
 * image.
 */
void kaslr_start(const struct handover *h);
void kaslr_report(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Text console on a linear framebuffer, or on VGA text mode where firmware left that. */
#ifndef FIRN_DRIVERS_FRAMEBUFFER_H
#define FIRN_DRIVERS_FRAMEBUFFER_H

#include "boot/handover.h"

/* Adds a log sink when fb describes a usable framebuffer. After paging_init(). Boot CPU. */
void framebuffer_init(const struct handover_framebuffer *fb);

/* VGA text mode at 0xb8000, 80x25, for BIOS machines without a framebuffer. Boot CPU. */
void vga_text_init(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Nothing is writable and executable, and Firn's code and constants can't be changed. */
#ifndef FIRN_X86_WX_CHECK_H
#define FIRN_X86_WX_CHECK_H

#include "boot/handover.h"

/*
 * Checks both roots; a violation is logged and ends in a panic. Boot CPU, when the other CPUs have
 * started and code is patched. h: the memory map.
 */
void wx_check_tables(const struct handover *h);

/* Panics if this CPU does not enforce what Firn's tables say. Each CPU, before its first guest. */
void wx_check_cpu(void);

#endif

/* SPDX-License-Identifier: MIT */
/* What becomes of an exception that is raised while another is being delivered (SDM 3A table 6-5). */
#ifndef FIRN_X86_EXCEPTION_H
#define FIRN_X86_EXCEPTION_H

#include "arch/x86/regs.h"

enum exception_pair {
	EXCEPTION_SECOND, /* the second is delivered; the first comes again by itself if it must */
	EXCEPTION_DOUBLE_FAULT,
	EXCEPTION_SHUTDOWN, /* triple fault */
};

/* Vectors of processor exceptions; any other number counts as benign. Pure. */
enum exception_pair exception_combine(unsigned first, unsigned second);

/*
 * Does RF get set in the flags that the exception pushes (SDM 3B 17.3.1.1)? So it is with faults, whose
 * instruction may come again. An event that is injected pushes the flags as they are (SDM 3C 26.6.1.1).
 */
bool exception_sets_rf(unsigned vector);

#endif

/* SPDX-License-Identifier: MIT */
/* Where the loaders' entry code goes to. */
#ifndef FIRN_X86_MAIN_H
#define FIRN_X86_MAIN_H

#include "boot/handover.h"

void firn_main(struct handover *from_loader) __noreturn;

#endif

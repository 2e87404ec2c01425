/* SPDX-License-Identifier: MIT */
/* Where both ways of boot meet. */
#ifndef FIRN_X86_MAIN_H
#define FIRN_X86_MAIN_H

#include "boot/handover.h"

/*
 * From firn_entry64, in the state that boot/handover.h describes. Copies the hand-over, which is not
 * mapped for long. Boot CPU.
 */
void firn_main(struct handover *from_loader) __noreturn;

#endif

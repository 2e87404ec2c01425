/* SPDX-License-Identifier: MIT */
/*
 * Stack guards: a secret of each CPU between a function's arrays and its return address, compared
 * before it returns. The compiler finds it at GS:STACK_GUARD_OFFSET (mk/flags.mk).
 */
#ifndef FIRN_X86_STACK_GUARD_H
#define FIRN_X86_STACK_GUARD_H

#include "core/types.h"

/* For a function during which the guard changes or GS is not set. */
#define __no_stack_guard __attribute__((no_stack_protector))

/*
 * A new guard from the CPU's random numbers, or from its clock when it has none. Its lowest byte
 * is 0: no copy of a string can write it.
 */
u64 stack_guard_new(void);

/* Called by compiled code. */
void __stack_chk_fail(void) __noreturn;

#endif

/* SPDX-License-Identifier: MIT */
/* Where stack guards come from, and what follows when one has changed. */
#include "arch/x86/stack_guard.h"

#include "arch/x86/hw_random.h"
#include "arch/x86/kaslr.h"
#include "core/log.h"

#define STRING_END 0xffull

u64 stack_guard_new(void)
{
	return hw_random_or_clock() & ~STRING_END;
}

void __stack_chk_fail(void)
{
	/* The call is often the last instruction of its function. */
	u64 function = (u64)__builtin_return_address(0) - 1;

	panic("stack smashed in the function of %016lx",
	      (unsigned long)image_link_address(function));
}

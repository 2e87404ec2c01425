/* SPDX-License-Identifier: MIT */
/* The end of Firn by its own fault. panic() itself is in core/log.h. */
#ifndef FIRN_X86_PANIC_H
#define FIRN_X86_PANIC_H

#include "arch/x86/interrupts.h"
#include "arch/x86/shadow_stack.h"

/* After a panic: false = wait for a key, true = reboot after 10 seconds (or a key). */
extern bool panic_reboot;

/* panic() with the registers of an exception. shadow: NULL without shadow stacks. */
void panic_exception(const struct exception_frame *frame,
		     const struct shadow_frame *shadow) __noreturn;

/* Prints return addresses found by frame pointers from rbp on; stops at the stack's end. */
void backtrace_print(u64 rip, u64 rbp);
/* Prints what the shadow stacks say, from ssp on; nothing if that is none of this CPU's. */
void backtrace_print_shadow(u64 ssp);

#endif

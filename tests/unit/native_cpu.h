/* SPDX-License-Identifier: MIT */
/* Runs one instruction on the build machine's CPU in 64-bit mode, to compare the emulator with it. */
#ifndef FIRN_TESTS_NATIVE_CPU_H
#define FIRN_TESTS_NATIVE_CPU_H

#include "arch/x86/emulate.h"

#define NO_VECTOR (-1)

/* Flags that a program can set; the rest of rflags is ignored. */
#define NATIVE_FLAGS \
	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_DF)

/*
 * Executes the bytes with these registers (all of them, RSP too; not RIP) and replaces them by
 * what the CPU left. Returns VECTOR_DE or NO_VECTOR; any other exception ends the program.
 */
int native_execute(const u8 *bytes, unsigned len, struct emu_regs *regs);

#endif

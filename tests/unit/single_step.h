/* SPDX-License-Identifier: MIT */
/* Runs a routine of the hypervisor's on the build machine under single-step and keeps its path. */
#ifndef TESTS_SINGLE_STEP_H
#define TESTS_SINGLE_STEP_H

#include <stdbool.h>

#include "core/types.h"

#define MAX_RIPS 4096

/* RIP of each instruction that was about to run, some of the caller's at both ends included. */
extern u64 rip[MAX_RIPS];
extern volatile unsigned rips;

/* False: it changed the stack pointer or another register than RAX, RCX, R10 and RFLAGS. */
bool single_step(void (*routine)(void));

#endif

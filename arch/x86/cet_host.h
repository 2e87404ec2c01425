/* SPDX-License-Identifier: MIT */
/* Control-flow enforcement for Firn itself: shadow stacks and indirect-branch tracking. */
#ifndef FIRN_X86_CET_HOST_H
#define FIRN_X86_CET_HOST_H

#include "core/types.h"

/*
 * Decides what all CPUs will use, makes shadow stacks for CPUs 0..cpus-1, logs it. virtualized: the
 * boot CPU can run guests. Boot CPU, once, before others start.
 */
void cet_host_init(bool wanted, bool virtualized, unsigned cpus);

/*
 * Turns it on for the calling CPU and goes on in fn, which has nothing to return to: each CPU, on
 * its own stack, before its first guest.
 */
void cet_host_start(void (*fn)(void)) __noreturn;

/*
 * This CPU will not return any more from where it is, and NMIs shall be taken without an IRET
 * before: the shadow stack is off from here on, branch tracking stays.
 */
void cet_host_no_return(void);

/* What is on. Any CPU, after cet_host_init(). */
bool cet_host_shadow_stacks(void);
bool cet_host_branch_tracking(void);
/* The same for people. size: 128 is enough. */
void cet_host_describe(char *text, size_t size);

#endif

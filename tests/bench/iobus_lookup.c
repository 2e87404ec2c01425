/* SPDX-License-Identifier: MIT */
/*
 * Instructions of a lookup on an I/O bus with that many ranges: the most over all of them. A child
 * looks up, its parent steps it and counts from one stop signal to the next.
 *
 *     iobus_lookup RANGES
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/iobus.h"

#define BASE   0xd0000000ull
#define STRIDE 0x2000ull
#define LEN    0x1000ull

static struct iobus bus;
static const struct iorange nothing;

/* What is counted around the lookup, and a RET. */
static __noinline const struct iorange *look_nowhere(const struct iobus *on, u64 addr,
						     unsigned width)
{
	__asm__ volatile("" : : "r"(on), "r"(addr), "r"(width));
	return &nothing;
}

static int look_up(unsigned ranges)
{
	static const struct iodev_ops ops = { .name = "device" };

	for (unsigned i = 0; i < ranges; i++)
		if (iobus_register(&bus, BASE + i * STRIDE, LEN, &ops, NULL) != FIRN_OK)
			return 1;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		return 1;
	raise(SIGSTOP);
	__asm__ volatile("int3" : : : "memory");
	look_nowhere(&bus, BASE, 4);
	__asm__ volatile("int3" : : : "memory");
	for (unsigned i = 0; i < ranges; i++) {
		const struct iorange *r;

		__asm__ volatile("int3" : : : "memory");
		r = iobus_find(&bus, BASE + i * STRIDE + LEN - 4, 4);
		__asm__ volatile("int3" : : : "memory");
		if (!r || r->base != BASE + i * STRIDE)
			return 1;
	}
	return 0;
}

/* From one int3 to the next, without that one; -1 = the child ended. */
static long count_steps(pid_t child, int *status)
{
	for (long steps = 0;; steps++) {
		siginfo_t info;

		ptrace(PTRACE_SINGLESTEP, child, NULL, NULL);
		if (waitpid(child, status, 0) < 0 || WIFEXITED(*status))
			return -1;
		ptrace(PTRACE_GETSIGINFO, child, NULL, &info);
		if (info.si_signo == SIGTRAP && info.si_code == SI_KERNEL)
			return steps;
	}
}

static bool run_to_int3(pid_t child, int *status)
{
	ptrace(PTRACE_CONT, child, NULL, NULL);
	return waitpid(child, status, 0) >= 0 && !WIFEXITED(*status);
}

int main(int argc, char **argv)
{
	unsigned ranges = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	pid_t child = fork();
	long most = 0, around = 0;
	int status;

	if (child == 0)
		_exit(look_up(ranges));
	waitpid(child, &status, 0);
	while (!WIFEXITED(status) && run_to_int3(child, &status)) {
		long steps = count_steps(child, &status);

		if (!around)
			around = steps - 1; /* its RET counts */
		else
			most = steps > most ? steps : most;
	}
	printf("%ld\n", most - around);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0 || most == 0;
}

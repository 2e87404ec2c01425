// SPDX-License-Identifier: MIT
/*
 * A Linux program on a user shadow stack: calls, a signal, a store to the shadow stack, and at last a
 * smashed return address. It never returns from main(), whose return address is on no shadow stack.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Linux' include/uapi/asm/prctl.h and asm-generic/siginfo.h; newer than Debian 12's headers. */
#define ARCH_SHSTK_ENABLE  0x5001
#define ARCH_SHSTK_DISABLE 0x5002
#define ARCH_SHSTK_STATUS  0x5005
#define ARCH_SHSTK_SHSTK   1UL
#define SEGV_CPERR	   10

#define DEPTH 64

static volatile sig_atomic_t signals, refused_stores;
static uintptr_t after_store;

/* No function of its own: it could not return from where the shadow stack begins. */
#define arch_prctl(code, argument)                                                           \
	({                                                                                   \
		long result_;                                                                \
		asm volatile("syscall"                                                       \
			     : "=a"(result_)                                                 \
			     : "0"(SYS_arch_prctl), "D"((long)(code)), "S"((long)(argument)) \
			     : "rcx", "r11", "memory");                                      \
		result_;                                                                     \
	})

static void verdict(const char *name, bool good)
{
	printf("shstk: %s: %s\n", name, good ? "good" : "bad");
	fflush(stdout);
}

/* A processor whose XSAVES lacks this state leaves it on for other programs: off before they run. */
static void finish(int status)
{
	arch_prctl(ARCH_SHSTK_DISABLE, ARCH_SHSTK_SHSTK);
	puts("shstk: end");
	fflush(stdout);
	_exit(status);
}

static void on_usr1(int number)
{
	signals += number == SIGUSR1;
}

static void on_segv(int number, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)number;
	if (after_store != 0 && info->si_code == SEGV_ACCERR) {
		refused_stores++;
		*rip = (greg_t)after_store;
		after_store = 0;
		return;
	}
	printf("shstk: SIGSEGV, code %d, at %p\n", info->si_code, info->si_addr);
	verdict("a smashed return address is SEGV_CPERR", info->si_code == SEGV_CPERR);
	finish(0);
}

static inline uint64_t __attribute__((always_inline)) shadow_stack_pointer(void)
{
	uint64_t ssp = 0;

	asm volatile("rdsspq %0" : "+r"(ssp));
	return ssp;
}

/* How far the shadow stack grows in depth calls, in bytes. */
static uint64_t __attribute__((noinline)) descend(unsigned depth, uint64_t top)
{
	uint64_t grown = depth == 0 ? top - shadow_stack_pointer() : descend(depth - 1, top);

	asm volatile("" : "+r"(grown));
	return grown;
}

/* Where the last call's return address was: above it is no shadow stack any more. */
static void store_to_shadow_stack(void)
{
	asm volatile("lea 1f(%%rip), %%rax\n\t"
		     "mov %%rax, %0\n\t"
		     "movq $0, (%1)\n"
		     "1:"
		     : "=m"(after_store)
		     : "r"(shadow_stack_pointer() - sizeof(uint64_t))
		     : "rax", "memory");
}

static void hijacked(void)
{
	verdict("a smashed return address is SEGV_CPERR", false);
	finish(1);
}

static void __attribute__((noinline)) smash(void)
{
	uintptr_t *frame = __builtin_frame_address(0);

	*(void (*volatile *)(void))(frame + 1) = hijacked;
}

int main(void)
{
	struct sigaction usr1 = { .sa_handler = on_usr1 };
	struct sigaction segv = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	unsigned long status = 0;

	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	if (arch_prctl(ARCH_SHSTK_ENABLE, ARCH_SHSTK_SHSTK) != 0) {
		puts("shstk: Linux offers none");
		fflush(stdout);
		_exit(2);
	}
	verdict("it is on",
		arch_prctl(ARCH_SHSTK_STATUS, &status) == 0 && status == ARCH_SHSTK_SHSTK);
	verdict("calls and returns",
		descend(DEPTH, shadow_stack_pointer()) == (DEPTH + 1) * sizeof(uint64_t));
	raise(SIGUSR1);
	verdict("a signal comes back", signals == 1);
	store_to_shadow_stack();
	verdict("a store to it is SEGV_ACCERR", refused_stores == 1);
	smash();
	verdict("a smashed return address is SEGV_CPERR", false);
	finish(1);
}

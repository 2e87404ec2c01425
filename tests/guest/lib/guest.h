/* SPDX-License-Identifier: MIT */
/*
 * Framework of the guest test kernels: 64-bit programs without an operating system that check the
 * machine they run on. Each check prints one line, each test a summary; the last act is a write of
 * 0 (all ok) or 1 to the debug exit port.
 */
#ifndef FIRN_GUEST_H
#define FIRN_GUEST_H

#include "arch/x86/x86.h"
#include "core/types.h"

/* A test file defines one test: GUEST_TEST(name) { check(...); ... } */
struct guest_test {
	const char *name;
	void (*run)(void);
};
#define GUEST_TEST(ident)                                                                 \
	static void run_##ident(void);                                                    \
	static const struct guest_test test_##ident                                       \
		__attribute__((used, section(".guest_tests"))) = { #ident, run_##ident }; \
	static void run_##ident(void)

/* Prints "ok NAME", or "not ok NAME: why" with the text made from fmt. Returns ok. */
bool check(const char *name, bool ok, const char *fmt, ...) __printf(3, 4);
bool check_eq(const char *name, u64 got, u64 want);

void print(const char *fmt, ...) __printf(1, 2);
__noreturn void guest_exit(u8 status);

/* What the boot loader said, copied before anything else runs. */
struct guest_module {
	u32 start, end;
	char args[128];
};
struct guest_memory {
	u64 base, size;
	u32 type; /* 1 = RAM */
};
struct guest_boot {
	u32 magic; /* EAX at entry */
	u32 flags, mem_lower, mem_upper;
	char cmdline[256], loader[32];
	unsigned nr_modules, nr_memory;
	struct guest_module module[8];
	struct guest_memory memory[16];
};
extern struct guest_boot guest_boot;
/* Value of the command line's word "key=value", "" when there is none. */
const char *guest_option(const char *key, char *buf, size_t size);

/* Frequencies from CPUID 0x40000010, else measured against each other; never 0. */
u64 guest_tsc_khz(void);

void console_init(void);
void console_put(char c);
void boot_info_init(u32 magic, u32 info);

/* Bounded busy wait until *count reaches want, with interrupts open. Ticks of the TSC. */
bool wait_count(const volatile unsigned *count, unsigned want, u64 ticks);
void spin_ticks(u64 ticks);

#endif

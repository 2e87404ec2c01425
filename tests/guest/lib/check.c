/* SPDX-License-Identifier: MIT */
/* The run of a guest kernel: every test, their checks and the exit status. */
#include <stdarg.h>

#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define DEBUG_EXIT_PORT 0xf4
#define PIC1_DATA	0x21
#define PIC2_DATA	0xa1

extern const struct guest_test guest_tests[], guest_tests_end[];
__noreturn void guest_start(u32 magic, u32 info);

static unsigned ok_count, failed_count;

bool check(const char *name, bool ok, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (ok) {
		ok_count++;
		print("ok %s\n", name);
		return true;
	}
	failed_count++;
	va_start(ap, fmt);
	guest_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	print("not ok %s: %s\n", name, why);
	return false;
}

bool check_eq(const char *name, u64 got, u64 want)
{
	return check(name, got == want, "0x%llx, expected 0x%llx", (unsigned long long)got,
		     (unsigned long long)want);
}

void print(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	guest_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (const char *p = line; *p; p++)
		console_put(*p);
}

void guest_exit(u8 status)
{
	outb(DEBUG_EXIT_PORT, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* A test without any check has not tested anything. */
static bool run_test(const struct guest_test *test)
{
	ok_count = failed_count = 0;
	test->run();
	irq_disable();
	print("guest %s: %u ok, %u failed\n", test->name, ok_count, failed_count);
	return failed_count == 0 && ok_count > 0;
}

void guest_start(u32 magic, u32 info)
{
	bool ok = true;

	outb(PIC1_DATA, 0xff); /* where there is a PIC */
	outb(PIC2_DATA, 0xff);
	boot_info_init(magic, info);
	console_init();
	tables_init();
	for (const struct guest_test *t = guest_tests; t < guest_tests_end; t++)
		ok &= run_test(t);
	guest_exit(ok ? 0 : 1);
}

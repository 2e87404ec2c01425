/* SPDX-License-Identifier: MIT */
/* dirty: the log of a VM's writes at the prompt, and what its comparison finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shell_fixture.h"

#include "core/guest_memory.h"
#include "fake.h"

#define MEMORY (64 * PAGE_SIZE)

static struct backing backing;

static int setup(void **state)
{
	int err = shell_setup(state);

	fake_set_ram(16 * MiB, MEMORY);
	backing = (struct backing){ .hpa = 16 * MiB, .size = MEMORY };
	if (memslot_create(&vm[0].memory, MEMSLOT_RAM, 0, &backing) != FIRN_OK)
		return -1;
	return err;
}

static void store(u64 gpa, u8 value)
{
	assert_int_equal(guest_write(&vm[0].memory, gpa, &value, 1), FIRN_OK);
}

/* As a guest whose write nobody noticed. */
static void store_silently(u64 gpa, u8 value)
{
	u64 *log = vm[0].memory.slot[0].dirty;

	vm[0].memory.slot[0].dirty = NULL;
	store(gpa, value);
	vm[0].memory.slot[0].dirty = log;
}

static void start(void)
{
	assert_prints("dirty shell start", "The dirty log of VM shell is on.\n");
}

static void stop(void)
{
	assert_prints("dirty shell stop", "The dirty log of VM shell is off.\n");
}

static void on_and_off(void **state)
{
	static const char off[] = "The dirty log of VM shell is off: \"dirty shell start\" starts "
				  "it.\n";

	(void)state;
	assert_prints("dirty shell", off);
	assert_prints("dirty shell stop", off);
	assert_prints("dirty shell verify", off);
	assert_prints("dirty shell begin", "dirty begin: expected start, stop or verify\n");
	start();
	assert_prints("dirty shell start", "The dirty log of VM shell is on already.\n");
	assert_prints("dirty shell begin", "dirty begin: expected start, stop or verify\n");
	stop();
	assert_prints("dirty shell", off);
}

static void pages(void **state)
{
	(void)state;
	start();
	assert_has(cmd("dirty shell"), "0 pages written since the last look, 0 MiB of ");
	store(0x1000, 1);
	store(0x1008, 1);
	store(0x3000, 1);
	assert_has(cmd("dirty shell"), "2 pages written since the last look, 1 MiB of ");
	assert_has(cmd("dirty shell"), "0 pages written");
	stop();
}

static void verify(void **state)
{
	(void)state;
	start();
	assert_prints("dirty shell verify", "VM shell must be paused for that\n");
	vm[0].state = VM_PAUSED;
	assert_prints("dirty shell verify", "Remembered what is in the memory of VM shell.\n");
	assert_prints("dirty shell verify", "0 pages changed, 0 are in the log, 0 changed "
					    "unnoticed\n");
	store(0x1000, 7);
	store(0x2000, 0); /* no change */
	assert_prints("dirty shell verify", "1 pages changed, 2 are in the log, 0 changed "
					    "unnoticed\n");
	store(0x1000, 8);
	store_silently(0x3000, 9);
	assert_prints("dirty shell verify", "2 pages changed, 1 are in the log, 1 changed "
					    "unnoticed\n");
	/* A look takes pages out of the log: begin again. */
	cmd("dirty shell");
	assert_prints("dirty shell verify", "Remembered what is in the memory of VM shell.\n");
	stop();
	start();
	assert_prints("dirty shell verify", "Remembered what is in the memory of VM shell.\n");
	stop();
}

static void given_up(void **state)
{
	(void)state;
	start();
	keys("dirty shell\r" CTRL_C);
	clear_screen();
	run_cpus();
	assert_string_equal(screen, "");
	assert_has(cmd("dirty shell"), "0 pages written");
	keys("dirty shell\r" CTRL_C "dirty shell\r");
	assert_has(screen, "the last dirty command is not done yet\n");
	run_cpus();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(on_and_off, setup),
		cmocka_unit_test_setup(pages, setup),
		cmocka_unit_test_setup(verify, setup),
		cmocka_unit_test_setup(given_up, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

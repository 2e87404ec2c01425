/* SPDX-License-Identifier: MIT */
/* Console device: output that the console takes late, input with and without buffers, who gets input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev/virtio_console.h"
#include "virtio_fixture.h"

#define RINGS  0x1000ull
#define OUTPUT 0x10000ull
#define INPUT  0x20000ull

enum {
	RX,
	TX
};

static struct driver d;
static struct split_queue q[2];

static int setup(void **state)
{
	(void)state;
	virtio_fixture_begin();
	fixture_vm->vm.console = (struct vm_console *)fixture_vm;
	fixture_vm->config.virtio_console = true;
	assert_int_equal(virtio_console_create(&fixture_vm->vm), FIRN_OK);
	d = driver_probe(PCI_SLOT_CONSOLE);
	for (unsigned i = 0; i < 2; i++)
		q[i] = split_queue_at(RINGS + i * 0x1000, 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_fixture_end();
	return 0;
}

static void write_text(const char *text, u32 len)
{
	poke(OUTPUT, text, len);
	split_desc(&q[TX], 0, OUTPUT, len, 0, 0);
	split_offer(&q[TX], 0);
	kick(&d, TX);
}

static bool written(void)
{
	u32 id, len;

	return split_used(&q[TX], &id, &len);
}

static void input(const char *text)
{
	fixture_vm->input = (const u8 *)text;
	fixture_vm->input_len = strlen(text);
}

static void test_output(void **state)
{
	static char text[3000];

	(void)state;
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	driver_start(&d, 0, q, 2);
	write_text(text, sizeof(text));
	assert_false(written()); /* more than one run of the handler shows */
	run_posted_work();
	assert_true(written());
	assert_int_equal(fixture_vm->output_len, sizeof(text));
	assert_memory_equal(fixture_vm->output, text, sizeof(text));
	write_text(text, 0x20);
	assert_true(written());
}

/* Nothing is lost or shown twice when the consoles are behind. */
static void test_output_that_waits(void **state)
{
	(void)state;
	driver_start(&d, 0, q, 2);
	fixture_vm->output_room = 3;
	write_text("hello world", 11);
	run_posted_work();
	assert_false(written());
	assert_int_equal(fixture_vm->output_len, 3);
	fixture_vm->output_room = 4;
	virtio_console_output_ready(&fixture_vm->vm);
	run_posted_work();
	assert_false(written());
	fixture_vm->output_room = 100;
	virtio_console_output_ready(&fixture_vm->vm);
	run_posted_work();
	assert_true(written());
	assert_int_equal(fixture_vm->output_len, 11);
	assert_memory_equal(fixture_vm->output, "hello world", 11);
}

/* A reset in the middle forgets the rest. */
static void test_reset(void **state)
{
	(void)state;
	driver_start(&d, 0, q, 2);
	fixture_vm->output_room = 2;
	write_text("gone", 4);
	common_set(&d, REG_STATUS, 1, 0);
	fixture_vm->output_room = 100;
	virtio_console_output_ready(&fixture_vm->vm);
	run_posted_work();
	assert_int_equal(fixture_vm->output_len, 2);
	for (unsigned i = 0; i < 2; i++)
		q[i] = split_queue_at(RINGS + i * 0x1000, 16);
	driver_start(&d, 0, q, 2);
	write_text("new", 3);
	assert_true(written());
	assert_memory_equal(fixture_vm->output, "gonew", 5);
}

/* That of one queue, too; the other one's leaves it alone. */
static void test_queue_reset(void **state)
{
	(void)state;
	driver_start(&d, VIRTIO_F_RING_RESET, q, 2);
	fixture_vm->output_room = 2;
	write_text("abcd", 4);
	common_set(&d, REG_QUEUE_SELECT, 2, 0);
	common_set(&d, REG_QUEUE_RESET, 2, 1);
	fixture_vm->output_room = 1;
	virtio_console_output_ready(&fixture_vm->vm);
	run_posted_work();
	assert_int_equal(fixture_vm->output_len, 3);
	common_set(&d, REG_QUEUE_SELECT, 2, 1);
	common_set(&d, REG_QUEUE_RESET, 2, 1);
	fixture_vm->output_room = 100;
	virtio_console_output_ready(&fixture_vm->vm);
	run_posted_work();
	q[1] = split_queue_at(RINGS + 0x1000, 16);
	driver_queue(&d, 1, &q[1]);
	write_text("new", 3);
	assert_true(written());
	assert_memory_equal(fixture_vm->output, "abcnew", 6);
}

static void test_input(void **state)
{
	char got[8];
	u32 id, len;

	(void)state;
	input("abcdef");
	assert_false(virtio_console_input_ready(&fixture_vm->vm)); /* the UART's, as yet */
	driver_start(&d, 0, q, 2);
	assert_true(virtio_console_input_ready(&fixture_vm->vm));
	run_posted_work();
	assert_int_equal(fixture_vm->input_len, 6); /* there is no buffer */
	for (u16 i = 0; i < 3; i++) {
		split_desc(&q[RX], i, INPUT + i * 16, 4, D_WRITE, 0);
		split_offer(&q[RX], i);
	}
	kick(&d, RX);
	assert_true(split_used(&q[RX], &id, &len) && id == 0 && len == 4);
	assert_true(split_used(&q[RX], &id, &len) && id == 1 && len == 2);
	assert_false(split_used(&q[RX], &id, &len)); /* an empty buffer is kept */
	peek(INPUT, got, 4);
	assert_memory_equal(got, "abcd", 4);
	input("g");
	assert_true(virtio_console_input_ready(&fixture_vm->vm));
	run_posted_work();
	assert_true(split_used(&q[RX], &id, &len) && id == 2 && len == 1);
	peek(INPUT + 32, got, 1);
	assert_int_equal(got[0], 'g');
}

/* A broken device takes no input: it is the UART's again. */
static void test_broken(void **state)
{
	(void)state;
	driver_start(&d, 0, q, 2);
	split_offer(&q[TX], 99);
	kick(&d, TX);
	assert_false(virtio_console_input_ready(&fixture_vm->vm));
	assert_int_equal(fixture_vm->crashes, 0);
}

static void test_not_configured(void **state)
{
	(void)state;
	virtio_fixture_begin();
	assert_int_equal(virtio_console_create(&fixture_vm->vm), FIRN_OK);
	assert_null(fixture_vm->vm.vdevs->virtio[PCI_SLOT_CONSOLE]);
	assert_false(virtio_console_input_ready(&fixture_vm->vm));
	virtio_console_output_ready(&fixture_vm->vm);
	virtio_fixture_end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output),
		TEST(test_output_that_waits),
		TEST(test_reset),
		TEST(test_queue_reset),
		TEST(test_input),
		TEST(test_broken),
		cmocka_unit_test(test_not_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

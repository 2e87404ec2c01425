/* SPDX-License-Identifier: MIT */
/* Random numbers: ChaCha20, health tests, sources that fail, the entropy device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/entropy.c"
#include "core/vdev/virtio_rng.h"
#include "virtio_fixture.h"

static char said[4096];

static void record(struct log_sink *sink, const char *text, size_t len)
{
	size_t used = strlen(said);

	(void)sink;
	if (used + len < sizeof(said)) {
		memcpy(said + used, text, len);
		said[used + len] = 0;
	}
}

static struct log_sink sink = { .name = "test", .write = record };

static int setup(void **state)
{
	static bool once;

	(void)state;
	if (!once)
		log_add_sink(&sink);
	once = true;
	memset(&generator, 0, sizeof(generator));
	said[0] = 0;
	fake_reset();
	return 0;
}

/* RFC 8439 2.3.2 */
static void test_chacha20_vector(void **state)
{
	static const u32 want[] = { 0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
				    0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
				    0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
				    0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2 };
	const u32 nonce[] = { 0x09000000, 0x4a000000, 0 };
	u32 key[8], out[16];

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		((u8 *)key)[i] = i;
	chacha20_block(key, 1, nonce, out);
	assert_memory_equal(out, want, sizeof(want));
}

static const struct health_limits limits = { .repeats = 4, .window = 16, .matches = 6 };

static void test_repetition_count(void **state)
{
	struct health h = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(health_check(&h, &limits, 7));
	assert_true(health_check(&h, &limits, 8));
	for (unsigned i = 0; i < 2; i++)
		assert_true(health_check(&h, &limits, 8));
	assert_false(health_check(&h, &limits, 8));
	assert_false(health_check(&h, &limits, 9)); /* once failed, always failed */
}

static void test_adaptive_proportion(void **state)
{
	struct health h = { 0 };

	(void)state;
	/* five of sixteen, in two windows: nine of them lie close together */
	for (unsigned i = 0; i < 16; i++)
		assert_true(health_check(&h, &limits, i % 4 == 0 || i == 15 ? 1 : 100 + i));
	for (unsigned i = 0; i < 10; i++)
		assert_true(health_check(&h, &limits, i % 3 ? 200 + i : 1));
	assert_true(health_check(&h, &limits, 1));
	assert_false(health_check(&h, &limits, 1));
}

static void test_output_differs(void **state)
{
	u8 a[100], b[100];
	unsigned ones = 0;

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (unsigned i = 0; i < sizeof(a); i++)
		ones += __builtin_popcount(a[i]);
	assert_in_range(ones, 300, 500);
	b[0] = 0xaa;
	random_bytes(b, 0);
	assert_int_equal(b[0], 0xaa);
}

static unsigned asked;

static bool count_and_give(u64 *value)
{
	*value = (u64)++asked * 0x9e3779b97f4a7c15ull;
	return true;
}

static void test_seeded_again(void **state)
{
	u8 block[32];

	(void)state;
	fake_hw_random = count_and_give;
	asked = 0;
	for (unsigned i = 0; i < 1024; i++)
		random_bytes(block, sizeof(block));
	assert_int_equal(asked, 4);
	random_bytes(block, 1);
	assert_int_equal(asked, 8);
}

static bool always_five(u64 *value)
{
	asked++;
	*value = 5;
	return true;
}

static void test_stuck_source_is_left_out(void **state)
{
	u8 a[32], b[32];

	(void)state;
	fake_hw_random = always_five;
	random_bytes(a, sizeof(a));
	assert_non_null(strstr(said, "the CPU's generator failed its health test"));
	asked = 0;
	generator.blocks_left = 0;
	random_bytes(b, sizeof(b));
	assert_int_equal(asked, 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static bool nothing(u64 *value)
{
	(void)value;
	asked++;
	return false;
}

/* The fake TSC stands still, so the jitter is none: that is noticed, said once, and nothing waits. */
static void test_no_source(void **state)
{
	u8 a[32];
	const char *first;

	(void)state;
	fake_hw_random = nothing;
	asked = 0;
	random_bytes(a, sizeof(a));
	assert_int_equal(asked, 4 * 10);
	assert_false(generator.hardware.failed);
	assert_true(generator.jitter.failed);
	first = strstr(said, "the TSC's jitter failed its health test");
	assert_non_null(first);
	generator.blocks_left = 0;
	random_bytes(a, sizeof(a));
	assert_null(strstr(first + 1, "the TSC"));
}

static bool device_gives;
static unsigned filled;

static bool count_and_fill(u64 words[ENTROPY_DEVICE_WORDS])
{
	filled++;
	for (unsigned i = 0; i < ENTROPY_DEVICE_WORDS; i++)
		words[i] = 0x123456789abcdefull * (filled * ENTROPY_DEVICE_WORDS + i);
	return device_gives;
}

static void first_bytes(u8 bytes[32], bool with_device, bool gives)
{
	setup(NULL);
	fake_hw_random = nothing;
	device_gives = gives;
	filled = 0;
	if (with_device)
		entropy_add_device(count_and_fill);
	random_bytes(bytes, 32);
}

/* The fake clock and CPU give the same each time: only the device makes a difference. */
static void test_machine_device_adds_to_seeds(void **state)
{
	u8 without[32], waiting[32], with[32], block[32];

	(void)state;
	first_bytes(without, false, false);
	first_bytes(waiting, true, false);
	first_bytes(with, true, true);
	assert_memory_equal(without, waiting, sizeof(without));
	assert_memory_not_equal(without, with, sizeof(without));
	assert_int_equal(filled, 1);
	for (unsigned i = 0; i < 1024; i++)
		random_bytes(block, sizeof(block));
	assert_int_equal(filled, 2);
}

static void test_machine_device_that_comes_later(void **state)
{
	u8 block[32];

	(void)state;
	random_bytes(block, sizeof(block));
	filled = 0;
	device_gives = true;
	entropy_add_device(count_and_fill);
	random_bytes(block, sizeof(block));
	assert_int_equal(filled, 1);
}

static bool fill_with_fives(u64 words[ENTROPY_DEVICE_WORDS])
{
	filled++;
	for (unsigned i = 0; i < ENTROPY_DEVICE_WORDS; i++)
		words[i] = 5;
	return true;
}

static void test_stuck_machine_device_is_left_out(void **state)
{
	u8 block[32];

	(void)state;
	filled = 0;
	entropy_add_device(fill_with_fives);
	random_bytes(block, sizeof(block));
	assert_non_null(strstr(said, "the virtio-rng device failed its health test"));
	generator.blocks_left = 0;
	random_bytes(block, sizeof(block));
	assert_int_equal(filled, 1);
}

static void test_device(void **state)
{
	struct split_queue q;
	struct driver d;
	u8 bytes[300] = { 0 };
	u32 id, len;
	unsigned zeros = 0;

	(void)state;
	virtio_fixture_begin();
	assert_int_equal(virtio_rng_create(&fixture_vm->vm), FIRN_OK); /* not asked for */
	assert_null(fixture_vm->vm.vdevs->virtio[PCI_SLOT_RNG]);
	fixture_vm->config.rng = true;
	assert_int_equal(virtio_rng_create(&fixture_vm->vm), FIRN_OK);
	d = driver_probe(PCI_SLOT_RNG);
	assert_int_equal(config_get(PCI_SLOT_RNG, 2, 2), 0x1044);
	q = split_queue_at(0x1000, 8);
	driver_start(&d, 0, &q, 1);
	split_desc(&q, 0, 0x10000, 64, D_WRITE, 0);
	split_desc(&q, 1, 0x11000, 300, D_WRITE, 0);
	split_desc(&q, 2, 0x12000, 8, 0, 0); /* nothing to write into */
	for (unsigned i = 0; i < 3; i++)
		split_offer(&q, i);
	kick(&d, 0);
	assert_true(split_used(&q, &id, &len));
	assert_int_equal(len, 64);
	assert_true(split_used(&q, &id, &len));
	assert_int_equal(len, 256);
	assert_true(split_used(&q, &id, &len));
	assert_int_equal(len, 0);
	peek(0x11000, bytes, sizeof(bytes));
	for (unsigned i = 0; i < 256; i++)
		zeros += bytes[i] == 0;
	assert_in_range(zeros, 0, 20);
	for (unsigned i = 256; i < 300; i++)
		assert_int_equal(bytes[i], 0);
	virtio_fixture_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_chacha20_vector, setup),
		cmocka_unit_test_setup(test_repetition_count, setup),
		cmocka_unit_test_setup(test_adaptive_proportion, setup),
		cmocka_unit_test_setup(test_output_differs, setup),
		cmocka_unit_test_setup(test_seeded_again, setup),
		cmocka_unit_test_setup(test_stuck_source_is_left_out, setup),
		cmocka_unit_test_setup(test_no_source, setup),
		cmocka_unit_test_setup(test_machine_device_adds_to_seeds, setup),
		cmocka_unit_test_setup(test_machine_device_that_comes_later, setup),
		cmocka_unit_test_setup(test_stuck_machine_device_is_left_out, setup),
		cmocka_unit_test_setup(test_device, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

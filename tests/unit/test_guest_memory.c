/* SPDX-License-Identifier: MIT */
/* Guest memory accessors: bounds, slots side by side, ROM, dirty bits, random use against a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/guest_memory.h"
#include "fake.h"

/*
 * Guest pages 0-3 RAM, 4-5 ROM, 6-7 RAM: adjacent, but not in this order on the host. Page 16: RAM.
 */
#define RAM_BASE MiB
static struct memslots ms;
static struct backing low, rom, high, alone;
static u64 dirty_low, dirty_rom, dirty_high;
static u8 *ram;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	ram = fake_set_ram(RAM_BASE, 16 * PAGE_SIZE);
	memset(&ms, 0, sizeof(ms));
	dirty_low = dirty_rom = dirty_high = 0;
	low = (struct backing){ .hpa = RAM_BASE + 8 * PAGE_SIZE, .size = 4 * PAGE_SIZE };
	rom = (struct backing){ .hpa = RAM_BASE, .size = 2 * PAGE_SIZE };
	high = (struct backing){ .hpa = RAM_BASE + 4 * PAGE_SIZE, .size = 2 * PAGE_SIZE };
	alone = (struct backing){ .hpa = RAM_BASE + 15 * PAGE_SIZE, .size = PAGE_SIZE };
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, &low), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_ROM, 4 * PAGE_SIZE, &rom), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 6 * PAGE_SIZE, &high), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 16 * PAGE_SIZE, &alone), FIRN_OK);
	assert_int_equal(memslot_set_dirty_log(&ms, 0, &dirty_low), FIRN_OK);
	assert_int_equal(memslot_set_dirty_log(&ms, 4 * PAGE_SIZE, &dirty_rom), FIRN_OK);
	assert_int_equal(memslot_set_dirty_log(&ms, 6 * PAGE_SIZE, &dirty_high), FIRN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void test_round_trip_over_slots(void **state)
{
	u8 out[8 * PAGE_SIZE], in[8 * PAGE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + i / 256;
	assert_int_equal(guest_load(&ms, 0, out, sizeof(out)), FIRN_OK);
	assert_int_equal(guest_read(&ms, 0, in, sizeof(in)), FIRN_OK);
	assert_memory_equal(in, out, sizeof(out));
	assert_memory_equal(ram + 8 * PAGE_SIZE, out, 4 * PAGE_SIZE);
	assert_memory_equal(ram, out + 4 * PAGE_SIZE, 2 * PAGE_SIZE);
	assert_memory_equal(ram + 4 * PAGE_SIZE, out + 6 * PAGE_SIZE, 2 * PAGE_SIZE);
	assert_int_equal(guest_read(&ms, 4 * PAGE_SIZE - 1, in, 2), FIRN_OK);
	assert_memory_equal(in, out + 4 * PAGE_SIZE - 1, 2);
}

static void test_bounds(void **state)
{
	static const struct {
		u64 gpa;
		size_t len;
		bool ok;
	} cases[] = {
		{ 0, 1, true },
		{ 8 * PAGE_SIZE - 1, 1, true },
		{ 8 * PAGE_SIZE, 1, false },
		{ 8 * PAGE_SIZE - 1, 2, false },
		{ 0, 8 * PAGE_SIZE, true },
		{ 0, 8 * PAGE_SIZE + 1, false },
		{ 0, SIZE_MAX, false },
		{ 1, SIZE_MAX, false },
		{ ~0ull, 1, false },
		{ ~0ull, 2, false },
		{ ~0ull - 7, 8, false },
		{ PAGE_SIZE, SIZE_MAX - PAGE_SIZE + 1, false },
		{ 16 * PAGE_SIZE - 1, 1, false },
		{ 16 * PAGE_SIZE - 1, 2, false },
		{ 16 * PAGE_SIZE, PAGE_SIZE, true },
		{ 17 * PAGE_SIZE, 1, false },
		{ 12 * PAGE_SIZE, 0, true }, /* nothing is accessed */
	};
	static u8 buf[8 * PAGE_SIZE + 1];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		enum firn_err err = cases[i].ok ? FIRN_OK : ERR_RANGE;

		assert_int_equal(guest_read(&ms, cases[i].gpa, buf, cases[i].len), err);
		assert_int_equal(guest_load(&ms, cases[i].gpa, buf, cases[i].len), err);
		if (!cases[i].ok) {
			assert_int_equal(guest_write(&ms, cases[i].gpa, buf, cases[i].len), err);
			assert_int_equal(guest_zero(&ms, cases[i].gpa, cases[i].len), err);
			assert_null(guest_map(&ms, cases[i].gpa, cases[i].len, GUEST_READ));
		}
	}
}

static void test_failure_changes_nothing(void **state)
{
	u8 buf[4 * PAGE_SIZE], before[16 * PAGE_SIZE];

	(void)state;
	memset(ram, 0x11, 16 * PAGE_SIZE);
	memcpy(before, ram, sizeof(before));
	memset(buf, 0x22, sizeof(buf));
	assert_int_equal(guest_write(&ms, 7 * PAGE_SIZE, buf, sizeof(buf)), ERR_RANGE);
	assert_int_equal(guest_load(&ms, 7 * PAGE_SIZE, buf, sizeof(buf)), ERR_RANGE);
	assert_int_equal(guest_zero(&ms, 7 * PAGE_SIZE, sizeof(buf)), ERR_RANGE);
	assert_int_equal(guest_write(&ms, 3 * PAGE_SIZE, buf, sizeof(buf)), ERR_READONLY);
	assert_int_equal(guest_zero(&ms, 3 * PAGE_SIZE, sizeof(buf)), ERR_READONLY);
	assert_int_equal(guest_read(&ms, 7 * PAGE_SIZE, buf, sizeof(buf)), ERR_RANGE);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0x22);
	assert_memory_equal(ram, before, sizeof(before));
	assert_int_equal(dirty_low | dirty_rom | dirty_high, 0);
}

static void test_rom(void **state)
{
	u8 byte = 0x5a;

	(void)state;
	assert_int_equal(guest_write(&ms, 4 * PAGE_SIZE, &byte, 1), ERR_READONLY);
	assert_int_equal(guest_write(&ms, 6 * PAGE_SIZE - 1, &byte, 1), ERR_READONLY);
	assert_int_equal(guest_zero(&ms, 4 * PAGE_SIZE, 1), ERR_READONLY);
	assert_null(guest_map(&ms, 4 * PAGE_SIZE, 1, GUEST_WRITE));
	assert_ptr_equal(guest_map(&ms, 4 * PAGE_SIZE, 1, GUEST_READ), ram);
	assert_int_equal(guest_load(&ms, 5 * PAGE_SIZE, &byte, 1), FIRN_OK);
	assert_int_equal(ram[PAGE_SIZE], 0x5a);
	assert_int_equal(dirty_rom, BIT(1));
	/* Outside and read-only at once: always the same answer, whatever comes first. */
	assert_int_equal(guest_zero(&ms, 4 * PAGE_SIZE, 5 * PAGE_SIZE), ERR_RANGE);
}

static void test_dirty_bits(void **state)
{
	u8 buf[3 * PAGE_SIZE] = { 0 };

	(void)state;
	assert_int_equal(guest_read(&ms, 0, buf, sizeof(buf)), FIRN_OK);
	assert_non_null(guest_map(&ms, 0, PAGE_SIZE, GUEST_READ));
	assert_int_equal(guest_write(&ms, 0, buf, 0), FIRN_OK);
	assert_int_equal(dirty_low, 0);
	assert_int_equal(guest_write(&ms, PAGE_SIZE, buf, 1), FIRN_OK);
	assert_int_equal(dirty_low, BIT(1));
	assert_int_equal(guest_write(&ms, 3 * PAGE_SIZE - 1, buf, 2), FIRN_OK);
	assert_int_equal(dirty_low, BIT(1) | BIT(2) | BIT(3));
	dirty_low = 0;
	assert_int_equal(guest_zero(&ms, 0, PAGE_SIZE), FIRN_OK);
	assert_int_equal(dirty_low, BIT(0));
	assert_non_null(guest_map(&ms, 6 * PAGE_SIZE + 4095, 2, GUEST_WRITE));
	assert_int_equal(dirty_high, BIT(0) | BIT(1));
	/* Logging off: no bit, and the bitmap is not touched. */
	dirty_low = 0;
	assert_int_equal(memslot_set_dirty_log(&ms, 0, NULL), FIRN_OK);
	assert_int_equal(guest_write(&ms, 0, buf, 1), FIRN_OK);
	assert_int_equal(dirty_low, 0);
}

static void test_dirty_bitmap_of_many_words(void **state)
{
	static u64 bitmap[DIV_ROUND_UP(130, 64)];
	struct backing big = { .hpa = RAM_BASE, .size = 130 * PAGE_SIZE };
	struct memslots many = { 0 };

	(void)state;
	fake_set_ram(RAM_BASE, 130 * PAGE_SIZE);
	assert_int_equal(memslot_create(&many, MEMSLOT_RAM, 32 * PAGE_SIZE, &big), FIRN_OK);
	assert_int_equal(memslot_set_dirty_log(&many, 32 * PAGE_SIZE, bitmap), FIRN_OK);
	assert_int_equal(guest_zero(&many, 32 * PAGE_SIZE, 130 * PAGE_SIZE), FIRN_OK);
	assert_int_equal(bitmap[0], ~0ull);
	assert_int_equal(bitmap[1], ~0ull);
	assert_int_equal(bitmap[2], 3);
}

static void test_map_stays_in_one_slot(void **state)
{
	(void)state;
	assert_ptr_equal(guest_map(&ms, 0, 4 * PAGE_SIZE, GUEST_WRITE), ram + 8 * PAGE_SIZE);
	assert_null(guest_map(&ms, 0, 4 * PAGE_SIZE + 1, GUEST_READ));
	assert_null(guest_map(&ms, 4 * PAGE_SIZE - 1, 2, GUEST_READ));
	assert_null(guest_map(&ms, 0, 0, GUEST_READ));
	assert_null(guest_map(&ms, 6 * PAGE_SIZE, SIZE_MAX, GUEST_READ));
	assert_int_equal(dirty_rom | dirty_high, 0);
}

static void test_span(void **state)
{
	struct guest_span span;
	u32 word = 0x11223344;

	(void)state;
	assert_int_equal(guest_span_find(&span, &ms, 64, 3 * PAGE_SIZE, GUEST_WRITE), FIRN_OK);
	assert_int_equal(dirty_low, 0); /* finding is no write */
	guest_span_store_u16(&span, PAGE_SIZE - 64, 0xabcd);
	assert_int_equal(guest_span_load_u16(&span, PAGE_SIZE - 64), 0xabcd);
	assert_int_equal(dirty_low, BIT(1));
	guest_span_write(&span, 2 * PAGE_SIZE - 66, &word, sizeof(word));
	assert_int_equal(dirty_low, BIT(1) | BIT(2));
	word = 0;
	guest_span_read(&span, 2 * PAGE_SIZE - 66, &word, sizeof(word));
	assert_int_equal(word, 0x11223344);
	assert_memory_equal(ram + 10 * PAGE_SIZE - 2, &word, sizeof(word));
	/* logs that come and go are looked for at each write */
	dirty_low = 0;
	assert_int_equal(memslot_set_dirty_log(&ms, 0, NULL), FIRN_OK);
	guest_span_store_u16(&span, 0, 1);
	assert_int_equal(dirty_low, 0);
	assert_int_equal(memslot_set_dirty_log(&ms, 0, &dirty_low), FIRN_OK);
	guest_span_store_u16(&span, 0, 2);
	assert_int_equal(dirty_low, BIT(0));
}

static void test_span_over_slots(void **state)
{
	u64 begin = 6 * PAGE_SIZE - 64, value = 0x1122334455667788;
	struct guest_span span;

	(void)state;
	assert_int_equal(guest_span_find(&span, &ms, begin, 128, GUEST_WRITE), ERR_READONLY);
	assert_int_equal(guest_span_find(&span, &ms, begin, 128, GUEST_READ), FIRN_OK);
	assert_null(span.at);
	memcpy(ram + 2 * PAGE_SIZE - 4, &value, 4);
	memcpy(ram + 4 * PAGE_SIZE, (char *)&value + 4, 4);
	value = 0;
	guest_span_read(&span, 60, &value, sizeof(value));
	assert_int_equal(value, 0x1122334455667788);
	assert_int_equal(guest_span_load_u16(&span, 62), 0x5566);
	guest_span_store_u16(&span, 64, 0xbeef);
	assert_int_equal(guest_span_load_u16(&span, 64), 0xbeef);
	guest_span_write(&span, 126, &value, 2);
	assert_int_equal(dirty_high, BIT(0));
	/* behind the contract: ROM is not written, what is not there reads as zeros */
	guest_span_write(&span, 60, &value, sizeof(value));
	guest_span_store_u16(&span, 0, 0xffff);
	assert_int_equal(guest_span_load_u16(&span, 0), 0);
	guest_span_read(&span, 4 * PAGE_SIZE, &value, sizeof(value));
	assert_int_equal(value, 0);
	assert_int_equal(guest_span_load_u16(&span, 4 * PAGE_SIZE), 0);
	assert_int_equal(dirty_low | dirty_rom, 0);
}

static void test_span_bounds(void **state)
{
	static const struct {
		u64 gpa, len;
		enum firn_err read, write;
	} rows[] = {
		{ 0, 4 * PAGE_SIZE, FIRN_OK, FIRN_OK },
		{ 0, 0, FIRN_OK, FIRN_OK },
		{ 4 * PAGE_SIZE, 1, FIRN_OK, ERR_READONLY },
		{ 4 * PAGE_SIZE - 1, 2, FIRN_OK, ERR_READONLY },
		{ 8 * PAGE_SIZE - 1, 2, ERR_RANGE, ERR_RANGE },
		{ 8 * PAGE_SIZE, 1, ERR_RANGE, ERR_RANGE },
		{ ~0ull, 1, ERR_RANGE, ERR_RANGE },
		{ ~0ull, 2, ERR_RANGE, ERR_RANGE },
		{ 0, ~0ull, ERR_RANGE, ERR_RANGE },
	};
	struct guest_span span;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(guest_span_find(&span, &ms, rows[i].gpa, rows[i].len, GUEST_READ),
				 rows[i].read);
		assert_int_equal(guest_span_find(&span, &ms, rows[i].gpa, rows[i].len, GUEST_WRITE),
				 rows[i].write);
		assert_true(rows[i].write == FIRN_OK || !span.at);
	}
}

static void test_random_use_against_copy(void **state)
{
	static u8 copy[8 * PAGE_SIZE], buf[8 * PAGE_SIZE];

	(void)state;
	srand(4);
	for (unsigned i = 0; i < 20000; i++) {
		u64 gpa = rand() % (9 * PAGE_SIZE);
		size_t len = rand() % (i % 2 ? 64 : 3 * PAGE_SIZE);
		bool inside = len == 0 || gpa + len <= 8 * PAGE_SIZE;
		bool touches_rom = len && gpa < 6 * PAGE_SIZE && gpa + len > 4 * PAGE_SIZE;
		enum firn_err err = inside ? FIRN_OK : ERR_RANGE;

		memset(buf, i, len);
		if (rand() % 2) {
			assert_int_equal(guest_read(&ms, gpa, buf, len), err);
			if (inside && len)
				assert_memory_equal(buf, copy + gpa, len);
		} else if (rand() % 2) {
			assert_int_equal(guest_load(&ms, gpa, buf, len), err);
			if (inside)
				memcpy(copy + (len ? gpa : 0), buf, len);
		} else {
			if (inside && touches_rom)
				err = ERR_READONLY;
			assert_int_equal(guest_write(&ms, gpa, buf, len), err);
			if (err == FIRN_OK)
				memcpy(copy + (len ? gpa : 0), buf, len);
		}
	}
}

/* Memory with a present map: old contents are never seen, chunks are cleared once. */
static void test_cleared_when_first_touched(void **state)
{
	struct memslots own = { 0 };
	struct backing lazy = { .hpa = 4 * MiB, .size = 3 * BACKING_CHUNK - PAGE_SIZE };
	u64 present = 0, value = 0;
	u8 *old = fake_set_ram(4 * MiB, 3 * BACKING_CHUNK);

	(void)state;
	memset(old, 0xaa, 3 * BACKING_CHUNK);
	lazy.present = &present;
	assert_int_equal(backing_map_words(lazy.size), 1);
	assert_int_equal(memslot_create(&own, MEMSLOT_RAM, 0, &lazy), FIRN_OK);

	assert_int_equal(guest_read(&own, BACKING_CHUNK + 8, &value, sizeof(value)), FIRN_OK);
	assert_int_equal(value, 0);
	assert_int_equal(present, BIT(1));
	assert_int_equal(old[0], 0xaa); /* not touched, not cleared */

	value = 0x1122334455667788;
	assert_int_equal(guest_write(&own, BACKING_CHUNK - 4, &value, sizeof(value)), FIRN_OK);
	assert_int_equal(present, BIT(0) | BIT(1));
	value = 0;
	assert_int_equal(guest_read(&own, BACKING_CHUNK - 4, &value, sizeof(value)), FIRN_OK);
	assert_int_equal(value, 0x1122334455667788);

	/* The last chunk is shorter: what follows it belongs to somebody else. */
	assert_non_null(guest_map(&own, lazy.size - 1, 1, GUEST_WRITE));
	assert_int_equal(present, BIT(0) | BIT(1) | BIT(2));
	assert_int_equal(old[lazy.size - 1], 0);
	assert_int_equal(old[lazy.size], 0xaa);

	backing_forget(&lazy);
	assert_int_equal(present, 0);
	assert_int_equal(guest_read(&own, BACKING_CHUNK - 4, &value, sizeof(value)), FIRN_OK);
	assert_int_equal(value, 0);
}

/* A failed access touches nothing, so a guest can't make the host clear memory for nothing. */
static void test_out_of_range_clears_nothing(void **state)
{
	struct memslots own = { 0 };
	struct backing lazy = { .hpa = 4 * MiB, .size = BACKING_CHUNK };
	u64 present = 0, value;

	(void)state;
	fake_set_ram(4 * MiB, BACKING_CHUNK);
	lazy.present = &present;
	assert_int_equal(memslot_create(&own, MEMSLOT_RAM, 0, &lazy), FIRN_OK);
	assert_int_equal(guest_read(&own, BACKING_CHUNK - 4, &value, sizeof(value)), ERR_RANGE);
	assert_null(guest_map(&own, BACKING_CHUNK - 4, 8, GUEST_READ));
	assert_int_equal(present, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip_over_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dirty_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dirty_bitmap_of_many_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_stays_in_one_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_span, setup, teardown),
		cmocka_unit_test_setup_teardown(test_span_over_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_span_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_use_against_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cleared_when_first_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_range_clears_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

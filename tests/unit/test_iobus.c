/* SPDX-License-Identifier: MIT */
/* I/O bus: registration rules, lookup at every edge, memory running out at every allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/iobus.h"
#include "fake.h"

/* malloc() is wrapped by the linker: allocations can fail, and what is not freed is counted. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *ptr);
void __wrap_free(void *ptr);

static int fail_after = -1; /* so many allocations succeed; -1 = all */
static int blocks;

void *__wrap_malloc(size_t size)
{
	if (fail_after == 0)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	blocks++;
	return __real_malloc(size);
}

void __wrap_free(void *ptr)
{
	blocks -= ptr != NULL;
	__real_free(ptr);
}

struct test_dev {
	u64 value, offset;
	unsigned width, reads, writes;
};

static u64 dev_read(void *dev, u64 offset, unsigned width)
{
	struct test_dev *d = dev;

	d->offset = offset;
	d->width = width;
	d->reads++;
	return d->value;
}

static void dev_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct test_dev *d = dev;

	d->offset = offset;
	d->width = width;
	d->value = value;
	d->writes++;
}

static const struct iodev_ops ops = { .name = "test", .read = dev_read, .write = dev_write };
static struct test_dev devs[IOBUS_MAX_RANGES + 1];
static struct iobus bus;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&bus, 0, sizeof(bus));
	memset(devs, 0, sizeof(devs));
	fail_after = -1;
	blocks = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fail_after = -1;
	iobus_destroy(&bus);
	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
	return blocks;
}

static enum firn_err add(u64 base, u64 len, unsigned dev)
{
	return iobus_register(&bus, base, len, &ops, &devs[dev]);
}

static bool hits(u64 addr, unsigned width, unsigned dev)
{
	const struct iorange *r = iobus_find(&bus, addr, width);

	return r && r->dev == &devs[dev];
}

static void test_empty_bus(void **state)
{
	u64 value = 1;

	(void)state;
	assert_null(iobus_find(&bus, 0, 1));
	assert_false(iobus_read(&bus, 0x3f8, 1, &value));
	assert_int_equal(value, 0xff);
	assert_false(iobus_write(&bus, 0x3f8, 1, 0));
	assert_int_equal(iobus_unregister(&bus, 0), ERR_NOENT);
	iobus_destroy(&bus);
}

static void test_edges(void **state)
{
	(void)state;
	assert_int_equal(add(0x3f8, 8, 1), FIRN_OK);
	assert_true(hits(0x3f8, 1, 1));
	assert_true(hits(0x3f8, 8, 1));
	assert_true(hits(0x3ff, 1, 1));
	assert_true(hits(0x3fc, 4, 1));
	/* Straddling either end belongs to nobody. */
	assert_null(iobus_find(&bus, 0x3fd, 4));
	assert_null(iobus_find(&bus, 0x3ff, 2));
	assert_null(iobus_find(&bus, 0x3f7, 2));
	assert_null(iobus_find(&bus, 0x3f7, 1));
	assert_null(iobus_find(&bus, 0x400, 1));
	assert_null(iobus_find(&bus, 0, 1));
	assert_null(iobus_find(&bus, ~0ull, 1));
	assert_null(iobus_find(&bus, ~0ull, 8));
	assert_null(iobus_find(&bus, ~0ull - 7, 8));
	/* Nor does an access that covers two devices side by side. */
	assert_int_equal(add(0x400, 8, 2), FIRN_OK);
	assert_null(iobus_find(&bus, 0x3fe, 4));
	assert_true(hits(0x400, 4, 2));
}

static void test_refused(void **state)
{
	static const struct {
		u64 base, len;
		enum firn_err err;
	} cases[] = {
		{ 0x1000, 0x1000, ERR_OVERLAP },
		{ 0x1800, 1, ERR_OVERLAP },
		{ 0x0fff, 2, ERR_OVERLAP },
		{ 0x1fff, 1, ERR_OVERLAP },
		{ 0, 0x10000, ERR_OVERLAP },
		{ 0, ~0ull, ERR_OVERLAP },
		{ 0x3000, 0, ERR_RANGE },
		{ 0x1000, 0, ERR_RANGE },
		{ ~0ull, 1, ERR_RANGE },
		{ ~0ull, 2, ERR_RANGE },
		{ 0x3000, ~0ull, ERR_RANGE },
		{ 1, ~0ull, ERR_RANGE },
		{ ~0ull - 0xfff, 0x1000, ERR_RANGE },
	};

	(void)state;
	assert_int_equal(add(0x1000, 0x1000, 1), FIRN_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(add(cases[i].base, cases[i].len, 2), cases[i].err);
	assert_int_equal(add(0x2000, 1, 2), FIRN_OK);
	assert_int_equal(add(0xfff, 1, 3), FIRN_OK);
	assert_int_equal(add(~0ull - 0x1000, 0x1000, 4), FIRN_OK);
	assert_true(hits(~0ull - 1, 1, 4));
	assert_null(iobus_find(&bus, ~0ull - 1, 2));
	assert_null(iobus_find(&bus, ~0ull, 1));
	assert_int_equal(iobus_unregister(&bus, 0x1001), ERR_NOENT);
	assert_int_equal(iobus_unregister(&bus, 0x1000), FIRN_OK);
	assert_int_equal(iobus_unregister(&bus, 0x1000), ERR_NOENT);
	assert_int_equal(add(0x1800, 1, 5), FIRN_OK);
}

static void test_access(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(add(0x100, 0x10, 1), FIRN_OK);
	devs[1].value = 0x1122334455667788;
	for (unsigned width = 1; width <= 8; width *= 2) {
		u64 mask = width == 8 ? ~0ull : BIT(8 * width) - 1;

		assert_true(iobus_read(&bus, 0x104, width, &value));
		assert_int_equal(value, 0x1122334455667788 & mask);
		assert_int_equal(devs[1].offset, 4);
		assert_int_equal(devs[1].width, width);
		assert_false(iobus_read(&bus, 0x200, width, &value));
		assert_int_equal(value, mask);
		assert_false(iobus_write(&bus, 0x200, width, 0));
	}
	assert_true(iobus_write(&bus, 0x10f, 1, 0xabcd));
	assert_int_equal(devs[1].value, 0xcd);
	assert_int_equal(devs[1].offset, 0xf);
	assert_int_equal(devs[1].reads, 4);
	assert_int_equal(devs[1].writes, 1);
}

/* Every count up to the limit: the search has no favourite sizes. */
static void test_search_at_every_size(void **state)
{
	unsigned probe[] = { 0, 0, 0, 0 };

	(void)state;
	for (unsigned n = 0; n < IOBUS_MAX_RANGES; n++) {
		assert_int_equal(add(0x1000 + 0x20ull * n, 0x10, n), FIRN_OK);
		probe[1] = n;
		probe[2] = n / 2;
		probe[3] = n > 0 ? n - 1 : 0;
		for (unsigned i = 0; i < (n < 70 ? n + 1 : ARRAY_SIZE(probe)); i++) {
			unsigned dev = n < 70 ? i : probe[i];
			u64 base = 0x1000 + 0x20ull * dev;

			assert_true(hits(base, 1, dev));
			assert_true(hits(base + 0xf, 1, dev));
			assert_null(iobus_find(&bus, base - 1, 1));
			assert_null(iobus_find(&bus, base + 0x10, 1));
		}
	}
	assert_int_equal(add(0x1000000, 1, IOBUS_MAX_RANGES), ERR_FULL);
	assert_int_equal(iobus_unregister(&bus, 0x1000 + 0x20 * 500), FIRN_OK);
	assert_int_equal(add(0x1000000, 1, IOBUS_MAX_RANGES), FIRN_OK);
	assert_int_equal(add(0x2000000, 1, IOBUS_MAX_RANGES), ERR_FULL);
	assert_true(hits(0x1000000, 1, IOBUS_MAX_RANGES));
	assert_null(iobus_find(&bus, 0x1000 + 0x20 * 500, 1));
	assert_int_equal(blocks, 1); /* before the bus is live, old maps are freed at once */
}

static void test_register_without_memory(void **state)
{
	(void)state;
	assert_int_equal(add(0x10, 1, 1), FIRN_OK);
	assert_int_equal(add(0x20, 1, 2), FIRN_OK);
	fail_after = 0;
	assert_int_equal(add(0x30, 1, 3), ERR_NOMEM);
	assert_null(iobus_find(&bus, 0x30, 1));
	assert_true(hits(0x10, 1, 1));
	assert_true(hits(0x20, 1, 2));
	fail_after = -1;
	assert_int_equal(add(0x30, 1, 3), FIRN_OK);
}

static void test_unregister_without_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(add(0x10 * i, 0x10, i), FIRN_OK);
	iobus_go_live(&bus);
	fail_after = 0;
	assert_int_equal(iobus_unregister(&bus, 0x30), FIRN_OK);
	assert_int_equal(iobus_unregister(&bus, 0x30), ERR_NOENT);
	assert_int_equal(iobus_unregister(&bus, 0), FIRN_OK);
	assert_int_equal(iobus_unregister(&bus, 0x90), FIRN_OK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(hits(0x10 * i, 1, i), i != 3 && i != 0 && i != 9);
	assert_int_equal(add(0x30, 1, 3), ERR_NOMEM);
	assert_null(iobus_find(&bus, 0x30, 1));
	fail_after = -1;
	/* The freed addresses can be used again, in other shapes. */
	assert_int_equal(add(0x38, 4, 20), FIRN_OK);
	assert_int_equal(add(0x30, 8, 21), FIRN_OK);
	assert_int_equal(add(0x3c, 4, 22), FIRN_OK);
	assert_true(hits(0x33, 1, 21));
	assert_true(hits(0x3b, 1, 20));
	assert_int_equal(bus.map->count, 10);
}

static void test_everything_unregistered_without_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(add(0x10 * i, 0x10, i), FIRN_OK);
	fail_after = 0;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(iobus_unregister(&bus, 0x10 * i), FIRN_OK);
	for (unsigned i = 0; i < 0x40; i++)
		assert_null(iobus_find(&bus, i, 1));
	fail_after = -1;
	assert_int_equal(add(0, 1, 1), FIRN_OK);
	assert_int_equal(bus.map->count, 1);
	assert_int_equal(iobus_unregister(&bus, 0), FIRN_OK);
	assert_null(bus.map);
	assert_int_equal(blocks, 0);
}

static void test_live_bus_keeps_old_maps_until_quiescence(void **state)
{
	const struct iorange *r;

	(void)state;
	assert_int_equal(add(0x10, 0x10, 1), FIRN_OK);
	iobus_go_live(&bus);
	assert_int_equal(epoch_pending(), 0);
	r = iobus_find(&bus, 0x10, 1);
	assert_int_equal(add(0x20, 0x10, 2), FIRN_OK);
	assert_int_equal(iobus_unregister(&bus, 0x10), FIRN_OK);
	assert_int_equal(epoch_pending(), 2);
	assert_int_equal(r->base, 0x10); /* the sanitizer watches */
	assert_ptr_equal(r->dev, &devs[1]);
	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
	assert_int_equal(blocks, 1);
	iobus_destroy(&bus);
	assert_int_equal(epoch_pending(), 1);
}

/* Random use with failing allocations, against a table. */
static void test_random_use_against_model(void **state)
{
	enum {
		SLOTS = 64,
		STEPS = 100000
	};
	u64 len[SLOTS] = { 0 };
	unsigned slot, i;

	(void)state;
	srand(7);
	iobus_go_live(&bus);
	for (i = 0; i < STEPS; i++) {
		enum firn_err err;

		slot = rand() % SLOTS;
		fail_after = rand() % 4 == 0 ? 0 : -1;
		if (rand() % 2) {
			u64 l = 1 + rand() % 16;

			err = add(16 * slot, l, slot);
			if (len[slot])
				assert_int_equal(err, ERR_OVERLAP);
			else
				assert_int_equal(err, fail_after == 0 ? ERR_NOMEM : FIRN_OK);
			if (err == FIRN_OK)
				len[slot] = l;
		} else {
			err = iobus_unregister(&bus, 16 * slot);
			assert_int_equal(err, len[slot] ? FIRN_OK : ERR_NOENT);
			len[slot] = 0;
		}
		slot = rand() % SLOTS;
		for (unsigned at = 0; at < 16; at++)
			assert_int_equal(hits(16 * slot + at, 1, slot), at < len[slot]);
		epoch_quiescent();
		assert_in_range(blocks, 0, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_access, setup, teardown),
		cmocka_unit_test_setup_teardown(test_search_at_every_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_register_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_everything_unregistered_without_memory, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_live_bus_keeps_old_maps_until_quiescence,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_use_against_model, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Memory slots: every combination of arguments, lifetime of backings, random use against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/memslot.h"
#include "fake.h"

#define LIMIT BIT(46)

static void test_limits(void **state)
{
	struct memslots ms = { 0 };
	struct backing b = { .hpa = PAGE_SIZE, .size = PAGE_SIZE };
	struct backing huge = { .hpa = 0, .size = LIMIT };
	struct backing wraps = { .hpa = ~0ull << 12, .size = 2 * PAGE_SIZE };

	(void)state;
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, LIMIT, &b), ERR_RANGE);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, ~0ull << 12, &b), ERR_RANGE);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, PAGE_SIZE, &huge), ERR_RANGE);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, &wraps), ERR_RANGE);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, NULL), ERR_INVALID);
	assert_false(b.bound || huge.bound || wraps.bound);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, LIMIT - PAGE_SIZE, &b), FIRN_OK);
	assert_non_null(memslot_find(&ms, LIMIT - 1));
	assert_null(memslot_find(&ms, LIMIT));
	assert_null(memslot_find(&ms, LIMIT - PAGE_SIZE - 1));
	assert_null(memslot_find(&ms, ~0ull));
	assert_int_equal(memslot_delete(&ms, LIMIT - PAGE_SIZE), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, &huge), FIRN_OK);
	assert_ptr_equal(memslot_find(&ms, LIMIT - 1), &ms.slot[0]);
}

static void test_neighbours_do_not_overlap(void **state)
{
	struct memslots ms = { 0 };
	struct backing b[4] = { [0 ... 3] = { .hpa = PAGE_SIZE, .size = 4 * PAGE_SIZE } };

	(void)state;
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 4 * PAGE_SIZE, &b[0]), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_ROM, 8 * PAGE_SIZE, &b[1]), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, &b[2]), FIRN_OK);
	for (u64 gpa = 0; gpa < 12; gpa++)
		assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, gpa * PAGE_SIZE, &b[3]),
				 ERR_OVERLAP);
	assert_false(b[3].bound);
	assert_int_equal(ms.count, 3);
	for (u64 page = 0; page < 12; page++) {
		assert_ptr_equal(memslot_find(&ms, page * PAGE_SIZE), &ms.slot[page / 4]);
		assert_ptr_equal(memslot_find(&ms, page * PAGE_SIZE + 4095), &ms.slot[page / 4]);
	}
	assert_int_equal(ms.slot[2].kind, MEMSLOT_ROM);
	assert_int_equal(memslot_delete(&ms, 5 * PAGE_SIZE), ERR_NOENT);
	assert_int_equal(memslot_delete(&ms, 4 * PAGE_SIZE), FIRN_OK);
	assert_int_equal(memslot_delete(&ms, 4 * PAGE_SIZE), ERR_NOENT);
	assert_null(memslot_find(&ms, 4 * PAGE_SIZE));
	assert_ptr_equal(memslot_find(&ms, 8 * PAGE_SIZE), &ms.slot[1]);
	assert_int_equal(ms.slot[2].size, 0);
}

static void test_full_table(void **state)
{
	struct memslots ms = { 0 };
	struct backing b[MEMSLOT_MAX + 1];

	(void)state;
	for (unsigned i = 0; i <= MEMSLOT_MAX; i++) {
		b[i] = (struct backing){ .hpa = PAGE_SIZE, .size = PAGE_SIZE };
		assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, i * PAGE_SIZE, &b[i]),
				 i < MEMSLOT_MAX ? FIRN_OK : ERR_FULL);
	}
	assert_false(b[MEMSLOT_MAX].bound);
	assert_int_equal(memslot_delete(&ms, 0), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, MEMSLOT_MAX * PAGE_SIZE, &b[MEMSLOT_MAX]),
			 FIRN_OK);
}

/* The order in which rules apply, for every combination of what can be wrong at once. */
static enum firn_err expected(bool bad_kind, bool unaligned, bool bad_range, bool overlaps,
			      bool bound, bool full)
{
	const struct {
		bool wrong;
		enum firn_err err;
	} rules[] = {
		{ bad_kind, ERR_INVALID }, { unaligned, ERR_ALIGN }, { bad_range, ERR_RANGE },
		{ overlaps, ERR_OVERLAP }, { bound, ERR_STATE },     { full, ERR_FULL },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].wrong)
			return rules[i].err;
	return FIRN_OK;
}

static void test_all_combinations(void **state)
{
	static const int kinds[] = { 0, MEMSLOT_RAM, MEMSLOT_ROM, 3, 4, -1 };
	static const u64 gpas[] = {
		0,     1,	    64 * PAGE_SIZE,	   65 * PAGE_SIZE, LIMIT - PAGE_SIZE,
		LIMIT, ~0ull << 12, 100 * PAGE_SIZE + 2048
	};
	static const u64 sizes[] = {
		0, 1, PAGE_SIZE, 2 * PAGE_SIZE, 64 * PAGE_SIZE + 1, LIMIT, ~0ull << 12
	};
	static const u64 hpas[] = { 0, PAGE_SIZE, 16, ~0ull << 12 };
	struct backing fill[MEMSLOT_MAX];
	unsigned total = 1;

	(void)state;
	total *= ARRAY_SIZE(kinds) * ARRAY_SIZE(gpas) * ARRAY_SIZE(sizes) * ARRAY_SIZE(hpas);
	for (unsigned n = 0; n < total * 4; n++) {
		unsigned i = n;
		bool full = i % 2, bound = i / 2 % 2;
		int kind = kinds[(i /= 4) % ARRAY_SIZE(kinds)];
		u64 gpa = gpas[(i /= ARRAY_SIZE(kinds)) % ARRAY_SIZE(gpas)];
		struct backing b = { .bound = bound };
		struct memslots ms = { 0 };
		bool unaligned, bad_range, overlaps = false;
		enum firn_err err;

		b.size = sizes[(i /= ARRAY_SIZE(gpas)) % ARRAY_SIZE(sizes)];
		b.hpa = hpas[i / ARRAY_SIZE(sizes)];
		/* In place already: page 64 and, in a full table, every second page from there. */
		for (unsigned s = 0; s < (full ? MEMSLOT_MAX : 1); s++) {
			u64 at = (64 + 2 * s) * PAGE_SIZE;

			fill[s] = (struct backing){ .hpa = PAGE_SIZE, .size = PAGE_SIZE };
			assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, at, &fill[s]), FIRN_OK);
			overlaps |= gpa < at + PAGE_SIZE && at < gpa + b.size;
		}
		unaligned = (gpa | b.size | b.hpa) & 4095;
		bad_range = b.size == 0 || gpa >= LIMIT || b.size > LIMIT - gpa ||
			    b.hpa + b.size < b.hpa;
		err = expected(kind != MEMSLOT_RAM && kind != MEMSLOT_ROM, unaligned, bad_range,
			       overlaps, bound, full);
		assert_int_equal(memslot_create(&ms, (enum memslot_kind)kind, gpa, &b), err);
		assert_int_equal(ms.count, (full ? MEMSLOT_MAX : 1) + (err == FIRN_OK));
		assert_int_equal(b.bound, bound || err == FIRN_OK);
	}
}

/*
 * The use-after-free this design rules out: a slot whose kind could be changed in place lost the
 * tie to its backing, which was freed later with the slot still pointing at it.
 */
static void test_kind_cannot_change_in_place(void **state)
{
	struct memslots ms = { 0 };
	struct backing *b = calloc(1, sizeof(*b)), *other = calloc(1, sizeof(*other));

	(void)state;
	b->size = other->size = PAGE_SIZE;
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, b), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_ROM, 0, b), ERR_OVERLAP);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, other), ERR_OVERLAP);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, PAGE_SIZE, b), ERR_STATE);
	assert_int_equal(ms.slot[0].kind, MEMSLOT_RAM);
	assert_true(b->bound);
	assert_false(other->bound);
	assert_int_equal(memslot_delete(&ms, 0), FIRN_OK);
	assert_false(b->bound);
	free(b);
	assert_null(memslot_find(&ms, 0));
	assert_int_equal(memslot_create(&ms, MEMSLOT_ROM, 0, other), FIRN_OK);
	assert_int_equal(memslot_delete(&ms, 0), FIRN_OK);
	free(other);
}

static void test_dirty_log_switch(void **state)
{
	struct memslots ms = { 0 };
	struct backing b = { .size = 4 * PAGE_SIZE };
	u64 bitmap = 0;

	(void)state;
	assert_int_equal(memslot_set_dirty_log(&ms, 0, &bitmap), ERR_NOENT);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, &b), FIRN_OK);
	assert_int_equal(memslot_set_dirty_log(&ms, PAGE_SIZE, &bitmap), ERR_NOENT);
	assert_int_equal(memslot_set_dirty_log(&ms, 0, &bitmap), FIRN_OK);
	assert_ptr_equal(ms.slot[0].dirty, &bitmap);
	assert_int_equal(memslot_set_dirty_log(&ms, 0, NULL), FIRN_OK);
	assert_null(ms.slot[0].dirty);
	assert_int_equal(memslot_set_dirty_log(&ms, 0, &bitmap), FIRN_OK);
	assert_int_equal(memslot_delete(&ms, 0), FIRN_OK);
	assert_int_equal(memslot_create(&ms, MEMSLOT_RAM, 0, &b), FIRN_OK);
	assert_null(ms.slot[0].dirty);
}

/* Reference model: which backing each page of a small address space belongs to. */
#define MODEL_PAGES    96
#define MODEL_BACKINGS 48
#define MODEL_STEPS    1000000

static struct memslots ms;
static struct backing *backing[MODEL_BACKINGS];
static int owner[MODEL_PAGES];	     /* index of backing, -1 = none */
static int start_of[MODEL_BACKINGS]; /* page where it is bound, -1 = not bound */
static int kind_of[MODEL_BACKINGS];
static unsigned model_count;

static enum firn_err model_create(int b, u64 page)
{
	u64 pages = backing[b]->size / PAGE_SIZE;

	for (u64 i = page; i < page + pages && i < MODEL_PAGES; i++)
		if (owner[i] >= 0)
			return ERR_OVERLAP;
	if (start_of[b] >= 0)
		return ERR_STATE;
	return model_count == MEMSLOT_MAX ? ERR_FULL : FIRN_OK;
}

static void step_create(int b)
{
	u64 pages, page = rand() % MODEL_PAGES;
	int kind = 1 + rand() % 2;
	enum firn_err err;

	if (!backing[b]) {
		backing[b] = calloc(1, sizeof(*backing[b]));
		backing[b]->hpa = rand() % 1000 * PAGE_SIZE;
		backing[b]->size = (1 + rand() % 6) * PAGE_SIZE;
	}
	pages = backing[b]->size / PAGE_SIZE;
	if (page + pages > MODEL_PAGES)
		page = MODEL_PAGES - pages;
	err = model_create(b, page);
	assert_int_equal(memslot_create(&ms, kind, page * PAGE_SIZE, backing[b]), err);
	if (err != FIRN_OK)
		return;
	model_count++;
	start_of[b] = page;
	kind_of[b] = kind;
	for (u64 i = page; i < page + pages; i++)
		owner[i] = b;
}

static void step_delete(u64 page)
{
	int b = owner[page];
	bool starts = b >= 0 && start_of[b] == (int)page;

	assert_int_equal(memslot_delete(&ms, page * PAGE_SIZE), starts ? FIRN_OK : ERR_NOENT);
	if (!starts)
		return;
	for (u64 i = 0; i < backing[b]->size / PAGE_SIZE; i++)
		owner[page + i] = -1;
	start_of[b] = -1;
	model_count--;
}

/* Freed as soon as it is unbound: whoever still looks at it is caught by the sanitizer. */
static void step_free(int b)
{
	if (!backing[b] || backing[b]->bound)
		return;
	assert_int_equal(start_of[b], -1);
	free(backing[b]);
	backing[b] = NULL;
}

static void step_find(u64 page)
{
	struct memslot *slot = memslot_find(&ms, page * PAGE_SIZE + rand() % PAGE_SIZE);
	int b = owner[page];

	if (b < 0) {
		assert_null(slot);
		return;
	}
	assert_ptr_equal(slot->backing, backing[b]);
	assert_int_equal(slot->gpa, start_of[b] * PAGE_SIZE);
	assert_int_equal(slot->size, backing[b]->size);
	assert_int_equal(slot->kind, kind_of[b]);
	assert_true(slot->backing->bound);
}

static void test_random_use_against_model(void **state)
{
	(void)state;
	srand(19);
	for (int i = 0; i < MODEL_PAGES; i++)
		owner[i] = -1;
	for (int i = 0; i < MODEL_BACKINGS; i++)
		start_of[i] = -1;
	for (unsigned i = 0; i < MODEL_STEPS; i++) {
		switch (rand() % 4) {
		case 0:
			step_create(rand() % MODEL_BACKINGS);
			break;
		case 1:
			step_delete(rand() % MODEL_PAGES);
			break;
		case 2:
			step_free(rand() % MODEL_BACKINGS);
			break;
		case 3:
			step_find(rand() % MODEL_PAGES);
			break;
		}
		assert_int_equal(ms.count, model_count);
	}
	for (int i = 0; i < MODEL_PAGES; i++)
		if (owner[i] >= 0)
			step_delete(i);
	assert_int_equal(ms.count, 0);
	for (int i = 0; i < MODEL_BACKINGS; i++)
		step_free(i);
}

static bool is_zero(const char *mem, u64 size)
{
	return mem[0] == 0 && memcmp(mem, mem + 1, size - 1) == 0;
}

/* Only what was touched can hold anything of a guest's. */
static void test_wipe(void **state)
{
	const u64 base = 16 * MiB, size = 2 * BACKING_CHUNK + 2 * PAGE_SIZE;
	char *mem = fake_set_ram(base, size + PAGE_SIZE);
	u64 present = 0;
	struct backing b = { .hpa = base, .size = size, .present = &present };

	(void)state;
	memset(mem, 'x', size + PAGE_SIZE);
	backing_touch(&b, 0, 1);
	backing_touch(&b, 2 * BACKING_CHUNK, 1);
	memset(mem, 'g', BACKING_CHUNK);
	memset(mem + 2 * BACKING_CHUNK, 'g', 2 * PAGE_SIZE);
	backing_wipe(&b);
	assert_true(is_zero(mem, BACKING_CHUNK));
	assert_true(is_zero(mem + 2 * BACKING_CHUNK, 2 * PAGE_SIZE));
	assert_int_equal(mem[BACKING_CHUNK], 'x');
	assert_int_equal(mem[2 * BACKING_CHUNK - 1], 'x');
	assert_int_equal(mem[size], 'x'); /* somebody else's */
	fake_reset();
}

/* Nothing that is not clear is ever there, whoever else clears something meanwhile. */
static void test_clear_in_pieces(void **state)
{
	const u64 base = 16 * MiB, size = 2 * BACKING_CHUNK + 3 * PAGE_SIZE;
	char *mem = fake_set_ram(base, size + PAGE_SIZE);
	u64 present = 0;
	struct backing b = { .hpa = base, .size = size, .present = &present };
	unsigned calls = 1;

	(void)state;
	memset(mem, 'x', size + PAGE_SIZE);
	assert_false(backing_clear_some(&b, BACKING_CHUNK + 5));
	assert_int_equal(mem[BACKING_CHUNK], 0);
	assert_int_equal(mem[BACKING_CHUNK + BACKING_CHUNK / 2],
			 'x'); /* a piece is at most half of it */
	assert_int_equal(present, 0);
	/* Another one: what was begun is done first. */
	while (!backing_clear_some(&b, 0))
		assert_in_range(++calls, 2, 64);
	assert_int_equal(present, 3);
	assert_true(is_zero(mem, 2 * BACKING_CHUNK));
	assert_int_equal(mem[2 * BACKING_CHUNK], 'x');
	mem[7] = 'g';
	assert_true(backing_clear_some(&b, 0));
	assert_int_equal(mem[7], 'g');
	/* A small last one at once, and nothing behind it. */
	assert_true(backing_clear_some(&b, size - 1));
	assert_true(is_zero(mem + 2 * BACKING_CHUNK, 3 * PAGE_SIZE));
	assert_int_equal(mem[size], 'x');

	/* An accessor finishes what was begun; a start forgets it. */
	backing_forget(&b);
	memset(mem, 'y', size);
	assert_false(backing_clear_some(&b, 0));
	backing_touch(&b, 0, 1);
	assert_true(is_zero(mem, BACKING_CHUNK));
	assert_int_equal(mem[BACKING_CHUNK], 'y');
	assert_false(backing_clear_some(&b, BACKING_CHUNK));
	backing_forget(&b);
	memset(mem, 'z', size);
	while (!backing_clear_some(&b, BACKING_CHUNK))
		;
	assert_true(is_zero(mem + BACKING_CHUNK, BACKING_CHUNK));
	fake_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_neighbours_do_not_overlap),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_all_combinations),
		cmocka_unit_test(test_kind_cannot_change_in_place),
		cmocka_unit_test(test_dirty_log_switch),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_clear_in_pieces),
		cmocka_unit_test(test_random_use_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

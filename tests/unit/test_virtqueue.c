/* SPDX-License-Identifier: MIT */
/* Virtqueues: split and packed rings, indirect tables, events, and rings that break the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "virtio_fixture.h"

#define RING	0x1000ull
#define TABLE	0x8000ull
#define BUFFERS 0x10000ull
#define SIZE	8

static struct virtq vq;
static struct virtq_chain chain;
static struct split_queue q;
static u64 packed_ring;

/* Each page is a slot of its own, in reverse order in the host's memory; the last one is the rest. */
static void tear_apart(void)
{
	static struct backing backing[MEMSLOT_MAX];
	struct memslots *ms = &fixture_vm->vm.memory;
	u64 end = ms->slot[0].backing->hpa + FIXTURE_RAM, size = PAGE_SIZE;

	memset(ms, 0, sizeof(*ms));
	for (u64 i = 0, gpa = 0; i < MEMSLOT_MAX; i++, gpa += size) {
		if (i + 1 == MEMSLOT_MAX)
			size = FIXTURE_RAM - gpa;
		end -= size;
		backing[i] = (struct backing){ .hpa = end, .size = size };
		assert_int_equal(memslot_create(ms, MEMSLOT_RAM, gpa, &backing[i]), FIRN_OK);
	}
}

/* No part of the ring is in one slot, and neither is the first used element. */
static struct split_queue queue_apart(void)
{
	struct split_queue apart = q;

	apart.desc = 3 * PAGE_SIZE - 8 * SIZE;
	apart.avail = 4 * PAGE_SIZE - 4;
	apart.used = 5 * PAGE_SIZE - 8;
	return apart;
}

static int set_up(bool apart)
{
	virtio_fixture_begin();
	memset(&vq, 0, sizeof(vq));
	q = split_queue_at(RING, SIZE);
	packed_ring = RING;
	if (apart) {
		tear_apart();
		q = queue_apart();
		packed_ring = 3 * PAGE_SIZE - 32;
	}
	vq.memory = &fixture_vm->vm.memory;
	vq.size = SIZE;
	vq.descriptors = q.desc;
	vq.driver = q.avail;
	vq.device_area = q.used;
	vq.indirect = true;
	assert_int_equal(virtq_find_ring(&vq), FIRN_OK);
	virtq_start(&vq);
	vq.live = true;
	assert_true(apart == !vq.at.descriptors.at);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return set_up(false);
}

static int setup_apart(void **state)
{
	(void)state;
	return set_up(true);
}

static int teardown(void **state)
{
	(void)state;
	virtio_fixture_end();
	return 0;
}

static void expect_broken(const char *why)
{
	assert_int_equal(virtq_pop(&vq, &chain), ERR_FORMAT);
	assert_string_equal(vq.error, why);
}

/*
 * Layout
 */

static void test_layout_is_checked(void **state)
{
	static const u16 bad_sizes[] = { 0, 3, 7, VIRTQ_MAX_SIZE + 1, 512, 0xffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		vq.size = bad_sizes[i];
		assert_int_equal(virtq_find_ring(&vq), ERR_INVALID);
	}
	vq.size = SIZE;
	vq.descriptors += 8;
	assert_int_equal(virtq_find_ring(&vq), ERR_ALIGN);
	vq.descriptors = FIXTURE_RAM - 16 * SIZE;
	assert_int_equal(virtq_find_ring(&vq), FIRN_OK);
	vq.descriptors += 16;
	assert_int_equal(virtq_find_ring(&vq), ERR_RANGE);
	vq.descriptors = ~0ull << 4;
	assert_int_equal(virtq_find_ring(&vq), ERR_RANGE);
	vq.descriptors = q.desc;
	vq.driver = FIXTURE_RAM - (4 + 2 * SIZE + 2) + 2;
	assert_int_equal(virtq_find_ring(&vq), ERR_RANGE);
	vq.driver -= 1;
	assert_int_equal(virtq_find_ring(&vq), ERR_ALIGN);
	vq.driver = q.avail;
	vq.device_area = q.used + 2;
	assert_int_equal(virtq_find_ring(&vq), ERR_ALIGN);
	vq.device_area = FIXTURE_RAM - (4 + 8 * SIZE);
	assert_int_equal(virtq_find_ring(&vq), ERR_RANGE);
	vq.device_area = q.used;
	fixture_vm->vm.memory.slot[0].kind = MEMSLOT_ROM;
	assert_int_equal(virtq_find_ring(&vq), ERR_READONLY);
}

static void test_packed_layout_is_checked(void **state)
{
	(void)state;
	vq.packed = true;
	vq.size = 7; /* any size will do */
	assert_int_equal(virtq_find_ring(&vq), FIRN_OK);
	vq.descriptors = FIXTURE_RAM - 16 * 6;
	assert_int_equal(virtq_find_ring(&vq), ERR_RANGE);
	vq.descriptors = q.desc + 4;
	assert_int_equal(virtq_find_ring(&vq), ERR_ALIGN);
	vq.descriptors = q.desc;
	vq.driver = FIXTURE_RAM;
	assert_int_equal(virtq_find_ring(&vq), ERR_RANGE);
	vq.driver = q.avail & ~3ull;
	vq.device_area = q.used + 2;
	assert_int_equal(virtq_find_ring(&vq), ERR_ALIGN);
}

/*
 * Split rings
 */

static void test_split_chain(void **state)
{
	u32 id, len;
	char text[16];

	(void)state;
	assert_int_equal(virtq_pop(&vq, &chain), ERR_NOENT);
	split_desc(&q, 5, BUFFERS, 3, D_NEXT, 2);
	split_desc(&q, 2, BUFFERS + 100, 0, D_NEXT, 7); /* empty ones count for nothing */
	split_desc(&q, 7, BUFFERS + 200, 4, D_NEXT, 0);
	split_desc(&q, 0, BUFFERS + 300, 5, D_NEXT | D_WRITE, 1);
	split_desc(&q, 1, BUFFERS + 400, 6, D_WRITE, 3);
	poke(BUFFERS, "abc", 3);
	poke(BUFFERS + 200, "defg", 4);
	split_offer(&q, 5);
	assert_true(virtq_available(&vq));
	assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
	assert_int_equal(chain.id, 5);
	assert_int_equal(chain.readable, 2);
	assert_int_equal(chain.writable, 2);
	assert_int_equal(chain.read_bytes, 7);
	assert_int_equal(chain.write_bytes, 11);
	assert_false(virtq_available(&vq));
	assert_int_equal(virtq_pop(&vq, &chain), ERR_NOENT);

	assert_true(virtq_read(&vq, &chain, 0, text, 7));
	assert_memory_equal(text, "abcdefg", 7);
	assert_true(virtq_read(&vq, &chain, 2, text, 3));
	assert_memory_equal(text, "cde", 3);
	assert_true(virtq_read(&vq, &chain, 7, text, 0));
	assert_false(virtq_read(&vq, &chain, 7, text, 1));
	assert_false(virtq_read(&vq, &chain, 8, text, 0));
	assert_false(virtq_read(&vq, &chain, 1, text, 0xffffffff));
	assert_true(virtq_write(&vq, &chain, 3, "WXYZ", 4));
	assert_false(virtq_write(&vq, &chain, 8, "WXYZ", 4));
	peek(BUFFERS + 300, text, 5);
	assert_memory_equal(text, "\0\0\0WX", 5);
	peek(BUFFERS + 400, text, 3);
	assert_memory_equal(text, "YZ\0", 3);

	assert_false(split_used(&q, &id, &len));
	virtq_push(&vq, &chain, 7);
	assert_true(split_used(&q, &id, &len));
	assert_int_equal(id, 5);
	assert_int_equal(len, 7);
}

static void test_split_wraps(void **state)
{
	u32 id, len;

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		split_desc(&q, i % SIZE, BUFFERS + i, 1 + i % 9, i & 1 ? D_WRITE : 0, 0);
		split_offer(&q, i % SIZE);
		assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
		assert_int_equal(chain.segment[0].gpa, BUFFERS + i);
		virtq_unpop(&vq, &chain);
		assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
		virtq_push(&vq, &chain, i);
		assert_true(split_used(&q, &id, &len));
		assert_int_equal(len, i);
	}
}

static void test_not_live(void **state)
{
	(void)state;
	split_desc(&q, 0, BUFFERS, 1, 0, 0);
	split_offer(&q, 0);
	assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
	split_offer(&q, 0);
	vq.live = false;
	assert_int_equal(virtq_pop(&vq, &chain), ERR_NOENT);
	assert_false(virtq_available(&vq));
	assert_false(virtq_enable_kicks(&vq));
	virtq_disable_kicks(&vq);
	virtq_push(&vq, &chain, 1);
	assert_int_equal(peek16(q.used + 2), 0);
	assert_int_equal(peek16(q.used), 0);
	assert_false(virtq_wants_interrupt(&vq));
}

static void test_split_indirect(void **state)
{
	(void)state;
	split_desc(&q, 1, BUFFERS, 2, D_NEXT, 4);
	split_desc(&q, 4, TABLE, 3 * 16, D_INDIRECT, 0);
	table_desc(TABLE, 0, BUFFERS + 10, 5, D_NEXT, 2);
	table_desc(TABLE, 2, BUFFERS + 20, 6, D_WRITE, 9);
	split_offer(&q, 1);
	assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
	assert_int_equal(chain.read_bytes, 7);
	assert_int_equal(chain.write_bytes, 6);
	assert_int_equal(chain.readable, 2);
}

static void test_longest_chain(void **state)
{
	(void)state;
	split_desc(&q, 0, TABLE, VIRTQ_MAX_SEGMENTS * 16, D_INDIRECT, 0);
	for (unsigned i = 0; i < VIRTQ_MAX_SEGMENTS; i++)
		table_desc(TABLE, i, BUFFERS + i, 1, i + 1 < VIRTQ_MAX_SEGMENTS ? D_NEXT : 0,
			   i + 1);
	split_offer(&q, 0);
	assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
	assert_int_equal(chain.readable, VIRTQ_MAX_SEGMENTS);
	/* one more, through a direct descriptor before the table */
	split_desc(&q, 1, BUFFERS, 1, D_NEXT, 0);
	split_offer(&q, 1);
	expect_broken("a chain has too many descriptors");
	table_desc(TABLE, VIRTQ_MAX_SEGMENTS - 1, BUFFERS, 1, D_NEXT, VIRTQ_MAX_SEGMENTS);
	split_offer(&q, 0);
	vq.next_avail++;
	expect_broken("a descriptor index is out of range");
}

static void test_split_rules(void **state)
{
	static const struct {
		const char *why;
		struct {
			u64 addr;
			u32 len;
			u16 flags, next;
		} d[3]; /* ring descriptors 0 and 1, then what is in TABLE */
	} rows[] = {
		{ "a descriptor index is out of range", { { BUFFERS, 1, D_NEXT, SIZE } } },
		{ "a descriptor index is out of range", { { BUFFERS, 1, D_NEXT, 0xffff } } },
		{ "a chain of descriptors has a loop", { { BUFFERS, 1, D_NEXT, 0 } } },
		{ "a chain of descriptors has a loop",
		  { { BUFFERS, 1, D_NEXT, 1 }, { BUFFERS, 0, D_NEXT, 0 } } },
		{ "a readable descriptor follows a writable one",
		  { { BUFFERS, 1, D_NEXT | D_WRITE, 1 }, { BUFFERS, 1, 0, 0 } } },
		{ "a chain is longer than 4 GiB",
		  { { BUFFERS, 2, D_NEXT, 1 }, { BUFFERS, 0xffffffff, 0, 0 } } },
		{ "a buffer is not in memory", { { FIXTURE_RAM - 1, 2, 0, 0 } } },
		{ "a buffer is not in memory", { { 0, FIXTURE_RAM + 1, 0, 0 } } },
		{ "a buffer is not in memory", { { ~0ull, 2, 0, 0 } } },
		{ "a buffer is not in memory", { { ~0ull - 1, 1, D_WRITE, 0 } } },
		{ "an indirect descriptor has a successor",
		  { { TABLE, 16, D_INDIRECT | D_NEXT, 0 } } },
		{ "the length of an indirect table is no multiple of 16",
		  { { TABLE, 0, D_INDIRECT, 0 } } },
		{ "the length of an indirect table is no multiple of 16",
		  { { TABLE, 17, D_INDIRECT, 0 } } },
		{ "an indirect table is too long", { { TABLE, 257 * 16, D_INDIRECT, 0 } } },
		{ "an indirect table is not in memory",
		  { { FIXTURE_RAM - 16, 32, D_INDIRECT, 0 } } },
		{ "an indirect table is not in memory", { { ~15ull, 16, D_INDIRECT, 0 } } },
		{ "an indirect table inside an indirect table",
		  { { TABLE, 16, D_INDIRECT, 0 }, { 0 }, { TABLE, 16, D_INDIRECT, 0 } } },
		{ "a descriptor index is out of range",
		  { { TABLE, 16, D_INDIRECT, 0 }, { 0 }, { BUFFERS, 1, D_NEXT, 1 } } },
		{ "a chain of descriptors has a loop",
		  { { TABLE, 16, D_INDIRECT, 0 }, { 0 }, { BUFFERS, 1, D_NEXT, 0 } } },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		for (unsigned d = 0; d < 3; d++)
			table_desc(d < 2 ? q.desc : TABLE, d % 2, rows[i].d[d].addr,
				   rows[i].d[d].len, rows[i].d[d].flags, rows[i].d[d].next);
		poke16(q.avail + 4, 0);
		poke16(q.avail + 2, 1);
		expect_broken(rows[i].why);
		assert_int_equal(vq.next_avail, 0);
	}
	poke16(q.avail + 4, SIZE);
	expect_broken("a descriptor index is out of range");
	vq.indirect = false;
	split_desc(&q, 0, TABLE, 16, D_INDIRECT, 0);
	poke16(q.avail + 4, 0);
	expect_broken("an indirect descriptor, but the feature is off");
	poke16(q.avail + 2, SIZE + 1);
	expect_broken("the available index is ahead by more than the queue size");
}

static void test_read_only_memory_is_not_written(void **state)
{
	(void)state;
	split_desc(&q, 0, BUFFERS, 1, D_WRITE, 0);
	split_offer(&q, 0);
	fixture_vm->vm.memory.slot[0].kind = MEMSLOT_ROM;
	expect_broken("a buffer is not in memory");
}

static void push_some(unsigned count)
{
	split_desc(&q, 0, BUFFERS, 1, 0, 0);
	while (count--) {
		split_offer(&q, 0);
		assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
		virtq_push(&vq, &chain, 0);
	}
}

static void test_split_interrupt_flag(void **state)
{
	(void)state;
	assert_false(virtq_wants_interrupt(&vq));
	push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
	assert_false(virtq_wants_interrupt(&vq)); /* once for what was pushed */
	poke16(q.avail, 1);
	push_some(3);
	assert_false(virtq_wants_interrupt(&vq));
	poke16(q.avail, 0);
	push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
}

static void test_split_event_index(void **state)
{
	u64 used_event = q.avail + 4 + 2 * SIZE;

	(void)state;
	vq.event_index = true;
	poke16(q.avail, 1); /* means nothing now */
	poke16(used_event, 2);
	push_some(2);
	assert_false(virtq_wants_interrupt(&vq));
	push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
	push_some(1);
	assert_false(virtq_wants_interrupt(&vq));
	poke16(used_event, 6);
	push_some(8); /* from 4 to 12: 6 lies between */
	assert_true(virtq_wants_interrupt(&vq));
	/* across the end of the index */
	vq.next_used = 0xfffe;
	poke16(used_event, 0xffff);
	push_some(3);
	assert_true(virtq_wants_interrupt(&vq));
}

static void test_split_kicks(void **state)
{
	u64 avail_event = q.used + 4 + 8 * SIZE;

	(void)state;
	virtq_disable_kicks(&vq);
	assert_int_equal(peek16(q.used), 1);
	assert_false(virtq_enable_kicks(&vq));
	assert_int_equal(peek16(q.used), 0);
	vq.event_index = true;
	push_some(5);
	virtq_disable_kicks(&vq);
	assert_int_equal(peek16(q.used), 0);
	assert_false(virtq_enable_kicks(&vq));
	assert_int_equal(peek16(avail_event), 5);
	split_offer(&q, 0);
	assert_true(virtq_enable_kicks(&vq));
}

/* What the device writes is in the dirty log, so that no copy of the VM misses it. */
static void test_writes_are_logged(void **state)
{
	u64 bitmap[FIXTURE_RAM / PAGE_SIZE / 64] = { 0 };

	(void)state;
	split_desc(&q, 0, BUFFERS + 0xffe, 4, D_WRITE, 0);
	split_offer(&q, 0);
	fixture_vm->vm.memory.slot[0].dirty = bitmap;
	assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
	assert_int_equal(bitmap[0], 0);
	assert_true(virtq_write(&vq, &chain, 0, "abcd", 4));
	assert_int_equal(bitmap[0], BIT(16) | BIT(17));
	bitmap[0] = 0;
	virtq_push(&vq, &chain, 4);
	assert_int_equal(bitmap[0], BIT(RING / PAGE_SIZE));
	fixture_vm->vm.memory.slot[0].dirty = NULL;
}

/*
 * Packed rings, with a driver that follows virtio 1.2, 2.8.
 */

#define P_AVAIL BIT(7)
#define P_USED	BIT(15)

static struct {
	u16 next, used; /* positions in the ring */
	bool wrap, used_wrap;
} driver;

static void packed_setup(u16 size)
{
	char zero[4096] = { 0 };

	poke(packed_ring, zero, sizeof(zero));
	memset(&driver, 0, sizeof(driver));
	driver.wrap = driver.used_wrap = true;
	vq.packed = true;
	vq.size = size;
	vq.descriptors = packed_ring;
	vq.driver = packed_ring + 0xe00;
	vq.device_area = packed_ring + 0xf00;
	assert_int_equal(virtq_find_ring(&vq), FIRN_OK);
	virtq_start(&vq);
}

static void packed_desc(u64 addr, u32 len, u16 id, u16 flags)
{
	flags |= driver.wrap ? P_AVAIL : P_USED;
	table_desc(packed_ring, driver.next, addr, len, id, 0);
	poke16(packed_ring + 16 * driver.next + 14, flags);
	if (++driver.next == vq.size) {
		driver.next = 0;
		driver.wrap = !driver.wrap;
	}
}

static bool packed_used(u16 descriptors, u16 *id, u32 *len)
{
	u16 flags = peek16(packed_ring + 16 * driver.used + 14);

	if (!!(flags & P_AVAIL) != driver.used_wrap || !!(flags & P_USED) != driver.used_wrap)
		return false;
	peek(packed_ring + 16 * driver.used + 8, len, 4);
	*id = peek16(packed_ring + 16 * driver.used + 12);
	driver.used += descriptors;
	if (driver.used >= vq.size) {
		driver.used -= vq.size;
		driver.used_wrap = !driver.used_wrap;
	}
	return true;
}

static void test_packed_chains(void **state)
{
	u16 id;
	u32 len;

	(void)state;
	packed_setup(7);
	assert_int_equal(virtq_pop(&vq, &chain), ERR_NOENT);
	srand(3);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = 1 + rand() % 7, readable = rand() % (n + 1);

		for (unsigned d = 0; d < n; d++)
			packed_desc(BUFFERS + 16 * d, d + 1, d + 1 == n ? i & 0xffff : 0xdead,
				    (d + 1 < n ? D_NEXT : 0) | (d < readable ? 0 : D_WRITE));
		assert_true(virtq_available(&vq));
		assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
		if (rand() % 2) {
			virtq_unpop(&vq, &chain);
			assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
		}
		assert_int_equal(chain.id, i & 0xffff);
		assert_int_equal(chain.descriptors, n);
		assert_int_equal(chain.readable, readable);
		assert_int_equal(chain.read_bytes, readable * (readable + 1) / 2);
		assert_int_equal(chain.writable, n - readable);
		assert_int_equal(virtq_pop(&vq, &chain), ERR_NOENT);
		virtq_push(&vq, &chain, i);
		assert_true(packed_used(n, &id, &len));
		assert_int_equal(id, i & 0xffff);
		assert_int_equal(len, i);
		assert_false(packed_used(1, &id, &len));
	}
}

static void test_packed_indirect(void **state)
{
	u16 id;
	u32 len;

	(void)state;
	packed_setup(4);
	packed_desc(TABLE, 32, 77, D_INDIRECT);
	table_desc(TABLE, 0, BUFFERS, 5, 0, 0);
	table_desc(TABLE, 1, BUFFERS + 8, 6, 0,
		   D_WRITE); /* flags are where next is in split ones */
	assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
	assert_int_equal(chain.read_bytes, 5);
	assert_int_equal(chain.write_bytes, 6);
	assert_int_equal(chain.descriptors, 1);
	virtq_push(&vq, &chain, 0);
	assert_true(packed_used(1, &id, &len));
	assert_int_equal(id, 77);
}

static void test_packed_rules(void **state)
{
	(void)state;
	packed_setup(4);
	for (unsigned i = 0; i < 4; i++)
		packed_desc(BUFFERS, 1, 0, D_NEXT);
	expect_broken("a chain has more descriptors than the ring");
	packed_setup(4);
	packed_desc(BUFFERS, 1, 0, D_NEXT);
	packed_desc(TABLE, 16, 0, D_INDIRECT);
	expect_broken("an indirect descriptor inside a chain");
	packed_setup(4);
	packed_desc(TABLE, 16, 0, D_INDIRECT | D_NEXT);
	expect_broken("an indirect descriptor has a successor");
	packed_setup(4);
	packed_desc(TABLE, 257 * 16, 0, D_INDIRECT);
	expect_broken("an indirect table is too long");
	packed_setup(4);
	packed_desc(TABLE, 8, 0, D_INDIRECT);
	expect_broken("the length of an indirect table is no multiple of 16");
	packed_setup(4);
	packed_desc(FIXTURE_RAM, 1, 0, 0);
	expect_broken("a buffer is not in memory");
	packed_setup(4);
	packed_desc(BUFFERS, 1, 0, D_WRITE | D_NEXT);
	packed_desc(BUFFERS, 1, 0, 0);
	expect_broken("a readable descriptor follows a writable one");
	assert_int_equal(vq.next_avail, 0);
}

static void packed_push_some(unsigned count)
{
	while (count--) {
		packed_desc(BUFFERS, 1, 0, 0);
		assert_int_equal(virtq_pop(&vq, &chain), FIRN_OK);
		virtq_push(&vq, &chain, 0);
	}
}

static void test_packed_interrupts(void **state)
{
	u64 event = vq.driver;

	(void)state;
	packed_setup(4);
	event = vq.driver;
	packed_push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
	poke16(event + 2, 1);
	packed_push_some(1);
	assert_false(virtq_wants_interrupt(&vq));
	vq.event_index = true;
	poke16(event + 2, 2);
	poke16(event, 3 | BIT(15)); /* used position 3 of this lap; now at 2 */
	packed_push_some(1);
	assert_false(virtq_wants_interrupt(&vq));
	packed_push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
	poke16(event, 1); /* position 1 of the next lap */
	packed_push_some(1);
	assert_false(virtq_wants_interrupt(&vq));
	packed_push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
	poke16(event, 0 | BIT(15)); /* a whole lap further, pushed at once */
	packed_push_some(2);
	assert_false(virtq_wants_interrupt(&vq));
	packed_push_some(1);
	assert_true(virtq_wants_interrupt(&vq));
}

static void test_packed_kicks(void **state)
{
	(void)state;
	packed_setup(4);
	virtq_disable_kicks(&vq);
	assert_int_equal(peek16(vq.device_area + 2), 1);
	assert_false(virtq_enable_kicks(&vq));
	assert_int_equal(peek16(vq.device_area + 2), 0);
	packed_desc(BUFFERS, 1, 0, 0);
	assert_true(virtq_enable_kicks(&vq));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_BOTH(name)                                           \
	TEST(name),                                               \
	{                                                         \
#name "_apart", name, setup_apart, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_layout_is_checked),
		TEST(test_packed_layout_is_checked),
		TEST_BOTH(test_split_chain),
		TEST_BOTH(test_split_wraps),
		TEST_BOTH(test_not_live),
		TEST_BOTH(test_split_indirect),
		TEST_BOTH(test_longest_chain),
		TEST_BOTH(test_split_rules),
		TEST(test_read_only_memory_is_not_written),
		TEST_BOTH(test_split_interrupt_flag),
		TEST_BOTH(test_split_event_index),
		TEST_BOTH(test_split_kicks),
		TEST(test_writes_are_logged),
		TEST_BOTH(test_packed_chains),
		TEST_BOTH(test_packed_indirect),
		TEST_BOTH(test_packed_rules),
		TEST_BOTH(test_packed_interrupts),
		TEST_BOTH(test_packed_kicks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

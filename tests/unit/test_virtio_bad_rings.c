/* SPDX-License-Identifier: MIT */
/*
 * Rings that break the rules, for every kind of device: the device needs a reset and says so once, the
 * VM lives, nothing is given back, and after the reset the device works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/files.h"
#include "core/guest_layout.h"
#include "core/vdev/virtio_blk.h"
#include "core/vdev/virtio_console.h"
#include "core/vdev/virtio_net.h"
#include "core/vdev/virtio_rng.h"
#include "net/switch.h"
#include "virtio_fixture.h"

#define RING	0x1000ull
#define TABLE	0x8000ull
#define BUFFER	0x9000ull
#define MEM_END 0xe0000ull /* then a hole, then ROM */
#define ROM	0xf0000ull
#define MMIO	GUEST_ECAM_BASE
#define SIZE	8
#define F_CTRL	BIT(17) /* virtio-net's control queue */
#define P_AVAIL BIT(7)	/* in a packed ring, first lap */
#define P_USED	BIT(15)

static const struct {
	unsigned slot;
	u8 queue;
	u64 features;
} targets[] = {
	{ PCI_SLOT_RNG, 0, 0 }, { PCI_SLOT_DISK, 0, 0 },     { PCI_SLOT_CONSOLE, 1, 0 },
	{ PCI_SLOT_NET, 1, 0 }, { PCI_SLOT_NET, 2, F_CTRL },
};

static struct split_queue q[3];

bool vm_console_put(struct vm_console *con, u8 byte)
{
	(void)con;
	(void)byte;
	return true;
}

static void make_memory(void)
{
	static struct backing rom;
	struct memslots *ms = &fixture_vm->vm.memory;

	rom = (struct backing){ .hpa = ms->slot[0].backing->hpa + ROM, .size = FIXTURE_RAM - ROM };
	ms->slot[0].size = MEM_END;
	assert_int_equal(memslot_create(ms, MEMSLOT_ROM, ROM, &rom), FIRN_OK);
}

static int setup(void **state)
{
	static const u8 image[512] = { 1 };
	static bool once;
	struct vm_config *config;

	(void)state;
	virtio_fixture_begin();
	make_memory();
	if (!once) {
		files_add("disk.img", image, sizeof(image));
		switch_register();
	}
	once = true;
	config = &fixture_vm->config;
	config->rng = config->virtio_console = true;
	config->cpus = config->nr_disks = config->nr_nets = 1;
	snprintf(config->disk[0].file.name, CONFIG_FILE_MAX, "disk.img");
	snprintf(config->net[0].network, CONFIG_NAME_MAX, "lan");
	config->net[0].mac[0] = 2;
	assert_int_equal(virtio_rng_create(&fixture_vm->vm), FIRN_OK);
	assert_int_equal(virtio_blk_create(&fixture_vm->vm), FIRN_OK);
	assert_int_equal(virtio_console_create(&fixture_vm->vm), FIRN_OK);
	assert_int_equal(virtio_net_create(&fixture_vm->vm), FIRN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_fixture_end();
	return 0;
}

static void lay_out(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(q); i++) {
		q[i] = split_queue_at(RING + 0x1000 * i, SIZE);
		q[i].used = ALIGN_UP(q[i].used, 16);
		q[i].avail = ALIGN_UP(q[i].avail, 16);
	}
}

static void start(const struct driver *d, unsigned target, u64 features)
{
	u64 common = VIRTIO_F_RING_INDIRECT_DESC | VIRTIO_F_RING_RESET;

	nr_sent = 0;
	driver_start(d, features | common | targets[target].features, q, targets[target].queue + 1);
}

static void expect_needs_reset(const struct driver *d, const char *why)
{
	if (common_get(d, REG_STATUS, 1) != 0x4f || nr_sent != 1 || sent[0].data != 0x40)
		fail_msg("slot %u: status %x, %u interrupts: %s", d->slot,
			 (unsigned)common_get(d, REG_STATUS, 1), nr_sent, why);
	assert_int_equal(fixture_vm->crashes, 0);
	/* it stays so, quietly */
	kick(d, 0);
	kick(d, 1);
	run_posted_work();
	assert_int_equal(nr_sent, 1);
}

/* A chain that every device gives back, whatever it makes of it. */
static void expect_works(const struct driver *d, unsigned target)
{
	struct split_queue *queue = &q[targets[target].queue];
	u32 id, len;

	lay_out();
	start(d, target, 0);
	assert_int_equal(common_get(d, REG_STATUS, 1), 0xf);
	for (unsigned i = 0; i < 3; i++)
		split_desc(queue, i, BUFFER + 0x100 * i, 16,
			   (i < 2 ? D_NEXT : 0) | (i ? D_WRITE : 0), i + 1);
	split_offer(queue, 0);
	kick(d, targets[target].queue);
	run_posted_work();
	assert_true(split_used(queue, &id, &len));
	assert_int_equal(common_get(d, REG_STATUS, 1), 0xf);
}

/*
 * Where the ring is
 */

static const struct {
	const char *what;
	u64 desc, avail, used; /* 0 = where it should be */
	bool packed_only;
} places[] = {
	{ "descriptors over the end of memory", .desc = MEM_END - 16 * SIZE + 16 },
	{ "descriptors behind memory", .desc = MEM_END },
	{ "descriptors over the hole into ROM", .desc = ROM - 16 },
	{ "descriptors at the end of addresses", .desc = ~0ull << 4 },
	{ "descriptors in registers", .desc = MMIO },
	{ "descriptors not aligned", .desc = RING + 8 },
	{ "descriptors in ROM", .desc = ROM, .packed_only = true },
	{ "driver's part behind memory", .avail = MEM_END },
	{ "driver's part at the end of addresses", .avail = ~3ull },
	{ "driver's part in registers", .avail = MMIO },
	{ "driver's part not aligned", .avail = RING + 0x401 },
	{ "device's part behind memory", .used = MEM_END },
	{ "device's part at the end of addresses", .used = ~3ull },
	{ "device's part in registers", .used = MMIO },
	{ "device's part in ROM", .used = ROM },
	{ "device's part not aligned", .used = RING + 0x402 },
};

static void try_place(unsigned target, unsigned row, u64 features)
{
	struct driver d = driver_probe(targets[target].slot);
	struct split_queue *queue = &q[targets[target].queue];

	lay_out();
	if (places[row].desc)
		queue->desc = places[row].desc;
	if (places[row].avail)
		queue->avail = places[row].avail;
	if (places[row].used)
		queue->used = places[row].used;
	start(&d, target, features);
	if (places[row].packed_only && !features)
		assert_int_equal(common_get(&d, REG_STATUS, 1), 0xf);
	else
		expect_needs_reset(&d, places[row].what);
	expect_works(&d, target);
}

static void test_places(void **state)
{
	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(targets); t++)
		for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
			try_place(t, i, 0);
			try_place(t, i, VIRTIO_F_RING_PACKED);
		}
}

/* The parts of a split ring that are longer than a packed one's. */
static void test_split_parts_over_the_end(void **state)
{
	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(targets); t++) {
		struct driver d = driver_probe(targets[t].slot);
		struct split_queue *queue = &q[targets[t].queue];

		lay_out();
		queue->avail = MEM_END - (4 + 2 * SIZE); /* used_event is outside */
		start(&d, t, 0);
		expect_needs_reset(&d, "driver's part over the end of memory");
		lay_out();
		queue->used = MEM_END - (4 + 8 * SIZE); /* avail_event is outside */
		start(&d, t, 0);
		expect_needs_reset(&d, "device's part over the end of memory");
		expect_works(&d, t);
	}
}

/*
 * What is in it
 */

struct contents {
	const char *what;
	struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} d[4]; /* two of the ring, two of the table at TABLE; next only counts in split rings */
};

static const struct contents both[] = {
	{ "buffer behind memory", { { MEM_END, 1, 0, 0 } } },
	{ "buffer over the end of memory", { { MEM_END - 8, 16, D_WRITE, 0 } } },
	{ "buffer over the hole into ROM", { { MEM_END - 8, ROM - MEM_END + 16, 0, 0 } } },
	{ "buffer in registers", { { MMIO, 16, 0, 0 } } },
	{ "buffer in registers, written", { { MMIO, 16, D_WRITE, 0 } } },
	{ "buffer that wraps", { { ~0ull - 7, 16, D_WRITE, 0 } } },
	{ "buffer in ROM, written", { { ROM, 16, D_WRITE, 0 } } },
	{ "buffer of 4 GiB", { { 0, 0xffffffff, 0, 0 } } },
	{ "sum of lengths overflows",
	  { { BUFFER, 0x1000, D_NEXT, 1 }, { BUFFER, 0xfffff001, 0, 0 } } },
	{ "readable behind writable",
	  { { BUFFER, 16, D_NEXT | D_WRITE, 1 }, { BUFFER, 16, 0, 0 } } },
	{ "second buffer outside", { { BUFFER, 16, D_NEXT, 1 }, { MEM_END, 16, D_WRITE, 0 } } },
	{ "indirect table with successor", { { TABLE, 16, D_INDIRECT | D_NEXT, 1 } } },
	{ "indirect table of nothing", { { TABLE, 0, D_INDIRECT, 0 } } },
	{ "indirect table of 15 bytes", { { TABLE, 15, D_INDIRECT, 0 } } },
	{ "indirect table too long", { { 0, 257 * 16, D_INDIRECT, 0 } } },
	{ "indirect table of 4 GiB", { { 0, 0xfffffff0, D_INDIRECT, 0 } } },
	{ "indirect table over the end of memory", { { MEM_END - 16, 32, D_INDIRECT, 0 } } },
	{ "indirect table in registers", { { MMIO, 16, D_INDIRECT, 0 } } },
	{ "indirect table that wraps", { { ~15ull, 32, D_INDIRECT, 0 } } },
	{ "buffer of an indirect table outside",
	  { { TABLE, 16, D_INDIRECT, 0 }, { 0 }, { MEM_END, 16, 0, 0 } } },
	{ "readable behind writable in an indirect table",
	  { { TABLE, 32, D_INDIRECT, 0 },
	    { 0 },
	    { BUFFER, 16, D_NEXT | D_WRITE, 1 },
	    { BUFFER, 16, 0, 0 } } },
};

static const struct contents split_only[] = {
	{ "successor is itself", { { BUFFER, 16, D_NEXT, 0 } } },
	{ "two that follow each other", { { BUFFER, 16, D_NEXT, 1 }, { BUFFER, 16, D_NEXT, 0 } } },
	{ "loop of empty ones", { { BUFFER, 0, D_NEXT, 0 } } },
	{ "successor out of range", { { BUFFER, 16, D_NEXT, SIZE } } },
	{ "successor far out of range", { { BUFFER, 16, D_NEXT, 0xffff } } },
	{ "loop in an indirect table",
	  { { TABLE, 32, D_INDIRECT, 0 },
	    { 0 },
	    { BUFFER, 16, D_NEXT, 1 },
	    { BUFFER, 16, D_NEXT, 0 } } },
	{ "successor out of the indirect table",
	  { { TABLE, 16, D_INDIRECT, 0 }, { 0 }, { BUFFER, 16, D_NEXT, 1 } } },
	{ "indirect in indirect",
	  { { TABLE, 32, D_INDIRECT, 0 },
	    { 0 },
	    { TABLE + 16, 16, D_INDIRECT, 0 },
	    { BUFFER, 16, 0, 0 } } },
	{ "indirect in itself",
	  { { TABLE, 16, D_INDIRECT, 0 }, { 0 }, { TABLE, 16, D_INDIRECT, 0 } } },
};

static const struct contents packed_only[] = {
	{ "indirect inside a chain", { { BUFFER, 16, D_NEXT, 0 }, { TABLE, 16, D_INDIRECT, 0 } } },
	{ "chain without end", { { BUFFER, 16, D_NEXT, 0 }, { BUFFER, 16, D_NEXT, 0 } } },
};

static void fill_in(const struct split_queue *queue, const struct contents *c, bool packed)
{
	for (unsigned i = 0; i < ARRAY_SIZE(c->d); i++) {
		u16 flags = c->d[i].flags | P_AVAIL;

		if (packed)
			table_desc(i < 2 ? queue->desc : TABLE, i % 2, c->d[i].addr, c->d[i].len, 0,
				   flags);
		else
			table_desc(i < 2 ? queue->desc : TABLE, i % 2, c->d[i].addr, c->d[i].len,
				   c->d[i].flags, c->d[i].next);
	}
	/* a chain without end goes on in the rest of the ring */
	for (unsigned i = 2; packed && i < SIZE; i++)
		table_desc(queue->desc, i, BUFFER, 1, 0, D_NEXT | P_AVAIL);
}

static void try_contents(unsigned target, const struct contents *c, u64 features)
{
	struct driver d = driver_probe(targets[target].slot);
	struct split_queue *queue = &q[targets[target].queue];

	lay_out();
	start(&d, target, features);
	assert_int_equal(common_get(&d, REG_STATUS, 1), 0xf);
	fill_in(queue, c, features);
	if (!features)
		split_offer(queue, 0);
	kick(&d, targets[target].queue);
	run_posted_work();
	expect_needs_reset(&d, c->what);
	if (features)
		assert_int_equal(peek16(queue->desc + 14) & P_USED, 0);
	else
		assert_int_equal(peek16(queue->used + 2), 0);
	expect_works(&d, target);
}

static void test_contents(void **state)
{
	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(targets); t++) {
		for (unsigned i = 0; i < ARRAY_SIZE(both); i++) {
			try_contents(t, &both[i], 0);
			try_contents(t, &both[i], VIRTIO_F_RING_PACKED);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(split_only); i++)
			try_contents(t, &split_only[i], 0);
		for (unsigned i = 0; i < ARRAY_SIZE(packed_only); i++)
			try_contents(t, &packed_only[i], VIRTIO_F_RING_PACKED);
	}
}

/* The available ring: index and heads. */
static void test_available_ring(void **state)
{
	static const struct {
		u16 idx, head;
	} rows[] = { { SIZE + 1, 0 }, { 0x8000, 0 }, { 0xffff, 0 },
		     { 1, SIZE },     { 1, 0x8000 }, { 1, 0xffff } };

	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(targets); t++)
		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
			struct driver d = driver_probe(targets[t].slot);
			struct split_queue *queue = &q[targets[t].queue];

			lay_out();
			start(&d, t, 0);
			poke16(queue->avail + 4, rows[i].head);
			poke16(queue->avail + 2, rows[i].idx);
			kick(&d, targets[t].queue);
			run_posted_work();
			expect_needs_reset(&d, "available ring");
			assert_int_equal(peek16(queue->used + 2), 0);
			expect_works(&d, t);
		}
}

/* The feature is off; and a queue that comes back with a ring that is no better. */
static void test_features_and_queue_reset(void **state)
{
	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(targets); t++) {
		struct driver d = driver_probe(targets[t].slot);
		struct split_queue *queue = &q[targets[t].queue];

		lay_out();
		nr_sent = 0;
		driver_start(&d, targets[t].features, q, targets[t].queue + 1);
		split_desc(queue, 0, TABLE, 16, D_INDIRECT, 0);
		split_offer(queue, 0);
		kick(&d, targets[t].queue);
		expect_needs_reset(&d, "indirect without the feature");
		lay_out();
		start(&d, t, 0);
		common_set(&d, REG_QUEUE_SELECT, 2, targets[t].queue);
		common_set(&d, REG_QUEUE_RESET, 2, 1);
		split_offer(queue, SIZE);
		driver_queue(&d, targets[t].queue, queue);
		run_posted_work();
		expect_needs_reset(&d, "bad head after a reset of the queue");
		expect_works(&d, t);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_places),	   TEST(test_split_parts_over_the_end), TEST(test_contents),
		TEST(test_available_ring), TEST(test_features_and_queue_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Block device: requests, their limits, and what is kept of writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/files.h"
#include "core/pmem.h"
#include "core/vdev/ram_disk.h"
#include "core/vdev/virtio_blk.h"
#include "virtio_fixture.h"

#define IMAGE_SIZE (3 * 64 * KiB + 1000) /* the last block and the last sector are not full */
#define SECTORS	   (3 * 128 + 2)
#define IMAGE_RO   700
#define RING	   0x1000ull
#define HEADER	   0x8000ull
#define STATUS	   0x9000ull
#define DATA	   0x10000ull
/* Host memory for what guests write: a whole copy, and what is left for others. */
#define SPARE (4 * 64 * KiB + PAGE_SIZE)

enum {
	IN = 0,
	OUT = 1,
	FLUSH = 4,
	GET_ID = 8,
	DISCARD = 11,
	WRITE_ZEROES = 13
};
enum {
	OK,
	IOERR,
	UNSUPP,
	NOT_ANSWERED = 0x77
};

static u8 image[IMAGE_SIZE], pristine[IMAGE_SIZE];
static struct driver drv;
static struct split_queue q;
static u32 used_len;

static int setup(void **state)
{
	static bool once;
	struct vm_config *config;

	(void)state;
	virtio_fixture_begin();
	if (!once) {
		for (unsigned i = 0; i < IMAGE_SIZE; i++)
			image[i] = pristine[i] = i * 7 + i / 512;
		files_add("disk.img", image, IMAGE_SIZE);
		files_add("a-disk-with-a-long-name.img", image, IMAGE_RO);
		once = true;
		assert_int_equal(pmem_add(0x100000000ull + FIXTURE_RAM, SPARE), FIRN_OK);
	}
	/* guest RAM at its start, then what pmem hands out */
	fake_set_ram(0x100000000ull, FIXTURE_RAM + SPARE);
	config = &fixture_vm->config;
	config->cpus = 3;
	config->nr_disks = 2;
	snprintf(config->disk[0].file.name, CONFIG_FILE_MAX, "disk.img");
	snprintf(config->disk[1].file.name, CONFIG_FILE_MAX, "a-disk-with-a-long-name.img");
	config->disk[1].readonly = true;
	assert_int_equal(virtio_blk_create(&fixture_vm->vm), FIRN_OK);
	drv = driver_probe(PCI_SLOT_DISK);
	q = split_queue_at(RING, 16);
	driver_start(&drv, offered_features(&drv) & ~(BIT(29) | BIT(34)), &q, 1);
	return 0;
}

static int teardown(void **state)
{
	struct pmem_stats st;

	(void)state;
	virtio_fixture_end();
	pmem_get_stats(&st);
	assert_int_equal(st.used[PMEM_DISK], 0);
	assert_memory_equal(image, pristine, IMAGE_SIZE);
	return 0;
}

static void use_disk(unsigned index)
{
	drv = driver_probe(PCI_SLOT_DISK + index);
	q = split_queue_at(RING, 16);
	driver_start(&drv, offered_features(&drv) & ~(BIT(29) | BIT(34)), &q, 1);
}

static void set_header(u32 type, u64 sector)
{
	const struct {
		u32 type, reserved;
		u64 sector;
	} h = { type, 0, sector };
	u8 unanswered = NOT_ANSWERED;

	poke(HEADER, &h, sizeof(h));
	poke(STATUS, &unanswered, 1);
}

/* Header, len bytes of data at DATA, status. */
static u8 request(u32 type, u64 sector, u32 len)
{
	bool out = type == OUT || type == DISCARD || type == WRITE_ZEROES;
	u8 status;
	u32 id;

	set_header(type, sector);
	split_desc(&q, 0, HEADER, 16, D_NEXT, 1);
	split_desc(&q, 1, DATA, len, D_NEXT | (out ? 0 : D_WRITE), 2);
	split_desc(&q, 2, STATUS, 1, D_WRITE, 0);
	split_offer(&q, 0);
	kick(&drv, 0);
	run_posted_work();
	used_len = 0xdead;
	if (split_used(&q, &id, &used_len))
		assert_int_equal(id, 0);
	peek(STATUS, &status, 1);
	return status;
}

static void fill_data(u8 value, u32 len)
{
	u8 buf[4096];

	memset(buf, value, sizeof(buf));
	for (u32 at = 0; at < len; at += sizeof(buf))
		poke(DATA + at, buf, MIN(len - at, (u32)sizeof(buf)));
}

static u8 data_at(u32 offset)
{
	u8 byte;

	peek(DATA + offset, &byte, 1);
	return byte;
}

/* Reads the whole disk and compares. */
static void expect_disk(const u8 *want, u32 len)
{
	static u8 got[SECTORS * 512];

	assert_int_equal(request(IN, 0, len), OK);
	peek(DATA, got, len);
	assert_memory_equal(got, want, len);
}

static void test_configuration(void **state)
{
	(void)state;
	assert_int_equal(offered_features(&drv) & 0xffffff,
			 BIT(1) | BIT(2) | BIT(6) | BIT(9) | BIT(10) | BIT(12) | BIT(13) | BIT(14));
	assert_int_equal(mmio_get(drv.config, 8), SECTORS);
	assert_int_equal(mmio_get(drv.config + 8, 4), 64 * KiB); /* size_max */
	assert_int_equal(mmio_get(drv.config + 12, 4), 126);	 /* seg_max */
	assert_int_equal(mmio_get(drv.config + 20, 4), 512);	 /* blk_size */
	assert_int_equal(mmio_get(drv.config + 34, 2), 3);	 /* num_queues: one a vCPU */
	assert_int_equal(mmio_get(drv.config + 36, 4), 65536);	 /* max_discard_sectors */
	assert_int_equal(mmio_get(drv.config + 40, 4), 8);	 /* max_discard_seg */
	assert_int_equal(common_get(&drv, REG_NUM_QUEUES, 2), 3);
	use_disk(1);
	assert_int_equal(offered_features(&drv) & 0xffffff,
			 BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(9) | BIT(10) | BIT(12));
	assert_int_equal(mmio_get(drv.config, 8), 2);
}

static void test_read(void **state)
{
	u8 want[SECTORS * 512] = { 0 };

	(void)state;
	memcpy(want, image, IMAGE_SIZE);
	expect_disk(want, sizeof(want));
	assert_int_equal(used_len, sizeof(want) + 1);
	assert_int_equal(request(IN, 5, 512), OK);
	assert_int_equal(data_at(0), image[5 * 512]);
}

static void test_write_and_restart(void **state)
{
	static u8 want[SECTORS * 512];

	(void)state;
	memcpy(want, image, IMAGE_SIZE);
	fill_data(0xee, 1024);
	assert_int_equal(request(OUT, 127, 1024), OK); /* across two blocks */
	assert_int_equal(used_len, 1);
	memset(want + 127 * 512, 0xee, 1024);
	fill_data(0xdd, 512);
	assert_int_equal(request(OUT, SECTORS - 1, 512), OK);
	memset(want + (SECTORS - 1) * 512, 0xdd, 512);
	expect_disk(want, sizeof(want));
	/* the driver starts anew: what was written stays */
	use_disk(0);
	expect_disk(want, sizeof(want));
	/* the other disk of the same bytes has its own */
	use_disk(1);
	assert_int_equal(request(IN, 0, 512), OK);
	assert_int_equal(data_at(3), image[3]);
}

static void test_limits(void **state)
{
	static const struct {
		u32 type;
		u64 sector;
		u32 len;
		u8 status;
	} rows[] = {
		{ IN, SECTORS - 1, 512, OK },  { IN, SECTORS, 0, OK },
		{ IN, SECTORS, 512, IOERR },   { IN, SECTORS - 1, 1024, IOERR },
		{ IN, SECTORS + 1, 0, IOERR }, { IN, ~0ull, 512, IOERR },
		{ IN, BIT(55), 512, IOERR }, /* times 512 is 0 again */
		{ IN, 0, 511, IOERR },	       { IN, 0, 513, IOERR },
		{ OUT, SECTORS, 512, IOERR },  { OUT, ~0ull, 512, IOERR },
		{ OUT, BIT(55), 512, IOERR },  { OUT, 0, 100, IOERR },
		{ FLUSH, 0, 0, OK },	       { 2, 0, 512, UNSUPP },
		{ 10, 0, 512, UNSUPP }, /* lifetime: not offered */
		{ 14, 0, 16, UNSUPP },	/* secure erase: not offered */
		{ ~0u, 0, 512, UNSUPP },
	};

	(void)state;
	fill_data(0x99, 4096);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(request(rows[i].type, rows[i].sector, rows[i].len),
				 rows[i].status);
		assert_in_range(used_len, 0, rows[i].len + 1);
	}
	assert_int_equal(request(IN, 0, 512), OK);
	assert_int_equal(data_at(0), image[0]);
}

static void test_get_id(void **state)
{
	char id[24];

	(void)state;
	fill_data(0xff, 64);
	assert_int_equal(request(GET_ID, 0, 20), OK);
	assert_int_equal(used_len, 21);
	peek(DATA, id, 20);
	assert_memory_equal(id, "disk.img\0\0\0\0\0\0\0\0\0\0\0", 20);
	fill_data(0xff, 64);
	assert_int_equal(request(GET_ID, 0, 4), OK);
	assert_int_equal(data_at(4), 0xff);
	use_disk(1);
	fill_data(0xff, 64);
	assert_int_equal(request(GET_ID, 0, 40), OK);
	peek(DATA, id, 21);
	assert_memory_equal(id, "a-disk-with-a-long-n\xff", 21);
	assert_int_equal(used_len, 20); /* the status lies behind what was not written */
}

static void poke_range(unsigned index, u64 sector, u32 sectors, u32 flags)
{
	const struct {
		u64 sector;
		u32 sectors, flags;
	} r = { sector, sectors, flags };

	poke(DATA + 16 * index, &r, sizeof(r));
}

static void test_write_zeroes(void **state)
{
	static u8 want[SECTORS * 512];
	struct pmem_stats st;

	(void)state;
	memcpy(want, image, IMAGE_SIZE);
	poke_range(0, 1, 2, 0);
	poke_range(1, 100, 200, 1);
	assert_int_equal(request(WRITE_ZEROES, 0, 32), OK);
	memset(want + 512, 0, 2 * 512);
	memset(want + 100 * 512, 0, 200 * 512);
	expect_disk(want, sizeof(want));
	pmem_get_stats(&st);
	assert_int_equal(st.used[PMEM_DISK],
			 2 * 64 * KiB); /* the whole block in between needs none */
	poke_range(0, 0, SECTORS, 1);
	assert_int_equal(request(WRITE_ZEROES, 0, 16), OK);
	memset(want, 0, sizeof(want));
	expect_disk(want, sizeof(want));
	pmem_get_stats(&st);
	assert_int_equal(st.used[PMEM_DISK], 0);
	fill_data(0x11, 512);
	assert_int_equal(request(OUT, 0, 512), OK);
	memset(want, 0x11, 512);
	expect_disk(want, sizeof(want)); /* nothing of the image comes back */
}

static void test_discard(void **state)
{
	static u8 want[SECTORS * 512];

	(void)state;
	memcpy(want, image, IMAGE_SIZE);
	poke_range(0, 1, 300, 0);
	assert_int_equal(request(DISCARD, 0, 16), OK);
	memset(want + 64 * KiB, 0, 64 * KiB); /* only whole blocks go */
	expect_disk(want, sizeof(want));
	poke_range(0, 384, 2, 0);
	assert_int_equal(request(DISCARD, 0, 16), OK);
	memset(want + 384 * 512, 0, 1024); /* the last one ends with the disk */
	expect_disk(want, sizeof(want));
}

/* Requests that clear as much as they may are done one in a run. */
static void test_clearing_has_a_budget(void **state)
{
	u32 id, len;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		poke_range(i, 1, 126, 0);
	set_header(WRITE_ZEROES, 0);
	split_desc(&q, 0, HEADER, 16, D_NEXT, 1);
	split_desc(&q, 1, DATA, 8 * 16, D_NEXT, 2);
	split_desc(&q, 2, STATUS, 1, D_WRITE, 0);
	for (unsigned i = 0; i < 3; i++)
		split_offer(&q, 0);
	kick(&drv, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(split_used(&q, &id, &len));
		assert_false(split_used(&q, &id, &len));
		work_run();
	}
}

static void test_range_limits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++)
		poke_range(i, 0, 1, 0);
	assert_int_equal(request(DISCARD, 0, 9 * 16), IOERR);
	assert_int_equal(request(DISCARD, 0, 8 * 16), OK);
	assert_int_equal(request(DISCARD, 0, 15), IOERR);
	assert_int_equal(request(DISCARD, 0, 0), OK);
	poke_range(1, 0, 1, 1);
	assert_int_equal(request(DISCARD, 0, 32), UNSUPP);
	poke_range(1, 0, 1, 2);
	assert_int_equal(request(WRITE_ZEROES, 0, 32), UNSUPP);
	/* a bad second range: the first one must not be carried out */
	poke_range(1, SECTORS, 1, 0);
	assert_int_equal(request(WRITE_ZEROES, 0, 32), IOERR);
	poke_range(1, ~0ull, 1, 0);
	assert_int_equal(request(WRITE_ZEROES, 0, 32), IOERR);
	poke_range(1, 0, 0xffffffff, 0);
	assert_int_equal(request(WRITE_ZEROES, 0, 32), IOERR);
	assert_int_equal(request(IN, 0, 512), OK);
	assert_int_equal(data_at(1), image[1]);
}

static void test_readonly(void **state)
{
	(void)state;
	use_disk(1);
	fill_data(0x42, 512);
	assert_int_equal(request(OUT, 0, 512), IOERR);
	poke_range(0, 0, 1, 0);
	assert_int_equal(request(WRITE_ZEROES, 0, 16), IOERR);
	assert_int_equal(request(DISCARD, 0, 16), IOERR);
	assert_int_equal(request(FLUSH, 0, 0), OK);
	assert_int_equal(request(IN, 1, 512), OK);
	assert_int_equal(data_at(0), image[512]);
	assert_int_equal(data_at(IMAGE_RO - 512), 0); /* zeros fill the last sector */
}

/* Longer than one run's budget, in many segments. */
static void test_long_request(void **state)
{
	u32 id, len;
	u8 status;

	(void)state;
	fill_data(0x5a, 3 * 64 * KiB);
	set_header(OUT, 1);
	for (unsigned round = 0; round < 2; round++) {
		split_desc(&q, 0, HEADER, 16, D_NEXT, 1);
		for (unsigned i = 1; i <= 12; i++)
			split_desc(&q, i, DATA + 16 * KiB * ((i * 5) % 12), 16 * KiB,
				   D_NEXT | (round ? D_WRITE : 0), i + 1);
		split_desc(&q, 13, STATUS, 1, D_WRITE, 0);
		split_offer(&q, 0);
		kick(&drv, 0);
		run_posted_work();
		assert_true(split_used(&q, &id, &len));
		assert_int_equal(len, round ? 3 * 64 * KiB + 1 : 1);
		peek(STATUS, &status, 1);
		assert_int_equal(status, OK);
		set_header(IN, 1);
		fill_data(0, 3 * 64 * KiB);
	}
	set_header(IN, 1);
	assert_int_equal(request(IN, 1, 3 * 64 * KiB), OK);
	for (unsigned i = 0; i < 3 * 64 * KiB; i += 97)
		assert_int_equal(data_at(i), 0x5a);
}

#define WHOLE (3 * 64 * KiB)

/* A read and a write of 192 KiB in one kick are more than a run does: the write is left in the middle. */
static void begin_long_write(void)
{
	const struct {
		u32 type, reserved;
		u64 sector;
	} in = { IN, 0, 0 };
	u32 id, len;

	fill_data(0x5a, WHOLE);
	set_header(OUT, 0);
	poke(HEADER + 16, &in, sizeof(in));
	split_desc(&q, 0, HEADER + 16, 16, D_NEXT, 1);
	split_desc(&q, 1, DATA + WHOLE, WHOLE, D_NEXT | D_WRITE, 2);
	split_desc(&q, 2, STATUS + 1, 1, D_WRITE, 0);
	split_desc(&q, 3, HEADER, 16, D_NEXT, 4);
	split_desc(&q, 4, DATA, WHOLE, D_NEXT, 5);
	split_desc(&q, 5, STATUS, 1, D_WRITE, 0);
	split_offer(&q, 0);
	split_offer(&q, 3);
	kick(&drv, 0);
	assert_true(split_used(&q, &id, &len));
	assert_int_equal(id, 0);
	assert_false(split_used(&q, &id, &len));
}

/* Of the write only what was done before the reset is there. */
static void expect_half_a_write(void)
{
	u8 unanswered;

	peek(STATUS, &unanswered, 1);
	assert_int_equal(unanswered, NOT_ANSWERED);
	set_header(IN, 0);
	assert_int_equal(request(IN, 0, WHOLE), OK);
	assert_int_equal(data_at(0), 0x5a);
	assert_int_equal(data_at(64 * KiB - 1), 0x5a);
	for (unsigned i = 64 * KiB; i < WHOLE; i += 97)
		assert_int_equal(data_at(i), pristine[i]);
}

static void test_reset_in_the_middle(void **state)
{
	(void)state;
	begin_long_write();
	common_set(&drv, REG_STATUS, 1, 0);
	run_posted_work();
	use_disk(0);
	expect_half_a_write();
}

static void test_queue_reset_in_the_middle(void **state)
{
	(void)state;
	driver_start(&drv, VIRTIO_F_RING_RESET, &q, 1);
	begin_long_write();
	common_set(&drv, REG_QUEUE_SELECT, 2, 0);
	common_set(&drv, REG_QUEUE_RESET, 2, 1);
	run_posted_work();
	q = split_queue_at(q.desc, q.size);
	driver_queue(&drv, 0, &q);
	run_posted_work();
	assert_int_equal(peek16(q.used + 2), 0);
	expect_half_a_write();
}

static void test_malformed_requests(void **state)
{
	static const struct {
		u32 header, status;
	} rows[] = { { 15, 1 }, { 0, 1 }, { 16, 0 }, { 0, 0 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		use_disk(0);
		set_header(IN, 0);
		split_desc(&q, 0, HEADER, rows[i].header, D_NEXT, 1);
		split_desc(&q, 1, STATUS, rows[i].status, D_WRITE, 0);
		split_offer(&q, 0);
		kick(&drv, 0);
		assert_int_equal(common_get(&drv, REG_STATUS, 1), 0x4f);
	}
	use_disk(0);
	assert_int_equal(request(IN, 0, 512), OK);
}

/* Header and status may be split as the driver likes. */
static void test_odd_segments(void **state)
{
	u8 status;

	(void)state;
	set_header(IN, 2);
	split_desc(&q, 0, HEADER, 3, D_NEXT, 1);
	split_desc(&q, 1, HEADER + 3, 13, D_NEXT, 2);
	split_desc(&q, 2, DATA, 500, D_NEXT | D_WRITE, 3);
	split_desc(&q, 3, DATA + 500, 13, D_WRITE, 0); /* the rest and the status */
	split_offer(&q, 0);
	kick(&drv, 0);
	peek(DATA + 512, &status, 1);
	assert_int_equal(status, OK);
	assert_int_equal(data_at(511), image[2 * 512 + 511]);
}

static void test_out_of_memory(void **state)
{
	void *page;
	u64 taken;

	(void)state;
	taken = pmem_alloc(SPARE - 64 * KiB - PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_HEAP);
	assert_true(taken);
	fill_data(0x33, 512);
	/* A disk may not take the last of it. */
	page = pmem_alloc_page(PMEM_HEAP);
	assert_int_equal(request(OUT, 0, 512), IOERR);
	pmem_free_page(page, PMEM_HEAP);
	assert_int_equal(request(OUT, 0, 512), OK);
	assert_int_equal(request(OUT, 128, 512), IOERR);
	assert_int_equal(request(OUT, 1, 512), OK);
	assert_int_equal(request(IN, 128, 512), OK);
	assert_int_equal(data_at(0), image[64 * KiB]);
	poke_range(0, 129, 1, 0);
	assert_int_equal(request(WRITE_ZEROES, 0, 16), IOERR);
	pmem_free(taken, SPARE - 64 * KiB - PAGE_SIZE, PMEM_HEAP);
	fill_data(0x33, 512);
	assert_int_equal(request(OUT, 128, 512), OK);
}

static void test_create_failures(void **state)
{
	struct vm_config *config = &fixture_vm->config;

	(void)state;
	snprintf(config->disk[0].file.name, CONFIG_FILE_MAX, "missing.img");
	assert_int_equal(virtio_blk_create(&fixture_vm->vm), ERR_NOENT);
	snprintf(config->disk[0].file.name, CONFIG_FILE_MAX, "disk.img");
	assert_int_equal(virtio_blk_create(&fixture_vm->vm), ERR_OVERLAP); /* slot is taken */
}

/* Against an array that does the same. */
static void test_random_requests(void **state)
{
	static u8 model[SECTORS * 512];

	(void)state;
	memset(model, 0, sizeof(model));
	memcpy(model, image, IMAGE_SIZE);
	srand(5);
	for (unsigned i = 0; i < 600; i++) {
		unsigned sector = rand() % SECTORS, count = 1 + rand() % (SECTORS - sector);
		u8 value = rand();

		if (rand() % 8)
			count = MIN(count, 40u);
		if (rand() % 2) {
			fill_data(value, count * 512);
			assert_int_equal(request(OUT, sector, count * 512), OK);
			memset(model + sector * 512, value, count * 512);
		} else {
			poke_range(0, sector, count, rand() % 2);
			assert_int_equal(request(WRITE_ZEROES, 0, 16), OK);
			memset(model + sector * 512, 0, count * 512);
		}
		if (i % 20 == 0)
			expect_disk(model, sizeof(model));
	}
	expect_disk(model, sizeof(model));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_configuration),
		TEST(test_read),
		TEST(test_write_and_restart),
		TEST(test_limits),
		TEST(test_get_id),
		TEST(test_write_zeroes),
		TEST(test_discard),
		TEST(test_clearing_has_a_budget),
		TEST(test_range_limits),
		TEST(test_readonly),
		TEST(test_long_request),
		TEST(test_reset_in_the_middle),
		TEST(test_queue_reset_in_the_middle),
		TEST(test_malformed_requests),
		TEST(test_odd_segments),
		TEST(test_out_of_memory),
		TEST(test_create_failures),
		TEST(test_random_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

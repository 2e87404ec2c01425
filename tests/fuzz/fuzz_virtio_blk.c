/* SPDX-License-Identifier: MIT */
/*
 * A block device whose rings and requests are arbitrary bytes: the first byte chooses features, the
 * rest is guest memory from address 0 with a ring at its start. The image stays as it was, the VM
 * lives, and after a reset the device works.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/pmem.h"
#include "core/vdev/virtio_blk.h"
#include "tests/unit/virtio_fixture.h"

#define RING_SIZE  8
#define SPARE	   (256 * KiB + PAGE_SIZE)
#define IMAGE_SIZE (2 * 64 * KiB + 700)
#define GOOD_RING  0x80000ull /* behind what the input fills */
#define GOOD_DATA  0x90000ull
#define RAM_HPA	   0x100000000ull

static u8 image[IMAGE_SIZE];

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void make_vm(void)
{
	static bool once;
	struct vm_config *config;

	virtio_fixture_begin();
	if (!once) {
		memset(image, 0x5a, sizeof(image));
		require(files_add("disk.img", image, sizeof(image)) == FIRN_OK);
		require(pmem_add(RAM_HPA + FIXTURE_RAM, SPARE) == FIRN_OK);
		once = true;
	}
	fake_set_ram(RAM_HPA, FIXTURE_RAM + SPARE);
	config = &fixture_vm->config;
	config->nr_disks = 1;
	snprintf(config->disk[0].file.name, CONFIG_FILE_MAX, "disk.img");
	require(virtio_blk_create(&fixture_vm->vm) == FIRN_OK);
}

/* The last sector, by a driver that keeps the rules. */
static void read_a_sector(const struct driver *d)
{
	struct split_queue q = split_queue_at(GOOD_RING, RING_SIZE);
	const u64 header[2] = { 0, IMAGE_SIZE / 512 };
	u8 status = 0xff;
	u32 id, len;

	driver_start(d, 0, &q, 1);
	poke(GOOD_DATA, header, sizeof(header));
	split_desc(&q, 0, GOOD_DATA, 16, D_NEXT, 1);
	split_desc(&q, 1, GOOD_DATA + 0x1000, 512 + 1, D_WRITE, 0);
	split_offer(&q, 0);
	kick(d, 0);
	run_posted_work();
	require(split_used(&q, &id, &len) && len == 513);
	peek(GOOD_DATA + 0x1000 + 512, &status, 1);
	require(status == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct split_queue q = {
		.desc = 0, .avail = 16 * RING_SIZE, .used = 0x800, .size = RING_SIZE
	};
	struct driver d;
	u64 features;

	if (size < 1 || size > 32 * KiB)
		return 0;
	make_vm();
	d = driver_probe(PCI_SLOT_DISK);
	features = offered_features(&d);
	if (data[0] & 1)
		features &= ~VIRTIO_F_RING_PACKED;
	if (data[0] & 2)
		features &= ~VIRTIO_F_RING_EVENT_IDX;
	poke(0, data + 1, size - 1);
	driver_start(&d, features, &q, 1);
	kick(&d, 0);
	if (data[0] & 4) { /* in the middle of a request, if that is a long one */
		common_set(&d, REG_QUEUE_SELECT, 2, 0);
		common_set(&d, REG_QUEUE_RESET, 2, 1);
		require(common_get(&d, REG_QUEUE_ENABLE, 2) == 0);
		driver_queue(&d, 0, &q);
	}
	run_posted_work();
	require(fixture_vm->crashes == 0);
	read_a_sector(&d);
	virtio_fixture_end();
	for (unsigned i = 0; i < IMAGE_SIZE; i++)
		require(image[i] == 0x5a);
	return 0;
}

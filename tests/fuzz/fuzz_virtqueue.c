/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues over arbitrary guest memory. The first two bytes choose layout, features and size, the
 * rest is memory from address 0. What is handed out lies in memory, in bounds and in order.
 */
#include <stdlib.h>
#include <string.h>

#include "core/guest_memory.h"
#include "core/vdev/virtqueue.h"
#include "fake.h"

#define RAM_BASE 0x100000000ull
#define RAM	 (64 * KiB)
#define DESC	 0x0ull
#define DRIVER	 0x1000ull
#define DEVICE	 0x1400ull
#define POPS	 600 /* more than any ring holds */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_chain(const struct virtq *vq, const struct virtq_chain *chain)
{
	u64 sum[2] = { 0 };

	require(chain->readable + chain->writable <= VIRTQ_MAX_SEGMENTS);
	for (unsigned i = 0; i < chain->readable + chain->writable; i++) {
		const struct virtq_segment *s = &chain->segment[i];

		require(s->len > 0 && s->gpa < RAM && s->len <= RAM - s->gpa);
		sum[i >= chain->readable] += s->len;
	}
	require(sum[0] == chain->read_bytes && sum[1] == chain->write_bytes);
	require(vq->packed ? chain->descriptors >= 1 && chain->descriptors <= vq->size
			   : chain->id < vq->size);
}

static void use_chain(struct virtq *vq, const struct virtq_chain *chain)
{
	u8 bytes[16] = { 0 };

	require(virtq_read(vq, chain, 0, bytes, MIN(chain->read_bytes, 16u)));
	require(virtq_write(vq, chain, chain->write_bytes - MIN(chain->write_bytes, 16u), bytes,
			    MIN(chain->write_bytes, 16u)));
	require(!virtq_read(vq, chain, chain->read_bytes, bytes, 1));
	require(!virtq_write(vq, chain, chain->write_bytes, bytes, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtq_chain chain;
	struct backing backing = { .hpa = RAM_BASE, .size = RAM, .bound = true };
	struct memslots memory = {
		.count = 1,
		.slot[0] = { .size = RAM, .kind = MEMSLOT_RAM, .backing = &backing },
	};
	struct virtq vq = {
		.memory = &memory, .descriptors = DESC, .driver = DRIVER, .device_area = DEVICE
	};
	enum firn_err err = FIRN_OK;

	if (size < 2 || size - 2 > RAM)
		return 0;
	fake_reset();
	memcpy(fake_set_ram(RAM_BASE, RAM), data + 2, size - 2);
	vq.packed = data[0] & 1;
	vq.indirect = data[0] & 2;
	vq.event_index = data[0] & 4;
	vq.size = vq.packed ? data[1] : 1u << data[1] % 9;
	if (virtq_find_ring(&vq) != FIRN_OK)
		return 0;
	virtq_start(&vq);
	vq.live = true;
	for (unsigned i = 0; i < POPS && err == FIRN_OK; i++) {
		err = virtq_pop(&vq, &chain);
		require(err == FIRN_OK || err == ERR_NOENT || (err == ERR_FORMAT && vq.error));
		if (err != FIRN_OK)
			break;
		check_chain(&vq, &chain);
		if (i % 3 == 0) {
			virtq_unpop(&vq, &chain);
			require(virtq_pop(&vq, &chain) == FIRN_OK);
		}
		use_chain(&vq, &chain);
		virtq_push(&vq, &chain, i);
		virtq_wants_interrupt(&vq);
	}
	virtq_disable_kicks(&vq);
	virtq_enable_kicks(&vq);
	return 0;
}

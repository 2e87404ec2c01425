/* SPDX-License-Identifier: MIT */
/* Block devices: requests of the driver, carried out on a disk in memory. */
#include "core/vdev/virtio_blk.h"

#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/vdev/ram_disk.h"
#include "core/vdev/virtio.h"
#include "core/vm.h"

/* Feature bits, 5.2.3 */
#define BLK_F_SIZE_MAX	   BIT(1)
#define BLK_F_SEG_MAX	   BIT(2)
#define BLK_F_RO	   BIT(5)
#define BLK_F_BLK_SIZE	   BIT(6)
#define BLK_F_FLUSH	   BIT(9)
#define BLK_F_TOPOLOGY	   BIT(10)
#define BLK_F_MQ	   BIT(12)
#define BLK_F_DISCARD	   BIT(13)
#define BLK_F_WRITE_ZEROES BIT(14)
#define FEATURES \
	(BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_MQ)
#define FEATURES_WRITABLE (BLK_F_DISCARD | BLK_F_WRITE_ZEROES)

/* Configuration, 5.2.4 */
struct blk_config {
	u64 capacity; /* sectors */
	u32 size_max, seg_max;
	u16 cylinders;
	u8 heads, sectors;
	u32 blk_size;
	u8 physical_block_exp, alignment_offset;
	u16 min_io_size;
	u32 opt_io_size;
	u8 writeback, unused0;
	u16 num_queues;
	u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
	u32 max_write_zeroes_sectors, max_write_zeroes_seg;
	u8 write_zeroes_may_unmap, unused1[3];
} __packed;
_Static_assert(sizeof(struct blk_config) == 60, "virtio 1.2, 5.2.4");

/* Requests, 5.2.6 */
struct blk_header {
	u32 type, reserved;
	u64 sector;
};
_Static_assert(sizeof(struct blk_header) == 16, "virtio 1.2, 5.2.6");
enum blk_type {
	BLK_IN = 0,
	BLK_OUT = 1,
	BLK_FLUSH = 4,
	BLK_GET_ID = 8,
	BLK_DISCARD = 11,
	BLK_WRITE_ZEROES = 13,
};
enum blk_status {
	BLK_OK,
	BLK_IOERR,
	BLK_UNSUPPORTED,
	BLK_BUSY /* not the guest's business: the request goes on later */
};

struct blk_range {
	u64 sector;
	u32 sectors, flags;
};
_Static_assert(sizeof(struct blk_range) == 16, "virtio 1.2, 5.2.6");
#define RANGE_UNMAP BIT(0)

#define QUEUE_SIZE	  128
#define MAX_QUEUES	  8
#define SEGMENT_SIZE_MAX  (64 * KiB)
#define SEGMENTS_MAX	  (QUEUE_SIZE - 2) /* header and status take one descriptor each */
#define RANGES_MAX	  8
#define RANGE_SECTORS_MAX (32 * MiB / RAM_DISK_SECTOR)
#define ID_SIZE		  20
#define PAGE_EXP	  3 /* physical blocks are pages: 2^3 sectors */
/* Of one run of a queue's handler; a longer request goes on in the next one. */
#define BUDGET_BYTES	(256 * KiB)
#define BUDGET_REQUESTS 32
/* What clearing costs of it: a range's ends may have to be filled with zeros, blocks just go. */
#define RANGE_COST RAM_DISK_BLOCK
#define BLOCK_COST (4 * KiB)

/* A queue and the request in it that is not finished. */
struct blk_queue {
	struct virtq_chain chain;
	struct blk_header header;
	bool busy;
	u32 done; /* bytes of its data */
};

struct virtio_blk {
	struct virtio_device device;
	struct ram_disk disk;
	struct blk_config config;
	bool readonly;
	char id[ID_SIZE];
	struct blk_queue queue[]; /* each under its virtq's lock */
};

static struct virtio_blk *of_device(struct virtio_device *device)
{
	return container_of(device, struct virtio_blk, device);
}

/* Bytes of the request between header and status. */
static u32 data_to_read(const struct blk_queue *q)
{
	return q->chain.read_bytes - sizeof(q->header);
}

static u32 data_to_write(const struct blk_queue *q)
{
	return q->chain.write_bytes - sizeof(u8);
}

static bool in_disk(const struct ram_disk *disk, u64 sector, u64 bytes)
{
	u64 sectors = disk->size / RAM_DISK_SECTOR;

	return bytes % RAM_DISK_SECTOR == 0 && sector <= sectors &&
	       bytes / RAM_DISK_SECTOR <= sectors - sector;
}

/* One piece of the request at q->done. Disk locked. */
static bool transfer_piece(struct virtio_blk *blk, struct virtq *vq, struct blk_queue *q, u32 *len)
{
	u64 offset = q->header.sector * RAM_DISK_SECTOR + q->done;
	const void *from;
	void *to;

	if (q->header.type == BLK_OUT) {
		to = ram_disk_own(&blk->disk, offset, len);
		return to && virtq_read(vq, &q->chain, sizeof(q->header) + q->done, to, *len);
	}
	from = ram_disk_peek(&blk->disk, offset, len);
	return virtq_write(vq, &q->chain, q->done, from, *len);
}

/* Reads and writes; takes what it used from the budget. */
static enum blk_status transfer(struct virtio_blk *blk, struct virtq *vq, struct blk_queue *q,
				u32 *budget)
{
	u32 total = q->header.type == BLK_OUT ? data_to_read(q) : data_to_write(q);

	if (!in_disk(&blk->disk, q->header.sector, total) ||
	    (q->header.type == BLK_OUT && blk->readonly))
		return BLK_IOERR;
	while (q->done < total && *budget) {
		u32 len = MIN(total - q->done, *budget);
		bool good;

		spin_lock(&blk->disk.lock);
		good = transfer_piece(blk, vq, q, &len);
		spin_unlock(&blk->disk.lock);
		if (!good)
			return BLK_IOERR;
		q->done += len;
		*budget -= len;
	}
	return q->done == total ? BLK_OK : BLK_BUSY;
}

static enum blk_status get_id(struct virtio_blk *blk, struct virtq *vq, struct blk_queue *q)
{
	u32 len = MIN(data_to_write(q), (u32)ID_SIZE);

	q->done = len;
	return virtq_write(vq, &q->chain, 0, blk->id, len) ? BLK_OK : BLK_IOERR;
}

/* 5.2.6.2: unknown flags, and unmapping in a discard, are not supported. */
static enum blk_status check_range(const struct virtio_blk *blk, const struct blk_range *r,
				   bool discard)
{
	if (r->flags & ~(discard ? 0 : RANGE_UNMAP))
		return BLK_UNSUPPORTED;
	if (r->sectors > RANGE_SECTORS_MAX ||
	    !in_disk(&blk->disk, r->sector, r->sectors * RAM_DISK_SECTOR))
		return BLK_IOERR;
	return BLK_OK;
}

static bool clear_range(struct virtio_blk *blk, const struct blk_range *r, bool discard)
{
	u64 offset = r->sector * RAM_DISK_SECTOR, len = r->sectors * RAM_DISK_SECTOR;
	bool good = true;

	spin_lock(&blk->disk.lock);
	if (discard)
		ram_disk_discard(&blk->disk, offset, len);
	else
		good = ram_disk_zero(&blk->disk, offset, len);
	spin_unlock(&blk->disk.lock);
	return good;
}

static void charge(u32 *budget, const struct blk_range *r)
{
	u64 blocks = DIV_ROUND_UP(r->sectors * RAM_DISK_SECTOR, RAM_DISK_BLOCK);

	*budget -= MIN(*budget, RANGE_COST + blocks * BLOCK_COST);
}

/* All ranges are checked before anything of them is cleared. */
static enum blk_status clear_ranges(struct virtio_blk *blk, struct virtq *vq, struct blk_queue *q,
				    u32 *budget)
{
	bool discard = q->header.type == BLK_DISCARD;
	u32 len = data_to_read(q), count = len / sizeof(struct blk_range);
	struct blk_range range[RANGES_MAX];
	enum blk_status status = BLK_OK;

	if (blk->readonly || len % sizeof(range[0]) != 0 || count > RANGES_MAX ||
	    !virtq_read(vq, &q->chain, sizeof(q->header), range, len))
		return BLK_IOERR;
	for (u32 i = 0; i < count && status == BLK_OK; i++)
		status = check_range(blk, &range[i], discard);
	for (u32 i = 0; i < count && status == BLK_OK; i++) {
		charge(budget, &range[i]);
		if (!clear_range(blk, &range[i], discard))
			status = BLK_IOERR;
	}
	return status;
}

static enum blk_status carry_out(struct virtio_blk *blk, struct virtq *vq, struct blk_queue *q,
				 u32 *budget)
{
	u32 type = q->header.type;

	if (type == BLK_IN || type == BLK_OUT)
		return transfer(blk, vq, q, budget);
	if (type == BLK_FLUSH) /* a write that is done is as safe as it will ever be */
		return BLK_OK;
	if (type == BLK_GET_ID)
		return get_id(blk, vq, q);
	if (type == BLK_DISCARD || type == BLK_WRITE_ZEROES)
		return clear_ranges(blk, vq, q, budget);
	return BLK_UNSUPPORTED;
}

/* The status is the last byte; it counts as written if everything before it was. */
static void finish(struct virtq *vq, struct blk_queue *q, enum blk_status status)
{
	u32 in_bytes = q->header.type == BLK_OUT ? 0 : q->done;
	u8 byte = status;
	bool told = virtq_write(vq, &q->chain, data_to_write(q), &byte, sizeof(byte));

	virtq_push(vq, &q->chain, in_bytes + (told && in_bytes == data_to_write(q)));
	q->busy = false;
}

/* False: there is none, or it made no sense. */
static bool next_request(struct virtq *vq, struct blk_queue *q)
{
	if (virtio_pop(vq, &q->chain) != FIRN_OK)
		return false;
	if (!virtq_read(vq, &q->chain, 0, &q->header, sizeof(q->header)) ||
	    q->chain.write_bytes == 0) {
		virtio_broken(vq->device, "a request without header or without room for its "
					  "status");
		return false;
	}
	q->busy = true;
	q->done = 0;
	return true;
}

static enum virtq_result run_queue(struct virtio_device *device, struct virtq *vq)
{
	struct virtio_blk *blk = of_device(device);
	struct blk_queue *q = &blk->queue[vq->index];
	u32 budget = BUDGET_BYTES;

	for (unsigned i = 0; i < BUDGET_REQUESTS && budget; i++) {
		enum blk_status status;

		if (!q->busy && !next_request(vq, q))
			return VIRTQ_DRAINED;
		status = carry_out(blk, vq, q, &budget);
		if (status == BLK_BUSY)
			return VIRTQ_MORE;
		finish(vq, q, status);
	}
	return VIRTQ_MORE;
}

/* The request of before the reset is gone. What it wrote stays. */
static void reset_queue(struct virtio_device *device, struct virtq *vq)
{
	of_device(device)->queue[vq->index].busy = false;
}

static void destroy(struct virtio_device *device)
{
	struct virtio_blk *blk = of_device(device);

	ram_disk_destroy(&blk->disk);
	free(blk);
}

static const struct virtio_class blk_class = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.pci_class = PCI_CLASS(0x01, 0x80, 0), /* mass storage, other */
	.run_queue = run_queue,
	.reset_queue = reset_queue,
	.destroy = destroy,
};

static void fill_config(struct virtio_blk *blk, unsigned nr_queues)
{
	blk->config = (struct blk_config){
		.capacity = blk->disk.size / RAM_DISK_SECTOR,
		.size_max = SEGMENT_SIZE_MAX,
		.seg_max = SEGMENTS_MAX,
		.blk_size = RAM_DISK_SECTOR,
		.physical_block_exp = PAGE_EXP,
		.num_queues = nr_queues,
		.max_discard_sectors = RANGE_SECTORS_MAX,
		.max_discard_seg = RANGES_MAX,
		.discard_sector_alignment = RAM_DISK_BLOCK / RAM_DISK_SECTOR,
		.max_write_zeroes_sectors = RANGE_SECTORS_MAX,
		.max_write_zeroes_seg = RANGES_MAX,
		.write_zeroes_may_unmap = 1,
	};
}

static enum firn_err create_disk(struct vm *vm, unsigned index)
{
	const struct config_disk *wanted = &vm->config->disk[index];
	const struct loader_file *file = files_find(wanted->file.name);
	struct virtio_setup setup = {
		.slot = PCI_SLOT_DISK + index,
		.features = FEATURES | (wanted->readonly ? BLK_F_RO : FEATURES_WRITABLE),
		.nr_queues = MIN(vm->config->cpus, (unsigned)MAX_QUEUES),
		.queue_size = QUEUE_SIZE,
		.config_size = sizeof(struct blk_config),
	};
	struct virtio_blk *blk;
	enum firn_err err;

	if (!file)
		return ERR_NOENT;
	blk = calloc(1, sizeof(*blk) + setup.nr_queues * sizeof(blk->queue[0]));
	if (!blk)
		return ERR_NOMEM;
	blk->readonly = wanted->readonly;
	memcpy(blk->id, wanted->file.name, MIN(strlen(wanted->file.name), sizeof(blk->id)));
	err = ram_disk_init(&blk->disk, file->data, file->size);
	if (err == FIRN_OK) {
		fill_config(blk, setup.nr_queues);
		setup.config = &blk->config;
		err = virtio_create(&blk->device, vm, &blk_class, &setup);
	}
	if (err != FIRN_OK)
		destroy(&blk->device);
	return err;
}

enum firn_err virtio_blk_create(struct vm *vm)
{
	enum firn_err err = FIRN_OK;

	for (unsigned i = 0; i < vm->config->nr_disks && err == FIRN_OK; i++)
		err = create_disk(vm, i);
	return err;
}

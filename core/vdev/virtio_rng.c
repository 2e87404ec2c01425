/* SPDX-License-Identifier: MIT */
/* Entropy device: one queue of buffers that are filled with random bytes. */
#include "core/vdev/virtio_rng.h"

#include <stdlib.h>

#include "core/entropy.h"
#include "core/vdev/virtio.h"
#include "core/vm.h"

#define QUEUE_SIZE  8
#define MAX_BYTES   256 /* of one buffer that are filled: a driver asks again for more */
#define BUDGET	    8	/* buffers in one run of the handler */
#define OTHER_CLASS PCI_CLASS(0xff, 0, 0)

struct virtio_rng {
	struct virtio_device device;
	struct virtq_chain chain; /* under the queue's lock */
};

static enum virtq_result run_queue(struct virtio_device *device, struct virtq *vq)
{
	struct virtio_rng *rng = container_of(device, struct virtio_rng, device);
	u8 bytes[MAX_BYTES];

	for (unsigned i = 0; i < BUDGET; i++) {
		u32 len;

		if (virtio_pop(vq, &rng->chain) != FIRN_OK)
			return VIRTQ_DRAINED;
		len = MIN(rng->chain.write_bytes, (u32)MAX_BYTES);
		random_bytes(bytes, len);
		if (!virtq_write(vq, &rng->chain, 0, bytes, len))
			len = 0;
		virtq_push(vq, &rng->chain, len);
	}
	return VIRTQ_MORE;
}

static void destroy(struct virtio_device *device)
{
	free(container_of(device, struct virtio_rng, device));
}

static const struct virtio_class rng_class = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_ENTROPY,
	.pci_class = OTHER_CLASS,
	.run_queue = run_queue,
	.destroy = destroy,
};

enum firn_err virtio_rng_create(struct vm *vm)
{
	static const struct virtio_setup setup = {
		.slot = PCI_SLOT_RNG,
		.nr_queues = 1,
		.queue_size = QUEUE_SIZE,
	};
	struct virtio_rng *rng;
	enum firn_err err = ERR_NOMEM;

	if (!vm->config->rng)
		return FIRN_OK;
	rng = calloc(1, sizeof(*rng));
	if (rng)
		err = virtio_create(&rng->device, vm, &rng_class, &setup);
	if (err != FIRN_OK)
		free(rng);
	return err;
}

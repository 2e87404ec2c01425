/* SPDX-License-Identifier: MIT */
/* Console device: one port, a queue in each direction. */
#include "core/vdev/virtio_console.h"

#include <stdlib.h>

#include "core/console.h"
#include "core/vdev/vdevs.h"
#include "core/vm.h"

/* Configuration, 5.3.4; what it tells belongs to features that are not offered. */
struct console_config {
	u16 cols, rows;
	u32 max_nr_ports, emerg_wr;
};
_Static_assert(sizeof(struct console_config) == 12, "virtio 1.2, 5.3.4");

enum console_queue {
	QUEUE_RECEIVE,
	QUEUE_TRANSMIT,
	NR_QUEUES
};

#define QUEUE_SIZE     16
#define BUDGET_BYTES   1024 /* of one run of a handler */
#define BUDGET_BUFFERS 16
#define PIECE	       64			/* bytes that are copied at once */
#define OTHER_CLASS    PCI_CLASS(0x07, 0x80, 0) /* communication, other */

struct virtio_console {
	struct virtio_device device;
	struct virtq_chain input;
	/* Under the transmit queue's lock: what is not shown yet. */
	struct virtq_chain output;
	bool busy;
	u32 done; /* bytes of it */
};

static struct virtio_console *of_device(struct virtio_device *device)
{
	return container_of(device, struct virtio_console, device);
}

static struct virtio_console *of_vm(struct vm *vm)
{
	struct virtio_device *device = vm->vdevs->virtio[PCI_SLOT_CONSOLE];

	return device ? of_device(device) : NULL;
}

/*
 * Output
 */

/* Shows a piece of the buffer; false: the console is behind and says when it is not any more. */
static bool show_piece(struct virtio_console *con, struct virtq *vq)
{
	u32 len = MIN(con->output.read_bytes - con->done, (u32)PIECE);
	u8 bytes[PIECE];

	if (!virtq_read(vq, &con->output, con->done, bytes, len))
		len = 0;
	for (u32 i = 0; i < len; i++, con->done++)
		if (!vm_console_put(con->device.vm->console, bytes[i]))
			return false;
	return true;
}

static enum virtq_result transmit(struct virtio_console *con, struct virtq *vq)
{
	u32 shown = 0;

	for (unsigned i = 0; i < BUDGET_BUFFERS; i++) {
		if (!con->busy && virtio_pop(vq, &con->output) != FIRN_OK)
			return VIRTQ_DRAINED;
		if (!con->busy)
			con->done = 0;
		con->busy = true;
		while (con->done < con->output.read_bytes) {
			if (shown >= BUDGET_BYTES)
				return VIRTQ_MORE;
			if (!show_piece(con, vq))
				return VIRTQ_WAITING;
			shown += PIECE;
		}
		virtq_push(vq, &con->output, 0);
		con->busy = false;
	}
	return VIRTQ_MORE;
}

/*
 * Input
 */

/* A byte at a time is taken from the console only when there is a place for it. */
static u32 fill(struct virtio_console *con, struct virtq *vq)
{
	u32 len = 0;

	while (len < MIN(con->input.write_bytes, (u32)BUDGET_BYTES)) {
		int c = vm_console_get(con->device.vm->console);
		u8 byte = (u8)c;

		if (c < 0 || !virtq_write(vq, &con->input, len, &byte, sizeof(byte)))
			break;
		len++;
	}
	return len;
}

/* A buffer that nothing is put into stays in the ring. */
static enum virtq_result receive(struct virtio_console *con, struct virtq *vq)
{
	for (unsigned i = 0; i < BUDGET_BUFFERS; i++) {
		u32 len;

		if (virtio_pop(vq, &con->input) != FIRN_OK)
			return VIRTQ_DRAINED;
		len = fill(con, vq);
		if (len == 0) {
			virtq_unpop(vq, &con->input);
			return VIRTQ_WAITING;
		}
		virtq_push(vq, &con->input, len);
	}
	return VIRTQ_MORE;
}

static enum virtq_result run_queue(struct virtio_device *device, struct virtq *vq)
{
	struct virtio_console *con = of_device(device);

	return vq->index == QUEUE_RECEIVE ? receive(con, vq) : transmit(con, vq);
}

bool virtio_console_input_ready(struct vm *vm)
{
	struct virtio_console *con = of_vm(vm);
	const u32 ready = VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET;

	if (!con || (__atomic_load_n(&con->device.status, __ATOMIC_ACQUIRE) & ready) !=
			    VIRTIO_STATUS_DRIVER_OK)
		return false;
	virtio_run_later(&con->device.queue[QUEUE_RECEIVE]);
	return true;
}

void virtio_console_output_ready(struct vm *vm)
{
	struct virtio_console *con = of_vm(vm);

	if (con)
		virtio_run_later(&con->device.queue[QUEUE_TRANSMIT]);
}

static void reset_queue(struct virtio_device *device, struct virtq *vq)
{
	if (vq->index == QUEUE_TRANSMIT)
		of_device(device)->busy = false;
}

static void destroy(struct virtio_device *device)
{
	free(of_device(device));
}

static const struct virtio_class console_class = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.pci_class = OTHER_CLASS,
	.run_queue = run_queue,
	.reset_queue = reset_queue,
	.destroy = destroy,
};

enum firn_err virtio_console_create(struct vm *vm)
{
	static const struct console_config config = { .cols = 0 };
	static const struct virtio_setup setup = {
		.slot = PCI_SLOT_CONSOLE,
		.nr_queues = NR_QUEUES,
		.queue_size = QUEUE_SIZE,
		.config = &config,
		.config_size = sizeof(config),
	};
	struct virtio_console *con;
	enum firn_err err = ERR_NOMEM;

	if (!vm->config->virtio_console)
		return FIRN_OK;
	con = calloc(1, sizeof(*con));
	if (con)
		err = virtio_create(&con->device, vm, &console_class, &setup);
	if (err != FIRN_OK)
		free(con);
	return err;
}

/* SPDX-License-Identifier: MIT */
/* Virtio devices: status, life of the queues, their handlers, interrupts. */
#include "core/vdev/virtio.h"

#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/vdev/vdevs.h"
#include "core/vdev/virtio_pci.h"
#include "core/vm.h"

/* What every device offers. */
#define COMMON_FEATURES                                                               \
	(VIRTIO_F_RING_INDIRECT_DESC | VIRTIO_F_RING_EVENT_IDX | VIRTIO_F_VERSION_1 | \
	 VIRTIO_F_RING_PACKED | VIRTIO_F_RING_RESET)

/* Reasons of the ISR register, virtio 1.2, 4.1.4.5 */
#define ISR_QUEUE  BIT(0)
#define ISR_CONFIG BIT(1)

static u32 status_of(const struct virtio_device *device)
{
	return __atomic_load_n(&device->status, __ATOMIC_ACQUIRE);
}

/*
 * Interrupts
 */

static void interrupt(struct virtio_device *device, u16 vector, u32 reason)
{
	if (!msix_enabled(&device->pci.msix))
		__atomic_fetch_or(&device->isr, reason, __ATOMIC_RELEASE);
	else if (vector != VIRTIO_NO_VECTOR)
		pci_device_interrupt(&device->pci, vector);
}

void virtio_interrupt_driver(struct virtq *vq)
{
	if (virtq_wants_interrupt(vq))
		interrupt(vq->device, __atomic_load_n(&vq->msix_vector, __ATOMIC_RELAXED),
			  ISR_QUEUE);
}

static void interrupt_config(struct virtio_device *device)
{
	interrupt(device, __atomic_load_n(&device->config_vector, __ATOMIC_RELAXED), ISR_CONFIG);
}

void virtio_config_changed(struct virtio_device *device)
{
	device->config_generation++;
	if (status_of(device) & VIRTIO_STATUS_DRIVER_OK)
		interrupt_config(device);
}

void virtio_broken(struct virtio_device *device, const char *why)
{
	u32 old = __atomic_fetch_or(&device->status, VIRTIO_STATUS_NEEDS_RESET, __ATOMIC_ACQ_REL);

	if (log_ratelimit_ok(&device->broken_log))
		log_warn("VM %s: %s in PCI slot %u stops until it is reset: %s",
			 device->vm->config->name, device->class->name, device->pci.slot, why);
	/* 2.1.2: the driver is told once it has set DRIVER_OK. */
	if ((old & VIRTIO_STATUS_DRIVER_OK) && !(old & VIRTIO_STATUS_NEEDS_RESET))
		interrupt_config(device);
}

/*
 * Queues
 */

/* May the queue's rings be touched just now? Queue locked. */
static bool usable(const struct virtq *vq)
{
	return vq->live && !(status_of(vq->device) & VIRTIO_STATUS_NEEDS_RESET) &&
	       pci_device_bus_master(&vq->device->pci);
}

enum firn_err virtio_pop(struct virtq *vq, struct virtq_chain *chain)
{
	enum firn_err err = ERR_NOENT;

	if (usable(vq))
		err = virtq_pop(vq, chain);
	if (err == ERR_FORMAT)
		virtio_broken(vq->device, vq->error);
	return err;
}

void virtio_run_later(struct virtq *vq)
{
	work_post(cpu_index(), &vq->work);
}

/* Kicks are off while the handler runs: it sees what is added meanwhile. Queue locked. */
static void run_handler(struct virtq *vq)
{
	struct virtio_device *device = vq->device;
	enum virtq_result result;

	virtq_disable_kicks(vq);
	result = device->class->run_queue(device, vq);
	virtio_interrupt_driver(vq);
	if (result == VIRTQ_MORE || (result == VIRTQ_DRAINED && virtq_enable_kicks(vq)))
		virtio_run_later(vq);
}

/*
 * Whoever finds the queue locked leaves its kick to the holder, who looks again after unlocking. The
 * holder does not go on at once: with a driver that kicks on and on it would never get to anything else.
 */
void virtio_kick(struct virtq *vq)
{
	__atomic_store_n(&vq->kicked, 1, __ATOMIC_SEQ_CST);
	if (!spin_trylock(&vq->lock))
		return;
	__atomic_store_n(&vq->kicked, 0, __ATOMIC_SEQ_CST);
	if (usable(vq))
		run_handler(vq);
	spin_unlock(&vq->lock);
	/* Not a plain load, which a CPU may do before the unlocking is seen. */
	if (__atomic_fetch_or(&vq->kicked, 0, __ATOMIC_SEQ_CST))
		virtio_run_later(vq);
}

static void run_work(struct work *work)
{
	virtio_kick(container_of(work, struct virtq, work));
}

static void stop_queue(struct virtq *vq)
{
	spin_lock(&vq->lock);
	vq->live = false;
	spin_unlock(&vq->lock);
}

/* Slots may have changed while it was not live: the ring is found again. */
static void go_live(struct virtq *vq)
{
	enum firn_err err;

	if (!vq->enabled || vq->device->paused)
		return;
	spin_lock(&vq->lock);
	err = virtq_find_ring(vq);
	vq->live = err == FIRN_OK;
	spin_unlock(&vq->lock);
	if (err != FIRN_OK)
		virtio_broken(vq->device, "a ring is not aligned or not in memory");
}

/* The features of the ring are fixed when the driver is ready, and so is the layout. */
static void start_queue(struct virtq *vq)
{
	const struct virtio_device *device = vq->device;

	spin_lock(&vq->lock);
	vq->packed = virtio_has(device, VIRTIO_F_RING_PACKED);
	vq->indirect = virtio_has(device, VIRTIO_F_RING_INDIRECT_DESC);
	vq->event_index = virtio_has(device, VIRTIO_F_RING_EVENT_IDX);
	virtq_start(vq);
	spin_unlock(&vq->lock);
	go_live(vq);
}

static void start(struct virtio_device *device)
{
	for (unsigned i = 0; i < device->nr_queues; i++)
		start_queue(&device->queue[i]);
	if (device->class->started)
		device->class->started(device);
	/* Buffers that were there before need no kick of their own. */
	for (unsigned i = 0; i < device->nr_queues; i++)
		virtio_run_later(&device->queue[i]);
}

/*
 * Status
 */

static bool features_accepted(struct virtio_device *device)
{
	u64 features = device->features;

	if ((features & ~device->offered) || !(features & VIRTIO_F_VERSION_1))
		return false;
	return !device->class->features_possible ||
	       device->class->features_possible(device, features);
}

/* The driver sets bits; only a reset clears them (2.1.1). */
void virtio_write_status(struct virtio_device *device, u8 status)
{
	u32 old = status_of(device), new = (status & ~VIRTIO_STATUS_NEEDS_RESET) | old;

	if (status == 0) {
		virtio_reset(device);
		return;
	}
	if (!(old & VIRTIO_STATUS_FEATURES_OK) && !features_accepted(device))
		new &= ~VIRTIO_STATUS_FEATURES_OK;
	if (!(new &VIRTIO_STATUS_FEATURES_OK))
		new &= ~VIRTIO_STATUS_DRIVER_OK;
	__atomic_fetch_or(&device->status, new, __ATOMIC_RELEASE);
	if ((new & ~old) & VIRTIO_STATUS_DRIVER_OK)
		start(device);
}

void virtio_enable_queue(struct virtq *vq)
{
	vq->enabled = true;
	if (!(status_of(vq->device) & VIRTIO_STATUS_DRIVER_OK))
		return;
	start_queue(vq);
	virtio_run_later(vq);
}

void virtio_reset_queue(struct virtq *vq)
{
	struct virtio_device *device = vq->device;

	spin_lock(&vq->lock);
	vq->live = vq->enabled = false;
	vq->size = vq->max_size;
	vq->descriptors = vq->driver = vq->device_area = 0;
	__atomic_store_n(&vq->msix_vector, VIRTIO_NO_VECTOR, __ATOMIC_RELAXED);
	virtq_start(vq);
	if (device->class->reset_queue)
		device->class->reset_queue(device, vq);
	spin_unlock(&vq->lock);
}

void virtio_reset(struct virtio_device *device)
{
	for (unsigned i = 0; i < device->nr_queues; i++)
		virtio_reset_queue(&device->queue[i]);
	if (device->class->reset)
		device->class->reset(device);
	device->features = 0;
	device->offered_select = device->features_select = 0;
	device->queue_select = 0;
	__atomic_store_n(&device->config_vector, VIRTIO_NO_VECTOR, __ATOMIC_RELAXED);
	__atomic_store_n(&device->isr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&device->status, 0, __ATOMIC_RELEASE);
}

void virtio_pause(struct virtio_device *device)
{
	spin_lock(&device->lock);
	device->paused = true;
	for (unsigned i = 0; i < device->nr_queues; i++)
		stop_queue(&device->queue[i]);
	spin_unlock(&device->lock);
}

void virtio_resume(struct virtio_device *device)
{
	bool ready = status_of(device) & VIRTIO_STATUS_DRIVER_OK;

	spin_lock(&device->lock);
	device->paused = false;
	for (unsigned i = 0; ready && i < device->nr_queues; i++) {
		go_live(&device->queue[i]);
		virtio_run_later(&device->queue[i]);
	}
	spin_unlock(&device->lock);
}

/*
 * Making
 */

static bool setup_is_valid(const struct virtio_setup *setup)
{
	u16 size = setup->queue_size;

	return setup->slot < PCI_SLOTS && setup->nr_queues >= 1 &&
	       setup->nr_queues <= VIRTIO_MAX_QUEUES && size >= 1 && size <= VIRTQ_MAX_SIZE &&
	       (size & (size - 1)) == 0;
}

static enum firn_err make_queues(struct virtio_device *device, const struct virtio_setup *setup)
{
	device->queue = calloc(setup->nr_queues, sizeof(*device->queue));
	if (!device->queue)
		return ERR_NOMEM;
	device->nr_queues = setup->nr_queues;
	for (unsigned i = 0; i < device->nr_queues; i++) {
		struct virtq *vq = &device->queue[i];

		vq->device = device;
		vq->index = i;
		vq->memory = &device->vm->memory;
		vq->max_size = setup->queue_size;
		vq->work.run = run_work;
	}
	return FIRN_OK;
}

enum firn_err virtio_create(struct virtio_device *device, struct vm *vm,
			    const struct virtio_class *class, const struct virtio_setup *setup)
{
	enum firn_err err;

	if (!setup_is_valid(setup))
		return ERR_INVALID;
	device->vm = vm;
	device->class = class;
	device->offered = setup->features | COMMON_FEATURES;
	device->config = setup->config;
	device->config_size = setup->config_size;
	err = make_queues(device, setup);
	if (err != FIRN_OK)
		return err;
	virtio_reset(device);
	err = virtio_pci_attach(device, setup->slot);
	if (err != FIRN_OK) {
		free(device->queue);
		return err;
	}
	vm->vdevs->virtio[setup->slot] = device;
	return FIRN_OK;
}

void virtio_destroy(struct virtio_device *device)
{
	pci_device_destroy(&device->pci);
	free(device->queue);
	device->class->destroy(device);
}

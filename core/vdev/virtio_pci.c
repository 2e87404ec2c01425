/* SPDX-License-Identifier: MIT */
/* Virtio over PCI: registers in BAR 0, and the capabilities that say where they are. */
#include "core/vdev/virtio_pci.h"

#include <string.h>

#include "core/vdev/vdevs.h"
#include "core/vdev/virtio.h"
#include "core/vdev/virtio_layout.h"
#include "core/vm.h"

#define VIRTIO_REVISION 1

#define REGISTERS_BAR 0
#define MSIX_BAR      2

/* BAR 0 in pages, one for each structure. */
#define STRUCTURE_SIZE 0x1000ull
#define REGISTERS_SIZE (4 * STRUCTURE_SIZE)
enum structure {
	COMMON,
	ISR,
	DEVICE,
	NOTIFY
};
#define NOTIFY_MULTIPLIER 4 /* bytes from one queue's notification address to the next one's */

_Static_assert(VIRTIO_MAX_QUEUES *NOTIFY_MULTIPLIER <= STRUCTURE_SIZE, "a place for each queue");
_Static_assert(VIRTIO_MAX_QUEUES + 1 <= MSIX_MAX_VECTORS, "a vector for each queue");

#define FIELD(name) offsetof(struct virtio_common_cfg, name)

static struct virtq *selected_queue(struct virtio_device *device)
{
	if (device->queue_select >= device->nr_queues)
		return NULL;
	return &device->queue[device->queue_select];
}

/* A queue that is not there has size 0, and all else of it reads 0 (4.1.4.3.1). */
static void fill_queue(struct virtio_device *device, struct virtio_common_cfg *c)
{
	const struct virtq *vq = selected_queue(device);

	if (!vq)
		return;
	c->queue_size = vq->size;
	c->queue_msix_vector = vq->msix_vector;
	c->queue_enable = vq->enabled;
	c->queue_notify_off = vq->index;
	c->queue_desc = vq->descriptors;
	c->queue_driver = vq->driver;
	c->queue_device = vq->device_area;
}

static u32 feature_word(u64 features, u32 select)
{
	return select < 2 ? features >> (32 * select) : 0;
}

static u64 read_common(struct virtio_device *device, u64 offset, unsigned width)
{
	struct virtio_common_cfg c = {
		.device_feature_select = device->offered_select,
		.device_feature = feature_word(device->offered, device->offered_select),
		.driver_feature_select = device->features_select,
		.driver_feature = feature_word(device->features, device->features_select),
		.config_msix_vector = device->config_vector,
		.num_queues = device->nr_queues,
		.device_status = __atomic_load_n(&device->status, __ATOMIC_ACQUIRE),
		.config_generation = device->config_generation,
		.queue_select = device->queue_select,
	};
	u64 value = 0;

	fill_queue(device, &c);
	if (offset + width <= sizeof(c))
		memcpy(&value, (const char *)&c + offset, width);
	return value;
}

/* Features are agreed on when FEATURES_OK is set (3.1.1). */
static void write_features(struct virtio_device *device, u32 value)
{
	u32 select = device->features_select;

	if (select >= 2 || (device->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	device->features &= ~(0xffffffffull << (32 * select));
	device->features |= (u64)value << (32 * select);
}

/* A vector that does not exist is refused by reading as none (4.1.5.1.2). */
static void write_vector(struct virtio_device *device, u16 *vector, u16 value)
{
	if (value >= device->pci.msix.count)
		value = VIRTIO_NO_VECTOR;
	__atomic_store_n(vector, value, __ATOMIC_RELAXED);
}

static void write_half(u64 *to, unsigned half, u64 value)
{
	*to &= ~(0xffffffffull << (32 * half));
	*to |= value << (32 * half);
}

static void write_address(struct virtq *vq, u64 offset, unsigned width, u64 value)
{
	u64 *const address[] = { &vq->descriptors, &vq->driver, &vq->device_area };
	u64 *to = address[(offset - FIELD(queue_desc)) / sizeof(u64)];

	if (width == sizeof(u64) && IS_ALIGNED(offset, sizeof(u64)))
		*to = value;
	else if (width == sizeof(u32) && IS_ALIGNED(offset, sizeof(u32)))
		write_half(to, offset % sizeof(u64) / sizeof(u32), value);
}

/* Not taken: more than the device has, and for split rings what is no power of two (4.1.4.3.2). */
static void write_queue_size(const struct virtio_device *device, struct virtq *vq, u16 size)
{
	bool possible = (size & (size - 1)) == 0 || virtio_has(device, VIRTIO_F_RING_PACKED);

	if (size != 0 && size <= vq->max_size && possible)
		vq->size = size;
}

static bool agreed_on(const struct virtio_device *device, u64 feature)
{
	return (device->status & VIRTIO_STATUS_FEATURES_OK) && virtio_has(device, feature);
}

/* Once the driver is ready, only queues that it may reset can be set up (2.6.1). */
static bool may_set_up(const struct virtio_device *device, const struct virtq *vq)
{
	return !vq->enabled && (!(device->status & VIRTIO_STATUS_DRIVER_OK) ||
				agreed_on(device, VIRTIO_F_RING_RESET));
}

/* A reset is complete when the write is, so the register never reads as 1 (4.1.4.3.1). */
static void write_queue_reset(struct virtio_device *device, struct virtq *vq, u16 value)
{
	if (value == 1 && agreed_on(device, VIRTIO_F_RING_RESET))
		virtio_reset_queue(vq);
}

/* Layout and size stay once the queue is enabled; only a reset disables it. */
static void write_queue(struct virtio_device *device, u64 offset, unsigned width, u64 value)
{
	struct virtq *vq = selected_queue(device);

	if (!vq)
		return;
	if (offset == FIELD(queue_msix_vector) && width == sizeof(u16))
		write_vector(device, &vq->msix_vector, value);
	else if (offset == FIELD(queue_reset) && width == sizeof(u16))
		write_queue_reset(device, vq, value);
	else if (!may_set_up(device, vq))
		return;
	else if (offset == FIELD(queue_size) && width == sizeof(u16))
		write_queue_size(device, vq, value);
	else if (offset == FIELD(queue_enable) && width == sizeof(u16) && value == 1)
		virtio_enable_queue(vq);
	else if (offset >= FIELD(queue_desc) && offset < FIELD(queue_notif_config_data))
		write_address(vq, offset, width, value);
}

/* Fields are written as wide as they are (4.1.3.1). */
static void write_common(struct virtio_device *device, u64 offset, unsigned width, u64 value)
{
	if (offset == FIELD(device_feature_select) && width == sizeof(u32))
		device->offered_select = value;
	else if (offset == FIELD(driver_feature_select) && width == sizeof(u32))
		device->features_select = value;
	else if (offset == FIELD(driver_feature) && width == sizeof(u32))
		write_features(device, value);
	else if (offset == FIELD(config_msix_vector) && width == sizeof(u16))
		write_vector(device, &device->config_vector, value);
	else if (offset == FIELD(device_status) && width == sizeof(u8))
		virtio_write_status(device, value);
	else if (offset == FIELD(queue_select) && width == sizeof(u16))
		device->queue_select = value;
	else if (offset >= FIELD(queue_size) && offset + width <= sizeof(struct virtio_common_cfg))
		write_queue(device, offset, width, value);
}

static u64 read_device(struct virtio_device *device, u64 offset, unsigned width)
{
	u64 value = 0;

	if (offset < device->config_size && width <= device->config_size - offset)
		memcpy(&value, (const char *)device->config + offset, width);
	return value;
}

/* Reading clears it (4.1.4.5). */
static u64 read_isr(struct virtio_device *device, u64 offset)
{
	return offset == 0 ? __atomic_exchange_n(&device->isr, 0, __ATOMIC_ACQUIRE) : 0;
}

static u64 registers_read(void *dev, u64 offset, unsigned width)
{
	struct virtio_device *device = dev;
	u64 at = offset % STRUCTURE_SIZE, value = 0;

	if (at + width > STRUCTURE_SIZE)
		return 0;
	spin_lock(&device->lock);
	switch ((enum structure)(offset / STRUCTURE_SIZE)) {
	case COMMON:
		value = read_common(device, at, width);
		break;
	case ISR:
		value = read_isr(device, at);
		break;
	case DEVICE:
		value = read_device(device, at, width);
		break;
	case NOTIFY:
		break;
	}
	spin_unlock(&device->lock);
	return value;
}

/* The address names the queue. Without the device's lock: queues run side by side. */
static void notify(struct virtio_device *device, u64 offset)
{
	unsigned queue = offset / NOTIFY_MULTIPLIER;

	if (queue < device->nr_queues)
		virtio_kick(&device->queue[queue]);
}

static void write_registers(struct virtio_device *device, u64 offset, unsigned width, u64 value)
{
	u64 at = offset % STRUCTURE_SIZE;

	if (offset / STRUCTURE_SIZE == COMMON)
		write_common(device, at, width, value);
	else if (offset / STRUCTURE_SIZE == DEVICE && device->class->config_write &&
		 at < device->config_size && width <= device->config_size - at)
		device->class->config_write(device, at, width, value);
}

static void registers_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct virtio_device *device = dev;

	if (offset / STRUCTURE_SIZE == NOTIFY) {
		notify(device, offset % STRUCTURE_SIZE);
		return;
	}
	spin_lock(&device->lock);
	write_registers(device, offset, width, value);
	spin_unlock(&device->lock);
}

static const struct iodev_ops registers_ops = {
	.name = "virtio",
	.read = registers_read,
	.write = registers_write,
};

/*
 * Access through configuration space, 4.1.4.9: bar, offset and length say what its data is.
 */

static struct virtio_device *of_pci(struct pci_device *pci)
{
	return container_of(pci, struct virtio_device, pci);
}

static struct virtio_pci_access_cap *access_cap(struct virtio_device *device)
{
	return (struct virtio_pci_access_cap *)(device->pci.config + device->cfg_access);
}

static bool touches_data(struct virtio_device *device, unsigned offset, unsigned width)
{
	unsigned data = device->cfg_access + offsetof(struct virtio_pci_access_cap, data);

	return offset < data + 4 && data < offset + width;
}

static bool access_allowed(const struct virtio_pci_cap *cap)
{
	return (cap->length == 1 || cap->length == 2 || cap->length == 4) &&
	       IS_ALIGNED(cap->offset, cap->length);
}

static void config_reading(struct pci_device *pci, unsigned offset, unsigned width)
{
	struct virtio_pci_access_cap *a = access_cap(of_pci(pci));
	u64 value;

	if (touches_data(of_pci(pci), offset, width) && access_allowed(&a->cap) &&
	    pci_device_bar_read(pci, a->cap.bar, a->cap.offset, a->cap.length, &value))
		memcpy(a->data, &value, a->cap.length);
}

static void config_written(struct pci_device *pci, unsigned offset, unsigned width)
{
	struct virtio_pci_access_cap *a = access_cap(of_pci(pci));
	u64 value = 0;

	if (!touches_data(of_pci(pci), offset, width) || !access_allowed(&a->cap))
		return;
	memcpy(&value, a->data, a->cap.length);
	pci_device_bar_write(pci, a->cap.bar, a->cap.offset, a->cap.length, value);
}

static const struct pci_device_ops config_ops = {
	.config_reading = config_reading,
	.config_written = config_written,
};

/*
 * Making
 */

static struct virtio_pci_cap *add_cap(struct virtio_device *device, enum cap_type type, u8 len)
{
	u8 at = pci_device_add_capability(&device->pci, PCI_CAP_ID_VENDOR, len);
	struct virtio_pci_cap *cap = (struct virtio_pci_cap *)(device->pci.config + at);

	if (!at)
		return NULL;
	cap->len = len;
	cap->type = type;
	return cap;
}

static bool add_structure(struct virtio_device *device, enum cap_type type, enum structure where,
			  u32 length)
{
	u8 len = type == CAP_NOTIFY ? sizeof(struct virtio_pci_notify_cap)
				    : sizeof(struct virtio_pci_cap);
	struct virtio_pci_cap *cap = add_cap(device, type, len);

	if (!cap)
		return false;
	cap->bar = REGISTERS_BAR;
	cap->offset = where * STRUCTURE_SIZE;
	cap->length = length;
	if (type == CAP_NOTIFY)
		((struct virtio_pci_notify_cap *)cap)->multiplier = NOTIFY_MULTIPLIER;
	return true;
}

static bool add_access(struct virtio_device *device)
{
	struct virtio_pci_cap *cap =
		add_cap(device, CAP_PCI_ACCESS, sizeof(struct virtio_pci_access_cap));
	struct virtio_pci_access_cap *mask;

	if (!cap)
		return false;
	device->cfg_access = (u8 *)cap - device->pci.config;
	mask = (struct virtio_pci_access_cap *)(device->pci.writable + device->cfg_access);
	mask->cap.bar = 0xff;
	mask->cap.offset = mask->cap.length = ~0u;
	memset(mask->data, 0xff, sizeof(mask->data));
	return true;
}

static bool add_capabilities(struct virtio_device *device)
{
	u32 notify_len = device->nr_queues * NOTIFY_MULTIPLIER;

	return add_structure(device, CAP_COMMON, COMMON, sizeof(struct virtio_common_cfg)) &&
	       add_structure(device, CAP_ISR, ISR, sizeof(u8)) &&
	       add_structure(device, CAP_NOTIFY, NOTIFY, notify_len) &&
	       (!device->config_size ||
		add_structure(device, CAP_DEVICE, DEVICE, device->config_size)) &&
	       add_access(device);
}

enum firn_err virtio_pci_attach(struct virtio_device *device, unsigned slot)
{
	const struct pci_id id = {
		.vendor = VIRTIO_VENDOR,
		.device = VIRTIO_DEVICE_MODERN + device->class->id,
		.subsystem_vendor = VIRTIO_VENDOR,
		.subsystem = VIRTIO_DEVICE_MODERN + device->class->id,
		.revision = VIRTIO_REVISION,
		.class_code = device->class->pci_class,
	};
	struct pci_device *pci = &device->pci;
	enum firn_err err;

	pci_device_init(pci, device->vm, slot, &id, &config_ops);
	pci_device_add_bar(pci, REGISTERS_BAR, REGISTERS_SIZE, &registers_ops, device);
	if (!add_capabilities(device))
		return ERR_FULL;
	err = pci_device_add_msix(pci, MSIX_BAR, device->nr_queues + 1);
	if (err == FIRN_OK)
		err = pci_device_attach(pci, &device->vm->vdevs->pci);
	if (err != FIRN_OK)
		msix_destroy(&pci->msix);
	return err;
}

/* SPDX-License-Identifier: MIT */
/* See virtio_fixture.h. */
#include "virtio_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/work.h"

struct sent_msi sent[64];
unsigned nr_sent;
struct fake_vm *fixture_vm;
const struct pci_id fixture_id = { 0x1234, 0x5678, 0x9abc, 0xdef0, 3, 0x010203 };

void vm_send_msi(struct vm *vm, u64 address, u32 data)
{
	unsigned n = __atomic_fetch_add(&nr_sent, 1, __ATOMIC_RELAXED);

	(void)vm;
	if (n < ARRAY_SIZE(sent))
		sent[n] = (struct sent_msi){ address, data };
}

static void must(bool good)
{
	if (!good)
		abort();
}

void virtio_fixture_begin(void)
{
	struct vm *vm;

	fake_reset();
	nr_sent = 0;
	fixture_vm = fake_vm_create(1);
	vm = &fixture_vm->vm;
	fake_vm_set_ram(fixture_vm, FIXTURE_RAM);
	vm->vdevs = calloc(1, sizeof(*vm->vdevs));
	must(vm->vdevs);
	pci_host_init(&vm->vdevs->pci, NULL, NULL);
	must(iobus_register(&vm->mmio, GUEST_ECAM_BASE, GUEST_ECAM_SIZE, &pci_host_ecam_ops,
			    &vm->vdevs->pci) == FIRN_OK);
}

void virtio_fixture_end(void)
{
	struct vm *vm = &fixture_vm->vm;

	run_posted_work();
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (vm->vdevs->virtio[i])
			virtio_destroy(vm->vdevs->virtio[i]);
	iobus_destroy(&vm->mmio);
	free(vm->vdevs);
	fake_vm_destroy(fixture_vm);
	fake_reset();
}

u64 mmio_get(u64 address, unsigned width)
{
	u64 value;

	iobus_read(&fixture_vm->vm.mmio, address, width, &value);
	return value;
}

void mmio_set(u64 address, unsigned width, u64 value)
{
	iobus_write(&fixture_vm->vm.mmio, address, width, value);
}

u32 config_get(unsigned slot, unsigned offset, unsigned width)
{
	return mmio_get(GUEST_ECAM_BASE + (PCI_DEVFN(slot) << 12) + offset, width);
}

void config_set(unsigned slot, unsigned offset, unsigned width, u32 value)
{
	mmio_set(GUEST_ECAM_BASE + (PCI_DEVFN(slot) << 12) + offset, width, value);
}

u8 find_capability(unsigned slot, u8 id, unsigned n)
{
	u8 at = config_get(slot, 0x34, 1);

	for (unsigned steps = 0; at; at = config_get(slot, at + 1, 1)) {
		must(steps++ < 48);
		if (config_get(slot, at, 1) == id && n-- == 0)
			return at;
	}
	return 0;
}

u64 bar_base(unsigned slot, unsigned bar)
{
	return (config_get(slot, 0x10 + 4 * bar, 4) & ~0xfu) |
	       (u64)config_get(slot, 0x14 + 4 * bar, 4) << 32;
}

void poke(u64 gpa, const void *data, size_t len)
{
	must(guest_write(&fixture_vm->vm.memory, gpa, data, len) == FIRN_OK);
}

void peek(u64 gpa, void *data, size_t len)
{
	must(guest_read(&fixture_vm->vm.memory, gpa, data, len) == FIRN_OK);
}

void poke16(u64 gpa, u16 value)
{
	must(guest_store_u16(&fixture_vm->vm.memory, gpa, value) == FIRN_OK);
}

u16 peek16(u64 gpa)
{
	u16 value;

	must(guest_load_u16(&fixture_vm->vm.memory, gpa, &value) == FIRN_OK);
	return value;
}

/* Type of a virtio capability is in byte 3, BAR in byte 4, offset in dword 8. */
static u64 structure(unsigned slot, u8 type, u8 *at)
{
	for (unsigned n = 0; (*at = find_capability(slot, 0x09, n)) != 0; n++)
		if (config_get(slot, *at + 3, 1) == type)
			return bar_base(slot, config_get(slot, *at + 4, 1)) +
			       config_get(slot, *at + 8, 4);
	return 0;
}

struct driver driver_probe(unsigned slot)
{
	struct driver d = { .slot = slot };
	u8 at;

	d.common = structure(slot, 1, &at);
	d.isr = structure(slot, 3, &at);
	d.config = structure(slot, 4, &at);
	d.notify = structure(slot, 2, &at);
	d.multiplier = config_get(slot, at + 16, 4);
	return d;
}

u64 common_get(const struct driver *d, unsigned reg, unsigned width)
{
	return mmio_get(d->common + reg, width);
}

void common_set(const struct driver *d, unsigned reg, unsigned width, u64 value)
{
	mmio_set(d->common + reg, width, value);
}

u64 offered_features(const struct driver *d)
{
	u64 low;

	common_set(d, REG_DEVICE_FEATURE_SELECT, 4, 0);
	low = common_get(d, REG_DEVICE_FEATURE, 4);
	common_set(d, REG_DEVICE_FEATURE_SELECT, 4, 1);
	return low | common_get(d, REG_DEVICE_FEATURE, 4) << 32;
}

void accept_features(const struct driver *d, u64 features)
{
	for (unsigned i = 0; i < 2; i++) {
		common_set(d, REG_DRIVER_FEATURE_SELECT, 4, i);
		common_set(d, REG_DRIVER_FEATURE, 4, (u32)(features >> (32 * i)));
	}
}

void kick(const struct driver *d, unsigned queue)
{
	u16 off;

	common_set(d, REG_QUEUE_SELECT, 2, queue);
	off = common_get(d, REG_QUEUE_NOTIFY_OFF, 2);
	mmio_set(d->notify + off * d->multiplier, 2, queue);
}

void run_posted_work(void)
{
	for (unsigned i = 0; work_pending(); i++) {
		must(i < 100000);
		work_run();
	}
}

struct split_queue split_queue_at(u64 gpa, u16 size)
{
	struct split_queue q = { .desc = gpa, .avail = gpa + 16 * size, .size = size };
	char zero[8192] = { 0 };

	q.used = ALIGN_UP(q.avail + 4 + 2 * size + 2, 4);
	poke(gpa, zero, q.used + 4 + 8 * size + 2 - gpa);
	return q;
}

void table_desc(u64 table, u16 index, u64 addr, u32 len, u16 flags, u16 next)
{
	const struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} d = { addr, len, flags, next };

	poke(table + 16 * index, &d, sizeof(d));
}

void split_desc(const struct split_queue *q, u16 index, u64 addr, u32 len, u16 flags, u16 next)
{
	table_desc(q->desc, index, addr, len, flags, next);
}

void split_offer(struct split_queue *q, u16 head)
{
	poke16(q->avail + 4 + 2 * (q->avail_idx % q->size), head);
	poke16(q->avail + 2, ++q->avail_idx);
}

bool split_used(struct split_queue *q, u32 *id, u32 *len)
{
	u32 elem[2];

	if (peek16(q->used + 2) == q->used_seen)
		return false;
	peek(q->used + 4 + 8 * (q->used_seen % q->size), elem, sizeof(elem));
	q->used_seen++;
	*id = elem[0];
	*len = elem[1];
	return true;
}

void msix_on(unsigned slot, unsigned vectors)
{
	u8 cap = find_capability(slot, 0x11, 0);
	u64 table = bar_base(slot, config_get(slot, cap + 4, 4) & 7) +
		    (config_get(slot, cap + 4, 4) & ~7u);

	config_set(slot, 4, 2, 0x0006); /* memory, bus master */
	config_set(slot, cap + 2, 2, 0x8000);
	for (unsigned i = 0; i < vectors; i++) {
		mmio_set(table + 16 * i, 8, 0xfee00000);
		mmio_set(table + 16 * i + 8, 8, 0x40 + i);
	}
}

void driver_queue(const struct driver *d, unsigned n, const struct split_queue *queue)
{
	common_set(d, REG_QUEUE_SELECT, 2, n);
	common_set(d, REG_QUEUE_SIZE, 2, queue->size);
	common_set(d, REG_QUEUE_VECTOR, 2, 1 + n);
	common_set(d, REG_QUEUE_DESC, 4, queue->desc);
	common_set(d, REG_QUEUE_DESC + 4, 4, queue->desc >> 32);
	common_set(d, REG_QUEUE_DRIVER, 4, queue->avail);
	common_set(d, REG_QUEUE_DRIVER + 4, 4, queue->avail >> 32);
	common_set(d, REG_QUEUE_DEVICE, 4, queue->used);
	common_set(d, REG_QUEUE_DEVICE + 4, 4, queue->used >> 32);
	common_set(d, REG_QUEUE_ENABLE, 2, 1);
}

void driver_start(const struct driver *d, u64 features, struct split_queue *queue, unsigned count)
{
	msix_on(d->slot, count + 1);
	common_set(d, REG_STATUS, 1, 0);
	common_set(d, REG_STATUS, 1, 3);
	accept_features(d, features | VIRTIO_F_VERSION_1);
	common_set(d, REG_STATUS, 1, 0xb);
	must(common_get(d, REG_STATUS, 1) == 0xb);
	common_set(d, REG_CONFIG_VECTOR, 2, 0);
	for (unsigned i = 0; i < count; i++)
		driver_queue(d, i, &queue[i]);
	common_set(d, REG_STATUS, 1, 0xf);
	run_posted_work();
}

static void destroy_simple(struct virtio_device *device)
{
	(void)device;
}

void simple_device_start(struct simple_device *d, run_queue_fn run_queue)
{
	static const struct virtio_setup setup = {
		.slot = SIMPLE_SLOT,
		.nr_queues = 1,
		.queue_size = 16,
	};
	static struct virtio_class class = {
		.name = "virtio-test",
		.id = VIRTIO_ID_CONSOLE,
		.destroy = destroy_simple,
	};

	class.run_queue = run_queue;
	memset(d, 0, sizeof(*d));
	must(virtio_create(&d->device, &fixture_vm->vm, &class, &setup) == FIRN_OK);
	d->drv = driver_probe(SIMPLE_SLOT);
	d->q = split_queue_at(0x1000, setup.queue_size);
	driver_start(&d->drv, VIRTIO_F_RING_RESET, &d->q, 1);
}

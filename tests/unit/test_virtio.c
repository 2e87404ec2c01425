/* SPDX-License-Identifier: MIT */
/* Virtio over PCI: registers, feature negotiation, status, notifications, going broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "virtio_fixture.h"

#define SLOT	9
#define QUEUES	3
#define FEATURE BIT(5)
#define NEEDS	BIT(6) /* not without FEATURE */
#define RING	0x1000ull
#define BUFFER	0x20000ull
#define ACCEPT	(VIRTIO_F_VERSION_1 | FEATURE)

/* A device that counts, and echoes in lower case what its buffers say. */
static struct {
	struct virtio_device device;
	u8 config[10];
	unsigned runs[QUEUES], queue_resets[QUEUES], buffers, resets, starts, destroyed;
	u64 config_written;
	enum virtq_result result;
	unsigned budget;
	void (*at_end)(void); /* called once, when the handler has found the queue empty */
	struct virtq_chain chain;
} dev;

static struct driver drv;
static struct split_queue q[QUEUES];

static enum virtq_result run_queue(struct virtio_device *device, struct virtq *vq)
{
	assert_ptr_equal(device, &dev.device);
	dev.runs[vq->index]++;
	for (unsigned i = 0; i < dev.budget; i++) {
		u8 byte;

		if (virtio_pop(vq, &dev.chain) != FIRN_OK) {
			void (*at_end)(void) = dev.at_end;

			dev.at_end = NULL;
			if (at_end)
				at_end();
			return VIRTQ_DRAINED;
		}
		dev.buffers++;
		virtq_read(vq, &dev.chain, 0, &byte, 1);
		byte |= 0x20;
		virtq_write(vq, &dev.chain, 0, &byte, 1);
		virtq_push(vq, &dev.chain, 1);
	}
	return dev.result;
}

static bool features_possible(struct virtio_device *device, u64 features)
{
	(void)device;
	return !(features & NEEDS) || (features & FEATURE);
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned width, u64 value)
{
	assert_true(device->lock.locked);
	assert_true(offset + width <= sizeof(dev.config));
	dev.config_written = value << 8 | offset;
}

static void started(struct virtio_device *device)
{
	assert_true(device->lock.locked);
	dev.starts++;
}

static void queue_reset(struct virtio_device *device, struct virtq *vq)
{
	assert_true(vq->lock.locked);
	assert_false(vq->live);
	if (device == &dev.device)
		dev.queue_resets[vq->index]++;
}

static void reset(struct virtio_device *device)
{
	for (unsigned i = 0; i < device->nr_queues; i++)
		assert_false(device->queue[i].live);
	dev.resets++;
}

static void destroy(struct virtio_device *device)
{
	(void)device;
	dev.destroyed++;
}

static const struct virtio_class class = {
	.name = "virtio-test",
	.id = VIRTIO_ID_CONSOLE,
	.pci_class = PCI_CLASS(7, 0x80, 0),
	.run_queue = run_queue,
	.features_possible = features_possible,
	.config_write = config_write,
	.started = started,
	.reset_queue = queue_reset,
	.reset = reset,
	.destroy = destroy,
};

static struct virtio_setup make_setup(void)
{
	return (struct virtio_setup){
		.slot = SLOT,
		.features = FEATURE | NEEDS,
		.nr_queues = QUEUES,
		.queue_size = 16,
		.config = dev.config,
		.config_size = sizeof(dev.config),
	};
}

static int setup(void **state)
{
	struct virtio_setup s = make_setup();

	(void)state;
	virtio_fixture_begin();
	memset(&dev, 0, sizeof(dev));
	memcpy(dev.config, "0123456789", 10);
	dev.budget = 4;
	dev.result = VIRTQ_MORE;
	assert_int_equal(virtio_create(&dev.device, &fixture_vm->vm, &class, &s), FIRN_OK);
	dev.resets = 0;
	memset(dev.queue_resets, 0, sizeof(dev.queue_resets));
	drv = driver_probe(SLOT);
	for (unsigned i = 0; i < QUEUES; i++)
		q[i] = split_queue_at(RING + 0x1000 * i, 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_fixture_end();
	return 0;
}

static u8 status(void)
{
	return common_get(&drv, REG_STATUS, 1);
}

static void set_status(u8 value)
{
	common_set(&drv, REG_STATUS, 1, value);
}

static void offer(unsigned queue, u16 head, char byte)
{
	poke(BUFFER + 16 * head, &byte, 1);
	split_desc(&q[queue], head, BUFFER + 16 * head, 1, D_NEXT, head + 8);
	split_desc(&q[queue], head + 8, BUFFER + 16 * head + 8, 1, D_WRITE, 0);
	split_offer(&q[queue], head);
}

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(config_get(SLOT, 0, 4), 0x10431af4);
	assert_int_equal(config_get(SLOT, 8, 4), 0x07800001);
	assert_int_equal(config_get(SLOT, 0x2c, 4), 0x10431af4);
	assert_true(drv.common && drv.notify && drv.isr && drv.config);
	assert_true(drv.multiplier >= 2);
	assert_int_equal(common_get(&drv, REG_NUM_QUEUES, 2), QUEUES);
}

static void test_setup_is_checked(void **state)
{
	static struct virtio_device other;
	const struct {
		unsigned queues, size, slot;
	} bad[] = { { 0, 16, 20 }, { VIRTIO_MAX_QUEUES + 1, 16, 20 }, { 1, 0, 20 },
		    { 1, 24, 20 }, { 1, 2 * VIRTQ_MAX_SIZE, 20 },     { 1, 16, PCI_SLOTS } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct virtio_setup s = make_setup();

		s.nr_queues = bad[i].queues;
		s.queue_size = bad[i].size;
		s.slot = bad[i].slot;
		assert_int_equal(virtio_create(&other, &fixture_vm->vm, &class, &s), ERR_INVALID);
	}
	/* the slot is taken: nothing of it stays */
	struct virtio_setup s = make_setup();
	assert_int_equal(virtio_create(&other, &fixture_vm->vm, &class, &s), ERR_OVERLAP);
	assert_ptr_equal(fixture_vm->vm.vdevs->virtio[SLOT], &dev.device);
	/* the largest one */
	memset(&other, 0, sizeof(other));
	s.slot = 20;
	s.nr_queues = VIRTIO_MAX_QUEUES;
	s.queue_size = VIRTQ_MAX_SIZE;
	assert_int_equal(virtio_create(&other, &fixture_vm->vm, &class, &s), FIRN_OK);
}

static void test_features(void **state)
{
	(void)state;
	assert_int_equal(offered_features(&drv),
			 FEATURE | NEEDS | BIT(28) | BIT(29) | BIT(32) | BIT(34) | BIT(40));
	common_set(&drv, REG_DEVICE_FEATURE_SELECT, 4, 2);
	assert_int_equal(common_get(&drv, REG_DEVICE_FEATURE, 4), 0);
	common_set(&drv, REG_DRIVER_FEATURE_SELECT, 4, 0xffffffff);
	common_set(&drv, REG_DRIVER_FEATURE, 4, 0xffffffff);
	assert_int_equal(dev.device.features, 0);
}

static void test_features_ok_is_refused(void **state)
{
	static const u64 bad[] = { 0,
				   FEATURE,
				   VIRTIO_F_VERSION_1 | NEEDS,
				   ACCEPT | BIT(7),
				   ACCEPT | BIT(33),
				   ACCEPT | BIT(63) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		set_status(0);
		set_status(1);
		set_status(3);
		accept_features(&drv, bad[i]);
		set_status(0xb);
		assert_int_equal(status(), 3);
		set_status(0xf); /* no way around it */
		assert_int_equal(status(), 3);
	}
	/* a second try without a reset */
	accept_features(&drv, ACCEPT | NEEDS);
	set_status(0xb);
	assert_int_equal(status(), 0xb);
	accept_features(&drv, 0); /* too late */
	assert_int_equal(dev.device.features, ACCEPT | NEEDS);
	assert_int_equal(dev.starts, 0);
}

static void test_status_bits_stay(void **state)
{
	(void)state;
	set_status(1);
	set_status(2);
	assert_int_equal(status(), 3);
	set_status(0x40); /* the device's own */
	assert_int_equal(status(), 3);
	set_status(0x80);
	assert_int_equal(status(), 0x83);
	set_status(4); /* not without FEATURES_OK */
	assert_int_equal(status(), 0x83);
	set_status(0);
	assert_int_equal(status(), 0);
	assert_int_equal(dev.resets, 1);
}

static void test_queue_registers(void **state)
{
	(void)state;
	common_set(&drv, REG_QUEUE_SELECT, 2, 2);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 16);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 0);
	assert_int_equal(common_get(&drv, REG_QUEUE_VECTOR, 2), 0xffff);
	for (u16 size = 32; size; size <<= 1) {
		common_set(&drv, REG_QUEUE_SIZE, 2, size);
		assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 16);
	}
	common_set(&drv, REG_QUEUE_SIZE, 2, 0);
	common_set(&drv, REG_QUEUE_SIZE, 2, 12);
	common_set(&drv, REG_QUEUE_SIZE, 1, 8);
	common_set(&drv, REG_QUEUE_SIZE, 4, 8);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 16);
	common_set(&drv, REG_QUEUE_SIZE, 2, 8);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 8);
	common_set(&drv, REG_QUEUE_DESC, 4, 0x11111110);
	common_set(&drv, REG_QUEUE_DESC + 4, 4, 0x22222222);
	assert_int_equal(common_get(&drv, REG_QUEUE_DESC, 8), 0x2222222211111110);
	common_set(&drv, REG_QUEUE_DEVICE, 8, 0x1234567890ull);
	assert_int_equal(common_get(&drv, REG_QUEUE_DEVICE + 4, 4), 0x12);
	common_set(&drv, REG_QUEUE_DRIVER, 2, 0xffff);
	assert_int_equal(common_get(&drv, REG_QUEUE_DRIVER, 8), 0);
	common_set(&drv, REG_QUEUE_ENABLE, 2, 2);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 0);
	common_set(&drv, REG_QUEUE_ENABLE, 2, 1);
	common_set(&drv, REG_QUEUE_ENABLE, 2, 0);
	common_set(&drv, REG_QUEUE_SIZE, 2, 4);
	common_set(&drv, REG_QUEUE_DESC, 4, 0);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 1);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 8);
	assert_int_equal(common_get(&drv, REG_QUEUE_DESC, 4), 0x11111110);
	set_status(0);
	common_set(&drv, REG_QUEUE_SELECT, 2, 2);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 0);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 16);
	assert_int_equal(common_get(&drv, REG_QUEUE_DESC, 8), 0);
}

/* Only a split ring's size is a power of two. */
static void test_size_of_a_packed_ring(void **state)
{
	(void)state;
	q[0].size = 12;
	driver_start(&drv, FEATURE | VIRTIO_F_RING_PACKED, q, 1);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 12);
	assert_int_equal(status(), 0xf);
	q[0].size = 17;
	driver_start(&drv, FEATURE | VIRTIO_F_RING_PACKED, q, 1);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 16);
	/* A driver that changes its mind has a ring that it can't use. */
	set_status(0);
	accept_features(&drv, ACCEPT | VIRTIO_F_RING_PACKED);
	q[0].size = 12;
	driver_queue(&drv, 0, &q[0]);
	accept_features(&drv, ACCEPT);
	set_status(0xb);
	set_status(0xf);
	assert_int_equal(status(), 0xf | VIRTIO_STATUS_NEEDS_RESET);
}

static void test_no_such_queue(void **state)
{
	(void)state;
	common_set(&drv, REG_QUEUE_SELECT, 2, QUEUES);
	for (unsigned reg = REG_QUEUE_SIZE; reg < 0x44; reg += 2) {
		common_set(&drv, reg, 2, 1);
		assert_int_equal(common_get(&drv, reg, 2), 0);
	}
	mmio_set(drv.notify + QUEUES * drv.multiplier, 2, QUEUES);
	mmio_set(drv.notify + 0xffc, 4, 1);
}

static void test_vectors(void **state)
{
	(void)state;
	common_set(&drv, REG_CONFIG_VECTOR, 2, QUEUES);
	assert_int_equal(common_get(&drv, REG_CONFIG_VECTOR, 2), QUEUES);
	common_set(&drv, REG_CONFIG_VECTOR, 2, QUEUES + 1); /* there is none */
	assert_int_equal(common_get(&drv, REG_CONFIG_VECTOR, 2), 0xffff);
	common_set(&drv, REG_QUEUE_VECTOR, 2, 0x1000);
	assert_int_equal(common_get(&drv, REG_QUEUE_VECTOR, 2), 0xffff);
}

static void test_device_configuration(void **state)
{
	(void)state;
	assert_int_equal(mmio_get(drv.config, 4), 0x33323130);
	assert_int_equal(mmio_get(drv.config + 9, 1), '9');
	assert_int_equal(mmio_get(drv.config + 9, 2), 0); /* behind its end */
	assert_int_equal(mmio_get(drv.config + 10, 1), 0);
	mmio_set(drv.config + 8, 2, 0xabcd);
	assert_int_equal(dev.config_written, 0xabcd08);
	mmio_set(drv.config + 9, 2, 0);
	mmio_set(drv.config + 0xff0, 8, 0);
	assert_int_equal(dev.config_written, 0xabcd08);
}

static void test_request_and_interrupt(void **state)
{
	u32 id, len;
	char byte;

	(void)state;
	driver_start(&drv, FEATURE, q, QUEUES);
	assert_int_equal(dev.starts, 1);
	nr_sent = 0;
	offer(1, 3, 'A');
	kick(&drv, 1);
	assert_true(split_used(&q[1], &id, &len));
	assert_int_equal(id, 3);
	peek(BUFFER + 16 * 3 + 8, &byte, 1);
	assert_int_equal(byte, 'a');
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].data, 0x42);
	assert_int_equal(dev.buffers, 1);
	assert_int_equal(mmio_get(drv.isr, 1), 0);
	common_set(&drv, REG_QUEUE_SELECT, 2, 1);
	common_set(&drv, REG_QUEUE_VECTOR, 2, 0xffff);
	offer(1, 4, 'B');
	kick(&drv, 1);
	assert_int_equal(dev.buffers, 2);
	assert_int_equal(nr_sent, 1);
}

/* Buffers that the driver adds before it is ready, and more than one run's budget. */
static void test_budget_and_early_buffers(void **state)
{
	(void)state;
	dev.budget = 2;
	for (unsigned i = 0; i < 7; i++)
		offer(0, i, 'x');
	driver_start(&drv, FEATURE, q, QUEUES);
	assert_int_equal(dev.buffers, 7);
	assert_int_equal(dev.runs[0], 4);
	offer(0, 0, 'x');
	offer(0, 1, 'x');
	offer(0, 2, 'x');
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 9); /* the rest is left to posted work */
	run_posted_work();
	assert_int_equal(dev.buffers, 10);
}

static void test_kicks_are_off_while_it_works(void **state)
{
	(void)state;
	dev.result = VIRTQ_WAITING;
	driver_start(&drv, FEATURE, q, 1);
	assert_int_equal(peek16(q[0].used), 0);
	for (unsigned i = 0; i < dev.budget; i++)
		offer(0, i, 'x');
	kick(&drv, 0);
	assert_int_equal(peek16(q[0].used), 1); /* it waits for something else */
	assert_false(work_pending());
	dev.result = VIRTQ_MORE;
	kick(&drv, 0);
	run_posted_work();
	assert_int_equal(peek16(q[0].used), 0);
}

static void offer_silently(void)
{
	assert_int_equal(peek16(q[0].used), 1); /* no kick is wanted, so none comes */
	offer(0, 1, 'y');
}

/* The driver adds a buffer between the handler's last look and the moment when kicks are on again. */
static void test_buffer_without_kick(void **state)
{
	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	offer(0, 0, 'x');
	dev.at_end = offer_silently;
	kick(&drv, 0);
	run_posted_work();
	assert_int_equal(dev.buffers, 2);
}

static void kick_inside(void)
{
	kick(&drv, 0);
}

/* Another CPU's kick finds the queue locked: the handler runs once more. */
static void test_kick_while_locked(void **state)
{
	unsigned before;

	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	before = dev.runs[0];
	dev.at_end = kick_inside;
	kick(&drv, 0);
	run_posted_work();
	assert_int_equal(dev.runs[0] - before, 2);
}

static void kick_on_and_on(void)
{
	if (dev.runs[0] < 1000)
		dev.at_end = kick_on_and_on;
	kick(&drv, 0);
}

/* Another CPU that kicks without end does not keep the holder from all else that its CPU has to do. */
static void test_kicks_without_end(void **state)
{
	unsigned before;

	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	before = dev.runs[0];
	dev.at_end = kick_on_and_on;
	kick(&drv, 0);
	assert_int_equal(dev.runs[0] - before, 1);
	work_run();
	assert_int_equal(dev.runs[0] - before, 2);
	dev.at_end = NULL;
	run_posted_work();
	assert_int_equal(dev.runs[0] - before, 3);
}

static void test_nothing_before_driver_ok(void **state)
{
	(void)state;
	offer(0, 0, 'x');
	kick(&drv, 0);
	driver_start(&drv, FEATURE, q, 1);
	set_status(0);
	offer(0, 1, 'x');
	kick(&drv, 0);
	run_posted_work();
	assert_int_equal(dev.buffers, 1);
}

static void test_bus_master(void **state)
{
	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	config_set(SLOT, 4, 2, 2);
	offer(0, 0, 'x');
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 0);
	config_set(SLOT, 4, 2, 6);
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 1);
}

static void test_without_msix(void **state)
{
	u8 cap = find_capability(SLOT, PCI_CAP_ID_MSIX, 0);

	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	config_set(SLOT, cap + 2, 2, 0);
	nr_sent = 0;
	offer(0, 0, 'x');
	kick(&drv, 0);
	assert_int_equal(nr_sent, 0);
	spin_lock(&dev.device.lock);
	virtio_config_changed(&dev.device);
	spin_unlock(&dev.device.lock);
	assert_int_equal(mmio_get(drv.isr, 1), 3);
	assert_int_equal(mmio_get(drv.isr, 1), 0); /* reading clears */
	assert_int_equal(mmio_get(drv.isr + 1, 1), 0);
}

static void test_configuration_changes(void **state)
{
	u8 generation = common_get(&drv, REG_GENERATION, 1);

	(void)state;
	spin_lock(&dev.device.lock);
	virtio_config_changed(&dev.device);
	spin_unlock(&dev.device.lock);
	assert_int_equal(nr_sent, 0); /* no driver */
	driver_start(&drv, FEATURE, q, 1);
	nr_sent = 0;
	spin_lock(&dev.device.lock);
	virtio_config_changed(&dev.device);
	spin_unlock(&dev.device.lock);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].data, 0x40);
	assert_int_equal((u8)(common_get(&drv, REG_GENERATION, 1) - generation), 2);
}

static void test_broken_ring(void **state)
{
	(void)state;
	driver_start(&drv, FEATURE, q, 2);
	nr_sent = 0;
	split_offer(&q[0], 99);
	kick(&drv, 0);
	assert_int_equal(status(), 0x4f);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].data, 0x40);
	/* nothing works any more, on any queue, and it is not told again */
	offer(1, 0, 'x');
	kick(&drv, 1);
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 0);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(fixture_vm->crashes, 0);
	/* until it is reset */
	set_status(0);
	assert_int_equal(status(), 0);
	for (unsigned i = 0; i < 2; i++)
		q[i] = split_queue_at(RING + 0x1000 * i, 16);
	driver_start(&drv, FEATURE, q, 2);
	offer(1, 0, 'x');
	kick(&drv, 1);
	assert_int_equal(dev.buffers, 1);
}

static void test_ring_outside_of_memory(void **state)
{
	(void)state;
	q[1].avail = FIXTURE_RAM - 2;
	driver_start(&drv, FEATURE, q, 2);
	assert_int_equal(status(), 0x4f);
	offer(0, 0, 'x');
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 0);
}

static void test_access_through_configuration_space(void **state)
{
	u8 cap = 0;

	(void)state;
	for (unsigned n = 0; config_get(SLOT, cap + 3, 1) != 5; n++)
		cap = find_capability(SLOT, 0x09, n);
	config_set(SLOT, cap + 4, 1, 0);
	config_set(SLOT, cap + 8, 4, REG_STATUS); /* the common structure is at the BAR's start */
	config_set(SLOT, cap + 12, 4, 1);
	config_set(SLOT, cap + 16, 1, 1);
	assert_int_equal(status(), 1);
	config_set(SLOT, cap + 16, 4, 3);
	assert_int_equal(status(), 3);
	assert_int_equal(config_get(SLOT, cap + 16, 1), 3);
	/* lengths, offsets and BARs that are not there do nothing */
	const u32 bad[][3] = { { 0, REG_STATUS, 3 },  { 0, REG_STATUS, 8 },
			       { 0, REG_STATUS, 0 },  { 0, REG_QUEUE_SELECT + 1, 2 },
			       { 0, 0xffffffff, 1 },  { 0, 0x4000, 4 },
			       { 1, REG_STATUS, 1 },  { 6, REG_STATUS, 1 },
			       { 255, REG_STATUS, 1 } };
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		config_set(SLOT, cap + 4, 1, bad[i][0]);
		config_set(SLOT, cap + 8, 4, bad[i][1]);
		config_set(SLOT, cap + 12, 4, bad[i][2]);
		config_set(SLOT, cap + 16, 4, 0);
		config_get(SLOT, cap + 16, 4);
		assert_int_equal(status(), 3);
	}
	config_set(SLOT, cap + 4, 1, 2);
	config_set(SLOT, cap + 8, 4, 12);
	config_set(SLOT, cap + 12, 4, 4);
	assert_int_equal(config_get(SLOT, cap + 16, 4), 1); /* MSI-X vector 0 is masked */
}

static void test_pause(void **state)
{
	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	virtio_pause(&dev.device);
	offer(0, 0, 'x');
	kick(&drv, 0);
	run_posted_work();
	assert_int_equal(dev.buffers, 0);
	virtio_resume(&dev.device);
	run_posted_work();
	assert_int_equal(dev.buffers, 1);
	/* a device without a driver stays quiet */
	set_status(0);
	virtio_pause(&dev.device);
	virtio_resume(&dev.device);
	run_posted_work();
	assert_false(dev.device.queue[0].live);
}

/*
 * VIRTIO_F_RING_RESET
 */

/* Up to DRIVER_OK, which begins with a reset of all. */
static void start_with_reset(unsigned queues)
{
	driver_start(&drv, FEATURE | VIRTIO_F_RING_RESET, q, queues);
	memset(dev.queue_resets, 0, sizeof(dev.queue_resets));
	dev.resets = 0;
}

static void reset_queue(unsigned n)
{
	common_set(&drv, REG_QUEUE_SELECT, 2, n);
	common_set(&drv, REG_QUEUE_RESET, 2, 1);
	assert_int_equal(common_get(&drv, REG_QUEUE_RESET, 2), 0);
}

/* As at power-on, and nobody touches the old ring any more. */
static void test_queue_reset(void **state)
{
	static const unsigned address[] = { REG_QUEUE_DESC, REG_QUEUE_DRIVER, REG_QUEUE_DEVICE };

	(void)state;
	start_with_reset(2);
	offer(1, 0, 'x');
	kick(&drv, 1);
	assert_int_equal(dev.buffers, 1);
	reset_queue(1);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 0);
	assert_int_equal(common_get(&drv, REG_QUEUE_SIZE, 2), 16);
	assert_int_equal(common_get(&drv, REG_QUEUE_VECTOR, 2), 0xffff);
	for (unsigned i = 0; i < ARRAY_SIZE(address); i++)
		assert_int_equal(common_get(&drv, address[i], 8), 0);
	assert_int_equal(dev.queue_resets[1], 1);
	offer(1, 1, 'x');
	kick(&drv, 1);
	run_posted_work();
	assert_int_equal(dev.buffers, 1);
	/* the others and the device go on */
	assert_int_equal(status(), 0xf);
	assert_int_equal(dev.queue_resets[0] + dev.resets, 0);
	offer(0, 0, 'x');
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 2);
}

/* With another size at another place; what is in the ring already needs no kick. */
static void test_queue_comes_back(void **state)
{
	u32 id, len;

	(void)state;
	start_with_reset(2);
	for (unsigned i = 0; i < 100; i++) {
		reset_queue(1);
		q[1] = split_queue_at(RING + 0x8000 + 0x1000 * (i % 3), 4 << i % 3);
		q[1].avail_idx = 0;
		split_desc(&q[1], 1, BUFFER, 1, D_NEXT, 2);
		split_desc(&q[1], 2, BUFFER + 8, 1, D_WRITE, 0);
		split_offer(&q[1], 1);
		nr_sent = 0;
		driver_queue(&drv, 1, &q[1]);
		run_posted_work();
		assert_int_equal(dev.buffers, 2 * i + 1);
		assert_true(split_used(&q[1], &id, &len));
		assert_int_equal(id, 1);
		assert_int_equal(nr_sent, 1);
		assert_int_equal(sent[0].data, 0x42);
		split_offer(&q[1], 1);
		kick(&drv, 1);
		assert_int_equal(dev.buffers, 2 * i + 2);
	}
	assert_int_equal(dev.queue_resets[1], 100);
	assert_int_equal(dev.resets, 0);
}

static void test_queue_reset_needs_the_feature(void **state)
{
	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	reset_queue(0);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 1);
	offer(0, 0, 'x');
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 1);
	driver_queue(&drv, 2, &q[2]); /* too late */
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 0);
	assert_int_equal(dev.queue_resets[0], 1); /* the device's */
	/* written, but not agreed on */
	set_status(0);
	set_status(3);
	accept_features(&drv, ACCEPT | VIRTIO_F_RING_RESET);
	driver_queue(&drv, 0, &q[0]);
	reset_queue(0);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 1);
	set_status(0xb);
	reset_queue(0);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 0);
}

static void test_queue_reset_register(void **state)
{
	(void)state;
	start_with_reset(1);
	common_set(&drv, REG_QUEUE_SELECT, 2, 0);
	common_set(&drv, REG_QUEUE_RESET, 2, 0);
	common_set(&drv, REG_QUEUE_RESET, 2, 2);
	common_set(&drv, REG_QUEUE_RESET, 1, 1);
	common_set(&drv, REG_QUEUE_RESET, 4, 1);
	common_set(&drv, REG_QUEUE_RESET - 2, 4, 0x10000);
	common_set(&drv, REG_QUEUE_RESET - 2, 8, ~0ull);
	common_set(&drv, REG_QUEUE_RESET + 2, 4, 1);
	assert_int_equal(common_get(&drv, REG_QUEUE_ENABLE, 2), 1);
	common_set(&drv, REG_QUEUE_SELECT, 2, QUEUES);
	common_set(&drv, REG_QUEUE_RESET, 2, 1);
	/* one that is off already */
	reset_queue(2);
	assert_int_equal(dev.queue_resets[2], 1);
	assert_int_equal(status(), 0xf);
}

/* A ring that breaks the rules is no better when it is the second one. */
static void test_queue_comes_back_broken(void **state)
{
	(void)state;
	start_with_reset(2);
	nr_sent = 0;
	reset_queue(1);
	q[1].used = FIXTURE_RAM - 4;
	driver_queue(&drv, 1, &q[1]);
	assert_int_equal(status(), 0x4f);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].data, 0x40);
	/* only a reset of the device helps */
	reset_queue(1);
	q[1] = split_queue_at(RING + 0x1000, 16);
	driver_queue(&drv, 1, &q[1]);
	offer(1, 0, 'x');
	kick(&drv, 1);
	run_posted_work();
	assert_int_equal(dev.buffers, 0);
	assert_int_equal(status(), 0x4f);
	assert_int_equal(fixture_vm->crashes, 0);
}

static void test_queue_reset_while_paused(void **state)
{
	(void)state;
	start_with_reset(1);
	virtio_pause(&dev.device);
	reset_queue(0);
	offer(0, 0, 'x');
	driver_queue(&drv, 0, &q[0]);
	run_posted_work();
	assert_int_equal(dev.buffers, 0);
	virtio_resume(&dev.device);
	run_posted_work();
	assert_int_equal(dev.buffers, 1);
}

/* Memory is another one after the pause: in other places of the host, then without the ring. */
static void test_ring_is_found_again(void **state)
{
	struct memslots *ms = &fixture_vm->vm.memory;
	static struct backing other;
	static u8 copy[FIXTURE_RAM];

	(void)state;
	driver_start(&drv, FEATURE, q, 1);
	virtio_pause(&dev.device);
	peek(0, copy, sizeof(copy));
	other = *ms->slot[0].backing;
	other.hpa += FIXTURE_RAM;
	fake_set_ram(ms->slot[0].backing->hpa, 2 * FIXTURE_RAM);
	ms->slot[0].backing = &other;
	poke(0, copy, sizeof(copy));
	virtio_resume(&dev.device);
	offer(0, 0, 'x');
	kick(&drv, 0);
	assert_int_equal(dev.buffers, 1);
	assert_int_equal(peek16(q[0].used + 2), 1);
	virtio_pause(&dev.device);
	ms->slot[0].size = RING;
	virtio_resume(&dev.device);
	assert_int_equal(status(), 0x4f);
	assert_false(dev.device.queue[0].live);
	assert_int_equal(fixture_vm->crashes, 0);
	ms->slot[0].size = FIXTURE_RAM;
}

static void test_random_accesses(void **state)
{
	(void)state;
	srand(11);
	driver_start(&drv, FEATURE, q, QUEUES);
	for (unsigned i = 0; i < 300000; i++) {
		unsigned width = 1u << rand() % 4;
		u64 value =
			rand() % 3 ? (u64)rand() % 256 : ((u64)rand() << 32 ^ (u64)rand() << 12);

		if (rand() % 8 == 0)
			config_set(SLOT, 0x40 + rand() % 0xc0, width, value);
		else if (rand() % 2)
			mmio_set(drv.common + rand() % 0x4000, width, value);
		else
			mmio_set(drv.common + rand() % 64, width, value);
		if (rand() % 64 == 0)
			run_posted_work();
	}
	run_posted_work();
	set_status(0);
	assert_int_equal(status(), 0);
	assert_int_equal(fixture_vm->crashes, 0);
}

static void test_destroy(void **state)
{
	(void)state;
	virtio_destroy(&dev.device);
	fixture_vm->vm.vdevs->virtio[SLOT] = NULL;
	assert_int_equal(dev.destroyed, 1);
	assert_int_equal(fixture_vm->vm.mmio.map->count, 1); /* ECAM */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_setup_is_checked),
		TEST(test_features),
		TEST(test_features_ok_is_refused),
		TEST(test_status_bits_stay),
		TEST(test_queue_registers),
		TEST(test_size_of_a_packed_ring),
		TEST(test_no_such_queue),
		TEST(test_vectors),
		TEST(test_device_configuration),
		TEST(test_request_and_interrupt),
		TEST(test_budget_and_early_buffers),
		TEST(test_kicks_are_off_while_it_works),
		TEST(test_buffer_without_kick),
		TEST(test_kick_while_locked),
		TEST(test_kicks_without_end),
		TEST(test_nothing_before_driver_ok),
		TEST(test_bus_master),
		TEST(test_without_msix),
		TEST(test_configuration_changes),
		TEST(test_broken_ring),
		TEST(test_ring_outside_of_memory),
		TEST(test_access_through_configuration_space),
		TEST(test_pause),
		TEST(test_queue_reset),
		TEST(test_queue_comes_back),
		TEST(test_queue_reset_needs_the_feature),
		TEST(test_queue_reset_register),
		TEST(test_queue_comes_back_broken),
		TEST(test_queue_reset_while_paused),
		TEST(test_ring_is_found_again),
		TEST(test_random_accesses),
		TEST(test_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

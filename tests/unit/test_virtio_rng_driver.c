/* SPDX-License-Identifier: MIT */
/* The driver of the machine's virtio-rng: a device that is plain memory, and what it may say wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/clock.h"
#include "core/entropy.h"
#include "core/log.h"
#include "core/pmem.c"
#include "core/vdev/virtio.h"
#include "core/vdev/virtio_layout.h"
#include "drivers/virtio/rng.h"
#include "fake.h"
#include "fake_pci.h"

#define OTHER	   PCI_CLASS(0xff, 0, 0)
#define RAM	   0x10000000ull
#define REGISTERS  0xfe000000u
#define BAR	   4
#define BAR_SIZE   0x4000u
#define NOTIFY_OFF 3
#define MULTIPLIER 4
#define NOT_KICKED 0xffff

static bool (*take)(u64 words[ENTROPY_DEVICE_WORDS]);
static char said[1024];
static struct fake_function *function;
static u8 *registers;
static struct virtio_common_cfg *common;
static u16 *notify;
static u64 free_at_start;

void clock_delay_us(unsigned us)
{
	(void)us;
}

void entropy_add_device(bool (*fn)(u64 words[ENTROPY_DEVICE_WORDS]))
{
	take = fn;
}

static void record(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	strncat(said, text, MIN(len, sizeof(said) - strlen(said) - 1));
}
static struct log_sink sink = { .name = "test", .write = record };

/* at: in configuration space. Behind the length of a notify capability comes its multiplier. */
static void add_cap(u8 at, u8 type, u8 bar, u32 offset, u32 length)
{
	struct virtio_pci_notify_cap c = {
		.cap = { .type = type, .bar = bar, .offset = offset, .length = length },
		.multiplier = MULTIPLIER,
	};

	c.cap.len = sizeof(c);
	fake_pci_add_cap(function, at, PCI_CAP_ID_VENDOR, (u8 *)&c + sizeof(c.cap.header),
			 sizeof(c) - sizeof(c.cap.header));
}

static u64 free_memory(void)
{
	struct pmem_stats st;

	pmem_get_stats(&st);
	return st.free;
}

/* A device as it should be, not scanned yet. */
static int setup(void **state)
{
	(void)state;
	fake_pci_reset();
	fake_set_ram(RAM, MiB);
	memset(&pmem, 0, sizeof(pmem));
	assert_int_equal(pmem_add(RAM, MiB), FIRN_OK);
	free_at_start = free_memory();
	registers = fake_pci_memory(REGISTERS, BAR_SIZE);
	common = (struct virtio_common_cfg *)(registers + 0x1000);
	notify = (u16 *)(registers + 0x3000 + NOTIFY_OFF * MULTIPLIER);
	common->device_feature = 1;
	common->device_status = VIRTIO_STATUS_DRIVER_OK; /* firmware's driver ran it */
	common->queue_size = 8;
	common->queue_notify_off = NOTIFY_OFF;
	*notify = NOT_KICKED;
	function = fake_pci_add(0, 2, 0, VIRTIO_VENDOR, 0x1044, OTHER);
	fake_pci_set_bar(function, BAR, REGISTERS, ~(BAR_SIZE - 1));
	add_cap(0x40, CAP_ISR, BAR, 0x2000, 4);
	add_cap(0x60, CAP_COMMON, BAR, 0x1000, sizeof(*common));
	add_cap(0x80, CAP_NOTIFY, BAR, 0x3000, 0x100);
	take = NULL;
	said[0] = 0;
	return 0;
}

static void start(void)
{
	fake_pci_scan();
	virtio_rng_init();
}

static const u64 noise[ENTROPY_DEVICE_WORDS] = { 0x1111, 0x2222, 0x3333, 0x4444 };

/* What the device does with the buffer that it was given. */
static void fill(u32 len)
{
	struct split_desc *desc = phys_to_virt(common->queue_desc);
	struct split_avail *avail = phys_to_virt(common->queue_driver);
	struct split_used *used = phys_to_virt(common->queue_device);

	assert_int_equal(*notify, 0);
	*notify = NOT_KICKED;
	assert_int_equal(avail->idx, (u16)(used->idx + 1));
	assert_int_equal(avail->ring[0], 0);
	assert_int_equal(desc->len, sizeof(noise));
	assert_int_equal(desc->flags, BIT(1));
	memcpy(phys_to_virt(desc->addr), noise, MIN(len, sizeof(noise)));
	used->ring[0].len = len;
	used->idx++;
}

static void test_gives_noise(void **state)
{
	u64 words[ENTROPY_DEVICE_WORDS];

	(void)state;
	start();
	assert_non_null(take);
	assert_int_equal(fake_pci_mappings(), 1);
	assert_string_equal(pci_first()->owner, "virtio-rng");
	assert_int_equal(common->device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
							VIRTIO_STATUS_FEATURES_OK |
							VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(common->driver_feature, 1);
	assert_int_equal(common->queue_size, 1);
	assert_int_equal(common->queue_msix_vector, VIRTIO_NO_VECTOR);
	assert_int_equal(common->queue_enable, 1);
	assert_false(take(words));
	for (unsigned i = 0; i < 3; i++) {
		fill(sizeof(noise));
		assert_true(take(words));
		assert_memory_equal(words, noise, sizeof(words));
		assert_false(take(words)); /* nothing is given twice */
	}
}

static void test_less_than_asked_for(void **state)
{
	u64 words[ENTROPY_DEVICE_WORDS];

	(void)state;
	start();
	fill(8);
	assert_false(take(words));
	fill(sizeof(noise));
	assert_true(take(words));
}

static void test_another_device(void **state)
{
	(void)state;
	fake_pci_put(function, offsetof(struct pci_header, device_id), 0x1041, 2);
	start();
	assert_null(take);
	assert_null(pci_first()->owner);
	assert_null(strstr(said, "virtio"));
}

static void no_version_1(void)
{
	common->device_feature = 0;
}
static void no_queue(void)
{
	common->queue_size = 0;
}
static void notify_behind_the_capability(void)
{
	common->queue_notify_off = 0x100 / MULTIPLIER;
}
static void notify_far_behind(void)
{
	common->queue_notify_off = 0xffff;
}
static void common_behind_the_bar(void)
{
	add_cap(0xa0, CAP_COMMON, BAR, BAR_SIZE - 32, sizeof(*common));
}
static void common_wraps(void)
{
	add_cap(0xa0, CAP_COMMON, BAR, 0xfffffff0, sizeof(*common));
}
static void common_too_short(void)
{
	add_cap(0xa0, CAP_COMMON, BAR, 0x1000, 16);
}
static void common_not_aligned(void)
{
	add_cap(0xa0, CAP_COMMON, BAR, 0x1002, sizeof(*common));
}
static void common_in_no_bar(void)
{
	add_cap(0xa0, CAP_COMMON, 6, 0x1000, sizeof(*common));
}
static void common_in_an_absent_bar(void)
{
	add_cap(0xa0, CAP_COMMON, 1, 0, sizeof(*common));
}
static void notify_not_aligned(void)
{
	add_cap(0xa0, CAP_NOTIFY, BAR, 0x3001, 0x100);
}
static void no_caps(void)
{
	fake_pci_put(function, offsetof(struct pci_header, capabilities), 0, 1);
}

static void test_wrong(void **state)
{
	static const struct {
		void (*change)(void);
		const char *why;
	} cases[] = {
		{ no_version_1, "it refuses what every such device has" },
		{ no_queue, "it refuses what every such device has" },
		{ notify_behind_the_capability, "its notifications are nowhere" },
		{ notify_far_behind, "its notifications are nowhere" },
		{ notify_not_aligned, "its notifications are nowhere" },
		{ common_behind_the_bar, "it has no registers of virtio 1.0" },
		{ common_wraps, "it has no registers of virtio 1.0" },
		{ common_too_short, "it has no registers of virtio 1.0" },
		{ common_not_aligned, "it has no registers of virtio 1.0" },
		{ common_in_no_bar, "it has no registers of virtio 1.0" },
		{ common_in_an_absent_bar, "it has no registers of virtio 1.0" },
		{ no_caps, "it has no registers of virtio 1.0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
		cases[i].change();
		start();
		if (!strstr(said, cases[i].why))
			fail_msg("case %zu: %s", i, said);
		assert_null(take);
		assert_null(pci_first()->owner);
		assert_int_equal(fake_pci_get(function, offsetof(struct pci_header, command), 2) &
					 PCI_COMMAND_BUS_MASTER,
				 0);
		assert_int_equal(free_memory(), free_at_start);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_gives_noise, setup),
		cmocka_unit_test_setup(test_less_than_asked_for, setup),
		cmocka_unit_test_setup(test_another_device, setup),
		cmocka_unit_test(test_wrong),
	};

	log_add_sink(&sink);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

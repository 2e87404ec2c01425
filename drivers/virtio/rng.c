/* SPDX-License-Identifier: MIT */
/*
 * Driver of a modern virtio-rng device (virtio 1.2, 5.4): one buffer, which the device fills while nobody
 * waits. What the device says about itself is checked before it is used; it is told of one page only.
 */
#include "drivers/virtio/rng.h"

#include <string.h>

#include "arch/x86/clock.h"
#include "core/arch.h"
#include "core/entropy.h"
#include "core/log.h"
#include "core/pmem.h"
#include "core/vdev/virtio.h"
#include "core/vdev/virtio_layout.h"
#include "drivers/pci/pci.h"

#define VIRTIO_RNG_TRANSITIONAL 0x1005
#define REQUEST_QUEUE		0
#define FEATURES_HIGH		1 /* selects bits 63:32 */
#define POLL_US			10
#define RESET_POLLS		10000
#define FIRST_POLLS		10000

/* A queue of one descriptor, and the buffer: all that the device gets to know of Firn's memory. */
struct rng_page {
	struct split_desc desc __aligned(16);
	struct split_avail avail;
	u16 avail_ring[1];
	struct split_used used __aligned(4);
	struct split_used_elem used_ring[1];
	u64 words[ENTROPY_DEVICE_WORDS];
};
_Static_assert(sizeof(struct rng_page) <= PAGE_SIZE, "one page");
_Static_assert(offsetof(struct rng_page, avail_ring) ==
		       offsetof(struct rng_page, avail) + sizeof(struct split_avail),
	       "the ring follows");
_Static_assert(offsetof(struct rng_page, used_ring) ==
		       offsetof(struct rng_page, used) + sizeof(struct split_used),
	       "the ring follows");

/* The device's BARs as far as they are mapped: mappings stay, and several structures share one. */
struct bars {
	const struct host_pci *fn;
	u8 *base[HOST_PCI_BARS];
};

static struct {
	volatile u16 *notify;
	struct rng_page *page;
} rng;

static struct virtio_pci_cap read_cap(const struct host_pci *fn, unsigned at)
{
	union {
		struct virtio_pci_cap cap;
		u32 word[sizeof(struct virtio_pci_cap) / sizeof(u32)];
	} u;

	for (unsigned i = 0; i < ARRAY_SIZE(u.word); i++)
		u.word[i] = pci_read32(fn->address, at + i * sizeof(u32));
	return u.cap;
}

/* Offset of the first capability of this type in configuration space; 0 = none. */
static unsigned find_cap(const struct host_pci *fn, enum cap_type type, struct virtio_pci_cap *cap)
{
	unsigned at = 0;

	while ((at = pci_next_capability(fn, at, PCI_CAP_ID_VENDOR))) {
		*cap = read_cap(fn, at);
		if (cap->type == type)
			break;
	}
	return at;
}

/* len bytes at offset of what the capability names. NULL: not in a memory BAR, not so long, not aligned. */
static volatile void *map_structure(struct bars *bars, const struct virtio_pci_cap *cap, u64 offset,
				    u32 len)
{
	u8 **base;

	if (cap->bar >= HOST_PCI_BARS || offset + len > cap->length ||
	    (u64)cap->offset + cap->length > bars->fn->bar[cap->bar].size ||
	    (cap->offset + offset) % MIN(len, (u32)sizeof(u32)))
		return NULL;
	base = &bars->base[cap->bar];
	if (!*base)
		*base = pci_map_bar(bars->fn, cap->bar, MMIO_UC);
	return *base ? *base + cap->offset + offset : NULL;
}

static bool reset(volatile struct virtio_common_cfg *common)
{
	common->device_status = 0;
	for (unsigned i = 0; i < RESET_POLLS && common->device_status; i++)
		clock_delay_us(POLL_US);
	return !common->device_status;
}

/* Only version 1 is asked for. */
static bool negotiate(volatile struct virtio_common_cfg *common)
{
	common->device_status = VIRTIO_STATUS_ACKNOWLEDGE;
	common->device_status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
	common->device_feature_select = FEATURES_HIGH;
	if (!(common->device_feature & VIRTIO_F_VERSION_1 >> 32))
		return false;
	common->driver_feature_select = 0;
	common->driver_feature = 0;
	common->driver_feature_select = FEATURES_HIGH;
	common->driver_feature = VIRTIO_F_VERSION_1 >> 32;
	common->device_status |= VIRTIO_STATUS_FEATURES_OK;
	return common->device_status & VIRTIO_STATUS_FEATURES_OK;
}

static void write64(volatile u64 *reg, u64 value)
{
	volatile u32 *half = (volatile u32 *)reg;

	half[0] = (u32)value;
	half[1] = value >> 32;
}

static bool set_up_queue(volatile struct virtio_common_cfg *common, struct rng_page *page)
{
	u64 pa = virt_to_phys(page);

	common->queue_select = REQUEST_QUEUE;
	if (!common->queue_size)
		return false;
	common->queue_size = 1;
	common->queue_msix_vector = VIRTIO_NO_VECTOR;
	write64(&common->queue_desc, pa + offsetof(struct rng_page, desc));
	write64(&common->queue_driver, pa + offsetof(struct rng_page, avail));
	write64(&common->queue_device, pa + offsetof(struct rng_page, used));
	common->queue_enable = 1;
	return true;
}

static volatile u16 *find_notify(struct bars *bars, u16 notify_off)
{
	struct virtio_pci_cap cap;
	unsigned at = find_cap(bars->fn, CAP_NOTIFY, &cap);
	u64 multiplier;

	if (!at)
		return NULL;
	multiplier = pci_read32(bars->fn->address,
				at + offsetof(struct virtio_pci_notify_cap, multiplier));
	return map_structure(bars, &cap, multiplier * notify_off, sizeof(u16));
}

/* Gives the buffer to the device again. */
static void ask(void)
{
	struct rng_page *page = rng.page;

	__atomic_store_n(&page->avail.idx, page->avail.idx + 1, __ATOMIC_RELEASE);
	*rng.notify = REQUEST_QUEUE;
}

static bool is_filled(void)
{
	return __atomic_load_n(&rng.page->used.idx, __ATOMIC_ACQUIRE) == rng.page->avail.idx;
}

/* A device may fill less than it was asked for: then it is asked again. */
static bool take(u64 words[ENTROPY_DEVICE_WORDS])
{
	struct rng_page *page = rng.page;
	bool whole;

	if (!is_filled())
		return false;
	whole = page->used_ring[0].len >= sizeof(page->words);
	memcpy(words, page->words, sizeof(page->words));
	memset(page->words, 0, sizeof(page->words));
	ask();
	return whole;
}

/* NULL, or why it is not used. */
static const char *start(struct host_pci *fn)
{
	struct virtio_pci_cap cap;
	volatile struct virtio_common_cfg *common = NULL;
	struct bars bars = { .fn = fn };

	rng.page = pmem_alloc_page(PMEM_HEAP);
	if (!rng.page)
		return "out of memory";
	if (find_cap(fn, CAP_COMMON, &cap))
		common = map_structure(&bars, &cap, 0,
				       offsetof(struct virtio_common_cfg, queue_notif_config_data));
	if (!common)
		return "it has no registers of virtio 1.0";
	rng.page->desc = (struct split_desc){ .addr = virt_to_phys(rng.page->words),
					      .len = sizeof(rng.page->words),
					      .flags = DESC_WRITE };
	rng.page->avail.flags = AVAIL_NO_INTERRUPT;
	pci_enable(fn);
	if (!reset(common))
		return "it does not reset";
	if (!negotiate(common) || !set_up_queue(common, rng.page))
		return "it refuses what every such device has";
	rng.notify = find_notify(&bars, common->queue_notify_off);
	if (!rng.notify)
		return "its notifications are nowhere";
	common->device_status |= VIRTIO_STATUS_DRIVER_OK;
	return NULL;
}

static void stop(struct host_pci *fn, const char *why)
{
	log_warn("virtio-rng " PCI_ADDRESS_FORMAT " is not used: %s", PCI_ADDRESS(fn->address),
		 why);
	pci_stop_dma(fn);
	pci_release(fn);
	if (rng.page)
		pmem_free_page(rng.page, PMEM_HEAP);
}

void virtio_rng_init(void)
{
	struct host_pci *fn =
		pci_find(NULL, VIRTIO_VENDOR, VIRTIO_DEVICE_MODERN + VIRTIO_ID_ENTROPY);
	const char *why;

	if (!fn)
		fn = pci_find(NULL, VIRTIO_VENDOR, VIRTIO_RNG_TRANSITIONAL);
	if (!fn || pci_claim(fn, "virtio-rng") != FIRN_OK)
		return;
	why = start(fn);
	if (why) {
		stop(fn, why);
		return;
	}
	ask();
	for (unsigned i = 0; i < FIRST_POLLS && !is_filled(); i++)
		clock_delay_us(POLL_US);
	if (is_filled())
		log_info("virtio-rng " PCI_ADDRESS_FORMAT " adds to random numbers",
			 PCI_ADDRESS(fn->address));
	else
		log_warn("virtio-rng " PCI_ADDRESS_FORMAT " gives nothing yet",
			 PCI_ADDRESS(fn->address));
	entropy_add_device(take);
}

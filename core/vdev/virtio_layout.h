/* SPDX-License-Identifier: MIT */
/* Virtio's registers on PCI and its rings (virtio 1.2, 2.7 and 4.1): guests' devices, and the machine's. */
#ifndef FIRN_VDEV_VIRTIO_LAYOUT_H
#define FIRN_VDEV_VIRTIO_LAYOUT_H

#include "core/types.h"
#include "core/vdev/pci_regs.h"

#define VIRTIO_VENDOR	     0x1af4
#define VIRTIO_DEVICE_MODERN 0x1040 /* + virtio's device id */

/* Capability, 4.1.4 */
struct virtio_pci_cap {
	struct pci_capability header;
	u8 len, type, bar, id, padding[2];
	u32 offset, length;
};
_Static_assert(sizeof(struct virtio_pci_cap) == 16, "virtio 1.2, 4.1.4");
enum cap_type {
	CAP_COMMON = 1,
	CAP_NOTIFY = 2,
	CAP_ISR = 3,
	CAP_DEVICE = 4,
	CAP_PCI_ACCESS = 5,
};

struct virtio_pci_notify_cap {
	struct virtio_pci_cap cap;
	u32 multiplier;
};
struct virtio_pci_access_cap {
	struct virtio_pci_cap cap;
	u8 data[4];
};

/* Common configuration, virtio 1.3, 4.1.4.3 */
struct virtio_common_cfg {
	u32 device_feature_select, device_feature;
	u32 driver_feature_select, driver_feature;
	u16 config_msix_vector, num_queues;
	u8 device_status, config_generation;
	u16 queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	u64 queue_desc, queue_driver, queue_device;
	u16 queue_notif_config_data, queue_reset;
	u16 admin_queue_index, admin_queue_num;
};
_Static_assert(sizeof(struct virtio_common_cfg) == 64, "virtio 1.3, 4.1.4.3");

/* Descriptor flags, virtio 1.2, 2.7.5 and 2.8.13 */
#define DESC_NEXT     BIT(0)
#define DESC_WRITE    BIT(1)
#define DESC_INDIRECT BIT(2)

struct split_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};
_Static_assert(sizeof(struct split_desc) == 16, "virtio 1.2, 2.7.5");

/* The driver's part, 2.7.6; behind ring[size] is used_event. */
struct split_avail {
	u16 flags, idx;
	u16 ring[];
};
#define AVAIL_NO_INTERRUPT BIT(0)

struct split_used_elem {
	u32 id, len;
};
/* The device's part, 2.7.8; behind ring[size] is avail_event. */
struct split_used {
	u16 flags, idx;
	struct split_used_elem ring[];
};
_Static_assert(sizeof(struct split_used) == 4, "virtio 1.2, 2.7.8");
#define USED_NO_NOTIFY BIT(0)

#endif

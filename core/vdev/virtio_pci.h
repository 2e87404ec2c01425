/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI, modern devices only (virtio 1.2, 4.1): BAR 0 has the registers, BAR 2 MSI-X.
 * One vector for the configuration and one for each queue.
 */
#ifndef FIRN_VDEV_VIRTIO_PCI_H
#define FIRN_VDEV_VIRTIO_PCI_H

#include "core/err.h"

struct virtio_device;

/* Puts the device on the PCI bus of its VM. Errors of pci_device_add_msix() and pci_device_attach(). */
enum firn_err virtio_pci_attach(struct virtio_device *device, unsigned slot);

#endif

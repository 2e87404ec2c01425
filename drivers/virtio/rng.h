/* SPDX-License-Identifier: MIT */
/* The machine's virtio-rng device, where Firn runs inside another hypervisor: noise for random numbers. */
#ifndef FIRN_DRIVERS_VIRTIO_RNG_H
#define FIRN_DRIVERS_VIRTIO_RNG_H

/* Finds the first one and makes it a source of core/entropy. Boot CPU, after pci_init(). */
void virtio_rng_init(void);

#endif

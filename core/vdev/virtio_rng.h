/* SPDX-License-Identifier: MIT */
/* Entropy device (virtio 1.2, 5.4). */
#ifndef FIRN_VDEV_VIRTIO_RNG_H
#define FIRN_VDEV_VIRTIO_RNG_H

#include "core/err.h"

struct vm;

/* If the configuration says so. Errors of virtio_create(). */
enum firn_err virtio_rng_create(struct vm *vm);

#endif

/* SPDX-License-Identifier: MIT */
/* Network interfaces (virtio 1.2, 5.1): those that the configuration names, in its order. */
#ifndef FIRN_VDEV_VIRTIO_NET_H
#define FIRN_VDEV_VIRTIO_NET_H

#include "core/err.h"

struct vm;

/* ERR_UNSUPPORTED: no network is registered. Errors of its attach() and of virtio_create(). */
enum firn_err virtio_net_create(struct vm *vm);

#endif

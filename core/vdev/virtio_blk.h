/* SPDX-License-Identifier: MIT */
/* Block devices (virtio 1.2, 5.2): the disks that the configuration names, in its order. */
#ifndef FIRN_VDEV_VIRTIO_BLK_H
#define FIRN_VDEV_VIRTIO_BLK_H

#include "core/err.h"

struct vm;

/* ERR_NOENT: a file is not there. Errors of ram_disk_init() and virtio_create(). */
enum firn_err virtio_blk_create(struct vm *vm);

#endif

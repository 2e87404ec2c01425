/* SPDX-License-Identifier: MIT */
/* Which frames an interface's driver wants: its control queue says so (virtio 1.2, 5.1.6.5.1 and .2). */
#ifndef FIRN_VDEV_VIRTIO_NET_FILTER_H
#define FIRN_VDEV_VIRTIO_NET_FILTER_H

#include "core/network.h"
#include "core/spinlock.h"

#define NET_FILTER_MAX 32 /* addresses of each kind; with more the driver gets all of that kind */

struct net_addresses {
	bool all;
	u8 count;
	u8 mac[NET_FILTER_MAX][MAC_LEN];
};

struct net_filter {
	struct spinlock lock;
	bool promiscuous, all_groups;
	struct net_addresses unicast, group;
};

/* Until the driver says otherwise: its own address and all groups. */
void net_filter_reset(struct net_filter *filter);
/* Is a frame to this address wanted by the interface with the address own? Any CPU. */
bool net_filter_wants(struct net_filter *filter, const u8 *own, const u8 *to);

#endif

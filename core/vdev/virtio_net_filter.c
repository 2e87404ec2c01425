/* SPDX-License-Identifier: MIT */
/* Filter of received frames by their destination. */
#include "core/vdev/virtio_net_filter.h"

#include <string.h>

void net_filter_reset(struct net_filter *filter)
{
	spin_lock(&filter->lock);
	filter->promiscuous = false;
	filter->all_groups = true;
	filter->unicast = filter->group = (struct net_addresses){ .all = false };
	spin_unlock(&filter->lock);
}

static bool listed(const struct net_addresses *list, const u8 *mac)
{
	for (unsigned i = 0; i < list->count; i++)
		if (memcmp(list->mac[i], mac, MAC_LEN) == 0)
			return true;
	return list->all;
}

bool net_filter_wants(struct net_filter *filter, const u8 *own, const u8 *to)
{
	static const u8 broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool group = to[0] & MAC_GROUP, wanted;

	if (memcmp(to, own, MAC_LEN) == 0 || memcmp(to, broadcast, MAC_LEN) == 0)
		return true;
	spin_lock(&filter->lock);
	wanted = filter->promiscuous || (group && filter->all_groups) ||
		 listed(group ? &filter->group : &filter->unicast, to);
	spin_unlock(&filter->lock);
	return wanted;
}

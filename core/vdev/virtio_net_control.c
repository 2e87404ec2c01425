/* SPDX-License-Identifier: MIT */
/* The control queue of a network interface: which frames it wants, and on how many queues. */
#include <string.h>

#include "core/vdev/virtio_net_internal.h"

/* Commands, 5.1.6.5 */
enum {
	CONTROL_RX = 0,
	CONTROL_RX_PROMISC = 0,
	CONTROL_RX_ALLMULTI = 1,
	CONTROL_MAC = 1,
	CONTROL_MAC_TABLE_SET = 0,
	CONTROL_MQ = 4,
	CONTROL_MQ_VQ_PAIRS_SET = 0,
};
enum control_ack {
	CONTROL_OK,
	CONTROL_ERR,
};

struct control_header {
	u8 class, command;
};
_Static_assert(sizeof(struct control_header) == 2, "virtio 1.2, 5.1.6.5");

#define BUDGET		  8
#define TABLE_ENTRIES_MAX 4096 /* more than any driver lists; bounds the sum of lengths */

/* Reads what lies at *offset in the command, and moves on. */
static bool take(struct virtio_net *net, struct virtq *vq, u32 *offset, void *to, u32 len)
{
	bool good = virtq_read(vq, &net->control, *offset, to, len);

	*offset += len;
	return good;
}

static bool set_rx_mode(struct virtio_net *net, struct virtq *vq, u8 command, u32 offset)
{
	u8 on;

	if (!virtio_has(&net->device, NET_F_CTRL_RX) || command > CONTROL_RX_ALLMULTI ||
	    !take(net, vq, &offset, &on, sizeof(on)) || on > 1)
		return false;
	spin_lock(&net->filter.lock);
	if (command == CONTROL_RX_PROMISC)
		net->filter.promiscuous = on;
	else
		net->filter.all_groups = on;
	spin_unlock(&net->filter.lock);
	return true;
}

/* A list that is too long means all addresses of its kind. */
static bool take_addresses(struct virtio_net *net, struct virtq *vq, u32 *offset,
			   struct net_addresses *list)
{
	u32 count, kept;

	if (!take(net, vq, offset, &count, sizeof(count)) || count > TABLE_ENTRIES_MAX)
		return false;
	list->all = count > NET_FILTER_MAX;
	kept = list->all ? 0 : count;
	list->count = (u8)kept;
	if (!virtq_read(vq, &net->control, *offset, list->mac, kept * MAC_LEN))
		return false;
	*offset += count * MAC_LEN;
	return *offset <= net->control.read_bytes;
}

static bool set_addresses(struct virtio_net *net, struct virtq *vq, u8 command, u32 offset)
{
	struct net_addresses unicast, group;

	if (!virtio_has(&net->device, NET_F_CTRL_RX) || command != CONTROL_MAC_TABLE_SET ||
	    !take_addresses(net, vq, &offset, &unicast) ||
	    !take_addresses(net, vq, &offset, &group))
		return false;
	spin_lock(&net->filter.lock);
	net->filter.unicast = unicast;
	net->filter.group = group;
	spin_unlock(&net->filter.lock);
	return true;
}

static bool set_pairs(struct virtio_net *net, struct virtq *vq, u8 command, u32 offset)
{
	u16 pairs;

	if (!virtio_has(&net->device, NET_F_MQ) || command != CONTROL_MQ_VQ_PAIRS_SET ||
	    !take(net, vq, &offset, &pairs, sizeof(pairs)) || pairs < 1 ||
	    pairs > net->config.max_virtqueue_pairs)
		return false;
	__atomic_store_n(&net->pairs, pairs, __ATOMIC_RELAXED);
	return true;
}

static bool carry_out(struct virtio_net *net, struct virtq *vq)
{
	struct control_header h;
	u32 offset = 0;

	if (!take(net, vq, &offset, &h, sizeof(h)))
		return false;
	switch (h.class) {
	case CONTROL_RX:
		return set_rx_mode(net, vq, h.command, offset);
	case CONTROL_MAC:
		return set_addresses(net, vq, h.command, offset);
	case CONTROL_MQ:
		return set_pairs(net, vq, h.command, offset);
	default:
		return false;
	}
}

enum virtq_result virtio_net_control(struct virtio_net *net, struct virtq *vq)
{
	for (unsigned i = 0; i < BUDGET; i++) {
		u8 ack = CONTROL_ERR;
		bool told;

		if (virtio_pop(vq, &net->control) != FIRN_OK)
			return VIRTQ_DRAINED;
		if (carry_out(net, vq))
			ack = CONTROL_OK;
		told = virtq_write(vq, &net->control, 0, &ack, sizeof(ack));
		virtq_push(vq, &net->control, told);
	}
	return VIRTQ_MORE;
}

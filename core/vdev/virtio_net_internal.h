/* SPDX-License-Identifier: MIT */
/* What the parts of the network interface share. */
#ifndef FIRN_VDEV_VIRTIO_NET_INTERNAL_H
#define FIRN_VDEV_VIRTIO_NET_INTERNAL_H

#include "core/vdev/net_offload.h"
#include "core/vdev/virtio.h"
#include "core/vdev/virtio_net_filter.h"

/* Feature bits, 5.1.3 */
#define NET_F_CSUM	 BIT(0)
#define NET_F_GUEST_CSUM BIT(1)
#define NET_F_MTU	 BIT(3)
#define NET_F_MAC	 BIT(5)
#define NET_F_GUEST_TSO4 BIT(7)
#define NET_F_GUEST_TSO6 BIT(8)
#define NET_F_HOST_TSO4	 BIT(11)
#define NET_F_HOST_TSO6	 BIT(12)
#define NET_F_MRG_RXBUF	 BIT(15)
#define NET_F_STATUS	 BIT(16)
#define NET_F_CTRL_VQ	 BIT(17)
#define NET_F_CTRL_RX	 BIT(18)
#define NET_F_MQ	 BIT(22)

/* Before each frame, 5.1.6 */
struct net_header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct net_header) == 12, "virtio 1.2, 5.1.6");
#define NET_HDR_F_NEEDS_CSUM BIT(0)

/* Configuration, 5.1.4 */
struct net_config {
	u8 mac[MAC_LEN];
	u16 status, max_virtqueue_pairs, mtu;
};
_Static_assert(sizeof(struct net_config) == 12, "virtio 1.2, 5.1.4");
#define NET_S_LINK_UP BIT(0)

#define NET_MAX_PAIRS 4
#define NET_FLOWS     256

/* A buffer of the driver that holds a part of a frame. */
struct net_buffer {
	u16 id, descriptors;
	u32 written;
};

/* Each part is under its own queue's lock. */
struct net_pair {
	struct virtq_chain sent;
	struct {
		struct net_header header;
		u8 frame[NET_LARGE_MAX];
	} copy;				/* of it: the guest can't change what was checked */
	struct virtq_chain first, next; /* of a frame that is received */
	struct net_buffer buffer[VIRTQ_MAX_SIZE];
};

struct virtio_net {
	struct virtio_device device;
	struct net_nic nic;
	struct net_config config;
	struct net_filter filter;
	u16 pairs;	    /* atomic: those that the driver wants to receive with */
	u8 flow[NET_FLOWS]; /* atomic: queue that a flow was last sent on, + 1; 0 = unknown */
	struct virtq_chain control;
	struct net_pair pair[]; /* config.max_virtqueue_pairs */
};

/* Receive queues are even, transmit queues odd; the control queue follows (5.1.2). */
static inline struct virtq *net_rx_queue(struct virtio_net *net, unsigned pair)
{
	return &net->device.queue[2 * pair];
}

/* Any CPU; nobody who sends waits for a receive queue. net_nic.receive() */
enum net_verdict virtio_net_receive(struct net_nic *nic, const struct net_frame *frame);
/* Handlers of the transmit and the control queue. */
enum virtq_result virtio_net_transmit(struct virtio_net *net, struct virtq *vq);
enum virtq_result virtio_net_control(struct virtio_net *net, struct virtq *vq);

#endif

/* SPDX-License-Identifier: MIT */
/* Transmit queues: frames are copied out of guest memory, checked, and given to the network. */
#include "core/vdev/virtio_net_internal.h"

/* Of one run of the handler; bytes count once for the sender and once for each receiver. */
#define BUDGET_FRAMES 64
#define BUDGET_BYTES  (256 * KiB)

/* Takes the header apart. False: it asks for what was not agreed on. */
static bool parse_header(const struct virtio_net *net, const struct net_header *h,
			 struct net_frame *frame)
{
	u64 needed = 0;

	frame->needs_csum = h->flags & NET_HDR_F_NEEDS_CSUM;
	frame->csum_start = h->csum_start;
	frame->csum_offset = h->csum_offset;
	frame->gso = h->gso_type;
	frame->gso_size = h->gso_size;
	if (frame->needs_csum)
		needed |= NET_F_CSUM;
	if (frame->gso == NET_GSO_TCPV4)
		needed |= NET_F_HOST_TSO4;
	if (frame->gso == NET_GSO_TCPV6)
		needed |= NET_F_HOST_TSO6;
	return virtio_has(&net->device, needed);
}

/* False: it is none that may be sent. */
static bool fetch(struct virtio_net *net, struct virtq *vq, struct net_pair *pair,
		  struct net_frame *frame)
{
	u32 len = pair->sent.read_bytes;

	if (len < sizeof(pair->copy.header) || len > sizeof(pair->copy) ||
	    !virtq_read(vq, &pair->sent, 0, &pair->copy, len))
		return false;
	frame->data = pair->copy.frame;
	frame->len = len - sizeof(pair->copy.header);
	return parse_header(net, &pair->copy.header, frame) && net_frame_check(frame);
}

/* Answers come back to where questions were sent (5.1.6.5.6.1). */
static void remember_flow(struct virtio_net *net, const struct net_frame *frame, unsigned pair)
{
	if (net->config.max_virtqueue_pairs > 1)
		__atomic_store_n(&net->flow[net_frame_flow(frame) % NET_FLOWS], (u8)(pair + 1),
				 __ATOMIC_RELAXED);
}

enum virtq_result virtio_net_transmit(struct virtio_net *net, struct virtq *vq)
{
	unsigned index = vq->index / 2;
	struct net_pair *pair = &net->pair[index];
	u64 bytes = 0;

	for (unsigned i = 0; i < BUDGET_FRAMES && bytes < BUDGET_BYTES; i++) {
		struct net_frame frame;

		if (virtio_pop(vq, &pair->sent) != FIRN_OK)
			return VIRTQ_DRAINED;
		if (fetch(net, vq, pair, &frame)) {
			remember_flow(net, &frame, index);
			bytes += frame.len + network()->send(&net->nic, &frame);
		} else {
			net_count(&net->nic, NET_SENT_MALFORMED, 1);
		}
		virtq_push(vq, &pair->sent, 0);
	}
	return VIRTQ_MORE;
}

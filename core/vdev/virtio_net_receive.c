/* SPDX-License-Identifier: MIT */
/*
 * Receive queues: a frame is given as the sender left it, if the driver can finish it, else finished
 * here first; then it is copied into as many buffers of the driver as it takes.
 */
#include "core/vdev/virtio_net_internal.h"

/* Where a frame is written to, and how far that is. */
struct reception {
	struct virtq *vq;
	struct net_pair *pair;
	const struct net_pieces *from;
	u32 done; /* bytes of the pieces */
	u16 buffers;
};

static u32 frame_len(const struct net_pieces *from)
{
	return from->header_len + from->data_len;
}

/* Copies from the pieces, on from r->done, into the chain. */
static bool fill(struct reception *r, const struct virtq_chain *chain, u32 offset, u32 len)
{
	const struct net_pieces *from = r->from;

	while (len) {
		bool in_header = r->done < from->header_len;
		u32 at = in_header ? r->done : r->done - from->header_len;
		u32 n = MIN(len, (in_header ? from->header_len : from->data_len) - at);

		if (!virtq_write(r->vq, chain, offset, (in_header ? from->header : from->data) + at,
				 n))
			return false;
		r->done += n;
		offset += n;
		len -= n;
	}
	return true;
}

/* Takes one more buffer and fills it behind skip bytes. */
static bool add_buffer(struct reception *r, struct virtq_chain *chain, u32 skip)
{
	u32 len;

	if (r->buffers == ARRAY_SIZE(r->pair->buffer) || virtio_pop(r->vq, chain) != FIRN_OK)
		return false;
	r->pair->buffer[r->buffers++] = (struct net_buffer){ chain->id, chain->descriptors, 0 };
	if (chain->write_bytes <= skip)
		return false;
	len = MIN(chain->write_bytes - skip, frame_len(r->from) - r->done);
	r->pair->buffer[r->buffers - 1].written = skip + len;
	return fill(r, chain, skip, len);
}

/* All buffers that the frame takes; several only if the driver can put them together. */
static bool fill_buffers(struct reception *r)
{
	bool mergeable = virtio_has(r->vq->device, NET_F_MRG_RXBUF);

	if (!add_buffer(r, &r->pair->first, sizeof(struct net_header)))
		return false;
	while (r->done < frame_len(r->from))
		if (!mergeable || !add_buffer(r, &r->pair->next, 0))
			return false;
	return true;
}

/* The last one first, so that the ring is as it was. */
static void give_back(struct reception *r)
{
	while (r->buffers-- > 0) {
		r->pair->next.id = r->pair->buffer[r->buffers].id;
		r->pair->next.descriptors = r->pair->buffer[r->buffers].descriptors;
		virtq_unpop(r->vq, &r->pair->next);
	}
}

/* The driver sees nothing of it before all is there. */
static void push_all(struct reception *r)
{
	for (unsigned i = 0; i < r->buffers; i++) {
		r->pair->next.id = r->pair->buffer[i].id;
		r->pair->next.descriptors = r->pair->buffer[i].descriptors;
		virtq_push(r->vq, &r->pair->next, r->pair->buffer[i].written);
	}
}

static enum net_verdict put(struct virtq *vq, struct net_pair *pair, struct net_header *h,
			    const struct net_pieces *from)
{
	struct reception r = { .vq = vq, .pair = pair, .from = from };
	bool good = fill_buffers(&r);

	h->num_buffers = r.buffers;
	if (good)
		good = virtq_write(vq, &pair->first, 0, h, sizeof(*h));
	if (good)
		push_all(&r);
	else
		give_back(&r);
	return good ? NET_TAKEN : NET_NO_BUFFER;
}

static u64 feature_for(const struct net_frame *frame)
{
	u64 features = frame->needs_csum ? NET_F_GUEST_CSUM : 0;

	if (frame->gso == NET_GSO_TCPV4)
		features |= NET_F_GUEST_TSO4;
	if (frame->gso == NET_GSO_TCPV6)
		features |= NET_F_GUEST_TSO6;
	return features;
}

/* As the sender left it. */
static enum net_verdict put_whole(struct virtq *vq, struct net_pair *pair,
				  const struct net_frame *frame)
{
	const struct net_pieces pieces = { .data = frame->data, .data_len = frame->len };
	struct net_header h = { .flags = 0 };

	if (frame->needs_csum) {
		h.flags = NET_HDR_F_NEEDS_CSUM;
		h.csum_start = frame->csum_start;
		h.csum_offset = frame->csum_offset;
	}
	if (frame->gso != NET_GSO_NONE) {
		h.gso_type = frame->gso;
		h.gso_size = frame->gso_size;
		h.hdr_len = frame->header_len;
	}
	return put(vq, pair, &h, &pieces);
}

/* Finished; what does not fit any more is lost, as on a wire. */
static enum net_verdict put_segments(struct virtq *vq, struct net_pair *pair,
				     const struct net_frame *frame)
{
	enum net_verdict verdict = NET_TAKEN;
	unsigned count = net_frame_segments(frame);
	u8 header[NET_HEADERS_MAX];
	struct net_pieces pieces;

	for (unsigned i = 0; i < count && verdict == NET_TAKEN; i++) {
		struct net_header h = { .flags = 0 };

		if (frame->gso == NET_GSO_NONE)
			net_frame_complete(frame, header, &pieces);
		else
			net_frame_segment(frame, i, header, &pieces);
		verdict = put(vq, pair, &h, &pieces);
	}
	return verdict;
}

static unsigned choose_pair(struct virtio_net *net, const struct net_frame *frame)
{
	unsigned pairs = __atomic_load_n(&net->pairs, __ATOMIC_RELAXED), flow, known;

	if (pairs == 1)
		return 0;
	flow = net_frame_flow(frame);
	known = __atomic_load_n(&net->flow[flow % NET_FLOWS], __ATOMIC_RELAXED);
	return known && known <= pairs ? known - 1 : flow % pairs;
}

enum net_verdict virtio_net_receive(struct net_nic *nic, const struct net_frame *frame)
{
	struct virtio_net *net = container_of(nic, struct virtio_net, nic);
	enum net_verdict verdict = NET_DOWN;
	struct net_pair *pair;
	struct virtq *vq;
	unsigned index;

	if (!net_filter_wants(&net->filter, nic->mac, frame->data))
		return NET_NOT_WANTED;
	index = choose_pair(net, frame);
	vq = net_rx_queue(net, index);
	pair = &net->pair[index];
	spin_lock(&vq->lock);
	if (vq->live)
		verdict = virtio_has(&net->device, feature_for(frame))
				  ? put_whole(vq, pair, frame)
				  : put_segments(vq, pair, frame);
	virtio_interrupt_driver(vq);
	spin_unlock(&vq->lock);
	return verdict;
}

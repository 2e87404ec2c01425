/* SPDX-License-Identifier: MIT */
/*
 * What a network interface would do for its driver, in software: Internet checksums and cutting of
 * large TCP packets, for receivers that can't take them undone. Pure functions. Any CPU.
 */
#ifndef FIRN_VDEV_NET_OFFLOAD_H
#define FIRN_VDEV_NET_OFFLOAD_H

#include "core/network.h"

#define NET_MTU		 1500
#define NET_FRAME_MAX	 (ETH_HEADER_LEN + ETH_VLAN_LEN + NET_MTU) /* on the wire */
#define NET_LARGE_MAX	 (ETH_HEADER_LEN + ETH_VLAN_LEN + 65535)   /* before it is cut */
#define NET_HEADERS_MAX	 256  /* of a frame that wants checksum or cutting */
#define NET_SEGMENTS_MAX 1024 /* that one packet is cut into */

/* A frame as it goes into the receiver's memory: changed headers, then bytes as they were. */
struct net_pieces {
	const u8 *header, *data;
	u32 header_len, data_len;
};

/*
 * Are the frame's length and its fields, which are what a guest wrote, possible and within the limits
 * above? Sets header_len, and removes a gso that cuts nothing. Afterwards the functions below may be used.
 */
bool net_frame_check(struct net_frame *frame);

/* The frame with its checksum filled in. header is the caller's memory for pieces. */
void net_frame_complete(const struct net_frame *frame, u8 header[NET_HEADERS_MAX],
			struct net_pieces *pieces);
/* Into how many frames gso cuts it, and the i-th of them, complete. */
unsigned net_frame_segments(const struct net_frame *frame);
void net_frame_segment(const struct net_frame *frame, unsigned i, u8 header[NET_HEADERS_MAX],
		       struct net_pieces *pieces);

/* The same for all frames of a conversation, in both directions. */
u32 net_frame_flow(const struct net_frame *frame);

/* Sum of 16-bit words as on the wire, to be folded; an odd last byte is followed by zero. */
u64 net_sum(const u8 *data, u32 len, u64 sum);
/* RFC 1071: one's complement of the folded sum, in the order of the wire. */
u16 net_fold(u64 sum);

#endif

/* SPDX-License-Identifier: MIT */
/* Checks of frames, Internet checksums (RFC 1071), segmentation of TCP packets, flows. */
#include "core/vdev/net_offload.h"

#include <string.h>

#define ETH_TYPE_IPV4 0x0800
#define ETH_TYPE_IPV6 0x86dd
#define ETH_TYPE_VLAN 0x8100

/* IPv4, RFC 791 */
#define IPV4_HEADER	 20
#define IPV4_LENGTH	 2
#define IPV4_ID		 4
#define IPV4_FRAGMENT	 6
#define IPV4_FRAGMENT_OF 0x3fff /* offset, and "more fragments" */
#define IPV4_PROTOCOL	 9
#define IPV4_CHECKSUM	 10
#define IPV4_SOURCE	 12
#define IPV4_ADDRESSES	 8 /* bytes of both */
/* IPv6, RFC 8200 */
#define IPV6_HEADER    40
#define IPV6_LENGTH    4
#define IPV6_NEXT      6
#define IPV6_SOURCE    8
#define IPV6_ADDRESSES 32

/* TCP, RFC 9293 */
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_HEADER   20
#define TCP_SEQUENCE 4
#define TCP_OFFSET   12
#define TCP_FLAGS    13
#define TCP_CHECKSUM 16
#define TCP_FIN	     BIT(0)
#define TCP_PSH	     BIT(3)
#define TCP_CWR	     BIT(7)
#define PORTS_LEN    4

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static u32 get32(const u8 *p)
{
	return (u32)get16(p) << 16 | get16(p + 2);
}

static void put16(u8 *p, u16 value)
{
	p[0] = value >> 8;
	p[1] = (u8)value;
}

static void put32(u8 *p, u32 value)
{
	put16(p, value >> 16);
	put16(p + 2, (u16)value);
}

/* The carry comes back at the low end, as in one's complement: words of any length have the same sum. */
static inline u64 add(u64 sum, u64 word)
{
	return __builtin_add_overflow(sum, word, &sum) ? sum + 1 : sum;
}

static inline u64 word_at(const u8 *data)
{
	u64 word;

	memcpy(&word, data, sizeof(word));
	return word;
}

/* The sum does not depend on the order of bytes in words (RFC 1071, 2 B), so the CPU's own is used. */
u64 net_sum(const u8 *data, u32 len, u64 sum)
{
	const u32 step = sizeof(u64);
	u8 rest[sizeof(u64)] = { 0 };

	for (; len >= 4 * step; data += 4 * step, len -= 4 * step) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < 4; i++)
			sum = add(sum, word_at(data + i * step));
	}
	for (; len >= step; data += step, len -= step)
		sum = add(sum, word_at(data));
	memcpy(rest, data, len);
	return add(sum, word_at(rest));
}

u16 net_fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* A number of the sender's as it counts in the sum of words in the CPU's order. */
static u64 sum_of(u16 value)
{
	u8 wire[2];

	put16(wire, value);
	return net_sum(wire, sizeof(wire), 0);
}

/* Where the network header begins, and its type. 0 = the frame is too short. */
static u32 network_header(const struct net_frame *frame, u16 *type)
{
	u32 at = ETH_HEADER_LEN;

	*type = get16(frame->data + ETH_TYPE_OFFSET);
	if (*type == ETH_TYPE_VLAN && frame->len >= ETH_HEADER_LEN + ETH_VLAN_LEN) {
		at += ETH_VLAN_LEN;
		*type = get16(frame->data + at - sizeof(u16));
	}
	return at;
}

static u32 ipv4_header_len(const u8 *ip)
{
	return (u32)(ip[0] & 0xf) * 4;
}

/*
 * Checks
 */

static bool is_tcpv4(const struct net_frame *frame, u32 ip, u16 type)
{
	const u8 *h = frame->data + ip;

	return type == ETH_TYPE_IPV4 && frame->csum_start >= ip + IPV4_HEADER && h[0] >> 4 == 4 &&
	       ip + ipv4_header_len(h) == frame->csum_start && h[IPV4_PROTOCOL] == PROTOCOL_TCP &&
	       !(get16(h + IPV4_FRAGMENT) & IPV4_FRAGMENT_OF);
}

/* Extension headers before TCP are the sender's affair. */
static bool is_tcpv6(const struct net_frame *frame, u32 ip, u16 type)
{
	return type == ETH_TYPE_IPV6 && frame->csum_start >= ip + IPV6_HEADER &&
	       frame->data[ip] >> 4 == 6;
}

static u32 tcp_header_len(const struct net_frame *frame)
{
	return (u32)(frame->data[frame->csum_start + TCP_OFFSET] >> 4) * 4;
}

/* csum_start, which is where TCP begins, is known to lie in the frame, and so is the checksum. */
static bool check_gso(struct net_frame *frame)
{
	u16 type;
	u32 ip = network_header(frame, &type), tcp = frame->csum_start, headers;

	if (!frame->needs_csum || frame->csum_offset != TCP_CHECKSUM || frame->gso_size == 0 ||
	    frame->len < tcp + TCP_HEADER)
		return false;
	if (frame->gso == NET_GSO_TCPV4 ? !is_tcpv4(frame, ip, type) : !is_tcpv6(frame, ip, type))
		return false;
	headers = tcp + tcp_header_len(frame);
	if (headers < tcp + TCP_HEADER || headers > MIN(frame->len, (u32)NET_HEADERS_MAX) ||
	    headers - ip + frame->gso_size > NET_MTU)
		return false;
	frame->header_len = (u16)headers;
	return true;
}

bool net_frame_check(struct net_frame *frame)
{
	u32 csum_end = (u32)frame->csum_start + frame->csum_offset + sizeof(u16);

	frame->header_len = 0;
	if (frame->len < ETH_HEADER_LEN || frame->len > NET_LARGE_MAX)
		return false;
	if (frame->needs_csum && (csum_end > MIN(frame->len, (u32)NET_HEADERS_MAX) ||
				  frame->csum_start < ETH_HEADER_LEN))
		return false;
	if (frame->gso == NET_GSO_NONE)
		return frame->len <= NET_FRAME_MAX;
	if ((frame->gso != NET_GSO_TCPV4 && frame->gso != NET_GSO_TCPV6) || !check_gso(frame))
		return false;
	if (net_frame_segments(frame) <= 1)
		frame->gso = NET_GSO_NONE;
	return net_frame_segments(frame) <= NET_SEGMENTS_MAX;
}

/*
 * Checksums
 */

/* 0 means "no checksum" in UDP; the other zero means the same to TCP. */
static void store_checksum(u8 *at, u64 sum)
{
	u16 checksum = net_fold(sum);

	if (checksum == 0)
		checksum = 0xffff;
	memcpy(at, &checksum, sizeof(checksum));
}

/* The driver left the sum of the pseudo header where the checksum belongs (virtio 1.2, 5.1.6.2). */
void net_frame_complete(const struct net_frame *frame, u8 header[NET_HEADERS_MAX],
			struct net_pieces *pieces)
{
	u32 at = frame->csum_start + frame->csum_offset, headers = at + sizeof(u16);

	memcpy(header, frame->data, headers);
	store_checksum(header + at,
		       net_sum(frame->data + frame->csum_start, frame->len - frame->csum_start, 0));
	*pieces =
		(struct net_pieces){ header, frame->data + headers, headers, frame->len - headers };
}

/*
 * Segmentation
 */

unsigned net_frame_segments(const struct net_frame *frame)
{
	if (frame->gso == NET_GSO_NONE)
		return 1;
	return DIV_ROUND_UP((u32)(frame->len - frame->header_len), frame->gso_size);
}

static void fix_ipv4(u8 *ip, u16 length, unsigned i)
{
	u32 header = ipv4_header_len(ip);
	u16 checksum;

	put16(ip + IPV4_LENGTH, length);
	put16(ip + IPV4_ID, (u16)(get16(ip + IPV4_ID) + i));
	put16(ip + IPV4_CHECKSUM, 0);
	checksum = net_fold(net_sum(ip, header, 0));
	memcpy(ip + IPV4_CHECKSUM, &checksum, sizeof(checksum));
}

/* Sum of the pseudo header: addresses, protocol, length of the segment. */
static u64 pseudo_sum(const struct net_frame *frame, const u8 *ip, u16 tcp_len)
{
	u64 sum = sum_of(PROTOCOL_TCP) + sum_of(tcp_len);

	if (frame->gso == NET_GSO_TCPV4)
		return net_sum(ip + IPV4_SOURCE, IPV4_ADDRESSES, sum);
	return net_sum(ip + IPV6_SOURCE, IPV6_ADDRESSES, sum);
}

static void fix_tcp(const struct net_frame *frame, u8 *tcp, u32 offset, bool last)
{
	put32(tcp + TCP_SEQUENCE, get32(tcp + TCP_SEQUENCE) + offset);
	if (!last)
		tcp[TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH);
	if (offset)
		tcp[TCP_FLAGS] &= ~TCP_CWR;
	put16(tcp + frame->csum_offset, 0);
}

void net_frame_segment(const struct net_frame *frame, unsigned i, u8 header[NET_HEADERS_MAX],
		       struct net_pieces *pieces)
{
	u32 headers = frame->header_len, offset = i * frame->gso_size;
	u32 rest = frame->len - headers - offset, len = MIN(rest, (u32)frame->gso_size);
	u8 *tcp = header + frame->csum_start, *ip = header;
	const u8 *data = frame->data + headers + offset;
	u16 type, tcp_len = (u16)(headers - frame->csum_start + len);
	u64 sum;

	memcpy(header, frame->data, headers);
	ip += network_header(frame, &type);
	if (frame->gso == NET_GSO_TCPV4)
		fix_ipv4(ip, (u16)(tcp - ip + tcp_len), i);
	else
		put16(ip + IPV6_LENGTH, (u16)(tcp - ip - IPV6_HEADER + tcp_len));
	fix_tcp(frame, tcp, offset, len == rest);
	/* The headers' length is even, so the data's words fall as they would in one piece. */
	sum = net_sum(tcp, headers - frame->csum_start, pseudo_sum(frame, ip, tcp_len));
	store_checksum(tcp + TCP_CHECKSUM, net_sum(data, len, sum));
	*pieces = (struct net_pieces){ header, data, headers, len };
}

/*
 * Flows
 */

static u32 xor_words(const u8 *data, u32 len, u32 hash)
{
	for (u32 i = 0; i < len; i += sizeof(u32))
		hash ^= get32(data + i);
	return hash;
}

/* Source and destination are exclusive-ored, so that the order does not matter. */
u32 net_frame_flow(const struct net_frame *frame)
{
	u16 type;
	u32 at = network_header(frame, &type), hash = 0, ports = 0;
	const u8 *h = frame->data + at;
	u8 protocol = 0;

	if (type == ETH_TYPE_IPV4 && frame->len >= at + IPV4_HEADER) {
		hash = xor_words(h + IPV4_SOURCE, IPV4_ADDRESSES, hash);
		if (!(get16(h + IPV4_FRAGMENT) & IPV4_FRAGMENT_OF))
			protocol = h[IPV4_PROTOCOL];
		ports = at + ipv4_header_len(h);
	} else if (type == ETH_TYPE_IPV6 && frame->len >= at + IPV6_HEADER) {
		hash = xor_words(h + IPV6_SOURCE, IPV6_ADDRESSES, hash);
		protocol = h[IPV6_NEXT];
		ports = at + IPV6_HEADER;
	}
	if ((protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP) &&
	    frame->len >= ports + PORTS_LEN)
		hash ^= (u32)(get16(frame->data + ports) ^ get16(frame->data + ports + 2)) << 8;
	hash ^= hash >> 16;
	return hash ^ hash >> 8;
}

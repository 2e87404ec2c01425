/* SPDX-License-Identifier: MIT */
/* See net_packets.h. */
#include "net_packets.h"

#include <string.h>

u32 get_be(const u8 *p, unsigned bytes)
{
	u32 value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | p[i];
	return value;
}

static void put_be(u8 *p, unsigned bytes, u32 value)
{
	for (unsigned i = bytes; i-- > 0; value >>= 8)
		p[i] = (u8)value;
}

/* The plain way: big-endian words, one by one. */
static u32 add(u32 sum, const u8 *data, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (u32)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static u32 pseudo(const struct packet *p, const u8 *bytes, u32 transport_len)
{
	u8 tail[4] = { 0, p->udp ? 17 : 6 };
	u32 sum = p->ipv6 ? add(0, bytes + p->ip + 8, 32) : add(0, bytes + p->ip + 12, 8);

	put_be(tail + 2, 2, transport_len);
	return add(sum, tail, sizeof(tail));
}

u8 packet_payload(u32 offset)
{
	return (u8)(offset * 7 + (offset >> 8));
}

static void make_ip(struct packet *p)
{
	u8 *ip = p->bytes + p->ip;

	if (p->ipv6) {
		ip[0] = 0x60;
		put_be(ip + 4, 2, p->len - p->ip - 40);
		ip[6] = p->udp ? 17 : 6;
		for (unsigned i = 0; i < 32; i++)
			ip[8 + i] = (u8)(i * 5 + 1);
		return;
	}
	ip[0] = 0x45;
	put_be(ip + 2, 2, p->len - p->ip);
	put_be(ip + 4, 2, 0xfffe); /* the number of the third segment wraps */
	ip[8] = 64;
	ip[9] = p->udp ? 17 : 6;
	memcpy(ip + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	put_be(ip + 10, 2, ~add(0, ip, 20) & 0xffff);
}

void packet_make(struct packet *p, const struct packet_kind *kind, const u8 *to, const u8 *from)
{
	u8 *t;

	memset(p, 0, offsetof(struct packet, bytes) + 256);
	p->ipv6 = kind->ipv6;
	p->udp = kind->udp;
	p->ip = kind->vlan ? 18 : 14;
	p->transport = p->ip + (kind->ipv6 ? 40 : 20);
	p->data = p->transport + (kind->udp ? 8 : 20 + kind->tcp_options);
	p->len = p->data + kind->payload;
	memcpy(p->bytes, to, MAC_LEN);
	memcpy(p->bytes + MAC_LEN, from, MAC_LEN);
	if (kind->vlan)
		put_be(p->bytes + 12, 4, 0x81000005);
	put_be(p->bytes + p->ip - 2, 2, kind->ipv6 ? 0x86dd : 0x0800);
	make_ip(p);
	t = p->bytes + p->transport;
	put_be(t, 4, 0x04d20050); /* ports */
	if (kind->udp) {
		put_be(t + 4, 2, p->len - p->transport);
		put_be(t + 6, 2, pseudo(p, p->bytes, p->len - p->transport));
	} else {
		put_be(t + 4, 4, 0xfffffc00); /* the sequence wraps */
		t[12] = (u8)((20 + kind->tcp_options) / 4 << 4);
		t[13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
		put_be(t + 16, 2, pseudo(p, p->bytes, p->len - p->transport));
	}
	for (u32 i = 0; i < kind->payload; i++)
		p->bytes[p->data + i] = packet_payload(i);
}

struct net_frame packet_frame(const struct packet *p)
{
	return (struct net_frame){
		.data = p->bytes,
		.len = p->len,
		.needs_csum = true,
		.csum_start = (u16)p->transport,
		.csum_offset = p->udp ? 6 : 16,
	};
}

bool packet_is_good(const struct packet *p, const u8 *bytes, u32 len)
{
	const u8 *ip = bytes + p->ip;
	u32 transport_len = len - p->transport;

	if (p->ipv6 ? get_be(ip + 4, 2) != len - p->ip - 40
		    : get_be(ip + 2, 2) != len - p->ip || add(0, ip, 20) != 0xffff)
		return false;
	return add(pseudo(p, bytes, transport_len), bytes + p->transport, transport_len) == 0xffff;
}

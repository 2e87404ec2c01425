/* SPDX-License-Identifier: MIT */
/* TCP and UDP packets for tests, and checks of what becomes of them, written apart from Firn's own. */
#ifndef FIRN_TESTS_NET_PACKETS_H
#define FIRN_TESTS_NET_PACKETS_H

#include "core/network.h"

struct packet_kind {
	bool ipv6, udp, vlan;
	u32 payload;
	u8 tcp_options; /* bytes, multiple of 4 */
};

struct packet {
	u32 ip, transport, data, len; /* offsets and length in bytes[] */
	bool ipv6, udp;
	u8 bytes[70000];
};

/* Headers and a payload that depends on the position. Its checksum field has the pseudo header's sum. */
void packet_make(struct packet *p, const struct packet_kind *kind, const u8 *to, const u8 *from);
/* As a frame whose checksum is to be done. */
struct net_frame packet_frame(const struct packet *p);
u8 packet_payload(u32 offset);

/* Are the lengths and checksums of this finished packet right? p says where its headers are. */
bool packet_is_good(const struct packet *p, const u8 *bytes, u32 len);
u32 get_be(const u8 *p, unsigned bytes);

#endif

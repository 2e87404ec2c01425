/* SPDX-License-Identifier: MIT */
/* Checks of frames, checksums, segmentation and flows in software. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev/net_offload.h"
#include "net_packets.h"

static const u8 to[MAC_LEN] = { 2, 0, 0, 0, 0, 1 }, from[MAC_LEN] = { 2, 0, 0, 0, 0, 2 };
static struct packet p;
static u8 out[NET_LARGE_MAX], header[NET_HEADERS_MAX];

static u32 join(const struct net_pieces *pieces)
{
	memcpy(out, pieces->header, pieces->header_len);
	memcpy(out + pieces->header_len, pieces->data, pieces->data_len);
	return pieces->header_len + pieces->data_len;
}

/* RFC 1071, 3: the sum of this example is ddf2. */
static void test_sum(void **state)
{
	static const u8 example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const u8 ones[65536] = { [0 ... 65535] = 0xff };
	u16 checksum = net_fold(net_sum(example, sizeof(example), 0));

	(void)state;
	assert_int_equal((u8)checksum, (u8)~0xdd);
	assert_int_equal(checksum >> 8, (u8)~0xf2);
	assert_int_equal(net_fold(net_sum(ones, sizeof(ones), 0)), 0);
	assert_int_equal(net_fold(net_sum(example, 3, 0)), (u16) ~(0x0100 + 0x00f2));
	assert_int_equal(net_fold(0), 0xffff);
}

static void test_complete(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++)
		for (u32 payload = 0; payload < 40; payload++) {
			const struct packet_kind k = { kind & 1, kind & 2, kind & 4, payload, 0 };
			struct net_pieces pieces;
			struct net_frame frame;

			packet_make(&p, &k, to, from);
			frame = packet_frame(&p);
			assert_true(net_frame_check(&frame));
			net_frame_complete(&frame, header, &pieces);
			assert_int_equal(join(&pieces), p.len);
			assert_true(packet_is_good(&p, out, p.len));
			out[p.transport + frame.csum_offset] ^= 1;
			assert_false(packet_is_good(&p, out, p.len));
		}
}

/* Word by word, as RFC 1071 defines it. */
static u16 plain_sum(const u8 *data, u32 len, u32 sum)
{
	for (u32 i = 0; i < len; i += 2) {
		sum += data[i] | (i + 1 < len ? data[i + 1] << 8 : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (u16)~sum;
}

static void test_sum_of_all_lengths(void **state)
{
	static u8 data[400];

	(void)state;
	srand(5);
	for (unsigned round = 0; round < 3; round++)
		for (u32 len = 0; len < sizeof(data) - 8; len++) {
			for (u32 i = 0; i < sizeof(data); i++)
				data[i] = round ? rand() | (round == 2 ? 0xf0 : 0) : 0xff;
			assert_int_equal(net_fold(net_sum(data + len % 8, len, 0x1234)),
					 plain_sum(data + len % 8, len, 0x1234));
			/* the carry out of 64 bits counts */
			assert_int_equal(net_fold(net_sum(data, len, ~0ull - 1)),
					 plain_sum(data, len, 0xfffe));
		}
}

/* A sum of zero is sent as ffff: zero means that there is none (RFC 768). */
static void test_no_zero_checksum(void **state)
{
	const struct packet_kind k = { .udp = true, .payload = 2 };
	struct net_pieces pieces;
	struct net_frame frame;
	u32 sum;

	(void)state;
	packet_make(&p, &k, to, from);
	frame = packet_frame(&p);
	p.bytes[p.data] = p.bytes[p.data + 1] = 0;
	sum = (u16)~net_fold(net_sum(p.bytes + p.transport, p.len - p.transport, 0));
	sum = 0xffff - sum;
	memcpy(p.bytes + p.data, &sum, 2);
	net_frame_complete(&frame, header, &pieces);
	assert_int_equal(get_be(header + p.transport + 6, 2), 0xffff);
}

static void check_segment(const struct net_frame *frame, unsigned i, u32 *offset)
{
	unsigned count = net_frame_segments(frame);
	struct net_pieces pieces;
	u32 len, data;
	u8 flags;

	net_frame_segment(frame, i, header, &pieces);
	len = join(&pieces);
	data = len - p.data;
	flags = out[p.transport + 13];
	assert_true(len <= NET_FRAME_MAX);
	assert_true(packet_is_good(&p, out, len));
	if (i + 1 < count)
		assert_int_equal(data, frame->gso_size);
	if (!p.ipv6)
		assert_int_equal(get_be(out + p.ip + 4, 2), (0xfffe + i) & 0xffff);
	assert_int_equal(get_be(out + p.transport + 4, 4), 0xfffffc00 + *offset);
	assert_int_equal(flags, 0x10 | (i == 0 ? 0x80 : 0) | (i + 1 == count ? 0x09 : 0));
	for (u32 n = 0; n < data; n++)
		assert_int_equal(out[p.data + n], packet_payload(*offset + n));
	*offset += data;
}

static void test_segments(void **state)
{
	static const u32 payload[] = { 1461, 2920, 2921, 5000, 65000 };

	(void)state;
	for (unsigned n = 0; n < ARRAY_SIZE(payload); n++)
		for (unsigned kind = 0; kind < 4; kind++) {
			const struct packet_kind k = { kind & 1, false, kind & 2, payload[n], 12 };
			struct net_frame frame;
			u32 offset = 0;

			packet_make(&p, &k, to, from);
			frame = packet_frame(&p);
			frame.gso = k.ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
			frame.gso_size = k.ipv6 ? 1428 : 1448;
			assert_true(net_frame_check(&frame));
			assert_int_equal(frame.header_len, p.data);
			for (unsigned i = 0; i < net_frame_segments(&frame); i++)
				check_segment(&frame, i, &offset);
			assert_int_equal(offset, payload[n]);
		}
}

/* Nothing to cut: only the checksum is left to do. */
static void test_small_gso(void **state)
{
	const struct packet_kind k = { .payload = 1000 };
	struct net_frame frame;

	(void)state;
	packet_make(&p, &k, to, from);
	for (unsigned i = 0; i < 2; i++) {
		frame = packet_frame(&p);
		frame.gso = NET_GSO_TCPV4;
		frame.gso_size = 1000 - i;
		assert_true(net_frame_check(&frame));
		assert_int_equal(frame.gso, i ? NET_GSO_TCPV4 : NET_GSO_NONE);
	}
}

static bool gso_is_good(void (*spoil)(struct net_frame *frame))
{
	const struct packet_kind k = { .payload = 4000 };
	struct net_frame frame;

	packet_make(&p, &k, to, from);
	frame = packet_frame(&p);
	frame.gso = NET_GSO_TCPV4;
	frame.gso_size = 1460;
	spoil(&frame);
	return net_frame_check(&frame);
}

#define SPOIL(name, statement)                            \
	static void spoil_##name(struct net_frame *frame) \
	{                                                 \
		(void)frame;                              \
		statement;                                \
	}
SPOIL(nothing, (void)0)
SPOIL(gso_type, frame->gso = 3)
SPOIL(gso_ecn, frame->gso = NET_GSO_TCPV4 | 0x80)
SPOIL(gso_other_family, frame->gso = NET_GSO_TCPV6)
SPOIL(gso_size_zero, frame->gso_size = 0)
SPOIL(gso_size_over_mtu, frame->gso_size = 1461)
SPOIL(gso_size_huge, frame->gso_size = 0xffff)
SPOIL(gso_no_csum, frame->needs_csum = false)
SPOIL(csum_offset, frame->csum_offset = 6)
SPOIL(csum_start_early, frame->csum_start -= 4)
SPOIL(csum_start_late, frame->csum_start += 4)
SPOIL(csum_start_mac, frame->csum_start = 13)
SPOIL(csum_beyond, frame->len = p.transport + 17)
SPOIL(csum_huge, frame->csum_start = frame->csum_offset = 0xffff)
SPOIL(headers_cut, frame->len = p.transport + 19)
SPOIL(tcp_offset_small, p.bytes[p.transport + 12] = 0x40)
SPOIL(tcp_offset_beyond, (p.bytes[p.transport + 12] = 0xf0, frame->len = p.transport + 59))
SPOIL(ip_version, p.bytes[p.ip] = 0x65)
SPOIL(ip_header_len, p.bytes[p.ip] = 0x46)
SPOIL(ip_protocol, p.bytes[p.ip + 9] = 17)
SPOIL(ip_fragment, p.bytes[p.ip + 6] = 0x20)
SPOIL(ether_type, p.bytes[12] = 0x09)
SPOIL(too_long, frame->len = NET_LARGE_MAX + 1)
SPOIL(too_short, frame->len = 13)

static void test_bad_gso(void **state)
{
	static void (*const bad[])(struct net_frame * frame) = {
		spoil_gso_type,		 spoil_gso_ecn,		  spoil_gso_other_family,
		spoil_gso_size_zero,	 spoil_gso_size_over_mtu, spoil_gso_size_huge,
		spoil_gso_no_csum,	 spoil_csum_offset,	  spoil_csum_start_early,
		spoil_csum_start_late,	 spoil_csum_start_mac,	  spoil_csum_beyond,
		spoil_csum_huge,	 spoil_headers_cut,	  spoil_tcp_offset_small,
		spoil_tcp_offset_beyond, spoil_ip_version,	  spoil_ip_header_len,
		spoil_ip_protocol,	 spoil_ip_fragment,	  spoil_ether_type,
		spoil_too_long,		 spoil_too_short,
	};

	(void)state;
	assert_true(gso_is_good(spoil_nothing));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (gso_is_good(bad[i]))
			fail_msg("number %u is accepted", i);
}

/* What one packet is cut into has a limit. */
static void test_many_segments(void **state)
{
	const struct packet_kind k = { .payload = 64000 };
	struct net_frame frame;

	(void)state;
	packet_make(&p, &k, to, from);
	for (u16 size = 60; size < 70; size++) {
		frame = packet_frame(&p);
		frame.gso = NET_GSO_TCPV4;
		frame.gso_size = size;
		assert_int_equal(net_frame_check(&frame),
				 DIV_ROUND_UP(64000, size) <= NET_SEGMENTS_MAX);
	}
}

static void test_lengths(void **state)
{
	struct net_frame frame = { .data = p.bytes };

	(void)state;
	for (frame.len = 0; frame.len < 2000; frame.len++)
		assert_int_equal(net_frame_check(&frame), frame.len >= 14 && frame.len <= 1518);
	frame.len = 300;
	frame.needs_csum = true;
	for (u32 end = 16; end < 400; end++) {
		frame.csum_start = (u16)(end - 2);
		assert_int_equal(net_frame_check(&frame), end <= NET_HEADERS_MAX);
	}
}

static u32 flow_of(const struct packet_kind *k)
{
	struct net_frame frame;

	packet_make(&p, k, to, from);
	frame = packet_frame(&p);
	return net_frame_flow(&frame);
}

/* Source and destination change places on the way back. */
static void swap(u8 *a, u8 *b, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		u8 c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

static void test_flows(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		const struct packet_kind k = { kind & 1, kind & 2, false, 10, 0 };
		unsigned address = k.ipv6 ? 16 : 4;
		u32 flow = flow_of(&k);
		struct net_frame frame = packet_frame(&p);
		u8 *source = p.bytes + p.ip + (k.ipv6 ? 8 : 12);

		swap(source, source + address, address);
		swap(p.bytes + p.transport, p.bytes + p.transport + 2, 2);
		assert_int_equal(net_frame_flow(&frame), flow);
		p.bytes[p.transport + 1]++;
		assert_int_not_equal(net_frame_flow(&frame), flow);
	}
}

/* Whatever is cut off, nothing behind the end is looked at: the sanitizer would see it. */
static void test_flow_of_short_frames(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		const struct packet_kind k = { kind & 1, kind & 2, kind & 4, 0, 0 };

		packet_make(&p, &k, to, from);
		for (u32 len = 14; len <= p.len; len++) {
			struct net_frame frame = { .data = malloc(len), .len = len };

			memcpy((u8 *)frame.data, p.bytes, len);
			net_frame_flow(&frame);
			frame.needs_csum = true;
			frame.csum_start = (u16)p.transport;
			frame.csum_offset = 16;
			frame.gso = k.ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
			frame.gso_size = 100;
			net_frame_check(&frame);
			free((u8 *)frame.data);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_sum_of_all_lengths),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_no_zero_checksum),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_small_gso),
		cmocka_unit_test(test_bad_gso),
		cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_flow_of_short_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

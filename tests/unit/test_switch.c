/* SPDX-License-Identifier: MIT */
/* Switches and their tables: who gets which frame, what is learned and forgotten, what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/network.h"
#include "fake.h"
#include "net/mac_table.h"
#include "net/switch.h"

#define NICS   4
#define SECOND 1000000000ull

/* An interface that counts what it gets. */
struct fake_nic {
	struct net_nic nic;
	unsigned received;
	u8 last[64];
	enum net_verdict verdict;
};

static struct fake_nic nic[NICS];
static u64 seconds;

static enum net_verdict receive(struct net_nic *n, const struct net_frame *frame)
{
	struct fake_nic *f = container_of(n, struct fake_nic, nic);

	f->received++;
	memcpy(f->last, frame->data, MIN(frame->len, (u32)sizeof(f->last)));
	return f->verdict;
}

static void make_nic(struct fake_nic *f, u8 number)
{
	*f = (struct fake_nic){
		.nic = { .vm = "vm", .mac = { 2, 0, 0, 0, 0, number }, .receive = receive }
	};
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_clock_ns(++seconds * SECOND);
	switch_register();
	for (unsigned i = 0; i < NICS; i++) {
		make_nic(&nic[i], (u8)(i + 1));
		assert_int_equal(network()->attach(&nic[i].nic, "lan"), FIRN_OK);
		memset(nic[i].nic.counter, 0, NET_NR_COUNTERS * sizeof(u64));
		network()->set_link(&nic[i].nic, true);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NICS; i++)
		if (nic[i].nic.port) {
			network()->set_link(&nic[i].nic, false);
			network()->detach(&nic[i].nic);
		}
	return 0;
}

static u32 send_bytes(unsigned from, const u8 *to, const u8 *source)
{
	u8 bytes[60] = { 0 };
	const struct net_frame frame = { .data = bytes, .len = sizeof(bytes) };

	memcpy(bytes, to, MAC_LEN);
	memcpy(bytes + MAC_LEN, source, MAC_LEN);
	for (unsigned i = 0; i < NICS; i++)
		nic[i].received = 0;
	return network()->send(&nic[from].nic, &frame);
}

/* From a station behind that interface. */
static u32 send(unsigned from, u64 to, u64 source)
{
	u8 a[MAC_LEN], b[MAC_LEN];

	for (unsigned i = 0; i < MAC_LEN; i++) {
		a[i] = (u8)(to >> (8 * (MAC_LEN - 1 - i)));
		b[i] = (u8)(source >> (8 * (MAC_LEN - 1 - i)));
	}
	return send_bytes(from, a, b);
}

#define OWN(i)	  (0x020000000001ull + (i))
#define OTHER(i)  (0x0600000000a0ull + (i))
#define BROADCAST 0xffffffffffffull
#define MULTICAST 0x01005e000001ull

/* Interface n gets a frame if bit n is set. */
static void assert_received(unsigned mask)
{
	for (unsigned i = 0; i < NICS; i++)
		assert_int_equal(nic[i].received, mask >> i & 1);
}

static u64 counter(unsigned i, enum net_counter what)
{
	return nic[i].nic.counter[what];
}

static void test_own_addresses(void **state)
{
	(void)state;
	assert_int_equal(send(0, OWN(2), OWN(0)), 60);
	assert_received(0x4);
	assert_int_equal(counter(0, NET_SENT_FRAMES), 1);
	assert_int_equal(counter(0, NET_SENT_BYTES), 60);
	assert_int_equal(counter(2, NET_RECEIVED_FRAMES), 1);
	assert_int_equal(counter(2, NET_RECEIVED_BYTES), 60);
	assert_int_equal(counter(1, NET_RECEIVED_FRAMES), 0);
}

static void test_flooding(void **state)
{
	(void)state;
	assert_int_equal(send(1, BROADCAST, OWN(1)), 180);
	assert_received(0xd);
	send(2, MULTICAST, OWN(2));
	assert_received(0xb);
	send(3, OTHER(0), OWN(3));
	assert_received(0x7);
	/* what nobody takes went nowhere */
	for (unsigned i = 0; i < NICS; i++)
		nic[i].verdict = NET_NOT_WANTED;
	assert_int_equal(send(3, OTHER(0), OWN(3)), 0);
	assert_int_equal(counter(3, NET_SENT_NOWHERE), 1);
	assert_int_equal(counter(0, NET_LOST_NO_BUFFER), 0);
}

/* A receiver with too few buffers made work too, for which the sender's budget pays. */
static void test_work_in_vain_counts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NICS; i++)
		nic[i].verdict = NET_NO_BUFFER;
	assert_int_equal(send(3, BROADCAST, OWN(3)), 180);
	assert_int_equal(send(3, OWN(0), OWN(3)), 60);
	assert_int_equal(counter(3, NET_SENT_NOWHERE), 2);
	assert_int_equal(counter(0, NET_LOST_NO_BUFFER), 2);
	assert_int_equal(counter(0, NET_RECEIVED_FRAMES), 0);
}

/* Neighbour protocols end at the switch (IEEE 802.1Q, 8.6.3). */
static void test_link_local(void **state)
{
	(void)state;
	for (u64 i = 0; i < 16; i++) {
		send(0, 0x0180c2000000ull + i, OWN(0));
		assert_received(0);
	}
	send(0, 0x0180c2000010ull, OWN(0));
	assert_received(0xe);
}

static void test_learning(void **state)
{
	(void)state;
	send(0, OTHER(2), OTHER(1));
	assert_received(0xe);
	send(1, OTHER(1), OTHER(2));
	assert_received(0x1);
	send(0, OTHER(2), OTHER(1));
	assert_received(0x2);
	/* nothing comes back to where it came from */
	send(0, OTHER(1), OTHER(3));
	assert_received(0);
	send(0, OWN(0), OTHER(3));
	assert_received(0);
	assert_int_equal(counter(0, NET_SENT_NOWHERE), 2);
	/* the station moves */
	send(3, OWN(0), OTHER(1));
	send(1, OTHER(1), OTHER(2));
	assert_received(0x8);
}

static void test_forged_sources(void **state)
{
	(void)state;
	send(0, OWN(2), OWN(1));
	assert_received(0);
	send(0, OWN(2), MULTICAST);
	assert_received(0);
	send(0, OWN(2), BROADCAST);
	assert_received(0);
	send(0, OWN(2), 0);
	assert_received(0);
	assert_int_equal(counter(0, NET_SENT_FORGED), 4);
	assert_int_equal(counter(0, NET_SENT_FRAMES), 0);
	/* and frames still go to the owner */
	send(2, OWN(1), OWN(2));
	assert_received(0x2);
}

static void test_ageing(void **state)
{
	(void)state;
	send(0, BROADCAST, OTHER(1));
	fake_set_clock_ns((seconds += MAC_TABLE_AGE - 1) * SECOND);
	send(1, OTHER(1), OWN(1));
	assert_received(0x1);
	fake_set_clock_ns((seconds += 1) * SECOND);
	send(1, OTHER(1), OWN(1));
	assert_received(0xd);
	/* own addresses stay */
	fake_set_clock_ns((seconds += 10 * MAC_TABLE_AGE) * SECOND);
	send(1, OWN(3), OWN(1));
	assert_received(0x8);
}

static void test_links(void **state)
{
	(void)state;
	send(2, BROADCAST, OTHER(1));
	network()->set_link(&nic[2].nic, false);
	send(0, OWN(2), OWN(0));
	assert_received(0);
	assert_int_equal(counter(2, NET_LOST_DOWN), 1);
	send(0, BROADCAST, OWN(0));
	assert_received(0xa);
	/* what was behind it is forgotten */
	network()->set_link(&nic[2].nic, true);
	send(0, OTHER(1), OWN(0));
	assert_received(0xe);
	nic[2].verdict = NET_NO_BUFFER;
	assert_int_equal(send(0, OWN(2), OWN(0)), 60);
	assert_int_equal(counter(2, NET_LOST_NO_BUFFER), 1);
	assert_int_equal(counter(2, NET_RECEIVED_FRAMES), 1);
}

static void test_switches_are_apart(void **state)
{
	struct network_port port;
	unsigned count = 0;

	(void)state;
	network()->set_link(&nic[3].nic, false);
	network()->detach(&nic[3].nic);
	assert_int_equal(network()->attach(&nic[3].nic, "other"), FIRN_OK);
	network()->set_link(&nic[3].nic, true);
	send(0, BROADCAST, OWN(0));
	assert_received(0x6);
	send(0, OWN(3), OWN(0));
	assert_received(0x6);
	while (network()->port(count, &port)) {
		assert_string_equal(port.network, port.nic == &nic[3].nic ? "other" : "lan");
		assert_true(port.up);
		count++;
	}
	assert_int_equal(count, NICS);
}

static void test_attach(void **state)
{
	static struct fake_nic more[256];
	struct fake_nic again;
	unsigned i;

	(void)state;
	make_nic(&again, 2);
	assert_int_equal(network()->attach(&again.nic, "lan"), ERR_EXIST);
	assert_null(again.nic.port);
	/* even where others have learned all that they may */
	for (unsigned p = 0; p < NICS; p++)
		for (u64 n = 0; n < 2 * MAC_TABLE_PER_PORT; n++)
			send(p, OWN(p), OTHER(1000 * p + n));
	for (i = 0; i < 256 - NICS; i++) {
		make_nic(&more[i], (u8)i);
		more[i].nic.mac[1] = 1;
		assert_int_equal(network()->attach(&more[i].nic, "lan"), FIRN_OK);
	}
	make_nic(&again, 99);
	assert_int_equal(network()->attach(&again.nic, "lan"), ERR_FULL);
	while (i-- > 0)
		network()->detach(&more[i].nic);
	assert_int_equal(network()->attach(&again.nic, "lan"), FIRN_OK);
	network()->detach(&again.nic);
}

/* An address that was learned becomes an interface's own. */
static void test_attach_takes_over(void **state)
{
	struct fake_nic late;

	(void)state;
	make_nic(&late, 0x77);
	send(0, BROADCAST, 0x020000000077ull);
	assert_int_equal(network()->attach(&late.nic, "lan"), FIRN_OK);
	network()->set_link(&late.nic, true);
	send(1, 0x020000000077ull, OWN(1));
	assert_int_equal(late.received, 1);
	send(0, OWN(1), 0x020000000077ull);
	assert_int_equal(counter(0, NET_SENT_FORGED), 1);
	network()->set_link(&late.nic, false);
	network()->detach(&late.nic);
}

/*
 * Tables
 */

static struct mac_table *new_table(void)
{
	struct mac_table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	return t;
}

static void test_table_limits(void **state)
{
	struct mac_table *t = new_table();
	unsigned all = 0;

	(void)state;
	for (u64 n = 1; n <= 2 * MAC_TABLE_PER_PORT; n++)
		assert_int_equal(mac_table_learn(t, n, 0, 5),
				 n <= MAC_TABLE_PER_PORT ? FIRN_OK : ERR_FULL);
	assert_int_equal(mac_table_find(t, MAC_TABLE_PER_PORT, 5), 0);
	assert_int_equal(mac_table_find(t, MAC_TABLE_PER_PORT + 1, 5), -1);
	/* a station does not move to a port that is full */
	assert_int_equal(mac_table_learn(t, 1000, 1, 5), FIRN_OK);
	assert_int_equal(mac_table_learn(t, 1000, 0, 5), ERR_FULL);
	assert_int_equal(mac_table_find(t, 1000, 5), 1);
	for (u64 n = 0; n < MAC_TABLE_ENTRIES; n++)
		all += mac_table_learn(t, 5000 + n, (unsigned)(2 + n / 32), 5) == FIRN_OK;
	assert_int_equal(all + MAC_TABLE_PER_PORT + 1, MAC_TABLE_LEARNED);
	/* old ones make room */
	assert_int_equal(mac_table_learn(t, 999999, 0, 5 + MAC_TABLE_AGE), FIRN_OK);
	assert_int_equal(t->nr_learned, 1);
	free(t);
}

/* Against a plain list. */
static void test_table_model(void **state)
{
	struct mac_table *t = new_table();
	struct {
		int port;
		u32 seen;
	} model[64] = { { 0 } };
	u32 now = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 64; i++)
		model[i].port = -1;
	for (unsigned step = 0; step < 200000; step++) {
		unsigned n = (unsigned)rand() % 64, port = (unsigned)rand() % 5;
		bool old = now - model[n].seen >= MAC_TABLE_AGE;

		switch (rand() % 8) {
		case 0:
			now += (u32)rand() % 40;
			break;
		case 1:
			mac_table_forget(t, port, false);
			for (unsigned i = 0; i < 64; i++)
				if (model[i].port == (int)port)
					model[i].port = -1;
			break;
		case 2:
		case 3:
		case 4:
			assert_int_equal(mac_table_find(t, n << 20, now), old ? -1 : model[n].port);
			break;
		default:
			assert_int_equal(mac_table_learn(t, n << 20, port, now), FIRN_OK);
			model[n].port = (int)port;
			model[n].seen = now;
		}
	}
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_own_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flooding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_work_in_vain_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_local, setup, teardown),
		cmocka_unit_test_setup_teardown(test_learning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ageing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_switches_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_takes_over, setup, teardown),
		cmocka_unit_test(test_table_limits),
		cmocka_unit_test(test_table_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

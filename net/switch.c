/* SPDX-License-Identifier: MIT */
/* Switches: which port a frame goes to. */
#include "net/switch.h"

#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/config.h"
#include "core/network.h"
#include "core/spinlock.h"
#include "net/mac_table.h"

#define MAX_PORTS (CONFIG_MAX_VMS * CONFIG_MAX_NETS)
#define TO_ALL	  (-1)
#define TO_NOBODY (-2)
/* 01-80-C2-00-00-00 to -0F are for neighbours and are not forwarded (IEEE 802.1Q, 8.6.3). */
#define LINK_LOCAL	0x0180c2000000ull
#define LINK_LOCAL_MASK (~0xfull)

_Static_assert(MAX_PORTS <= MAC_TABLE_PORTS, "the table has room for every port");

struct net_switch {
	char name[CONFIG_NAME_MAX];
	struct net_switch *next; /* the list only grows */
	struct spinlock lock;	 /* of the table */
	struct mac_table table;
	unsigned nr_ports; /* atomic; those behind it are not there yet */
	struct switch_port {
		struct net_switch *owner;
		struct net_nic *nic; /* NULL = none; there as long as the port is up */
		bool up;	     /* atomic */
		u64 counter[NET_NR_COUNTERS];
	} port[MAX_PORTS];
};

static struct net_switch *switches;

static u32 now_seconds(void)
{
	return (u32)(clock_ns() / NS_PER_S);
}

static unsigned port_number(const struct switch_port *port)
{
	return port - port->owner->port;
}

static void count(struct switch_port *port, enum net_counter what, u64 n)
{
	__atomic_fetch_add(&port->counter[what], n, __ATOMIC_RELAXED);
}

static bool is_up(const struct switch_port *port)
{
	return __atomic_load_n(&port->up, __ATOMIC_ACQUIRE);
}

/*
 * Forwarding
 */

/* Learns from the source; true = the sender may use that address. */
static bool admit(struct switch_port *from, u64 source, u32 now)
{
	return mac_table_learn(&from->owner->table, source, port_number(from), now) != ERR_EXIST;
}

static int destination(const struct mac_table *table, const u8 *mac, u32 now)
{
	u64 number = mac_number(mac);

	if (mac[0] & MAC_GROUP)
		return (number & LINK_LOCAL_MASK) == LINK_LOCAL ? TO_NOBODY : TO_ALL;
	return mac_table_find(table, number, now); /* -1 = unknown: to all */
}

/* False = forged. */
static bool look_up(struct switch_port *from, const struct net_frame *frame, int *to)
{
	struct net_switch *s = from->owner;
	const u8 *source = frame->data + MAC_LEN;
	u64 number = mac_number(source);
	u32 now = now_seconds();
	bool good;

	if ((source[0] & MAC_GROUP) || number == 0)
		return false;
	spin_lock(&s->lock);
	good = admit(from, number, now);
	*to = destination(&s->table, frame->data, now);
	spin_unlock(&s->lock);
	return good;
}

/*
 * True if the port's VM took it. *copied grows also by what was copied until the driver's buffers were
 * too few: somebody who has too few would cost the sender nothing, but the CPU as much.
 */
static bool deliver(struct switch_port *port, const struct net_frame *frame, u32 *copied)
{
	enum net_verdict verdict = NET_DOWN;

	if (is_up(port))
		verdict = port->nic->receive(port->nic, frame);
	if (verdict == NET_TAKEN || verdict == NET_NO_BUFFER)
		*copied += frame->len;
	if (verdict == NET_NO_BUFFER)
		count(port, NET_LOST_NO_BUFFER, 1);
	if (verdict != NET_TAKEN)
		return false;
	count(port, NET_RECEIVED_FRAMES, 1);
	count(port, NET_RECEIVED_BYTES, frame->len);
	return true;
}

static bool flood(struct switch_port *from, const struct net_frame *frame, u32 *copied)
{
	struct net_switch *s = from->owner;
	unsigned nr_ports = __atomic_load_n(&s->nr_ports, __ATOMIC_ACQUIRE);
	bool taken = false;

	for (unsigned i = 0; i < nr_ports; i++)
		if (&s->port[i] != from)
			taken |= deliver(&s->port[i], frame, copied);
	return taken;
}

/* What is for one station is lost while its VM is not there, and that is counted. */
static bool unicast(struct switch_port *to, const struct net_frame *frame, u32 *copied)
{
	if (!is_up(to))
		count(to, NET_LOST_DOWN, 1);
	return deliver(to, frame, copied);
}

static u32 send(struct net_nic *nic, const struct net_frame *frame)
{
	struct switch_port *from = nic->port;
	bool taken = false;
	u32 copied = 0;
	int to;

	if (!look_up(from, frame, &to)) {
		count(from, NET_SENT_FORGED, 1);
		return 0;
	}
	if (to == TO_ALL)
		taken = flood(from, frame, &copied);
	else if (to >= 0 && (unsigned)to != port_number(from))
		taken = unicast(&from->owner->port[to], frame, &copied);
	count(from, NET_SENT_FRAMES, 1);
	count(from, NET_SENT_BYTES, frame->len);
	if (!taken)
		count(from, NET_SENT_NOWHERE, 1);
	return copied;
}

/*
 * Ports
 */

static struct net_switch *find_or_make(const char *name)
{
	struct net_switch **link = &switches;

	while (*link && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	if (!*link) {
		*link = calloc(1, sizeof(**link));
		if (*link)
			strncpy((*link)->name, name, CONFIG_NAME_MAX - 1);
	}
	return *link;
}

/* One that was given back, or the next one. MAX_PORTS = none. */
static unsigned free_port(const struct net_switch *s)
{
	unsigned i = 0;

	while (i < s->nr_ports && s->port[i].nic)
		i++;
	return i;
}

static enum firn_err attach(struct net_nic *nic, const char *name)
{
	struct net_switch *s = find_or_make(name);
	unsigned i = s ? free_port(s) : 0;
	enum firn_err err;

	if (!s)
		return ERR_NOMEM;
	if (i == MAX_PORTS)
		return ERR_FULL;
	spin_lock(&s->lock);
	err = mac_table_fix(&s->table, mac_number(nic->mac), i);
	spin_unlock(&s->lock);
	if (err != FIRN_OK)
		return err;
	s->port[i].owner = s;
	s->port[i].nic = nic;
	nic->port = &s->port[i];
	nic->counter = s->port[i].counter;
	if (i == s->nr_ports)
		__atomic_store_n(&s->nr_ports, i + 1, __ATOMIC_RELEASE);
	return FIRN_OK;
}

static void detach(struct net_nic *nic)
{
	struct switch_port *port = nic->port;
	struct net_switch *s = port->owner;

	spin_lock(&s->lock);
	mac_table_forget(&s->table, port_number(port), true);
	spin_unlock(&s->lock);
	port->nic = NULL;
	nic->port = NULL;
}

static void set_link(struct net_nic *nic, bool up)
{
	struct switch_port *port = nic->port;
	struct net_switch *s = port->owner;

	__atomic_store_n(&port->up, up, __ATOMIC_RELEASE);
	if (up)
		return;
	spin_lock(&s->lock);
	mac_table_forget(&s->table, port_number(port), false);
	spin_unlock(&s->lock);
}

static void describe(const struct switch_port *port, struct network_port *info)
{
	struct net_switch *s = port->owner;

	*info = (struct network_port){ .network = s->name, .nic = port->nic, .up = is_up(port) };
	spin_lock(&s->lock);
	info->learned = s->table.learned[port_number(port)];
	spin_unlock(&s->lock);
}

static bool port_info(unsigned index, struct network_port *info)
{
	for (const struct net_switch *s = switches; s; s = s->next)
		for (unsigned i = 0; i < s->nr_ports; i++)
			if (s->port[i].nic && index-- == 0) {
				describe(&s->port[i], info);
				return true;
			}
	return false;
}

void switch_register(void)
{
	static const struct network_ops ops = {
		.attach = attach,
		.detach = detach,
		.set_link = set_link,
		.send = send,
		.port = port_info,
	};

	network_register(&ops);
}

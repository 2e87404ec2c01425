/* SPDX-License-Identifier: MIT */
/*
 * Between the network interfaces of VMs and what they are plugged into. The network registers
 * itself, since core/ knows nothing above it; without one no interface can be made.
 */
#ifndef FIRN_CORE_NETWORK_H
#define FIRN_CORE_NETWORK_H

#include "core/err.h"

#define MAC_LEN		6
#define MAC_GROUP	BIT(0) /* of the first byte: for more than one station (IEEE 802) */
#define ETH_HEADER_LEN	14
#define ETH_VLAN_LEN	4
#define ETH_TYPE_OFFSET (2 * MAC_LEN)

/* Kinds of frames that are segmented on the way; the numbers are virtio's (1.2, 5.1.6). */
enum net_gso {
	NET_GSO_NONE = 0,
	NET_GSO_TCPV4 = 1,
	NET_GSO_TCPV6 = 4,
};

/* A frame from its destination address on, without check sequence. Its fields were checked. */
struct net_frame {
	const u8 *data;
	u32 len;
	/* With needs_csum: the Internet checksum from csum_start to the end belongs at csum_start + csum_offset. */
	bool needs_csum;
	u16 csum_start, csum_offset;
	/* With gso: headers of header_len bytes and data to be cut into pieces of gso_size. */
	enum net_gso gso;
	u16 gso_size, header_len;
};

enum net_verdict {
	NET_TAKEN,
	NET_NOT_WANTED, /* for another station */
	NET_NO_BUFFER,
	NET_DOWN, /* the VM does not run, or its driver is not ready */
};

/* What is counted of an interface, seen from its VM. X(NAME, text): text is the name in JSON. */
#define NET_COUNTERS(X)                                                                    \
	X(SENT_FRAMES, "sent_frames")                                                      \
	X(SENT_BYTES, "sent_bytes")                                                        \
	X(RECEIVED_FRAMES, "received_frames")                                              \
	X(RECEIVED_BYTES, "received_bytes")                                                \
	X(SENT_MALFORMED, "sent_malformed") /* header or length impossible */              \
	X(SENT_FORGED, "sent_forged")	    /* source is another one's, or no station's */ \
	X(SENT_NOWHERE, "sent_nowhere")	    /* nobody, or only the sender, took it */      \
	X(LOST_NO_BUFFER, "lost_no_buffer") /* for this VM, which had no buffer */         \
	X(LOST_DOWN, "lost_down")	    /* for this VM, which did not run */
#define NET_COUNTER_ENUM(name, text) NET_##name,
enum net_counter {
	NET_COUNTERS(NET_COUNTER_ENUM) NET_NR_COUNTERS
};
#undef NET_COUNTER_ENUM
extern const char *const net_counter_name[NET_NR_COUNTERS];

struct net_nic {
	const char *vm;
	unsigned index; /* of the VM's interfaces */
	u8 mac[MAC_LEN];
	/* Takes a copy of the frame. Any CPU; may lock, but waits for nobody who sends. */
	enum net_verdict (*receive)(struct net_nic *nic, const struct net_frame *frame);
	/* The network's. */
	void *port;
	u64 *counter; /* NET_NR_COUNTERS of them, atomic */
};

static inline void net_count(struct net_nic *nic, enum net_counter what, u64 n)
{
	__atomic_fetch_add(&nic->counter[what], n, __ATOMIC_RELAXED);
}

/* For the network's list of ports. */
struct network_port {
	const char *network;
	const struct net_nic *nic;
	bool up;
	unsigned learned; /* addresses behind it, besides its own */
};

struct network_ops {
	/* Plugs nic into the network of that name. ERR_NOMEM, ERR_FULL, ERR_EXIST (address). Boot CPU. */
	enum firn_err (*attach)(struct net_nic *nic, const char *network);
	/* Of an interface that was never up. Boot CPU. */
	void (*detach)(struct net_nic *nic);
	/* Does it take part? Any CPU. */
	void (*set_link)(struct net_nic *nic, bool up);
	/* Returns how many bytes were copied, in vain too, for the sender's budget. Any CPU. */
	u32 (*send)(struct net_nic *nic, const struct net_frame *frame);
	/* Boot CPU; false = there is no port of that number. */
	bool (*port)(unsigned index, struct network_port *port);
};

/* Once, before VMs are made. Boot CPU. */
void network_register(const struct network_ops *ops);
/* NULL = none */
const struct network_ops *network(void);

#endif

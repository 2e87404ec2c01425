/* SPDX-License-Identifier: MIT */
/*
 * Which station is behind which port of a switch. Learned addresses are forgotten after a time and are
 * limited for each port, so that one port cannot take the room of others; fixed ones belong to their
 * port for ever. The caller locks.
 */
#ifndef FIRN_NET_MAC_TABLE_H
#define FIRN_NET_MAC_TABLE_H

#include "core/err.h"

#define MAC_TABLE_ENTRIES  1024
#define MAC_TABLE_BUCKETS  256
#define MAC_TABLE_PORTS	   256
#define MAC_TABLE_LEARNED  (MAC_TABLE_ENTRIES - MAC_TABLE_PORTS) /* each port has an own one */
#define MAC_TABLE_PER_PORT 64					 /* learned ones */
#define MAC_TABLE_AGE	   300 /* seconds; the default of IEEE 802.1Q, 8.8.3 */

struct mac_entry {
	u64 mac;
	u32 seen; /* seconds */
	u16 port;
	u16 next; /* in its bucket, or of the free ones: number + 1; 0 = none */
	bool fixed;
};

struct mac_table {
	struct mac_entry entry[MAC_TABLE_ENTRIES];
	u16 bucket[MAC_TABLE_BUCKETS]; /* number + 1 */
	u16 free, untouched; /* list of given back ones; those from here on were never used */
	u32 swept;	     /* when old ones were last looked for, seconds */
	u16 nr_learned, learned[MAC_TABLE_PORTS];
};

/* The six bytes as a number. */
u64 mac_number(const u8 *mac);

/* Zeroed memory is an empty table. ERR_EXIST: fixed already; ERR_FULL. */
enum firn_err mac_table_fix(struct mac_table *t, u64 mac, unsigned port);
/* The station was seen. ERR_EXIST: it belongs to another port; ERR_FULL: not learned. */
enum firn_err mac_table_learn(struct mac_table *t, u64 mac, unsigned port, u32 now);
/* Its port, or -1. */
int mac_table_find(const struct mac_table *t, u64 mac, u32 now);
/* Forgets what was learned from the port, with fixed what belongs to it as well. */
void mac_table_forget(struct mac_table *t, unsigned port, bool fixed);

#endif

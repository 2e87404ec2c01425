/* SPDX-License-Identifier: MIT */
/*
 * More processors than a flat logical id or one cluster can name: cluster model, x2APIC clusters
 * (SDM 3A 10.6.2.2, 10.12.10.2), bitmaps of the paravirtual IPI.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hypercall.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/pv.h"
#include "tests/guest/lib/targets.h"

#define LEAST	  20 /* ids in x2APIC cluster 1, and in five clusters of four */
#define BROADCAST 0xff
#define FIXED	  (ICR_ASSERT | VECTOR_HIT)
#define LOGICAL	  (ICR_LOGICAL | ICR_ASSERT | VECTOR_HIT)

#define CLUSTER_MODEL	 0x0fffffff
#define CLUSTERS	 15
#define IDS_IN_CLUSTER	 4
#define IDS_IN_X2CLUSTER 16
#define X2APIC_ALL	 0xffffffff

#define REMOVED 2

/* Ids first..last, as far as they are there. */
static u64 ids(unsigned first, unsigned last)
{
	u64 set = 0;

	for (unsigned id = first; id <= last && id < targets; id++)
		set |= BIT(id);
	return set;
}

static unsigned size(u64 set)
{
	unsigned count = 0;

	for (; set; set &= set - 1)
		count++;
	return count;
}

static void to_cluster(unsigned id)
{
	unsigned cluster = id / IDS_IN_CLUSTER;
	u32 ldr = cluster < CLUSTERS ? cluster << 4 | 1u << id % IDS_IN_CLUSTER : 0;

	apic_write(APIC_DFR, CLUSTER_MODEL);
	apic_write(APIC_LDR, ldr << 24);
}

static void check_lowest(const char *name, u32 dest, u64 set)
{
	u64 got;

	targets_clear();
	smp_send(dest, ICR_LOWEST | LOGICAL);
	got = targets_hit();
	check(name, size(got) == 1 && !(got & ~set), "0x%llx, expected one of 0x%llx",
	      (unsigned long long)got, (unsigned long long)set);
}

static void check_cluster_model(u64 all)
{
	targets_do(to_cluster);
	check_send("cluster model: all of cluster 4", 0x4f, LOGICAL, ids(16, 19));
	check_send("cluster model: two of cluster 1", 0x1a, LOGICAL, BIT(5) | BIT(7));
	check_send("cluster model: of the last cluster", 0xef, LOGICAL, ids(56, 59));
	check_send("cluster model: there is no cluster 15", 0xf1, LOGICAL, 0);
	check_send("cluster model: broadcast", BROADCAST, LOGICAL, all);
	check_send("cluster model: NMI", 0x46, ICR_NMI | ICR_LOGICAL | ICR_ASSERT, ids(17, 18));
	check_lowest("cluster model: lowest priority", 0x3f, ids(12, 15));
	check_send("physical: the last id", targets - 1, FIXED, BIT(targets - 1));
	check_send("physical broadcast", BROADCAST, FIXED, all);
}

static u32 logical_id[SMP_MAX];

static void read_ldr(unsigned id)
{
	logical_id[id] = apic_get(APIC_LDR);
}

static void check_x2apic_clusters(u64 all)
{
	const u32 none = (targets + IDS_IN_X2CLUSTER - 1) / IDS_IN_X2CLUSTER << 16;
	unsigned wrong = 0;

	targets_do(to_x2apic);
	targets_do(read_ldr);
	for (unsigned id = 0; id < targets; id++)
		wrong += logical_id[id] !=
			 (id / IDS_IN_X2CLUSTER << 16 | 1u << id % IDS_IN_X2CLUSTER);
	check_eq("x2APIC: logical ids follow from ids", wrong, 0);
	check_send("x2APIC: all of cluster 0", 0xffff, LOGICAL, ids(0, 15));
	check_send("x2APIC: all of cluster 1", 0x1ffff, LOGICAL, ids(16, 31));
	check_send("x2APIC: two of cluster 1", 0x1000a, LOGICAL, BIT(17) | BIT(19));
	check_send("x2APIC: the last cluster", (none - 0x10000) | 0xffff, LOGICAL,
		   ids((targets - 1) / IDS_IN_X2CLUSTER * IDS_IN_X2CLUSTER, targets));
	check_send("x2APIC: a cluster of nobody", none | 0xffff, LOGICAL, 0);
	check_send("x2APIC: NMI to a cluster", 0x1ffff, ICR_NMI | ICR_LOGICAL | ICR_ASSERT,
		   ids(16, 31));
	check_lowest("x2APIC: lowest priority in a cluster", 0x1000f, ids(16, 19));
	check_send("x2APIC: the last id", targets - 1, FIXED, BIT(targets - 1));
	check_send("x2APIC: the id after it", targets, FIXED, 0);
	check_send("x2APIC: broadcast", X2APIC_ALL, FIXED, all);
	check_send("x2APIC: all but self", 0, ICR_ALL_BUT_SELF | FIXED, all & ~1ull);
}

static void check_bitmap(const char *what, u64 low, u64 high, u64 first, u64 wants)
{
	char name[80];
	u64 result;

	targets_clear();
	result = hypercall4(HC_SEND_IPI, low, high, first, VECTOR_HIT);
	guest_snprintf(name, sizeof(name), "SEND_IPI: %s", what);
	check_eq(name, targets_hit(), wants);
	guest_snprintf(name, sizeof(name), "SEND_IPI: %s: counted", what);
	check_eq(name, result, size(wants));
}

static void check_bitmaps(u64 all)
{
	unsigned last = targets - 1;

	check_bitmap("id 0", 1, 0, 0, BIT(0));
	check_bitmap("the last id", BIT(last), 0, 0, BIT(last));
	check_bitmap("the last id, counted from itself", 1, 0, last, BIT(last));
	check_bitmap("bits behind the last id", ~0ull, ~0ull, last, BIT(last));
	check_bitmap("bit 63", BIT(63), 0, 0, all & BIT(63));
	check_bitmap("ids 64 and 127", 0, BIT(0) | BIT(63), 0, 0);
	check_bitmap("all", ~0ull, ~0ull, 0, all);
	check_bitmap("first id behind all", ~0ull, ~0ull, targets, 0);
}

GUEST_TEST(clusters)
{
	unsigned count = smp_count(LEAST);
	u64 all;

	if (!count)
		return;
	apic_init();
	if (!targets_start(count))
		return;
	all = ids(0, SMP_MAX);
	check_cluster_model(all);
	check_x2apic_clusters(all);
	if (!check("SEND_IPI is offered", pv_offers(PV_SEND_IPI), "no"))
		return;
	check_bitmaps(all);
	target_remove(REMOVED);
	all &= ~BIT(REMOVED);
	check_bitmap("with a hole", ~0ull, 0, 0, all);
	check_send("x2APIC: broadcast with a hole", X2APIC_ALL, FIXED, all);
	check_send("x2APIC: to the hole", REMOVED, FIXED, 0);
}

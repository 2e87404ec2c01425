/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between four processors: every way to address them and what must reach nobody, in
 * xAPIC and x2APIC mode (SDM 3A 10.6, 10.12). INIT and SIPI: test_init.c.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/targets.h"

#define CPUS	  4
#define ALL	  0xfull
#define OTHERS	  0xeull
#define SELF	  0x1ull
#define NOBODY	  0x20
#define BROADCAST 0xff

#define FIXED	      (ICR_ASSERT | VECTOR_HIT)
#define LOGICAL	      (ICR_LOGICAL | ICR_ASSERT | VECTOR_HIT)
#define LOWEST	      (ICR_LOWEST | LOGICAL)
#define MODE_RESERVED (3u << ICR_DELIVERY_SHIFT)
#define MODE_SMI      (2u << ICR_DELIVERY_SHIFT)
#define MODE_EXTINT   (7u << ICR_DELIVERY_SHIFT)
#define ICR_RESERVED  0xfff32000u /* bits 31:20, 17, 16, 13 */
#define LEAST_VECTOR  16
#define VECTOR_ERROR  0xa1
#define CLUSTER_MODEL 0x0fffffff
#define X2APIC_ALL    0xffffffff

struct row {
	const char *name;
	u32 dest, icr;
	u64 wants;
};

static void check_rows(const char *mode, const struct row *rows, unsigned count)
{
	char name[80];

	for (unsigned i = 0; i < count; i++) {
		guest_snprintf(name, sizeof(name), "%s: %s", mode, rows[i].name);
		check_send(name, rows[i].dest, rows[i].icr, rows[i].wants);
	}
}
#define CHECK_ROWS(mode, rows) check_rows(mode, rows, ARRAY_SIZE(rows))

/* What both modes have in common; logical ids are bits. */
static void check_addressing(const char *mode)
{
	static const struct row rows[] = {
		{ "physical", 2, FIXED, BIT(2) },
		{ "physical, itself", 0, FIXED, SELF },
		{ "physical, nobody", NOBODY, FIXED, 0 },
		{ "logical, one bit", 0x04, LOGICAL, BIT(2) },
		{ "logical, two bits", 0x0a, LOGICAL, 0xa },
		{ "logical, a bit that nobody has", 0x40, LOGICAL, 0 },
		{ "logical, one bit of several is somebody's", 0x48, LOGICAL, BIT(3) },
		{ "logical, no bit", 0, LOGICAL, 0 },
		{ "shorthand self", NOBODY, ICR_SELF | FIXED, SELF },
		{ "shorthand all", NOBODY, ICR_ALL | FIXED, ALL },
		{ "shorthand all but self", NOBODY, ICR_ALL_BUT_SELF | FIXED, OTHERS },
		{ "NMI, physical", 3, ICR_NMI | ICR_ASSERT, BIT(3) },
		{ "NMI, itself", 0, ICR_NMI | ICR_ASSERT, SELF },
		{ "NMI, logical", 0x06, ICR_NMI | ICR_LOGICAL | ICR_ASSERT, 0x6 },
		{ "NMI, all but self", 0, ICR_NMI | ICR_ALL_BUT_SELF | ICR_ASSERT, OTHERS },
		{ "NMI, nobody", NOBODY, ICR_NMI | ICR_ASSERT, 0 },
		{ "reserved delivery mode", 2, MODE_RESERVED | FIXED, 0 },
		{ "SMI", 2, MODE_SMI | FIXED, 0 },
		{ "ExtINT", 2, MODE_EXTINT | FIXED, 0 },
		{ "ExtINT, all but self", 2, MODE_EXTINT | ICR_ALL_BUT_SELF | FIXED, 0 },
	};

	CHECK_ROWS(mode, rows);
}

static void check_flat(void)
{
	static const struct row rows[] = {
		{ "physical broadcast", BROADCAST, FIXED, ALL },
		{ "logical broadcast", BROADCAST, LOGICAL, ALL },
		{ "NMI, physical broadcast", BROADCAST, ICR_NMI | ICR_ASSERT, ALL },
	};

	targets_do(to_flat);
	check_addressing("flat");
	CHECK_ROWS("flat", rows);
}

static void no_logical_id(unsigned id)
{
	apic_write(APIC_LDR, id == 2 ? 0 : BIT(24 + id));
}

/* Processors 0 and 1 in cluster 0, 2 and 3 in cluster 1. */
static void to_cluster(unsigned id)
{
	apic_write(APIC_DFR, CLUSTER_MODEL);
	apic_write(APIC_LDR, id / 2 << 28 | 1u << (24 + id % 2));
}

static void to_mixed_models(unsigned id)
{
	apic_write(APIC_DFR, id < 2 ? FLAT_MODEL : CLUSTER_MODEL);
}

static void check_logical_models(void)
{
	static const struct row cluster[] = {
		{ "one processor", 0x12, LOGICAL, BIT(3) },
		{ "two of a cluster", 0x13, LOGICAL, 0xc },
		{ "all bits of a cluster", 0x0f, LOGICAL, 0x3 },
		{ "no bit of a cluster", 0x10, LOGICAL, 0 },
		{ "bits that nobody has", 0x1c, LOGICAL, 0 },
		{ "another cluster", 0x21, LOGICAL, 0 },
		{ "broadcast", BROADCAST, LOGICAL, ALL },
		{ "lowest priority in a cluster of one bit", 0x11, LOWEST, BIT(2) },
		{ "NMI", 0x13, ICR_NMI | ICR_LOGICAL | ICR_ASSERT, 0xc },
	};

	targets_do(no_logical_id);
	check_send("LDR 0: all bits but the broadcast", 0x7f, LOGICAL, 0xb);
	check_send("LDR 0: physical all the same", 2, FIXED, BIT(2));
	targets_do(to_cluster);
	CHECK_ROWS("cluster", cluster);
	/* LDRs are 1 and 2 of the flat, 0x11 and 0x12 of the cluster model. */
	targets_do(to_mixed_models);
	check_send("a model of its own on each processor", 0x11, LOGICAL, 0x5);
	targets_do(to_flat);
}

static void check_taker(const char *mode, const char *what, u32 dest, u32 icr, u64 set)
{
	char name[80];
	u64 got;

	guest_snprintf(name, sizeof(name), "%s: lowest priority: %s", mode, what);
	targets_clear();
	smp_send(dest, icr);
	got = targets_hit();
	check(name, got && !(got & (got - 1)) && !(got & ~set), "0x%llx, expected one of 0x%llx",
	      (unsigned long long)got, (unsigned long long)set);
}

/* Logical ids are bits. The TPRs are below the class of VECTOR_JOB. */
static void check_lowest_priority(const char *mode)
{
	const u32 others = ICR_LOWEST | ICR_ALL_BUT_SELF | FIXED;

	set_tprs(0x20, 0x10, 0x00, 0x20);
	check_taker(mode, "the lowest TPR of all", 0x0f, LOWEST, BIT(2));
	check_taker(mode, "the lowest of those addressed", 0x0b, LOWEST, BIT(1));
	check_taker(mode, "one that is addressed alone", 0x08, LOWEST, BIT(3));
	check_taker(mode, "all but self", NOBODY, others, BIT(2));
	set_tprs(0x00, 0x10, 0x20, 0x20);
	check_taker(mode, "all but self, though its own is lower", NOBODY, others, BIT(1));
	check_taker(mode, "the sender itself", 0x0f, LOWEST, SELF);
	set_tprs(0x20, 0x20, 0x20, 0x10);
	check_taker(mode, "lowered by CR8", 0x0f, LOWEST, BIT(3));
	set_tprs(0x20, 0x10, 0x10, 0x20);
	check_taker(mode, "one of two that are equal", 0x0f, LOWEST, 0x6);
	set_tprs(0, 0, 0, 0);
	check_taker(mode, "one of four that are equal", 0x0f, LOWEST, ALL);
	check_send("lowest priority: nobody", NOBODY << 1, LOWEST, 0);
}

/* The TPR holds a fixed interrupt back, and it is not lost. */
static void check_held_back(void)
{
	set_tprs(0, TPR_HOLDS_WEAK, 0, 0);
	targets_clear();
	smp_send(0x3, ICR_LOGICAL | ICR_ASSERT | VECTOR_WEAK);
	check_eq("TPR: who lets it through takes it", targets_hit(), SELF);
	set_tprs(0, 0, 0, 0);
	check("TPR: the other one when its TPR falls",
	      wait_count(&target[1].hits, 1, late_ticks() * 100), "no interrupt");
	check_send("IPIs with the level bit", 0x2, LOGICAL | ICR_LEVEL, BIT(1));
	check_eq("are edges", target[1].level, 0);
}

static volatile unsigned error_interrupts;

static void error_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	error_interrupts++;
	apic_put(APIC_EOI, 0);
}

static u32 read_esr(void)
{
	apic_put(APIC_ESR, 0);
	return apic_get(APIC_ESR);
}

static void check_vector(const char *mode, const char *what, u32 icr, bool error)
{
	char name[80];
	u64 got;

	read_esr();
	targets_clear();
	error_interrupts = 0;
	smp_send(3, icr);
	got = targets_hit();
	guest_snprintf(name, sizeof(name), "%s: %s: reaches nobody", mode, what);
	check_eq(name, got, 0);
	guest_snprintf(name, sizeof(name), "%s: %s: %s", mode, what,
		       error ? "is an error" : "is no error");
	check(name, error_interrupts == error && !(read_esr() & ESR_SEND_ILLEGAL_VECTOR) == !error,
	      "%u error interrupts", error_interrupts);
}

static void check_vectors(const char *mode)
{
	set_handler(VECTOR_ERROR, error_interrupt);
	apic_put(APIC_LVT_ERROR, VECTOR_ERROR);
	check_vector(mode, "vector 15", ICR_ASSERT | (LEAST_VECTOR - 1), true);
	check_vector(mode, "vector 0 to all but self", ICR_ALL_BUT_SELF | ICR_ASSERT, true);
	check_vector(mode, "vector 1 to itself", ICR_SELF | ICR_ASSERT | 1, true);
	check_vector(mode, "lowest priority, vector 7", ICR_LOWEST | ICR_ASSERT | 7, true);
	check_vector(mode, "SMI, vector 0", MODE_SMI | ICR_ASSERT, false);
	check_vector(mode, "INIT de-assert, vector 0", ICR_INIT | ICR_LEVEL, false);
	apic_put(APIC_LVT_ERROR, LVT_MASKED);
}

static void check_reserved_bits(void)
{
	u32 icr;

	targets_clear();
	smp_send(3, FIXED | ICR_RESERVED | ICR_PENDING);
	icr = apic_read(APIC_ICR_LOW);
	check_eq("ICR: reserved bits do not matter", targets_hit(), BIT(3));
	check_eq("ICR: and read 0", icr, FIXED);
	apic_write(APIC_ICR_HIGH, 0x02ffffff);
	check_eq("ICR high: the destination only", apic_read(APIC_ICR_HIGH), 0x02000000);
	targets_clear();
	apic_write(APIC_ICR_LOW, FIXED);
	check_eq("ICR high: stays for the next message", targets_hit(), BIT(2));
}

static void check_x2apic_icr(void)
{
	char name[40];

	for (unsigned bit = 13; bit < 32; bit++) {
		if (!(ICR_RESERVED >> bit & 1))
			continue;
		guest_snprintf(name, sizeof(name), "x2APIC: ICR bit %u", bit);
		check_wrmsr_gp(name, X2APIC_ICR, 2ull << 32 | BIT(bit) | FIXED);
	}
	targets_clear();
	wrmsr(X2APIC_ICR, 0x12345678ull << 32 | FIXED);
	check_rdmsr("x2APIC: the ICR has 64 bits", X2APIC_ICR, 0x12345678ull << 32 | FIXED);
	check_eq("x2APIC: nobody has such an id", targets_hit(), 0);
	targets_clear();
	wrmsr(X2APIC_MSR(APIC_SELF_IPI), VECTOR_HIT);
	check_eq("x2APIC: SELF IPI", targets_hit(), SELF);
	read_esr();
	wrmsr(X2APIC_MSR(APIC_SELF_IPI), LEAST_VECTOR - 1);
	check_eq("x2APIC: SELF IPI with vector 15 is an error",
		 read_esr() & ESR_SEND_ILLEGAL_VECTOR, ESR_SEND_ILLEGAL_VECTOR);
}

static void check_x2apic(void)
{
	static const struct row rows[] = {
		{ "physical broadcast", X2APIC_ALL, FIXED, ALL },
		{ "logical broadcast", X2APIC_ALL, LOGICAL, ALL },
		{ "NMI, physical broadcast", X2APIC_ALL, ICR_NMI | ICR_ASSERT, ALL },
		{ "xAPIC's broadcast is an id", BROADCAST, FIXED, 0 },
		{ "ids have 32 bits", 0x102, FIXED, 0 },
		{ "all of cluster 0", 0xffff, LOGICAL, ALL },
		{ "another cluster", 0x1000f, LOGICAL, 0 },
		{ "the highest cluster", 0xffff000f, LOGICAL, 0 },
	};

	targets_do(to_x2apic);
	check_addressing("x2APIC");
	CHECK_ROWS("x2APIC", rows);
	check_lowest_priority("x2APIC");
	check_vectors("x2APIC");
	check_x2apic_icr();
}

static void to_mixed_modes(unsigned id)
{
	if (id < 2)
		to_xapic(id);
	else
		to_x2apic(id);
}

static u32 sender, sent_dest, sent_icr;

static void send_as_job(unsigned id)
{
	if (id == sender)
		smp_send(sent_dest, sent_icr);
}

static void check_send_from(const char *name, unsigned id, u32 dest, u32 icr, u64 wants)
{
	targets_clear();
	sender = id;
	sent_dest = dest;
	sent_icr = icr;
	targets_do(send_as_job);
	check_eq(name, targets_hit(), wants);
}

/* As while an operating system switches one processor after the other. */
static void check_mixed_modes(void)
{
	targets_do(to_mixed_modes);
	check_send("mixed modes: xAPIC to x2APIC", 3, FIXED, BIT(3));
	check_send("mixed modes: xAPIC, all but self", 0, ICR_ALL_BUT_SELF | FIXED, OTHERS);
	check_send_from("mixed modes: x2APIC to xAPIC", 2, 1, FIXED, BIT(1));
	check_send_from("mixed modes: x2APIC, all but self", 2, 0, ICR_ALL_BUT_SELF | FIXED, 0xb);
	check_send_from("mixed modes: x2APIC, broadcast", 3, X2APIC_ALL, FIXED, ALL);
	targets_do(to_xapic);
	targets_do(to_flat);
	check_send("xAPIC again", 0x0f, LOGICAL, ALL);
}

GUEST_TEST(ipi)
{
	if (!smp_count(CPUS))
		return;
	apic_init();
	if (!targets_start(CPUS))
		return;
	check_flat();
	check_logical_models();
	check_lowest_priority("flat");
	check_held_back();
	check_vectors("xAPIC");
	check_reserved_bits();
	check_x2apic();
	check_mixed_modes();
}

/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of devices to four processors: redirection entries of the IOAPIC and messages (MSI),
 * with every destination and delivery mode (82093AA 3.2.4, SDM 3A 10.11).
 */
#include "arch/x86/msi.h"
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/targets.h"
#include "tests/guest/lib/uart.h"
#include "tests/guest/lib/virtio.h"

#define CPUS	  4
#define ALL	  0xfull
#define LAST	  3
#define NOBODY	  0x20
#define BROADCAST 0xff

#define DEVICE_RNG    0x1044
#define QUEUE_VECTOR  1
#define ENTRY_MASK    1
#define VECTOR_CONFIG 0x41
#define MSI_IGNORED   0xff0u
#define LEAST_VECTOR  16

#define MODE(mode) ((u32)DELIVERY_##mode << RTE_DELIVERY_SHIFT)
#define RESERVED   (3u << RTE_DELIVERY_SHIFT)

/* Low: vector, delivery mode and RTE_LOGICAL, as in a redirection entry. */
struct source {
	const char *name;
	void (*send)(u8 dest, u32 low);
};

static void send_by_ioapic(u8 dest, u32 low)
{
	uart_quiet();
	ioapic_put_pin(UART_PIN, (u64)dest << RTE_DEST_SHIFT | low);
	uart_raise();
	uart_quiet();
	ioapic_put_pin(UART_PIN, RTE_MASKED);
}

static struct virtio_guest rng;
static struct virtio_ring ring;
static u8 bytes[16];

/* The device asks for its interrupt while the vector is masked; the message leaves when it no more is. */
static void send_message(u32 high, u32 address, u32 data)
{
	volatile u32 *entry = rng.msix + 4 * QUEUE_VECTOR;
	u64 start;

	entry[3] = ENTRY_MASK;
	ring.desc[0] = (struct virtio_desc){ (u64)bytes, sizeof(bytes), DESC_WRITE, 0 };
	virtio_offer(&rng, 0);
	virtio_wait_used(&rng);
	start = rdtsc();
	while (!(virtio_pending(&rng) & BIT(QUEUE_VECTOR)) && rdtsc() - start < 100 * late_ticks())
		cpu_relax();
	entry[0] = address;
	entry[1] = high;
	entry[2] = data;
	entry[3] = 0;
	entry[3] = ENTRY_MASK;
}

static void send_by_msi(u8 dest, u32 low)
{
	send_message(0,
		     (u32)MSI_ADDRESS_BASE | (u32)dest << MSI_DEST_SHIFT |
			     (low & RTE_LOGICAL ? MSI_LOGICAL : 0),
		     low & ~(u32)RTE_LOGICAL);
}

static bool is_nmi(u32 low)
{
	return (low >> RTE_DELIVERY_SHIFT & RTE_DELIVERY_MASK) == DELIVERY_NMI;
}

static void check_taken(const struct source *s, const char *what, u8 dest, u32 low, u64 wants)
{
	char name[80];

	guest_snprintf(name, sizeof(name), "%s: %s", s->name, what);
	targets_clear();
	s->send(dest, low);
	check_eq(name, is_nmi(low) ? targets_nmi() : targets_hit(), wants);
}

/* Logical ids are bits. */
static void check_destinations(const struct source *s)
{
	static const struct {
		const char *name;
		u8 dest;
		u32 low;
		u64 wants;
	} rows[] = {
		{ "physical", 3, VECTOR_HIT, BIT(3) },
		{ "physical, nobody", NOBODY, VECTOR_HIT, 0 },
		{ "physical broadcast", BROADCAST, VECTOR_HIT, ALL },
		{ "logical, two", 0x06, RTE_LOGICAL | VECTOR_HIT, 0x6 },
		{ "logical, nobody", 0xc0, RTE_LOGICAL | VECTOR_HIT, 0 },
		{ "logical broadcast", BROADCAST, RTE_LOGICAL | VECTOR_HIT, ALL },
		{ "NMI, physical", 2, MODE(NMI), BIT(2) },
		{ "NMI, logical", 0x0a, MODE(NMI) | RTE_LOGICAL | VECTOR_HIT, 0xa },
		{ "NMI, broadcast", BROADCAST, MODE(NMI), ALL },
		{ "SMI", 1, MODE(SMI), 0 },
		{ "ExtINT", 1, MODE(EXTINT) | VECTOR_HIT, 0 },
		{ "reserved delivery mode", 1, RESERVED | VECTOR_HIT, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		check_taken(s, rows[i].name, rows[i].dest, rows[i].low, rows[i].wants);
}

static void check_lowest_priority(const struct source *s)
{
	const u32 logical = MODE(LOWEST) | RTE_LOGICAL | VECTOR_HIT;

	set_tprs(0x20, 0x10, 0x00, 0x20);
	check_taken(s, "lowest priority of all", 0x0f, logical, BIT(2));
	check_taken(s, "lowest priority of two", 0x0a, logical, BIT(1));
	check_taken(s, "lowest priority, broadcast", BROADCAST, MODE(LOWEST) | VECTOR_HIT, BIT(2));
	check_taken(s, "lowest priority, physical", 3, MODE(LOWEST) | VECTOR_HIT, BIT(3));
	check_taken(s, "lowest priority, nobody", 0xc0, logical, 0);
	set_tprs(0x10, 0x10, 0x10, 0x00);
	check_taken(s, "lowest priority, lowered by CR8", 0x0f, logical, BIT(3));
	set_tprs(0, 0, 0, 0);
}

static volatile u32 esr[CPUS];

static void read_esr(unsigned id)
{
	apic_put(APIC_ESR, 0);
	esr[id] = apic_get(APIC_ESR);
}

/* INIT, and what looks like a SIPI: the last processor waits for one that is. */
static void check_events(const struct source *s)
{
	char name[80];

	targets_do(read_esr);
	check_taken(s, "vector 15 reaches nobody", 2, LEAST_VECTOR - 1, 0);
	targets_do(read_esr);
	guest_snprintf(name, sizeof(name), "%s: vector 15 is an error of its receiver", s->name);
	check(name, esr[2] == ESR_RECEIVE_ILLEGAL_VECTOR && !esr[0], "0x%x, sender 0x%x", esr[2],
	      esr[0]);
	targets_clear();
	s->send(LAST, MODE(INIT));
	s->send(LAST, MODE(SIPI) | SMP_TRAMPOLINE >> 12);
	guest_snprintf(name, sizeof(name), "%s: no start-up", s->name);
	check_eq(name, targets_started(0), 0);
	smp_send_sipi(LAST);
	guest_snprintf(name, sizeof(name), "%s: INIT", s->name);
	check_eq(name, targets_started(BIT(LAST)), BIT(LAST));
}

static void check_x2apic(const struct source *s)
{
	check_taken(s, "x2APIC: physical", 3, VECTOR_HIT, BIT(3));
	check_taken(s, "x2APIC: logical, in cluster 0", 0x06, RTE_LOGICAL | VECTOR_HIT, 0x6);
	check_taken(s, "x2APIC: broadcast has 8 bits", BROADCAST, VECTOR_HIT, ALL);
	set_tprs(0x10, 0x20, 0x00, 0x20);
	check_taken(s, "x2APIC: lowest priority", 0x0f, MODE(LOWEST) | RTE_LOGICAL | VECTOR_HIT,
		    BIT(2));
	set_tprs(0, 0, 0, 0);
}

static void put_level(u8 dest, u32 low)
{
	ioapic_put_pin(UART_PIN, (u64)dest << RTE_DEST_SHIFT | RTE_LEVEL | low);
}

static bool remote_irr(void)
{
	return ioapic_get_pin(UART_PIN) & RTE_REMOTE_IRR;
}

/* The line is lowered by who takes it first, before its EOI. */
static void check_level(void)
{
	uart_quiet();
	on_hit = uart_quiet;
	targets_clear();
	put_level(0x06, RTE_LOGICAL | VECTOR_HIT);
	uart_raise();
	check_eq("level: both of two", targets_hit(), 0x6);
	check("level: as level-triggered", target[1].level == 1 && target[2].level == 1, "%u, %u",
	      target[1].level, target[2].level);
	check_eq("level: no remote IRR after their EOIs", remote_irr(), 0);

	set_tprs(0x10, 0x10, 0x10, 0x00);
	targets_clear();
	put_level(0x0f, RTE_LOGICAL | MODE(LOWEST) | VECTOR_HIT);
	uart_raise();
	check_eq("level: lowest priority", targets_hit(), BIT(3));
	check_eq("level: nor then", remote_irr(), 0);
	set_tprs(0, 0, 0, 0);

	targets_clear();
	put_level(0xc0, RTE_LOGICAL | VECTOR_HIT);
	uart_raise();
	check("level: nobody, and no remote IRR", targets_hit() == 0 && !remote_irr(), "0x%llx",
	      (unsigned long long)ioapic_get_pin(UART_PIN));
	put_level(2, VECTOR_HIT);
	check_eq("level: to somebody, the line still high", targets_hit(), BIT(2));
	on_hit = NULL;
	ioapic_put_pin(UART_PIN, RTE_MASKED);
}

static void check_message(const char *name, u32 high, u32 address, u32 data, u64 wants)
{
	targets_clear();
	send_message(high, address, data);
	check_eq(name, targets_hit(), wants);
}

static void check_message_bits(void)
{
	const u32 to_all = (u32)MSI_ADDRESS_BASE | 0x0f << MSI_DEST_SHIFT | MSI_LOGICAL,
		  to_2 = (u32)MSI_ADDRESS_BASE | 2 << MSI_DEST_SHIFT;

	check_message("MSI: reserved bits of the address", 0, to_2 | MSI_IGNORED, VECTOR_HIT,
		      BIT(2));
	check_message("MSI: above 4 GiB is no message", 1, to_2, VECTOR_HIT, 0);
	check_message("MSI: physical, with the hint", 0, to_2 | MSI_REDIRECTION, VECTOR_HIT,
		      BIT(2));
	set_tprs(0x20, 0x00, 0x10, 0x20);
	check_message("MSI: logical, the hint lets one take it", 0, to_all | MSI_REDIRECTION,
		      VECTOR_HIT, BIT(1));
	check_message("MSI: logical, without it all", 0, to_all, VECTOR_HIT, ALL);
	set_tprs(0, 0, 0, 0);
	check_message("MSI: level assert", 0, to_2, MSI_LEVEL | MSI_ASSERT | VECTOR_HIT, BIT(2));
	check_eq("MSI: is level-triggered", target[2].level, 1);
	check_message("MSI: level de-assert", 0, to_2, MSI_LEVEL | VECTOR_HIT, 0);
	check_message("MSI: edges have no de-assert", 0, to_2, MSI_ASSERT | VECTOR_HIT, BIT(2));
	check_eq("MSI: and are edges", target[2].level, 0);
}

GUEST_TEST(routing)
{
	static const struct source sources[] = { { "IOAPIC", send_by_ioapic },
						 { "MSI", send_by_msi } };

	if (!smp_count(CPUS))
		return;
	apic_init();
	outb(COM1 + UART_MCR, MCR_OUT2);
	if (!targets_start(CPUS) ||
	    !check("rng: there", virtio_find(&rng, SLOT_RNG, DEVICE_RNG), "not found"))
		return;
	virtio_start(&rng, &ring, VECTOR_CONFIG, VECTOR_HIT);
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
		targets_do(to_flat);
		check_destinations(&sources[i]);
		check_lowest_priority(&sources[i]);
		check_events(&sources[i]);
	}
	targets_do(to_flat);
	check_level();
	check_message_bits();
	targets_do(to_x2apic);
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++)
		check_x2apic(&sources[i]);
	rng.common->status = 0;
}

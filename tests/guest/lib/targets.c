/* SPDX-License-Identifier: MIT */
/* See targets.h. */
#include "tests/guest/lib/targets.h"

#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hotplug.h"
#include "tests/guest/lib/hypercall.h"
#include "tests/guest/lib/pv.h"

#define PATIENCE (10000 * guest_tsc_khz()) /* others may have the CPU meanwhile */

#define FLAT_IDS 8

struct target target[SMP_MAX];
unsigned targets, targets_hole;
void (*volatile on_hit)(void);

static void (*volatile job)(unsigned id);
static unsigned jobs;

static struct target *me(void)
{
	return &target[smp_id() % SMP_MAX];
}

static void hit(struct interrupt_frame *frame)
{
	u8 vector = (u8)frame->vector;
	struct target *t = me();

	if (apic_get(APIC_TMR + vector / 32 * 16) >> vector % 32 & 1)
		t->level++;
	t->hits++;
	if (on_hit)
		on_hit();
	apic_put(APIC_EOI, 0);
}

static void nmi(struct interrupt_frame *frame)
{
	(void)frame;
	me()->nmis++;
}

/* Ended first: the job may leave the mode in which it came. */
static void do_job(struct interrupt_frame *frame)
{
	unsigned id = smp_id();

	(void)frame;
	apic_put(APIC_EOI, 0);
	if (job)
		job(id);
	target[id].done = jobs;
}

void target_main(void)
{
	apic_put(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS);
	__atomic_fetch_add(&me()->starts, 1, __ATOMIC_SEQ_CST);
	for (;;)
		irq_wait();
}

static bool takes_part(unsigned id)
{
	return id == 0 || id != targets_hole;
}

static bool round(void (*fn)(unsigned id))
{
	bool ok = true;

	job = fn;
	__atomic_fetch_add(&jobs, 1, __ATOMIC_SEQ_CST);
	for (unsigned id = 0; id < targets; id++)
		if (takes_part(id))
			smp_send(id, ICR_ASSERT | VECTOR_JOB);
	for (unsigned id = 0; id < targets; id++)
		if (takes_part(id))
			ok &= wait_count(&target[id].done, jobs, PATIENCE);
	return ok;
}

/* Twice: an NMI goes another way than interrupts, and may come just after one that was sent just after it. */
bool targets_do(void (*fn)(unsigned id))
{
	return round(NULL) && round(fn);
}

bool targets_start(unsigned count)
{
	bool ok = true;

	targets = count;
	set_handler(VECTOR_HIT, hit);
	set_handler(VECTOR_WEAK, hit);
	set_handler(VECTOR_JOB, do_job);
	set_handler(VECTOR_NMI, nmi);
	smp_prepare(target_main);
	for (unsigned id = 1; id < count; id++)
		smp_start(id);
	for (unsigned id = 1; id < count; id++)
		ok &= wait_count(&target[id].starts, 1, PATIENCE);
	return check("all processors are there", ok, "of %u", count);
}

void targets_clear(void)
{
	for (unsigned id = 0; id < SMP_MAX; id++) {
		struct target *t = &target[id];

		t->starts = t->hits = t->level = t->nmis = 0;
	}
}

void targets_wait_disabled(u64 who)
{
	u64 start = rdtsc();

	while (hypercall4(HC_SEND_IPI, who, 0, 0, VECTOR_JOB) && rdtsc() - start < PATIENCE)
		cpu_relax();
}

void target_remove(unsigned id)
{
	smp_send(id, ICR_INIT | ICR_ASSERT);
	targets_wait_disabled(BIT(id));
	outl(HOTPLUG_SELECTOR, id);
	outb(HOTPLUG_CONTROL, HOTPLUG_EJECT);
	targets_hole = id;
}

/* first: a counter of processor 0. */
static u64 collect(const volatile unsigned *first)
{
	u64 set = 0;

	for (unsigned id = 0; id < SMP_MAX; id++) {
		const volatile char *at = (const volatile char *)first + id * sizeof(target[0]);
		unsigned count = *(const volatile unsigned *)at;

		set |= count ? BIT(id) : 0;
		if (count > 1)
			check("one message is one interrupt", false, "%u: %u", id, count);
	}
	return set;
}

u64 targets_hit(void)
{
	return targets_do(NULL) ? collect(&target[0].hits) : ~0ull;
}

u64 targets_nmi(void)
{
	return targets_do(NULL) ? collect(&target[0].nmis) : ~0ull;
}

u64 targets_started(u64 wants)
{
	for (unsigned id = 0; id < targets; id++)
		if (wants >> id & 1)
			wait_count(&target[id].starts, 1, PATIENCE);
	spin_ticks(2 * late_ticks());
	return collect(&target[0].starts);
}

static bool is_nmi(u32 icr)
{
	return (icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK) == DELIVERY_NMI;
}

bool check_send(const char *name, u32 dest, u32 icr, u64 wants)
{
	targets_clear();
	smp_send(dest, icr);
	return check_eq(name, is_nmi(icr) ? targets_nmi() : targets_hit(), wants);
}

static u32 tpr[4];

static void set_tpr(unsigned id)
{
	if (id >= ARRAY_SIZE(tpr))
		return;
	if (id & 2)
		__asm__ volatile("mov %0, %%cr8" : : "r"((u64)tpr[id] >> 4));
	else
		apic_put(APIC_TPR, tpr[id]);
}

void set_tprs(u32 a, u32 b, u32 c, u32 d)
{
	tpr[0] = a;
	tpr[1] = b;
	tpr[2] = c;
	tpr[3] = d;
	targets_do(set_tpr);
	/* A CR8 that changed without an exit is known to the others after the next one. */
	targets_do(NULL);
}

/* SDM 3A figure 10-27: only through disabled, which loses the state. */
void to_xapic(unsigned id)
{
	(void)id;
	apic_init();
}

void to_x2apic(unsigned id)
{
	(void)id;
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_EXTD);
}

void to_flat(unsigned id)
{
	apic_write(APIC_DFR, FLAT_MODEL);
	apic_write(APIC_LDR, id < FLAT_IDS ? 1u << (24 + id) : 0);
	apic_write(APIC_TPR, 0);
}

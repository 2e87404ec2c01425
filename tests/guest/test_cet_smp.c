/* SPDX-License-Identifier: MIT */
/*
 * Control-flow enforcement on several vCPUs: each keeps values of its own while they take turns on a
 * CPU, user mode uses them, and INIT clears them.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/smp.h"

#define VECTOR_TURN 0x55
#define PATIENCE    (10000 * guest_tsc_khz())
#define ROUNDS	    200
#define KEPT	    0xffff800000000000ull /* SSP of vCPU 0; others follow */

static const u32 msrs[] = { MSR_IA32_U_CET,	 MSR_IA32_S_CET,   MSR_IA32_PL0_SSP,
			    MSR_IA32_PL1_SSP,	 MSR_IA32_PL2_SSP, MSR_IA32_PL3_SSP,
			    MSR_IA32_INT_SSP_TAB };

/* By APIC id. */
static struct ap {
	volatile unsigned starts, not_zero, lost, done;
} ap[SMP_MAX];
static volatile unsigned go;

/* Tells vCPU and MSR apart; the legacy bitmap's address in the two control MSRs. */
static u64 own_value(unsigned id, unsigned i)
{
	return KEPT + ((u64)id << 20) + ((u64)i << 12);
}

/* HLT gives the CPU to another vCPU. */
static void give_way(void)
{
	apic_write(APIC_ICR_HIGH, smp_id() << 24);
	apic_write(APIC_ICR_LOW, ICR_ASSERT | VECTOR_TURN);
	irq_wait();
}

static void take_turn(struct interrupt_frame *frame)
{
	(void)frame;
	apic_write(APIC_EOI, 0);
}

static unsigned count_lost(unsigned id)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		lost += rdmsr(msrs[i]) != own_value(id, i);
	return lost;
}

static void keep_values(struct ap *me, unsigned id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		wrmsr(msrs[i], own_value(id, i));
	__atomic_fetch_add(&me->starts, 1, __ATOMIC_SEQ_CST);
	while (!go)
		cpu_relax();
	for (unsigned round = 0; round < ROUNDS; round++) {
		give_way();
		me->lost += count_lost(id);
	}
	__atomic_store_n(&me->done, 1, __ATOMIC_SEQ_CST);
}

static void other_main(void)
{
	unsigned id = smp_id();
	struct ap *me = &ap[id % SMP_MAX];

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		me->not_zero += rdmsr(msrs[i]) != 0;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS);
	keep_values(me, id);
	for (;;)
		irq_wait();
}

GUEST_TEST(cet_smp)
{
	unsigned count = smp_count(2), lost = 0, not_zero = 0;
	bool all = true;

	if (!count)
		return;
	apic_init();
	set_handler(VECTOR_TURN, take_turn);
	smp_prepare(other_main);
	for (unsigned id = 1; id < count; id++) {
		smp_start(id);
		all &= wait_count(&ap[id].starts, 1, PATIENCE);
	}
	if (!check("every processor starts", all, "1: %u", ap[1].starts))
		return;
	go = 1;
	keep_values(&ap[0], 0);
	for (unsigned id = 0; id < count; id++) {
		all &= wait_count(&ap[id].done, 1, PATIENCE);
		lost += ap[id].lost;
		not_zero += ap[id].not_zero;
	}
	check("every processor finishes", all, "1: %u", ap[1].done);
	check_eq("none loses a value to another", lost, 0);
	check_eq("their MSRs are 0 after power-on", not_zero, 0);
	smp_start(1);
	check("INIT and SIPI start a processor anew", wait_count(&ap[1].starts, 2, PATIENCE),
	      "%u starts", ap[1].starts);
	check_eq("INIT clears its MSRs", ap[1].not_zero, 0);
	check_eq("INIT leaves those of others alone", count_lost(0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		wrmsr(msrs[i], 0);
}

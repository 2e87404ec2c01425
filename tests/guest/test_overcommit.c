/* SPDX-License-Identifier: MIT */
/*
 * A lock-heavy load: how many critical sections all vCPUs together get through in each of "phases="
 * times "ms=". Who waits for the lock spins, in a queue, as mutexes of operating systems do first.
 * With steal time offered it looks whether the vCPU that it waits for runs at all, and sleeps if not.
 * The time between two sections is drawn: fixed times let the queue fall into step with the turns of
 * the scheduler, and then the least change of either moves the result.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hypercall.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/pv.h"
#include "tests/guest/lib/smp.h"

#define PATIENCE	(10000 * guest_tsc_khz()) /* others have the CPU meanwhile */
#define DEFAULT_MS	200
#define DEFAULT_SECTION 300 /* ticks */
#define DEFAULT_REST	600 /* between two sections, on average */
#define PHASES_MAX	64
#define PLACES		4 /* that a vCPU may have in the queue at once: those it left count too */

/*
 * Places in the queue. Each waits for the one before it. Who gives up leaves its place behind, and
 * the one after it goes on with the place before; only that one may free it.
 */
enum place_state {
	PLACE_FREE,
	PLACE_WAITS,
	PLACE_LEFT, /* before: whom it waited for */
	PLACE_OVER  /* the one after it is the first now */
};
static struct place {
	struct place *before;
	unsigned state;
	unsigned id;
} __aligned(64) places[SMP_MAX][PLACES];

static struct {
	unsigned owner; /* id + 1, 0 = free */
	struct place *last;
	u64 sleepers; /* bitmap of ids */
} lock;

static volatile struct pv_steal steal[SMP_MAX];
static bool hint;
static u64 section_ticks, rest_ticks, phase_ticks, seed;
static u64 sections[PHASES_MAX]; /* under the lock */

static struct counter {
	volatile unsigned there, done;
	u64 sections, sleeps;
} __aligned(64) counter[SMP_MAX];

static volatile u64 start, end; /* 0: not all are there yet */

static bool held_off(unsigned id)
{
	return hint && (steal[id].preempted & PV_PREEMPTED);
}

static bool try_lock(unsigned id)
{
	unsigned none = 0;

	return !__atomic_load_n(&lock.owner, __ATOMIC_RELAXED) &&
	       __atomic_compare_exchange_n(&lock.owner, &none, id + 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

static void set_state(struct place *place, enum place_state state)
{
	__atomic_store_n(&place->state, state, __ATOMIC_RELEASE);
}

/* NULL: the one after it has not taken note of any that it left. */
static struct place *free_place(unsigned id)
{
	for (unsigned i = 0; i < PLACES; i++)
		if (__atomic_load_n(&places[id][i].state, __ATOMIC_ACQUIRE) == PLACE_FREE)
			return &places[id][i];
	return NULL;
}

static void leave(struct place *mine, struct place *before)
{
	struct place *expected = mine;

	mine->before = before;
	if (__atomic_compare_exchange_n(&lock.last, &expected, before, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED))
		set_state(mine, PLACE_FREE);
	else
		set_state(mine, PLACE_LEFT);
}

/* Spins until it is the first of those that spin; NULL: whoever it waits for does not run. */
static struct place *become_first(unsigned id)
{
	struct place *mine = free_place(id), *before, *next;

	if (!mine)
		return NULL;
	mine->id = id;
	set_state(mine, PLACE_WAITS);
	before = __atomic_exchange_n(&lock.last, mine, __ATOMIC_ACQ_REL);
	while (before) {
		unsigned state = __atomic_load_n(&before->state, __ATOMIC_ACQUIRE);

		if (state == PLACE_WAITS) {
			if (held_off(before->id)) {
				leave(mine, before);
				return NULL;
			}
			cpu_relax();
			continue;
		}
		next = state == PLACE_LEFT ? before->before : NULL;
		set_state(before, PLACE_FREE);
		before = next;
	}
	return mine;
}

static bool spin_for_owner(unsigned id)
{
	while (!try_lock(id)) {
		unsigned owner = __atomic_load_n(&lock.owner, __ATOMIC_RELAXED);

		if (owner && held_off(owner - 1))
			return false;
		cpu_relax();
	}
	return true;
}

static bool spin_lock(unsigned id)
{
	struct place *mine = become_first(id);
	bool locked;

	if (!mine)
		return false;
	locked = spin_for_owner(id);
	set_state(mine, PLACE_OVER);
	return locked;
}

/* Until somebody unlocks. Interrupts are off: only the kick ends the HLT. */
static bool sleep_for_lock(unsigned id)
{
	bool locked;

	__atomic_fetch_or(&lock.sleepers, BIT(id), __ATOMIC_SEQ_CST);
	locked = try_lock(id);
	if (!locked)
		__asm__ volatile("hlt" : : : "memory");
	__atomic_fetch_and(&lock.sleepers, ~BIT(id), __ATOMIC_SEQ_CST);
	counter[id].sleeps++;
	return locked;
}

static void take_lock(unsigned id)
{
	while (!try_lock(id) && !spin_lock(id) && !sleep_for_lock(id))
		;
}

/* Wakes the next one behind id that sleeps. */
static void unlock(unsigned id)
{
	u64 sleepers, behind;
	unsigned next;

	__atomic_store_n(&lock.owner, 0, __ATOMIC_SEQ_CST);
	sleepers = __atomic_load_n(&lock.sleepers, __ATOMIC_SEQ_CST);
	if (!sleepers)
		return;
	behind = sleepers & ~(BIT(id + 1) - 1);
	next = (unsigned)__builtin_ctzll(behind ? behind : sleepers);
	if (__atomic_fetch_and(&lock.sleepers, ~BIT(next), __ATOMIC_SEQ_CST) & BIT(next))
		hypercall4(HC_KICK_CPU, 0, next, 0, 0);
}

/*
 * So many instructions, not so much time: what the vCPU is held off does not count as work. In
 * assembly, since the compiler's loop has one more per round.
 */
static void work(u64 ticks)
{
	u64 rounds = ticks / 2 + 1;

	__asm__ volatile("1:	dec %0\n"
			 "	jnz 1b"
			 : "+r"(rounds)
			 :
			 : "cc");
}

/* xorshift64: from nothing to twice the average. */
static u64 draw_rest(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % (2 * rest_ticks + 1);
}

static void take_turns(unsigned id)
{
	u64 state = (seed * SMP_MAX + id + 1) * 0x9e3779b97f4a7c15, now;

	while ((now = rdtsc()) < end) {
		take_lock(id);
		work(section_ticks);
		sections[(now - start) / phase_ticks]++;
		unlock(id);
		counter[id].sections++;
		work(draw_rest(&state));
	}
}

static void count_until_end(void)
{
	unsigned id = smp_id() % SMP_MAX;

	if (hint)
		wrmsr(MSR_PV_STEAL_TIME, (u64)&steal[id] | PV_ENABLE);
	counter[id].there = 1;
	while (!end)
		cpu_relax();
	while (rdtsc() < start)
		cpu_relax();
	take_turns(id);
	counter[id].done = 1;
}

static void other_main(void)
{
	count_until_end();
	for (;;)
		__asm__ volatile("cli; hlt");
}

static u64 option(const char *key, u64 otherwise)
{
	char text[16];
	const char *p = guest_option(key, text, sizeof(text));
	u64 value = 0;

	if (!*p)
		return otherwise;
	while (*p >= '0' && *p <= '9')
		value = value * 10 + (u64)(*p++ - '0');
	return value;
}

static u64 print_phases(u64 phases)
{
	u64 sum = 0;

	print("phases:");
	for (u64 i = 0; i < phases; i++) {
		print(" %llu", (unsigned long long)sections[i]);
		sum += sections[i];
	}
	print("\n");
	return sum;
}

static void run(unsigned count, u64 phases)
{
	bool all = true;
	u64 sum = 0, sleeps = 0;

	smp_prepare(other_main);
	for (unsigned id = 1; id < count; id++) {
		smp_start(id);
		all &= wait_count(&counter[id].there, 1, PATIENCE);
	}
	start = rdtsc() + option("delay", 0) * guest_tsc_khz();
	end = start + phases * phase_ticks;
	count_until_end();
	for (unsigned id = 0; id < count; id++) {
		all &= wait_count(&counter[id].done, 1, PATIENCE);
		sum += counter[id].sections;
		sleeps += counter[id].sleeps;
	}
	check("every processor comes to the end", all, "not all %u", count);
	check_eq("one at a time was in the critical section", print_phases(phases), sum);
	print("overcommit: %llu sections, %llu sleeps, hint %s\n", (unsigned long long)sum,
	      (unsigned long long)sleeps, hint ? "on" : "off");
}

GUEST_TEST(overcommit)
{
	unsigned count = smp_count(1);
	u64 phases;

	if (!count)
		return;
	hint = pv_offers(PV_STEAL_TIME);
	section_ticks = option("section", DEFAULT_SECTION);
	rest_ticks = option("rest", DEFAULT_REST);
	phase_ticks = option("ms", DEFAULT_MS) * guest_tsc_khz();
	seed = option("seed", 0);
	phases = MIN(option("phases", 1), PHASES_MAX);
	apic_init();
	run(count, phases);
}

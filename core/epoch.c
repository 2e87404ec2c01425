/* SPDX-License-Identifier: MIT */
/* Epoch-based reclamation: an entry is freed when every CPU has passed a quiescent state after it. */
#include "core/epoch.h"

#include "core/log.h"
#include "core/spinlock.h"
#include "core/work.h"

/* With so many entries that wait, CPUs that hold them up are asked for a quiescent state. */
#define MANY 64

struct cpu_epoch {
	u64 seen; /* epoch at the last quiescent state */
	bool idle;
	struct work ask_work;
} __aligned(CACHE_LINE); /* written at every exit: not shared with other CPUs */

static struct cpu_epoch cpus[MAX_CPUS];

static struct {
	struct spinlock lock;
	u64 current; /* raised by each deferred entry */
	unsigned pending;
	struct epoch_entry *first, **last; /* by rising epoch */
} epoch = { .last = &epoch.first };

/* That work comes is all that is needed: its CPU leaves the guest for it and passes a quiescent state. */
static void asked(struct work *work)
{
	(void)work;
}

/*
 * A CPU that one vCPU has for itself may stay in the guest for ever, while another vCPU moves a BAR
 * again and again: without this, memory for that would never come back. Lock held.
 */
static void ask_late_cpus(void)
{
	for (unsigned i = 0; i < nr_cpus(); i++) {
		struct cpu_epoch *cpu = &cpus[i];

		if (__atomic_load_n(&cpu->idle, __ATOMIC_RELAXED) ||
		    __atomic_load_n(&cpu->seen, __ATOMIC_RELAXED) >= epoch.first->epoch)
			continue;
		if (!cpu->ask_work.run)
			cpu->ask_work.run = asked;
		work_post(i, &cpu->ask_work);
	}
}

void epoch_defer(struct epoch_entry *entry, void (*free)(struct epoch_entry *entry))
{
	entry->free = free;
	entry->next = NULL;

	spin_lock(&epoch.lock);
	/*
	 * The caller has unpublished the memory before. A CPU that reads this or a later value of
	 * current therefore cannot find the memory any more.
	 */
	entry->epoch = __atomic_add_fetch(&epoch.current, 1, __ATOMIC_RELEASE);
	*epoch.last = entry;
	epoch.last = &entry->next;
	__atomic_store_n(&epoch.pending, epoch.pending + 1, __ATOMIC_RELAXED);
	if (epoch.pending >= MANY)
		ask_late_cpus();
	spin_unlock(&epoch.lock);
}

/* Every CPU has been quiescent in this epoch or later. */
static u64 oldest_seen(void)
{
	u64 oldest = __atomic_load_n(&epoch.current, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < nr_cpus(); i++) {
		u64 seen;

		if (__atomic_load_n(&cpus[i].idle, __ATOMIC_SEQ_CST))
			continue;
		/* Read once: the CPU may move on while it is compared. */
		seen = __atomic_load_n(&cpus[i].seen, __ATOMIC_ACQUIRE);
		if (seen < oldest)
			oldest = seen;
	}
	return oldest;
}

/* Takes the entries that nobody can see any more off the list. Lock held. */
static struct epoch_entry *take_expired(void)
{
	struct epoch_entry *expired = epoch.first, **end = &epoch.first;
	u64 oldest = oldest_seen();
	unsigned pending = epoch.pending;

	while (*end && (*end)->epoch <= oldest) {
		end = &(*end)->next;
		pending--;
	}
	if (end == &epoch.first)
		return NULL;
	epoch.first = *end;
	*end = NULL;
	if (!epoch.first)
		epoch.last = &epoch.first;
	__atomic_store_n(&epoch.pending, pending, __ATOMIC_RELAXED);
	return expired;
}

static void reap(void)
{
	struct epoch_entry *entry, *next;

	/* Whoever holds the lock defers or reaps; the next quiescent state comes soon. */
	if (!spin_trylock(&epoch.lock))
		return;
	entry = take_expired();
	spin_unlock(&epoch.lock);

	for (; entry; entry = next) {
		next = entry->next;
		entry->free(entry);
	}
}

void epoch_quiescent(void)
{
	struct cpu_epoch *self = &cpus[cpu_index()];

	__atomic_store_n(&self->seen, __atomic_load_n(&epoch.current, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
	if (unlikely(epoch_pending() > 0))
		reap();
}

void epoch_cpu_idle(bool idle)
{
	/*
	 * A full barrier on x86: an idle CPU has finished all its reads; one that leaves idle
	 * reads nothing before a reaper can see it.
	 */
	__atomic_store_n(&cpus[cpu_index()].idle, idle, __ATOMIC_SEQ_CST);
	if (idle && epoch_pending() > 0)
		reap();
}

unsigned epoch_pending(void)
{
	return __atomic_load_n(&epoch.pending, __ATOMIC_RELAXED);
}

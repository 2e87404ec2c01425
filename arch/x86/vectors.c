/* SPDX-License-Identifier: MIT */
/* Which vector of which CPU is whose. */
#include "arch/x86/vectors.h"

#include <stdlib.h>

#include "arch/x86/cpu.h"
#include "core/log.h"
#include "core/spinlock.h"

#define DEVICE_VECTORS (IRQ_VECTOR_DEVICE_LAST - IRQ_VECTOR_DEVICE + 1)

struct vector_table {
	unsigned used;
	struct interrupt *of[DEVICE_VECTORS]; /* atomic; NULL = never used, &ended = free again */
};
static struct vector_table *tables[MAX_CPUS]; /* atomic; made with a CPU's first vector */
static struct spinlock lock;		      /* changes of all this */

static void nothing(struct interrupt *self)
{
	(void)self;
}
/* For messages that were under way when their vector was freed. */
static struct interrupt ended = { .handle = nothing };

static bool reachable(unsigned cpu)
{
	return cpu < nr_cpus() && cpus[cpu].apic_id <= MSI_DEST_MAX;
}

static struct vector_table *table_of(unsigned cpu)
{
	return __atomic_load_n(&tables[cpu], __ATOMIC_ACQUIRE);
}

static struct vector_table *make_table(unsigned cpu)
{
	if (!tables[cpu])
		__atomic_store_n(&tables[cpu], calloc(1, sizeof(struct vector_table)),
				 __ATOMIC_RELEASE);
	return tables[cpu];
}

static enum firn_err take(struct vector_table *table, struct interrupt *interrupt, u8 *vector)
{
	for (unsigned i = 0; i < DEVICE_VECTORS; i++) {
		if (table->of[i] && table->of[i] != &ended)
			continue;
		__atomic_store_n(&table->of[i], interrupt, __ATOMIC_RELEASE);
		__atomic_store_n(&table->used, table->used + 1, __ATOMIC_RELAXED);
		*vector = IRQ_VECTOR_DEVICE + i;
		return FIRN_OK;
	}
	return ERR_FULL;
}

enum firn_err vector_alloc(unsigned cpu, struct interrupt *interrupt, u8 *vector)
{
	enum firn_err err = ERR_NOMEM;
	struct vector_table *table;

	if (!reachable(cpu))
		return ERR_RANGE;
	spin_lock(&lock);
	table = make_table(cpu);
	if (table)
		err = take(table, interrupt, vector);
	spin_unlock(&lock);
	return err;
}

void vector_free(unsigned cpu, u8 vector)
{
	struct vector_table *table = tables[cpu];

	BUG_ON(!vector_is_device(vector));
	spin_lock(&lock);
	__atomic_store_n(&table->of[vector - IRQ_VECTOR_DEVICE], &ended, __ATOMIC_RELEASE);
	__atomic_store_n(&table->used, table->used - 1, __ATOMIC_RELAXED);
	spin_unlock(&lock);
}

unsigned vectors_used(unsigned cpu)
{
	const struct vector_table *table = table_of(cpu);

	return table ? __atomic_load_n(&table->used, __ATOMIC_RELAXED) : 0;
}

unsigned vector_best_cpu(void)
{
	unsigned best = 0;

	for (unsigned cpu = 1; cpu < nr_cpus(); cpu++)
		if (reachable(cpu) && (!reachable(best) || vectors_used(cpu) < vectors_used(best)))
			best = cpu;
	return best;
}

struct msi_message vector_message(unsigned cpu, u8 vector)
{
	/* Fixed delivery to a physical destination, edge: all other bits are 0. */
	return (struct msi_message){
		.address = MSI_ADDRESS_BASE | cpus[cpu].apic_id << MSI_DEST_SHIFT,
		.data = vector,
	};
}

bool vector_dispatch(u8 vector)
{
	const struct vector_table *table = table_of(cpu_index());
	struct interrupt *interrupt;

	if (!table || !vector_is_device(vector))
		return false;
	interrupt = __atomic_load_n(&table->of[vector - IRQ_VECTOR_DEVICE], __ATOMIC_ACQUIRE);
	if (!interrupt)
		return false;
	interrupt->handle(interrupt);
	return true;
}

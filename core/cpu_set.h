/* SPDX-License-Identifier: MIT */
/* A set of physical CPUs by number. */
#ifndef FIRN_CORE_CPU_SET_H
#define FIRN_CORE_CPU_SET_H

#include "core/types.h"

#define CPU_SET_SIZE 256 /* numbers 0..255 */

struct cpu_set {
	u64 word[CPU_SET_SIZE / 64];
};

static inline void cpu_set_add(struct cpu_set *set, unsigned cpu)
{
	set->word[cpu / 64] |= BIT(cpu % 64);
}

static inline bool cpu_set_has(const struct cpu_set *set, unsigned cpu)
{
	return cpu < CPU_SET_SIZE && (set->word[cpu / 64] & BIT(cpu % 64));
}

static inline unsigned cpu_set_count(const struct cpu_set *set)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(set->word); i++)
		for (u64 left = set->word[i]; left; left &= left - 1)
			count++;
	return count;
}

static inline void cpu_set_unite(struct cpu_set *set, const struct cpu_set *more)
{
	for (unsigned i = 0; i < ARRAY_SIZE(set->word); i++)
		set->word[i] |= more->word[i];
}

static inline void cpu_set_subtract(struct cpu_set *set, const struct cpu_set *less)
{
	for (unsigned i = 0; i < ARRAY_SIZE(set->word); i++)
		set->word[i] &= ~less->word[i];
}

static inline bool cpu_set_meet(const struct cpu_set *a, const struct cpu_set *b)
{
	u64 both = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(a->word); i++)
		both |= a->word[i] & b->word[i];
	return both;
}

/* The member with index smaller ones before it; CPU_SET_SIZE = there are not that many. */
static inline unsigned cpu_set_member(const struct cpu_set *set, unsigned index)
{
	unsigned cpu = 0;

	while (cpu < CPU_SET_SIZE && (!cpu_set_has(set, cpu) || index-- > 0))
		cpu++;
	return cpu;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Deferred freeing: memory that lock-free readers may still see is freed after all CPUs were quiescent. */
#ifndef FIRN_CORE_EPOCH_H
#define FIRN_CORE_EPOCH_H

#include "core/arch.h"

struct epoch_entry {
	struct epoch_entry *next;
	u64 epoch;
	void (*free)(struct epoch_entry *entry);
};

/* Frees later, on a CPU that calls epoch_quiescent(). Any CPU. */
void epoch_defer(struct epoch_entry *entry, void (*free)(struct epoch_entry *entry));
/* The calling CPU holds no reference: called by the CPU loop between exits and before idling. */
void epoch_quiescent(void);
/* An idle or offline CPU does not hold others up. */
void epoch_cpu_idle(bool idle);
/* Entries not freed yet (for tests and the mem command). */
unsigned epoch_pending(void);

#endif

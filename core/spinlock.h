/* SPDX-License-Identifier: MIT */
/* Spinlock for the few shared structures. Interrupts are off in Firn, so no irqsave variant. */
#ifndef FIRN_CORE_SPINLOCK_H
#define FIRN_CORE_SPINLOCK_H

#include "core/types.h"

struct spinlock {
	u32 locked;
};

static inline bool spin_trylock(struct spinlock *l)
{
	return __atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void spin_lock(struct spinlock *l)
{
	while (!spin_trylock(l))
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

#endif

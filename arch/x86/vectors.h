/* SPDX-License-Identifier: MIT */
/* Device vectors: each CPU has its own, a message or an IOAPIC pin leads to one of one CPU. */
#ifndef FIRN_X86_VECTORS_H
#define FIRN_X86_VECTORS_H

#include "arch/x86/interrupts.h"
#include "arch/x86/msi.h"

/*
 * What a vector calls: on its CPU, interrupts off, before the EOI; short, never waits. Part of the
 * driver's structure (container_of()). After vector_free() a call may still be under way: memory
 * that goes away needs epoch_defer().
 */
struct interrupt {
	void (*handle)(struct interrupt *self);
};

static inline bool vector_is_device(u8 vector)
{
	return vector >= IRQ_VECTOR_DEVICE && vector <= IRQ_VECTOR_DEVICE_LAST;
}

/*
 * A vector of an online CPU that calls interrupt. ERR_FULL: the CPU has none left; ERR_RANGE: no
 * such CPU, or interrupts of devices can't reach its APIC id; ERR_NOMEM. Any CPU.
 */
enum firn_err vector_alloc(unsigned cpu, struct interrupt *interrupt, u8 *vector);
/* The source must be off. What is under way ends in nothing. Any CPU. */
void vector_free(unsigned cpu, u8 vector);
/* The CPU with the fewest vectors in use among those that devices can reach. Any CPU. */
unsigned vector_best_cpu(void);
unsigned vectors_used(unsigned cpu);

/* The message that raises a vector that was allocated. */
struct msi_message vector_message(unsigned cpu, u8 vector);

/* Calls what this CPU's vector is for; false = nothing. By interrupt_dispatch(). */
bool vector_dispatch(u8 vector);

#endif

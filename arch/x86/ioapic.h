/* SPDX-License-Identifier: MIT */
/* Virtual IOAPIC, 24 pins, version 0x20 (with EOI register) at 0xfec00000 (82093AA, ICH9 datasheet). */
#ifndef FIRN_X86_IOAPIC_H
#define FIRN_X86_IOAPIC_H

#include "core/iobus.h"
#include "core/spinlock.h"
#include "core/types.h"

struct vm;

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_SIZE 0x1000ull
#define IOAPIC_PINS 24

struct ioapic {
	struct vm *vm;
	struct spinlock lock;
	u32 select;
	u32 id;
	u32 level; /* input lines, bit a pin */
	u64 redirection[IOAPIC_PINS];
	u32 generation; /* changes with the redirection table; atomic */
	bool ready;	/* stored last, with release (devices may drive pins from other CPUs) */
};

extern const struct iodev_ops ioapic_ops;

void ioapic_init(struct ioapic *ioapic, struct vm *vm);
void ioapic_reset(struct ioapic *ioapic);
void ioapic_set_pin(struct ioapic *ioapic, unsigned pin, bool level);
/* A LAPIC ended a level-triggered vector: clears remote IRR, re-sends if the line is still high. */
void ioapic_eoi(struct ioapic *ioapic, u8 vector);
/* Vectors of unmasked level-triggered pins, 256 bits. */
void ioapic_level_vectors(struct ioapic *ioapic, u64 bitmap[4]);

#endif

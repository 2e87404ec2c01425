/* SPDX-License-Identifier: MIT */
/* Port I/O of the test's own; included in place of arch/x86/x86.h. */
#ifndef FIRN_TESTS_FAKE_PORTS_H
#define FIRN_TESTS_FAKE_PORTS_H

#include "core/types.h"

u32 fake_in(u16 port, unsigned width);
void fake_out(u16 port, u32 value, unsigned width);

/* May be read for its effect alone. */
static inline u8 inb(u16 port)
{
	return fake_in(port, 1);
}

#define inw(port)	  ((u16)fake_in(port, 2))
#define inl(port)	  fake_in(port, 4)
#define outb(port, value) fake_out(port, value, 1)
#define outw(port, value) fake_out(port, value, 2)
#define outl(port, value) fake_out(port, value, 4)

#define cpu_relax() ((void)0)

#endif

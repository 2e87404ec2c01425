/* SPDX-License-Identifier: MIT */
/* Registers of an IOAPIC (82093AA, 3; the EOI register is that of version 0x20), the machine's and the guests'. */
#ifndef FIRN_X86_IOAPIC_REGS_H
#define FIRN_X86_IOAPIC_REGS_H

#include "core/types.h"

/* Memory-mapped */
#define IOREGSEL 0x00
#define IOWIN	 0x10
#define IOEOIR	 0x40

/* Behind IOREGSEL and IOWIN */
#define IOAPICID		0x00
#define IOAPICVER		0x01
#define IOAPICARB		0x02
#define IOREDTBL(pin)		(0x10 + 2 * (pin)) /* low, high */
#define IOAPICVER_MAX_PIN_SHIFT 16
#define IOAPICVER_MAX_PIN_MASK	0xff

/* Redirection entry */
#define RTE_VECTOR	   0xffull
#define RTE_DELIVERY_SHIFT 8
#define RTE_DELIVERY_MASK  7u
#define RTE_LOGICAL	   BIT(11)
#define RTE_ACTIVE_LOW	   BIT(13)
#define RTE_REMOTE_IRR	   BIT(14)
#define RTE_LEVEL	   BIT(15)
#define RTE_MASKED	   BIT(16)
#define RTE_DEST_SHIFT	   56

#endif

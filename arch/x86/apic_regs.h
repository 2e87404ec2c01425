/* SPDX-License-Identifier: MIT */
/* Registers of a local APIC (SDM 3A 10.4 to 10.12), the CPUs' own and the guests', by xAPIC offset. */
#ifndef FIRN_X86_APIC_REGS_H
#define FIRN_X86_APIC_REGS_H

#include "core/types.h"

#define APIC_ID		   0x020
#define APIC_VERSION	   0x030
#define APIC_TPR	   0x080
#define APIC_APR	   0x090
#define APIC_PPR	   0x0a0
#define APIC_EOI	   0x0b0
#define APIC_RRD	   0x0c0
#define APIC_LDR	   0x0d0
#define APIC_DFR	   0x0e0
#define APIC_SVR	   0x0f0
#define APIC_ISR	   0x100
#define APIC_TMR	   0x180
#define APIC_IRR	   0x200
#define APIC_ESR	   0x280
#define APIC_LVT_CMCI	   0x2f0
#define APIC_ICR_LOW	   0x300
#define APIC_ICR_HIGH	   0x310
#define APIC_LVT_TIMER	   0x320
#define APIC_LVT_THERMAL   0x330
#define APIC_LVT_PERF	   0x340
#define APIC_LVT_LINT0	   0x350
#define APIC_LVT_LINT1	   0x360
#define APIC_LVT_ERROR	   0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE  0x3e0
#define APIC_SELF_IPI	   0x3f0

enum lapic_delivery {
	DELIVERY_FIXED = 0,
	DELIVERY_LOWEST = 1,
	DELIVERY_SMI = 2,
	DELIVERY_NMI = 4,
	DELIVERY_INIT = 5,
	DELIVERY_SIPI = 6,
	DELIVERY_EXTINT = 7,
};

#define APIC_SVR_ENABLE BIT(8)

#define APIC_DFR_FLAT	 0xfu /* bits 31:28 */
#define APIC_DFR_CLUSTER 0x0u

#define LVT_DELIVERY_SHIFT   8
#define LVT_DELIVERY_MASK    7u
#define APIC_LVT_MASKED	     BIT(16)
#define LVT_TIMER_MODE_SHIFT 17
#define LVT_TIMER_MODE_MASK  3u

enum lapic_timer_mode {
	TIMER_ONE_SHOT,
	TIMER_PERIODIC,
	TIMER_TSC_DEADLINE,
	TIMER_RESERVED
};

/* ESR (SDM 3A 10.5.3) */
#define ESR_SEND_ILLEGAL_VECTOR	   BIT(5)
#define ESR_RECEIVE_ILLEGAL_VECTOR BIT(6)
#define ESR_ILLEGAL_REGISTER	   BIT(7)

/* ICR (SDM 3A 10.6.1) */
#define ICR_DELIVERY_SHIFT  8
#define ICR_DELIVERY_MASK   7u
#define ICR_LOGICAL	    BIT(11)
#define ICR_PENDING	    BIT(12) /* delivery status, read-only */
#define ICR_ASSERT	    BIT(14)
#define ICR_LEVEL	    BIT(15)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_SHORTHAND_MASK  3u
#define ICR_DEST_SHIFT	    24 /* xAPIC, in the high register */

/* In x2APIC mode the ICR is one 64-bit register at 0x300 (SDM 3C 29.5); 0x310 does not exist. */
#define APIC_ICR_X2_DEST 0x304

#endif

/* SPDX-License-Identifier: MIT */
/* KVM's paravirtual interface as a guest knows it. */
#ifndef FIRN_GUEST_PV_H
#define FIRN_GUEST_PV_H

#include "arch/x86/x86.h"

#define CPUID_KVM_FEATURES 0x40000001

#define PV_STEAL_TIME  5
#define PV_EOI	       6
#define PV_UNHALT      7
#define PV_TLB_FLUSH   9
#define PV_SEND_IPI    11
#define PV_POLL	       12
#define PV_SCHED_YIELD 13

#define MSR_PV_SYSTEM_TIME 0x4b564d01
#define MSR_PV_STEAL_TIME  0x4b564d03
#define MSR_PV_EOI	   0x4b564d04
#define MSR_PV_POLL	   0x4b564d05
#define PV_ENABLE	   1

#define HC_POLL_IRQ    1
#define HC_KICK_CPU    5
#define HC_SEND_IPI    10
#define HC_SCHED_YIELD 11

#define PV_PREEMPTED BIT(0)
#define PV_FLUSH     BIT(1)

struct pv_steal {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
} __aligned(64);

#define PV_CLOCK_STABLE BIT(0)

struct pv_clock {
	u32 version, pad;
	u64 tsc_timestamp, system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags, pad2[2];
} __aligned(64);

static inline bool pv_offers(unsigned bit)
{
	return cpuid(CPUID_KVM_FEATURES, 0).eax >> bit & 1;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What VMs are told and given because they know that they are virtual; bits as in KVM's interface. */
#ifndef FIRN_CORE_PARAVIRT_H
#define FIRN_CORE_PARAVIRT_H

#include "core/types.h"

/* X(bit, NAME, "name in firn.conf"), ascending. docs/guest-abi.md says what each of them is. */
#define PARAVIRT_FEATURES(X)                    \
	X(0, CLOCKSOURCE, "clocksource")        \
	X(1, NOP_IO_DELAY, "nop-io-delay")      \
	X(3, CLOCKSOURCE2, "clocksource2")      \
	X(5, STEAL_TIME, "steal-time")          \
	X(6, PV_EOI, "pv-eoi")                  \
	X(7, PV_UNHALT, "pv-unhalt")            \
	X(9, PV_TLB_FLUSH, "pv-tlb-flush")      \
	X(11, PV_SEND_IPI, "pv-send-ipi")       \
	X(12, POLL_CONTROL, "poll-control")     \
	X(13, PV_SCHED_YIELD, "pv-sched-yield") \
	X(24, CLOCKSOURCE_STABLE, "clocksource-stable")

#define PARAVIRT_BIT(bit, name, text) PARAVIRT_##name = 1u << (bit),
enum paravirt {
	PARAVIRT_FEATURES(PARAVIRT_BIT)
};
#undef PARAVIRT_BIT

#define PARAVIRT_OR(bit, name, text) | 1u << (bit)
#define PARAVIRT_ALL		     (0u PARAVIRT_FEATURES(PARAVIRT_OR))

#endif

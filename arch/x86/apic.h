/* SPDX-License-Identifier: MIT */
/* Local APIC of the physical CPU (SDM 3A chapter 10): x2APIC where there is one, else xAPIC. */
#ifndef FIRN_X86_APIC_H
#define FIRN_X86_APIC_H

#include "arch/x86/apic_regs.h"
#include "core/err.h"

/* Decides the mode for all CPUs and maps the registers if they are memory. Boot CPU. */
enum firn_err apic_init(void);
/* Enables this CPU's LAPIC: spurious vector, LVT masked, timer armed for nothing. Each CPU. */
void apic_init_cpu(void);

bool apic_x2apic(void);
u32 apic_id(void); /* of this CPU; works before apic_init() */
void apic_eoi(void);

/* cpu: index of an online CPU, own one included. */
void apic_send_ipi(unsigned cpu, u8 vector);
void apic_send_nmi(unsigned cpu);
/* To every other CPU that is online. No lock: also from panic. */
void apic_send_nmi_others(void);

/* By APIC id, for CPUs that are not online. Never to a CPU in VMX operation. */
void apic_send_init(u32 apic_id);
void apic_send_sipi(u32 apic_id, u64 trampoline);

/* All sources of interrupts at this CPU's LAPIC off (before leaving the machine to firmware). At any time. */
void apic_mask_local(void);

/* Registers by their xAPIC offsets (arch/x86/apic_regs.h), in either mode. */
u32 apic_read(u32 offset);
void apic_write(u32 offset, u32 value);

#endif

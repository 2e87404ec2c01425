/* SPDX-License-Identifier: MIT */
/*
 * Exits that both vendors handle in the same way, once they know which instruction it was. Inline:
 * they are most of the path from an exit to the next entry. On the CPU that runs the vCPU. False:
 * the caller injects #GP(0); else it goes on behind the instruction.
 */
#ifndef FIRN_X86_GUEST_EXITS_H
#define FIRN_X86_GUEST_EXITS_H

#include "arch/x86/force_emulation.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/guest_xstate.h"
#include "arch/x86/x86.h"
#include "core/iobus.h"
#include "core/timer.h"
#include "core/vcpu.h"
#include "core/work.h"

/*
 * Exceptions that exit, a bit for each vector. #DB and #AC: a guest can make their delivery raise them
 * again without end, in which nothing else exits; #MC is the host's; #UD may be forced emulation.
 */
static inline u32 guest_intercepted_exceptions(const struct vm *vm)
{
	u32 always = BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC);

	return always | (emulation_is_forced(vm) ? BIT(VECTOR_UD) : 0);
}

/* RDX:RAX of WRMSR and XSETBV */
static inline u64 guest_rdx_rax(const struct vcpu *vcpu)
{
	return vcpu->arch.gpr[REG_RDX] << 32 | (u32)vcpu->arch.gpr[REG_RAX];
}

static inline void guest_cpuid(struct vcpu *vcpu)
{
	u64 *gpr = vcpu->arch.gpr;
	u32 out[4];

	vcpu_cpuid(vcpu, (u32)gpr[REG_RAX], (u32)gpr[REG_RCX], out);
	gpr[REG_RAX] = out[0];
	gpr[REG_RBX] = out[1];
	gpr[REG_RCX] = out[2];
	gpr[REG_RDX] = out[3];
}

/* In x2APIC mode its registers need no search in the table of MSRs. */
static inline bool is_x2apic_register(const struct vcpu *vcpu, u32 msr)
{
	return msr - MSR_X2APIC_FIRST <= MSR_X2APIC_LAST - MSR_X2APIC_FIRST &&
	       lapic_x2apic(&vcpu->arch.lapic);
}

static inline bool guest_rdmsr(struct vcpu *vcpu)
{
	u64 value, *gpr = vcpu->arch.gpr;

	if (!guest_msr_read(vcpu, (u32)gpr[REG_RCX], &value))
		return false;
	gpr[REG_RAX] = (u32)value;
	gpr[REG_RDX] = value >> 32;
	return true;
}

static inline bool guest_wrmsr(struct vcpu *vcpu)
{
	u32 msr = (u32)vcpu->arch.gpr[REG_RCX];
	u64 value = guest_rdx_rax(vcpu);

	if (is_x2apic_register(vcpu, msr))
		return lapic_msr_write(&vcpu->arch.lapic, msr, value);
	/* Offered to all guests, and written at each of their timer interrupts. */
	if (msr == MSR_IA32_TSC_DEADLINE)
		return lapic_set_tsc_deadline(&vcpu->arch.lapic, value);
	return guest_msr_write(vcpu, msr, value);
}

/* The CPU has checked CPL and CR4.PCE before the exit (SDM 3C 25.1.1). */
static inline bool guest_rdpmc(struct vcpu *vcpu)
{
	u64 value, *gpr = vcpu->arch.gpr;

	if (!pmu_rdpmc(vcpu, (u32)gpr[REG_RCX], &value))
		return false;
	gpr[REG_RAX] = (u32)value;
	gpr[REG_RDX] = value >> 32;
	return true;
}

static inline bool guest_xsetbv(struct vcpu *vcpu)
{
	if (!guest_xcr0_set(vcpu, (u32)vcpu->arch.gpr[REG_RCX], guest_rdx_rax(vcpu)))
		return false;
	xsetbv(0, vcpu->arch.xcr0);
	return true;
}

/* IN: width 1, 2, 4 bytes. */
static inline void guest_port_in(struct vcpu *vcpu, u16 port, unsigned width)
{
	u64 value, *rax = &vcpu->arch.gpr[REG_RAX];

	iobus_read(&vcpu->vm->pio, port, width, &value);
	if (width == 4)
		*rax = (u32)value;
	else if (width == 2)
		*rax = (*rax & ~0xffffull) | (u16)value;
	else
		*rax = (*rax & ~0xffull) | (u8)value;
}

static inline void guest_port_out(struct vcpu *vcpu, u16 port, unsigned width)
{
	iobus_write(&vcpu->vm->pio, port, width, vcpu->arch.gpr[REG_RAX] & (BIT(8 * width) - 1));
}

/* What the loop that runs a vCPU looks at before each entry, found once: it stays on its CPU. */
struct guest_loop {
	const u64 *next_timer;
	struct work *const *work;
	u64 slice_end;
};

/* Where a loop looks for work that is to wait: there is none. */
extern struct work *const guest_loop_no_work;
/*
 * Work is pending before the guest has begun. It has just been run, so who posts it does so again and
 * again, and the guest would never get anywhere: until a time that is returned the work waits.
 */
u64 guest_loop_grace(u64 slice_end);

static inline struct guest_loop guest_loop_begin(u64 slice_end)
{
	struct work *const *work = work_pending_at();

	if (unlikely(__atomic_load_n(work, __ATOMIC_RELAXED))) {
		work = &guest_loop_no_work;
		slice_end = guest_loop_grace(slice_end);
	}
	return (struct guest_loop){ timer_next_at(), work, slice_end };
}

/* The guest has to leave by then: TSC. */
static inline u64 guest_loop_until(const struct guest_loop *loop)
{
	return MIN(*loop->next_timer, loop->slice_end);
}

/* Events, work or the end of HLT: guest_may_run() has to be asked. */
static inline bool guest_needs_service(const struct vcpu *vcpu, const struct guest_loop *loop)
{
	const u32 events = VCPU_EVENTS_STOPPING | VCPU_EVENT_NMI;

	return (__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & events) ||
	       __atomic_load_n(loop->work, __ATOMIC_RELAXED) || vcpu->state == VCPU_HALTED;
}

static inline bool guest_nmi_pending(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & VCPU_EVENT_NMI;
}

/* Out of line in guest_loop.c. False: *stop says why the vCPU gives up the CPU. */
bool guest_may_run(struct vcpu *vcpu, const struct guest_loop *loop, enum vcpu_stop *stop);
/* The time of guest_loop_until() has come: runs timers; at the slice's end like guest_may_run(). */
bool guest_loop_time(struct vcpu *vcpu, const struct guest_loop *loop, u64 now,
		     enum vcpu_stop *stop);

#endif

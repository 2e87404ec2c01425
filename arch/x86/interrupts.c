/* SPDX-License-Identifier: MIT */
/* Interrupt vectors and their handlers. */
#include "arch/x86/interrupts.h"

#include "arch/x86/apic.h"
#include "arch/x86/apic_timer.h"
#include "arch/x86/cpu.h"
#include "arch/x86/ioapic_host.h"
#include "arch/x86/pic.h"
#include "arch/x86/vectors.h"
#include "core/log.h"

#define VECTORS 256

static struct {
	void (*handler)(void *arg);
	void *arg;
} vectors[VECTORS];

/* The interrupt has done its work by having come: the CPU left its guest or its idle wait. */
static void nothing_to_do(void *arg)
{
	(void)arg;
}

void interrupt_register(u8 vector, void (*handler)(void *arg), void *arg)
{
	BUG_ON(vector < IRQ_VECTOR_PIC || vector_is_device(vector));
	vectors[vector].arg = arg;
	__atomic_store_n(&vectors[vector].handler, handler, __ATOMIC_RELEASE);
}

/* The LAPIC has no in-service bit for these, so an EOI would end another interrupt. */
static bool is_spurious(u8 vector)
{
	return vector == IRQ_VECTOR_SPURIOUS ||
	       (vector >= IRQ_VECTOR_PIC && vector < IRQ_VECTOR_PIC + PIC_VECTORS);
}

void interrupt_dispatch(u8 vector)
{
	void (*handler)(void *) = __atomic_load_n(&vectors[vector].handler, __ATOMIC_ACQUIRE);

	if (is_spurious(vector))
		return;
	arch_enter_shared();
	if (handler)
		handler(vectors[vector].arg);
	else if (!vector_dispatch(vector))
		log_ratelimited(LOG_WARN, "cpu %u: unexpected interrupt, vector 0x%x", cpu_index(),
				vector);
	apic_eoi();
}

enum firn_err interrupts_init(void)
{
	enum firn_err err;

	pic_disable();
	interrupt_register(IRQ_VECTOR_KICK, nothing_to_do, NULL);
	interrupt_register(IRQ_VECTOR_TIMER, apic_timer_interrupt, NULL);
	err = apic_init();
	if (err)
		return err;
	apic_init_cpu();
	apic_timer_calibrate();
	if (ioapic_host_init() == ERR_NOENT)
		log_warn("no IOAPIC: devices are polled");
	return FIRN_OK;
}

void cpu_kick(unsigned cpu)
{
	apic_send_ipi(cpu, IRQ_VECTOR_KICK);
}

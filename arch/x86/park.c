/* SPDX-License-Identifier: MIT */
/* Ending the other CPUs: politely by interrupt, else by NMI. */
#include "arch/x86/apic.h"
#include "arch/x86/cet_host.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/smp.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"

#define ANSWER_TIMEOUT_US 100000
#define POLL_US		  10

static void (*leave)(void);
static u32 stopping;	     /* atomic: from now on an NMI means stop */
static void (*errand)(void); /* atomic: what a parked CPU shall do at an NMI */

/* IRET ends the blocking of NMIs (SDM 3A 6.7.1): a CPU that was stopped by one can be sent another. */
static void unblock_nmi(void)
{
	__asm__ volatile("mov %%rsp, %%rax\n"
			 "pushq %[ss]\n"
			 "pushq %%rax\n"
			 "pushfq\n"
			 "pushq %[cs]\n"
			 "pushq $1f\n"
			 "iretq\n"
			 "1:\n"
			 :
			 : [ss] "i"(SEL_DATA), [cs] "i"(SEL_CODE)
			 : "rax", "memory");
}

static __noreturn void parked(void)
{
	cet_host_no_return();
	unblock_nmi();
	__atomic_store_n(&this_cpu()->state, CPU_PARKED, __ATOMIC_RELEASE);
	cpu_halt_forever();
}

bool cpus_stop_wanted(void)
{
	return __atomic_load_n(&stopping, __ATOMIC_ACQUIRE);
}

void cpus_stop_self(void)
{
	void (*run)(void) = __atomic_load_n(&errand, __ATOMIC_ACQUIRE);

	if (this_cpu()->state != CPU_PARKED)
		virt_cpu_emergency_disable();
	else if (run)
		run();
	parked();
}

static void park(void *arg)
{
	(void)arg;
	apic_eoi();
	if (leave)
		leave();
	parked();
}

static bool is_parked(unsigned cpu)
{
	return __atomic_load_n(&cpus[cpu].state, __ATOMIC_ACQUIRE) == CPU_PARKED;
}

static unsigned count_running(void)
{
	unsigned count = 0, self = cpu_index();

	for (unsigned i = 0; i < nr_cpus(); i++)
		count += i != self && !is_parked(i);
	return count;
}

static unsigned wait_parked(void)
{
	unsigned running = count_running();

	for (unsigned us = 0; running && us < ANSWER_TIMEOUT_US; us += POLL_US) {
		clock_delay_us(POLL_US);
		running = count_running();
	}
	return running;
}

unsigned cpus_stop_others(void)
{
	__atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
	apic_send_nmi_others();
	return wait_parked();
}

unsigned cpus_park_others(void (*cpu_leave)(void))
{
	unsigned self = cpu_index();

	leave = cpu_leave;
	interrupt_register(IRQ_VECTOR_PARK, park, NULL);
	for (unsigned i = 0; i < nr_cpus(); i++)
		if (i != self)
			apic_send_ipi(i, IRQ_VECTOR_PARK);
	return wait_parked() ? cpus_stop_others() : 0;
}

bool cpus_send_parked(void (*run)(void))
{
	for (unsigned i = 0; i < nr_cpus(); i++) {
		if (i == cpu_index() || !is_parked(i))
			continue;
		__atomic_store_n(&errand, run, __ATOMIC_RELEASE);
		__atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
		apic_send_nmi(i);
		return true;
	}
	return false;
}

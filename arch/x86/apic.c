/* SPDX-License-Identifier: MIT */
/* Local APIC of the physical CPU: set-up, EOI, interprocessor interrupts. */
#include "arch/x86/apic.h"

#include "arch/x86/apic_timer.h"
#include "arch/x86/cpu.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/paging.h"
#include "arch/x86/x86.h"
#include "core/log.h"

#define APIC_REGISTERS	    0x400
#define CPUID_APIC_ID_SHIFT 24
#define XAPIC_ID_SHIFT	    24

#define VERSION_MAX_LVT_SHIFT 16
#define LVT_NMI		      (DELIVERY_NMI << 8)

#define ICR_SEND_SPINS 100000

static volatile u32 *registers; /* NULL in x2APIC mode */
static bool ready;		/* apic_init() has been here */

static u32 x2apic_msr(u32 offset)
{
	return MSR_X2APIC_FIRST + offset / 16;
}

u32 apic_read(u32 offset)
{
	return registers ? registers[offset / 4] : (u32)rdmsr(x2apic_msr(offset));
}

void apic_write(u32 offset, u32 value)
{
	if (registers)
		registers[offset / 4] = value;
	else
		wrmsr(x2apic_msr(offset), value);
}

bool apic_x2apic(void)
{
	return !registers;
}

u32 apic_id(void)
{
	if (rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD)
		return rdmsr(x2apic_msr(APIC_ID));
	if (registers)
		return registers[APIC_ID / 4] >> XAPIC_ID_SHIFT;
	return cpuid(1, 0).ebx >> CPUID_APIC_ID_SHIFT;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

enum firn_err apic_init(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE);

	if (!cpu_features.x2apic) {
		registers = mmio_map(base & APIC_BASE_ADDRESS, APIC_REGISTERS, MMIO_UC);
		if (!registers)
			return ERR_NOMEM;
	}
	ready = true;
	log_info("interrupts: %s, CPU %u has APIC id %u", apic_x2apic() ? "x2APIC" : "xAPIC",
		 cpu_index(), apic_id());
	return FIRN_OK;
}

/* x2APIC can only be entered from xAPIC mode (SDM 3A 10.12.5); firmware may have done it. */
static void set_mode(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE);

	if (!(base & APIC_BASE_ENABLE)) {
		base |= APIC_BASE_ENABLE;
		wrmsr(MSR_IA32_APIC_BASE, base);
	}
	if (apic_x2apic() && !(base & APIC_BASE_EXTD))
		wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD);
}

void apic_mask_local(void)
{
	static const u32 lvt[] = { APIC_LVT_TIMER, APIC_LVT_LINT0,   APIC_LVT_LINT1, APIC_LVT_ERROR,
				   APIC_LVT_PERF,  APIC_LVT_THERMAL, APIC_LVT_CMCI };
	u32 last;

	if (!ready)
		return;
	last = apic_read(APIC_VERSION) >> VERSION_MAX_LVT_SHIFT & 0xff;
	/* In the order in which versions added them: Max LVT Entry counts from 0. */
	for (u32 i = 0; i < ARRAY_SIZE(lvt) && i <= last; i++)
		apic_write(lvt[i], APIC_LVT_MASKED);
}

/* Firmware may have left interrupts in service; they would block all of lower priority. */
static void end_leftovers(void)
{
	for (u32 i = 0; i < 8; i++)
		for (u32 isr = apic_read(APIC_ISR + 16 * i); isr; isr &= isr - 1)
			apic_eoi();
}

void apic_init_cpu(void)
{
	set_mode();
	apic_write(APIC_SVR, APIC_SVR_ENABLE | IRQ_VECTOR_SPURIOUS);
	apic_write(APIC_TPR, 0);
	apic_mask_local();
	/* The NMI line of a PC; the LINT0 line is the 8259's, which is masked. */
	if (cpu_index() == 0)
		apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_ESR, 0);
	end_leftovers();
	apic_timer_init_cpu();
}

static void send_x2apic(u32 dest, u32 command)
{
	/* WRMSR to x2APIC registers does not order earlier stores (SDM 3A 10.12.3). */
	__asm__ volatile("mfence; lfence" : : : "memory");
	wrmsr(x2apic_msr(APIC_ICR_LOW), (u64)dest << 32 | command);
}

static void send_xapic(u32 dest, u32 command)
{
	for (unsigned i = 0; i < ICR_SEND_SPINS && apic_read(APIC_ICR_LOW) & ICR_PENDING; i++)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, dest << XAPIC_ID_SHIFT);
	apic_write(APIC_ICR_LOW, command);
}

static void send(u32 dest, enum lapic_delivery mode, u8 vector)
{
	u32 command = mode << ICR_DELIVERY_SHIFT | ICR_ASSERT | vector;

	if (apic_x2apic())
		send_x2apic(dest, command);
	else
		send_xapic(dest, command);
}

/* Before apic_init() there is only the boot CPU, which is awake. */
void apic_send_ipi(unsigned cpu, u8 vector)
{
	if (ready)
		send(cpus[cpu].apic_id, DELIVERY_FIXED, vector);
}

void apic_send_nmi(unsigned cpu)
{
	send(cpus[cpu].apic_id, DELIVERY_NMI, 0);
}

/* One by one: the "all others" shorthand would also hit CPUs that Firn does not run on. */
void apic_send_nmi_others(void)
{
	unsigned self = cpu_index();

	for (unsigned i = 0; i < nr_cpus(); i++)
		if (i != self)
			apic_send_nmi(i);
}

void apic_send_init(u32 id)
{
	send(id, DELIVERY_INIT, 0);
}

void apic_send_sipi(u32 id, u64 trampoline)
{
	send(id, DELIVERY_SIPI, trampoline >> PAGE_SHIFT);
}

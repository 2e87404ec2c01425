/* SPDX-License-Identifier: MIT */
/* Finding and starting the machine's CPUs. */
#include "arch/x86/smp.h"

#include <string.h>

#include "arch/x86/apic.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/paging.h"
#include "arch/x86/platform.h"
#include "arch/x86/stack_guard.h"
#include "arch/x86/trampoline.h"
#include "arch/x86/tsc_sync.h"
#include "arch/x86/x86.h"
#include "core/log.h"
#include "core/pmem.h"

/* SDM 3A 8.4.4.1, and the multiprocessor specification B.4 */
#define INIT_DELAY_US	 10000
#define SIPI_DELAY_US	 200
#define START_TIMEOUT_US 100000
#define POLL_US		 10

/* Flat ring 0 segments as in gdt.c, for the way into 64-bit mode. */
#define TRAMPOLINE_CODE 0x00af9b000000ffffull
#define TRAMPOLINE_DATA 0x00cf93000000ffffull

enum ap_phase {
	AP_NONE,
	AP_ALIVE,
	AP_CHECKED
};

static u32 wanted_id[MAX_CPUS]; /* of all CPUs but this one */
static unsigned nr_wanted;
static unsigned nr_online = 1;
static u32 ap_phase; /* of the CPU that is being started */
static void (*ap_main)(void);

unsigned nr_cpus(void)
{
	return __atomic_load_n(&nr_online, __ATOMIC_ACQUIRE);
}

unsigned cpus_listed(void)
{
	return nr_wanted + 1;
}

static enum firn_err add_candidate(u32 id)
{
	if (id == cpus[0].apic_id)
		return FIRN_OK;
	for (unsigned i = 0; i < nr_wanted; i++)
		if (wanted_id[i] == id)
			return FIRN_OK;
	if (nr_wanted >= MAX_CPUS - 1)
		return ERR_FULL;
	wanted_id[nr_wanted++] = id;
	return FIRN_OK;
}

static enum firn_err add_candidates(const u32 *id, u32 count)
{
	enum firn_err err = FIRN_OK;

	for (u32 i = 0; i < count && !err; i++)
		err = add_candidate(id[i]);
	return err;
}

enum firn_err cpus_enumerate(const struct handover *h)
{
	const struct acpi_info *acpi = platform_acpi();
	const char *source = "no list, the boot CPU alone";
	enum firn_err err = FIRN_OK;

	cpus[0].apic_id = apic_id();
	if (acpi->has_madt && acpi->nr_cpus) {
		source = "ACPI";
		err = add_candidates(acpi->cpu_apic_id, acpi->nr_cpus);
		if (acpi->cpus_truncated)
			err = ERR_FULL;
	} else if (h->nr_cpus) {
		source = "EFI";
		err = add_candidates(h->cpu_apic_id, MIN(h->nr_cpus, HANDOVER_MAX_CPUS));
	}
	log_info("cpus: %u (from %s)", nr_wanted + 1, source);
	if (err)
		log_warn("cpus: more than the %u that Firn can use", MAX_CPUS);
	return err;
}

static bool wait_phase(enum ap_phase phase, unsigned us)
{
	for (unsigned t = 0; t < us; t += POLL_US) {
		if (__atomic_load_n(&ap_phase, __ATOMIC_ACQUIRE) == phase)
			return true;
		clock_delay_us(POLL_US);
	}
	return false;
}

static void set_phase(enum ap_phase phase)
{
	__atomic_store_n(&ap_phase, phase, __ATOMIC_RELEASE);
}

/* The first C code of a started CPU, on its own stack, still on the identity root. */
static __noreturn __no_stack_guard void ap_entry(struct cpu *cpu)
{
	u32 state;

	paging_load();
	cpu_load_tables(cpu);
	apic_init_cpu();
	set_phase(AP_ALIVE);
	tsc_sync_follow();
	set_phase(AP_CHECKED);
	do {
		cpu_relax();
		state = __atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE);
	} while (state == CPU_STARTING);
	if (state == CPU_ONLINE)
		ap_main();
	cpu_halt_forever();
}

static void fill_trampoline(u64 page, struct cpu *cpu)
{
	char *copy = phys_to_virt(page);
	struct trampoline_data *data = (void *)(copy + (trampoline_data - trampoline));

	memcpy(copy, trampoline, trampoline_end - trampoline);
	data->jump_offset = page + (trampoline_64 - trampoline);
	data->jump_selector = SEL_CODE;
	data->gdt_limit = sizeof(data->gdt) - 1;
	data->gdt_base = page + ((char *)data->gdt - copy);
	data->cr3 = paging_identity_root();
	data->efer = EFER_LME | (rdmsr(MSR_EFER) & EFER_NXE);
	data->stack = cpu->stack.top;
	data->cpu = cpu;
	data->entry = ap_entry;
	data->gdt[SEL_CODE / 8] = TRAMPOLINE_CODE;
	data->gdt[SEL_DATA / 8] = TRAMPOLINE_DATA;
}

static bool wake(u32 id, u64 trampoline_page)
{
	apic_send_sipi(id, trampoline_page);
	if (wait_phase(AP_ALIVE, SIPI_DELAY_US))
		return true;
	apic_send_sipi(id, trampoline_page);
	return wait_phase(AP_ALIVE, START_TIMEOUT_US);
}

/* INIT has been sent. On failure the CPU is left waiting for a SIPI, so it can't come up late. */
static bool start(struct cpu *cpu, u64 trampoline_page)
{
	u64 warp;

	set_phase(AP_NONE);
	tsc_sync_prepare();
	cpu->state = CPU_STARTING;
	fill_trampoline(trampoline_page, cpu);
	if (!wake(cpu->apic_id, trampoline_page)) {
		log_warn("cpus: APIC id %u does not start, left out", cpu->apic_id);
		apic_send_init(cpu->apic_id);
		return false;
	}
	warp = tsc_sync_lead();
	if (!wait_phase(AP_CHECKED, START_TIMEOUT_US) || warp) {
		if (warp == ~0ull)
			log_warn("cpus: APIC id %u hangs, left out", cpu->apic_id);
		else
			log_warn("cpus: TSC of APIC id %u is off by %lu ticks, left out",
				 cpu->apic_id, (unsigned long)warp);
		__atomic_store_n(&cpu->state, CPU_PARKED, __ATOMIC_RELEASE);
		apic_send_init(cpu->apic_id);
		return false;
	}
	return true;
}

static void start_all(u64 trampoline_page)
{
	for (unsigned i = 0; i < nr_wanted; i++)
		apic_send_init(wanted_id[i]);
	clock_delay_us(INIT_DELAY_US);

	for (unsigned i = 0; i < nr_wanted; i++) {
		struct cpu *cpu = &cpus[nr_online];

		cpu->index = nr_online;
		cpu->apic_id = wanted_id[i];
		if (paging_map_stacks(cpu)) {
			log_warn("cpus: no memory for the stacks of APIC id %u, left out",
				 cpu->apic_id);
			continue;
		}
		if (!start(cpu, trampoline_page))
			continue;
		__atomic_store_n(&nr_online, nr_online + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&cpu->state, CPU_ONLINE, __ATOMIC_RELEASE);
	}
}

unsigned cpus_start(void (*main)(void))
{
	u64 page;

	ap_main = main;
	if (!nr_wanted)
		return nr_cpus();
	page = pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_1MIB, PMEM_CPU);
	if (!page) {
		log_warn("cpus: no free memory below 1 MiB, only the boot CPU is used");
		return nr_cpus();
	}
	if (paging_map_trampoline(page) == FIRN_OK)
		start_all(page);
	else
		log_warn("cpus: no memory for page tables, only the boot CPU is used");
	paging_unmap_trampoline(page);
	pmem_free(page, PAGE_SIZE, PMEM_CPU);
	return nr_cpus();
}

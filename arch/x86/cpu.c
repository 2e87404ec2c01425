/* SPDX-License-Identifier: MIT */
/* Bring-up of one CPU: tables, control registers, stack. */
#include "arch/x86/cpu.h"

#include "arch/x86/interrupts.h"
#include "arch/x86/paging.h"
#include "arch/x86/stack_guard.h"
#include "arch/x86/x86.h"
#include "core/log.h"

#define BOOT_IST_SIZE 4096

struct cpu cpus[MAX_CPUS];

/* Until paging_init() has stacks with guard pages. */
static char boot_ist[IST_STACKS][BOOT_IST_SIZE] __aligned(16);

_Static_assert(offsetof(struct cpu, self) == 0 && offsetof(struct cpu, index) == CPU_INDEX_OFFSET,
	       "where this_cpu() and cpu_index() look");
_Static_assert(offsetof(struct cpu, stack_guard) == STACK_GUARD_OFFSET, "where functions with a "
									"guard look");

void cpu_load_tables(struct cpu *cpu)
{
	cpu->self = cpu;
	if (!cpu->stack_guard) /* functions that have it are under way */
		cpu->stack_guard = stack_guard_new();
	gdt_load(cpu); /* clears the GS base */
	wrmsr(MSR_GS_BASE, (u64)cpu);
	idt_load();
}

void cpu_init_boot(void)
{
	struct cpu *cpu = &cpus[0];

	for (unsigned i = 1; i <= IST_STACKS; i++) {
		cpu->ist[i].bottom = (u64)boot_ist[i - 1];
		cpu->ist[i].top = cpu->ist[i].bottom + BOOT_IST_SIZE;
	}
	cpu->state = CPU_ONLINE;
	cpu_load_tables(cpu);
	cpu_detect_features();
}

static u64 wanted_cr4(void)
{
	const struct cpu_features *f = &cpu_features;

	return CR4_PAE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT | (f->pge ? CR4_PGE : 0) |
	       (f->mce ? CR4_MCE : 0) | (f->xsave ? CR4_OSXSAVE : 0) | (f->smep ? CR4_SMEP : 0) |
	       (f->smap ? CR4_SMAP : 0) | (f->umip ? CR4_UMIP : 0);
}

void cpu_set_control_registers(void)
{
	u64 cr4 = wanted_cr4() | (read_cr4() & CR4_VMXE);

	if (cpu_features.pat)
		wrmsr(MSR_IA32_PAT, HOST_PAT);
	wrmsr(MSR_EFER,
	      (rdmsr(MSR_EFER) & ~EFER_SCE) | EFER_LME | (cpu_features.nx ? EFER_NXE : 0));
	/* Changing PGE drops all cached translations, also global ones (SDM 3A 4.10.4.1). */
	write_cr4(cr4 & ~CR4_PGE);
	write_cr4(cr4);
	/* Some firmware leaves CD and NW set. */
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
}

void cpu_switch_stack(void (*fn)(void))
{
	u64 top = this_cpu()->stack.top;

	BUG_ON(!top);
	__asm__ volatile("mov %0, %%rsp\n"
			 "xor %%ebp, %%ebp\n" /* the end of every back-trace */
			 "call __x86_indirect_thunk_rax\n"
			 "ud2\n"
			 :
			 : "r"(top), "a"(fn)
			 : "memory");
	__builtin_unreachable();
}

void cpu_halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

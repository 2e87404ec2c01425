/* SPDX-License-Identifier: MIT */
/* Host GDT and TSS of one CPU. */
#include "arch/x86/gdt.h"

#include "arch/x86/cpu.h"

/* Flat, present, ring 0, accessed: SDM 3A 3.4.5, 5.2.1. */
#define DESCRIPTOR_CODE64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA	  0x00cf93000000ffffull

#define DESCRIPTOR_P	      BIT(47)
#define DESCRIPTOR_TYPE_TSS64 (9ull << 40) /* available */

static void set_tss_descriptor(struct gdt *gdt, const struct tss *tss)
{
	u64 base = (u64)tss, limit = sizeof(*tss) - 1;

	gdt->entry[3] = limit | (base & 0xffffff) << 16 | DESCRIPTOR_TYPE_TSS64 | DESCRIPTOR_P |
			(base >> 24 & 0xff) << 56;
	gdt->entry[4] = base >> 32;
}

static void load_segments(const struct descriptor_table *table)
{
	__asm__ volatile("lgdt %[table]\n"
			 "pushq %[code]\n"
			 "leaq 1f(%%rip), %%rax\n"
			 "pushq %%rax\n"
			 "lretq\n"
			 "1: mov %[data], %%ds\n"
			 "mov %[data], %%es\n"
			 "mov %[data], %%ss\n"
			 "mov %[null], %%fs\n"
			 "mov %[null], %%gs\n"
			 "lldt %w[null]\n"
			 "ltr %w[tss]\n"
			 :
			 : [table] "m"(*table), [code] "i"(SEL_CODE), [data] "r"(SEL_DATA),
			   [null] "r"(0), [tss] "r"(SEL_TSS)
			 : "rax", "memory");
}

void gdt_load(struct cpu *cpu)
{
	struct descriptor_table table = { sizeof(cpu->gdt) - 1, (u64)&cpu->gdt };

	cpu->gdt.entry[1] = DESCRIPTOR_CODE64;
	cpu->gdt.entry[2] = DESCRIPTOR_DATA;
	set_tss_descriptor(&cpu->gdt, &cpu->tss);
	for (unsigned i = 1; i <= IST_STACKS; i++)
		cpu->tss.ist[i - 1] = cpu->ist[i].top;
	cpu->tss.iomap_base = sizeof(cpu->tss); /* none */
	load_segments(&table);
}

/* SPDX-License-Identifier: MIT */
/* Real mode: instructions that exit, interrupts through the vector table, and the way back. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define REALMODE_BASE 0x8000u
#define TEST_INT      0x60

struct realmode_results {
	u32 cpuid, in, string[2], efer, interrupts, cr0, rsdp, stack, int_offset;
};

extern char realmode_start[], realmode_end[], realmode_results[];
void realmode_enter(void);

static struct realmode_results results;

static void run(void)
{
	struct realmode_results *there =
		(void *)(REALMODE_BASE + (u64)(realmode_results - realmode_start));
	volatile u32 *vector = (volatile u32 *)(TEST_INT * 4ull);

	memcpy((void *)(u64)REALMODE_BASE, realmode_start, realmode_end - realmode_start);
	*vector = (REALMODE_BASE >> 4) << 16 | there->int_offset;
	realmode_enter();
	results = *there;
}

GUEST_TEST(realmode)
{
	u64 efer = rdmsr(MSR_EFER), cr4 = read_cr4();
	u32 id;

	outl(0xcf8, 0x80000000);
	id = inl(0xcfc);
	run();
	check_eq("CPUID in real mode", results.cpuid, cpuid(0x40000000, 0).ebx);
	check_eq("IN in real mode", results.in, id);
	check("REP INS in real mode", results.string[0] == id && results.string[1] == id,
	      "0x%x 0x%x", results.string[0], results.string[1]);
	check_eq("RDMSR in real mode: EFER without LME and LMA",
		 results.efer & (EFER_LME | EFER_LMA), 0);
	check_eq("INT through the vector table", results.interrupts, 1);
	check_eq("CR0 without PE and PG", results.cr0 & (CR0_PE | CR0_PG), 0);
	check_eq("memory at F000:0000", results.rsdp, *(volatile u32 *)0xf0000);
	check_eq("PUSH and POP in real mode", results.stack, 0x12345678);
	check_eq("long mode again: EFER", rdmsr(MSR_EFER), efer);
	check_eq("long mode again: CR4", read_cr4(), cr4);

	run();
	check_eq("a second time", results.stack, 0x12345678);
}

/* SPDX-License-Identifier: MIT */
/* Control registers: reserved bits and rules of SDM 3A 2.5, 4.1 and 4.10, XCR0. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"

#define LEAF1_PCID BIT(17)

static void set_cr0(void *arg)
{
	write_cr0(*(u64 *)arg);
}

static void set_cr3(void *arg)
{
	write_cr3(*(u64 *)arg);
}

static void set_cr4(void *arg)
{
	write_cr4(*(u64 *)arg);
}

static u64 read_cr8(void)
{
	u64 v;

	__asm__ volatile("mov %%cr8, %0" : "=r"(v));
	return v;
}

static void set_cr8(void *arg)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(*(u64 *)arg));
}

static void set_xcr(void *arg)
{
	const u64 *a = arg;

	xsetbv(a[0], a[1]);
}

static void gp(const char *name, void (*fn)(void *), u64 value)
{
	check_fault(name, fn, &value, VECTOR_GP, 0);
}

static void good(const char *name, void (*fn)(void *), u64 value)
{
	check_no_fault(name, fn, &value);
}

static void check_cr0(void)
{
	u64 cr0 = read_cr0();
	u16 msw;

	gp("CR0: bit 32", set_cr0, cr0 | BIT(32));
	gp("CR0: bit 63", set_cr0, cr0 | BIT(63));
	gp("CR0: PG without PE", set_cr0, cr0 & ~(u64)CR0_PE);
	gp("CR0: NW without CD", set_cr0, (cr0 | CR0_NW) & ~(u64)CR0_CD);
	gp("CR0: PG off in 64-bit code", set_cr0, cr0 & ~(u64)CR0_PG);
	good("CR0: WP off", set_cr0, cr0 & ~(u64)CR0_WP);
	check_eq("CR0 without WP reads back", read_cr0(), cr0 & ~(u64)CR0_WP);
	good("CR0: CD on", set_cr0, cr0 | CR0_CD);
	check_eq("CR0 with CD reads back", read_cr0(), cr0 | CR0_CD);
	good("CR0: as it was", set_cr0, cr0);

	good("CR0: TS on", set_cr0, cr0 | CR0_TS);
	__asm__ volatile("clts");
	check_eq("CLTS clears TS", read_cr0(), cr0);
	__asm__ volatile("smsw %0" : "=r"(msw));
	check_eq("SMSW reads CR0", msw, cr0 & 0xffff);
	__asm__ volatile("lmsw %0" : : "r"((u16)(msw | CR0_TS)));
	check_eq("LMSW sets TS", read_cr0(), cr0 | CR0_TS);
	__asm__ volatile("lmsw %0" : : "r"((u16)(msw & ~CR0_PE)));
	check_eq("LMSW cannot clear PE", read_cr0(), cr0);
	good("CR0: as at the start", set_cr0, cr0);
}

static void check_cr3(void)
{
	u64 cr3 = read_cr3(), maxphyaddr = cpuid(0x80000008, 0).eax & 0xff;

	gp("CR3: beyond MAXPHYADDR", set_cr3, cr3 | BIT(maxphyaddr));
	gp("CR3: bit 63 without PCIDE", set_cr3, cr3 | BIT(63));
	good("CR3: the same again", set_cr3, cr3);
	check_eq("CR3 reads back", read_cr3(), cr3);
}

static void check_pcid(void)
{
	u64 cr3 = read_cr3(), cr4 = read_cr4();

	if (!(cpuid(1, 0).ecx & LEAF1_PCID)) {
		gp("CR4: PCIDE without the feature", set_cr4, cr4 | CR4_PCIDE);
		return;
	}
	write_cr3(cr3 | BIT(3)); /* PCD */
	gp("CR4: PCIDE while CR3[11:0] is not 0", set_cr4, cr4 | CR4_PCIDE);
	write_cr3(cr3);
	good("CR4: PCIDE", set_cr4, cr4 | CR4_PCIDE);
	good("CR3: another PCID", set_cr3, cr3 | 5);
	check_eq("CR3 with a PCID reads back", read_cr3(), cr3 | 5);
	good("CR3: without a flush", set_cr3, cr3 | 5 | CR3_NOFLUSH);
	check_eq("CR3's no-flush bit is not kept", read_cr3(), cr3 | 5);
	write_cr3(cr3);
	good("CR4: PCIDE off", set_cr4, cr4);
}

static void check_cr4(void)
{
	u64 cr4 = read_cr4();

	gp("CR4: bit 31", set_cr4, cr4 | BIT(31));
	gp("CR4: bit 63", set_cr4, cr4 | BIT(63));
	gp("CR4: bit 15", set_cr4, cr4 | BIT(15));
	gp("CR4: PAE off in long mode", set_cr4, cr4 & ~(u64)CR4_PAE);
	gp("CR4: VMXE without VMX", set_cr4, cr4 | CR4_VMXE);
	gp("CR4: SMXE without SMX", set_cr4, cr4 | CR4_SMXE);
	gp("CR4: CET without the feature", set_cr4, cr4 | CR4_CET);
	gp("CR4: PKE without the feature", set_cr4, cr4 | CR4_PKE);
	gp("CR4: LA57 in long mode", set_cr4, cr4 ^ CR4_LA57);
	good("CR4: PGE, MCE, DE", set_cr4, cr4 | CR4_PGE | CR4_MCE | CR4_DE);
	check_eq("CR4 reads back", read_cr4(), cr4 | CR4_PGE | CR4_MCE | CR4_DE);
	good("CR4: as it was", set_cr4, cr4);
	check_pcid();
}

static void check_cr8(void)
{
	gp("CR8: bit 4", set_cr8, 0x10);
	gp("CR8: bit 63", set_cr8, BIT(63));
	good("CR8: 15", set_cr8, 15);
	check_eq("CR8 reads back", read_cr8(), 15);
	check_eq("CR8 is the TPR's class", *(volatile u32 *)0xfee00080, 0xf0);
	*(volatile u32 *)0xfee00080 = 0x35;
	check_eq("the TPR's class is CR8", read_cr8(), 3);
	good("CR8: 0", set_cr8, 0);
	check_eq("a CR8 write clears the TPR's sub-class", *(volatile u32 *)0xfee00080, 0);
}

static void check_xcr0(void)
{
	u64 cr4 = read_cr4();
	static u64 bad[][2] = {
		{ 0, 0 },
		{ 0, XCR0_SSE },
		{ 0, XCR0_X87 | XCR0_AVX },
		{ 0, XCR0_X87 | BIT(62) },
		{ 0, XCR0_X87 | BIT(17) },
		{ 1, XCR0_X87 },
	};
	static const char *const names[] = {
		"XCR0: 0",
		"XCR0: without x87",
		"XCR0: AVX without SSE",
		"XCR0: reserved bit",
		"XCR0: AMX without the feature",
		"XCR1",
	};

	check_fault("XSETBV without OSXSAVE", set_xcr, bad[0], VECTOR_UD, 0);
	write_cr4(cr4 | CR4_OSXSAVE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_fault(names[i], set_xcr, bad[i], VECTOR_GP, 0);
	check_eq("XCR0 after refused writes", xgetbv(0), XCR0_X87);
	write_cr4(cr4);
}

GUEST_TEST(cr)
{
	check_cr0();
	check_cr3();
	check_cr4();
	check_cr8();
	check_xcr0();
}

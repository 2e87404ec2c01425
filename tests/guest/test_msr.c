/* SPDX-License-Identifier: MIT */
/* MSRs: unknown ones and reserved bits fault, known ones keep what is written. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"

#define NON_CANONICAL		0x8000000000000000ull
#define PAT_WC_LAST		0x0107040600070406ull
#define PAT_BAD_TYPE		0x0007040600070402ull /* 2 is reserved */
#define MTRR_ENABLE		BIT(11)
#define MTRR_FIXED_ENABLE	BIT(10)
#define MTRR_VALID		BIT(11)
#define MTRR_WB			6
#define MSR_KVM_WALL_CLOCK_OLD	0x11
#define MSR_KVM_SYSTEM_TIME_OLD 0x12
#define MSR_KVM_WALL_CLOCK	0x4b564d00
#define MSR_KVM_SYSTEM_TIME	0x4b564d01
#define MSR_RAPL_POWER_UNIT	0x606
#define MSR_PMC0		0xc1
#define MSR_VM_HSAVE_PA		0xc0010117

static void check_unknown(void)
{
	static const struct {
		const char *read, *write;
		u32 msr;
	} unknown[] = {
		{ "RDMSR of an unknown MSR", "WRMSR of an unknown MSR", 0x12345678 },
		{ "RDMSR of IA32_VMX_BASIC", "WRMSR of IA32_VMX_BASIC", MSR_IA32_VMX_BASIC },
		{ "RDMSR of IA32_S_CET", "WRMSR of IA32_S_CET", MSR_IA32_S_CET },
		{ "RDMSR of IA32_PL0_SSP", "WRMSR of IA32_PL0_SSP", MSR_IA32_PL0_SSP },
		{ "RDMSR of IA32_XSS", "WRMSR of IA32_XSS", MSR_IA32_XSS },
		{ "RDMSR of a RAPL MSR", "WRMSR of a RAPL MSR", MSR_RAPL_POWER_UNIT },
		{ "RDMSR of IA32_PMC0", "WRMSR of IA32_PMC0", MSR_PMC0 },
		{ "RDMSR of VM_HSAVE_PA", "WRMSR of VM_HSAVE_PA", MSR_VM_HSAVE_PA },
		{ "RDMSR of an x2APIC MSR in xAPIC mode", "WRMSR of an x2APIC MSR in xAPIC mode",
		  0x808 },
		{ "RDMSR of KVM's internal MSR", "WRMSR of KVM's internal MSR", 0x4b564dff },
		{ "RDMSR of async page fault", "WRMSR of async page fault", 0x4b564d02 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		check_rdmsr_gp(unknown[i].read, unknown[i].msr);
		check_wrmsr_gp(unknown[i].write, unknown[i].msr, 0);
	}
}

static void check_fault_rip(void)
{
	struct msr_access a = { .msr = 0x12345678 };
	struct fault f = catch_fault(do_rdmsr, &a);
	const u8 *code = (const u8 *)f.rip;

	check("#GP of RDMSR is on the instruction",
	      f.vector == VECTOR_GP && code[0] == 0x0f && code[1] == 0x32, "RIP 0x%llx",
	      (unsigned long long)f.rip);
	f = catch_fault(do_wrmsr, &a);
	code = (const u8 *)f.rip;
	check("#GP of WRMSR is on the instruction",
	      f.vector == VECTOR_GP && code[0] == 0x0f && code[1] == 0x30, "RIP 0x%llx",
	      (unsigned long long)f.rip);
}

static void check_efer(void)
{
	u64 efer = rdmsr(MSR_EFER);

	check_eq("EFER in long mode", efer & (EFER_LME | EFER_LMA | EFER_NXE),
		 EFER_LME | EFER_LMA | EFER_NXE);
	check_wrmsr_gp("EFER: reserved bit", MSR_EFER, efer | BIT(1));
	check_wrmsr_gp("EFER: reserved high bit", MSR_EFER, efer | BIT(40));
	check_wrmsr_gp("EFER: SVME", MSR_EFER, efer | EFER_SVME);
	check_wrmsr_gp("EFER: LME cleared while paging", MSR_EFER, efer & ~(u64)EFER_LME);
	check_msr_keeps("EFER: SCE", MSR_EFER, efer ^ EFER_SCE);
	wrmsr(MSR_EFER, efer & ~(u64)EFER_LMA); /* SDM 3A 2.2.1: writes to LMA are ignored */
	check_eq("EFER: LMA is read-only", rdmsr(MSR_EFER), efer);
}

static void check_kept(void)
{
	check_msr_keeps("PAT: write combining", MSR_IA32_PAT, PAT_WC_LAST);
	check_wrmsr_gp("PAT: reserved type", MSR_IA32_PAT, PAT_BAD_TYPE);
	check_wrmsr_gp("PAT: reserved bits", MSR_IA32_PAT, PAT_RESET_VALUE | BIT(7));
	check_msr_keeps("STAR", MSR_STAR, 0x0123456789abcdefull);
	check_msr_keeps("LSTAR", MSR_LSTAR, 0xffffffff81000000ull);
	check_msr_keeps("CSTAR", MSR_CSTAR, 0xffffffff81000040ull);
	check_msr_keeps("SFMASK", MSR_SFMASK, 0x47700);
	check_msr_keeps("FS_BASE", MSR_FS_BASE, 0x7fff12345678ull);
	check_msr_keeps("GS_BASE", MSR_GS_BASE, 0xffff888000000000ull);
	check_msr_keeps("KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, 0xffff888000001000ull);
	check_msr_keeps("SYSENTER_CS", MSR_IA32_SYSENTER_CS, 0x10);
	check_msr_keeps("SYSENTER_ESP", MSR_IA32_SYSENTER_ESP, 0xfffffe0000001000ull);
	check_msr_keeps("SYSENTER_EIP", MSR_IA32_SYSENTER_EIP, 0xffffffff81001000ull);
	check_wrmsr_gp("LSTAR: not canonical", MSR_LSTAR, NON_CANONICAL);
	check_wrmsr_gp("FS_BASE: not canonical", MSR_FS_BASE, NON_CANONICAL);
	check_wrmsr_gp("KERNEL_GS_BASE: not canonical", MSR_KERNEL_GS_BASE, NON_CANONICAL);
	check_wrmsr_gp("SYSENTER_EIP: not canonical", MSR_IA32_SYSENTER_EIP, NON_CANONICAL);
	if (cpuid(0x80000001, 0).edx & BIT(27)) /* RDTSCP */
		check_msr_keeps("TSC_AUX", MSR_TSC_AUX, 0x12345678);
}

static void check_mtrrs(void)
{
	u64 cap = rdmsr(MSR_IA32_MTRRCAP), def = rdmsr(MSR_IA32_MTRR_DEF_TYPE);

	check("MTRRs: variable ranges", (cap & 0xff) <= 10, "%u", (unsigned)(cap & 0xff));
	check_wrmsr_gp("MTRRCAP is read-only", MSR_IA32_MTRRCAP, cap);
	check_msr_keeps("MTRR default type", MSR_IA32_MTRR_DEF_TYPE,
			MTRR_ENABLE | MTRR_FIXED_ENABLE | MTRR_WB);
	check_wrmsr_gp("MTRR default type: reserved type", MSR_IA32_MTRR_DEF_TYPE, MTRR_ENABLE | 2);
	check_wrmsr_gp("MTRR default type: reserved bits", MSR_IA32_MTRR_DEF_TYPE, def | BIT(12));
	if ((cap & 0xff) == 0)
		return;
	check_msr_keeps("MTRR base", MSR_IA32_MTRR_PHYSBASE0, 0x80000000ull | MTRR_WB);
	check_msr_keeps("MTRR mask", MSR_IA32_MTRR_PHYSBASE0 + 1, 0xf80000000ull | MTRR_VALID);
	check_wrmsr_gp("MTRR base: reserved type", MSR_IA32_MTRR_PHYSBASE0, 3);
	check_wrmsr_gp("MTRR base: reserved bits", MSR_IA32_MTRR_PHYSBASE0, BIT(63) | MTRR_WB);
	check_msr_keeps("fixed MTRR", MSR_IA32_MTRR_FIX64K, 0x0606060606060606ull);
	check_wrmsr_gp("fixed MTRR: reserved type", MSR_IA32_MTRR_FIX64K, 0x02);
}

/* SDM 3B 17.17.3: a write to either moves both. */
static void check_tsc(void)
{
	u64 before = rdtsc(), after;

	if (!check_rdmsr("TSC_ADJUST after reset", MSR_IA32_TSC_ADJUST, 0))
		return;
	wrmsr(MSR_IA32_TSC_ADJUST, BIT(40));
	after = rdtsc();
	check("TSC_ADJUST moves the TSC", after - before >= BIT(40) && after - before < 2 * BIT(40),
	      "by 0x%llx", (unsigned long long)(after - before));
	wrmsr(MSR_IA32_TSC_ADJUST, 0);
	after = rdtsc();
	check("TSC_ADJUST back to 0", after - before < BIT(40), "TSC is off by 0x%llx",
	      (unsigned long long)(after - before));
	wrmsr(MSR_IA32_TSC, before + BIT(41));
	after = rdtsc();
	check("TSC write moves the TSC", after - before - BIT(41) < BIT(40), "TSC is 0x%llx",
	      (unsigned long long)after);
	check("TSC write changes TSC_ADJUST", rdmsr(MSR_IA32_TSC_ADJUST) != 0, "still 0");
	check("RDMSR of the TSC", rdmsr(MSR_IA32_TSC) - after < BIT(40), "not like RDTSC");
	wrmsr(MSR_IA32_TSC_ADJUST, 0);
}

static void check_platform(void)
{
	struct msr_access a = { .msr = MSR_IA32_FEATURE_CONTROL };
	struct fault f = catch_fault(do_rdmsr, &a);

	check("FEATURE_CONTROL: locked without VMX, or absent",
	      f.vector == VECTOR_GP || a.value == FEATURE_CONTROL_LOCKED, "0x%llx",
	      (unsigned long long)a.value);
	a = (struct msr_access){ .msr = MSR_IA32_BIOS_SIGN_ID };
	check_no_fault("BIOS_SIGN_ID can be read", do_rdmsr, &a);
	a = (struct msr_access){ .msr = MSR_IA32_MISC_ENABLE };
	check_no_fault("MISC_ENABLE can be read", do_rdmsr, &a);
	check("MISC_ENABLE: fast strings", a.value & MISC_ENABLE_FAST_STRING, "0x%llx",
	      (unsigned long long)a.value);
	check_wrmsr_gp("APIC_BASE: reserved bits", MSR_IA32_APIC_BASE,
		       rdmsr(MSR_IA32_APIC_BASE) | 1);
	check_wrmsr_gp("APIC_BASE: address beyond physical memory", MSR_IA32_APIC_BASE,
		       rdmsr(MSR_IA32_APIC_BASE) | BIT(62));
	check_eq("APIC_BASE after reset", rdmsr(MSR_IA32_APIC_BASE),
		 0xfee00000ull | APIC_BASE_BSP | APIC_BASE_ENABLE);
}

static void check_kvm_clock(void)
{
	check_msr_keeps("KVM system time, disabled", MSR_KVM_SYSTEM_TIME, 0x1000);
	check_msr_keeps("old KVM system time, disabled", MSR_KVM_SYSTEM_TIME_OLD, 0x1000);
	check_rdmsr("KVM wall clock", MSR_KVM_WALL_CLOCK, 0);
	check_rdmsr("old KVM wall clock", MSR_KVM_WALL_CLOCK_OLD, 0);
}

GUEST_TEST(msr)
{
	check_unknown();
	check_fault_rip();
	check_efer();
	check_kept();
	check_mtrrs();
	check_tsc();
	check_platform();
	check_kvm_clock();
}

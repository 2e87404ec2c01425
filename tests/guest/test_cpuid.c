/* SPDX-License-Identifier: MIT */
/* CPUID: the hypervisor's identity, what is hidden, and bits that follow registers. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define LEAF_KVM	 0x40000000
#define LEAF_FEATURES	 0x40000001
#define LEAF_TIMING	 0x40000010
#define KVM_FEATURES	 (BIT(0) | BIT(1) | BIT(3) | BIT(24)) /* clocks, no I/O delay, stable */
#define LEAF1_APIC	 BIT(9)
#define LEAF1_OSXSAVE	 BIT(27)
#define LEAF1_XSAVE	 BIT(26)
#define XSAVE_HEADER_END 576 /* legacy area and header, SDM 1 13.4 */

static void set_cr4(void *arg)
{
	write_cr4(*(u64 *)arg);
}

static void set_xcr0(void *arg)
{
	xsetbv(0, *(u64 *)arg);
}

static void check_identity(void)
{
	struct cpuid_regs r = cpuid(LEAF_KVM, 0);
	char name[13] = { 0 };

	memcpy(name, &r.ebx, 4);
	memcpy(name + 4, &r.ecx, 4);
	memcpy(name + 8, &r.edx, 4);
	check("KVM signature", memcmp(name, "KVMKVMKVM\0\0", 12) == 0, "'%s'", name);
	check("KVM leaves reach the timing leaf", r.eax >= LEAF_TIMING, "0x%x", r.eax);
	check_eq("hypervisor bit", cpuid(1, 0).ecx >> 31, 1);
	r = cpuid(LEAF_FEATURES, 0);
	check_eq("KVM features: clock and no I/O delay", r.eax & KVM_FEATURES, KVM_FEATURES);
	check_eq("KVM features: hypercalls that are not offered",
		 r.eax & (BIT(4) | BIT(10) | BIT(14)), 0);
	r = cpuid(LEAF_TIMING, 0);
	check("timing leaf has both frequencies", r.eax && r.ebx, "TSC %u kHz, APIC %u kHz", r.eax,
	      r.ebx);
}

static void check_hidden(void)
{
	static const struct {
		const char *name;
		u32 leaf, subleaf;
		unsigned reg, bit; /* reg: 0..3 = EAX..EDX */
	} hidden[] = {
		{ "VMX is hidden", 1, 0, 2, 5 },      { "SMX is hidden", 1, 0, 2, 6 },
		{ "MONITOR is hidden", 1, 0, 2, 3 },  { "FSRM is hidden", 7, 0, 3, 4 },
		{ "PKU is hidden", 7, 0, 2, 3 },      { "shadow stacks are hidden", 7, 0, 2, 7 },
		{ "IBT is hidden", 7, 0, 3, 20 },     { "SGX is hidden", 7, 0, 1, 2 },
		{ "XSAVES is hidden", 0xd, 1, 0, 3 }, { "SVM is hidden", 0x80000001, 0, 2, 2 },
		{ "HLE is hidden", 7, 0, 1, 4 },      { "RTM is hidden", 7, 0, 1, 11 },
		{ "WAITPKG is hidden", 7, 0, 2, 5 },  { "AMX is hidden", 7, 0, 3, 24 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		struct cpuid_regs r = cpuid(hidden[i].leaf, hidden[i].subleaf);
		const u32 *regs = &r.eax;

		check_eq(hidden[i].name, regs[hidden[i].reg] >> hidden[i].bit & 1, 0);
	}
	for (u32 leaf = 0x15; leaf <= 0x16; leaf++) {
		struct cpuid_regs r = cpuid(leaf, 0);

		check(leaf == 0x15 ? "TSC leaf 15h is hidden" : "frequency leaf 16h is hidden",
		      cpuid(0, 0).eax < leaf || !(r.eax | r.ebx | r.ecx | r.edx),
		      "0x%x 0x%x 0x%x 0x%x", r.eax, r.ebx, r.ecx, r.edx);
	}
	check_eq("no performance counters", cpuid(0xa, 0).eax & 0xff, 0);
}

static void check_apic_bit(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE);

	check_eq("APIC bit while APIC_BASE enables it", !!(cpuid(1, 0).edx & LEAF1_APIC), 1);
	wrmsr(MSR_IA32_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE);
	check_eq("APIC bit while APIC_BASE disables it", !!(cpuid(1, 0).edx & LEAF1_APIC), 0);
	wrmsr(MSR_IA32_APIC_BASE, base);
	check_eq("APIC bit after APIC_BASE enables it again", !!(cpuid(1, 0).edx & LEAF1_APIC), 1);
}

static void check_xsave(void)
{
	u64 cr4 = read_cr4(), on = cr4 | CR4_OSXSAVE, off = cr4 & ~(u64)CR4_OSXSAVE, xcr0;
	u32 only_sse, all;

	if (!check("XSAVE is offered", cpuid(1, 0).ecx & LEAF1_XSAVE, "leaf 1 ECX 0x%x",
		   cpuid(1, 0).ecx))
		return;
	set_cr4(&off);
	check_eq("OSXSAVE is clear without CR4.OSXSAVE", !!(cpuid(1, 0).ecx & LEAF1_OSXSAVE), 0);
	if (!check_no_fault("CR4.OSXSAVE can be set", set_cr4, &on))
		return;
	check_eq("OSXSAVE follows CR4.OSXSAVE", !!(cpuid(1, 0).ecx & LEAF1_OSXSAVE), 1);

	xcr0 = XCR0_X87;
	check_no_fault("XCR0 = x87", set_xcr0, &xcr0);
	check_eq("XSAVE size for x87", cpuid(0xd, 0).ebx, XSAVE_HEADER_END);
	xcr0 = XCR0_X87 | XCR0_SSE;
	check_no_fault("XCR0 = x87, SSE", set_xcr0, &xcr0);
	only_sse = cpuid(0xd, 0).ebx;
	check_eq("XSAVE size for SSE", only_sse, XSAVE_HEADER_END);
	xcr0 = cpuid(0xd, 0).eax;
	check_no_fault("XCR0 = all that is offered", set_xcr0, &xcr0);
	all = cpuid(0xd, 0).ebx;
	check_eq("XSAVE size for all", all, cpuid(0xd, 0).ecx);
	check("XSAVE size grows with AVX", !(xcr0 & XCR0_AVX) || all >= only_sse + 256,
	      "%u after %u", all, only_sse);
	check_eq("XGETBV reads what was set", xgetbv(0), xcr0);
	xcr0 = XCR0_X87;
	set_xcr0(&xcr0);
	write_cr4(cr4);
}

GUEST_TEST(cpuid)
{
	check_identity();
	check_hidden();
	check_apic_bit();
	check_xsave();
	check("x2APIC is offered", cpuid(1, 0).ecx & BIT(21), "leaf 1 ECX 0x%x", cpuid(1, 0).ecx);
	check("TSC deadline is offered", cpuid(1, 0).ecx & BIT(24), "leaf 1 ECX 0x%x",
	      cpuid(1, 0).ecx);
	check_eq("initial APIC id", cpuid(1, 0).ebx >> 24, 0);
	check_eq("x2APIC id in leaf 0Bh", cpuid(0xb, 0).edx, 0);
	check_eq("leaves beyond the KVM range are no hypervisor",
		 cpuid(0x40000100, 0).ebx == 0x4b4d564b, 0);
}

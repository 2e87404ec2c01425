/* SPDX-License-Identifier: MIT */
/*
 * Control-flow enforcement (SDM 1 chapter 17): its MSRs and control bits, shadow stacks and branch
 * tracking at CPL 0 and 3, each with code that follows the rules and code that breaks them. In a VM
 * without CET: none of it is there.
 */
#include "arch/x86/cpuid_bits.h"
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/segments.h"
#include "tests/guest/lib/window.h"

#define NON_CANONICAL	 0x8000000000000000ull
#define SHADOW_PAGE	 2 /* of the window */
#define USER_SHADOW_PAGE 3
#define FRESH_PAGE	 4
#define FRESH_SHADOW	 (20ull * MiB)
#define FRESH_STACK	 (24ull * MiB)
#define TSS_RSP0	 4
#define STACK_ENTRIES	 (PAGE_SIZE / 8)
#define TOKEN		 (STACK_ENTRIES - 1) /* of the supervisor's shadow stack, at its top */
#define TOKEN_BUSY	 1
#define CET_NO_TRACK_EN	 BIT(4)
#define CP_NEAR_RETURN	 1 /* error codes of #CP, SDM 1 17.3.5 */
#define CP_FAR_RETURN	 2
#define CP_ENDBRANCH	 3
#define CP_RSTORSSP	 4
#define CP_SETSSBSY	 5
#define VECTOR_TAMPER	 0x61
#define VECTOR_IPI	 0x62
#define VECTOR_EMPTY	 0x63

static const u32 cet_msrs[] = { MSR_IA32_U_CET,	     MSR_IA32_S_CET,   MSR_IA32_PL0_SSP,
				MSR_IA32_PL1_SSP,    MSR_IA32_PL2_SSP, MSR_IA32_PL3_SSP,
				MSR_IA32_INT_SSP_TAB };

extern u64 guest_gdt[];
extern u64 cet_vector, cet_error, cet_rip, cet_ssp, cet_shadow;
extern u32 cet_s_cet, cet_interrupts;
bool cet_supervisor(void (*fn)(void), u64 s_cet);
void cet_catch_6(void);
void cet_catch_13(void);
void cet_catch_14(void);
void cet_catch_21(void);
void cet_interrupt(void);
void cet_tamper(void);
void cet_empty_interrupt(void);
void cet_nothing(void);
void cet_calls(void);
void cet_exits(void);
void cet_near_return(void);
void cet_far_return(void);
void cet_interrupt_return(void);
void cet_jump(void);
void cet_notrack_jump(void);
void cet_call_bad(void);
void cet_restore(void);
void cet_set_busy(void);
void cet_write_shadow(void);
void cet_write_ordinary(void);
void cet_store(void);
void cet_bad_rdmsr(void);
void cet_user_calls(void);
void cet_user_near_return(void);
void cet_user_far_return(void);
void cet_user_jump(void);
void cet_user_store(void);

static u64 shadow[STACK_ENTRIES] __aligned(4096), user_shadow[STACK_ENTRIES] __aligned(4096);

static bool has(u32 feature)
{
	struct cpuid_regs r = cpuid(CPUID_FEATURE_LEAF(feature), CPUID_FEATURE_SUBLEAF(feature));
	u32 reg[4] = { r.eax, r.ebx, r.ecx, r.edx };

	return reg[CPUID_FEATURE_REG(feature)] >> CPUID_FEATURE_BIT(feature) & 1;
}

static void set_cr0(void *arg)
{
	write_cr0(*(u64 *)arg);
}

static void set_cr4(void *arg)
{
	write_cr4(*(u64 *)arg);
}

static void check_absent(void)
{
	u64 cr4 = read_cr4() | CR4_CET;

	for (unsigned i = 0; i < ARRAY_SIZE(cet_msrs); i++) {
		check_rdmsr_gp("without CET: RDMSR", cet_msrs[i]);
		check_wrmsr_gp("without CET: WRMSR", cet_msrs[i], 0);
	}
	check_fault("without CET: CR4.CET", set_cr4, &cr4, VECTOR_GP, 0);
	check("without CET: no XSAVES", !has(X86_FEATURE_XSAVES), "it is offered");
	check("without CET: no branch tracking", !has(X86_FEATURE_IBT), "it is offered");
}

static void check_control_msr(u32 msr)
{
	const u64 all = 0x3f | CET_SUPPRESS | 0x123456000ull;

	check_rdmsr("control: 0 after reset", msr, 0);
	check_msr_keeps("control: every bit that there is", msr, all);
	check_msr_keeps("control: tracker", msr, CET_TRACKER);
	for (unsigned bit = 6; bit <= 9; bit++)
		check_wrmsr_gp("control: reserved bit", msr, BIT(bit));
	check_wrmsr_gp("control: SUPPRESS and TRACKER", msr, CET_SUPPRESS | CET_TRACKER);
	check_wrmsr_gp("control: not canonical", msr, NON_CANONICAL);
	check_rdmsr("control: bad values are not kept", msr, 0);
}

static void check_msrs(void)
{
	check_control_msr(MSR_IA32_U_CET);
	check_control_msr(MSR_IA32_S_CET);
	for (u32 msr = MSR_IA32_PL0_SSP; msr <= MSR_IA32_PL3_SSP; msr++) {
		check_rdmsr("SSP: 0 after reset", msr, 0);
		check_msr_keeps("SSP: multiple of 4", msr, 0xffff800012345674ull);
		check_wrmsr_gp("SSP: bit 0", msr, 1);
		check_wrmsr_gp("SSP: bit 1", msr, 2);
		check_wrmsr_gp("SSP: not canonical", msr, NON_CANONICAL);
		check_rdmsr("SSP: bad values are not kept", msr, 0);
	}
	check_rdmsr("interrupt SSP table: 0 after reset", MSR_IA32_INT_SSP_TAB, 0);
	check_msr_keeps("interrupt SSP table: any alignment", MSR_IA32_INT_SSP_TAB, 0x12345);
	check_wrmsr_gp("interrupt SSP table: not canonical", MSR_IA32_INT_SSP_TAB, NON_CANONICAL);
	check_rdmsr_gp("no MSR between U_CET and S_CET", MSR_IA32_U_CET + 1);
	check_rdmsr_gp("no MSR between S_CET and PL0_SSP", MSR_IA32_S_CET + 1);
}

static void check_control_registers(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), no_wp = cr0 & ~(u64)CR0_WP, cet = cr4 | CR4_CET;

	write_cr0(no_wp);
	check_fault("CR4.CET without CR0.WP", set_cr4, &cet, VECTOR_GP, 0);
	check_eq("CR4 is as it was", read_cr4(), cr4);
	write_cr0(cr0);
	check_no_fault("CR4.CET with CR0.WP", set_cr4, &cet);
	check_eq("CR4.CET reads back", read_cr4(), cet);
	check_fault("CR0.WP off with CR4.CET", set_cr0, &no_wp, VECTOR_GP, 0);
	check_eq("CR0 is as it was", read_cr0(), cr0);
}

static void check_xstate(void)
{
	u32 xss = cpuid(0xd, 1).ecx;

	check("XSS has both components of CET, or none and there is no XSAVES",
	      has(X86_FEATURE_XSAVES) ? (xss & XSS_CET) == XSS_CET : xss == 0, "XSS bits 0x%x",
	      xss);
}

struct gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, reserved;
};

static const struct {
	u8 vector;
	void (*entry)(void);
} entries[] = {
	{ VECTOR_UD, cet_catch_6 },
	{ VECTOR_GP, cet_catch_13 },
	{ VECTOR_PF, cet_catch_14 },
	{ VECTOR_CP, cet_catch_21 },
	{ VECTOR_TAMPER, cet_tamper },
	{ VECTOR_IPI, cet_interrupt },
	{ VECTOR_EMPTY, cet_empty_interrupt },
};
static struct gate library_gates[ARRAY_SIZE(entries)];

static struct gate *idt(void)
{
	struct {
		u16 limit;
		struct gate *base;
	} __packed idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	return idtr.base;
}

static void take_gates(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
		struct gate *gate = &idt()[entries[i].vector];
		u64 at = (u64)entries[i].entry;

		library_gates[i] = *gate;
		gate->offset_low = (u16)at;
		gate->offset_mid = (u16)(at >> 16);
		gate->offset_high = (u32)(at >> 32);
	}
}

static void give_gates_back(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
		idt()[entries[i].vector] = library_gates[i];
}

/* A new shadow stack, with a token that is not busy (SDM 1 17.2.3). */
static void prepare_shadow(void)
{
	char *page = window_map(SHADOW_PAGE, (u64)shadow | PTE_P | PTE_A | PTE_D);

	for (unsigned i = 0; i < STACK_ENTRIES; i++)
		shadow[i] = 0;
	shadow[TOKEN] = (u64)page + TOKEN * sizeof(u64);
	wrmsr(MSR_IA32_PL0_SSP, shadow[TOKEN]);
	cet_shadow = (u64)page;
}

static void supervisor_good(const char *name, void (*fn)(void), u64 s_cet)
{
	bool left;

	prepare_shadow();
	left = cet_supervisor(fn, s_cet);
	check(name, !left, "vector %llu error 0x%llx RIP 0x%llx", (unsigned long long)cet_vector,
	      (unsigned long long)cet_error, (unsigned long long)cet_rip);
}

static void supervisor_bad(const char *name, void (*fn)(void), u64 s_cet, u64 vector, u64 error)
{
	bool left;

	prepare_shadow();
	left = cet_supervisor(fn, s_cet);
	check(name, left && cet_vector == vector && cet_error == error,
	      "%s: vector %llu error 0x%llx, expected %llu error 0x%llx",
	      left ? "left" : "returned", (unsigned long long)cet_vector,
	      (unsigned long long)cet_error, (unsigned long long)vector, (unsigned long long)error);
}

/* What an exception pushes at the same privilege: CS, LIP, SSP (SDM 1 17.2.5). */
static void check_pushed_frame(const char *name)
{
	u64 index = (cet_ssp - cet_shadow) / sizeof(u64);

	check(name,
	      index + 2 < STACK_ENTRIES && shadow[index + 1] == cet_rip &&
		      shadow[index + 2] == GUEST_CS64,
	      "SSP 0x%llx, LIP 0x%llx, RIP 0x%llx", (unsigned long long)cet_ssp,
	      (unsigned long long)shadow[(index + 1) % STACK_ENTRIES], (unsigned long long)cet_rip);
}

static void check_shadow_stack(void)
{
	const u64 on = CET_SH_STK_EN;

	supervisor_good("shadow stack: calls and returns, near and far", cet_calls, on);
	check_eq("shadow stack: SETSSBSY makes the token busy", shadow[TOKEN] & TOKEN_BUSY,
		 TOKEN_BUSY);
	cet_interrupts = 0;
	supervisor_good("shadow stack: exits and an interrupt", cet_exits, on);
	check_eq("shadow stack: the interrupt came", cet_interrupts, 1);
	supervisor_bad("shadow stack: near return tampered with", cet_near_return, on, VECTOR_CP,
		       CP_NEAR_RETURN);
	check_pushed_frame("shadow stack: #CP pushes its frame");
	supervisor_bad("shadow stack: far return tampered with", cet_far_return, on, VECTOR_CP,
		       CP_FAR_RETURN);
	supervisor_bad("shadow stack: IRET tampered with", cet_interrupt_return, on, VECTOR_CP,
		       CP_FAR_RETURN);
	supervisor_bad("shadow stack: RSTORSSP without a token", cet_restore, on, VECTOR_CP,
		       CP_RSTORSSP);
	supervisor_bad("shadow stack: SETSSBSY of a busy token", cet_set_busy, on, VECTOR_CP,
		       CP_SETSSBSY);
	supervisor_bad("shadow stack: an ordinary store", cet_store, on, VECTOR_PF,
		       PFERR_PRESENT | PFERR_WRITE);
	supervisor_bad("shadow stack: WRSS without WR_SHSTK_EN", cet_write_shadow, on, VECTOR_UD,
		       0);
	supervisor_good("shadow stack: WRSS", cet_write_shadow, on | CET_WR_SHSTK_EN);
	check_eq("shadow stack: WRSS writes it", shadow[0], 0x1234);
	supervisor_bad("shadow stack: WRSS to ordinary memory", cet_write_ordinary,
		       on | CET_WR_SHSTK_EN, VECTOR_PF, PFERR_PRESENT | PFERR_WRITE | PFERR_SS);
	supervisor_bad("shadow stack: an exception that the hypervisor injects", cet_bad_rdmsr, on,
		       VECTOR_GP, 0);
	check_pushed_frame("shadow stack: an injected exception pushes its frame");
}

static void check_branch_tracking(void)
{
	const u64 on = CET_ENDBR_EN;

	supervisor_good("branch tracking: indirect calls to ENDBR64", cet_calls, on);
	cet_interrupts = 0;
	supervisor_good("branch tracking: exits and an interrupt", cet_exits, on);
	check_eq("branch tracking: the interrupt came", cet_interrupts, 1);
	supervisor_bad("branch tracking: jump to no ENDBR64", cet_jump, on, VECTOR_CP,
		       CP_ENDBRANCH);
	supervisor_bad("branch tracking: call to no ENDBR64", cet_call_bad, on, VECTOR_CP,
		       CP_ENDBRANCH);
	supervisor_bad("branch tracking: NOTRACK without NO_TRACK_EN", cet_notrack_jump, on,
		       VECTOR_CP, CP_ENDBRANCH);
	supervisor_good("branch tracking: NOTRACK", cet_notrack_jump, on | CET_NO_TRACK_EN);
	supervisor_bad("branch tracking: an exception that the hypervisor injects", cet_bad_rdmsr,
		       on, VECTOR_GP, 0);
	supervisor_good("both: calls and returns", cet_calls, on | CET_SH_STK_EN);
	supervisor_good("both: exits and an interrupt", cet_exits, on | CET_SH_STK_EN);
	supervisor_good("neither: a jump to no ENDBR64", cet_jump, 0);
}

struct user_case {
	void (*fn)(void);
	u64 u_cet;
};

static void user(void *arg)
{
	const struct user_case *c = arg;
	char *page =
		window_map(USER_SHADOW_PAGE, (u64)user_shadow | PTE_P | PTE_US | PTE_A | PTE_D);

	cet_shadow = (u64)page;
	wrmsr(MSR_IA32_PL3_SSP, (u64)page + PAGE_SIZE);
	wrmsr(MSR_IA32_U_CET, c->u_cet);
	run_user(c->fn, 0);
}

static void user_good(const char *name, void (*fn)(void), u64 u_cet)
{
	struct user_case c = { fn, u_cet };

	check_no_fault(name, user, &c);
	wrmsr(MSR_IA32_U_CET, 0);
}

static void user_bad(const char *name, void (*fn)(void), u64 u_cet, int vector, u64 error)
{
	struct user_case c = { fn, u_cet };

	check_fault(name, user, &c, vector, error);
}

static void check_user(void)
{
	user_good("CPL 3: calls and returns", cet_user_calls, CET_SH_STK_EN | CET_ENDBR_EN);
	check_eq("CPL 3: SSP is kept in PL3_SSP", rdmsr(MSR_IA32_PL3_SSP), cet_shadow + PAGE_SIZE);
	user_bad("CPL 3: near return tampered with", cet_user_near_return, CET_SH_STK_EN, VECTOR_CP,
		 CP_NEAR_RETURN);
	check_eq("CPL 3: SSP is that of the fault", rdmsr(MSR_IA32_PL3_SSP),
		 cet_shadow + PAGE_SIZE - sizeof(u64));
	user_bad("CPL 3: far return tampered with", cet_user_far_return, CET_SH_STK_EN, VECTOR_CP,
		 CP_FAR_RETURN);
	user_bad("CPL 3: jump to no ENDBR64", cet_user_jump, CET_ENDBR_EN, VECTOR_CP, CP_ENDBRANCH);
	check_eq("CPL 3: the tracker waits for ENDBR64", rdmsr(MSR_IA32_U_CET) & CET_TRACKER,
		 CET_TRACKER);
	user_bad("CPL 3: an ordinary store to the shadow stack", cet_user_store, CET_SH_STK_EN,
		 VECTOR_PF, PFERR_PRESENT | PFERR_WRITE | PFERR_USER);
	user_good("CPL 3: none of it without U_CET", cet_user_near_return, 0);
	user_good("CPL 3: a jump to no ENDBR64 without U_CET", cet_user_jump, 0);
}

/* Where the CPU finds the stack for exceptions at CPL 3 (SDM 3A 7.7). */
static u64 *ring0_stack_pointer(void)
{
	const u64 *d = &guest_gdt[GUEST_TSS / 8];
	u64 base = (d[0] >> 16 & 0xffffff) | d[0] >> 56 << 24 | d[1] << 32;

	return (u64 *)(base + TSS_RSP0);
}

/*
 * Memory that was never touched: the hypervisor maps it when an exception's delivery or a call
 * pushes there, and what was interrupted is done again, #CP with its error code.
 */
static void check_untouched_memory(void)
{
	u64 *rsp0 = ring0_stack_pointer(), old;
	char *page = window_map(FRESH_PAGE, FRESH_SHADOW | PTE_P | PTE_A | PTE_D);

	memcpy(&old, rsp0, sizeof(old));
	memcpy(rsp0, &(u64){ FRESH_STACK + PAGE_SIZE }, sizeof(old));
	user_bad("untouched stack: #CP is delivered with its error code", cet_user_near_return,
		 CET_SH_STK_EN, VECTOR_CP, CP_NEAR_RETURN);
	memcpy(rsp0, &old, sizeof(old));
	wrmsr(MSR_IA32_U_CET, 0);

	window_map(FRESH_PAGE + 1, (u64)shadow | PTE_P | PTE_A | PTE_D);
	shadow[0] = (u64)page + PAGE_SIZE;
	wrmsr(MSR_IA32_PL0_SSP, shadow[0]);
	take_gates();
	check("untouched shadow stack: a tampered return is found",
	      cet_supervisor(cet_near_return, CET_SH_STK_EN) && cet_vector == VECTOR_CP &&
		      cet_error == CP_NEAR_RETURN,
	      "vector %llu error 0x%llx", (unsigned long long)cet_vector,
	      (unsigned long long)cet_error);
	give_gates_back();
}

GUEST_TEST(cet)
{
	char expected[8];
	u64 cr4 = read_cr4();

	guest_option("cet", expected, sizeof(expected));
	check("CET is there if it was asked for", has(X86_FEATURE_SHSTK) == (expected[0] == 'y'),
	      "asked for: %s", expected);
	if (!has(X86_FEATURE_SHSTK)) {
		check_absent();
		return;
	}
	apic_init();
	window_init();
	check_msrs();
	check_xstate();
	check_control_registers();
	take_gates();
	check_shadow_stack();
	check_branch_tracking();
	give_gates_back();
	check_user();
	check_untouched_memory();
	write_cr4(cr4);
	check_eq("CR4.CET can be cleared", read_cr4(), cr4);
}

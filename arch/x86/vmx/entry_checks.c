/* SPDX-License-Identifier: MIT */
/* The checks of SDM 3C 26.2 (controls, host state) and 26.3 (guest state), as far as Firn can break them. */
#include "arch/x86/vmx/entry_checks.h"

#include "arch/x86/guest_cet.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "arch/x86/regs.h"
#include "arch/x86/vmx/caps.h"

/* One run of checks: rules report themselves when their condition is false. */
struct check {
	vmcs_source read;
	void (*report)(void *ctx, const char *rule);
	void *ctx;
	unsigned violated;
};

static void require(struct check *c, bool holds, const char *rule)
{
	if (holds)
		return;
	c->violated++;
	c->report(c->ctx, rule);
}

static bool controls_ok(u64 value, enum vmx_control ctl)
{
	u64 allowed = vmx_caps.control[ctl];

	return !((u32)allowed & ~value) && !(value & ~(allowed >> 32));
}

static bool page_aligned(u64 pa)
{
	return !(pa & ~PAGE_MASK);
}

static bool pat_ok(u64 pat)
{
	for (unsigned i = 0; i < 8; i++, pat >>= 8) {
		u8 type = (u8)pat;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/* Bits of counters that guests can have; hosts may have more. */
#define COUNTER_BITS ((BIT(PMU_MAX_GP) - 1) | (BIT(PMU_MAX_FIXED) - 1) << 32)

static void check_apic_controls(struct check *c, u64 proc, u64 proc2)
{
	const u64 needs_tpr = PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPT;

	if (proc & PROC_TPR_SHADOW)
		require(c, page_aligned(c->read(VIRTUAL_APIC_PAGE)),
			"virtual-APIC address not page-aligned (26.2.1.1)");
	else
		require(c, !(proc2 & needs_tpr),
			"APIC virtualization without TPR shadow (26.2.1.1)");
	if (proc2 & PROC2_APIC_ACCESSES)
		require(c, page_aligned(c->read(APIC_ACCESS_PAGE)),
			"APIC-access address not page-aligned (26.2.1.1)");
	require(c, !(proc2 & PROC2_X2APIC) || !(proc2 & PROC2_APIC_ACCESSES),
		"virtualize x2APIC mode and virtualize APIC accesses are both 1 (26.2.1.1)");
	require(c,
		!(proc2 & PROC2_VIRTUAL_INTERRUPT) ||
			(c->read(PIN_BASED_CONTROLS) & PIN_EXTERNAL_INTERRUPT),
		"virtual-interrupt delivery without external-interrupt exiting (26.2.1.1)");
}

static void check_execution_controls(struct check *c)
{
	u64 pin = c->read(PIN_BASED_CONTROLS), proc = c->read(PROC_BASED_CONTROLS);
	u64 proc2 = proc & PROC_SECONDARY ? c->read(PROC_BASED_CONTROLS2) : 0;

	require(c, controls_ok(pin, CTL_PIN), "pin-based controls: reserved bits (26.2.1.1)");
	require(c, controls_ok(proc, CTL_PROC),
		"processor-based controls: reserved bits (26.2.1.1)");
	require(c, !proc2 || controls_ok(proc2, CTL_PROC2),
		"secondary processor-based controls: reserved bits (26.2.1.1)");
	require(c, c->read(CR3_TARGET_COUNT) <= 4, "CR3-target count above 4 (26.2.1.1)");
	require(c,
		!(proc & PROC_IO_BITMAPS) ||
			(page_aligned(c->read(IO_BITMAP_A)) && page_aligned(c->read(IO_BITMAP_B))),
		"I/O bitmap address not page-aligned (26.2.1.1)");
	require(c, !(proc & PROC_MSR_BITMAPS) || page_aligned(c->read(MSR_BITMAP)),
		"MSR bitmap address not page-aligned (26.2.1.1)");
	require(c, (pin & PIN_NMI) || !(pin & PIN_VIRTUAL_NMI),
		"virtual NMIs without NMI exiting (26.2.1.1)");
	require(c, (pin & PIN_VIRTUAL_NMI) || !(proc & PROC_NMI_WINDOW),
		"NMI-window exiting without virtual NMIs (26.2.1.1)");
	require(c, !(proc2 & PROC2_VPID) || c->read(VPID) != 0, "VPID is 0 (26.2.1.1)");
	require(c, !(proc2 & PROC2_UNRESTRICTED) || (proc2 & PROC2_EPT),
		"unrestricted guest without EPT (26.2.1.1)");
	if (proc2 & PROC2_EPT)
		require(c,
			(c->read(EPT_POINTER) & 0x7) == 6 && ((c->read(EPT_POINTER) >> 3) & 7) == 3,
			"EPT pointer: memory type or walk length (26.2.1.1)");
	check_apic_controls(c, proc, proc2);
}

/* SDM 3C 26.2.1.3 */
static void check_injection(struct check *c)
{
	u64 info = c->read(ENTRY_INTERRUPTION_INFO);
	u32 type = (u32)info & INTR_INFO_TYPE, vector = (u32)info & INTR_INFO_VECTOR;
	bool protected = c->read(GUEST_CR0) & CR0_PE;
	bool wants_error = type == INTR_TYPE_HW_EXCEPTION && protected && vector < 32 &&
			   (VECTORS_WITH_ERROR_CODE & ~BIT(VECTOR_CP) & BIT(vector));

	if (!(info & INTR_INFO_VALID))
		return;
	require(c, type != (1u << 8), "event injection: reserved interruption type (26.2.1.3)");
	require(c, type != INTR_TYPE_NMI || vector == VECTOR_NMI,
		"event injection: NMI with a vector other than 2 (26.2.1.3)");
	require(c, type != INTR_TYPE_HW_EXCEPTION || vector < 32,
		"event injection: exception vector above 31 (26.2.1.3)");
	require(c,
		(vmx_caps.basic & VMX_BASIC_ANY_ERROR_CODE) ||
			wants_error == !!(info & INTR_INFO_ERROR_CODE),
		"event injection: error code does not fit the vector (26.2.1.3)");
	require(c, !(info & 0x7ffff000u & ~(u32)INTR_INFO_VALID),
		"event injection: reserved bits 30:12 (26.2.1.3)");
	require(c, type < INTR_TYPE_SW_INTERRUPT || (c->read(ENTRY_INSTRUCTION_LENGTH) - 1) < 15,
		"event injection: instruction length not 1..15 (26.2.1.3)");
}

unsigned vmx_check_controls(vmcs_source read, void (*report)(void *ctx, const char *rule),
			    void *ctx)
{
	struct check c = { read, report, ctx, 0 };

	check_execution_controls(&c);
	require(&c, controls_ok(read(EXIT_CONTROLS), CTL_EXIT),
		"VM-exit controls: reserved bits (26.2.1.2)");
	require(&c, controls_ok(read(ENTRY_CONTROLS), CTL_ENTRY),
		"VM-entry controls: reserved bits (26.2.1.3)");
	check_injection(&c);
	return c.violated;
}

/* SDM 3C 26.2.2 and 26.3.1.1 have the same rules for both. */
struct cet_fields {
	enum vmcs_field s_cet, ssp, table;
	const char *bad_s_cet, *bad_ssp, *bad_table;
};

static void check_cet(struct check *c, const struct cet_fields *f)
{
	require(c, cet_control_valid(c->read(f->s_cet), true, true), f->bad_s_cet);
	require(c, cet_ssp_valid(c->read(f->ssp)), f->bad_ssp);
	require(c, is_canonical(c->read(f->table)), f->bad_table);
}

unsigned vmx_check_host_state(vmcs_source read, void (*report)(void *ctx, const char *rule),
			      void *ctx)
{
	struct check c = { read, report, ctx, 0 };
	static const enum vmcs_field selectors[] = { HOST_ES_SELECTOR, HOST_CS_SELECTOR,
						     HOST_SS_SELECTOR, HOST_DS_SELECTOR,
						     HOST_FS_SELECTOR, HOST_GS_SELECTOR,
						     HOST_TR_SELECTOR };
	static const enum vmcs_field bases[] = { HOST_FS_BASE,	    HOST_GS_BASE,     HOST_TR_BASE,
						 HOST_GDTR_BASE,    HOST_IDTR_BASE,   HOST_RIP,
						 HOST_SYSENTER_ESP, HOST_SYSENTER_EIP };
	static const struct cet_fields host_cet = {
		HOST_S_CET,
		HOST_SSP,
		HOST_INT_SSP_TABLE,
		"host S_CET: reserved bits (26.2.2)",
		"host SSP not canonical or misaligned (26.2.2)",
		"host interrupt SSP table not canonical (26.2.2)",
	};

	require(&c,
		!(~read(HOST_CR0) & vmx_caps.cr0_fixed0) &&
			!(read(HOST_CR0) & ~vmx_caps.cr0_fixed1),
		"host CR0 violates IA32_VMX_CR0_FIXED (26.2.2)");
	require(&c,
		!(~read(HOST_CR4) & vmx_caps.cr4_fixed0) &&
			!(read(HOST_CR4) & ~vmx_caps.cr4_fixed1),
		"host CR4 violates IA32_VMX_CR4_FIXED (26.2.2)");
	require(&c, !(read(HOST_CR4) & CR4_CET) || (read(HOST_CR0) & CR0_WP),
		"host CR4.CET without CR0.WP (26.2.2)");
	if (read(EXIT_CONTROLS) & EXIT_LOAD_CET)
		check_cet(&c, &host_cet);
	require(&c, !(read(EXIT_CONTROLS) & EXIT_LOAD_PERF) || !read(HOST_PERF_GLOBAL_CTRL),
		"host IA32_PERF_GLOBAL_CTRL is not 0 (26.2.2)");
	require(&c, pat_ok(read(HOST_PAT)), "host PAT: reserved memory type (26.2.2)");
	require(&c, (read(HOST_EFER) & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA),
		"host EFER: LME and LMA must be 1 for a 64-bit host (26.2.2)");
	for (unsigned i = 0; i < ARRAY_SIZE(selectors); i++)
		require(&c, !(read(selectors[i]) & 7), "host selector with RPL or TI (26.2.3)");
	require(&c, read(HOST_CS_SELECTOR) != 0, "host CS selector is 0 (26.2.3)");
	require(&c, read(HOST_TR_SELECTOR) != 0, "host TR selector is 0 (26.2.3)");
	for (unsigned i = 0; i < ARRAY_SIZE(bases); i++)
		require(&c, is_canonical(read(bases[i])),
			"host base address not canonical (26.2.3)");
	return c.violated;
}

/* SDM 3C 26.3.1.1; unrestricted guest relaxes PE and PG. */
static void check_guest_control_registers(struct check *c)
{
	u64 cr0 = c->read(GUEST_CR0), cr4 = c->read(GUEST_CR4), efer = c->read(GUEST_EFER);
	bool ia32e = c->read(ENTRY_CONTROLS) & ENTRY_IA32E;
	u64 must = vmx_caps.cr0_fixed0 & ~(u64)(CR0_PE | CR0_PG);
	static const struct cet_fields guest_cet = {
		GUEST_S_CET,
		GUEST_SSP,
		GUEST_INT_SSP_TABLE,
		"guest S_CET: reserved bits (26.3.1.1)",
		"guest SSP not canonical or misaligned (26.3.1.1)",
		"guest interrupt SSP table not canonical (26.3.1.1)",
	};

	require(c, !(~cr0 & must) && !(cr0 & ~vmx_caps.cr0_fixed1),
		"guest CR0 violates IA32_VMX_CR0_FIXED (26.3.1.1)");
	require(c, !(cr0 & CR0_PG) || (cr0 & CR0_PE), "guest CR0.PG without PE (26.3.1.1)");
	require(c, !(~cr4 & vmx_caps.cr4_fixed0) && !(cr4 & ~vmx_caps.cr4_fixed1),
		"guest CR4 violates IA32_VMX_CR4_FIXED (26.3.1.1)");
	require(c, !(cr4 & CR4_CET) || (cr0 & CR0_WP), "guest CR4.CET without CR0.WP (26.3.1.1)");
	if (c->read(ENTRY_CONTROLS) & ENTRY_LOAD_CET)
		check_cet(c, &guest_cet);
	require(c, !ia32e || ((cr0 & CR0_PG) && (cr4 & CR4_PAE)),
		"IA-32e mode guest without paging and PAE (26.3.1.1)");
	require(c, ia32e || !(cr4 & CR4_PCIDE), "guest CR4.PCIDE outside IA-32e mode (26.3.1.1)");
	require(c, ia32e == !!(efer & EFER_LMA),
		"guest EFER.LMA does not match the entry control (26.3.1.1)");
	require(c, !(cr0 & CR0_PG) || !(efer & EFER_LMA) == !(efer & EFER_LME),
		"guest EFER.LMA and LME differ with paging on (26.3.1.1)");
	require(c,
		!(c->read(ENTRY_CONTROLS) & ENTRY_LOAD_PERF) ||
			!(c->read(GUEST_PERF_GLOBAL_CTRL) & ~COUNTER_BITS),
		"guest IA32_PERF_GLOBAL_CTRL: reserved bits (26.3.1.1)");
	require(c, pat_ok(c->read(GUEST_PAT)), "guest PAT: reserved memory type (26.3.1.1)");
	require(c, !(c->read(GUEST_DR7) >> 32), "guest DR7 bits 63:32 (26.3.1.1)");
	require(c,
		is_canonical(c->read(GUEST_SYSENTER_ESP)) &&
			is_canonical(c->read(GUEST_SYSENTER_EIP)),
		"guest SYSENTER address not canonical (26.3.1.1)");
}

static u64 seg_field(struct check *c, enum vmcs_field es_field, enum x86_segment seg)
{
	return c->read((enum vmcs_field)(es_field + 2 * seg));
}

static bool seg_usable(struct check *c, enum x86_segment seg)
{
	return !(seg_field(c, GUEST_ES_ACCESS_RIGHTS, seg) & SEG_AR_UNUSABLE);
}

/* Limit and granularity must describe the same size: 26.3.1.2, last items. */
static bool limit_ok(u64 limit, u64 ar)
{
	if ((limit & 0xfff) != 0xfff && (ar & SEG_AR_G))
		return false;
	return !(limit & 0xfff00000) || (ar & SEG_AR_G);
}

static void check_data_segment(struct check *c, enum x86_segment seg)
{
	u64 ar = seg_field(c, GUEST_ES_ACCESS_RIGHTS, seg), type = ar & SEG_AR_TYPE;

	if (!seg_usable(c, seg))
		return;
	require(c, type & 1, "guest data segment not accessed (26.3.1.2)");
	require(c, !(type & 8) || (type & 2), "guest data segment: unreadable code (26.3.1.2)");
	require(c, ar & SEG_AR_S, "guest data segment: S = 0 (26.3.1.2)");
	require(c, ar & SEG_AR_P, "guest data segment not present (26.3.1.2)");
	require(c, limit_ok(seg_field(c, GUEST_ES_LIMIT, seg), ar),
		"guest data segment: limit against granularity (26.3.1.2)");
}

static void check_code_and_stack(struct check *c)
{
	u64 cs = seg_field(c, GUEST_ES_ACCESS_RIGHTS, SEG_CS);
	u64 ss = seg_field(c, GUEST_ES_ACCESS_RIGHTS, SEG_SS), type = cs & SEG_AR_TYPE;
	bool ia32e = c->read(ENTRY_CONTROLS) & ENTRY_IA32E;

	require(c, type == 3 || (type & 9) == 9, "guest CS type (26.3.1.2)");
	require(c, (cs & SEG_AR_S) && (cs & SEG_AR_P), "guest CS: S or P = 0 (26.3.1.2)");
	require(c, !ia32e || !(cs & SEG_AR_L) || !(cs & SEG_AR_DB),
		"guest CS: L and D both 1 (26.3.1.2)");
	require(c, limit_ok(seg_field(c, GUEST_ES_LIMIT, SEG_CS), cs),
		"guest CS: limit against granularity (26.3.1.2)");
	if (!seg_usable(c, SEG_SS))
		return;
	require(c, (ss & SEG_AR_TYPE) == 3 || (ss & SEG_AR_TYPE) == 7, "guest SS type (26.3.1.2)");
	require(c, (ss & SEG_AR_S) && (ss & SEG_AR_P), "guest SS: S or P = 0 (26.3.1.2)");
}

static void check_guest_segments(struct check *c)
{
	static const enum x86_segment data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u64 tr = seg_field(c, GUEST_ES_ACCESS_RIGHTS, SEG_TR);
	bool ia32e = c->read(ENTRY_CONTROLS) & ENTRY_IA32E;

	if (c->read(GUEST_RFLAGS) & RFLAGS_VM)
		return; /* virtual-8086 segments are set by the CPU only */
	check_code_and_stack(c);
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		check_data_segment(c, data[i]);
	require(c, (tr & SEG_AR_TYPE) == 11 || (!ia32e && (tr & SEG_AR_TYPE) == 3),
		"guest TR is not a busy TSS (26.3.1.2)");
	require(c, !(tr & SEG_AR_S) && (tr & SEG_AR_P) && !(tr & SEG_AR_UNUSABLE),
		"guest TR: S, P or unusable (26.3.1.2)");
	require(c, !(seg_field(c, GUEST_ES_SELECTOR, SEG_TR) & 4),
		"guest TR in the LDT (26.3.1.2)");
	require(c,
		!seg_usable(c, SEG_LDTR) ||
			(seg_field(c, GUEST_ES_ACCESS_RIGHTS, SEG_LDTR) & 0x1f) == 2,
		"guest LDTR type (26.3.1.2)");
}

static void check_guest_rip_and_flags(struct check *c)
{
	u64 rip = c->read(GUEST_RIP), rflags = c->read(GUEST_RFLAGS);
	u64 cs = seg_field(c, GUEST_ES_ACCESS_RIGHTS, SEG_CS);
	bool long_code = (c->read(ENTRY_CONTROLS) & ENTRY_IA32E) && (cs & SEG_AR_L);
	u64 info = c->read(ENTRY_INTERRUPTION_INFO);

	require(c, long_code || !(rip >> 32),
		"guest RIP above 4 GiB outside 64-bit mode (26.3.1.4)");
	require(c, is_canonical(rip), "guest RIP not canonical (26.3.1.4)");
	require(c, (rflags & RFLAGS_ONE) && !(rflags & ~0x3f7fd7ull),
		"guest RFLAGS reserved bits (26.3.1.4)");
	require(c,
		!(info & INTR_INFO_VALID) || (info & INTR_INFO_TYPE) != INTR_TYPE_EXTERNAL ||
			(rflags & RFLAGS_IF),
		"external interrupt injected with RFLAGS.IF = 0 (26.3.1.4)");
	require(c, is_canonical(c->read(GUEST_GDTR_BASE)) && is_canonical(c->read(GUEST_IDTR_BASE)),
		"guest descriptor table base not canonical (26.3.1.3)");
	require(c, !(c->read(GUEST_GDTR_LIMIT) >> 16) && !(c->read(GUEST_IDTR_LIMIT) >> 16),
		"guest descriptor table limit above 0xffff (26.3.1.3)");
}

/* SDM 3C 26.3.1.5 */
static void check_guest_non_register(struct check *c)
{
	u64 blocking = c->read(GUEST_INTERRUPTIBILITY), rflags = c->read(GUEST_RFLAGS);
	u64 info = c->read(ENTRY_INTERRUPTION_INFO), pending = c->read(GUEST_PENDING_DEBUG);
	const u64 shadow = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
	bool external = (info & INTR_INFO_VALID) && (info & INTR_INFO_TYPE) == INTR_TYPE_EXTERNAL;

	require(c, c->read(GUEST_ACTIVITY_STATE) <= 3, "guest activity state (26.3.1.5)");
	require(c, (blocking & shadow) != shadow, "blocking by STI and by MOV SS (26.3.1.5)");
	require(c, (rflags & RFLAGS_IF) || !(blocking & INTERRUPTIBILITY_STI),
		"blocking by STI with RFLAGS.IF = 0 (26.3.1.5)");
	require(c, !external || !(blocking & shadow),
		"external interrupt injected into an interrupt shadow (26.3.1.5)");
	require(c, !(blocking & shadow) || !(rflags & RFLAGS_TF) || (pending & PENDING_DEBUG_BS),
		"pending debug exceptions: BS must be 1 with TF in a shadow (26.3.1.5)");
	require(c, c->read(VMCS_LINK_POINTER) == ~0ull, "VMCS link pointer (26.3.1.5)");
}

unsigned vmx_check_guest_state(vmcs_source read, void (*report)(void *ctx, const char *rule),
			       void *ctx)
{
	struct check c = { read, report, ctx, 0 };

	check_guest_control_registers(&c);
	check_guest_segments(&c);
	check_guest_rip_and_flags(&c);
	check_guest_non_register(&c);
	return c.violated;
}

const char *vmx_instruction_error(u32 number)
{
	static const char *const text[] = {
		[1] = "VMCALL in VMX root operation",
		[2] = "VMCLEAR with invalid physical address",
		[3] = "VMCLEAR with VMXON pointer",
		[4] = "VMLAUNCH with non-clear VMCS",
		[5] = "VMRESUME with non-launched VMCS",
		[6] = "VMRESUME after VMXOFF",
		[7] = "VM entry with invalid control fields",
		[8] = "VM entry with invalid host-state fields",
		[9] = "VMPTRLD with invalid physical address",
		[10] = "VMPTRLD with VMXON pointer",
		[11] = "VMPTRLD with incorrect VMCS revision",
		[12] = "VMREAD or VMWRITE of unsupported field",
		[13] = "VMWRITE to read-only field",
		[15] = "VMXON in VMX root operation",
		[26] = "VM entry with events blocked by MOV SS",
		[28] = "invalid operand to INVEPT or INVVPID",
	};

	return number < ARRAY_SIZE(text) && text[number] ? text[number] : "unknown";
}

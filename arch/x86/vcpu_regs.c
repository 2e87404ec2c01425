/* SPDX-License-Identifier: MIT */
/* Registers by id: one table of what there is besides MSRs, and access by type. */
#include "arch/x86/vcpu_regs.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/guest_cr.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/guest_xstate.h"
#include "arch/x86/msr.h"
#include "arch/x86/vcpu_regs_access.h"
#include "arch/x86/virt.h"
#include "core/arch.h"
#include "core/log.h"

#define SEG_TYPE_BUSY_TSS 11
#define MSR_PREFIX	  "msr."

struct reg_row {
	u8 type; /* enum reg_type */
	u16 index;
	const char *name;
};

#define GPR(i, n)                  \
	{                          \
		REG_TYPE_GPR, i, n \
	}
#define SEGMENT(i, n)                                                             \
	{ REG_TYPE_SEGMENT, (i)*NR_REG_SEG + REG_SEG_SELECTOR, n ".selector" },   \
		{ REG_TYPE_SEGMENT, (i)*NR_REG_SEG + REG_SEG_BASE, n ".base" },   \
		{ REG_TYPE_SEGMENT, (i)*NR_REG_SEG + REG_SEG_LIMIT, n ".limit" }, \
	{                                                                         \
		REG_TYPE_SEGMENT, (i)*NR_REG_SEG + REG_SEG_AR, n ".ar"            \
	}
#define LAPIC(offset, n)                           \
	{                                          \
		REG_TYPE_LAPIC, offset, "lapic." n \
	}
#define LAPIC_BITMAP(offset, n)                                               \
	LAPIC((offset) + 0x00, n "0"), LAPIC((offset) + 0x10, n "1"),         \
		LAPIC((offset) + 0x20, n "2"), LAPIC((offset) + 0x30, n "3"), \
		LAPIC((offset) + 0x40, n "4"), LAPIC((offset) + 0x50, n "5"), \
		LAPIC((offset) + 0x60, n "6"), LAPIC((offset) + 0x70, n "7")

static const struct reg_row rows[] = {
	GPR(REG_RAX, "rax"),
	GPR(REG_RCX, "rcx"),
	GPR(REG_RDX, "rdx"),
	GPR(REG_RBX, "rbx"),
	GPR(REG_RSP, "rsp"),
	GPR(REG_RBP, "rbp"),
	GPR(REG_RSI, "rsi"),
	GPR(REG_RDI, "rdi"),
	GPR(REG_R8, "r8"),
	GPR(REG_R9, "r9"),
	GPR(REG_R10, "r10"),
	GPR(REG_R11, "r11"),
	GPR(REG_R12, "r12"),
	GPR(REG_R13, "r13"),
	GPR(REG_R14, "r14"),
	GPR(REG_R15, "r15"),
	GPR(REG_GPR_RIP, "rip"),
	GPR(REG_GPR_RFLAGS, "rflags"),
	SEGMENT(SEG_ES, "es"),
	SEGMENT(SEG_CS, "cs"),
	SEGMENT(SEG_SS, "ss"),
	SEGMENT(SEG_DS, "ds"),
	SEGMENT(SEG_FS, "fs"),
	SEGMENT(SEG_GS, "gs"),
	SEGMENT(SEG_LDTR, "ldtr"),
	SEGMENT(SEG_TR, "tr"),
	{ REG_TYPE_TABLE, REG_GDTR_BASE, "gdtr.base" },
	{ REG_TYPE_TABLE, REG_GDTR_LIMIT, "gdtr.limit" },
	{ REG_TYPE_TABLE, REG_IDTR_BASE, "idtr.base" },
	{ REG_TYPE_TABLE, REG_IDTR_LIMIT, "idtr.limit" },
	{ REG_TYPE_CR, 0, "cr0" },
	{ REG_TYPE_CR, 2, "cr2" },
	{ REG_TYPE_CR, 3, "cr3" },
	{ REG_TYPE_CR, 4, "cr4" },
	{ REG_TYPE_CR, 8, "cr8" },
	{ REG_TYPE_DR, 0, "dr0" },
	{ REG_TYPE_DR, 1, "dr1" },
	{ REG_TYPE_DR, 2, "dr2" },
	{ REG_TYPE_DR, 3, "dr3" },
	{ REG_TYPE_DR, 6, "dr6" },
	{ REG_TYPE_DR, 7, "dr7" },
	{ REG_TYPE_XCR, 0, "xcr0" },
	{ REG_TYPE_KVM, REG_KVM_SSP, "ssp" },
	LAPIC(APIC_ID, "id"),
	LAPIC(APIC_VERSION, "version"),
	LAPIC(APIC_TPR, "tpr"),
	LAPIC(APIC_PPR, "ppr"),
	LAPIC(APIC_LDR, "ldr"),
	LAPIC(APIC_DFR, "dfr"),
	LAPIC(APIC_SVR, "svr"),
	LAPIC_BITMAP(APIC_ISR, "isr"),
	LAPIC_BITMAP(APIC_TMR, "tmr"),
	LAPIC_BITMAP(APIC_IRR, "irr"),
	LAPIC(APIC_ESR, "esr"),
	LAPIC(APIC_ICR_LOW, "icr_low"),
	LAPIC(APIC_ICR_HIGH, "icr_high"),
	LAPIC(APIC_LVT_TIMER, "lvt_timer"),
	LAPIC(APIC_LVT_THERMAL, "lvt_thermal"),
	LAPIC(APIC_LVT_PERF, "lvt_perf"),
	LAPIC(APIC_LVT_LINT0, "lvt_lint0"),
	LAPIC(APIC_LVT_LINT1, "lvt_lint1"),
	LAPIC(APIC_LVT_ERROR, "lvt_error"),
	LAPIC(APIC_TIMER_DIVIDE, "timer_divide"),
	LAPIC(APIC_TIMER_INITIAL, "timer_initial"),
	LAPIC(APIC_TIMER_CURRENT, "timer_current"),
	{ REG_TYPE_STATE, REG_STATE_RUN, "run_state" },
	{ REG_TYPE_STATE, REG_STATE_INTERRUPTIBILITY, "interruptibility" },
};

static u64 row_id(const struct reg_row *row)
{
	return REG_ID(row->type, row->index);
}

static const struct reg_row *find(u64 id)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (row_id(&rows[i]) == id)
			return &rows[i];
	return NULL;
}

static bool id_well_formed(u64 id)
{
	unsigned type = REG_ID_TYPE(id);

	if (id != REG_ID(type, REG_ID_INDEX(id)))
		return false;
	return type == REG_TYPE_MSR || type == REG_TYPE_KVM ||
	       (type >= REG_TYPE_GPR && type <= REG_TYPE_STATE);
}

static bool row_exists(const struct vcpu *vcpu, const struct reg_row *row)
{
	const struct cpuid_image *image = &vcpu->vm->arch.cpuid;

	if (row->type == REG_TYPE_KVM)
		return cpuid_image_offers(image, X86_FEATURE_SHSTK);
	return row->type != REG_TYPE_XCR || guest_xcr0_supported(image);
}

static bool vm_runs(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->vm->state, __ATOMIC_ACQUIRE) == VM_RUNNING;
}

/* The state may only be looked at where and while nothing else changes it. */
static enum firn_err check_access(const struct vcpu *vcpu, u64 id)
{
	if (!id_well_formed(id))
		return ERR_INVALID;
	return vcpu->cpu == cpu_index() ? FIRN_OK : ERR_STATE;
}

enum firn_err vcpu_reg_peek(struct vcpu *vcpu, u64 id, u64 *value)
{
	enum firn_err err = check_access(vcpu, id);
	const struct reg_row *row;

	if (err != FIRN_OK)
		return err;
	if (REG_ID_TYPE(id) == REG_TYPE_MSR)
		return guest_msr_get(vcpu, REG_ID_INDEX(id), value);
	row = find(id);
	if (!row || !row_exists(vcpu, row))
		return ERR_NOENT;
	*value = reg_get(vcpu, row->type, row->index);
	return FIRN_OK;
}

enum firn_err vcpu_reg_get(struct vcpu *vcpu, u64 id, u64 *value)
{
	if (id_well_formed(id) && vm_runs(vcpu))
		return ERR_STATE;
	return vcpu_reg_peek(vcpu, id, value);
}

enum firn_err vcpu_reg_set(struct vcpu *vcpu, u64 id, u64 value)
{
	enum firn_err err = check_access(vcpu, id);
	const struct reg_row *row;

	if (err == FIRN_OK && vm_runs(vcpu))
		err = ERR_STATE;
	if (err != FIRN_OK)
		return err;
	if (REG_ID_TYPE(id) == REG_TYPE_MSR)
		return guest_msr_set(vcpu, REG_ID_INDEX(id), value);
	row = find(id);
	if (!row || !row_exists(vcpu, row))
		return ERR_NOENT;
	return reg_set(vcpu, row->type, row->index, value);
}

static size_t list_msrs(const struct vcpu *vcpu, u64 *ids, size_t max)
{
	size_t n = guest_msr_list(vcpu, NULL, 0);
	u32 msrs[MSR_LIST_MAX];

	BUG_ON(n > ARRAY_SIZE(msrs));
	guest_msr_list(vcpu, msrs, ARRAY_SIZE(msrs));
	for (size_t i = 0; i < n && i < max; i++)
		ids[i] = REG_ID(REG_TYPE_MSR, msrs[i]);
	return n;
}

/* MSRs first: IA32_APIC_BASE decides which LAPIC registers can be written. */
size_t vcpu_reg_list(struct vcpu *vcpu, u64 *ids, size_t max)
{
	size_t n = list_msrs(vcpu, ids, max);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!row_exists(vcpu, &rows[i]))
			continue;
		if (n < max)
			ids[n] = row_id(&rows[i]);
		n++;
	}
	return n;
}

const char *vcpu_reg_name(u64 id, char buf[VCPU_REG_NAME_MAX])
{
	const size_t prefix = sizeof(MSR_PREFIX) - 1;
	const struct reg_row *row;

	if (!id_well_formed(id))
		return NULL;
	if (REG_ID_TYPE(id) == REG_TYPE_MSR) {
		memcpy(buf, MSR_PREFIX, prefix);
		return guest_msr_name(REG_ID_INDEX(id), buf + prefix, VCPU_REG_NAME_MAX - prefix)
			       ? buf
			       : NULL;
	}
	row = find(id);
	if (!row)
		return NULL;
	snprintf(buf, VCPU_REG_NAME_MAX, "%s", row->name);
	return buf;
}

u64 vcpu_reg_by_name(const char *name)
{
	const size_t prefix = sizeof(MSR_PREFIX) - 1;
	u32 msr;

	if (!strncmp(name, MSR_PREFIX, prefix))
		return guest_msr_by_name(name + prefix, &msr) ? REG_ID(REG_TYPE_MSR, msr) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return row_id(&rows[i]);
	return 0;
}

static const char *segments_inconsistent(struct vcpu *vcpu)
{
	bool lma = virt_get(vcpu, VREG_EFER) & EFER_LMA;
	u64 rip = virt_get(vcpu, VREG_RIP);
	struct x86_seg cs, tr;

	virt_get_seg(vcpu, SEG_CS, &cs);
	virt_get_seg(vcpu, SEG_TR, &tr);
	if (lma && (cs.ar & SEG_AR_L) && (cs.ar & SEG_AR_DB))
		return "CS has both L and D set";
	if (lma && (virt_get(vcpu, VREG_RFLAGS) & RFLAGS_VM))
		return "RFLAGS.VM in long mode";
	if (lma && (tr.ar & SEG_AR_TYPE) != SEG_TYPE_BUSY_TSS)
		return "TR is no busy 64-bit TSS in long mode";
	if (!(lma && (cs.ar & SEG_AR_L)) && rip != (u32)rip)
		return "RIP above 4 GiB outside 64-bit mode";
	return NULL;
}

const char *vcpu_regs_inconsistent(struct vcpu *vcpu)
{
	const char *why = guest_cr_inconsistent(vcpu);

	return why ? why : segments_inconsistent(vcpu);
}

/* SPDX-License-Identifier: MIT */
/* Illegal states for VMRUN (APM vol. 2, 15.5.1 "Canonicalization and Consistency Checks"). */
#include "arch/x86/svm/vmrun_checks.h"

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"

#define HIGH_HALF     0xffffffff00000000ull
#define IO_MAP_SIZE   (3 * PAGE_SIZE)
#define MSR_MAP_SIZE  (2 * PAGE_SIZE)
#define LAST_VECTOR   31 /* of exceptions */
#define CR4_RESERVED  ~0x1ffffffull
#define EFER_RESERVED ~0x3fffffull

static bool cd_nw(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return !(v->cr0 & CR0_CD) && (v->cr0 & CR0_NW);
}

static bool cr0_high(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return v->cr0 & HIGH_HALF;
}

static bool cr3_reserved(const struct vmcb *v, unsigned phys_bits)
{
	return (v->efer & EFER_LMA) && (v->cr3 & ~(BIT(phys_bits) - 1));
}

static bool cr4_reserved(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return v->cr4 & CR4_RESERVED;
}

static bool debug_high(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return (v->dr6 | v->dr7) & HIGH_HALF;
}

static bool no_svme(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return !(v->efer & EFER_SVME);
}

static bool efer_reserved(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return v->efer & EFER_RESERVED;
}

static bool long_paging(const struct vmcb *v)
{
	return (v->efer & EFER_LME) && (v->cr0 & CR0_PG);
}

static bool long_without_pae(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return long_paging(v) && !(v->cr4 & CR4_PAE);
}

static bool long_without_pe(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return long_paging(v) && !(v->cr0 & CR0_PE);
}

static bool long_with_l_and_d(const struct vmcb *v, unsigned phys_bits)
{
	const u16 both = (SEG_AR_L | SEG_AR_DB) >> SEG_ATTRIB_SHIFT;

	(void)phys_bits;
	return long_paging(v) && (v->cr4 & CR4_PAE) && (v->cs.attrib & both) == both;
}

static bool cet_without_wp(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return (v->cr4 & CR4_CET) && !(v->cr0 & CR0_WP);
}

static bool no_vmrun_intercept(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return !(v->intercept_misc2 & INTERCEPT_VMRUN);
}

static bool maps_too_high(const struct vmcb *v, unsigned phys_bits)
{
	u64 limit = BIT(phys_bits);

	return v->iopm_base_pa > limit - IO_MAP_SIZE || v->msrpm_base_pa > limit - MSR_MAP_SIZE;
}

static bool asid_zero(const struct vmcb *v, unsigned phys_bits)
{
	(void)phys_bits;
	return v->asid == 0;
}

static bool bad_event(const struct vmcb *v, unsigned phys_bits)
{
	u64 event = v->event_inj, type = event & EVENT_TYPE, vector = event & EVENT_VECTOR;

	(void)phys_bits;
	if (!(event & EVENT_VALID))
		return false;
	if (type == EVENT_EXCEPTION)
		return vector == VECTOR_NMI || vector > LAST_VECTOR;
	return type != EVENT_INTR && type != EVENT_NMI && type != EVENT_SOFTWARE;
}

static const struct {
	bool (*violated)(const struct vmcb *vmcb, unsigned phys_bits);
	const char *text;
} rules[] = {
	{ no_svme, "EFER.SVME is 0" },
	{ efer_reserved, "EFER: reserved bits" },
	{ cd_nw, "CR0.NW without CD" },
	{ cr0_high, "CR0: bits 63:32" },
	{ cr3_reserved, "CR3: reserved bits" },
	{ cr4_reserved, "CR4: reserved bits" },
	{ debug_high, "DR6 or DR7: bits 63:32" },
	{ long_without_pae, "long mode without CR4.PAE" },
	{ long_without_pe, "long mode without CR0.PE" },
	{ long_with_l_and_d, "CS.L and CS.D in long mode" },
	{ cet_without_wp, "CR4.CET without CR0.WP" },
	{ no_vmrun_intercept, "VMRUN is not intercepted" },
	{ maps_too_high, "I/O or MSR map beyond physical memory" },
	{ asid_zero, "ASID 0" },
	{ bad_event, "illegal event to inject" },
};

unsigned svm_check_vmcb(const struct vmcb *vmcb, unsigned phys_bits,
			void (*report)(void *ctx, const char *rule), void *ctx)
{
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!rules[i].violated(vmcb, phys_bits))
			continue;
		report(ctx, rules[i].text);
		found++;
	}
	return found;
}

/* SPDX-License-Identifier: MIT */
/* Writes to CR0, CR3, CR4 and CR8: what is refused, and what follows. */
#include "arch/x86/guest_cr.h"

#include "arch/x86/cpuid_image.h"
#include "arch/x86/msr.h"
#include "arch/x86/virt.h"
#include "core/guest_memory.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
#define CR0_HIGH       0xffffffff00000000ull
#define CR0_LMSW       (CR0_PE | CR0_MP | CR0_EM | CR0_TS)
#define CR8_TPR	       0xfull
#define CR3_PDPT       0xffffffe0ull /* PAE: the table is 32-byte aligned, below 4 GiB */
#define PDPTE_PRESENT  BIT(0)
#define PDPTE_RESERVED 0x1e6ull /* bits 8:5, 2:1 (SDM 3A table 4-8) */
/* Changes that load the PDPTEs when PAE paging is on (SDM 3A 4.4.1). */
#define CR0_LOADS_PDPTE (CR0_PG | CR0_CD | CR0_NW)
#define CR4_LOADS_PDPTE (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)
/* SDM 3A 4.10.4.1. Setting SMAP is treated like setting SMEP: both take rights away. */
#define CR4_FLUSHES	   (CR4_PGE | CR4_PAE | CR4_PSE | CR4_LA57)
#define CR4_FLUSHES_IF_SET (CR4_SMEP | CR4_SMAP)

/* A bit of CR4 exists when the VM has the feature; features 0 end the list. */
static const struct {
	u64 bits;
	u32 features[3];
} cr4_bits[] = {
	{ CR4_VME | CR4_PVI, { X86_FEATURE_VME } },
	{ CR4_TSD, { X86_FEATURE_TSC } },
	{ CR4_DE, { X86_FEATURE_DE } },
	{ CR4_PSE, { X86_FEATURE_PSE } },
	{ CR4_PAE, { X86_FEATURE_PAE } },
	{ CR4_MCE, { X86_FEATURE_MCE } },
	{ CR4_PGE, { X86_FEATURE_PGE } },
	{ CR4_PCE, { X86_FEATURE_MSR } }, /* RDPMC is older than any bit that could announce it */
	{ CR4_OSFXSR, { X86_FEATURE_FXSR } },
	{ CR4_OSXMMEXCPT, { X86_FEATURE_SSE } },
	{ CR4_UMIP, { X86_FEATURE_UMIP } },
	{ CR4_LA57, { X86_FEATURE_LA57 } },
	{ CR4_VMXE, { X86_FEATURE_VMX } },
	{ CR4_SMXE, { X86_FEATURE_SMX } },
	{ CR4_FSGSBASE, { X86_FEATURE_FSGSBASE } },
	{ CR4_PCIDE, { X86_FEATURE_PCID } },
	{ CR4_OSXSAVE, { X86_FEATURE_XSAVE } },
	{ CR4_SMEP, { X86_FEATURE_SMEP } },
	{ CR4_SMAP, { X86_FEATURE_SMAP } },
	{ CR4_PKE, { X86_FEATURE_PKU } },
	{ CR4_CET, { X86_FEATURE_SHSTK, X86_FEATURE_IBT } },
};

/* Those of the wanted bits, and some that come with them, that exist. */
static u64 existing_cr4(const struct cpuid_image *image, u64 wanted)
{
	u64 allowed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cr4_bits); i++) {
		if (!(cr4_bits[i].bits & wanted))
			continue;
		for (const u32 *feature = cr4_bits[i].features; *feature; feature++)
			if (cpuid_image_offers(image, *feature))
				allowed |= cr4_bits[i].bits;
	}
	return allowed;
}

u64 guest_cr4_allowed(const struct cpuid_image *image)
{
	return existing_cr4(image, ~0ull);
}

u64 guest_cr3_reserved(const struct cpuid_image *image)
{
	return ~(BIT(cpuid_image_phys_bits(image)) - 1);
}

static bool long_mode(struct vcpu *vcpu)
{
	return virt_get(vcpu, VREG_EFER) & EFER_LMA;
}

static bool cs_long(struct vcpu *vcpu)
{
	struct x86_seg cs;

	virt_get_seg(vcpu, SEG_CS, &cs);
	return cs.ar & SEG_AR_L;
}

static bool pae_paging(u64 cr0, u64 cr4, bool lma)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !lma;
}

/* Reads and checks the PDPTEs that CR3 points to; false = #GP (SDM 3A 4.4.1). */
static bool read_pdptes(struct vcpu *vcpu, u64 cr3, u64 pdpte[4])
{
	u64 reserved = PDPTE_RESERVED | guest_cr3_reserved(&vcpu->vm->arch.cpuid);

	/* Outside memory the bus reads all ones: reserved bits are set. */
	if (guest_read(&vcpu->vm->memory, cr3 & CR3_PDPT, pdpte, 4 * sizeof(*pdpte)) != FIRN_OK)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if ((pdpte[i] & PDPTE_PRESENT) && (pdpte[i] & reserved))
			return false;
	return true;
}

static bool cr0_combination_valid(u64 cr0, u64 cr4)
{
	if (cr0 & CR0_HIGH)
		return false;
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return false;
	if ((cr0 & CR0_NW) && !(cr0 & CR0_CD))
		return false;
	return (cr0 & CR0_WP) || !(cr4 & CR4_CET);
}

/* Rules for turning paging on and off (SDM 3A 4.1.2, 9.8.5). Updates EFER.LMA in efer. */
static bool switch_paging(struct vcpu *vcpu, bool on, u64 *efer)
{
	u64 cr4 = virt_get(vcpu, VREG_CR4);

	if (on) {
		if (!(*efer & EFER_LME))
			return true;
		if (!(cr4 & CR4_PAE) || cs_long(vcpu))
			return false;
		*efer |= EFER_LMA;
		return true;
	}
	if ((cr4 & CR4_PCIDE) || ((*efer & EFER_LMA) && cs_long(vcpu)))
		return false;
	*efer &= ~EFER_LMA;
	return true;
}

static bool write_cr0(struct vcpu *vcpu, u64 value)
{
	u64 old = virt_get(vcpu, VREG_CR0), old_efer = virt_get(vcpu, VREG_EFER);
	u64 cr4 = virt_get(vcpu, VREG_CR4), efer = old_efer, changed, pdpte[4];

	if (!cr0_combination_valid(value, cr4))
		return false;
	/* Reserved bits 31:0 are ignored, ET is always 1 (SDM 3A 2.5). */
	value = (value & CR0_DEFINED) | CR0_ET;
	changed = old ^ value;
	if ((changed & CR0_PG) && !switch_paging(vcpu, value & CR0_PG, &efer))
		return false;
	if ((changed & CR0_LOADS_PDPTE) && pae_paging(value, cr4, efer & EFER_LMA)) {
		if (!read_pdptes(vcpu, virt_get(vcpu, VREG_CR3), pdpte))
			return false;
		virt_set_pdptes(vcpu, pdpte);
	}
	/* LMA never without PG: set it after, clear it before. */
	if (efer & ~old_efer) {
		virt_set(vcpu, VREG_CR0, value);
		virt_set(vcpu, VREG_EFER, efer);
	} else {
		if (efer != old_efer)
			virt_set(vcpu, VREG_EFER, efer);
		virt_set(vcpu, VREG_CR0, value);
	}
	if (changed & CR0_PG)
		virt_flush_guest_tlb(vcpu);
	return true;
}

static bool write_cr3(struct vcpu *vcpu, u64 value)
{
	u64 cr4 = virt_get(vcpu, VREG_CR4), pdpte[4];
	bool keep_tlb = (cr4 & CR4_PCIDE) && (value & CR3_NOFLUSH);

	if (keep_tlb)
		value &= ~CR3_NOFLUSH;
	if (long_mode(vcpu) && (value & guest_cr3_reserved(&vcpu->vm->arch.cpuid)))
		return false;
	if (pae_paging(virt_get(vcpu, VREG_CR0), cr4, long_mode(vcpu))) {
		if (!read_pdptes(vcpu, value, pdpte))
			return false;
		virt_set_pdptes(vcpu, pdpte);
	}
	virt_set(vcpu, VREG_CR3, value);
	if (!keep_tlb)
		virt_flush_guest_tlb(vcpu);
	return true;
}

/* Rules between CR4 and the rest (SDM 3A 2.5, 4.10.1). */
static bool cr4_valid(struct vcpu *vcpu, u64 old, u64 value)
{
	u64 set = value & ~old;

	/* The others were checked when they were set. */
	if (set & ~existing_cr4(&vcpu->vm->arch.cpuid, set))
		return false;
	if ((value & CR4_CET) && !(virt_get(vcpu, VREG_CR0) & CR0_WP))
		return false;
	if (long_mode(vcpu))
		return (value & CR4_PAE) && !((old ^ value) & CR4_LA57) &&
		       !((set & CR4_PCIDE) && (virt_get(vcpu, VREG_CR3) & CR3_PCID_MASK));
	return !(value & CR4_PCIDE);
}

static bool write_cr4(struct vcpu *vcpu, u64 value)
{
	u64 old = virt_get(vcpu, VREG_CR4), changed = old ^ value, pdpte[4];

	if (!cr4_valid(vcpu, old, value))
		return false;
	if ((changed & CR4_LOADS_PDPTE) &&
	    pae_paging(virt_get(vcpu, VREG_CR0), value, long_mode(vcpu))) {
		if (!read_pdptes(vcpu, virt_get(vcpu, VREG_CR3), pdpte))
			return false;
		virt_set_pdptes(vcpu, pdpte);
	}
	virt_set(vcpu, VREG_CR4, value);
	if ((changed & CR4_FLUSHES) || (changed & value & CR4_FLUSHES_IF_SET) ||
	    (changed & old & CR4_PCIDE))
		virt_flush_guest_tlb(vcpu);
	return true;
}

static bool write_cr8(struct vcpu *vcpu, u64 value)
{
	if (value & ~CR8_TPR)
		return false;
	lapic_set_cr8(&vcpu->arch.lapic, value);
	return true;
}

bool guest_cr_write(struct vcpu *vcpu, unsigned cr, u64 value)
{
	switch (cr) {
	case 0:
		return write_cr0(vcpu, value);
	case 2:
		vcpu->arch.cr2 = value;
		return true;
	case 3:
		return write_cr3(vcpu, value);
	case 4:
		return write_cr4(vcpu, value);
	case 8:
		return write_cr8(vcpu, value);
	default:
		return false;
	}
}

u64 guest_cr_read(struct vcpu *vcpu, unsigned cr)
{
	switch (cr) {
	case 0:
		return virt_get(vcpu, VREG_CR0);
	case 2:
		return vcpu->arch.cr2;
	case 3:
		return virt_get(vcpu, VREG_CR3);
	case 4:
		return virt_get(vcpu, VREG_CR4);
	case 8:
		return lapic_get_cr8(&vcpu->arch.lapic);
	default:
		return 0;
	}
}

void guest_clts(struct vcpu *vcpu)
{
	virt_set(vcpu, VREG_CR0, virt_get(vcpu, VREG_CR0) & ~CR0_TS);
}

bool guest_lmsw(struct vcpu *vcpu, u16 value)
{
	u64 old = virt_get(vcpu, VREG_CR0);

	return write_cr0(vcpu, (old & ~(CR0_LMSW & ~CR0_PE)) | (value & CR0_LMSW));
}

static bool possible(struct vcpu *vcpu, unsigned cr, u64 value)
{
	const struct cpuid_image *image = &vcpu->vm->arch.cpuid;

	switch (cr) {
	case 0:
		return !(value & ~CR0_DEFINED) && (value & CR0_ET) &&
		       cr0_combination_valid(value, 0);
	case 2:
		return true;
	case 3:
		return !(value & guest_cr3_reserved(image));
	case 4:
		return !(value & ~guest_cr4_allowed(image));
	case 8:
		return !(value & ~CR8_TPR);
	default:
		return false;
	}
}

/* CR3 may be set before or after paging is on, so what depends on both is loaded each time. */
static void reload_pdptes(struct vcpu *vcpu)
{
	u64 pdpte[4];

	if (pae_paging(virt_get(vcpu, VREG_CR0), virt_get(vcpu, VREG_CR4), long_mode(vcpu)) &&
	    read_pdptes(vcpu, virt_get(vcpu, VREG_CR3), pdpte))
		virt_set_pdptes(vcpu, pdpte);
}

bool guest_cr_restore(struct vcpu *vcpu, unsigned cr, u64 value)
{
	if (!possible(vcpu, cr, value))
		return false;
	if (cr == 2 || cr == 8)
		return guest_cr_write(vcpu, cr, value);
	virt_set(vcpu, cr == 0 ? VREG_CR0 : cr == 3 ? VREG_CR3 : VREG_CR4, value);
	reload_pdptes(vcpu);
	virt_flush_guest_tlb(vcpu);
	return true;
}

const char *guest_cr_inconsistent(struct vcpu *vcpu)
{
	u64 cr0 = virt_get(vcpu, VREG_CR0), cr4 = virt_get(vcpu, VREG_CR4), pdpte[4];
	u64 efer = virt_get(vcpu, VREG_EFER);
	bool lma = efer & EFER_LMA, pg = cr0 & CR0_PG;

	if (lma != (pg && (efer & EFER_LME)))
		return "EFER.LMA is not CR0.PG and EFER.LME";
	if (lma && !(cr4 & CR4_PAE))
		return "long mode without CR4.PAE";
	if (!lma && (cr4 & CR4_PCIDE))
		return "CR4.PCIDE outside long mode";
	if ((cr4 & CR4_CET) && !(cr0 & CR0_WP))
		return "CR4.CET without CR0.WP";
	if (pae_paging(cr0, cr4, lma) && !read_pdptes(vcpu, virt_get(vcpu, VREG_CR3), pdpte))
		return "reserved bits in the PDPTEs";
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/* Reading a CPUID image: lookup, the bits that follow registers, comparison of two images. */
#include "arch/x86/cpuid_image.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/guest_xstate.h"
#include "arch/x86/msr.h"
#include "arch/x86/virt.h"

#define RANGE_SHIFT	      30
#define RANGE_MASK	      0x3fffffffu
#define VENDOR_EBX_AMD	      0x68747541u /* AuthenticAMD */
#define VENDOR_EBX_HYGON      0x6f677948u /* HygonGenuine */
#define VERSION_APIC_ID_SHIFT 24	  /* leaf 1 EBX */
#define TOPOLOGY_LEVEL	      0xffu	  /* leaves 0xb, 0x1f ECX: the sub-leaf again */
#define ADDRESS_PHYS_BITS     0xffu	  /* leaf 0x80000008 EAX */
#define DEFAULT_PHYS_BITS     36	  /* without that leaf */

_Static_assert(CPUID_IMAGE_MAX < 256, "index holds entry numbers in a byte");

void cpuid_image_index(struct cpuid_image *image)
{
	memset(image->index, 0, sizeof(image->index));
	for (unsigned i = image->count; i-- > 0;) {
		u32 leaf = image->leaf[i].leaf;

		if ((leaf & RANGE_MASK) < CPUID_RANGE_SIZE)
			image->index[leaf >> RANGE_SHIFT][leaf & RANGE_MASK] = (u8)(i + 1);
	}
}

/* Leaves that the index has no room for. */
static __noinline __cold const struct cpuid_leaf *search(const struct cpuid_image *image, u32 leaf,
							 u32 subleaf)
{
	for (unsigned i = 0; i < image->count; i++)
		if (image->leaf[i].leaf == leaf &&
		    (!image->leaf[i].indexed || image->leaf[i].subleaf == subleaf))
			return &image->leaf[i];
	return NULL;
}

const struct cpuid_leaf *cpuid_image_find(const struct cpuid_image *image, u32 leaf, u32 subleaf)
{
	u32 range = leaf >> RANGE_SHIFT, number = leaf & RANGE_MASK;
	const struct cpuid_leaf *entry, *end = image->leaf + image->count;
	unsigned first;

	if (range >= CPUID_RANGES || number >= CPUID_RANGE_SIZE)
		return search(image, leaf, subleaf);
	first = image->index[range][number];
	if (!first)
		return NULL;
	entry = &image->leaf[first - 1];
	if (!entry->indexed)
		return entry;
	for (; entry < end && entry->leaf == leaf; entry++)
		if (entry->subleaf == subleaf)
			return entry;
	return NULL;
}

bool cpuid_image_has(const struct cpuid_image *image, u32 leaf, u32 subleaf, unsigned reg,
		     unsigned bit)
{
	const struct cpuid_leaf *entry = cpuid_image_find(image, leaf, subleaf);

	return entry && entry->reg[reg] >> bit & 1;
}

unsigned cpuid_image_phys_bits(const struct cpuid_image *image)
{
	const struct cpuid_leaf *entry = cpuid_image_find(image, CPUID_ADDRESS, 0);

	return entry ? entry->eax & ADDRESS_PHYS_BITS : DEFAULT_PHYS_BITS;
}

bool cpuid_image_is_amd(const struct cpuid_image *image)
{
	u32 vendor = image->leaf[0].ebx;

	return vendor == VENDOR_EBX_AMD || vendor == VENDOR_EBX_HYGON;
}

/* Offered, and switched on by a register. */
static void set_if(u32 *reg, u32 offered, u32 feature, u32 needs, bool on)
{
	if (on && (offered & CPUID_FEATURE_MASK(needs)))
		*reg |= CPUID_FEATURE_MASK(feature);
	else
		*reg &= ~CPUID_FEATURE_MASK(feature);
}

static void dynamic_version(struct vcpu *vcpu, u32 out[4])
{
	struct arch_vcpu *arch = &vcpu->arch;
	u32 ecx = out[CPUID_ECX], edx = out[CPUID_EDX];

	out[CPUID_EBX] |= vcpu->id << VERSION_APIC_ID_SHIFT;
	set_if(&out[CPUID_ECX], ecx, X86_FEATURE_OSXSAVE, X86_FEATURE_XSAVE,
	       virt_get(vcpu, VREG_CR4) & CR4_OSXSAVE);
	set_if(&out[CPUID_ECX], ecx, X86_FEATURE_MONITOR, X86_FEATURE_MONITOR,
	       arch->misc_enable & MISC_ENABLE_MONITOR);
	set_if(&out[CPUID_EDX], edx, X86_FEATURE_APIC, X86_FEATURE_APIC,
	       lapic_enabled(&arch->lapic));
}

static void dynamic_xstate(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	const struct cpuid_image *image = &vcpu->vm->arch.cpuid;
	struct arch_vcpu *arch = &vcpu->arch;

	if (subleaf == 0 && out[CPUID_EAX])
		out[CPUID_EBX] = guest_xstate_size(image, arch->xcr0, false);
	else if (subleaf == 1 && (out[CPUID_EAX] & (CPUID_FEATURE_MASK(X86_FEATURE_XSAVEC) |
						    CPUID_FEATURE_MASK(X86_FEATURE_XSAVES))))
		out[CPUID_EBX] = guest_xstate_size(image, arch->xcr0 | arch->xss, true);
}

/* Sub-leaves beyond the last level read zero but for the sub-leaf and the id (SDM 2A, CPUID). */
static void dynamic_topology(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	out[CPUID_ECX] |= subleaf & TOPOLOGY_LEVEL;
	out[CPUID_EDX] = vcpu->id;
}

static void dynamic_bits(struct vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4])
{
	if (leaf == CPUID_VERSION)
		dynamic_version(vcpu, out);
	else if (leaf == CPUID_FEATURES && subleaf == 0)
		set_if(&out[CPUID_ECX], out[CPUID_ECX], X86_FEATURE_OSPKE, X86_FEATURE_PKU,
		       virt_get(vcpu, VREG_CR4) & CR4_PKE);
	else if (leaf == CPUID_XSTATE)
		dynamic_xstate(vcpu, subleaf, out);
	else if (leaf == CPUID_TOPOLOGY || leaf == CPUID_TOPOLOGY2)
		dynamic_topology(vcpu, subleaf, out);
	else if (leaf == CPUID_EXT1 && !lapic_enabled(&vcpu->arch.lapic))
		out[CPUID_EDX] &= ~CPUID_FEATURE_MASK(X86_FEATURE_APIC_AMD);
}

static bool out_of_range(const struct cpuid_image *image, u32 leaf)
{
	if (leaf >= CPUID_EXTENDED)
		return leaf > CPUID_ADDRESS;
	if (leaf >= CPUID_HYPERVISOR)
		return leaf > CPUID_KVM_TIMING;
	return leaf > image->leaf[0].eax;
}

void vcpu_cpuid(struct vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4])
{
	const struct cpuid_image *image = &vcpu->vm->arch.cpuid;
	const struct cpuid_leaf *entry = cpuid_image_find(image, leaf, subleaf);

	if (!entry && out_of_range(image, leaf) && !cpuid_image_is_amd(image)) {
		/* Intel answers with the highest basic leaf, AMD with zeros. */
		leaf = image->leaf[0].eax;
		entry = cpuid_image_find(image, leaf, subleaf);
	}
	if (entry)
		memcpy(out, entry->reg, sizeof(entry->reg));
	else
		memset(out, 0, sizeof(entry->reg));
	dynamic_bits(vcpu, leaf, subleaf, out);
}

/* Describes the first register that differs; the leaves are the same in both. */
static bool diff_registers(const struct cpuid_leaf *a, const struct cpuid_leaf *b, char *text,
			   size_t len)
{
	static const char *const name[] = { "EAX", "EBX", "ECX", "EDX" };

	for (unsigned i = 0; i < 4; i++) {
		u32 changed = a->reg[i] ^ b->reg[i];

		if (!changed)
			continue;
		snprintf(text, len, "leaf 0x%x.%u %s: 0x%x != 0x%x (bit %d)", (unsigned)a->leaf,
			 (unsigned)a->subleaf, name[i], (unsigned)a->reg[i], (unsigned)b->reg[i],
			 __builtin_ctz(changed));
		return true;
	}
	return false;
}

static u64 key(const struct cpuid_leaf *entry)
{
	return (u64)entry->leaf << 32 | entry->subleaf;
}

static bool diff_presence(const struct cpuid_leaf *only, bool first, char *text, size_t len)
{
	snprintf(text, len, "leaf 0x%x.%u: only in the %s image", (unsigned)only->leaf,
		 (unsigned)only->subleaf, first ? "first" : "second");
	return true;
}

bool cpuid_image_diff(const struct cpuid_image *a, const struct cpuid_image *b, char *text,
		      size_t len)
{
	unsigned i;

	for (i = 0; i < a->count && i < b->count; i++) {
		const struct cpuid_leaf *x = &a->leaf[i], *y = &b->leaf[i];
		u64 kx = key(x), ky = key(y);

		if (kx != ky)
			return diff_presence(kx < ky ? x : y, kx < ky, text, len);
		if (diff_registers(x, y, text, len))
			return true;
	}
	if (a->count == b->count)
		return false;
	return diff_presence((a->count > b->count ? a : b)->leaf + i, a->count > b->count, text,
			     len);
}

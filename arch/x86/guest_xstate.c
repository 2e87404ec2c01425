/* SPDX-License-Identifier: MIT */
/* XCR0 rules and XSAVE area sizes of a guest. */
#include "arch/x86/guest_xstate.h"

#include "arch/x86/cpuid_image.h"
#include "arch/x86/regs.h"

#define XSAVE_LEGACY_AND_HEADER 576 /* SDM 1 13.4: 512 legacy bytes, 64 header */
#define XSTATE_ALIGN		64
#define XSTATE_ECX_ALIGNED	BIT(1) /* starts on a 64-byte boundary when compacted */

u64 guest_xcr0_supported(const struct cpuid_image *image)
{
	const struct cpuid_leaf *entry = cpuid_image_find(image, CPUID_XSTATE, 0);

	return entry ? (u64)entry->edx << 32 | entry->eax : 0;
}

/* All bits of group or none of them. */
static bool all_or_none(u64 value, u64 group)
{
	return (value & group) == 0 || (value & group) == group;
}

/* SDM 1 13.3: the combinations that XSETBV refuses. */
bool guest_xcr0_valid(const struct cpuid_image *image, u64 value)
{
	if (value & ~guest_xcr0_supported(image))
		return false;
	if (!(value & XCR0_X87))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	if ((value & XCR0_AVX512) && !(value & XCR0_AVX))
		return false;
	return all_or_none(value, XCR0_AVX512) && all_or_none(value, XCR0_MPX);
}

bool guest_xcr0_set(struct vcpu *vcpu, u32 index, u64 value)
{
	if (index != 0 || !guest_xcr0_valid(&vcpu->vm->arch.cpuid, value))
		return false;
	vcpu->arch.xcr0 = value;
	return true;
}

u32 guest_xstate_size(const struct cpuid_image *image, u64 components, bool compacted)
{
	const struct cpuid_leaf *end = image->leaf + image->count;
	const struct cpuid_leaf *entry = cpuid_image_find(image, CPUID_XSTATE, 0);
	u32 size = XSAVE_LEGACY_AND_HEADER;

	/* Entries are sorted: components come in the order in which a compacted area holds them. */
	for (; entry && entry < end && entry->leaf == CPUID_XSTATE; entry++) {
		if (entry->subleaf < XSTATE_FIRST_EXTENDED || !(components & BIT(entry->subleaf)))
			continue;
		if (!compacted) {
			size = MAX(size, entry->ebx + entry->eax);
			continue;
		}
		if (entry->ecx & XSTATE_ECX_ALIGNED)
			size = ALIGN_UP(size, XSTATE_ALIGN);
		size += entry->eax;
	}
	return size;
}

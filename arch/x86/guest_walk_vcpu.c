/* SPDX-License-Identifier: MIT */
/* Binds the page walk to a vCPU: its registers, its memory slots. */
#include "arch/x86/guest_walk.h"

#include "arch/x86/cpuid_image.h"
#include "arch/x86/virt.h"
#include "core/guest_memory.h"

#define CPUID_EXTENDED_FEATURES	 0x80000001
#define CPUID_ADDRESS_SIZES	 0x80000008
#define CPUID_EDX		 3
#define CPUID_EDX_GIGABYTE_PAGES 26
#define MAXPHYADDR_MASK		 0xff

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *entry)
{
	struct vm *vm = ctx;
	const void *p = guest_map(&vm->memory, gpa, size, GUEST_READ);

	if (!p)
		return false;
	if (size == sizeof(u32))
		*entry = __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
	else
		*entry = __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED);
	return true;
}

static bool cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 expected, u64 desired)
{
	struct vm *vm = ctx;
	void *p = guest_map(&vm->memory, gpa, size, GUEST_WRITE);
	u32 expected32 = expected;
	bool done;

	if (!p)
		return true; /* tables in ROM or nowhere keep their flags */
	if (size == sizeof(u32))
		done = __atomic_compare_exchange_n((u32 *)p, &expected32, desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	else
		done = __atomic_compare_exchange_n((u64 *)p, &expected, desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	/* Mark the page dirty again: the log may have been read between mapping and writing. */
	return done && guest_map(&vm->memory, gpa, size, GUEST_WRITE);
}

enum walk_result guest_walk(struct vcpu *vcpu, u64 linear, enum walk_access access, bool user,
			    u64 *gpa, u32 *pfec)
{
	struct walk_env env = {
		.cr0 = virt_get(vcpu, VREG_CR0),
		.ctx = vcpu->vm,
		.read = read_entry,
		.cmpxchg = cmpxchg_entry,
	};
	struct x86_seg ss;
	u32 sizes[4];

	if (env.cr0 & CR0_PG) {
		virt_get_seg(vcpu, SEG_SS, &ss);
		vcpu_cpuid(vcpu, CPUID_ADDRESS_SIZES, 0, sizes);
		env.cr3 = virt_get(vcpu, VREG_CR3);
		env.cr4 = virt_get(vcpu, VREG_CR4);
		env.efer = virt_get(vcpu, VREG_EFER);
		/* AC lifts SMAP for explicit accesses only, and those have CPL < 3. */
		env.ac = (virt_get(vcpu, VREG_RFLAGS) & RFLAGS_AC) &&
			 (ss.ar >> SEG_AR_DPL_SHIFT & 3) != 3;
		env.maxphyaddr = sizes[0] & MAXPHYADDR_MASK;
		env.gigabyte_pages = cpuid_image_has(&vcpu->vm->arch.cpuid, CPUID_EXTENDED_FEATURES,
						     0, CPUID_EDX, CPUID_EDX_GIGABYTE_PAGES);
	}
	return guest_walk_tables(&env, linear, access, user, gpa, pfec);
}

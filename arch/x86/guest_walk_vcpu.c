/* SPDX-License-Identifier: MIT */
/* Binds the page walk to a vCPU: its registers, its memory slots; remembers recent walks. */
#include "arch/x86/guest_walk.h"

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/cpuid_image.h"
#include "arch/x86/virt.h"
#include "core/guest_memory.h"

#define MAXPHYADDR_MASK 0xff

/* In the part of a memo's key that is the page's offset. */
#define KEY_USED	 BIT(0)
#define KEY_USER	 BIT(1)
#define KEY_ACCESS_SHIFT 2

/* A walk as it goes: the entries that it reads are those of a memo. */
struct recorder {
	struct vm *vm;
	struct walk_memo *memo; /* NULL: can't be remembered */
};

/* Makes room in the memo for an entry, or gives it up: 32-bit paging, too many tries. */
static void record(struct recorder *r, const void *p, unsigned size)
{
	if (!r->memo)
		return;
	if (!p || size != sizeof(u64) || r->memo->count == WALK_MEMO_ENTRIES)
		r->memo = NULL;
	else
		r->memo->entry[r->memo->count++] = p;
}

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *entry)
{
	struct recorder *r = ctx;
	const void *p = guest_map(&r->vm->memory, gpa, size, GUEST_READ);

	record(r, p, size);
	if (!p)
		return false;
	if (size == sizeof(u32))
		*entry = __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
	else
		*entry = __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED);
	if (r->memo)
		r->memo->value[r->memo->count - 1] = *entry;
	return true;
}

static bool cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 expected, u64 desired)
{
	struct recorder *r = ctx;
	struct vm *vm = r->vm;
	void *p = guest_map(&vm->memory, gpa, size, GUEST_WRITE);
	u32 expected32 = expected;
	bool done;

	/* What was read is not what is there now: the next walk may be remembered. */
	r->memo = NULL;
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

static void read_limits(struct vcpu *vcpu, struct walk_env *env)
{
	u32 sizes[4];

	vcpu_cpuid(vcpu, CPUID_ADDRESS, 0, sizes);
	env->maxphyaddr = sizes[0] & MAXPHYADDR_MASK;
	env->gigabyte_pages = cpuid_image_offers(&vcpu->vm->arch.cpuid, X86_FEATURE_PAGE1GB);
}

/* memo: for the walk if it succeeds. */
static __noinline enum walk_result walk(struct vcpu *vcpu, const struct guest_paging *paging,
					u64 linear, enum walk_access access, bool user, u64 key,
					struct walk_memo *memo, u64 *gpa, u32 *pfec)
{
	struct recorder recorder = { .vm = vcpu->vm, .memo = memo };
	struct walk_env env = {
		.cr0 = paging->cr0,
		.cr3 = paging->cr3,
		.cr4 = paging->cr4,
		.efer = paging->efer,
		.ac = paging->ac,
		.ctx = &recorder,
		.read = read_entry,
		.cmpxchg = cmpxchg_entry,
	};
	enum walk_result result;

	read_limits(vcpu, &env);
	memo->key = 0;
	memo->count = 0;
	result = guest_walk_tables(&env, linear, access, user, gpa, pfec);
	if (result == WALK_OK && recorder.memo) {
		memo->paging = *paging;
		memo->gpa = *gpa & PAGE_MASK;
		memo->key = key;
	}
	return result;
}

static bool same_paging(const struct guest_paging *a, const struct guest_paging *b)
{
	return a->cr3 == b->cr3 && a->cr0 == b->cr0 && a->cr4 == b->cr4 && a->efer == b->efer &&
	       a->ac == b->ac;
}

static bool still_holds(const struct walk_memo *memo, u64 key, const struct guest_paging *paging)
{
	if (memo->key != key || !same_paging(&memo->paging, paging))
		return false;
	for (unsigned i = 0; i < memo->count; i++)
		if (__atomic_load_n(memo->entry[i], __ATOMIC_RELAXED) != memo->value[i])
			return false;
	return true;
}

enum walk_result guest_walk_with(struct vcpu *vcpu, const struct guest_paging *paging, u64 linear,
				 enum walk_access access, bool user, u64 *gpa, u32 *pfec)
{
	u64 key = (linear & PAGE_MASK) | (u64)access << KEY_ACCESS_SHIFT | (user ? KEY_USER : 0) |
		  KEY_USED;
	struct walk_memo *memo = &vcpu->arch.walks[((linear >> PAGE_SHIFT) + access) % WALK_MEMOS];

	*pfec = 0;
	*gpa = linear;
	if (!(paging->cr0 & CR0_PG))
		return WALK_OK;
	if (unlikely(!still_holds(memo, key, paging)))
		return walk(vcpu, paging, linear, access, user, key, memo, gpa, pfec);
	*gpa = memo->gpa | (linear & ~PAGE_MASK);
	return WALK_OK;
}

enum walk_result guest_walk(struct vcpu *vcpu, u64 linear, enum walk_access access, bool user,
			    u64 *gpa, u32 *pfec)
{
	struct guest_paging paging = { .cr0 = virt_get(vcpu, VREG_CR0) };
	struct x86_seg ss;

	if (paging.cr0 & CR0_PG) {
		virt_get_seg(vcpu, SEG_SS, &ss);
		paging.cr3 = virt_get(vcpu, VREG_CR3);
		paging.cr4 = virt_get(vcpu, VREG_CR4);
		paging.efer = virt_get(vcpu, VREG_EFER);
		paging.ac = (virt_get(vcpu, VREG_RFLAGS) & RFLAGS_AC) &&
			    (ss.ar >> SEG_AR_DPL_SHIFT & 3) != 3;
	}
	return guest_walk_with(vcpu, &paging, linear, access, user, gpa, pfec);
}

void guest_walk_forget(struct vcpu *vcpu)
{
	for (unsigned i = 0; i < WALK_MEMOS; i++)
		vcpu->arch.walks[i].key = 0;
}

/* SPDX-License-Identifier: MIT */
/* The guest's own page tables: from a linear to a guest-physical address (SDM 3A chapter 4). */
#ifndef FIRN_X86_GUEST_WALK_H
#define FIRN_X86_GUEST_WALK_H

#include "arch/x86/regs.h"

enum walk_access {
	WALK_READ,
	WALK_WRITE,
	WALK_FETCH
};

enum walk_result {
	WALK_OK,
	WALK_FAULT, /* #PF with the error code in *pfec; CR2 = the linear address */
};

/* Paging state and access to guest-physical memory: all that a walk depends on. */
struct walk_env {
	u64 cr0, cr3, cr4, efer;
	u32 pkru;	     /* used when CR4.PKE is set; 0 = everything is allowed */
	bool ac;	     /* RFLAGS.AC, which lifts SMAP; false for implicit accesses */
	bool gigabyte_pages; /* CPUID.80000001H:EDX[26] */
	u8 maxphyaddr;	     /* CPUID.80000008H:EAX[7:0] */
	void *ctx;
	/* size: 4 or 8 bytes, aligned. False = no memory there; reads as all ones. */
	bool (*read)(void *ctx, u64 gpa, unsigned size, u64 *entry);
	/* Atomic; false = the entry was not expected any more. Lost on read-only memory: true. */
	bool (*cmpxchg)(void *ctx, u64 gpa, unsigned size, u64 expected, u64 desired);
};

/*
 * Walks and checks all rights of one access; user: with user-mode rights (CPL 3, not implicit). Sets
 * accessed and dirty flags when it succeeds. linear must be canonical, or below 4 GiB. Pure but for
 * the callbacks; page table entries are read again when they change meanwhile, a bounded number of
 * times, after which the guest gets a spurious #PF.
 */
enum walk_result guest_walk_tables(const struct walk_env *env, u64 linear, enum walk_access access,
				   bool user, u64 *gpa, u32 *pfec);

struct vcpu;

/* The registers that a walk depends on. */
struct guest_paging {
	u64 cr0, cr3, cr4, efer;
	bool ac; /* RFLAGS.AC at CPL < 3: lifts SMAP for explicit accesses */
};

/*
 * A walk that succeeded, with the entries it went through. While registers and entries are the
 * same, another walk would have the same result: so the guest need not tell us about its changes.
 */
#define WALK_MEMOS	  16
#define WALK_MEMO_ENTRIES 5
struct walk_memo {
	u64 key; /* page, access and rights; 0: not used */
	struct guest_paging paging;
	u64 gpa; /* of the page */
	unsigned count;
	const u64 *entry[WALK_MEMO_ENTRIES]; /* in guest memory */
	u64 value[WALK_MEMO_ENTRIES];
};

/*
 * guest_walk_tables() with the vCPU's memory and these registers. PAE PDPTEs are read from memory
 * rather than from the processor's copies, and protection keys are not checked: PKRU is not offered
 * to guests yet, and data accesses that exit have passed the processor's own check. The vCPU's CPU,
 * between exit and entry.
 */
enum walk_result guest_walk_with(struct vcpu *vcpu, const struct guest_paging *paging, u64 linear,
				 enum walk_access access, bool user, u64 *gpa, u32 *pfec);

/* The same with the vCPU's current registers. */
enum walk_result guest_walk(struct vcpu *vcpu, u64 linear, enum walk_access access, bool user,
			    u64 *gpa, u32 *pfec);

/* The VM's memory was changed from outside or the vCPU was elsewhere: nothing is remembered. */
void guest_walk_forget(struct vcpu *vcpu);

#endif

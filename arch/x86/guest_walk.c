/* SPDX-License-Identifier: MIT */
/* Page walk: translation, permission and reserved-bit checks, accessed and dirty flags. */
#include "arch/x86/guest_walk.h"

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"

#define PTE_ADDRESS64	    0x000ffffffffff000ull /* bits 51:12 */
#define PTE_ADDRESS32	    0xfffff000ull
#define PDE32_ADDRESS	    0xffc00000ull /* of a 4 MiB page: bits 31:22 are address bits 31:22 */
#define PDE32_HIGH	    0x001fe000ull /* and bits 20:13 are address bits 39:32 (PSE-36) */
#define PDE32_HIGH_SHIFT    19
#define PDE32_RESERVED	    BIT(21)
#define PDPTE_PAE_RESERVED  (0x1e6ull | PTE_NX | PTE_IGNORED)
#define PTE_IGNORED	    0x7ff0000000000000ull /* bits 62:52; reserved in PAE paging */
#define CR3_PAE_TABLE	    0xffffffe0ull
#define PKEY_SHIFT	    59
#define PKEY_MASK	    15
#define PKRU_ACCESS_DISABLE BIT(0)
#define PKRU_WRITE_DISABLE  BIT(1)

#define MAX_LEVELS 5
#define WALK_TRIES 16

/* A paging mode: SDM 3A table 4-1. */
struct paging {
	u8 levels;
	u8 entry_size;
	u8 index_bits;
};
static const struct paging paging_32bit = { 2, 4, 10 };
static const struct paging paging_pae = { 3, 8, 9 };
static const struct paging paging_4level = { 4, 8, 9 };
static const struct paging paging_5level = { 5, 8, 9 };

struct walk {
	const struct walk_env *env;
	const struct paging *paging;
	u64 linear;
	enum walk_access access;
	bool user;
	bool writable, user_page, no_execute;		      /* combined over all levels */
	u64 entry[MAX_LEVELS + 1], entry_gpa[MAX_LEVELS + 1]; /* by level, 1 = page table */
	unsigned leaf; /* level of the entry that maps the page */
};

static const struct paging *find_paging(const struct walk_env *env)
{
	if (env->efer & EFER_LMA)
		return env->cr4 & CR4_LA57 ? &paging_5level : &paging_4level;
	return env->cr4 & CR4_PAE ? &paging_pae : &paging_32bit;
}

static unsigned level_shift(const struct walk *w, unsigned level)
{
	return PAGE_SHIFT + (level - 1) * w->paging->index_bits;
}

/* The third level of PAE paging: four entries without rights, flags or large pages. */
static bool is_pae_pdpte(const struct walk *w, unsigned level)
{
	return w->paging == &paging_pae && level == 3;
}

static bool maps_page(const struct walk *w, unsigned level, u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS) || level > 3 || is_pae_pdpte(w, level))
		return false;
	if (w->paging == &paging_32bit)
		return w->env->cr4 & CR4_PSE;
	return level == 2 || w->env->gigabyte_pages;
}

/* Bits from MAXPHYADDR up to top. */
static u64 beyond_maxphyaddr(const struct walk *w, unsigned top)
{
	unsigned first = MIN(w->env->maxphyaddr, top + 1u);

	return BIT(top + 1) - BIT(first);
}

static u64 reserved_32bit(const struct walk *w, unsigned level, u64 entry)
{
	if (level == 1 || !maps_page(w, level, entry))
		return 0;
	return PDE32_RESERVED | (beyond_maxphyaddr(w, 39) >> PDE32_HIGH_SHIFT & PDE32_HIGH);
}

/* SDM 3A tables 4-8 to 4-20. */
static u64 reserved_64bit(const struct walk *w, unsigned level, u64 entry)
{
	u64 reserved = beyond_maxphyaddr(w, 51);

	if (is_pae_pdpte(w, level))
		return reserved | PDPTE_PAE_RESERVED;
	if (w->paging == &paging_pae)
		reserved |= PTE_IGNORED;
	if (!(w->env->efer & EFER_NXE))
		reserved |= PTE_NX;
	if (level > 1 && maps_page(w, level, entry))
		reserved |= (BIT(level_shift(w, level)) - 1) & ~(BIT(PAGE_SHIFT + 1) - 1);
	else if (level > 2)
		reserved |= PTE_PS;
	return reserved;
}

static bool has_reserved(const struct walk *w, unsigned level, u64 entry)
{
	u64 reserved = w->paging == &paging_32bit ? reserved_32bit(w, level, entry)
						  : reserved_64bit(w, level, entry);

	return entry & reserved;
}

static u64 root_table(const struct walk *w)
{
	if (w->paging == &paging_32bit)
		return w->env->cr3 & PTE_ADDRESS32;
	return w->env->cr3 & (w->paging == &paging_pae ? CR3_PAE_TABLE : PTE_ADDRESS64);
}

static u64 read_entry(struct walk *w, unsigned level, u64 table)
{
	unsigned size = w->paging->entry_size;
	u64 index = w->linear >> level_shift(w, level) & (BIT(w->paging->index_bits) - 1);
	u64 entry = 0;

	if (is_pae_pdpte(w, level))
		index &= 3;
	w->entry_gpa[level] = table + index * size;
	if (!w->env->read(w->env->ctx, w->entry_gpa[level], size, &entry))
		entry = size == 4 ? UINT32_MAX : UINT64_MAX;
	w->entry[level] = entry;
	return entry;
}

/* Goes down to the entry that maps the page. False: fault, with P and RSVD in *pfec. */
static bool find_leaf(struct walk *w, u32 *pfec)
{
	u64 table = root_table(w);

	w->writable = w->user_page = true;
	w->no_execute = false;
	for (unsigned level = w->paging->levels; level >= 1; level--) {
		u64 entry = read_entry(w, level, table);

		if (!(entry & PTE_P))
			return false;
		*pfec |= PFERR_PRESENT;
		if (has_reserved(w, level, entry)) {
			*pfec |= PFERR_RSVD;
			return false;
		}
		if (!is_pae_pdpte(w, level)) {
			w->writable &= !!(entry & PTE_RW);
			w->user_page &= !!(entry & PTE_US);
			w->no_execute |= w->paging->entry_size == 8 && (entry & PTE_NX);
		}
		if (maps_page(w, level, entry)) {
			w->leaf = level;
			return true;
		}
		*pfec &= ~PFERR_PRESENT;
		table = entry & (w->paging->entry_size == 4 ? PTE_ADDRESS32 : PTE_ADDRESS64);
	}
	return false;
}

static bool key_allows(const struct walk *w)
{
	const struct walk_env *env = w->env;
	u32 rights = env->pkru >> 2 * (w->entry[w->leaf] >> PKEY_SHIFT & PKEY_MASK);

	if (!(env->efer & EFER_LMA) || !(env->cr4 & CR4_PKE) || !w->user_page ||
	    w->access == WALK_FETCH)
		return true;
	if (rights & PKRU_ACCESS_DISABLE)
		return false;
	return w->access == WALK_READ || !(rights & PKRU_WRITE_DISABLE) ||
	       (!w->user && !(env->cr0 & CR0_WP));
}

/* SDM 3A 4.6.1 */
static bool access_allowed(const struct walk *w)
{
	const struct walk_env *env = w->env;
	bool supervisor_on_user = !w->user && w->user_page;

	if (w->user && !w->user_page)
		return false;
	if (w->access == WALK_FETCH)
		return !w->no_execute && !(supervisor_on_user && (env->cr4 & CR4_SMEP));
	if (supervisor_on_user && (env->cr4 & CR4_SMAP) && !env->ac)
		return false;
	return w->access == WALK_READ || w->writable || (!w->user && !(env->cr0 & CR0_WP));
}

/* SDM 3A 4.7: I/D only says something when fetches have rules of their own. */
static u32 access_error(const struct walk *w)
{
	bool fetch_rules = (w->env->cr4 & CR4_SMEP) ||
			   (w->paging->entry_size == 8 && (w->env->efer & EFER_NXE));

	return (w->access == WALK_WRITE ? PFERR_WRITE : 0) | (w->user ? PFERR_USER : 0) |
	       (w->access == WALK_FETCH && fetch_rules ? PFERR_FETCH : 0);
}

/* False: an entry has changed since it was read. */
static bool set_flags(struct walk *w)
{
	const struct walk_env *env = w->env;

	for (unsigned level = w->paging->levels; level >= w->leaf; level--) {
		u64 flags = PTE_A;

		if (is_pae_pdpte(w, level))
			continue;
		if (level == w->leaf && w->access == WALK_WRITE)
			flags |= PTE_D;
		if ((w->entry[level] & flags) == flags)
			continue;
		if (!env->cmpxchg(env->ctx, w->entry_gpa[level], w->paging->entry_size,
				  w->entry[level], w->entry[level] | flags))
			return false;
	}
	return true;
}

static u64 page_address(const struct walk *w)
{
	u64 offset_mask = BIT(level_shift(w, w->leaf)) - 1;
	u64 entry = w->entry[w->leaf], base = entry & PTE_ADDRESS64;

	if (w->paging == &paging_32bit) {
		base = entry & PTE_ADDRESS32;
		if (w->leaf == 2)
			base = (entry & PDE32_ADDRESS) | (entry & PDE32_HIGH) << PDE32_HIGH_SHIFT;
	}
	return (base & ~offset_mask) | (w->linear & offset_mask);
}

enum walk_result guest_walk_tables(const struct walk_env *env, u64 linear, enum walk_access access,
				   bool user, u64 *gpa, u32 *pfec)
{
	struct walk w = { .env = env, .linear = linear, .access = access, .user = user };

	*pfec = 0;
	*gpa = linear;
	if (!(env->cr0 & CR0_PG))
		return WALK_OK;
	w.paging = find_paging(env);
	for (unsigned i = 0; i < WALK_TRIES; i++) {
		bool key;

		*pfec = access_error(&w);
		if (!find_leaf(&w, pfec))
			return WALK_FAULT;
		key = key_allows(&w);
		if (!key)
			*pfec |= PFERR_PK;
		if (!key || !access_allowed(&w))
			return WALK_FAULT;
		if (set_flags(&w)) {
			*gpa = page_address(&w);
			*pfec = 0;
			return WALK_OK;
		}
	}
	return WALK_FAULT;
}

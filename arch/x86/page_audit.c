/* SPDX-License-Identifier: MIT */
/* What page tables allow: rights of all levels combined (SDM 3A 4.6.1), compared with rules. */
#include "arch/x86/page_audit.h"

#include "arch/x86/pagetable.h"
#include "core/arch.h"

#define CANONICAL_SIGN BIT(47)
#define ALL_RIGHTS     (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_SHADOW)

static u64 overlap(u64 a_start, u64 a_end, u64 b_start, u64 b_end)
{
	u64 start = MAX(a_start, b_start), end = MIN(a_end, b_end);

	return start < end ? end - start : 0;
}

/* A page that rules cover in part may do what all of them allow. */
static u32 allowed(const struct page_audit *audit, u64 va, u64 size)
{
	u32 flags = ALL_RIGHTS;
	u64 covered = 0;

	for (unsigned i = 0; i < audit->nr_rules; i++) {
		const struct page_rule *rule = &audit->rules[i];
		u64 part = overlap(va, va + size, rule->start, rule->end);

		covered += part;
		if (part)
			flags &= rule->allowed;
	}
	return covered == size ? flags : flags & PAGE_WRITE;
}

/* PAGE_SHADOW: of tables, it is not forbidden; of leaves, see check_leaf(). */
static u32 entry_rights(u64 entry, bool leaf)
{
	return (leaf || (entry & PTE_RW) ? PAGE_SHADOW : 0) | (entry & PTE_RW ? PAGE_WRITE : 0) |
	       (entry & PTE_US ? PAGE_USER : 0) | (entry & PTE_NX ? 0 : PAGE_EXEC);
}

static void check_leaf(struct page_audit *audit, u64 va, u64 entry, u64 size, u32 rights)
{
	u64 pa = ALIGN_DOWN(entry & PTE_ADDR, size);
	u32 may = allowed(audit, va, size), excess;

	if (overlap(pa, pa + size, audit->frozen.start, audit->frozen.end))
		may &= ~PAGE_WRITE;
	/* SDM 3A 4.6: dirty, and writable but for the leaf. */
	if ((rights & PAGE_SHADOW) && !((entry & PTE_D) && !(entry & PTE_RW)))
		rights &= ~PAGE_SHADOW;
	if (!audit->nx)
		rights &= ~PAGE_EXEC;
	audit->exec += rights & PAGE_EXEC ? size : 0;
	audit->write += rights & PAGE_WRITE ? size : 0;
	excess = rights & ~may;
	if (excess) {
		audit->violations++;
		audit->violation(va, size, excess);
	} else if ((rights & PAGE_WRITE) && (rights & PAGE_EXEC)) {
		audit->both += size;
	}
}

static void walk(struct page_audit *audit, const u64 *table, unsigned level, u64 va, u32 rights)
{
	u64 span = pagetable_span(level);

	for (unsigned i = 0; i < PT_ENTRIES; i++, va += span) {
		u64 entry = table[i];
		bool leaf = level == 1 || (entry & PTE_PS);
		u32 both = rights & entry_rights(entry, leaf);

		if (!(entry & PTE_P))
			continue;
		if (leaf)
			check_leaf(audit, va, entry, span, both);
		else
			walk(audit, phys_to_virt(entry & PTE_ADDR), level - 1, va, both);
	}
}

void page_audit(struct page_audit *audit, const u64 *root, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last; i++) {
		u64 va = i * pagetable_span(PT_TOP_LEVEL);

		if (va & CANONICAL_SIGN)
			va |= ~(CANONICAL_SIGN - 1);
		if (root[i] & PTE_P)
			walk(audit, phys_to_virt(root[i] & PTE_ADDR), PT_TOP_LEVEL - 1, va,
			     entry_rights(root[i], false));
	}
}

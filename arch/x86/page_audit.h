/* SPDX-License-Identifier: MIT */
/* What page tables allow, compared with what they may allow. No CPU registers here. */
#ifndef FIRN_X86_PAGE_AUDIT_H
#define FIRN_X86_PAGE_AUDIT_H

#include "core/types.h"

#define PAGE_WRITE  BIT(0)
#define PAGE_EXEC   BIT(1)
#define PAGE_USER   BIT(2)
#define PAGE_SHADOW BIT(3) /* a shadow stack: the CPU writes it, other code can't */

/* Virtual addresses [start, end); rules don't overlap. What no rule covers may be written. */
struct page_rule {
	u64 start, end;
	u32 allowed; /* PAGE_* */
};

/* Physical addresses [start, end) that no mapping may make writable. */
struct page_frozen {
	u64 start, end;
};

struct page_audit {
	const struct page_rule *rules;
	unsigned nr_rules;
	struct page_frozen frozen;
	bool nx; /* the CPU has no-execute bits; without them nothing is said about PAGE_EXEC */
	/* Told about each leaf entry that allows more; flags: what it allows too much. */
	void (*violation)(u64 start, u64 size, u32 flags);
	/* Results, bytes: may be executed, written, both because a rule says so. */
	u64 exec, write, both;
	unsigned violations;
};

/*
 * Walks what the entries first..last of a root table map, and adds to the results. The tables are
 * read through phys_to_virt(); nobody changes them meanwhile.
 */
void page_audit(struct page_audit *audit, const u64 *root, unsigned first, unsigned last);

#endif

/* SPDX-License-Identifier: MIT */
/* Extended page tables (SDM 3C 28.2). */
#include "arch/x86/vmx/ept.h"

#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmcs.h"
#include "core/arch.h"
#include "core/pmem.h"

#define EPT_ENTRIES    512
#define EPT_LEVELS     4
#define EPT_LARGE      BIT(7)
#define EPT_ADDR       0x000ffffffffff000ull
#define EPT_MEMTYPE_WB (6ull << 3)
#define EPT_IGNORE_PAT BIT(6)
#define EPTP_WALK4     (3ull << 3)
#define EPTP_WB	       6ull

/*
 * RAM is write-back whatever the guest's PAT says (SDM 3C 28.2.7.2): Firn maps the same pages
 * write-back, and aliases of different types are undefined. No device memory is mapped here.
 */
#define EPT_RAM_TYPE (EPT_MEMTYPE_WB | EPT_IGNORE_PAT)

static u64 level_size(unsigned level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static u64 *entry_of(u64 table, u64 gpa, unsigned level)
{
	return (u64 *)phys_to_virt(table) + ((gpa / level_size(level)) % EPT_ENTRIES);
}

static bool is_leaf(u64 entry, unsigned level)
{
	return level == 1 || (entry & EPT_LARGE);
}

static bool may_be_leaf(unsigned level, u64 gpa, u64 hpa, u64 size)
{
	u64 page = level_size(level);

	if (level == 4 || (level == 3 && !(vmx_caps.ept_vpid & EPT_CAP_1G)))
		return false;
	return IS_ALIGNED(gpa | hpa, page) && size >= page;
}

/* Table one level below the entry, made when missing. 0 = no memory. */
static u64 next_table(u64 *entry)
{
	void *page;

	if (*entry)
		return *entry & EPT_ADDR;
	page = pmem_alloc_page(PMEM_PAGE_TABLE);
	if (!page)
		return 0;
	*entry = virt_to_phys(page) | EPT_RWX;
	return *entry & EPT_ADDR;
}

enum firn_err ept_map(u64 root, u64 gpa, u64 hpa, u64 size, u64 access)
{
	while (size) {
		u64 table = root;
		unsigned level = EPT_LEVELS;

		while (!may_be_leaf(level, gpa, hpa, size)) {
			table = next_table(entry_of(table, gpa, level--));
			if (!table)
				return ERR_NOMEM;
		}
		*entry_of(table, gpa, level) =
			hpa | access | EPT_RAM_TYPE | (level > 1 ? EPT_LARGE : 0);
		gpa += level_size(level);
		hpa += level_size(level);
		size -= level_size(level);
	}
	return FIRN_OK;
}

static u64 *find_leaf(u64 root, u64 gpa, unsigned *level)
{
	u64 table = root;

	for (*level = EPT_LEVELS;; (*level)--) {
		u64 *entry = entry_of(table, gpa, *level);

		if (!*entry || is_leaf(*entry, *level))
			return entry;
		table = *entry & EPT_ADDR;
	}
}

void ept_unmap(u64 root, u64 gpa, u64 size)
{
	u64 end = gpa + size;

	while (gpa < end) {
		unsigned level;
		u64 *entry = find_leaf(root, gpa, &level);

		*entry = 0;
		gpa = ALIGN_DOWN(gpa, level_size(level)) + level_size(level);
	}
}

u64 ept_lookup(u64 root, u64 gpa, u64 *page_size)
{
	unsigned level;
	u64 *entry = find_leaf(root, gpa, &level);

	*page_size = level_size(level);
	return *entry;
}

u64 ept_create(void)
{
	void *page = pmem_alloc_page(PMEM_PAGE_TABLE);

	return page ? virt_to_phys(page) : 0;
}

static void free_table(u64 table, unsigned level)
{
	u64 *entries = phys_to_virt(table);

	for (unsigned i = 0; i < EPT_ENTRIES; i++)
		if (entries[i] && !is_leaf(entries[i], level))
			free_table(entries[i] & EPT_ADDR, level - 1);
	pmem_free_page(entries, PMEM_PAGE_TABLE);
}

void ept_destroy(u64 root)
{
	if (root)
		free_table(root, EPT_LEVELS);
}

u64 ept_pointer(u64 root)
{
	return root | EPTP_WALK4 | EPTP_WB;
}

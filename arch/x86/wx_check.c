/* SPDX-License-Identifier: MIT */
/* W^X of Firn's own address space, checked once it is complete. */
#include "arch/x86/wx_check.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/page_audit.h"
#include "arch/x86/pagetable.h"
#include "arch/x86/paging.h"
#include "arch/x86/x86.h"
#include "core/log.h"

#define MAX_LOGGED 8

extern char __image_start[], __text_start[], __text_end[], __rodata_end[];

static unsigned logged;

static void violation(u64 start, u64 size, u32 flags)
{
	if (logged++ < MAX_LOGGED)
		log_error("page tables: %016lx-%016lx may not be%s%s%s%s", (unsigned long)start,
			  (unsigned long)(start + size - 1), flags & PAGE_WRITE ? " writable" : "",
			  flags & PAGE_EXEC ? " executable" : "",
			  flags & PAGE_USER ? " for user mode" : "",
			  flags & PAGE_SHADOW ? " a shadow stack" : "");
}

static struct page_audit new_audit(const struct page_rule *rules, unsigned nr_rules)
{
	return (struct page_audit){
		.rules = rules,
		.nr_rules = nr_rules,
		.frozen = { image_to_phys(__image_start), image_to_phys(__rodata_end) },
		.nx = cpu_features.nx,
		.violation = violation,
	};
}

static struct page_audit check_own_root(const u64 *root)
{
	const struct page_rule rules[] = {
		{ (u64)__text_start, (u64)__text_end, PAGE_EXEC },
		{ (u64)__text_end, (u64)__rodata_end, 0 },
		{ SHADOW_STACKS_BASE, SHADOW_STACKS_BASE + SHADOW_STACKS_WINDOW, PAGE_SHADOW },
	};
	struct page_audit audit = new_audit(rules, ARRAY_SIZE(rules));

	page_audit(&audit, root, 0, PT_ENTRIES - 1);
	return audit;
}

/* The exception: EFI runtime memory, which is there during a call only. */
static struct page_audit check_identity(const u64 *root, const struct handover *h)
{
	struct page_rule rules[HANDOVER_MAX_MEMORY];
	struct page_audit audit;
	unsigned n = 0;

	for (u32 i = 0; i < h->nr_memory; i++) {
		const struct handover_memory *m = &h->memory[i];

		if (m->type == HANDOVER_MEM_RUNTIME)
			rules[n++] = (struct page_rule){ m->base, m->base + m->size,
							 PAGE_WRITE | PAGE_EXEC };
	}
	audit = new_audit(rules, n);
	page_audit(&audit, root, 0, PT_FIRST_HIGH - 1);
	return audit;
}

void wx_check_tables(const struct handover *h)
{
	const u64 *root = phys_to_virt(paging_root());
	const u64 *identity = phys_to_virt(paging_identity_root());
	struct page_audit own = check_own_root(root), efi = check_identity(identity, h);
	bool shared = memcmp(&root[PT_FIRST_HIGH], &identity[PT_FIRST_HIGH],
			     PT_FIRST_HIGH * sizeof(*root)) == 0;

	if (own.violations || efi.violations)
		panic("page tables: %u entries allow too much", own.violations + efi.violations);
	if (!shared)
		panic("page tables: the identity root differs in Firn's half");
	log_info("page tables: %lu KiB executable and read-only; writable and executable: none%s",
		 (unsigned long)(own.exec / KiB), cpu_features.nx ? "" : " is checked: no NX");
	if (efi.both)
		log_info("page tables: in EFI calls only: %lu KiB of runtime services writable and "
			 "executable",
			 (unsigned long)(efi.both / KiB));
}

void wx_check_cpu(void)
{
	if (!(read_cr0() & CR0_WP) || (cpu_features.nx && !(rdmsr(MSR_EFER) & EFER_NXE)) ||
	    read_cr3() != paging_root())
		panic("page protection is off: cr0 %lx, efer %lx, cr3 %lx", read_cr0(),
		      rdmsr(MSR_EFER), read_cr3());
}

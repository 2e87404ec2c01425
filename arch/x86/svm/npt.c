/* SPDX-License-Identifier: MIT */
/* Nested page tables (APM vol. 2, 15.25): entries are those of the host's own long-mode paging. */
#include "arch/x86/svm/npt.h"

#include "arch/x86/cpu.h"
#include "arch/x86/nested_table.h"

/* Every access of a guest counts as a user's (15.25.5). Memory type: PAT entry 0, write-back. */
#define NPT_TABLE (NPT_PRESENT | NPT_WRITABLE | NPT_USER)

enum firn_err npt_map(u64 root, u64 gpa, u64 hpa, u64 size, bool writable)
{
	const struct nested_bits bits = {
		.table = NPT_TABLE,
		.leaf = NPT_PRESENT | NPT_USER | (writable ? NPT_WRITABLE : 0),
		.gib_pages = cpu_features.gib_pages,
	};

	return nested_map(root, gpa, hpa, size, &bits);
}

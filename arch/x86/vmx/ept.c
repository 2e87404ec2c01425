/* SPDX-License-Identifier: MIT */
/* Extended page tables (SDM 3C 28.2). */
#include "arch/x86/vmx/ept.h"

#include "arch/x86/nested_table.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmcs.h"

#define EPT_MEMTYPE_WB (6ull << 3)
#define EPT_IGNORE_PAT BIT(6)
#define EPTP_WALK4     (3ull << 3)
#define EPTP_WB	       6ull
#define EPTP_AD	       BIT(6)

/*
 * RAM is write-back whatever the guest's PAT says (SDM 3C 28.2.7.2): Firn maps the same pages
 * write-back, and aliases of different types are undefined. No device memory is mapped here.
 */
#define EPT_RAM_TYPE (EPT_MEMTYPE_WB | EPT_IGNORE_PAT)

enum firn_err ept_map(u64 root, u64 gpa, u64 hpa, u64 size, u64 access)
{
	const struct nested_bits bits = {
		.table = EPT_RWX,
		.leaf = access | EPT_RAM_TYPE,
		.gib_pages = vmx_caps.ept_vpid & EPT_CAP_1G,
	};

	return nested_map(root, gpa, hpa, size, &bits);
}

u64 ept_pointer(u64 root)
{
	/* Dirty flags are there for page-modification logging only. */
	return root | EPTP_WALK4 | EPTP_WB | (vmx_caps_pml(&vmx_caps) ? EPTP_AD : 0);
}

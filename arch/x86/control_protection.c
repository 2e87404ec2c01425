/* SPDX-License-Identifier: MIT */
/* Error codes of #CP in words. */
#include "arch/x86/control_protection.h"

const char *control_protection_reason(u64 error)
{
	static const char *const reason[] = {
		[CP_NEAR_RET] = "near RET to another address than the shadow stack has",
		[CP_FAR_RET_IRET] = "far RET or IRET to another address than the shadow stack has",
		[CP_ENDBRANCH] = "indirect jump or call to an instruction that is not ENDBR64",
		[CP_RSTORSSP] = "RSTORSSP without a valid token",
		[CP_SETSSBSY] = "SETSSBSY without a free token",
	};
	u64 code = error & CP_ERROR_MASK;

	if ((error & ~(CP_ERROR_MASK | CP_ENCL)) || code >= ARRAY_SIZE(reason) || !reason[code])
		return "reserved error code";
	return reason[code];
}

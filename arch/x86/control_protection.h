/* SPDX-License-Identifier: MIT */
/* The control protection exception, #CP (SDM 3A 6.15, interrupt 21). */
#ifndef FIRN_X86_CONTROL_PROTECTION_H
#define FIRN_X86_CONTROL_PROTECTION_H

#include "core/types.h"

enum cp_error {
	CP_NEAR_RET = 1,
	CP_FAR_RET_IRET = 2,
	CP_ENDBRANCH = 3,
	CP_RSTORSSP = 4,
	CP_SETSSBSY = 5,
};
#define CP_ERROR_MASK 0x7fffu
#define CP_ENCL	      BIT(15) /* while an enclave ran */

/* What an error code of #CP means, for people. Pure. */
const char *control_protection_reason(u64 error);

#endif

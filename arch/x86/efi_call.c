/* SPDX-License-Identifier: MIT */
/* Address space and control registers around a call into EFI runtime services. */
#include "arch/x86/efi_call.h"

#include "arch/x86/paging.h"
#include "arch/x86/x86.h"

void efi_enter(u64 function, u64 arg1, u64 arg2);
extern const char efi_enter_abort[];
extern u64 efi_enter_rsp;

u64 efi_enter_rsp;
static bool in_call;

void efi_call_reset(u64 reset_system, u64 type, u64 status)
{
	u64 cr4 = read_cr4();

	/* Firmware knows nothing of these (UEFI 2.3.4 lists the state that it expects). */
	write_cr4(cr4 & ~(CR4_CET | CR4_SMAP | CR4_SMEP | CR4_UMIP));
	write_cr3(paging_identity_root());
	__atomic_store_n(&in_call, true, __ATOMIC_SEQ_CST);
	efi_enter(reset_system, type, status);
	__atomic_store_n(&in_call, false, __ATOMIC_SEQ_CST);
	write_cr3(paging_root());
	write_cr4(cr4);
}

bool efi_call_recover(struct exception_frame *frame)
{
	if (!in_call)
		return false;
	in_call = false;
	frame->rip = (u64)efi_enter_abort;
	frame->rsp = efi_enter_rsp;
	return true;
}

/* SPDX-License-Identifier: MIT */
/* Calls into EFI runtime services, with a way back when the firmware faults. */
#ifndef FIRN_X86_EFI_CALL_H
#define FIRN_X86_EFI_CALL_H

#include "arch/x86/interrupts.h"

/*
 * Calls ResetSystem(type, status, 0, NULL) at this address on the identity root. Returns only
 * when the firmware did, or faulted. Interrupts off, other CPUs parked.
 */
void efi_call_reset(u64 reset_system, u64 type, u64 status);

/* In an exception: true when it happened in such a call, which then ends. */
bool efi_call_recover(struct exception_frame *frame);

#endif

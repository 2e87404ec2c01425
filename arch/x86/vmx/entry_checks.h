/* SPDX-License-Identifier: MIT */
/* The checks that a VM entry makes, repeated in software to tell which one failed. */
#ifndef FIRN_VMX_ENTRY_CHECKS_H
#define FIRN_VMX_ENTRY_CHECKS_H

#include "arch/x86/vmx/vmcs.h"

/* Where field values come from: VMREAD, or a table in unit tests. */
typedef u64 (*vmcs_source)(enum vmcs_field field);

/*
 * Calls report(ctx, rule) for each violated rule; rule names field, value's flaw and the section of
 * SDM vol. 3C. Returns how many were violated. Pure.
 */
unsigned vmx_check_controls(vmcs_source read, void (*report)(void *ctx, const char *rule),
			    void *ctx);
unsigned vmx_check_host_state(vmcs_source read, void (*report)(void *ctx, const char *rule),
			      void *ctx);
unsigned vmx_check_guest_state(vmcs_source read, void (*report)(void *ctx, const char *rule),
			       void *ctx);

/* Text of a VM-instruction error number (SDM 3C 30.4); "unknown" outside the table. */
const char *vmx_instruction_error(u32 number);

#endif

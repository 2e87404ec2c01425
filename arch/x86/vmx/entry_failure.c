/* SPDX-License-Identifier: MIT */
/* A failed VM entry: says which check failed instead of dumping numbers, and stops the VM. */
#include <vmx_hw.h>

#include "arch/x86/vmx/entry_checks.h"
#include "arch/x86/vmx/vmx.h"
#include "core/log.h"

static u64 read_current(enum vmcs_field field)
{
	return vmread(field);
}

static void report(void *ctx, const char *rule)
{
	struct vcpu *vcpu = ctx;

	log_error("VM %s vCPU %u: VM entry: %s", vcpu->vm->config->name, vcpu->id, rule);
}

void vmx_entry_failed(struct vcpu *vcpu)
{
	u32 reason = (u32)vmread(EXIT_REASON), error = (u32)vmread(INSTRUCTION_ERROR);
	unsigned found;

	if (vcpu->arch.vmx.launched && (reason & EXIT_REASON_ENTRY_FAILED)) {
		found = vmx_check_guest_state(read_current, report, vcpu);
		vm_crash(vcpu->vm, "VM entry refused the guest state (exit %u, %u rules violated)",
			 reason & EXIT_REASON_BASIC, found);
		return;
	}
	found = vmx_check_controls(read_current, report, vcpu) +
		vmx_check_host_state(read_current, report, vcpu);
	vm_crash(vcpu->vm, "VM entry failed: %s (error %u, %u rules violated)",
		 vmx_instruction_error(error), error, found);
}

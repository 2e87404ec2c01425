/* SPDX-License-Identifier: MIT */
/* A refused VMRUN or an unknown exit: says which check failed, and stops the VM. */
#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/svm/vmrun_checks.h"
#include "core/log.h"

static void report(void *ctx, const char *rule)
{
	struct vcpu *vcpu = ctx;

	log_error("VM %s vCPU %u: VMRUN: %s (APM vol. 2, 15.5.1)", vcpu->vm->config->name, vcpu->id,
		  rule);
}

void svm_vmrun_failed(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	u32 code = (u32)vmcb->exit_code;
	unsigned found;

	if (code != SVM_EXIT_INVALID) {
		vm_crash(vcpu->vm, "unexpected #VMEXIT 0x%x (EXITINFO1 0x%llx)", code,
			 (unsigned long long)vmcb->exit_info_1);
		return;
	}
	found = svm_check_vmcb(vmcb, cpu_features.phys_bits, report, vcpu);
	/* QEMU 7.2 exits this way when a guest sets reserved bits of CR3, which is #GP. */
	if (!found && svm_is_mov_to_cr3(vcpu))
		svm_inject_gp(vcpu);
	else
		vm_crash(vcpu->vm, "VMRUN refused the guest state (%u rules violated)", found);
}

/* SPDX-License-Identifier: MIT */
/* SVM in a CPU's life (APM vol. 2, 15.4, 15.17, 15.30). */
#include "arch/x86/svm/lifecycle.h"

#include <stdio.h>
#include <string.h>

#include <svm_hw.h>

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/svm/caps.h"
#include "core/arch.h"
#include "core/log.h"
#include "core/pmem.h"

static const char *const state_names[] = {
	[SVM_OFFLINE] = "offline",
	[SVM_NONE] = "no SVM",
	[SVM_ON] = "SVM on",
	[SVM_OFF] = "SVM off",
};

const char *svm_cpu_state_name(enum svm_cpu_state state)
{
	return (unsigned)state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

static enum firn_err fail(struct svm_cpu *cpu, enum firn_err err, const char *why)
{
	snprintf(cpu->why, sizeof(cpu->why), "%s", why);
	return err;
}

/* Firmware may leave VM_CR unlocked: then it is ours to change, on every CPU. */
static enum firn_err check_vm_cr(struct svm_cpu *cpu)
{
	u64 vm_cr = 0;

	if (!(cpuid(CPUID_EXT1, 0).ecx & CPUID_FEATURE_MASK(X86_FEATURE_SVM)))
		return fail(cpu, ERR_UNSUPPORTED, "the processor has no SVM");
	if (!rdmsr_safe(MSR_VM_CR, &vm_cr))
		return fail(cpu, ERR_UNSUPPORTED, "no VM_CR");
	if (!(vm_cr & VM_CR_SVMDIS))
		return FIRN_OK;
	if (vm_cr & VM_CR_LOCK)
		return fail(cpu, ERR_DISABLED, "SVM disabled by firmware (VM_CR.SVMDIS, locked)");
	if (!wrmsr_safe(MSR_VM_CR, vm_cr & ~VM_CR_SVMDIS) || !rdmsr_safe(MSR_VM_CR, &vm_cr) ||
	    (vm_cr & VM_CR_SVMDIS))
		return fail(cpu, ERR_DISABLED, "SVM disabled by firmware (VM_CR.SVMDIS)");
	return FIRN_OK;
}

static void log_missing(void *ctx, const char *name, bool required)
{
	(void)ctx;
	if (required)
		log_error("SVM: required feature missing: %s", name);
	else
		log_info("SVM: optional feature missing: %s", name);
}

static void read_cpuid(u32 leaf, u32 out[4])
{
	struct cpuid_regs r = cpuid(leaf, 0);

	memcpy(out, &r, sizeof(r));
}

/* The first CPU decides; the others must offer the same, since vCPUs run on any of them. */
static enum firn_err check_capabilities(struct svm_cpu *cpu)
{
	struct svm_caps caps;

	if (svm_caps_read(&caps, read_cpuid) != FIRN_OK)
		return fail(cpu, ERR_UNSUPPORTED, "no CPUID leaf with SVM features");
	if (svm_caps.revision == 0) {
		if (svm_caps_check(&caps, log_missing, NULL) != FIRN_OK)
			return fail(cpu, ERR_UNSUPPORTED, "required SVM features are missing");
		svm_caps = caps;
	}
	if (memcmp(&caps, &svm_caps, sizeof(caps)) != 0)
		return fail(cpu, ERR_UNSUPPORTED, "SVM capabilities differ from the boot CPU's");
	return FIRN_OK;
}

static void free_pages(struct svm_cpu *cpu)
{
	if (cpu->host_save)
		pmem_free_page(cpu->host_save, PMEM_VIRT);
	if (cpu->host_vmcb)
		pmem_free_page(cpu->host_vmcb, PMEM_VIRT);
	cpu->host_save = NULL;
	cpu->host_vmcb = NULL;
	cpu->host_vmcb_pa = 0;
}

static enum firn_err allocate_pages(struct svm_cpu *cpu)
{
	free_pages(cpu);
	cpu->host_save = pmem_alloc_page(PMEM_VIRT);
	cpu->host_vmcb = pmem_alloc_page(PMEM_VIRT);
	if (!cpu->host_save || !cpu->host_vmcb) {
		free_pages(cpu);
		return fail(cpu, ERR_NOMEM, "no memory for the host save area");
	}
	cpu->host_vmcb_pa = virt_to_phys(cpu->host_vmcb);
	return FIRN_OK;
}

static enum firn_err enter_svm(struct svm_cpu *cpu)
{
	u64 efer = 0;
	const char *why = "EFER is not readable";

	if (!rdmsr_safe(MSR_EFER, &efer))
		goto fail;
	why = "EFER.SVME is set already: somebody else uses SVM";
	if (efer & EFER_SVME)
		goto fail;
	why = "EFER.SVME can't be set";
	if (!wrmsr_safe(MSR_EFER, efer | EFER_SVME))
		goto fail;
	why = "VM_HSAVE_PA is not writable";
	if (wrmsr_safe(MSR_VM_HSAVE_PA, virt_to_phys(cpu->host_save)))
		return FIRN_OK;
	wrmsr_safe(MSR_EFER, efer);
fail:
	free_pages(cpu);
	return fail(cpu, efer & EFER_SVME ? ERR_STATE : ERR_VMFAIL, why);
}

enum firn_err svm_cpu_enable(struct svm_cpu *cpu)
{
	static enum firn_err (*const steps[])(struct svm_cpu *) = {
		check_vm_cr,
		check_capabilities,
		allocate_pages,
		enter_svm,
	};
	enum firn_err err = ERR_STATE;

	if (cpu->state == SVM_ON)
		return ERR_STATE;
	cpu->state = SVM_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		err = steps[i](cpu);
		if (err != FIRN_OK)
			return err;
	}
	asid_pool_init(&cpu->asids, cpu_index(), svm_caps.nr_asids, svm_has(SVM_CAP_FLUSH_BY_ASID));
	cpu->why[0] = 0;
	cpu->state = SVM_ON;
	return FIRN_OK;
}

/* STGI needs SVME (APM 3 STGI); whoever stops the CPU next may use INIT. */
static void leave_svm(struct svm_cpu *cpu)
{
	u64 efer = 0;

	cpu->state = SVM_OFF;
	stgi();
	wrmsr_safe(MSR_VM_HSAVE_PA, 0);
	if (rdmsr_safe(MSR_EFER, &efer))
		wrmsr_safe(MSR_EFER, efer & ~EFER_SVME);
}

enum firn_err svm_cpu_disable(struct svm_cpu *cpu)
{
	if (cpu->state != SVM_ON)
		return ERR_STATE;
	leave_svm(cpu);
	free_pages(cpu);
	return FIRN_OK;
}

void svm_cpu_emergency_disable(struct svm_cpu *cpu)
{
	if (cpu->state == SVM_ON)
		leave_svm(cpu);
}

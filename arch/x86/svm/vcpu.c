/* SPDX-License-Identifier: MIT */
/* VM and vCPU life on SVM: creation, power-on state, switching a vCPU's state onto a CPU. */
#include <svm_hw.h>

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/instruction_clock.h"
#include "arch/x86/nested_table.h"
#include "arch/x86/svm/caps.h"
#include "arch/x86/svm/npt.h"
#include "arch/x86/svm/svm.h"
#include "core/log.h"
#include "core/pmem.h"

#include <string.h>

struct svm_cpu svm_cpus[MAX_CPUS];

struct svm_cpu *svm_this_cpu(void)
{
	return &svm_cpus[cpu_index()];
}

/* AMD's CPUs without it too, so that it is SVM that is missed there. */
bool svm_preferred(void)
{
	const char *vendor = cpu_features.vendor;

	return !strcmp(vendor, "AuthenticAMD") || !strcmp(vendor, "HygonGenuine") ||
	       cpu_has_feature(X86_FEATURE_SVM);
}

/* Guests are told that LFENCE waits for earlier instructions (guest_msr.c); APM 2 3.2.2. */
static void make_lfence_serializing(void)
{
	u64 de_cfg;

	if (rdmsr_safe(MSR_DE_CFG, &de_cfg) && !(de_cfg & DE_CFG_LFENCE_SERIALIZE))
		wrmsr_safe(MSR_DE_CFG, de_cfg | DE_CFG_LFENCE_SERIALIZE);
}

enum firn_err svm_virt_enable(void)
{
	struct svm_cpu *cpu = svm_this_cpu();
	bool first = svm_caps.revision == 0;
	enum firn_err err = svm_cpu_enable(cpu);

	if (err != FIRN_OK)
		return err;
	make_lfence_serializing();
	if (!first)
		return FIRN_OK;
	svm_choose_injection(tsc_counts_instructions());
	err = svm_maps_init();
	if (err != FIRN_OK)
		svm_cpu_disable(cpu);
	return err;
}

void svm_virt_disable(void)
{
	svm_cpu_disable(svm_this_cpu());
}

void svm_virt_emergency_disable(void)
{
	svm_cpu_emergency_disable(svm_this_cpu());
}

const char *svm_cpu_status(unsigned cpu)
{
	const struct svm_cpu *c = &svm_cpus[cpu];

	return c->state == SVM_NONE && c->why[0] ? c->why : svm_cpu_state_name(c->state);
}

static void read_cpuid(u32 leaf, u32 out[4])
{
	struct cpuid_regs r = cpuid(leaf, 0);

	memcpy(out, &r, sizeof(r));
}

bool svm_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	struct svm_caps caps;

	/* Not svm_caps, which stays empty when a required feature is missing. */
	if (svm_caps_read(&caps, read_cpuid) != FIRN_OK)
		return false;
	svm_caps_check(&caps, missing, ctx);
	return true;
}

enum firn_err svm_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable)
{
	return npt_map(vm->arch.nested_root, gpa, hpa, size, writable);
}

void svm_watch(struct vm *vm, u64 gpa, u64 size)
{
	nested_clear(vm->arch.nested_root, gpa, size, NPT_WRITABLE, NPT_WRITABLE);
}

/* Translations of both levels are cached together, under the ASID (APM vol. 2, 15.25.1). */
void svm_flush_nested(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i]->arch.svm.cpu == (int)cpu_index())
			asid_flush(&vm->vcpu[i]->arch.svm.asid);
}

void svm_unmap(struct vm *vm, u64 gpa, u64 size)
{
	nested_unmap(vm->arch.nested_root, gpa, size);
}

enum firn_err svm_vm_create(struct vm *vm)
{
	vm->arch.nested_root = nested_create();
	return vm->arch.nested_root ? FIRN_OK : ERR_NOMEM;
}

void svm_vm_destroy(struct vm *vm)
{
	nested_destroy(vm->arch.nested_root);
	vm->arch.nested_root = 0;
}

enum firn_err svm_vcpu_create(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	v->cpu = -1;
	v->vmcb = pmem_alloc_page(PMEM_VIRT);
	if (!v->vmcb)
		return ERR_NOMEM;
	v->vmcb_pa = virt_to_phys(v->vmcb);
	svm_init_vmcb(vcpu);
	return FIRN_OK;
}

void svm_vcpu_destroy(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	if (!v->vmcb)
		return;
	BUG_ON(v->cpu >= 0);
	pmem_free_page(v->vmcb, PMEM_VIRT);
	v->vmcb = NULL;
}

/* In the VMCB while the vCPU is resident. */
static const struct {
	u16 vmcb, arch;
} switched[] = {
#define SWITCHED(field)                                                         \
	{                                                                       \
		offsetof(struct vmcb, field), offsetof(struct arch_vcpu, field) \
	}
	SWITCHED(star), SWITCHED(lstar),	  SWITCHED(cstar), SWITCHED(sfmask),
	SWITCHED(cr2),	SWITCHED(kernel_gs_base), SWITCHED(dr6),
#undef SWITCHED
};

void svm_save_resident(struct vcpu *vcpu)
{
	for (unsigned i = 0; i < ARRAY_SIZE(switched); i++)
		*(u64 *)((char *)&vcpu->arch + switched[i].arch) =
			*(u64 *)((char *)vmcb_of(vcpu) + switched[i].vmcb);
	/* Some CPUs don't let XSETBV exit. On the others this is the same value. */
	vcpu->arch.xcr0 = xgetbv(0);
}

void svm_load_resident(struct vcpu *vcpu)
{
	for (unsigned i = 0; i < ARRAY_SIZE(switched); i++)
		*(u64 *)((char *)vmcb_of(vcpu) + switched[i].vmcb) =
			*(u64 *)((char *)&vcpu->arch + switched[i].arch);
	svm_changed(vmcb_of(vcpu), CLEAN_CR2 | CLEAN_DR);
}

void svm_make_current(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	BUG_ON(v->cpu >= 0 && v->cpu != (int)cpu_index());
	v->cpu = (int)cpu_index();
	/* Another VMCB, or this one on another CPU, may have been in the cache meanwhile. */
	v->vmcb->clean = 0;
	/* What VMLOAD brings back: it is the same at every exit. */
	vmsave(svm_this_cpu()->host_vmcb_pa);
}

void svm_forget(struct vcpu *vcpu)
{
	vcpu->arch.svm.cpu = -1;
	asid_forget(&vcpu->arch.svm.asid);
	svm_forget_instructions(vcpu);
}

void svm_reset(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	v->vmcb->debugctl = 0;
	svm_forget_events(vcpu);
	svm_forget_instructions(vcpu);
}

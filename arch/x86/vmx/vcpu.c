/* SPDX-License-Identifier: MIT */
/* VM and vCPU life on VMX: creation, power-on state, switching a vCPU's state onto a CPU. */
#include <string.h>

#include <vmx_hw.h>

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/nested_table.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmx.h"
#include "core/log.h"
#include "core/pmem.h"

struct vmx_cpu vmx_cpus[MAX_CPUS];

struct vmx_cpu *vmx_this_cpu(void)
{
	return &vmx_cpus[cpu_index()];
}

enum firn_err vmx_virt_enable(void)
{
	struct vmx_cpu *cpu = vmx_this_cpu();
	bool first = vmx_caps.basic == 0;
	enum firn_err err;

	write_cr4(read_cr4() | (cpu_features.xsave ? CR4_OSXSAVE : 0));
	err = vmx_cpu_enable(cpu);
	if (err != FIRN_OK || !first)
		return err;
	vmx_apicv = vmx_caps_apicv(&vmx_caps);
	err = vmx_bitmaps_init();
	if (err != FIRN_OK)
		vmx_cpu_disable(cpu);
	return err;
}

void vmx_use_software_lapic(void)
{
	vmx_apicv = false;
}

void vmx_virt_disable(void)
{
	vmx_cpu_disable(vmx_this_cpu());
}

void vmx_virt_emergency_disable(void)
{
	vmx_cpu_emergency_disable(vmx_this_cpu());
}

const char *vmx_cpu_status(unsigned cpu)
{
	const struct vmx_cpu *c = &vmx_cpus[cpu];

	return c->state == VMX_NONE && c->why[0] ? c->why : vmx_cpu_state_name(c->state);
}

bool vmx_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	struct vmx_caps caps;

	/* Not vmx_caps, which stays empty when a required feature is missing. */
	if (!cpu_has_feature(X86_FEATURE_VMX) || vmx_caps_read(&caps, rdmsr_safe) != FIRN_OK)
		return false;
	vmx_caps_check(&caps, missing, ctx);
	return true;
}

void vmx_mask_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	vmx_caps_mask_cpuid(&vmx_caps, leaf, subleaf, out);
}

bool vmx_switches_counters(void)
{
	return vmx_caps_counters(&vmx_caps);
}

enum firn_err vmx_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable)
{
	return ept_map(vm->arch.nested_root, gpa, hpa, size,
		       writable ? EPT_RWX : EPT_READ | EPT_EXECUTE);
}

void vmx_unmap(struct vm *vm, u64 gpa, u64 size)
{
	nested_unmap(vm->arch.nested_root, gpa, size);
}

enum firn_err vmx_vm_create(struct vm *vm)
{
	enum firn_err err = ERR_NOMEM;

	vm->arch.nested_root = nested_create();
	if (!vm->arch.nested_root)
		return ERR_NOMEM;
	if (vmx_apicv) {
		vm->arch.apic_access_page = pmem_alloc_page(PMEM_VIRT);
		if (!vm->arch.apic_access_page)
			goto fail;
		err = vmx_map_apic_page(vm);
		if (err != FIRN_OK)
			goto fail;
	}
	return FIRN_OK;
fail:
	vmx_vm_destroy(vm);
	return err;
}

void vmx_vm_destroy(struct vm *vm)
{
	nested_destroy(vm->arch.nested_root);
	vm->arch.nested_root = 0;
	if (vm->arch.apic_access_page)
		pmem_free_page(vm->arch.apic_access_page, PMEM_VIRT);
	vm->arch.apic_access_page = NULL;
}

enum firn_err vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;

	v->active_cpu = -1;
	v->vmcs = pmem_alloc_page(PMEM_VIRT);
	if (!v->vmcs)
		return ERR_NOMEM;
	*(u32 *)v->vmcs = vmx_caps.basic & VMX_BASIC_REVISION;
	return FIRN_OK;
}

void vmx_vcpu_destroy(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;

	if (!v->vmcs)
		return;
	BUG_ON(v->active_cpu >= 0);
	pmem_free_page(v->vmcs, PMEM_VIRT);
	v->vmcs = NULL;
	if (v->pml)
		pmem_free_page(v->pml, PMEM_VIRT);
	v->pml = NULL;
}

static const struct {
	u32 msr;
	u16 offset;
} switched_msrs[] = {
	{ MSR_STAR, offsetof(struct arch_vcpu, star) },
	{ MSR_LSTAR, offsetof(struct arch_vcpu, lstar) },
	{ MSR_CSTAR, offsetof(struct arch_vcpu, cstar) },
	{ MSR_SFMASK, offsetof(struct arch_vcpu, sfmask) },
	{ MSR_KERNEL_GS_BASE, offsetof(struct arch_vcpu, kernel_gs_base) },
};

#define READ_DR6()                                             \
	({                                                     \
		u64 dr_;                                       \
		__asm__ volatile("mov %%dr6, %0" : "=r"(dr_)); \
		dr_;                                           \
	})

void vmx_save_resident(struct vcpu *vcpu)
{
	struct arch_vcpu *a = &vcpu->arch;

	for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		*(u64 *)((char *)a + switched_msrs[i].offset) = rdmsr(switched_msrs[i].msr);
	a->cr2 = read_cr2();
	a->dr6 = READ_DR6();
}

void vmx_load_resident(struct vcpu *vcpu)
{
	const struct arch_vcpu *a = &vcpu->arch;

	for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		wrmsr(switched_msrs[i].msr,
		      *(const u64 *)((const char *)a + switched_msrs[i].offset));
	write_cr2(a->cr2);
	__asm__ volatile("mov %0, %%dr6" : : "r"(a->dr6));
}

/* A new VMCS must be cleared once before it is used (SDM 3C 24.11.3). */
void vmx_make_current(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	bool moved = v->active_cpu < 0;

	if (moved)
		vmclear(virt_to_phys(v->vmcs));
	vmx_vmcs_load(vmx_this_cpu(), v);
	if (!moved)
		return;
	v->host_stack = (struct vmx_host_stack){ 0 };
	vmx_write_host_state();
	/* What this CPU cached for the VPID and the root may be older than the tables. */
	vmx_flush_guest_tlb(vcpu);
	invept(INV_SINGLE, ept_pointer(vcpu->vm->arch.nested_root));
	if (!v->initialised) {
		vmx_write_controls(vcpu);
		v->initialised = true;
	}
}

void vmx_forget(struct vcpu *vcpu)
{
	vmx_vmcs_clear(vmx_this_cpu(), &vcpu->arch.vmx);
}

void vmx_reset(struct vcpu *vcpu)
{
	vmwrite(GUEST_DEBUGCTL, 0);
	vmwrite(GUEST_PENDING_DEBUG, 0);
	vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	/* Every entry loads them, also in VMs without CET. */
	if (vmx_caps_load_cet(&vmx_caps)) {
		vmwrite(GUEST_S_CET, 0);
		vmwrite(GUEST_SSP, 0);
		vmwrite(GUEST_INT_SSP_TABLE, 0);
	}
	vmx_forget_events(vcpu);
}

bool vmx_event_queued(struct vcpu *vcpu)
{
	return vcpu->arch.vmx.queued_info & INTR_INFO_VALID;
}

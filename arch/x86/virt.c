/* SPDX-License-Identifier: MIT */
/* The vendor interface: each function of virt.h on the virtualization that this CPU has. */
#include "arch/x86/virt.h"

#include "arch/x86/cpu.h"
#include "arch/x86/vcpu_state.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"

enum firn_err virt_cpu_enable(void)
{
	static bool initialised;
	enum firn_err err = vmx_virt_enable();

	if (err == FIRN_OK && !initialised) {
		initialised = true;
		err = vcpu_state_init();
	}
	return err;
}

void virt_cpu_disable(void)
{
	vcpu_state_cpu_off();
	vmx_virt_disable();
}

void virt_cpu_emergency_disable(void)
{
	vmx_virt_emergency_disable();
}

void virt_use_software_lapic(void)
{
	vmx_use_software_lapic();
}

const char *virt_cpu_status(unsigned cpu)
{
	return vmx_cpu_status(cpu);
}

bool virt_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	return vmx_missing_features(missing, ctx);
}

enum firn_err virt_vm_create(struct vm *vm)
{
	return vmx_vm_create(vm);
}

void virt_vm_destroy(struct vm *vm)
{
	vmx_vm_destroy(vm);
}

enum firn_err virt_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable)
{
	return vmx_map(vm, gpa, hpa, size, writable);
}

void virt_unmap(struct vm *vm, u64 gpa, u64 size)
{
	vmx_unmap(vm, gpa, size);
}

enum firn_err virt_vcpu_create(struct vcpu *vcpu)
{
	enum firn_err err = vcpu_state_create(vcpu);

	if (err != FIRN_OK)
		return err;
	err = vmx_vcpu_create(vcpu);
	if (err != FIRN_OK)
		vcpu_state_destroy(vcpu);
	return err;
}

void virt_vcpu_destroy(struct vcpu *vcpu)
{
	vmx_vcpu_destroy(vcpu);
	vcpu_state_destroy(vcpu);
}

void virt_make_current(struct vcpu *vcpu)
{
	vmx_make_current(vcpu);
}

void virt_forget(struct vcpu *vcpu)
{
	vmx_forget(vcpu);
}

void virt_save_resident(struct vcpu *vcpu)
{
	vmx_save_resident(vcpu);
}

void virt_load_resident(struct vcpu *vcpu)
{
	vmx_load_resident(vcpu);
}

void virt_reset_vendor(struct vcpu *vcpu)
{
	vmx_reset(vcpu);
}

u64 virt_get(struct vcpu *vcpu, enum vreg reg)
{
	return vmx_get(vcpu, reg);
}

void virt_set(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	vmx_set(vcpu, reg, value);
}

void virt_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out)
{
	vmx_get_seg(vcpu, seg, out);
}

void virt_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in)
{
	vmx_set_seg(vcpu, seg, in);
}

void virt_set_pdptes(struct vcpu *vcpu, const u64 pdpte[4])
{
	vmx_set_pdptes(vcpu, pdpte);
}

void virt_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error)
{
	vmx_inject(vcpu, vector, error);
}

void virt_skip(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
}

void virt_single_step_trap(struct vcpu *vcpu)
{
	vmx_single_step_trap(vcpu);
}

bool virt_event_queued(struct vcpu *vcpu)
{
	return vmx_event_queued(vcpu);
}

u64 virt_guest_tsc(struct vcpu *vcpu)
{
	return rdtsc() + (u64)vcpu->vm->arch.tsc_offset + vcpu->arch.tsc_adjust;
}

u64 virt_guest_to_host_tsc(struct vcpu *vcpu, u64 guest_tsc)
{
	return guest_tsc - (u64)vcpu->vm->arch.tsc_offset - vcpu->arch.tsc_adjust;
}

void virt_update_tsc_offset(struct vcpu *vcpu)
{
	vmx_update_tsc_offset(vcpu);
}

void virt_update_apic_mode(struct vcpu *vcpu)
{
	vmx_update_apic_mode(vcpu);
}

void virt_flush_guest_tlb(struct vcpu *vcpu)
{
	vmx_flush_guest_tlb(vcpu);
}

enum vcpu_stop virt_run(struct vcpu *vcpu, u64 slice_end)
{
	virt_vcpu_load(vcpu);
	return vmx_run(vcpu, slice_end);
}

void virt_mask_cpuid(u32 leaf, u32 out[4])
{
	vmx_mask_cpuid(leaf, out);
}

const char *virt_exit_name(unsigned reason)
{
	return vmx_exit_name(reason);
}

void virt_predictor_barrier(void)
{
	wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

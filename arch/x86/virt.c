/* SPDX-License-Identifier: MIT */
/* The vendor interface: each function of virt.h on the virtualization that this CPU has. */
#include "arch/x86/virt.h"

#include "arch/x86/cpu.h"
#include "arch/x86/required_features.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/vcpu_state.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"

/* Decided on the boot CPU, before any other. Direct calls: the exit path has no indirect branch. */
static bool is_svm;

static bool lacks_required; /* something that both vendors need */
static bool refused;	    /* only because of that */

static void log_missing(void *ctx, const char *name, bool required)
{
	(void)ctx;
	(void)required;
	log_error("CPU: required feature missing: %s", name);
}

/* The vendor's part is tried in any case, so that it says what else is missing. */
enum firn_err virt_cpu_enable(void)
{
	static bool decided, initialised;
	enum firn_err err;

	if (!decided) {
		is_svm = svm_preferred();
		lacks_required =
			required_features_check(cpu_has_feature, log_missing, NULL) != FIRN_OK;
		decided = true;
	}
	err = is_svm ? svm_virt_enable() : vmx_virt_enable();
	if (err == FIRN_OK && lacks_required) {
		virt_cpu_disable();
		refused = true;
		err = ERR_UNSUPPORTED;
	}
	if (err == FIRN_OK && !initialised) {
		initialised = true;
		err = vcpu_state_init();
	}
	return err;
}

void virt_cpu_disable(void)
{
	vcpu_state_cpu_off();
	if (is_svm)
		svm_virt_disable();
	else
		vmx_virt_disable();
}

void virt_cpu_emergency_disable(void)
{
	if (is_svm)
		svm_virt_emergency_disable();
	else
		vmx_virt_emergency_disable();
}

void virt_use_software_lapic(void)
{
	/* SVM has no other. */
	if (!is_svm)
		vmx_use_software_lapic();
}

bool virt_delivers_interrupts(void)
{
	return !is_svm && vmx_apicv;
}

const char *virt_cpu_status(unsigned cpu)
{
	if (refused)
		return "required CPU features are missing";
	return is_svm ? svm_cpu_status(cpu) : vmx_cpu_status(cpu);
}

bool virt_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	required_features_check(cpu_has_feature, missing, ctx);
	return is_svm ? svm_missing_features(missing, ctx) : vmx_missing_features(missing, ctx);
}

enum firn_err virt_vm_create(struct vm *vm)
{
	return is_svm ? svm_vm_create(vm) : vmx_vm_create(vm);
}

void virt_vm_destroy(struct vm *vm)
{
	if (is_svm)
		svm_vm_destroy(vm);
	else
		vmx_vm_destroy(vm);
}

enum firn_err virt_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable)
{
	return is_svm ? svm_map(vm, gpa, hpa, size, writable)
		      : vmx_map(vm, gpa, hpa, size, writable);
}

void virt_unmap(struct vm *vm, u64 gpa, u64 size)
{
	if (is_svm)
		svm_unmap(vm, gpa, size);
	else
		vmx_unmap(vm, gpa, size);
}

enum firn_err virt_log_writes(struct vm *vm, bool on)
{
	return is_svm ? FIRN_OK : vmx_log_writes(vm, on);
}

void virt_watch(struct vm *vm, u64 gpa, u64 size)
{
	if (is_svm)
		svm_watch(vm, gpa, size);
	else
		vmx_watch(vm, gpa, size);
}

void virt_flush_nested(struct vm *vm)
{
	if (is_svm)
		svm_flush_nested(vm);
	else
		vmx_flush_nested(vm);
}

enum firn_err virt_vcpu_create(struct vcpu *vcpu)
{
	enum firn_err err = vcpu_state_create(vcpu);

	if (err != FIRN_OK)
		return err;
	err = is_svm ? svm_vcpu_create(vcpu) : vmx_vcpu_create(vcpu);
	if (err != FIRN_OK)
		vcpu_state_destroy(vcpu);
	return err;
}

void virt_vcpu_destroy(struct vcpu *vcpu)
{
	if (is_svm)
		svm_vcpu_destroy(vcpu);
	else
		vmx_vcpu_destroy(vcpu);
	vcpu_state_destroy(vcpu);
}

void virt_make_current(struct vcpu *vcpu)
{
	if (is_svm)
		svm_make_current(vcpu);
	else
		vmx_make_current(vcpu);
}

void virt_forget(struct vcpu *vcpu)
{
	if (is_svm)
		svm_forget(vcpu);
	else
		vmx_forget(vcpu);
}

void virt_save_resident(struct vcpu *vcpu)
{
	if (is_svm)
		svm_save_resident(vcpu);
	else
		vmx_save_resident(vcpu);
}

void virt_load_resident(struct vcpu *vcpu)
{
	if (is_svm)
		svm_load_resident(vcpu);
	else
		vmx_load_resident(vcpu);
}

void virt_reset_vendor(struct vcpu *vcpu)
{
	if (is_svm)
		svm_reset(vcpu);
	else
		vmx_reset(vcpu);
}

u64 virt_get(struct vcpu *vcpu, enum vreg reg)
{
	return is_svm ? svm_get(vcpu, reg) : vmx_get(vcpu, reg);
}

void virt_set(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	if (is_svm)
		svm_set(vcpu, reg, value);
	else
		vmx_set(vcpu, reg, value);
}

void virt_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out)
{
	if (is_svm)
		svm_get_seg(vcpu, seg, out);
	else
		vmx_get_seg(vcpu, seg, out);
}

void virt_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in)
{
	if (is_svm)
		svm_set_seg(vcpu, seg, in);
	else
		vmx_set_seg(vcpu, seg, in);
}

void virt_set_pdptes(struct vcpu *vcpu, const u64 pdpte[4])
{
	/* Nested paging reads them from memory (APM 2 15.25.10). */
	if (!is_svm)
		vmx_set_pdptes(vcpu, pdpte);
}

void virt_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error)
{
	if (is_svm)
		svm_inject(vcpu, vector, error);
	else
		vmx_inject(vcpu, vector, error);
}

void virt_skip(struct vcpu *vcpu)
{
	if (is_svm)
		svm_skip(vcpu);
	else
		vmx_skip(vcpu);
}

void virt_single_step_trap(struct vcpu *vcpu)
{
	if (is_svm)
		svm_single_step_trap(vcpu);
	else
		vmx_single_step_trap(vcpu);
}

bool virt_nmi_blocked(struct vcpu *vcpu)
{
	return is_svm ? vcpu->arch.svm.nmi_blocked : vmx_nmi_blocked(vcpu);
}

bool virt_event_queued(struct vcpu *vcpu)
{
	return is_svm ? svm_event_queued(vcpu) : vmx_event_queued(vcpu);
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
	if (is_svm)
		svm_update_tsc_offset(vcpu);
	else
		vmx_update_tsc_offset(vcpu);
}

void virt_update_apic_mode(struct vcpu *vcpu)
{
	if (!is_svm)
		vmx_update_apic_mode(vcpu);
}

void virt_flush_guest_tlb(struct vcpu *vcpu)
{
	if (is_svm)
		svm_flush_guest_tlb(vcpu);
	else
		vmx_flush_guest_tlb(vcpu);
}

enum vcpu_stop virt_run(struct vcpu *vcpu, u64 slice_end)
{
	virt_vcpu_load(vcpu);
	return is_svm ? svm_run(vcpu, slice_end) : vmx_run_logged(vcpu, slice_end);
}

void virt_mask_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	if (!is_svm)
		vmx_mask_cpuid(leaf, subleaf, out);
}

const char *virt_cet_lacks(void)
{
	/* A CPU with shadow stacks keeps their state in the VMCB (APM vol. 2 18.12). */
	return is_svm ? NULL : vmx_cet_lacks(&vmx_caps);
}

const char *virt_host_cet_lacks(void)
{
	/* VMRUN keeps it in the host save area, as it does with the guest's (APM vol. 2 18.12). */
	return is_svm ? NULL : vmx_host_cet_lacks(&vmx_caps);
}

const char *virt_exit_name(unsigned reason)
{
	return is_svm ? svm_exit_name(reason) : vmx_exit_name(reason);
}

/* SVM has no such control: guests there have no counters. */
bool virt_switches_counters(void)
{
	return !is_svm && vmx_switches_counters();
}

void virt_counters_changed(struct vcpu *vcpu)
{
	if (!is_svm)
		vmx_counters_changed(vcpu);
}

void virt_predictor_barrier(void)
{
	wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

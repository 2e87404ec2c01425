/* SPDX-License-Identifier: MIT */
/* What the files of the VMX backend share. */
#ifndef FIRN_VMX_VMX_H
#define FIRN_VMX_VMX_H

#include "arch/x86/virt.h"
#include "arch/x86/vmx/lifecycle.h"

extern struct vmx_cpu vmx_cpus[];

struct vmx_cpu *vmx_this_cpu(void);

/* Bitmaps shared by all VMs: every port exits; MSRs exit but for those switched with the vCPU. */
extern u8 *vmx_io_bitmap; /* two pages */
/*
 * One page. x2apic: APIC registers are read from the virtual-APIC page. A VM with CET also has its
 * MSRs but the interrupt SSP table's, which XSAVES can't reach.
 */
u8 *vmx_msr_bitmap(const struct vm *vm, bool x2apic);
enum firn_err vmx_bitmaps_init(void);

/* VPID of a vCPU: 1 + VM id * VM_MAX_VCPUS + vCPU id; 0 is the host's. */
static inline u16 vmx_vpid(const struct vcpu *vcpu)
{
	return (u16)(1 + vcpu->vm->id * VM_MAX_VCPUS + vcpu->id);
}

/* entry.S */
bool vmx_enter(u64 gpr[NR_GPRS], struct vmx_host_stack *stack, bool launched);
extern char vmx_exit_point[];

/* apic_mode.c */
enum firn_err vmx_map_apic_page(struct vm *vm);
/* vmcs_setup.c */
void vmx_write_host_state(void);
void vmx_write_controls(struct vcpu *vcpu);
void vmx_set_proc_controls(struct vcpu *vcpu, u32 set, u32 clear);

/* events.c: decides what the next entry injects. */
void vmx_prepare_nmi(struct vcpu *vcpu); /* VCPU_EVENT_NMI is set */
void vmx_prepare_events(struct vcpu *vcpu);
/* At a reset: nothing is queued, and no exit tells any more when an NMI could come. */
void vmx_forget_events(struct vcpu *vcpu);
void vmx_requeue_vectoring(struct vcpu *vcpu);
void vmx_update_interrupt_status(struct vcpu *vcpu);

/* pml.c */
enum vcpu_stop vmx_run_logged(struct vcpu *vcpu, u64 slice_end);
void vmx_pml_drain(struct vcpu *vcpu); /* what the CPU logged becomes dirty pages */

/* exits.c */
void vmx_handle_exit(struct vcpu *vcpu);
/* entry_failure.c: says which check of the VM entry failed and crashes the VM. */
void vmx_entry_failed(struct vcpu *vcpu);

/* What virt.c calls: the functions of virt.h on VMX. */
enum firn_err vmx_virt_enable(void);
void vmx_virt_disable(void);
void vmx_virt_emergency_disable(void);
void vmx_use_software_lapic(void);
const char *vmx_cpu_status(unsigned cpu);
bool vmx_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx);
enum firn_err vmx_vm_create(struct vm *vm);
void vmx_vm_destroy(struct vm *vm);
enum firn_err vmx_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable);
void vmx_unmap(struct vm *vm, u64 gpa, u64 size);
enum firn_err vmx_log_writes(struct vm *vm, bool on);
void vmx_watch(struct vm *vm, u64 gpa, u64 size);
void vmx_flush_nested(struct vm *vm);
enum firn_err vmx_vcpu_create(struct vcpu *vcpu);
void vmx_vcpu_destroy(struct vcpu *vcpu);
void vmx_make_current(struct vcpu *vcpu);
void vmx_forget(struct vcpu *vcpu);
void vmx_save_resident(struct vcpu *vcpu);
void vmx_load_resident(struct vcpu *vcpu);
void vmx_reset(struct vcpu *vcpu);
u64 vmx_get(struct vcpu *vcpu, enum vreg reg);
void vmx_set(struct vcpu *vcpu, enum vreg reg, u64 value);
void vmx_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out);
void vmx_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in);
void vmx_set_pdptes(struct vcpu *vcpu, const u64 pdpte[4]);
void vmx_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error);
#define vmx_inject_gp(vcpu) vmx_inject(vcpu, VECTOR_GP, 0)
#define vmx_inject_ud(vcpu) vmx_inject(vcpu, VECTOR_UD, 0)
void vmx_skip(struct vcpu *vcpu);
void vmx_single_step_trap(struct vcpu *vcpu);
bool vmx_event_queued(struct vcpu *vcpu);
bool vmx_nmi_blocked(struct vcpu *vcpu);
void vmx_update_tsc_offset(struct vcpu *vcpu);
void vmx_update_apic_mode(struct vcpu *vcpu);
void vmx_flush_guest_tlb(struct vcpu *vcpu);
enum vcpu_stop vmx_run(struct vcpu *vcpu, u64 slice_end);
void vmx_mask_cpuid(u32 leaf, u32 subleaf, u32 out[4]);
bool vmx_switches_counters(void);
void vmx_counters_changed(struct vcpu *vcpu);
const char *vmx_exit_name(unsigned reason);

extern bool vmx_apicv; /* all VMs use APIC-register virtualization and virtual-interrupt delivery */

#endif

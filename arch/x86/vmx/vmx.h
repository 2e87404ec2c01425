/* SPDX-License-Identifier: MIT */
/* What the files of the VMX backend share. */
#ifndef FIRN_VMX_VMX_H
#define FIRN_VMX_VMX_H

#include "arch/x86/virt.h"
#include "arch/x86/vmx/lifecycle.h"

extern struct vmx_cpu vmx_cpus[];

struct vmx_cpu *vmx_this_cpu(void);

/* Bitmaps shared by all VMs: every port exits; MSRs exit but for those switched with the vCPU. */
extern u8 *vmx_io_bitmap;	   /* two pages */
extern u8 *vmx_msr_bitmap;	   /* one page: xAPIC mode */
extern u8 *vmx_msr_bitmap_x2apic; /* one page: APIC registers read from the virtual-APIC page */
enum firn_err vmx_bitmaps_init(void);

/* VPID of a vCPU: 1 + VM id * VM_MAX_VCPUS + vCPU id; 0 is the host's. */
static inline u16 vmx_vpid(const struct vcpu *vcpu)
{
	return (u16)(1 + vcpu->vm->id * VM_MAX_VCPUS + vcpu->id);
}

/* entry.S */
bool vmx_enter(u64 gpr[NR_GPRS], u64 *host_rsp, bool launched);
extern char vmx_exit_point[];

/* apic_mode.c */
enum firn_err vmx_map_apic_page(struct vm *vm);
/* vmcs_setup.c */
void vmx_write_host_state(void);
void vmx_write_controls(struct vcpu *vcpu);
void vmx_set_proc_controls(struct vcpu *vcpu, u32 set, u32 clear);

/* events.c: decides what the next entry injects. */
void vmx_prepare_events(struct vcpu *vcpu);
void vmx_requeue_vectoring(struct vcpu *vcpu);
void vmx_update_interrupt_status(struct vcpu *vcpu);

/* exits.c */
void vmx_handle_exit(struct vcpu *vcpu);
/* entry_failure.c: says which check of the VM entry failed and crashes the VM. */
void vmx_entry_failed(struct vcpu *vcpu);

extern bool vmx_apicv; /* all VMs use APIC-register virtualization and virtual-interrupt delivery */

#endif

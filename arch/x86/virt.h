/* SPDX-License-Identifier: MIT */
/*
 * The vendor interface: everything above it is written once, everything below it is VMX or SVM.
 * All vCPU functions run on the CPU that owns the vCPU (vcpu->cpu) unless said otherwise.
 */
#ifndef FIRN_X86_VIRT_H
#define FIRN_X86_VIRT_H

#include "arch/x86/regs.h"
#include "core/err.h"
#include "core/vcpu.h"

/* Registers that live in the vendor's control block. Segments: virt_get_seg. */
enum vreg {
	VREG_RSP,
	VREG_RIP,
	VREG_RFLAGS,
	VREG_CR0, /* the guest's view */
	VREG_CR3,
	VREG_CR4, /* the guest's view */
	VREG_EFER,
	VREG_DR7,
	VREG_GDTR_BASE,
	VREG_GDTR_LIMIT,
	VREG_IDTR_BASE,
	VREG_IDTR_LIMIT,
	VREG_SYSENTER_CS,
	VREG_SYSENTER_ESP,
	VREG_SYSENTER_EIP,
	VREG_PAT,
	VREG_S_CET, /* this and the next two only in VMs with CET */
	VREG_SSP,
	VREG_INT_SSP_TABLE,
	VREG_INTERRUPTIBILITY, /* SDM 3C 24.4.2 layout: bit 0 STI, 1 MOV SS, 3 NMI */
	NR_VREGS,
};
#define VREG_NMI_BLOCKING BIT(3) /* of VREG_INTERRUPTIBILITY */

u64 virt_get(struct vcpu *vcpu, enum vreg reg);
/* Raw: no architectural checks (those are in cr.c, msr.c, regs.c); keeps hardware bits right. */
void virt_set(struct vcpu *vcpu, enum vreg reg, u64 value);
void virt_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out);
void virt_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in);

/* GPR by encoding number, RSP included. */
static inline u64 vcpu_gpr(struct vcpu *vcpu, enum x86_gpr reg)
{
	return reg == REG_RSP ? virt_get(vcpu, VREG_RSP) : vcpu->arch.gpr[reg];
}
static inline void vcpu_set_gpr(struct vcpu *vcpu, enum x86_gpr reg, u64 value)
{
	if (reg == REG_RSP)
		virt_set(vcpu, VREG_RSP, value);
	else
		vcpu->arch.gpr[reg] = value;
}

/*
 * Queues an exception for the next entry. error is ignored for vectors without error code; the
 * caller has set arch.cr2 for #PF. A second exception while one is queued follows the double
 * fault rules (SDM 3A table 6-5). RIP stays on the faulting instruction.
 */
void virt_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error);
#define virt_inject_gp(vcpu) virt_inject(vcpu, VECTOR_GP, 0)
#define virt_inject_ud(vcpu) virt_inject(vcpu, VECTOR_UD, 0)

/* Advances RIP over the instruction that exited, clears STI/MOV SS blocking, honours TF. */
void virt_skip(struct vcpu *vcpu);

/* TSC that the guest would read now / host TSC at which it reads guest_tsc. */
u64 virt_guest_tsc(struct vcpu *vcpu);
u64 virt_guest_to_host_tsc(struct vcpu *vcpu, u64 guest_tsc);
/* Recomputes the hardware offset from vm.tsc_offset + tsc_adjust. */
void virt_update_tsc_offset(struct vcpu *vcpu);

/* PAE paging without long mode: the four PDPTEs that CR3 points to were loaded (SDM 3A 4.4.1). */
void virt_set_pdptes(struct vcpu *vcpu, const u64 pdpte[4]);
/* Does hardware switch IA32_PERF_GLOBAL_CTRL at entries and exits? Any CPU. */
bool virt_switches_counters(void);
/* arch.pmu.global_ctrl of the vCPU whose control block is current: for its next entry. */
void virt_counters_changed(struct vcpu *vcpu);
/* arch.xss of this CPU's resident vCPU was written: takes effect at once. */
void virt_xss_changed(struct vcpu *vcpu);
/* Indirect branch predictor barrier on the calling CPU: the guest asked for it (IA32_PRED_CMD). */
void virt_predictor_barrier(void);

/* Guest paging or CPUID-dependent state changed: drop cached guest translations. */
void virt_flush_guest_tlb(struct vcpu *vcpu);
void virt_update_apic_mode(struct vcpu *vcpu); /* APIC_BASE changed: xAPIC, x2APIC, disabled */

/* Guests' LAPICs are not left to hardware. Boot CPU, before the first VM is made. */
void virt_use_software_lapic(void);
/* Does hardware deliver and end guests' interrupts? Any CPU. */
bool virt_delivers_interrupts(void);

/* CPU life, on the CPU itself. */
enum firn_err virt_cpu_enable(void);
void virt_cpu_disable(void);
/* From panic/NMI: no locks, no log. */
void virt_cpu_emergency_disable(void);

/* VM and vCPU life; ERR_NOMEM. */
enum firn_err virt_vm_create(struct vm *vm);
void virt_vm_destroy(struct vm *vm);
enum firn_err virt_vcpu_create(struct vcpu *vcpu);
void virt_vcpu_destroy(struct vcpu *vcpu);
/*
 * Power-on state, and that after INIT, which leaves the FPU and XCR0 alone (SDM 3A table 9-1); both but for
 * MSRs. virt_vcpu_reload() must follow.
 */
void virt_vcpu_reset(struct vcpu *vcpu);
void virt_vcpu_init(struct vcpu *vcpu);

/*
 * The nested page tables. map: page-aligned, replaces what is there; may be called while vCPUs run
 * (adding rights needs no flush), with vm.arch.nested_lock then. unmap: no vCPU runs, none is resident anywhere. ERR_NOMEM.
 */
enum firn_err virt_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable);
void virt_unmap(struct vm *vm, u64 gpa, u64 size);
/*
 * The guest touched memory: maps it, or lets a page be written again whose write was to be noticed.
 * denied: it is mapped, but this was a write. False = there is no memory, or it is ROM.
 */
bool vm_fault_in(struct vm *vm, u64 gpa, bool denied);

/* Buffers for a log that the CPU keeps of guests' writes; without one they fault. ERR_NOMEM. */
enum firn_err virt_log_writes(struct vm *vm, bool on);
/* The next write to each page of the range faults or is logged. virt_flush_nested() must follow. */
void virt_watch(struct vm *vm, u64 gpa, u64 size);
/* Drops what the calling CPU caches of the VM's nested page tables. Not in the guest. */
void virt_flush_nested(struct vm *vm);

/* Runs the guest until it halts, its slice ends (TSC), work is posted, or an event wants it out. */
enum vcpu_stop virt_run(struct vcpu *vcpu, u64 slice_end);

/*
 * A vCPU's state stays in its CPU's registers until another vCPU runs there. load makes it
 * resident; sync copies it to vcpu->arch for inspection; reload the other way after changes;
 * unload ends it, the VMCS is clear afterwards and the vCPU may go to another CPU.
 */
void virt_vcpu_load(struct vcpu *vcpu);
void virt_vcpu_sync(struct vcpu *vcpu);
void virt_vcpu_reload(struct vcpu *vcpu);
void virt_vcpu_unload(struct vcpu *vcpu);

/* The vendor's part of these, for vcpu_state.c only. */
void virt_make_current(struct vcpu *vcpu); /* its control block is the CPU's */
void virt_forget(struct vcpu *vcpu);	   /* the CPU caches nothing of it any more */
void virt_save_resident(struct vcpu *vcpu);
void virt_load_resident(struct vcpu *vcpu);
void virt_reset_vendor(struct vcpu *vcpu);

/* Is it in an NMI's handler? */
bool virt_nmi_blocked(struct vcpu *vcpu);
/* An exception or interrupt waits for the next entry. */
bool virt_event_queued(struct vcpu *vcpu);
/* The instruction that was executed for the guest ends with a single-step trap. */
void virt_single_step_trap(struct vcpu *vcpu);

/* Clears bits of a CPUID leaf (EAX..EDX) that guests can't use for want of a control. */
void virt_mask_cpuid(u32 leaf, u32 subleaf, u32 out[4]);
/* Why virtualization can't give guests the CET that the CPUs have, NULL: it can. Any CPU. */
const char *virt_cet_lacks(void);

/* Why a CPU that runs guests would lose Firn's own CET state, NULL: it does not. Any CPU. */
const char *virt_host_cet_lacks(void);

/* Why virtualization is on or not on a CPU, for people. Any CPU. */
const char *virt_cpu_status(unsigned cpu);

/*
 * Calls missing() for each feature of virtualization that Firn knows and the CPUs lack; false:
 * not known, since no CPU got that far. Any CPU.
 */
bool virt_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx);

/* All exit reasons of this vendor: name or NULL. For exits, top, trace. */
const char *virt_exit_name(unsigned reason);

#endif

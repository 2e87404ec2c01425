/* SPDX-License-Identifier: MIT */
/*
 * VMX in a CPU's life: on at bring-up, off at shutdown. One owner (the CPU itself), one state
 * machine, no reference count. A CPU left in VMX operation ignores INIT, so every way down must
 * come through here.
 */
#ifndef FIRN_VMX_LIFECYCLE_H
#define FIRN_VMX_LIFECYCLE_H

#include "arch/x86/vmx/vmx_vcpu.h"
#include "core/err.h"

enum vmx_cpu_state {
	VMX_OFFLINE,  /* CPU not brought up */
	VMX_NONE,     /* CPU up, VMX could not be turned on */
	VMX_ON,	      /* VMXON done */
	VMX_DRAINING, /* VMCSs are being cleared */
	VMX_OFF,      /* VMXOFF done */
};

struct vmx_cpu {
	enum vmx_cpu_state state;
	void *region;		  /* VMXON region, one page */
	struct vmx_vcpu *active;  /* VMCSs that this CPU may hold in its caches */
	struct vmx_vcpu *current; /* the one VMREAD and VMWRITE work on */
	char why[64];		  /* why VMX is not on */
};

/*
 * On the CPU itself, once. ERR_UNSUPPORTED (no VMX, or features missing: all are logged),
 * ERR_DISABLED (firmware locked it), ERR_STATE (already on), ERR_NOMEM, ERR_VMFAIL.
 */
enum firn_err vmx_cpu_enable(struct vmx_cpu *cpu);
/* VMCLEAR of every active VMCS, VMXOFF, CR4.VMXE = 0. ERR_STATE when VMX is not on. */
enum firn_err vmx_cpu_disable(struct vmx_cpu *cpu);
/* The same from NMI or panic: no log, no lock, any state, may come twice. */
void vmx_cpu_emergency_disable(struct vmx_cpu *cpu);

/* Makes the VMCS current on this CPU. It must not be active on another one. */
void vmx_vmcs_load(struct vmx_cpu *cpu, struct vmx_vcpu *v);
/* Writes the VMCS back to memory and forgets it here; harmless when it is not active. */
void vmx_vmcs_clear(struct vmx_cpu *cpu, struct vmx_vcpu *v);

/* Drops what this CPU has cached of nested tables; one without VMX has nothing, and no INVEPT. */
void vmx_cpu_flush_nested(const struct vmx_cpu *cpu, u64 eptp);

const char *vmx_cpu_state_name(enum vmx_cpu_state state);

#endif

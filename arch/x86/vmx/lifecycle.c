/* SPDX-License-Identifier: MIT */
/* VMX in a CPU's life (SDM 3C 23.6-23.8, 24.11, 31.5). */
#include "arch/x86/vmx/lifecycle.h"

#include <stdio.h>
#include <string.h>

#include <vmx_hw.h>

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/vmx/caps.h"
#include "core/arch.h"
#include "core/log.h"
#include "core/pmem.h"

#define MSR_IA32_RTIT_CTL  0x570
#define RTIT_CTL_TRACE_EN  BIT(0)
#define VMX_MISC_PT_IN_VMX BIT(14)
#define VMX_BASIC_SIZE(b)  (((b) >> 32) & 0x1fff)

static const char *const state_names[] = {
	[VMX_OFFLINE] = "offline",   [VMX_NONE] = "no VMX", [VMX_ON] = "VMX on",
	[VMX_DRAINING] = "draining", [VMX_OFF] = "VMX off",
};

const char *vmx_cpu_state_name(enum vmx_cpu_state state)
{
	return (unsigned)state < ARRAY_SIZE(state_names) ? state_names[state] : "?";
}

static enum firn_err fail(struct vmx_cpu *cpu, enum firn_err err, const char *why)
{
	snprintf(cpu->why, sizeof(cpu->why), "%s", why);
	return err;
}

/* Firmware may leave the MSR unlocked: then it is ours to set, on every CPU. */
static enum firn_err check_feature_control(struct vmx_cpu *cpu)
{
	u64 fc = 0;

	if (!(cpuid(CPUID_VERSION, 0).ecx & CPUID_FEATURE_MASK(X86_FEATURE_VMX)))
		return fail(cpu, ERR_UNSUPPORTED, "the processor has no VMX");
	if (!rdmsr_safe(MSR_IA32_FEATURE_CONTROL, &fc))
		return fail(cpu, ERR_UNSUPPORTED, "no IA32_FEATURE_CONTROL");
	if (!(fc & FEATURE_CONTROL_LOCKED)) {
		fc |= FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX;
		if (!wrmsr_safe(MSR_IA32_FEATURE_CONTROL, fc))
			return fail(cpu, ERR_DISABLED, "IA32_FEATURE_CONTROL is not writable");
	}
	if (!(fc & FEATURE_CONTROL_VMX))
		return fail(cpu, ERR_DISABLED,
			    "VMX disabled by firmware (IA32_FEATURE_CONTROL locked)");
	return FIRN_OK;
}

static void log_missing(void *ctx, const char *name, bool required)
{
	(void)ctx;
	if (required)
		log_error("VMX: required feature missing: %s", name);
	else
		log_info("VMX: optional feature missing: %s", name);
}

/* The first CPU decides; the others must offer the same, since vCPUs run on any of them. */
static enum firn_err check_capabilities(struct vmx_cpu *cpu)
{
	struct vmx_caps caps;

	if (vmx_caps_read(&caps, rdmsr_safe) != FIRN_OK)
		return fail(cpu, ERR_UNSUPPORTED, "a VMX capability MSR is missing");
	if (VMX_BASIC_SIZE(caps.basic) > PAGE_SIZE)
		return fail(cpu, ERR_UNSUPPORTED, "VMCS larger than a page");
	if (vmx_caps.basic == 0) {
		if (vmx_caps_check(&caps, log_missing, NULL) != FIRN_OK)
			return fail(cpu, ERR_UNSUPPORTED, "required VMX features are missing");
		vmx_caps = caps;
	}
	if (memcmp(&caps, &vmx_caps, sizeof(caps)) != 0)
		return fail(cpu, ERR_UNSUPPORTED, "VMX capabilities differ from the boot CPU's");
	return FIRN_OK;
}

/* SDM 3C 23.8: bits of CR0 and CR4 that VMX operation fixes. VMXE itself is set by us. */
static enum firn_err check_fixed_bits(struct vmx_cpu *cpu)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();

	if (cr4 & CR4_VMXE)
		return fail(cpu, ERR_STATE, "CR4.VMXE is set already: somebody else uses VMX");
	cr4 |= CR4_VMXE;
	if ((~cr0 & vmx_caps.cr0_fixed0) || (cr0 & ~vmx_caps.cr0_fixed1))
		return fail(cpu, ERR_UNSUPPORTED, "CR0 violates IA32_VMX_CR0_FIXED");
	if ((~cr4 & vmx_caps.cr4_fixed0) || (cr4 & ~vmx_caps.cr4_fixed1))
		return fail(cpu, ERR_UNSUPPORTED, "CR4 violates IA32_VMX_CR4_FIXED");
	return FIRN_OK;
}

/* VMXON faults or clears TraceEn while Intel PT traces, unless the CPU says otherwise. */
static void stop_processor_trace(void)
{
	u64 ctl;

	if ((vmx_caps.misc & VMX_MISC_PT_IN_VMX) ||
	    !(cpuid(CPUID_FEATURES, 0).ebx & CPUID_FEATURE_MASK(X86_FEATURE_INTEL_PT)))
		return;
	if (rdmsr_safe(MSR_IA32_RTIT_CTL, &ctl) && (ctl & RTIT_CTL_TRACE_EN))
		wrmsr_safe(MSR_IA32_RTIT_CTL, ctl & ~RTIT_CTL_TRACE_EN);
}

static enum firn_err enter_vmx(struct vmx_cpu *cpu)
{
	cpu->region = pmem_alloc_page(PMEM_VIRT);
	if (!cpu->region)
		return fail(cpu, ERR_NOMEM, "no memory for the VMXON region");
	*(u32 *)cpu->region = vmx_caps.basic & VMX_BASIC_REVISION;
	stop_processor_trace();
	write_cr4(read_cr4() | CR4_VMXE);
	if (vmxon(virt_to_phys(cpu->region)))
		return FIRN_OK;
	write_cr4(read_cr4() & ~CR4_VMXE);
	pmem_free_page(cpu->region, PMEM_VIRT);
	cpu->region = NULL;
	return fail(cpu, ERR_VMFAIL, "VMXON failed");
}

enum firn_err vmx_cpu_enable(struct vmx_cpu *cpu)
{
	static enum firn_err (*const steps[])(struct vmx_cpu *) = {
		check_feature_control,
		check_capabilities,
		check_fixed_bits,
		enter_vmx,
	};
	enum firn_err err = ERR_STATE;

	if (cpu->state == VMX_ON || cpu->state == VMX_DRAINING)
		return ERR_STATE;
	cpu->state = VMX_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		err = steps[i](cpu);
		if (err != FIRN_OK)
			return err;
	}
	/* Mappings of an earlier life of this CPU may survive VMXOFF (SDM 3C 28.3.3.3). */
	invept(INV_ALL, 0);
	invvpid(INV_ALL, 0);
	cpu->why[0] = 0;
	cpu->state = VMX_ON;
	return FIRN_OK;
}

void vmx_vmcs_clear(struct vmx_cpu *cpu, struct vmx_vcpu *v)
{
	if (v->active_cpu < 0)
		return;
	BUG_ON(v->active_cpu != (int)cpu_index());
	vmclear(virt_to_phys(v->vmcs));
	*v->prev_active = v->next_active;
	if (v->next_active)
		v->next_active->prev_active = v->prev_active;
	v->active_cpu = -1;
	v->launched = false;
	if (cpu->current == v)
		cpu->current = NULL;
}

void vmx_vmcs_load(struct vmx_cpu *cpu, struct vmx_vcpu *v)
{
	if (cpu->current == v)
		return;
	BUG_ON(v->active_cpu >= 0 && v->active_cpu != (int)cpu_index());
	BUG_ON(!vmptrld(virt_to_phys(v->vmcs)));
	cpu->current = v;
	if (v->active_cpu >= 0)
		return;
	v->active_cpu = (int)cpu_index();
	v->next_active = cpu->active;
	v->prev_active = &cpu->active;
	if (cpu->active)
		cpu->active->prev_active = &v->next_active;
	cpu->active = v;
}

void vmx_cpu_flush_nested(const struct vmx_cpu *cpu, u64 eptp)
{
	if (cpu->state == VMX_ON)
		invept(INV_SINGLE, eptp);
}

static void leave_vmx(struct vmx_cpu *cpu)
{
	cpu->state = VMX_DRAINING;
	for (struct vmx_vcpu *v = cpu->active, *next; v; v = next) {
		next = v->next_active;
		vmclear(virt_to_phys(v->vmcs));
		v->active_cpu = -1;
		v->launched = false;
	}
	cpu->active = NULL;
	cpu->current = NULL;
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
	cpu->state = VMX_OFF;
}

enum firn_err vmx_cpu_disable(struct vmx_cpu *cpu)
{
	if (cpu->state != VMX_ON)
		return ERR_STATE;
	leave_vmx(cpu);
	pmem_free_page(cpu->region, PMEM_VIRT);
	cpu->region = NULL;
	return FIRN_OK;
}

void vmx_cpu_emergency_disable(struct vmx_cpu *cpu)
{
	if (cpu->state == VMX_ON || cpu->state == VMX_DRAINING)
		leave_vmx(cpu);
}

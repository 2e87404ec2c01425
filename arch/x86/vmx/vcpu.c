/* SPDX-License-Identifier: MIT */
/* VM and vCPU life on VMX: creation, power-on state, switching a vCPU's state onto a CPU. */
#include <vmx_hw.h>

#include "arch/x86/cpu.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmx.h"
#include "core/log.h"
#include "core/pmem.h"

#include <string.h>

struct vmx_cpu vmx_cpus[MAX_CPUS];

/* The vCPU whose MSRs, FPU and debug registers are in each CPU; only that CPU looks. */
static struct vcpu *resident[MAX_CPUS];

static u64 host_xcr0; /* everything the CPU can save */
static u32 xsave_size;

#define CPUID_XSAVE_LEAF      0xd
#define XSAVE_MXCSR_OFFSET    24
#define MXCSR_DEFAULT	      0x1f80
#define DR6_RESET	      0xffff0ff0
#define DR7_RESET	      0x400
#define CPUID_EXT_EDX_RDTSCP  BIT(27)

struct vmx_cpu *vmx_this_cpu(void)
{
	return &vmx_cpus[cpu_index()];
}

/* Sizes are those of all components the CPU has, so that one area fits every guest. */
static enum firn_err fpu_init(void)
{
	struct cpuid_regs r;

	if (!cpu_features.xsave)
		return ERR_UNSUPPORTED;
	r = cpuid(CPUID_XSAVE_LEAF, 0);
	host_xcr0 = (u64)r.edx << 32 | r.eax;
	xsave_size = r.ecx;
	return FIRN_OK;
}

enum firn_err virt_cpu_enable(void)
{
	struct vmx_cpu *cpu = vmx_this_cpu();
	bool first = vmx_caps.basic == 0;
	enum firn_err err;

	write_cr4(read_cr4() | (cpu_features.xsave ? CR4_OSXSAVE : 0));
	err = vmx_cpu_enable(cpu);
	if (err != FIRN_OK || !first)
		return err;
	vmx_apicv = vmx_caps_apicv(&vmx_caps);
	err = fpu_init();
	if (err == FIRN_OK)
		err = vmx_bitmaps_init();
	if (err != FIRN_OK)
		vmx_cpu_disable(cpu);
	return err;
}

void virt_cpu_disable(void)
{
	resident[cpu_index()] = NULL;
	vmx_cpu_disable(vmx_this_cpu());
}

void virt_cpu_emergency_disable(void)
{
	vmx_cpu_emergency_disable(vmx_this_cpu());
}

const char *virt_cpu_status(unsigned cpu)
{
	const struct vmx_cpu *c = &vmx_cpus[cpu];

	return c->state == VMX_NONE && c->why[0] ? c->why : vmx_cpu_state_name(c->state);
}

bool virt_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	if (!vmx_caps.basic)
		return false;
	vmx_caps_check(&vmx_caps, missing, ctx);
	return true;
}

static enum firn_err map_slots(struct vm *vm)
{
	enum firn_err err = FIRN_OK;

	for (unsigned i = 0; i < vm->memory.count && err == FIRN_OK; i++) {
		const struct memslot *s = &vm->memory.slot[i];

		err = ept_map(vm->arch.nested_root, s->gpa, s->backing->hpa, s->size,
			      s->kind == MEMSLOT_ROM ? EPT_READ | EPT_EXECUTE : EPT_RWX);
	}
	return err;
}

enum firn_err virt_vm_create(struct vm *vm)
{
	enum firn_err err = ERR_NOMEM;

	vm->arch.nested_root = ept_create();
	if (!vm->arch.nested_root)
		return ERR_NOMEM;
	if (vmx_apicv) {
		vm->arch.apic_access_page = pmem_alloc_page(PMEM_VMX);
		if (!vm->arch.apic_access_page)
			goto fail;
		err = vmx_map_apic_page(vm);
		if (err != FIRN_OK)
			goto fail;
	}
	err = map_slots(vm);
	if (err == FIRN_OK)
		return FIRN_OK;
fail:
	virt_vm_destroy(vm);
	return err;
}

void virt_vm_destroy(struct vm *vm)
{
	ept_destroy(vm->arch.nested_root);
	vm->arch.nested_root = 0;
	if (vm->arch.apic_access_page)
		pmem_free_page(vm->arch.apic_access_page, PMEM_VMX);
	vm->arch.apic_access_page = NULL;
}

enum firn_err virt_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	u64 xsave = pmem_alloc(ALIGN_UP((u64)xsave_size, PAGE_SIZE), PAGE_SIZE, PMEM_ANY, PMEM_VMX);

	v->active_cpu = -1;
	v->vmcs = pmem_alloc_page(PMEM_VMX);
	if (!v->vmcs || !xsave) {
		if (v->vmcs)
			pmem_free_page(v->vmcs, PMEM_VMX);
		if (xsave)
			pmem_free(xsave, ALIGN_UP((u64)xsave_size, PAGE_SIZE), PMEM_VMX);
		v->vmcs = NULL;
		return ERR_NOMEM;
	}
	*(u32 *)v->vmcs = vmx_caps.basic & VMX_BASIC_REVISION;
	vcpu->arch.xcr0 = XCR0_X87;
	/* The XSAVE header must be zero where it is reserved (SDM 1 13.4.2). */
	vcpu->arch.xsave = memset(phys_to_virt(xsave), 0, xsave_size);
	return FIRN_OK;
}

void virt_vcpu_destroy(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;

	if (!v->vmcs)
		return;
	BUG_ON(v->active_cpu >= 0);
	pmem_free_page(v->vmcs, PMEM_VMX);
	pmem_free(virt_to_phys(vcpu->arch.xsave), ALIGN_UP((u64)xsave_size, PAGE_SIZE), PMEM_VMX);
	v->vmcs = NULL;
}

static void fpu_save(struct vcpu *vcpu)
{
	xsetbv(0, host_xcr0);
	__asm__ volatile("xsave64 (%0)" : : "r"(vcpu->arch.xsave), "a"(~0u), "d"(~0u) : "memory");
}

static void fpu_load(struct vcpu *vcpu)
{
	xsetbv(0, host_xcr0);
	__asm__ volatile("xrstor64 (%0)" : : "r"(vcpu->arch.xsave), "a"(~0u), "d"(~0u) : "memory");
	xsetbv(0, vcpu->arch.xcr0);
}

static bool has_rdtscp(void)
{
	return cpuid(0x80000001, 0).edx & CPUID_EXT_EDX_RDTSCP;
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
	{ MSR_TSC_AUX, offsetof(struct arch_vcpu, tsc_aux) }, /* last: with RDTSCP only */
};

static unsigned nr_switched_msrs(void)
{
	static unsigned count;

	if (!count)
		count = ARRAY_SIZE(switched_msrs) - (has_rdtscp() ? 0 : 1);
	return count;
}

#define READ_DR(n)                                                                                 \
	({                                                                                         \
		u64 dr_;                                                                           \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(dr_));                                \
		dr_;                                                                               \
	})
#define WRITE_DR(n, v) __asm__ volatile("mov %0, %%dr" #n : : "r"((u64)(v)))

/* Copies what hardware holds of the vCPU back into its structure; it stays resident. */
static void save_state(struct vcpu *vcpu)
{
	struct arch_vcpu *a = &vcpu->arch;

	for (unsigned i = 0; i < nr_switched_msrs(); i++)
		*(u64 *)((char *)a + switched_msrs[i].offset) = rdmsr(switched_msrs[i].msr);
	a->cr2 = read_cr2();
	a->dr[0] = READ_DR(0);
	a->dr[1] = READ_DR(1);
	a->dr[2] = READ_DR(2);
	a->dr[3] = READ_DR(3);
	a->dr6 = READ_DR(6);
	fpu_save(vcpu);
	xsetbv(0, a->xcr0);
}

static void load_state(struct vcpu *vcpu)
{
	const struct arch_vcpu *a = &vcpu->arch;

	for (unsigned i = 0; i < nr_switched_msrs(); i++)
		wrmsr(switched_msrs[i].msr, *(const u64 *)((const char *)a + switched_msrs[i].offset));
	write_cr2(a->cr2);
	WRITE_DR(0, a->dr[0]);
	WRITE_DR(1, a->dr[1]);
	WRITE_DR(2, a->dr[2]);
	WRITE_DR(3, a->dr[3]);
	WRITE_DR(6, a->dr6);
	fpu_load(vcpu);
}

/* A new VMCS must be cleared once before it is used (SDM 3C 24.11.3). */
static void vmcs_make_current(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	bool moved = v->active_cpu < 0;

	if (moved)
		vmclear(virt_to_phys(v->vmcs));
	vmx_vmcs_load(vmx_this_cpu(), v);
	if (!moved)
		return;
	v->host_rsp = 0;
	vmx_write_host_state();
	/* What this CPU cached for the VPID and the root may be older than the tables. */
	virt_flush_guest_tlb(vcpu);
	invept(INV_SINGLE, ept_pointer(vcpu->vm->arch.nested_root));
	if (!v->initialised) {
		vmx_write_controls(vcpu);
		v->initialised = true;
	}
}

void virt_vcpu_load(struct vcpu *vcpu)
{
	struct vcpu **here = &resident[cpu_index()];

	if (*here == vcpu)
		return;
	if (*here)
		save_state(*here);
	vmcs_make_current(vcpu);
	load_state(vcpu);
	*here = vcpu;
}

void virt_vcpu_sync(struct vcpu *vcpu)
{
	virt_vcpu_load(vcpu);
	save_state(vcpu);
}

void virt_vcpu_reload(struct vcpu *vcpu)
{
	virt_vcpu_load(vcpu);
	load_state(vcpu);
}

void virt_vcpu_unload(struct vcpu *vcpu)
{
	struct vcpu **here = &resident[cpu_index()];

	if (*here == vcpu) {
		save_state(vcpu);
		*here = NULL;
	}
	vmx_vmcs_clear(vmx_this_cpu(), &vcpu->arch.vmx);
}

/* Power-on values of segments, SDM 3A table 9-1. */
static void reset_segments(struct vcpu *vcpu)
{
	const struct x86_seg data = { .ar = 0x93, .limit = 0xffff };
	const struct x86_seg code = { 0xf000, 0x9b, 0xffff, 0xffff0000 };
	const struct x86_seg ldtr = { .ar = 0x82, .limit = 0xffff };
	const struct x86_seg tr = { .ar = 0x8b, .limit = 0xffff };

	for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_seg(vcpu, seg, seg == SEG_CS ? &code : &data);
	virt_set_seg(vcpu, SEG_LDTR, &ldtr);
	virt_set_seg(vcpu, SEG_TR, &tr);
	virt_set(vcpu, VREG_GDTR_BASE, 0);
	virt_set(vcpu, VREG_GDTR_LIMIT, 0xffff);
	virt_set(vcpu, VREG_IDTR_BASE, 0);
	virt_set(vcpu, VREG_IDTR_LIMIT, 0xffff);
}

static void reset_fpu(struct vcpu *vcpu)
{
	memset(vcpu->arch.xsave, 0, xsave_size);
	*(u32 *)((char *)vcpu->arch.xsave + XSAVE_MXCSR_OFFSET) = MXCSR_DEFAULT;
	vcpu->arch.xcr0 = XCR0_X87;
	vcpu->arch.xss = 0;
}

static void reset_registers(struct vcpu *vcpu)
{
	struct arch_vcpu *a = &vcpu->arch;
	static const enum vreg zero[] = { VREG_RSP,	     VREG_CR3,		VREG_CR4,
					  VREG_EFER,	     VREG_SYSENTER_CS, VREG_SYSENTER_ESP,
					  VREG_SYSENTER_EIP, VREG_INTERRUPTIBILITY };
	u32 signature[4];

	memset(a->gpr, 0, sizeof(a->gpr));
	vcpu_cpuid(vcpu, 1, 0, signature);
	a->gpr[REG_RDX] = signature[0];
	memset(a->dr, 0, sizeof(a->dr));
	a->dr6 = DR6_RESET;
	a->cr2 = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(zero); i++)
		virt_set(vcpu, zero[i], 0);
	virt_set(vcpu, VREG_CR0, CR0_CD | CR0_NW | CR0_ET);
	virt_set(vcpu, VREG_RIP, 0xfff0);
	virt_set(vcpu, VREG_RFLAGS, RFLAGS_ONE);
	virt_set(vcpu, VREG_DR7, DR7_RESET);
	virt_set(vcpu, VREG_PAT, PAT_RESET_VALUE);
	reset_segments(vcpu);
	vmwrite(GUEST_DEBUGCTL, 0);
	vmwrite(GUEST_PENDING_DEBUG, 0);
	vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		*(u64 *)((char *)a + switched_msrs[i].offset) = 0;
}

void virt_vcpu_reset(struct vcpu *vcpu)
{
	virt_vcpu_load(vcpu);
	reset_registers(vcpu);
	reset_fpu(vcpu);
	vcpu->arch.vmx.queued_info = 0;
	virt_update_tsc_offset(vcpu);
	virt_update_apic_mode(vcpu);
	virt_flush_guest_tlb(vcpu);
}

bool virt_event_queued(struct vcpu *vcpu)
{
	return vcpu->arch.vmx.queued_info & INTR_INFO_VALID;
}

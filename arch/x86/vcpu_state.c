/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state in the CPU's registers: resident until another vCPU runs there. FPU and debug
 * registers are switched eagerly, and only then: Firn itself uses neither.
 */
#include "arch/x86/vcpu_state.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/emulate.h"
#include "arch/x86/guest_cet.h"
#include "arch/x86/mitigations_host.h"
#include "arch/x86/predictor.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/pmem.h"

/* The vCPU whose state is in each CPU; only that CPU looks. */
static struct vcpu *resident[MAX_CPUS];

static u64 host_xcr0;  /* everything the CPU can save */
static u64 xsave_size; /* whole pages */
static bool has_rdtscp;

#define XSAVE_MXCSR_OFFSET 24
#define MXCSR_DEFAULT	   0x1f80
#define DR6_RESET	   0xffff0ff0
#define DR7_RESET	   0x400

/* Sizes are those of all components the CPU has, so that one area fits every guest. */
enum firn_err vcpu_state_init(void)
{
	struct cpuid_regs r;

	if (!cpu_features.xsave)
		return ERR_UNSUPPORTED;
	r = cpuid(CPUID_XSTATE, 0);
	host_xcr0 = (u64)r.edx << 32 | r.eax;
	xsave_size = ALIGN_UP((u64)r.ecx, PAGE_SIZE);
	has_rdtscp = cpu_has_feature(X86_FEATURE_RDTSCP);
	pmu_init();
	return FIRN_OK;
}

enum firn_err vcpu_state_create(struct vcpu *vcpu)
{
	u64 area = pmem_alloc(xsave_size, PAGE_SIZE, PMEM_ANY, PMEM_VIRT);

	if (!area)
		return ERR_NOMEM;
	vcpu->arch.decoded = emu_decode_cache_create();
	if (!vcpu->arch.decoded) {
		pmem_free(area, xsave_size, PMEM_VIRT);
		return ERR_NOMEM;
	}
	vcpu->arch.xcr0 = XCR0_X87;
	/* The XSAVE header must be zero where it is reserved (SDM 1 13.4.2). */
	vcpu->arch.xsave = memset(phys_to_virt(area), 0, xsave_size);
	return FIRN_OK;
}

void vcpu_state_destroy(struct vcpu *vcpu)
{
	if (vcpu->arch.xsave)
		pmem_free(virt_to_phys(vcpu->arch.xsave), xsave_size, PMEM_VIRT);
	vcpu->arch.xsave = NULL;
	free(vcpu->arch.decoded);
	vcpu->arch.decoded = NULL;
}

static void fpu_save(struct vcpu *vcpu)
{
	xsetbv(0, host_xcr0);
	__asm__ volatile("xsave64 (%0)" : : "r"(vcpu->arch.xsave), "a"(~0u), "d"(~0u) : "memory");
	xsetbv(0, vcpu->arch.xcr0);
}

static void fpu_load(struct vcpu *vcpu)
{
	xsetbv(0, host_xcr0);
	__asm__ volatile("xrstor64 (%0)" : : "r"(vcpu->arch.xsave), "a"(~0u), "d"(~0u) : "memory");
	xsetbv(0, vcpu->arch.xcr0);
}

#define READ_DR(n)                                                  \
	({                                                          \
		u64 dr_;                                            \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(dr_)); \
		dr_;                                                \
	})
#define WRITE_DR(n, v) __asm__ volatile("mov %0, %%dr" #n : : "r"((u64)(v)))

/* Copies what hardware holds of the vCPU back into its structure; it stays resident. */
static void save(struct vcpu *vcpu)
{
	struct arch_vcpu *a = &vcpu->arch;

	a->dr[0] = READ_DR(0);
	a->dr[1] = READ_DR(1);
	a->dr[2] = READ_DR(2);
	a->dr[3] = READ_DR(3);
	if (has_rdtscp)
		a->tsc_aux = rdmsr(MSR_TSC_AUX);
	pmu_save(vcpu);
	virt_save_resident(vcpu);
	guest_cet_save(vcpu);
	fpu_save(vcpu);
}

static void load(struct vcpu *vcpu)
{
	const struct arch_vcpu *a = &vcpu->arch;

	WRITE_DR(0, a->dr[0]);
	WRITE_DR(1, a->dr[1]);
	WRITE_DR(2, a->dr[2]);
	WRITE_DR(3, a->dr[3]);
	if (has_rdtscp)
		wrmsr(MSR_TSC_AUX, a->tsc_aux);
	pmu_load(vcpu);
	virt_load_resident(vcpu);
	guest_cet_load(vcpu);
	fpu_load(vcpu);
}

struct vcpu *vcpu_resident(void)
{
	return resident[cpu_index()];
}

void virt_vcpu_load(struct vcpu *vcpu)
{
	struct vcpu **here = &resident[cpu_index()];

	if (*here == vcpu)
		return;
	if (*here)
		save(*here);
	/*
	 * Still resident, it ran nowhere else and nobody else ran here. Else what it or others trained
	 * here is gone, even when it was the last one here: its guest may have used a barrier elsewhere
	 * to keep its own processes apart (XSA-479).
	 */
	predictor_switch();
	virt_make_current(vcpu);
	guest_walk_forget(vcpu);
	load(vcpu);
	*here = vcpu;
}

void virt_vcpu_sync(struct vcpu *vcpu)
{
	virt_vcpu_load(vcpu);
	save(vcpu);
}

void virt_vcpu_reload(struct vcpu *vcpu)
{
	virt_vcpu_load(vcpu);
	load(vcpu);
}

void virt_vcpu_unload(struct vcpu *vcpu)
{
	struct vcpu **here = &resident[cpu_index()];

	if (*here == vcpu) {
		save(vcpu);
		*here = NULL;
	}
	virt_forget(vcpu);
}

void vcpu_state_cpu_off(void)
{
	resident[cpu_index()] = NULL;
	mitigations_cpu_off();
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

static void reset_registers(struct vcpu *vcpu, u64 cr0)
{
	struct arch_vcpu *a = &vcpu->arch;
	static const enum vreg zero[] = { VREG_RSP, VREG_CR3, VREG_CR4, VREG_EFER,
					  VREG_INTERRUPTIBILITY };
	u32 signature[4];

	memset(a->gpr, 0, sizeof(a->gpr));
	vcpu_cpuid(vcpu, 1, 0, signature);
	a->gpr[REG_RDX] = signature[0];
	memset(a->dr, 0, sizeof(a->dr));
	a->dr6 = DR6_RESET;
	a->cr2 = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(zero); i++)
		virt_set(vcpu, zero[i], 0);
	virt_set(vcpu, VREG_CR0, cr0);
	virt_set(vcpu, VREG_RIP, 0xfff0);
	virt_set(vcpu, VREG_RFLAGS, RFLAGS_ONE);
	virt_set(vcpu, VREG_DR7, DR7_RESET);
	reset_segments(vcpu);
}

static void reset_common(struct vcpu *vcpu, u64 cr0)
{
	guest_walk_forget(vcpu);
	reset_registers(vcpu, cr0);
	virt_reset_vendor(vcpu);
	virt_update_apic_mode(vcpu);
	virt_flush_guest_tlb(vcpu);
}

void virt_vcpu_reset(struct vcpu *vcpu)
{
	virt_vcpu_load(vcpu);
	virt_set(vcpu, VREG_PAT, PAT_RESET_VALUE);
	reset_fpu(vcpu);
	reset_common(vcpu, CR0_CD | CR0_NW | CR0_ET);
}

void virt_vcpu_init(struct vcpu *vcpu)
{
	virt_vcpu_sync(vcpu);
	reset_common(vcpu, (virt_get(vcpu, VREG_CR0) & (CR0_CD | CR0_NW)) | CR0_ET);
}

/* SPDX-License-Identifier: MIT */
/* The control area of a VMCB and the permission maps (APM vol. 2, 15.9-15.13). */
#include "arch/x86/guest_exits.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/svm/caps.h"
#include "arch/x86/svm/svm.h"
#include "core/arch.h"
#include "core/pmem.h"

#include <string.h>

/* Shared by all VMs: every port exits; MSRs exit but for those that are switched with the vCPU. */
static u64 io_map_pa, msr_map_pa[2]; /* MSRs: without and with CET */

#define IO_MAP_SIZE   (3 * PAGE_SIZE) /* a bit a port, and a spare one for wide accesses */
#define MSR_MAP_SIZE  (2 * PAGE_SIZE)
#define MSR_MAP_RANGE 0x2000u /* MSRs from one base; two bits each: read, write */

/* Base of each range, in the order of the map (APM 2 table 15-3). */
static const u32 msr_map_base[] = { 0, 0xc0000000, 0xc0010000 };

static void msr_pass(u8 *map, u32 msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(msr_map_base); i++) {
		u32 index = msr - msr_map_base[i];

		if (index >= MSR_MAP_RANGE)
			continue;
		index = 2 * (index + i * MSR_MAP_RANGE);
		map[index / 8] &= (u8) ~(3u << index % 8);
		return;
	}
}

static u64 make_msr_map(bool cet)
{
	u64 map = pmem_alloc(MSR_MAP_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_VIRT);
	u32 msrs[MSR_LIST_MAX];
	size_t n = guest_msr_passthrough(cet, msrs, ARRAY_SIZE(msrs));

	if (!map)
		return 0;
	memset(phys_to_virt(map), 0xff, MSR_MAP_SIZE);
	for (size_t i = 0; i < MIN(n, ARRAY_SIZE(msrs)); i++)
		msr_pass(phys_to_virt(map), msrs[i]);
	return map;
}

enum firn_err svm_maps_init(void)
{
	io_map_pa = pmem_alloc(IO_MAP_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_VIRT);
	if (!io_map_pa)
		return ERR_NOMEM;
	memset(phys_to_virt(io_map_pa), 0xff, IO_MAP_SIZE);
	for (unsigned cet = 0; cet < ARRAY_SIZE(msr_map_pa); cet++) {
		msr_map_pa[cet] = make_msr_map(cet);
		if (!msr_map_pa[cet])
			return ERR_NOMEM;
	}
	return FIRN_OK;
}

/*
 * CR0: writes of TS and MP alone don't exit. CR3 and CR8 are the guest's: nested paging and
 * V_INTR_MASKING keep the real ones apart.
 */
#define INTERCEPTED_CR INTERCEPT_CR_WRITE(4)

#define INTERCEPTED_MISC1                                                               \
	(INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT |              \
	 INTERCEPT_CR0_SELECTIVE | INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_INVD | \
	 INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IO | INTERCEPT_MSR |             \
	 INTERCEPT_TASK_SWITCH | INTERCEPT_SHUTDOWN)

/* The real EFER.SVME must be set while a guest runs, so the SVM instructions would work. */
#define INTERCEPTED_MISC2                                                            \
	(INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE | \
	 INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD |     \
	 INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_XSETBV | INTERCEPT_RDPRU)

/*
 * The guest's type and that of the nested tables combine to the more restrictive one (APM vol. 2
 * 15.25.8). A guest's PAT has no part in it: RAM is write-back, as Firn maps it, and a page of a
 * device will be uncached because its nested entry says so.
 */
#define PAT_ALL_WRITE_BACK 0x0606060606060606ull

/*
 * An exit after so many PAUSEs, not counting those that come more than so many ticks after the last
 * one (APM 2 15.14.4). Without the filter each PAUSE would exit, which costs more than spinning.
 */
#define PAUSE_COUNT	4000
#define PAUSE_THRESHOLD 256

static void init_pause_filter(const struct vm *vm, struct vmcb *vmcb)
{
	if (vm->dedicated || !svm_has(SVM_CAP_PAUSE_FILTER))
		return;
	vmcb->intercept_misc1 |= INTERCEPT_PAUSE;
	vmcb->pause_filter_count = PAUSE_COUNT;
	if (svm_has(SVM_CAP_PAUSE_THRESHOLD))
		vmcb->pause_filter_threshold = PAUSE_THRESHOLD;
}

void svm_init_vmcb(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->intercept_cr = INTERCEPTED_CR;
	vmcb->intercept_exceptions = guest_intercepted_exceptions(vcpu->vm);
	vmcb->intercept_misc1 = INTERCEPTED_MISC1;
	vmcb->intercept_misc2 = INTERCEPTED_MISC2;
	vmcb->iopm_base_pa = io_map_pa;
	vmcb->msrpm_base_pa = msr_map_pa[vcpu->vm->arch.cet];
	vmcb->int_ctl = INT_CTL_V_INTR_MASKING;
	vmcb->nested_ctl = NESTED_CTL_NP;
	vmcb->nested_cr3 = vcpu->vm->arch.nested_root;
	vmcb->g_pat = PAT_ALL_WRITE_BACK;
	init_pause_filter(vcpu->vm, vmcb);
}

/* SPDX-License-Identifier: MIT */
/*
 * Noticing guests' writes on VMX: page-modification logging (SDM 3C 28.2.6) where the CPU has it,
 * write protection elsewhere. The log of a vCPU is drained whenever it stops running, so nothing
 * of it is left while other work runs on its CPU.
 */
#include <vmx_hw.h>

#include "arch/x86/nested_table.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmx.h"
#include "core/arch.h"
#include "core/pmem.h"

#define PML_ENTRIES 512 /* filled from the last one downwards */

enum firn_err vmx_log_writes(struct vm *vm, bool on)
{
	if (!vmx_caps_pml(&vmx_caps))
		return FIRN_OK;
	for (unsigned i = 0; on && i < vm->nr_vcpus; i++) {
		struct vmx_vcpu *v = &vm->vcpu[i]->arch.vmx;

		if (!v->pml)
			v->pml = pmem_alloc_page(PMEM_VIRT);
		if (!v->pml)
			return ERR_NOMEM;
	}
	__atomic_store_n(&vm->arch.log_writes, on, __ATOMIC_RELEASE);
	return FIRN_OK;
}

/*
 * A page that is mapped on its own is logged when its dirty flag becomes set. A large one would be
 * logged once for all: its first write faults, and divides it.
 */
void vmx_watch(struct vm *vm, u64 gpa, u64 size)
{
	nested_clear(vm->arch.nested_root, gpa, size, EPT_WRITE,
		     vmx_caps_pml(&vmx_caps) ? EPT_DIRTY : EPT_WRITE);
}

void vmx_flush_nested(struct vm *vm)
{
	vmx_cpu_flush_nested(vmx_this_cpu(), ept_pointer(vm->arch.nested_root));
}

static void mark_page(struct vm *vm, u64 gpa)
{
	const struct memslot *slot = memslot_find(&vm->memory, gpa);

	if (slot)
		memslot_mark_dirty(slot, ALIGN_DOWN(gpa - slot->gpa, PAGE_SIZE), PAGE_SIZE);
}

void vmx_pml_drain(struct vcpu *vcpu)
{
	const u64 *log = vcpu->arch.vmx.pml;
	u16 free =
		(u16)(vmread(GUEST_PML_INDEX) + 1); /* 0 when it is full: the index has wrapped */

	for (unsigned i = free; i < PML_ENTRIES; i++)
		mark_page(vcpu->vm, log[i]);
	vmwrite(GUEST_PML_INDEX, PML_ENTRIES - 1);
}

static void use_pml(struct vcpu *vcpu, bool use)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	u64 controls = vmread(PROC_BASED_CONTROLS2) & ~(u64)PROC2_PML;

	if (use) {
		vmwrite(PML_ADDRESS, virt_to_phys(v->pml));
		vmwrite(GUEST_PML_INDEX, PML_ENTRIES - 1);
	}
	vmwrite(PROC_BASED_CONTROLS2, controls | (use ? PROC2_PML : 0));
	v->pml_used = use;
}

enum vcpu_stop vmx_run_logged(struct vcpu *vcpu, u64 slice_end)
{
	bool use = __atomic_load_n(&vcpu->vm->arch.log_writes, __ATOMIC_ACQUIRE);
	enum vcpu_stop stop;

	if (unlikely(use != vcpu->arch.vmx.pml_used))
		use_pml(vcpu, use);
	stop = vmx_run(vcpu, slice_end);
	if (unlikely(use))
		vmx_pml_drain(vcpu);
	return stop;
}

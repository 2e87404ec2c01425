/* SPDX-License-Identifier: MIT */
/* Guest memory appears in the nested page tables when the guest first touches it. */
#include "arch/x86/virt.h"

void arch_vm_forget_memory(struct vm *vm)
{
	for (unsigned i = 0; i < vm->memory.count; i++)
		virt_unmap(vm, vm->memory.slot[i].gpa, vm->memory.slot[i].size);
}

bool vm_fault_in(struct vm *vm, u64 gpa)
{
	struct memslot *slot = memslot_find(&vm->memory, gpa);
	u64 offset, size;

	if (!slot)
		return false;
	offset = ALIGN_DOWN(gpa - slot->gpa, BACKING_CHUNK);
	size = MIN(BACKING_CHUNK, slot->size - offset);
	backing_touch(slot->backing, offset, size);
	if (virt_map(vm, slot->gpa + offset, slot->backing->hpa + offset, size,
		     slot->kind == MEMSLOT_RAM) != FIRN_OK)
		vm_crash(vm, "no memory for page tables");
	return true;
}

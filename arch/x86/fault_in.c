/* SPDX-License-Identifier: MIT */
/*
 * Guest memory appears in the nested page tables when the guest first touches it, and becomes
 * writable again, page by page, when the guest first writes to it while writes are watched.
 */
#include "arch/x86/virt.h"
#include "core/dirty_log.h"

void arch_vm_forget_memory(struct vm *vm)
{
	for (unsigned i = 0; i < vm->memory.count; i++)
		virt_unmap(vm, vm->memory.slot[i].gpa, vm->memory.slot[i].size);
}

static void map(struct vm *vm, const struct memslot *slot, u64 offset, u64 size, bool writable)
{
	enum firn_err err;

	spin_lock(&vm->arch.nested_lock);
	err = virt_map(vm, slot->gpa + offset, slot->backing->hpa + offset, size, writable);
	spin_unlock(&vm->arch.nested_lock);
	if (err != FIRN_OK)
		vm_crash(vm, "no memory for page tables");
}

/* Marked last: a harvest in between finds nothing to watch again, the next one does. */
static void allow_writes(struct vm *vm, const struct memslot *slot, u64 offset)
{
	map(vm, slot, offset, PAGE_SIZE, true);
	memslot_mark_dirty(slot, offset, PAGE_SIZE);
}

/* While it is not clear yet the guest comes again: timers and other vCPUs have their turn in between. */
static void map_chunk(struct vm *vm, const struct memslot *slot, u64 offset)
{
	u64 size = MIN(BACKING_CHUNK, slot->size - offset);
	bool watched = __atomic_load_n(&slot->dirty, __ATOMIC_ACQUIRE);

	if (!backing_clear_some(slot->backing, offset))
		return;
	map(vm, slot, offset, size, slot->kind == MEMSLOT_RAM && !watched);
}

bool vm_fault_in(struct vm *vm, u64 gpa, bool denied)
{
	const struct memslot *slot = memslot_find(&vm->memory, gpa);

	if (!slot || (denied && slot->kind == MEMSLOT_ROM))
		return false;
	if (denied)
		allow_writes(vm, slot, ALIGN_DOWN(gpa - slot->gpa, PAGE_SIZE));
	else
		map_chunk(vm, slot, ALIGN_DOWN(gpa - slot->gpa, BACKING_CHUNK));
	return true;
}

enum firn_err arch_vm_log_writes(struct vm *vm, bool on)
{
	return virt_log_writes(vm, on);
}

void arch_vm_watch(struct vm *vm, u64 gpa, u64 size)
{
	spin_lock(&vm->arch.nested_lock);
	virt_watch(vm, gpa, size);
	spin_unlock(&vm->arch.nested_lock);
}

void arch_vm_flush_nested(struct vm *vm)
{
	virt_flush_nested(vm);
}

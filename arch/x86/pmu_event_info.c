/* SPDX-License-Identifier: MIT */
/* The hypercall that says of many performance events at once whether the VM can count them. */
#include "arch/x86/kvm_para.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "core/guest_memory.h"
#include "core/vcpu.h"

#define MAX_ENTRIES 256
#define COUNTABLE   BIT(0)
#define CODE_BITS   16
#define CODE(event) ((event)&0xffffu)

/* event_idx: type in bits 31:16, code in 15:0 */
enum event_type {
	EVENT_ARCHITECTURAL, /* code: its bit in CPUID leaf 0xa EBX */
	EVENT_FIXED,	     /* code: number of the fixed counter */
	EVENT_RAW,	     /* event_data: IA32_PERFEVTSELx without what says when to count */
};

struct event_entry {
	u32 event_idx;
	u32 output;
	u64 event_data;
};
_Static_assert(sizeof(struct event_entry) == 16, "an entry in guest memory");

/* When to count, and what to do about it, is no part of an event. */
#define NOT_EVENT (EVTSEL_USR | EVTSEL_OS | EVTSEL_INT | EVTSEL_ENABLE)

static bool countable(const struct pmu_layout *layout, const struct event_entry *entry)
{
	u32 code = CODE(entry->event_idx);

	switch (entry->event_idx >> CODE_BITS) {
	case EVENT_ARCHITECTURAL:
		return layout->count[PMU_COUNTER] && code < layout->nr_events &&
		       !(layout->absent_events & BIT(code));
	case EVENT_FIXED:
		return code < layout->count[PMU_FIXED];
	case EVENT_RAW:
		return layout->count[PMU_COUNTER] && code == 0 &&
		       !(entry->event_data & ~(layout->writable[PMU_EVENT_SELECT] & ~NOT_EVENT));
	default:
		return false;
	}
}

s64 pmu_event_info(struct vcpu *vcpu, u64 gpa, u64 count, u64 flags)
{
	const struct pmu_layout layout = pmu_layout(&vcpu->vm->arch.cpuid);
	struct memslots *memory = &vcpu->vm->memory;
	struct event_entry entries[MAX_ENTRIES];
	size_t size;

	if (flags || !IS_ALIGNED(gpa, sizeof(entries[0])) || count == 0 || count > MAX_ENTRIES)
		return -KVM_EINVAL;
	size = (size_t)count * sizeof(entries[0]);
	if (guest_read(memory, gpa, entries, size) != FIRN_OK)
		return -KVM_EFAULT;
	for (size_t i = 0; i < count; i++)
		entries[i].output = countable(&layout, &entries[i]) ? COUNTABLE : 0;
	return guest_write(memory, gpa, entries, size) == FIRN_OK ? 0 : -KVM_EFAULT;
}

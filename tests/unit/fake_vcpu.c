/* SPDX-License-Identifier: MIT */
/* See fake_vcpu.h. */
#include "fake_vcpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/vcpu_state.h"
#include "core/console.h"
#include "core/sched.h"
#include "fake.h"

#define FAKE_RAM_HPA 0x100000000ull
#define __weak	     __attribute__((weak))

static void *zalloc_or_abort(size_t size, size_t align)
{
	void *p = aligned_alloc(align, ALIGN_UP(size, align));

	if (!p)
		abort();
	return memset(p, 0, size);
}

struct fake_vm *fake_vm_create(unsigned nr_vcpus)
{
	struct fake_vm *fake = zalloc_or_abort(sizeof(*fake), 64);

	fake->vm.config = &fake->config;
	fake->vm.state = VM_RUNNING;
	fake->vm.nr_vcpus = nr_vcpus;
	fake->vm.present = ~0ull;
	fake->config.cpus = nr_vcpus;
	fake->config.max_cpus = nr_vcpus;
	fake->output_room = (size_t)-1;
	fake->phys_bits = 46;
	fake->kvm_features = ~0u;
	snprintf(fake->config.name, sizeof(fake->config.name), "fake");
	for (unsigned i = 0; i < nr_vcpus; i++) {
		fake->vcpu[i] = zalloc_or_abort(sizeof(struct fake_vcpu), PAGE_SIZE);
		fake->vcpu[i]->vcpu.vm = &fake->vm;
		fake->vcpu[i]->vcpu.id = i;
		fake->vcpu[i]->vcpu.cpu = i;
		fake->vcpu[i]->vcpu.state = VCPU_RUNNABLE;
		fake->vm.vcpu[i] = &fake->vcpu[i]->vcpu;
	}
	return fake;
}

void fake_vm_destroy(struct fake_vm *fake)
{
	for (unsigned i = 0; i < fake->vm.nr_vcpus; i++)
		free(fake->vcpu[i]);
	free(fake);
}

void fake_vm_set_ram(struct fake_vm *fake, u64 size)
{
	fake_set_ram(FAKE_RAM_HPA, size);
	fake->vm.backing[0] = (struct backing){ .hpa = FAKE_RAM_HPA, .size = size, .bound = true };
	fake->vm.memory.count = 1;
	fake->vm.memory.slot[0] = (struct memslot){
		.gpa = 0, .size = size, .kind = MEMSLOT_RAM, .backing = &fake->vm.backing[0]
	};
}

u64 virt_get(struct vcpu *vcpu, enum vreg reg)
{
	return fake_of(vcpu)->reg[reg];
}

void virt_set(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	fake_of(vcpu)->reg[reg] = value;
}

void virt_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out)
{
	*out = fake_of(vcpu)->seg[seg];
}

void virt_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in)
{
	fake_of(vcpu)->seg[seg] = *in;
}

void virt_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error)
{
	fake_of(vcpu)->injected++;
	fake_of(vcpu)->vector = vector;
	fake_of(vcpu)->error = error;
}

void virt_single_step_trap(struct vcpu *vcpu)
{
	fake_of(vcpu)->single_steps++;
}

void virt_skip(struct vcpu *vcpu)
{
	fake_of(vcpu)->skipped++;
}

u64 virt_guest_tsc(struct vcpu *vcpu)
{
	return clock_tsc() + (u64)vcpu->vm->arch.tsc_offset + vcpu->arch.tsc_adjust;
}

u64 virt_guest_to_host_tsc(struct vcpu *vcpu, u64 guest_tsc)
{
	return guest_tsc - (u64)vcpu->vm->arch.tsc_offset - vcpu->arch.tsc_adjust;
}

void virt_update_tsc_offset(struct vcpu *vcpu)
{
	fake_of(vcpu)->tsc_offset_updates++;
}

void virt_flush_guest_tlb(struct vcpu *vcpu)
{
	fake_of(vcpu)->tlb_flushes++;
}

void virt_set_pdptes(struct vcpu *vcpu, const u64 pdpte[4])
{
	fake_of(vcpu)->pdpte_loads++;
	memcpy(fake_of(vcpu)->pdpte, pdpte, sizeof(fake_of(vcpu)->pdpte));
}

unsigned fake_predictor_barriers;

u64 fake_xss;

__weak void virt_xss_changed(struct vcpu *vcpu)
{
	fake_xss = vcpu->arch.xss;
}

void virt_predictor_barrier(void)
{
	fake_predictor_barriers++;
}

struct vcpu *fake_resident;

struct vcpu *vcpu_resident(void)
{
	return fake_resident;
}

__weak void virt_counters_changed(struct vcpu *vcpu)
{
	(void)vcpu;
}

__weak u64 pmu_hw_read(u32 msr)
{
	(void)msr;
	return 0;
}

__weak void pmu_hw_write(u32 msr, u64 value)
{
	(void)msr;
	(void)value;
}

__weak void pmu_hw_unmask_interrupt(void)
{
}

void virt_update_apic_mode(struct vcpu *vcpu)
{
	fake_of(vcpu)->apic_mode_updates++;
}

void vcpu_notify(struct vcpu *vcpu)
{
	__atomic_fetch_add(&fake_of(vcpu)->notified, 1, __ATOMIC_SEQ_CST);
}

void vcpu_post_event(struct vcpu *vcpu, u32 events)
{
	__atomic_fetch_or(&vcpu->events, events, __ATOMIC_SEQ_CST);
	vcpu_notify(vcpu);
}

__weak void vcpu_unhalt(struct vcpu *vcpu)
{
	fake_of(vcpu)->unhalts++;
}

__weak void sched_yield_to(struct vcpu *target)
{
	fake_of(target)->yields++;
}

__weak void vm_request_reset(struct vm *vm, const char *why)
{
	fake_vm_of(vm)->resets++;
	snprintf(fake_vm_of(vm)->why, sizeof(fake_vm_of(vm)->why), "%s", why);
}

__weak void vm_request_stop(struct vm *vm, const char *why)
{
	fake_vm_of(vm)->stops++;
	snprintf(fake_vm_of(vm)->why, sizeof(fake_vm_of(vm)->why), "%s", why);
}

__weak void vm_crash(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	fake_vm_of(vm)->crashes++;
	va_start(ap, fmt);
	vsnprintf(fake_vm_of(vm)->why, sizeof(fake_vm_of(vm)->why), fmt, ap);
	va_end(ap);
}

__weak void vm_triple_fault(struct vm *vm)
{
	fake_vm_of(vm)->triple_faults++;
}

__weak void vm_panicked(struct vm *vm)
{
	fake_vm_of(vm)->panics++;
}

__weak void vm_report_exit_status(struct vm *vm, u8 status)
{
	fake_vm_of(vm)->exit_reports++;
	fake_vm_of(vm)->exit_status = status;
}

__weak void vm_set_irq(struct vm *vm, unsigned gsi, bool level)
{
	struct fake_vm *fake = fake_vm_of(vm);

	if (level && !(fake->irq_level & BIT(gsi)))
		fake->irq_rises[gsi]++;
	fake->irq_level = level ? fake->irq_level | BIT(gsi) : fake->irq_level & ~BIT(gsi);
}

/* The console of a fake VM is the VM itself: tests store it in vm.console. */
__weak bool vm_console_put(struct vm_console *con, u8 byte)
{
	struct fake_vm *fake = (struct fake_vm *)con;

	if (fake->output_room == 0 || fake->output_len == sizeof(fake->output))
		return false;
	fake->output_room--;
	fake->output[fake->output_len++] = byte;
	return true;
}

__weak int vm_console_get(struct vm_console *con)
{
	struct fake_vm *fake = (struct fake_vm *)con;

	if (fake->input_len == 0)
		return -1;
	fake->input_len--;
	return *fake->input++;
}

__weak void vm_console_attach(struct vm_console *con, const struct vm_console_ops *ops, void *dev)
{
	(void)con;
	(void)ops;
	(void)dev;
}

__weak void vcpu_cpuid(struct vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4])
{
	(void)subleaf;
	memset(out, 0, 4 * sizeof(out[0]));
	if (leaf == 0x80000008)
		out[0] = fake_vm_of(vcpu->vm)->phys_bits;
	else if (leaf == 0x40000001)
		out[0] = fake_vm_of(vcpu->vm)->kvm_features;
}

__weak bool cpuid_image_has(const struct cpuid_image *image, u32 leaf, u32 subleaf, unsigned reg,
			    unsigned bit)
{
	struct vm *vm = container_of(image, struct vm, arch.cpuid);

	(void)subleaf;
	return leaf == 0x40000001 && reg == 0 && (fake_vm_of(vm)->kvm_features & BIT(bit));
}

/* SPDX-License-Identifier: MIT */
/*
 * A VM with vCPUs for unit tests, without VMX below it: registers are arrays, and what the code
 * under test asks of its surroundings is recorded. Functions that a test may want to link for real
 * (vm_set_irq, vm_console_*, vcpu_cpuid, cpuid_image_has) are weak here.
 */
#ifndef FIRN_TESTS_FAKE_VCPU_H
#define FIRN_TESTS_FAKE_VCPU_H

#include "arch/x86/virt.h"
#include "core/vcpu.h"
#include "core/vm.h"

struct fake_vcpu {
	struct vcpu vcpu; /* first */
	u64 reg[NR_VREGS];
	struct x86_seg seg[NR_SEGS];
	unsigned notified; /* vcpu_notify() and vcpu_post_event() calls, atomic */
	unsigned injected; /* exceptions; the last one follows */
	enum x86_vector vector;
	u32 error;
	unsigned skipped, single_steps, tlb_flushes, apic_mode_updates, tsc_offset_updates;
	unsigned unhalts, yields; /* vcpu_unhalt() and sched_yield_to() calls */
	unsigned pdpte_loads;
	u64 pdpte[4]; /* the last ones */
	u8 apic_page[PAGE_SIZE] __aligned(PAGE_SIZE);
};

struct fake_vm {
	struct vm vm; /* first */
	struct vm_config config;
	struct fake_vcpu *vcpu[VM_MAX_VCPUS];
	/* what was asked for */
	unsigned resets, stops, crashes, panics, triple_faults, exit_reports;
	u8 exit_status;
	char why[128]; /* text of the last reset, stop or crash */
	/* vm_set_irq() when the IOAPIC is not linked */
	u32 irq_level;
	unsigned irq_rises[32];
	/* console */
	u8 output[4096];
	size_t output_len;
	size_t output_room; /* bytes that vm_console_put() still takes; (size_t)-1 at creation */
	const u8 *input;
	size_t input_len;
	/* vcpu_cpuid(), cpuid_image_has() */
	unsigned phys_bits; /* 46 at creation */
	u32 kvm_features;   /* CPUID 0x40000001 EAX; all ones at creation */
};

extern u64 fake_xss;			 /* value of the last virt_xss_changed() */
extern unsigned fake_predictor_barriers; /* virt_predictor_barrier() calls */

extern struct vcpu *fake_resident; /* vcpu_resident(); NULL at first */

/* A VM with nr_vcpus vCPUs, ids 0.., vCPU n on CPU n. Aborts when out of memory. */
struct fake_vm *fake_vm_create(unsigned nr_vcpus);
void fake_vm_destroy(struct fake_vm *fake);
/* RAM at guest address 0, backed by fake_set_ram(); replaces what was there. */
void fake_vm_set_ram(struct fake_vm *fake, u64 size);

static inline struct fake_vcpu *fake_of(struct vcpu *vcpu)
{
	return (struct fake_vcpu *)vcpu;
}

static inline struct fake_vm *fake_vm_of(struct vm *vm)
{
	return (struct fake_vm *)vm;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Host CPUs to build images from, and VMs that have such an image. For tests of the CPU policy. */
#ifndef FIRN_TESTS_GUEST_CPU_H
#define FIRN_TESTS_GUEST_CPU_H

#include "arch/x86/cpuid_image.h"
#include "fake_vcpu.h"

/* The host that host_cpuid() describes. host_full(): an Intel CPU with every bit of every leaf. */
struct host_cpu {
	cpuid_source source; /* answers in place of all that follows, if there is one */
	bool amd;
	u32 fill; /* registers of feature leaves */
	u32 max_basic, max_extended;
	u32 phys_bits;
	u64 xcr0;	    /* components in leaf 0xd.0 */
	u64 xss;	    /* those in leaf 0xd.1 */
	u64 no_size;	    /* components whose sub-leaf reads zero */
	u32 perfmon[4];	    /* leaf 0xa; EAX 0: filled like others */
	bool pmu, counters; /* the VM is to have counters; they can be given to it */
	unsigned nr_off;
	u32 off[32]; /* features that are missing */
};
extern struct host_cpu host;

void host_full(void);
void host_bare(void); /* no feature at all */
void host_off(u32 feature);
void host_cpuid(u32 leaf, u32 subleaf, u32 out[4]);

#define GUEST_TSC_KHZ 2400000

/* The image of a VM on the present host, with all of the paravirtual interface. */
void guest_image(struct cpuid_image *image, unsigned nr_vcpus);
/* A VM whose image was built from the present host, with LAPICs, all vCPUs reset. */
struct fake_vm *guest_create(unsigned nr_vcpus);
void guest_destroy(struct fake_vm *fake);
/* Takes a feature out of the VM's image, or puts it in. */
void guest_feature(struct fake_vm *fake, u32 feature, bool on);

/* The guest's RDMSR and WRMSR, which do not fault, or which do and change nothing: else the test fails. */
u64 rdmsr_ok(struct vcpu *vcpu, u32 msr);
void wrmsr_ok(struct vcpu *vcpu, u32 msr, u64 value);
void rdmsr_gp(struct vcpu *vcpu, u32 msr);
void wrmsr_gp(struct vcpu *vcpu, u32 msr, u64 value);

#endif

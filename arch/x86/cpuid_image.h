/* SPDX-License-Identifier: MIT */
/* A VM's static CPUID image; bits that follow registers are computed at each CPUID exit. */
#ifndef FIRN_X86_CPUID_IMAGE_H
#define FIRN_X86_CPUID_IMAGE_H

#include "arch/x86/cpuid_bits.h"

struct vcpu;

#define CPUID_IMAGE_MAX 64

struct cpuid_leaf {
	u32 leaf, subleaf;
	union {
		struct {
			u32 eax, ebx, ecx, edx;
		};
		u32 reg[4]; /* by enum cpuid_reg */
	};
	bool indexed; /* subleaf matters */
};

#define CPUID_RANGES	 3  /* basic, hypervisor, extended: bits 31:30 of the leaf */
#define CPUID_RANGE_SIZE 32 /* leaves that a range can have */

struct cpuid_image {
	unsigned count;
	/* Entry number + 1 of a leaf's first entry, 0 = none: found without a search; few leaves aren't. */
	u8 index[CPUID_RANGES][CPUID_RANGE_SIZE];
	struct cpuid_leaf leaf[CPUID_IMAGE_MAX]; /* sorted by leaf, subleaf */
};

/* Reads one leaf of a CPU: the real one, or a fake in unit tests. */
typedef void (*cpuid_source)(u32 leaf, u32 subleaf, u32 out[4]);

/* What a VM's image depends on besides the host. */
struct cpuid_vm {
	unsigned nr_vcpus;
	u64 tsc_khz;
	u32 paravirt;  /* enum paravirt: what may be offered */
	u32 hints;     /* KVM_HINT_* */
	bool pmu;      /* performance counters are wanted */
	bool counters; /* and the host can give them */
	bool cet;      /* what the host has of CET is offered */
};
/* Builds the image from policy tables masked with what the host has. */
void cpuid_image_build(struct cpuid_image *image, cpuid_source host, const struct cpuid_vm *vm);
/* Fills index from leaf[]; for those who add entries. */
void cpuid_image_index(struct cpuid_image *image);
/* First difference of two images as text ("leaf 0x7.0 EBX: 0x1 != 0x0"); false = equal. */
bool cpuid_image_diff(const struct cpuid_image *a, const struct cpuid_image *b, char *text,
		      size_t len);
/* What this vCPU reads now, dynamic bits included. out: EAX, EBX, ECX, EDX. */
void vcpu_cpuid(struct vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4]);
/* Does the VM offer this bit? reg: 0..3 = EAX..EDX. Static bits only. */
bool cpuid_image_has(const struct cpuid_image *image, u32 leaf, u32 subleaf, unsigned reg,
		     unsigned bit);
/* The same by name: X86_FEATURE_*, KVM_FEATURE_*. */
static inline bool cpuid_image_offers(const struct cpuid_image *image, u32 feature)
{
	return cpuid_image_has(image, CPUID_FEATURE_LEAF(feature), CPUID_FEATURE_SUBLEAF(feature),
			       CPUID_FEATURE_REG(feature), CPUID_FEATURE_BIT(feature));
}
/* The stored entry, or NULL: the leaf reads zero. */
const struct cpuid_leaf *cpuid_image_find(const struct cpuid_image *image, u32 leaf, u32 subleaf);
/* Does it say AMD or Hygon? Everything else is treated as Intel. */
bool cpuid_image_is_amd(const struct cpuid_image *image);
/* Physical-address bits of the guest. */
unsigned cpuid_image_phys_bits(const struct cpuid_image *image);
/* KVM features that are offered, for the documentation check. */
struct cpuid_kvm_feature {
	u32 feature;
	const char *name;
};
extern const struct cpuid_kvm_feature cpuid_kvm_features[];
extern const size_t cpuid_nr_kvm_features;

#endif

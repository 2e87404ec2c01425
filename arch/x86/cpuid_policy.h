/* SPDX-License-Identifier: MIT */
/* Tables from which a CPUID image is built, in cpuid_policy.c; cpuid_build.c applies them. */
#ifndef FIRN_X86_CPUID_POLICY_H
#define FIRN_X86_CPUID_POLICY_H

#include "arch/x86/cpuid_image.h"

enum cpuid_vendor {
	CPUID_INTEL = 1,
	CPUID_AMD = 2,
	CPUID_ANY = CPUID_INTEL | CPUID_AMD
};

/* A leaf taken from the host, with the bits that are not features. Features are added to it. */
struct cpuid_leaf_policy {
	u32 leaf, subleaf;
	bool indexed;
	enum cpuid_vendor vendor;
	u32 copy[4];
};

struct cpuid_dependency {
	u32 feature, needs;
};

extern const struct cpuid_leaf_policy cpuid_leaves[];
extern const u32 cpuid_host_features[];	    /* offered when the host has them */
extern const u32 cpuid_host_features_amd[]; /* the same, AMD only */
extern const u32 cpuid_own_features[];	    /* offered on every host: Firn emulates them */
extern const u32 cpuid_cet_features[];	    /* offered to VMs with CET when the host has them */
extern const struct cpuid_dependency cpuid_dependencies[];
extern const size_t cpuid_nr_leaves, cpuid_nr_host_features, cpuid_nr_host_features_amd,
	cpuid_nr_own_features, cpuid_nr_cet_features, cpuid_nr_dependencies;

#endif

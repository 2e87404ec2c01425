/* SPDX-License-Identifier: MIT */
/* SVM capability discovery by table: what the CPU has, what Firn needs, what it can do without. */
#ifndef FIRN_SVM_CAPS_H
#define FIRN_SVM_CAPS_H

#include "core/err.h"

/* CPUID 8000000A */
struct svm_caps {
	u32 revision; /* 0: not read yet, no CPU has it */
	u32 nr_asids;
	u32 features; /* SVM_CAP_* */
};

#define SVM_CAP_NP		BIT(0)
#define SVM_CAP_NRIPS		BIT(3)
#define SVM_CAP_VMCB_CLEAN	BIT(5)
#define SVM_CAP_FLUSH_BY_ASID	BIT(6)
#define SVM_CAP_PAUSE_FILTER	BIT(10)
#define SVM_CAP_PAUSE_THRESHOLD BIT(12)

/* The CPUID instruction, or a table in unit tests. */
typedef void (*svm_cpuid_source)(u32 leaf, u32 out[4]);

/* ERR_UNSUPPORTED when there is no leaf 8000000A. */
enum firn_err svm_caps_read(struct svm_caps *caps, svm_cpuid_source read);

/*
 * Calls missing(name, required) for each feature of the table that the CPU lacks.
 * ERR_UNSUPPORTED when a required one is among them.
 */
enum firn_err svm_caps_check(const struct svm_caps *caps,
			     void (*missing)(void *ctx, const char *name, bool required),
			     void *ctx);

/* The boot CPU's capabilities; every CPU must offer the same (checked by virt_cpu_enable). */
extern struct svm_caps svm_caps;

static inline bool svm_has(u32 cap)
{
	return svm_caps.features & cap;
}

#endif

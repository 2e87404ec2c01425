/* SPDX-License-Identifier: MIT */
/* SVM capability discovery by table (APM vol. 3, CPUID Fn8000_000A; vol. 2, 15.4). */
#include "arch/x86/svm/caps.h"

#include "arch/x86/cpuid_bits.h"

#define CPUID_SVM	0x8000000au
#define SVM_REVISION	0xffu
#define SVM_ASIDS_LEAST 2 /* the host's and one more */

struct svm_caps svm_caps;

enum firn_err svm_caps_read(struct svm_caps *caps, svm_cpuid_source read)
{
	u32 r[4];

	*caps = (struct svm_caps){ 0 };
	read(CPUID_EXTENDED, r);
	if (r[CPUID_EAX] < CPUID_SVM)
		return ERR_UNSUPPORTED;
	read(CPUID_SVM, r);
	caps->revision = r[CPUID_EAX] & SVM_REVISION;
	caps->nr_asids = r[CPUID_EBX];
	caps->features = r[CPUID_EDX];
	return caps->revision ? FIRN_OK : ERR_UNSUPPORTED;
}

static const struct {
	u32 bit;
	bool required;
	const char *name;
} features[] = {
	{ SVM_CAP_NP, true, "nested paging" },
	{ SVM_CAP_NRIPS, false, "next-RIP save" },
	{ SVM_CAP_VMCB_CLEAN, false, "VMCB clean bits" },
	{ SVM_CAP_FLUSH_BY_ASID, false, "flush by ASID" },
	{ SVM_CAP_PAUSE_FILTER, false, "PAUSE filter" },
};

enum firn_err svm_caps_check(const struct svm_caps *caps,
			     void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	enum firn_err err = FIRN_OK;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (caps->features & features[i].bit)
			continue;
		missing(ctx, features[i].name, features[i].required);
		if (features[i].required)
			err = ERR_UNSUPPORTED;
	}
	if (caps->nr_asids < SVM_ASIDS_LEAST) {
		missing(ctx, "address space identifiers", true);
		err = ERR_UNSUPPORTED;
	}
	return err;
}

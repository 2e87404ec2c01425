/* SPDX-License-Identifier: MIT */
/* The hypervisor that Firn itself runs under, by its signature (Linux: virt/kvm/x86/cpuid.rst). */
#include "arch/x86/outer_hypervisor.h"

#include <string.h>

#include "arch/x86/cpuid_bits.h"

#define SIGNATURE_SIZE 12    /* EBX, ECX, EDX */
#define RANGE	       0x100 /* KVM stands behind Hyper-V's leaves when it offers both */
#define RANGES	       3

static const struct {
	char signature[SIGNATURE_SIZE + 1];
	const char *name;
} known[] = {
	/* First those that also show the signature of one below for the sake of its guests. */
	{ "KVMKVMKVM\0\0\0", "KVM" },	  { "XenVMMXenVMM", "Xen" },
	{ "VBoxVBoxVBox", "VirtualBox" }, { "ACRNACRNACRN", "ACRN" },
	{ "TCGTCGTCGTCG", "QEMU's TCG" }, { "bhyve bhyve ", "bhyve" },
	{ "VMwareVMware", "VMware" },	  { "Microsoft Hv", "Hyper-V" },
};

static bool has_signature(void (*read)(u32 leaf, u32 out[4]), const char *signature)
{
	bool found = false;

	for (u32 i = 0; i < RANGES && !found; i++) {
		u32 out[4];

		read(CPUID_HYPERVISOR + i * RANGE, out);
		found = !memcmp(&out[CPUID_EBX], signature, SIGNATURE_SIZE);
	}
	return found;
}

const char *outer_hypervisor_name(void (*read)(u32 leaf, u32 out[4]))
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (has_signature(read, known[i].signature))
			return known[i].name;
	return "an unknown hypervisor";
}

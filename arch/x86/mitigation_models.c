/* SPDX-License-Identifier: MIT */
/*
 * Processor models and the attacks they are open to, as vendors' lists and Linux' tables have them.
 * What CPUID and IA32_ARCH_CAPABILITIES say comes on top, in mitigations.c.
 */
#include "arch/x86/mitigations.h"

#define ANY_STEPPING 0xff
#define INTEL_FAMILY 6
#define NO_BUFFERS   (MODEL_NO_L1TF | MODEL_NO_MDS)
/* Client cores from Alder Lake on: no older leaks, but stale registers of their small cores. */
#define HYBRID	(MODEL_VMSCAPE | NO_BUFFERS | MODEL_RFDS)
#define NEW	(MODEL_VMSCAPE | NO_BUFFERS)
#define TREMONT (NO_BUFFERS | MODEL_MMIO | MODEL_RFDS | MODEL_NO_PBRSB)
#define SKYLAKE (MODEL_VMSCAPE | MODEL_MMIO | MODEL_RETBLEED)

/* Intel, family 6. The first row whose steppings hold the processor's counts. */
static const struct {
	u8 model;
	u8 stepping_min, stepping_max;
	u16 flags;
} intel_models[] = {
	{ 0x2a, 0, ANY_STEPPING, MODEL_VMSCAPE }, /* Sandy Bridge */
	{ 0x2d, 0, ANY_STEPPING, MODEL_VMSCAPE },
	{ 0x3a, 0, ANY_STEPPING, MODEL_VMSCAPE }, /* Ivy Bridge */
	{ 0x3e, 0, ANY_STEPPING, MODEL_VMSCAPE },
	{ 0x3c, 0, ANY_STEPPING, MODEL_VMSCAPE }, /* Haswell */
	{ 0x45, 0, ANY_STEPPING, MODEL_VMSCAPE },
	{ 0x46, 0, ANY_STEPPING, MODEL_VMSCAPE },
	{ 0x3f, 0, ANY_STEPPING, MODEL_VMSCAPE | MODEL_MMIO },
	{ 0x3d, 0, ANY_STEPPING, MODEL_VMSCAPE }, /* Broadwell */
	{ 0x47, 0, ANY_STEPPING, MODEL_VMSCAPE },
	{ 0x4f, 0, ANY_STEPPING, MODEL_VMSCAPE | MODEL_MMIO },
	{ 0x56, 0, ANY_STEPPING, MODEL_VMSCAPE | MODEL_MMIO },
	{ 0x4e, 0, ANY_STEPPING, SKYLAKE },
	{ 0x5e, 0, ANY_STEPPING, SKYLAKE },
	{ 0x55, 0, 5, SKYLAKE },
	{ 0x55, 6, ANY_STEPPING, SKYLAKE | MODEL_ITS }, /* Cascade Lake, Cooper Lake */
	{ 0x8e, 0, 0xb, SKYLAKE },			/* Kaby Lake, Coffee Lake */
	{ 0x8e, 0xc, ANY_STEPPING, SKYLAKE | MODEL_ITS },
	{ 0x9e, 0, 0xc, SKYLAKE },
	{ 0x9e, 0xd, ANY_STEPPING, SKYLAKE | MODEL_ITS },
	{ 0x66, 0, ANY_STEPPING, MODEL_VMSCAPE | MODEL_RETBLEED }, /* Cannon Lake */
	{ 0xa5, 0, ANY_STEPPING, SKYLAKE | MODEL_ITS },		   /* Comet Lake */
	{ 0xa6, 0, ANY_STEPPING, SKYLAKE | MODEL_ITS },
	{ 0x6a, 0, ANY_STEPPING, MODEL_MMIO | MODEL_ITS_OWN | MODEL_NO_L1TF }, /* Ice Lake */
	{ 0x6c, 0, ANY_STEPPING, MODEL_MMIO | MODEL_ITS_OWN | MODEL_NO_L1TF },
	{ 0x7d, 0, ANY_STEPPING, MODEL_MMIO | MODEL_ITS_OWN | MODEL_NO_L1TF },
	{ 0x7e, 0, ANY_STEPPING, MODEL_MMIO | MODEL_ITS_OWN | MODEL_NO_L1TF | MODEL_RETBLEED },
	{ 0x8c, 0, ANY_STEPPING, MODEL_ITS_OWN | MODEL_NO_L1TF }, /* Tiger Lake */
	{ 0x8d, 0, ANY_STEPPING, MODEL_ITS_OWN | MODEL_NO_L1TF },
	{ 0xa7, 0, ANY_STEPPING,
	  MODEL_MMIO | MODEL_ITS_OWN | MODEL_NO_L1TF | MODEL_RETBLEED }, /* Rocket Lake */
	{ 0x8a, 0, ANY_STEPPING,
	  MODEL_MMIO | MODEL_RFDS | MODEL_NO_L1TF | MODEL_RETBLEED }, /* Lakefield */
	{ 0x97, 0, ANY_STEPPING, HYBRID },			      /* Alder Lake */
	{ 0x9a, 0, ANY_STEPPING, HYBRID },
	{ 0xb7, 0, ANY_STEPPING, HYBRID }, /* Raptor Lake */
	{ 0xba, 0, ANY_STEPPING, HYBRID },
	{ 0xbf, 0, ANY_STEPPING, HYBRID },
	{ 0xbe, 0, ANY_STEPPING, HYBRID }, /* Gracemont */
	{ 0xaa, 0, ANY_STEPPING, NEW },	   /* Meteor Lake */
	{ 0xb5, 0, ANY_STEPPING, NEW },	   /* Arrow Lake */
	{ 0xc5, 0, ANY_STEPPING, NEW },
	{ 0xc6, 0, ANY_STEPPING, NEW },
	{ 0xbd, 0, ANY_STEPPING, NEW },			    /* Lunar Lake */
	{ 0x8f, 0, ANY_STEPPING, NEW },			    /* Sapphire Rapids */
	{ 0xcf, 0, ANY_STEPPING, NEW },			    /* Emerald Rapids */
	{ 0xad, 0, ANY_STEPPING, NEW },			    /* Granite Rapids */
	{ 0xaf, 0, ANY_STEPPING, NEW },			    /* Sierra Forest */
	{ 0x5c, 0, ANY_STEPPING, NO_BUFFERS | MODEL_RFDS }, /* Goldmont */
	{ 0x5f, 0, ANY_STEPPING, NO_BUFFERS | MODEL_RFDS },
	{ 0x7a, 0, ANY_STEPPING, NO_BUFFERS | MODEL_RFDS | MODEL_NO_PBRSB },
	{ 0x86, 0, ANY_STEPPING, TREMONT }, /* Tremont */
	{ 0x96, 0, ANY_STEPPING, TREMONT },
	{ 0x9c, 0, ANY_STEPPING, TREMONT },
};

static const struct {
	u8 vendor;
	u8 family;
	u16 flags;
} amd_families[] = {
	{ VENDOR_AMD, 0x15, MODEL_RETBLEED },
	{ VENDOR_AMD, 0x16, MODEL_RETBLEED },
	{ VENDOR_AMD, 0x17, MODEL_RETBLEED | MODEL_SRSO | MODEL_VMSCAPE },
	{ VENDOR_HYGON, 0x18, MODEL_RETBLEED | MODEL_SRSO | MODEL_VMSCAPE },
	{ VENDOR_AMD, 0x19, MODEL_SRSO | MODEL_VMSCAPE },
	{ VENDOR_AMD, 0x1a, MODEL_SRSO | MODEL_VMSCAPE },
};

static u32 intel_model(const struct mitigation_inputs *in)
{
	if (in->family != INTEL_FAMILY)
		return in->family < INTEL_FAMILY ? NO_BUFFERS : 0;
	for (size_t i = 0; i < ARRAY_SIZE(intel_models); i++)
		if (intel_models[i].model == in->model &&
		    intel_models[i].stepping_min <= in->stepping &&
		    in->stepping <= intel_models[i].stepping_max)
			return intel_models[i].flags;
	return 0;
}

u32 mitigation_model(const struct mitigation_inputs *in)
{
	if (in->vendor == VENDOR_INTEL)
		return intel_model(in);
	for (size_t i = 0; i < ARRAY_SIZE(amd_families); i++)
		if (amd_families[i].vendor == in->vendor && amd_families[i].family == in->family)
			return NO_BUFFERS | amd_families[i].flags;
	return NO_BUFFERS;
}

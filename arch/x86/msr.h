/* SPDX-License-Identifier: MIT */
/* MSR numbers and their bits (SDM vol. 4; APM vol. 2 appendix A for the C000/C001 ranges). */
#ifndef FIRN_X86_MSR_H
#define FIRN_X86_MSR_H

#include "core/types.h"

#define MSR_IA32_TSC		   0x10
#define MSR_IA32_PLATFORM_ID	   0x17
#define MSR_IA32_APIC_BASE	   0x1b
#define APIC_BASE_BSP		   BIT(8)
#define APIC_BASE_EXTD		   BIT(10) /* x2APIC mode */
#define APIC_BASE_ENABLE	   BIT(11)
#define MSR_IA32_FEATURE_CONTROL   0x3a
#define FEATURE_CONTROL_LOCKED	   BIT(0)
#define FEATURE_CONTROL_VMX_SMX	   BIT(1)
#define FEATURE_CONTROL_VMX	   BIT(2) /* outside SMX */
#define MSR_IA32_TSC_ADJUST	   0x3b
#define MSR_IA32_SPEC_CTRL	   0x48
#define MSR_IA32_PRED_CMD	   0x49
#define MSR_IA32_BIOS_SIGN_ID	   0x8b
#define MSR_IA32_MTRRCAP	   0xfe
#define MSR_IA32_ARCH_CAPABILITIES 0x10a
#define MSR_IA32_SYSENTER_CS	   0x174
#define MSR_IA32_SYSENTER_ESP	   0x175
#define MSR_IA32_SYSENTER_EIP	   0x176
#define MSR_IA32_MCG_CAP	   0x179
#define MSR_IA32_MCG_STATUS	   0x17a
#define MSR_IA32_MISC_ENABLE	   0x1a0
#define MISC_ENABLE_FAST_STRING	   BIT(0)
#define MISC_ENABLE_MONITOR	   BIT(18)
#define MSR_IA32_MTRR_PHYSBASE0	   0x200
#define MSR_IA32_MTRR_PHYSMASK7	   0x20f
#define MSR_IA32_MTRR_FIX64K	   0x250
#define MSR_IA32_MTRR_FIX16K_80000 0x258
#define MSR_IA32_MTRR_FIX16K_A0000 0x259
#define MSR_IA32_MTRR_FIX4K_C0000  0x268
#define MSR_IA32_MTRR_FIX4K_F8000  0x26f
#define MSR_IA32_PAT		   0x277
#define PAT_RESET_VALUE		   0x0007040600070406ull
#define MSR_IA32_MTRR_DEF_TYPE	   0x2ff
#define MSR_IA32_VMX_BASIC	   0x480
#define MSR_IA32_TSC_DEADLINE	   0x6e0
#define MSR_IA32_U_CET		   0x6a0
#define MSR_IA32_S_CET		   0x6a2
#define MSR_IA32_PL0_SSP	   0x6a4
#define MSR_IA32_PL3_SSP	   0x6a7
#define MSR_IA32_INT_SSP_TAB	   0x6a8
#define MSR_X2APIC_FIRST	   0x800
#define MSR_X2APIC_LAST		   0x8ff
#define MSR_IA32_XSS		   0xda0
#define MSR_EFER		   0xc0000080
#define EFER_SCE		   BIT(0)
#define EFER_LME		   BIT(8)
#define EFER_LMA		   BIT(10)
#define EFER_NXE		   BIT(11)
#define EFER_SVME		   BIT(12)
#define MSR_STAR		   0xc0000081
#define MSR_LSTAR		   0xc0000082
#define MSR_CSTAR		   0xc0000083
#define MSR_SFMASK		   0xc0000084
#define MSR_FS_BASE		   0xc0000100
#define MSR_GS_BASE		   0xc0000101
#define MSR_KERNEL_GS_BASE	   0xc0000102
#define MSR_TSC_AUX		   0xc0000103

#endif

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
#define APIC_BASE_ADDRESS	   0x000ffffffffff000ull
#define MSR_SMI_COUNT		   0x34
#define MSR_IA32_FEATURE_CONTROL   0x3a
#define FEATURE_CONTROL_LOCKED	   BIT(0)
#define FEATURE_CONTROL_VMX_SMX	   BIT(1)
#define FEATURE_CONTROL_VMX	   BIT(2) /* outside SMX */
#define MSR_IA32_TSC_ADJUST	   0x3b
#define MSR_IA32_SPEC_CTRL	   0x48
#define SPEC_CTRL_IBRS		   BIT(0)
#define SPEC_CTRL_STIBP		   BIT(1)
#define SPEC_CTRL_SSBD		   BIT(2)
#define SPEC_CTRL_BHI_DIS_S	   BIT(10)
#define MSR_IA32_PRED_CMD	   0x49
#define PRED_CMD_IBPB		   BIT(0)
#define MSR_IA32_BIOS_UPDT_TRIG	   0x79
#define MSR_IA32_BIOS_SIGN_ID	   0x8b
#define MSR_IA32_PMC0		   0xc1
#define MSR_IA32_PMC7		   0xc8
#define MSR_PLATFORM_INFO	   0xce
#define MSR_IA32_MTRRCAP	   0xfe
#define MTRRCAP_FIX		   BIT(8)
#define MTRRCAP_WC		   BIT(10)
#define MSR_IA32_ARCH_CAPABILITIES 0x10a
#define ARCH_CAP_RDCL_NO	   BIT(0)
#define ARCH_CAP_IBRS_ALL	   BIT(1)
#define ARCH_CAP_RSBA		   BIT(2)
#define ARCH_CAP_SKIP_L1DFL	   BIT(3) /* the outer hypervisor flushes */
#define ARCH_CAP_SSB_NO		   BIT(4)
#define ARCH_CAP_MDS_NO		   BIT(5)
#define ARCH_CAP_PSCHANGE_MC_NO	   BIT(6)
#define ARCH_CAP_TAA_NO		   BIT(8)
#define ARCH_CAP_SBDR_SSDP_NO	   BIT(13)
#define ARCH_CAP_FBSDP_NO	   BIT(14)
#define ARCH_CAP_PSDP_NO	   BIT(15)
#define ARCH_CAP_FB_CLEAR	   BIT(17)
#define ARCH_CAP_RRSBA		   BIT(19)
#define ARCH_CAP_BHI_NO		   BIT(20)
#define ARCH_CAP_PBRSB_NO	   BIT(24)
#define ARCH_CAP_GDS_NO		   BIT(26)
#define ARCH_CAP_RFDS_NO	   BIT(27)
#define ARCH_CAP_RFDS_CLEAR	   BIT(28)
#define ARCH_CAP_ITS_NO		   BIT(62)
#define MSR_IA32_FLUSH_CMD	   0x10b
#define MSR_MISC_FEATURES_ENABLES  0x140
#define MSR_IA32_SYSENTER_CS	   0x174
#define MSR_IA32_SYSENTER_ESP	   0x175
#define MSR_IA32_SYSENTER_EIP	   0x176
#define MSR_IA32_MCG_CAP	   0x179
#define MSR_IA32_MCG_STATUS	   0x17a
#define MSR_IA32_PERFEVTSEL0	   0x186
#define MSR_IA32_PERFEVTSEL7	   0x18d
#define EVTSEL_EVENT		   0xffull
#define EVTSEL_UMASK		   0xff00ull
#define EVTSEL_USR		   BIT(16)
#define EVTSEL_OS		   BIT(17)
#define EVTSEL_EDGE		   BIT(18)
#define EVTSEL_INT		   BIT(20)
#define EVTSEL_ENABLE		   BIT(22)
#define EVTSEL_INVERT		   BIT(23)
#define EVTSEL_CMASK		   0xff000000ull
#define EVTSEL_EQ		   BIT(36)
#define EVTSEL_UMASK2		   0xff0000000000ull
#define MSR_IA32_MISC_ENABLE	   0x1a0
#define MISC_ENABLE_FAST_STRING	   BIT(0)
#define MISC_ENABLE_PERFMON	   BIT(7) /* read-only: counters are there */
#define MISC_ENABLE_BTS_UNAVAIL	   BIT(11)
#define MISC_ENABLE_PEBS_UNAVAIL   BIT(12)
#define MISC_ENABLE_MONITOR	   BIT(18)
#define MSR_IA32_DEBUGCTL	   0x1d9
#define DEBUGCTL_LBR		   BIT(0)
#define DEBUGCTL_BTF		   BIT(1)
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
#define MTRR_DEF_TYPE_FE	   BIT(10)
#define MTRR_DEF_TYPE_E		   BIT(11)
#define MTRR_PHYSMASK_VALID	   BIT(11)
/* Memory types (SDM 3A 11.3); 2 and 3 are reserved, 7 (UC-) is for the PAT only. */
#define MEMTYPE_UC		   0
#define MEMTYPE_WC		   1
#define MEMTYPE_WT		   4
#define MEMTYPE_WP		   5
#define MEMTYPE_WB		   6
#define MEMTYPE_UC_MINUS	   7
#define MSR_IA32_FIXED_CTR0	   0x309
#define MSR_IA32_FIXED_CTR2	   0x30b
#define MSR_IA32_FIXED_CTR3	   0x30c
#define MSR_IA32_PERF_CAPABILITIES 0x345
#define PERF_CAP_FULL_WIDTH_WRITE  BIT(13)
#define MSR_IA32_FIXED_CTR_CTRL	   0x38d
#define FIXED_CTRL_INT		   BIT(3) /* of the first counter */
#define FIXED_CTRL_STRIDE	   4	  /* bits of each counter */
#define MSR_PERF_GLOBAL_STATUS	   0x38e
#define GLOBAL_STATUS_DS	   BIT(62) /* overflow of the debug store */
#define GLOBAL_STATUS_CONDITION	   BIT(63)
#define MSR_PERF_GLOBAL_CTRL	   0x38f
#define MSR_PERF_GLOBAL_OVF_CTRL   0x390
#define MSR_PERF_GLOBAL_SET	   0x391
#define MSR_IA32_PERF_GLOBAL_INUSE 0x392
#define MSR_IA32_VMX_BASIC	   0x480
#define MSR_IA32_VMX_LAST	   0x493
#define MSR_IA32_A_PMC0		   0x4c1
#define MSR_IA32_A_PMC7		   0x4c8
#define MSR_RAPL_POWER_UNIT	   0x606
#define MSR_RAPL_LAST		   0x64f
#define MSR_IA32_TSC_DEADLINE	   0x6e0
#define MSR_IA32_U_CET		   0x6a0
#define MSR_IA32_S_CET		   0x6a2
#define CET_SH_STK_EN		   BIT(0)
#define CET_WR_SHSTK_EN		   BIT(1)
#define CET_ENDBR_EN		   BIT(2)
#define CET_SUPPRESS		   BIT(10)
#define CET_TRACKER		   BIT(11) /* the next instruction must be ENDBRANCH */
#define MSR_IA32_PL0_SSP	   0x6a4
#define MSR_IA32_PL1_SSP	   0x6a5
#define MSR_IA32_PL2_SSP	   0x6a6
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
#define EFER_AIBRSE		   BIT(21) /* automatic IBRS */
#define MSR_STAR		   0xc0000081
#define MSR_LSTAR		   0xc0000082
#define MSR_CSTAR		   0xc0000083
#define MSR_SFMASK		   0xc0000084
#define MSR_FS_BASE		   0xc0000100
#define MSR_GS_BASE		   0xc0000101
#define MSR_KERNEL_GS_BASE	   0xc0000102
#define MSR_TSC_AUX		   0xc0000103
#define MSR_K7_EVNTSEL0		   0xc0010000
#define MSR_K7_PERFCTR3		   0xc0010007
#define MSR_SYSCFG		   0xc0010010
#define MSR_HWCR		   0xc0010015
#define HWCR_TSC_FREQ_SEL	   BIT(24) /* the TSC counts at the rate of P-state 0 */
#define MSR_TOP_MEM		   0xc001001a
#define MSR_TOP_MEM2		   0xc001001d
#define MSR_NB_CFG		   0xc001001f
#define MSR_PATCH_LOADER	   0xc0010020
#define MSR_PSTATE_LIMIT	   0xc0010061
#define MSR_PSTATE7		   0xc001006b
#define MSR_VM_CR		   0xc0010114
#define VM_CR_LOCK		   BIT(3)
#define VM_CR_SVMDIS		   BIT(4)
#define MSR_VM_HSAVE_PA		   0xc0010117
#define MSR_PERF_CTL0		   0xc0010200
#define MSR_PERF_CTR5		   0xc001020b
#define MSR_LS_CFG		   0xc0011020
#define MSR_FP_CFG		   0xc0011028
#define MSR_DE_CFG		   0xc0011029
#define DE_CFG_LFENCE_SERIALIZE	   BIT(1)
#define MSR_BP_CFG		   0xc001102e
#define BP_CFG_BP_SPEC_REDUCE	   BIT(4)

#endif

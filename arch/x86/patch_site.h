/* SPDX-License-Identifier: MIT */
/*
 * Places in the code that are NOPs until the boot CPU makes some of them calls, once and for all,
 * before other CPUs and guests run. What is called there keeps all registers but for RFLAGS, and
 * those that PATCH_ENTRY and PATCH_EXIT are said to change. For C and assembly.
 */
#ifndef FIRN_X86_PATCH_SITE_H
#define FIRN_X86_PATCH_SITE_H

#define PATCH_SHARED	 0 /* before code that VMs share */
#define PATCH_ENTRY	 1 /* before a guest's registers are loaded; RDI: gpr[]; RAX, RCX change */
#define PATCH_EXIT	 2 /* after they were saved; RDI: gpr[]; RAX, RCX, RDX change */
#define PATCH_VERW	 3 /* becomes VERW instead of a call */
#define PATCH_ENTRY_L1D	 4 /* parts of what ENTRY and EXIT call */
#define PATCH_ENTRY_SPEC 5
#define PATCH_EXIT_SPEC	 6
#define PATCH_EXIT_IBPB	 7
#define PATCH_EXIT_BHB	 8
#define NR_PATCHES	 9

/* struct predictor in struct cpu, at GS:0 */
#define PREDICTOR_OFFSET      24
#define PREDICTOR_PENDING     PREDICTOR_OFFSET
#define PREDICTOR_UNBARRIERED (PREDICTOR_OFFSET + 1)
#define PREDICTOR_NEEDED      32
#define PREDICTOR_DONE	      40
#define PREDICTOR_GUEST_RAN   0x0101 /* both flags at once */

/* arch_vcpu.spec_ctrl as seen from arch_vcpu.gpr */
#define VCPU_SPEC_CTRL 256

#ifdef __ASSEMBLER__
/* clang-format off */
.macro PATCH_RECORD place, id
	.pushsection .patch_sites, "a"
	.balign 4
	.long \place - ., \id
	.popsection
.endm

/* The 5 bytes of a near call, and the 7 of VERW with a RIP-relative operand. */
.macro PATCH_SITE id
771:	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	PATCH_RECORD 771b, \id
.endm

.macro PATCH_SITE_VERW
772:	.byte 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00
	PATCH_RECORD 772b, PATCH_VERW
.endm
/* clang-format on */
#else
#define PATCH_STRING_(x) #x
#define PATCH_STRING(x)	 PATCH_STRING_(x)
#define PATCH_SITE_TEXT(id)                           \
	"771: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\t" \
	".pushsection .patch_sites, \"a\"\n\t"        \
	".balign 4\n\t"                               \
	".long 771b - ., " PATCH_STRING(id) "\n\t"    \
					    ".popsection"
#endif

#endif

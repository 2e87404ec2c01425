/* SPDX-License-Identifier: MIT */
/* Control registers, RFLAGS, exceptions, segment access rights (SDM 3A 2.5, 6.3, 3.4.5). */
#ifndef FIRN_X86_REGS_H
#define FIRN_X86_REGS_H

#include "core/types.h"

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME	       BIT(0)
#define CR4_PVI	       BIT(1)
#define CR4_TSD	       BIT(2)
#define CR4_DE	       BIT(3)
#define CR4_PSE	       BIT(4)
#define CR4_PAE	       BIT(5)
#define CR4_MCE	       BIT(6)
#define CR4_PGE	       BIT(7)
#define CR4_PCE	       BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_SMXE       BIT(14)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE	       BIT(22)
#define CR4_CET	       BIT(23)

#define CR3_PCID_MASK 0xfffull
#define CR3_NOFLUSH   BIT(63)

#define RFLAGS_CF   BIT(0)
#define RFLAGS_ONE  BIT(1)
#define RFLAGS_PF   BIT(2)
#define RFLAGS_AF   BIT(4)
#define RFLAGS_ZF   BIT(6)
#define RFLAGS_SF   BIT(7)
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_OF   BIT(11)
#define RFLAGS_IOPL (3ull << 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_VM   BIT(17)
#define RFLAGS_AC   BIT(18)
#define RFLAGS_VIF  BIT(19)
#define RFLAGS_VIP  BIT(20)
#define RFLAGS_ID   BIT(21)

enum x86_vector {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_BR = 5,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_DF = 8,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_MF = 16,
	VECTOR_AC = 17,
	VECTOR_MC = 18,
	VECTOR_XM = 19,
	VECTOR_VE = 20,
	VECTOR_CP = 21,
};
/* Vectors that push an error code. */
#define VECTORS_WITH_ERROR_CODE                                                               \
	(BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) | \
	 BIT(VECTOR_PF) | BIT(VECTOR_AC) | BIT(VECTOR_CP))

#define PFERR_PRESENT BIT(0)
#define PFERR_WRITE   BIT(1)
#define PFERR_USER    BIT(2)
#define PFERR_RSVD    BIT(3)
#define PFERR_FETCH   BIT(4)
#define PFERR_PK      BIT(5)
#define PFERR_SS      BIT(6)

/* Order of the general registers in instruction encodings; also the order in vCPU state. */
enum x86_gpr {
	REG_RAX,
	REG_RCX,
	REG_RDX,
	REG_RBX,
	REG_RSP,
	REG_RBP,
	REG_RSI,
	REG_RDI,
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
	NR_GPRS
};

enum x86_segment {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_LDTR,
	SEG_TR,
	NR_SEGS
};

/* Access rights in the VMX layout (SDM 3C 24.4.1): descriptor bits 55:40 plus "unusable". */
#define SEG_AR_TYPE	  0xfull
#define SEG_TYPE_TSS_BUSY BIT(1) /* in the type of a TSS */
#define SEG_AR_S	  BIT(4)
#define SEG_AR_DPL_SHIFT  5
#define SEG_AR_P	  BIT(7)
#define SEG_AR_L	  BIT(13)
#define SEG_AR_DB	  BIT(14)
#define SEG_AR_G	  BIT(15)
#define SEG_AR_UNUSABLE	  BIT(16)
#define SEG_SELECTOR_RPL  3u

struct x86_seg {
	u16 selector;
	u32 ar; /* SEG_AR_* */
	u32 limit;
	u64 base;
};

#define XCR0_X87    BIT(0)
#define XCR0_SSE    BIT(1)
#define XCR0_AVX    BIT(2)
#define XCR0_MPX    (BIT(3) | BIT(4))
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_PKRU   BIT(9)
#define XSS_CET	    (BIT(11) | BIT(12)) /* U_CET and PL3_SSP; PL0_SSP to PL2_SSP */

/* Entries of page tables, SDM 3A 4.5 */
#define PTE_P	BIT(0)
#define PTE_RW	BIT(1)
#define PTE_US	BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A	BIT(5)
#define PTE_D	BIT(6)
#define PTE_PS	BIT(7) /* in a PDE, PDPTE: maps a page. In a PTE: PAT */
#define PTE_G	BIT(8)
#define PTE_NX	BIT(63)

/* Canonical: the bits from the highest one of a linear address on are equal (SDM 1 3.3.7.1). */
#define LINEAR_BITS	 48
#define LINEAR_BITS_LA57 57

static inline bool is_canonical_for(u64 address, unsigned linear_bits)
{
	return (u64)((s64)(address << (64 - linear_bits)) >> (64 - linear_bits)) == address;
}

static inline bool is_canonical(u64 address)
{
	return is_canonical_for(address, LINEAR_BITS);
}

#endif

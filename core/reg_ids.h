/* SPDX-License-Identifier: MIT */
/*
 * 64-bit ids of everything that a vCPU has. Console, debugger, snapshot and migration use the same
 * ids. The encoding of MSRs and of the guest's shadow-stack pointer is KVM's ONE_REG for x86; types
 * from 16 on are Firn's own.
 *
 *   63:56  architecture: 0x20 = x86
 *   55:52  log2 of the size in bytes: always 3
 *   51:40  reserved, 0
 *   39:32  type
 *   31:0   index, its meaning depends on the type
 */
#ifndef FIRN_CORE_REG_IDS_H
#define FIRN_CORE_REG_IDS_H

#include "core/types.h"

#define REG_ID_ARCH_SHIFT 56
#define REG_ID_SIZE_SHIFT 52
#define REG_ID_TYPE_SHIFT 32
#define REG_ID_ARCH_X86	  0x20ull
#define REG_ID_SIZE_U64	  3ull
#define REG_ID_RESERVED	  0x000fff0000000000ull

#define REG_ID(type, index)                                                            \
	(REG_ID_ARCH_X86 << REG_ID_ARCH_SHIFT | REG_ID_SIZE_U64 << REG_ID_SIZE_SHIFT | \
	 (u64)(type) << REG_ID_TYPE_SHIFT | (u32)(index))
#define REG_ID_TYPE(id)	 ((unsigned)((id) >> REG_ID_TYPE_SHIFT & 0xff))
#define REG_ID_INDEX(id) ((u32)(id))

enum reg_type {
	REG_TYPE_MSR = 2,  /* index: MSR number */
	REG_TYPE_KVM = 3,  /* REG_KVM_SSP, in VMs with shadow stacks */
	REG_TYPE_GPR = 16, /* 0-15 in encoding order (RAX RCX RDX RBX RSP...), 16 RIP, 17 RFLAGS */
	REG_TYPE_SEGMENT = 17, /* segment (ES CS SS DS FS GS LDTR TR) * 4 + enum reg_segment_part */
	REG_TYPE_TABLE = 18,   /* enum reg_table */
	REG_TYPE_CR = 19,      /* 0, 2, 3, 4, 8 */
	REG_TYPE_DR = 20,      /* 0-3, 6, 7 */
	REG_TYPE_XCR = 21,     /* 0 */
	REG_TYPE_LAPIC = 22,   /* offset in the register page, multiple of 16 */
	REG_TYPE_STATE = 23,   /* enum reg_state */
};

#define REG_KVM_SSP    0
#define REG_GPR_RIP    16
#define REG_GPR_RFLAGS 17

enum reg_segment_part {
	REG_SEG_SELECTOR,
	REG_SEG_BASE,
	REG_SEG_LIMIT,
	REG_SEG_AR,
	NR_REG_SEG
};
enum reg_table {
	REG_GDTR_BASE,
	REG_GDTR_LIMIT,
	REG_IDTR_BASE,
	REG_IDTR_LIMIT
};
enum reg_state {
	REG_STATE_RUN,		    /* enum vcpu_state */
	REG_STATE_INTERRUPTIBILITY, /* bit 0 STI, 1 MOV SS, 3 NMI blocking (SDM 3C 24.4.2) */
};

#endif

/* SPDX-License-Identifier: MIT */
/* The virtual machine control block and its bits (APM vol. 2 appendix B, 15.5-15.25). */
#ifndef FIRN_SVM_VMCB_H
#define FIRN_SVM_VMCB_H

#include "core/types.h"

/* intercept_cr: reads in 15:0, writes in 31:16 */
#define INTERCEPT_CR_READ(n)  BIT(n)
#define INTERCEPT_CR_WRITE(n) BIT(16 + (n))

/* intercept_misc1 */
#define INTERCEPT_INTR		BIT(0)
#define INTERCEPT_NMI		BIT(1)
#define INTERCEPT_SMI		BIT(2)
#define INTERCEPT_INIT		BIT(3)
#define INTERCEPT_VINTR		BIT(4)
#define INTERCEPT_CR0_SELECTIVE BIT(5) /* writes that change more than TS and MP */
#define INTERCEPT_RDPMC		BIT(15)
#define INTERCEPT_CPUID		BIT(18)
#define INTERCEPT_IRET		BIT(20)
#define INTERCEPT_INVD		BIT(22)
#define INTERCEPT_PAUSE		BIT(23)
#define INTERCEPT_HLT		BIT(24)
#define INTERCEPT_INVLPGA	BIT(26)
#define INTERCEPT_IO		BIT(27)
#define INTERCEPT_MSR		BIT(28)
#define INTERCEPT_TASK_SWITCH	BIT(29)
#define INTERCEPT_SHUTDOWN	BIT(31)

/* intercept_misc2 */
#define INTERCEPT_VMRUN	  BIT(0)
#define INTERCEPT_VMMCALL BIT(1)
#define INTERCEPT_VMLOAD  BIT(2)
#define INTERCEPT_VMSAVE  BIT(3)
#define INTERCEPT_STGI	  BIT(4)
#define INTERCEPT_CLGI	  BIT(5)
#define INTERCEPT_SKINIT  BIT(6)
#define INTERCEPT_WBINVD  BIT(9)
#define INTERCEPT_MONITOR BIT(10)
#define INTERCEPT_MWAIT	  BIT(11)
#define INTERCEPT_XSETBV  BIT(13)
#define INTERCEPT_RDPRU	  BIT(14)

enum tlb_control {
	TLB_KEEP = 0,
	TLB_FLUSH_ALL = 1,
	TLB_FLUSH_ASID = 3, /* needs CPUID 8000000A EDX[6] */
};

/* int_ctl */
#define INT_CTL_V_TPR	       0xfull
#define INT_CTL_V_IRQ	       BIT(8)
#define INT_CTL_V_INTR_PRIO    (0xfull << 16)
#define INT_CTL_V_IGN_TPR      BIT(20)
#define INT_CTL_V_INTR_MASKING BIT(24)
#define INT_CTL_V_VECTOR       (0xffull << INT_CTL_V_VECTOR_SHIFT)
#define INT_CTL_V_VECTOR_SHIFT 32
#define INT_CTL_REQUEST	       (INT_CTL_V_IRQ | INT_CTL_V_INTR_PRIO | INT_CTL_V_IGN_TPR)

#define INT_STATE_SHADOW BIT(0)

#define NESTED_CTL_NP BIT(0)

/* event_inj and exit_int_info; the error code is in 63:32 */
#define EVENT_VECTOR	 0xffull
#define EVENT_TYPE	 (7ull << 8)
#define EVENT_INTR	 (0ull << 8)
#define EVENT_NMI	 (2ull << 8)
#define EVENT_EXCEPTION	 (3ull << 8)
#define EVENT_SOFTWARE	 (4ull << 8)
#define EVENT_ERROR_CODE BIT(11)
#define EVENT_VALID	 BIT(31)
#define EVENT_ERROR(e)	 ((u32)((e) >> 32))

/* clean: what the CPU may take from its cache (APM 2 15.15.3) */
#define CLEAN_INTERCEPTS BIT(0) /* intercepts, TSC offset, pause filter */
#define CLEAN_IO_MSR	 BIT(1)
#define CLEAN_ASID	 BIT(2)
#define CLEAN_TPR	 BIT(3) /* int_ctl */
#define CLEAN_NP	 BIT(4) /* nested CR3, guest PAT */
#define CLEAN_CR	 BIT(5) /* CR0, CR3, CR4, EFER */
#define CLEAN_DR	 BIT(6)
#define CLEAN_DT	 BIT(7) /* GDTR, IDTR */
#define CLEAN_SEG	 BIT(8) /* ES, CS, SS, DS, CPL */
#define CLEAN_CR2	 BIT(9)
#define CLEAN_ALL	 0x3ffu /* not CET's (bit 12), which older CPUs don't know: always read */

/* exit_info_1 of a nested page fault: page-fault error code, then where it was (APM 2 15.25.6) */
#define NPF_PRESENT BIT(0)
#define NPF_WRITE   BIT(1)
#define NPF_FINAL   BIT(32) /* the access itself, not one to the guest's page tables */

/* exit_info_1 of an I/O exit (APM 2 15.10.2) */
#define IO_INFO_IN	BIT(0)
#define IO_INFO_STRING	BIT(2)
#define IO_INFO_SIZE(i) ((unsigned)((i) >> 4) & 7) /* one bit: 1, 2, 4 bytes */
#define IO_INFO_PORT(i) ((u16)((i) >> 16))

#define MSR_INFO_WRITE BIT(0) /* exit_info_1 of an MSR exit */

/* Descriptor bits 55:52 and 47:40 */
#define SEG_ATTRIB_LOW	 0xffu
#define SEG_ATTRIB_HIGH	 0xf00u
#define SEG_ATTRIB_SHIFT 4 /* from the high part to access rights as in a descriptor */

struct vmcb_seg {
	u16 selector;
	u16 attrib;
	u32 limit;
	u64 base;
};
_Static_assert(sizeof(struct vmcb_seg) == 16, "APM 2 table B-2");

struct vmcb {
	/* Control area */
	u32 intercept_cr;
	u32 intercept_dr;
	u32 intercept_exceptions;
	u32 intercept_misc1;
	u32 intercept_misc2;
	u32 intercept_misc3;
	u8 reserved_018[0x03c - 0x018];
	u16 pause_filter_threshold;
	u16 pause_filter_count;
	u64 iopm_base_pa;
	u64 msrpm_base_pa;
	u64 tsc_offset;
	u32 asid;
	u32 tlb_control;
	u64 int_ctl;
	u64 int_state;
	u64 exit_code;
	u64 exit_info_1;
	u64 exit_info_2;
	u64 exit_int_info;
	u64 nested_ctl;
	u8 reserved_098[0x0a8 - 0x098];
	u64 event_inj;
	u64 nested_cr3;
	u64 lbr_ctl;
	u64 clean;
	u64 next_rip;
	u8 reserved_0d0[0x400 - 0x0d0];
	/* State save area */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_4a0[0x4cb - 0x4a0];
	u8 cpl;
	u8 reserved_4cc[4];
	u64 efer;
	u8 reserved_4d8[0x548 - 0x4d8];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_580[0x5d8 - 0x580];
	u64 rsp;
	u64 s_cet; /* these three are reserved on CPUs without shadow stacks */
	u64 ssp;
	u64 isst_addr;
	u64 rax;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2;
	u8 reserved_648[0x668 - 0x648];
	u64 g_pat;
	u64 debugctl;
	u8 reserved_678[0x1000 - 0x678];
};
#define VMCB_AT(field, at) \
	_Static_assert(offsetof(struct vmcb, field) == (at), "APM 2 appendix B: " #field)
VMCB_AT(intercept_misc1, 0x00c);
VMCB_AT(pause_filter_threshold, 0x03c);
VMCB_AT(iopm_base_pa, 0x040);
VMCB_AT(tsc_offset, 0x050);
VMCB_AT(asid, 0x058);
VMCB_AT(int_ctl, 0x060);
VMCB_AT(exit_code, 0x070);
VMCB_AT(exit_int_info, 0x088);
VMCB_AT(nested_ctl, 0x090);
VMCB_AT(event_inj, 0x0a8);
VMCB_AT(nested_cr3, 0x0b0);
VMCB_AT(clean, 0x0c0);
VMCB_AT(next_rip, 0x0c8);
VMCB_AT(es, 0x400);
VMCB_AT(gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(s_cet, 0x5e0);
VMCB_AT(isst_addr, 0x5f0);
VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
VMCB_AT(debugctl, 0x670);
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "a VMCB is a page");

/*
 * Exit codes that stand for themselves are below SVM_EXITS_LOW; the nested page fault, far above,
 * is counted behind them.
 */
#define SVM_EXIT_EXCEPTION(vector) (0x40 + (vector))
#define SVM_EXIT_INTR		   0x60
#define SVM_EXITS_LOW		   0x90
#define SVM_EXIT_NPF		   0x400
#define SVM_EXIT_INDEX_NPF	   SVM_EXITS_LOW
#define SVM_NR_EXITS		   (SVM_EXITS_LOW + 1)
#define SVM_EXIT_INVALID	   0xffffffffu /* the low half of -1 */

#endif

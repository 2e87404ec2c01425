/* SPDX-License-Identifier: MIT */
/* Rows of the MSR table and the functions that they name. Used by guest_msr.c only. */
#ifndef FIRN_X86_GUEST_MSR_RULES_H
#define FIRN_X86_GUEST_MSR_RULES_H

#include "arch/x86/msr.h"
#include "core/vcpu.h"

#define MSR_VREG	    BIT(0)  /* where: enum vreg; else offset in struct arch_vcpu */
#define MSR_ABSENT	    BIT(1)  /* known, but never there */
#define MSR_READONLY	    BIT(2)  /* can't be set by id */
#define MSR_UNLISTED	    BIT(3)  /* not a register of its own: an alias, a command, the LAPIC */
#define MSR_PASSTHROUGH	    BIT(4)  /* guest_msr_passthrough() */
#define MSR_RESET	    BIT(5)  /* power-on sets it to reset */
#define MSR_RESET_BY_INIT   BIT(6)  /* so does INIT */
#define MSR_RESET_BY_WRITE  BIT(7)  /* by its write function */
#define MSR_AMD		    BIT(8)  /* exists in VMs with an AMD CPU */
#define MSR_PMU		    BIT(9)  /* performance counters: pmu.h knows which there are */
#define MSR_PASSTHROUGH_CET BIT(10) /* MSR_PASSTHROUGH in VMs with CET */

#define MSR_MTRR_PAIRS	       8 /* variable ranges */
#define MSR_MISC_ENABLE_FIXED  (MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL)
#define MSR_MICROCODE_REVISION (1ull << 32) /* revision 1, the same on every host */

struct msr_row {
	u32 first, last;
	const char *name;
	const u32 *features; /* any of them, 0 ends the list; NULL = always there */
	u32 flags;
	u32 where;
	u64 reset;
	bool (*read)(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 *value);
	bool (*write)(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 value);
	/* Set by id, when that has other rules than the guest's write. */
	bool (*restore)(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 value);
};

/* The place that row names, without checks. */
void msr_store(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 value);

#define MSR_READER(name) \
	bool name(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 *value)
#define MSR_WRITER(name) bool name(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 value)

MSR_READER(msr_none); /* #GP */
MSR_READER(msr_read_stored);
MSR_READER(msr_read_reset); /* constants */
MSR_READER(msr_read_tsc);
MSR_READER(msr_read_tsc_deadline);
MSR_READER(msr_read_x2apic);
MSR_READER(msr_read_pvclock);
MSR_READER(msr_read_arch_capabilities);
MSR_READER(msr_read_segment_base);
MSR_READER(msr_read_pmu);

MSR_WRITER(msr_refuse); /* #GP */
MSR_WRITER(msr_ignore);
MSR_WRITER(msr_write_any);
MSR_WRITER(msr_write_u32);   /* bits 63:32 reserved */
MSR_WRITER(msr_write_low32); /* bits 63:32 ignored */
MSR_WRITER(msr_write_canonical);
MSR_WRITER(msr_write_zero);
MSR_WRITER(msr_write_tsc);
MSR_WRITER(msr_write_tsc_adjust);
MSR_WRITER(msr_write_tsc_deadline);
MSR_WRITER(msr_write_apic_base);
MSR_WRITER(msr_write_x2apic);
MSR_WRITER(msr_write_pvclock);
MSR_WRITER(msr_write_steal_time);
MSR_WRITER(msr_write_pv_eoi);
MSR_WRITER(msr_write_poll_control);
MSR_WRITER(msr_write_spec_ctrl);
MSR_WRITER(msr_write_pred_cmd);
MSR_WRITER(msr_write_misc_enable);
MSR_WRITER(msr_write_debugctl);
MSR_WRITER(msr_write_mtrr_phys);
MSR_WRITER(msr_write_mtrr_fixed);
MSR_WRITER(msr_write_mtrr_def_type);
MSR_WRITER(msr_write_pat);
MSR_WRITER(msr_write_xss);
MSR_WRITER(msr_write_cet); /* IA32_U_CET, IA32_S_CET */
MSR_WRITER(msr_write_ssp);
MSR_WRITER(msr_write_efer);
MSR_WRITER(msr_restore_efer);
MSR_WRITER(msr_write_segment_base);
MSR_WRITER(msr_write_pmu);
MSR_WRITER(msr_restore_pmu);

#endif

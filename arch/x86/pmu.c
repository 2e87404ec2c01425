/* SPDX-License-Identifier: MIT */
/* A vCPU's performance counters: its registers, the switch between vCPUs, overflow interrupts. */
#include "arch/x86/pmu.h"

#include <string.h>

#include "arch/x86/msr.h"
#include "arch/x86/vcpu_state.h"
#include "arch/x86/virt.h"

/* ECX of RDPMC (SDM 2B) */
#define RDPMC_FIXED BIT(30)

static struct pmu_layout layout_of(const struct vcpu *vcpu)
{
	return pmu_layout(&vcpu->vm->arch.cpuid);
}

static bool is_resident(const struct vcpu *vcpu)
{
	return vcpu_resident() == vcpu;
}

static bool overflow_interrupts(const struct pmu *pmu, u64 overflows)
{
	for (unsigned i = 0; i < PMU_MAX_GP; i++)
		if ((overflows & PMU_GLOBAL_GP(i)) && (pmu->event_select[i] & EVTSEL_INT))
			return true;
	for (unsigned i = 0; i < PMU_MAX_FIXED; i++)
		if ((overflows & PMU_GLOBAL_FIXED(i)) &&
		    (pmu->fixed_ctrl >> i * FIXED_CTRL_STRIDE & FIXED_CTRL_INT))
			return true;
	return false;
}

/*
 * Takes overflows out of the CPU: it could not be given them back before version 4. What the
 * interrupt is for is in the status, so it is enough to look there; the interrupt itself may come
 * when the vCPU has left the CPU, and finds nothing then.
 */
static void collect_overflows(struct vcpu *vcpu, const struct pmu_layout *layout)
{
	u64 overflows = pmu_hw_read(MSR_PERF_GLOBAL_STATUS) & layout->writable[PMU_GLOBAL_CTRL];

	if (!overflows)
		return;
	pmu_hw_write(MSR_PERF_GLOBAL_OVF_CTRL, overflows);
	vcpu->arch.pmu.status |= overflows;
	if (overflow_interrupts(&vcpu->arch.pmu, overflows))
		lapic_fire_lvt(&vcpu->arch.lapic, APIC_LVT_PERF);
}

/* Where the value of a register is kept, if that is all there is to it. */
static u64 *place(struct pmu *pmu, enum pmu_reg reg, unsigned index)
{
	switch (reg) {
	case PMU_COUNTER:
	case PMU_COUNTER_FULL:
		return &pmu->counter[index];
	case PMU_EVENT_SELECT:
		return &pmu->event_select[index];
	case PMU_FIXED:
		return &pmu->fixed[index];
	case PMU_FIXED_CTRL:
		return &pmu->fixed_ctrl;
	case PMU_STATUS:
		return &pmu->status;
	case PMU_GLOBAL_CTRL:
		return &pmu->global_ctrl;
	default:
		return NULL;
	}
}

static void counter_from_cpu(struct pmu *pmu, enum pmu_reg reg, unsigned index)
{
	if (reg == PMU_FIXED)
		pmu->fixed[index] = pmu_hw_read(MSR_IA32_FIXED_CTR0 + index);
	else
		pmu->counter[index] = pmu_hw_read(MSR_IA32_PMC0 + index);
}

static u64 read_register(struct vcpu *vcpu, const struct pmu_layout *layout, enum pmu_reg reg,
			 unsigned index)
{
	struct pmu *pmu = &vcpu->arch.pmu;
	bool counts = reg == PMU_COUNTER || reg == PMU_COUNTER_FULL || reg == PMU_FIXED;

	if (reg == PMU_CAPABILITIES)
		return PERF_CAP_FULL_WIDTH_WRITE;
	if (reg == PMU_OVERFLOW_CTRL)
		return 0;
	if (counts && is_resident(vcpu))
		counter_from_cpu(pmu, reg, index);
	if (reg == PMU_STATUS && is_resident(vcpu))
		collect_overflows(vcpu, layout);
	return *place(pmu, reg, index);
}

static void to_cpu(struct vcpu *vcpu, enum pmu_reg reg, unsigned index)
{
	static const u32 first[NR_PMU_REGS] = {
		[PMU_COUNTER] = MSR_IA32_A_PMC0,
		[PMU_COUNTER_FULL] = MSR_IA32_A_PMC0,
		[PMU_EVENT_SELECT] = MSR_IA32_PERFEVTSEL0,
		[PMU_FIXED] = MSR_IA32_FIXED_CTR0,
		[PMU_FIXED_CTRL] = MSR_IA32_FIXED_CTR_CTRL,
	};

	if (first[reg])
		pmu_hw_write(first[reg] + index, *place(&vcpu->arch.pmu, reg, index));
	else if (reg == PMU_GLOBAL_CTRL)
		virt_counters_changed(vcpu);
}

static void write_register(struct vcpu *vcpu, enum pmu_reg reg, unsigned index, u64 value)
{
	*place(&vcpu->arch.pmu, reg, index) = value;
	if (is_resident(vcpu))
		to_cpu(vcpu, reg, index);
}

bool pmu_msr_read(struct vcpu *vcpu, u32 msr, u64 *value)
{
	const struct pmu_layout layout = layout_of(vcpu);
	enum pmu_reg reg;
	unsigned index;

	if (!pmu_find_msr(&layout, msr, &reg, &index))
		return false;
	*value = read_register(vcpu, &layout, reg, index);
	return true;
}

bool pmu_rdpmc(struct vcpu *vcpu, u32 index, u64 *value)
{
	const struct pmu_layout layout = layout_of(vcpu);
	enum pmu_reg reg = index & RDPMC_FIXED ? PMU_FIXED : PMU_COUNTER;

	index &= ~(u32)RDPMC_FIXED;
	if (index >= layout.count[reg])
		return false;
	*value = read_register(vcpu, &layout, reg, index);
	return true;
}

bool pmu_msr_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	const struct pmu_layout layout = layout_of(vcpu);
	enum pmu_reg reg;
	unsigned index;

	if (!pmu_find_msr(&layout, msr, &reg, &index) || (value & ~layout.writable[reg]))
		return false;
	if (reg == PMU_CAPABILITIES || reg == PMU_STATUS)
		return false;
	if (reg == PMU_COUNTER)
		value = (u64)(s32)value & layout.writable[PMU_COUNTER_FULL];
	/* An overflow that came first has its interrupt, with the selection that it came with. */
	if (is_resident(vcpu))
		collect_overflows(vcpu, &layout);
	if (reg == PMU_OVERFLOW_CTRL)
		vcpu->arch.pmu.status &= ~value;
	else
		write_register(vcpu, reg, index, value);
	return true;
}

bool pmu_msr_restore(struct vcpu *vcpu, u32 msr, u64 value)
{
	const struct pmu_layout layout = layout_of(vcpu);
	enum pmu_reg reg;
	unsigned index;

	if (!pmu_find_msr(&layout, msr, &reg, &index))
		return false;
	if (reg == PMU_COUNTER)
		reg = PMU_COUNTER_FULL;
	if (value & ~layout.writable[reg == PMU_STATUS ? PMU_GLOBAL_CTRL : reg])
		return false;
	write_register(vcpu, reg, index, value);
	return true;
}

void pmu_interrupt(void)
{
	struct vcpu *vcpu = vcpu_resident();
	struct pmu_layout layout;

	if (!vcpu)
		return;
	layout = layout_of(vcpu);
	if (layout.count[PMU_STATUS])
		collect_overflows(vcpu, &layout);
}

void pmu_reset(struct vcpu *vcpu)
{
	const struct pmu_layout layout = layout_of(vcpu);

	vcpu->arch.pmu = (struct pmu){
		.global_ctrl = BIT(layout.count[PMU_COUNTER]) - 1,
	};
	if (layout.count[PMU_GLOBAL_CTRL])
		vcpu->arch.misc_enable |= MISC_ENABLE_PERFMON;
}

void pmu_load(struct vcpu *vcpu)
{
	const struct pmu_layout layout = layout_of(vcpu);

	if (!layout.count[PMU_GLOBAL_CTRL])
		return;
	/* Firmware may have left the counters on; from here on exits keep them off. */
	pmu_hw_write(MSR_PERF_GLOBAL_CTRL, 0);
	for (enum pmu_reg reg = PMU_COUNTER_FULL; reg < NR_PMU_REGS; reg++)
		for (unsigned i = 0; i < layout.count[reg]; i++)
			to_cpu(vcpu, reg, i);
	/* What the CPU still has there is of another vCPU. */
	pmu_hw_write(MSR_PERF_GLOBAL_OVF_CTRL, layout.writable[PMU_GLOBAL_CTRL]);
	pmu_hw_unmask_interrupt();
}

void pmu_save(struct vcpu *vcpu)
{
	const struct pmu_layout layout = layout_of(vcpu);

	if (!layout.count[PMU_GLOBAL_CTRL])
		return;
	for (unsigned i = 0; i < layout.count[PMU_COUNTER]; i++)
		counter_from_cpu(&vcpu->arch.pmu, PMU_COUNTER, i);
	for (unsigned i = 0; i < layout.count[PMU_FIXED]; i++)
		counter_from_cpu(&vcpu->arch.pmu, PMU_FIXED, i);
	collect_overflows(vcpu, &layout);
}

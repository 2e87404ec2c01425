/* SPDX-License-Identifier: MIT */
/* Which APIC accesses hardware answers: follows IA32_APIC_BASE (SDM 3C 29.4, 29.5). */
#include <vmx_hw.h>

#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmx.h"
#include "core/arch.h"
#include "core/log.h"

/*
 * The APIC-access page is mapped at the default base for the VM's life. A guest that moves its
 * APIC elsewhere is answered by the emulator, which asks lapic_enabled() and the base.
 */
enum firn_err vmx_map_apic_page(struct vm *vm)
{
	return ept_map(vm->arch.nested_root, LAPIC_DEFAULT_BASE,
		       virt_to_phys(vm->arch.apic_access_page), PAGE_SIZE, EPT_READ | EPT_WRITE);
}

void vmx_update_apic_mode(struct vcpu *vcpu)
{
	const struct lapic *lapic = &vcpu->arch.lapic;
	u64 controls, mode = 0;

	if (!vmx_apicv)
		return;
	controls = vmread(PROC_BASED_CONTROLS2) & ~(u64)(PROC2_APIC_ACCESSES | PROC2_X2APIC);
	if (lapic_x2apic(lapic))
		mode = PROC2_X2APIC;
	else if (lapic_enabled(lapic) &&
		 (lapic->apic_base & APIC_BASE_ADDRESS) == LAPIC_DEFAULT_BASE)
		mode = PROC2_APIC_ACCESSES;
	vmwrite(PROC_BASED_CONTROLS2, controls | mode);
	vmwrite(MSR_BITMAP, virt_to_phys(vmx_msr_bitmap(vcpu->vm, mode == PROC2_X2APIC)));
	vmx_update_interrupt_status(vcpu);
	vmx_flush_guest_tlb(vcpu);
}

/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts of guest devices: address and data to LAPICs (SDM 3A 10.11). */
#include "arch/x86/lapic.h"
#include "arch/x86/msi.h"
#include "core/vm.h"

void vm_send_msi(struct vm *vm, u64 address, u32 data)
{
	u8 dest = address >> MSI_DEST_SHIFT;
	enum lapic_delivery mode = data >> MSI_DELIVERY_SHIFT & MSI_DELIVERY_MASK;
	bool level = (data & MSI_LEVEL) && mode <= DELIVERY_LOWEST;

	if ((address & MSI_ADDRESS_MASK) != MSI_ADDRESS_BASE)
		return;
	if (level && !(data & MSI_ASSERT))
		return;
	/* The hint lets one processor of several take it: the one with the lowest priority. */
	if ((address & MSI_REDIRECTION) && (address & MSI_LOGICAL) && mode == DELIVERY_FIXED)
		mode = DELIVERY_LOWEST;
	lapic_deliver(vm, NULL, dest, address & MSI_LOGICAL, mode, data, level, true);
}

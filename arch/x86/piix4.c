/* SPDX-License-Identifier: MIT */
/* PIIX4: PCI configuration mechanism 1 (PCI 2.2 3.2.2.3.2) is enough for it. */
#include "arch/x86/piix4.h"

#include "arch/x86/x86.h"
#include "core/vdev/pci_regs.h"

#define PIIX4_PM    (1u << PCI_CONFIG_DEVICE_SHIFT | 3u << PCI_CONFIG_FUNCTION_SHIFT)
#define PIIX4_PM_ID 0x71138086u
#define PMREGMISC   0x80 /* 82371AB 7.1.29: bit 0 enables the ports */

static void select_register(u8 reg)
{
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE | PIIX4_PM | reg);
}

void piix4_prepare_reset(void)
{
	select_register(0);
	if (inl(PCI_CONFIG_DATA) != PIIX4_PM_ID)
		return;
	select_register(PMREGMISC);
	outb(PCI_CONFIG_DATA, 0);
}

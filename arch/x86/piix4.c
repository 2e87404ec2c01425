/* SPDX-License-Identifier: MIT */
/* PIIX4: PCI configuration mechanism 1 (PCI 2.2 3.2.2.3.2) is enough for it. */
#include "arch/x86/piix4.h"

#include "arch/x86/x86.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  BIT(31)
#define PIIX4_PM       (1u << 11 | 3u << 8) /* bus 0, device 1, function 3 */
#define PIIX4_PM_ID    0x71138086u
#define PMREGMISC      0x80 /* 82371AB 7.1.29: bit 0 enables the ports */

static void select_register(u8 reg)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | PIIX4_PM | reg);
}

void piix4_prepare_reset(void)
{
	select_register(0);
	if (inl(CONFIG_DATA) != PIIX4_PM_ID)
		return;
	select_register(PMREGMISC);
	outb(CONFIG_DATA, 0);
}

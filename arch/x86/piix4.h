/* SPDX-License-Identifier: MIT */
/* Power management function of the PIIX4 chipset (82371AB), which emulators show. */
#ifndef FIRN_X86_PIIX4_H
#define FIRN_X86_PIIX4_H

/*
 * Before a reset: turns off the decoding of the power management ports. Bochs 2.7 keeps that bit
 * over a reset but forgets the base address; OVMF then waits forever for a timer at port 8.
 */
void piix4_prepare_reset(void);

#endif

/* SPDX-License-Identifier: MIT */
/* The two 8259 interrupt controllers of a PC, which Firn does not use. */
#ifndef FIRN_X86_PIC_H
#define FIRN_X86_PIC_H

#define PIC_VECTORS 16

/* Moves both to IRQ_VECTOR_PIC, away from the exceptions, and masks every line. Boot CPU. */
void pic_disable(void);

#endif

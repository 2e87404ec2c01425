/* SPDX-License-Identifier: MIT */
/* 8259A: initialization command words, then everything masked. */
#include "arch/x86/pic.h"

#include "arch/x86/interrupts.h"
#include "arch/x86/x86.h"

#define PIC_MASTER_COMMAND 0x20
#define PIC_MASTER_DATA	   0x21
#define PIC_SLAVE_COMMAND  0xa0
#define PIC_SLAVE_DATA	   0xa1

#define ICW1_INIT_ICW4	  0x11
#define ICW3_MASTER_SLAVE 0x04 /* the slave is on line 2 */
#define ICW3_SLAVE_ID	  0x02
#define ICW4_8086	  0x01
#define MASK_ALL	  0xff

void pic_disable(void)
{
	outb(PIC_MASTER_DATA, MASK_ALL);
	outb(PIC_SLAVE_DATA, MASK_ALL);
	outb(PIC_MASTER_COMMAND, ICW1_INIT_ICW4);
	outb(PIC_SLAVE_COMMAND, ICW1_INIT_ICW4);
	outb(PIC_MASTER_DATA, IRQ_VECTOR_PIC);
	outb(PIC_SLAVE_DATA, IRQ_VECTOR_PIC + 8);
	outb(PIC_MASTER_DATA, ICW3_MASTER_SLAVE);
	outb(PIC_SLAVE_DATA, ICW3_SLAVE_ID);
	outb(PIC_MASTER_DATA, ICW4_8086);
	outb(PIC_SLAVE_DATA, ICW4_8086);
	/* Initialization clears the masks. */
	outb(PIC_MASTER_DATA, MASK_ALL);
	outb(PIC_SLAVE_DATA, MASK_ALL);
}

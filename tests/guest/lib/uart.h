/* SPDX-License-Identifier: MIT */
/* The UART as a source of interrupts at the IOAPIC. */
#ifndef FIRN_GUEST_UART_H
#define FIRN_GUEST_UART_H

#include "arch/x86/x86.h"

#define COM1	 0x3f8
#define UART_IER 1
#define UART_IIR 2
#define UART_MCR 4
#define IER_THRE BIT(1)
#define MCR_OUT2 BIT(3) /* gates the interrupt line on a PC */
#define IIR_NONE 1
#define IIR_ID	 0xf
#define UART_PIN 4

static inline void uart_quiet(void)
{
	outb(COM1 + UART_IER, 0);
	while ((inb(COM1 + UART_IIR) & IIR_ID) != IIR_NONE)
		;
}

/* An empty transmitter raises the interrupt when it is enabled. */
static inline void uart_raise(void)
{
	outb(COM1 + UART_IER, IER_THRE);
}

#endif

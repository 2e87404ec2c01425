/* SPDX-License-Identifier: MIT */
/* 16550 UART: register access. */
#include "drivers/serial/uart16550.h"

#include "arch/x86/x86.h"

#define DIVISOR_115200 1
/* Nobody answers: some management controllers take their UART away while the machine runs. */
#define LSR_ABSENT 0xff

/* Two patterns: an empty bus floats to one value, and a capture of the bus would keep the last. */
bool uart_probe(u16 port)
{
	static const u8 pattern[] = { 0x5a, 0xa5 };

	for (unsigned i = 0; i < ARRAY_SIZE(pattern); i++) {
		outb(port + UART_SCR, pattern[i]);
		inb(port + UART_MSR);
		if (inb(port + UART_SCR) != pattern[i])
			return false;
	}
	return inb(port + UART_LSR) != LSR_ABSENT;
}

void uart_setup(u16 port)
{
	outb(port + UART_IER, 0);
	outb(port + UART_LCR, LCR_DLAB);
	outb(port + UART_RBR_THR, DIVISOR_115200);
	outb(port + UART_IER, DIVISOR_115200 >> 8);
	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_IIR_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	outb(port + UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

bool uart_can_send(u16 port)
{
	return inb(port + UART_LSR) & LSR_THR_EMPTY;
}

bool uart_idle(u16 port)
{
	return inb(port + UART_LSR) & LSR_TX_IDLE;
}

void uart_send(u16 port, u8 byte)
{
	outb(port + UART_RBR_THR, byte);
}

int uart_receive(u16 port)
{
	u8 lsr = inb(port + UART_LSR);

	return lsr != LSR_ABSENT && (lsr & LSR_DATA_READY) ? inb(port + UART_RBR_THR) : -1;
}

void uart_enable_interrupts(u16 port, bool receive, bool transmit)
{
	outb(port + UART_IER, (receive ? IER_RX_AVAILABLE : 0) | (transmit ? IER_TX_EMPTY : 0));
}

bool uart_interrupt_pending(u16 port)
{
	return !(inb(port + UART_IIR_FCR) & IIR_NONE);
}

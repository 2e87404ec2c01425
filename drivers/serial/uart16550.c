/* SPDX-License-Identifier: MIT */
/* 16550 UART: register access. */
#include "drivers/serial/uart16550.h"

#include "arch/x86/x86.h"

enum uart_register {
	UART_DATA = 0, /* divisor low when LCR_DLAB */
	UART_IER = 1,  /* divisor high when LCR_DLAB */
	UART_IIR = 2,  /* FCR when written */
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCRATCH = 7,
};

#define IER_RECEIVE	 BIT(0)
#define IER_TRANSMIT	 BIT(1)
#define IIR_NONE	 BIT(0)
#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1		 0x03
#define LCR_DLAB	 BIT(7)
#define MCR_DTR_RTS	 0x03
#define MCR_OUT2	 BIT(3) /* gates the interrupt line on a PC */
#define LSR_DATA_READY	 BIT(0)
#define LSR_THR_EMPTY	 BIT(5)
#define LSR_IDLE	 BIT(6)
#define DIVISOR_115200	 1

/* Two patterns: an empty bus floats to one value, and a capture of the bus would keep the last. */
bool uart_probe(u16 port)
{
	static const u8 pattern[] = { 0x5a, 0xa5 };

	for (unsigned i = 0; i < ARRAY_SIZE(pattern); i++) {
		outb(port + UART_SCRATCH, pattern[i]);
		inb(port + UART_MSR);
		if (inb(port + UART_SCRATCH) != pattern[i])
			return false;
	}
	return inb(port + UART_LSR) != 0xff;
}

void uart_setup(u16 port)
{
	outb(port + UART_IER, 0);
	outb(port + UART_LCR, LCR_DLAB);
	outb(port + UART_DATA, DIVISOR_115200);
	outb(port + UART_IER, DIVISOR_115200 >> 8);
	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_FCR, FCR_ENABLE_CLEAR);
	outb(port + UART_MCR, MCR_DTR_RTS | MCR_OUT2);
}

bool uart_can_send(u16 port)
{
	return inb(port + UART_LSR) & LSR_THR_EMPTY;
}

bool uart_idle(u16 port)
{
	return inb(port + UART_LSR) & LSR_IDLE;
}

void uart_send(u16 port, u8 byte)
{
	outb(port + UART_DATA, byte);
}

int uart_receive(u16 port)
{
	return inb(port + UART_LSR) & LSR_DATA_READY ? inb(port + UART_DATA) : -1;
}

void uart_enable_interrupts(u16 port, bool receive, bool transmit)
{
	outb(port + UART_IER, (receive ? IER_RECEIVE : 0) | (transmit ? IER_TRANSMIT : 0));
}

bool uart_interrupt_pending(u16 port)
{
	return !(inb(port + UART_IIR) & IIR_NONE);
}

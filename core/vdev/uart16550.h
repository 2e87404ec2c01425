/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART (PC16550D data sheet) at COM1, ISA IRQ 4. Its wire is the VM's console: a character
 * takes no time, but a console that is behind stops the transmitter until output_ready.
 */
#ifndef FIRN_VDEV_UART16550_H
#define FIRN_VDEV_UART16550_H

#include "core/iobus.h"
#include "core/spinlock.h"
#include "core/vdev/uart_regs.h"

struct vm;

#define UART_COM1_IRQ 4

struct uart_fifo {
	u8 byte[UART_FIFO_SIZE];
	u8 head, count;
};

struct uart {
	struct vm *vm;
	struct spinlock lock;
	u8 ier, fcr, lcr, mcr, lsr_errors, msr, scr;
	u8 divisor[2];	   /* DLL, DLM: kept, no effect */
	bool thre_pending; /* the transmitter-empty interrupt was not taken note of yet */
	bool irq;	   /* level of the interrupt line */
	struct uart_fifo rx, tx;
};

extern const struct iodev_ops uart_ops;

void uart_init(struct uart *uart, struct vm *vm);
void uart_reset(struct uart *uart);
/* The console has input / has room again. Any CPU. */
void uart_input_ready(struct uart *uart);
void uart_output_ready(struct uart *uart);

#endif

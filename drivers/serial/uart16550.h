/* SPDX-License-Identifier: MIT */
/* A 16550 UART of the machine, at an I/O port. */
#ifndef FIRN_DRIVERS_UART16550_H
#define FIRN_DRIVERS_UART16550_H

#include "core/vdev/uart_regs.h"

/* False: there is no UART at this port. */
bool uart_probe(u16 port);
/* 115200 8N1, FIFOs on, interrupts off, modem lines set. */
void uart_setup(u16 port);

bool uart_can_send(u16 port); /* the transmit FIFO is empty: UART_FIFO_SIZE bytes fit */
bool uart_idle(u16 port);     /* everything has left the shift register */
void uart_send(u16 port, u8 byte);
int uart_receive(u16 port); /* -1 = nothing there */

void uart_enable_interrupts(u16 port, bool receive, bool transmit);
/* Acknowledges the highest pending interrupt; false = none was pending. */
bool uart_interrupt_pending(u16 port);

#endif

/* SPDX-License-Identifier: MIT */
/* Registers of the 16550A UART (PC16550D data sheet, 8.0), by offset. */
#ifndef FIRN_VDEV_UART_REGS_H
#define FIRN_VDEV_UART_REGS_H

#include "core/types.h"

#define UART_COM1_PORT 0x3f8
#define UART_PORTS     8
#define UART_FIFO_SIZE 16

enum uart_register { /* with LCR.DLAB 0; at 0 and 1 the divisor with 1 */
	UART_RBR_THR,
	UART_IER,
	UART_IIR_FCR,
	UART_LCR,
	UART_MCR,
	UART_LSR,
	UART_MSR,
	UART_SCR,
};

#define IER_RX_AVAILABLE BIT(0)
#define IER_TX_EMPTY	 BIT(1)
#define IER_LINE_STATUS	 BIT(2)
#define IER_MODEM_STATUS BIT(3)

#define IIR_NONE	 0x01
#define IIR_MODEM_STATUS 0x00
#define IIR_TX_EMPTY	 0x02
#define IIR_RX_AVAILABLE 0x04
#define IIR_LINE_STATUS	 0x06
#define IIR_FIFO_ENABLED 0xc0

#define FCR_ENABLE   BIT(0)
#define FCR_CLEAR_RX BIT(1)
#define FCR_CLEAR_TX BIT(2)

#define LCR_8N1	 0x03
#define LCR_DLAB BIT(7)

#define MCR_DTR	 BIT(0)
#define MCR_RTS	 BIT(1)
#define MCR_OUT1 BIT(2)
#define MCR_OUT2 BIT(3) /* gates the interrupt line on a PC */
#define MCR_LOOP BIT(4)

#define LSR_DATA_READY BIT(0)
#define LSR_OVERRUN    BIT(1)
#define LSR_THR_EMPTY  BIT(5)
#define LSR_TX_IDLE    BIT(6)

#define MSR_DELTA_MASK	0x0f
#define MSR_TRAILING_RI BIT(2)
#define MSR_CTS		BIT(4)
#define MSR_DSR		BIT(5)
#define MSR_RI		BIT(6)
#define MSR_DCD		BIT(7)
#define MSR_DELTA_SHIFT 4

#endif

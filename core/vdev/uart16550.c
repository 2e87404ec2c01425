/* SPDX-License-Identifier: MIT */
/* 16550A UART registers, FIFOs and interrupts. */
#include "core/vdev/uart16550.h"

#include <string.h>

#include "core/console.h"
#include "core/vm.h"

#define IER_MASK      0x0f
#define MCR_MASK      0x1f
#define MSR_CONNECTED (MSR_CTS | MSR_DSR | MSR_DCD)

static unsigned fifo_limit(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

static void fifo_push(struct uart_fifo *fifo, u8 byte)
{
	fifo->byte[(fifo->head + fifo->count++) % UART_FIFO_SIZE] = byte;
}

static u8 fifo_pop(struct uart_fifo *fifo)
{
	u8 byte = fifo->byte[fifo->head];

	fifo->head = (fifo->head + 1) % UART_FIFO_SIZE;
	fifo->count--;
	return byte;
}

/* Highest priority first (PC16550D table IV). The receiver's time-out counts as data available. */
static u8 interrupt_source(const struct uart *uart)
{
	if ((uart->ier & IER_LINE_STATUS) && uart->lsr_errors)
		return IIR_LINE_STATUS;
	if ((uart->ier & IER_RX_AVAILABLE) && uart->rx.count)
		return IIR_RX_AVAILABLE;
	if ((uart->ier & IER_TX_EMPTY) && uart->thre_pending)
		return IIR_TX_EMPTY;
	if ((uart->ier & IER_MODEM_STATUS) && (uart->msr & MSR_DELTA_MASK))
		return IIR_MODEM_STATUS;
	return IIR_NONE;
}

static void update_irq(struct uart *uart)
{
	bool irq = interrupt_source(uart) != IIR_NONE;

	if (irq == uart->irq)
		return;
	uart->irq = irq;
	vm_set_irq(uart->vm, UART_COM1_IRQ, irq);
}

/* Bytes stay in the console until there is room: nothing is ever overrun from there. */
static void fill_rx(struct uart *uart)
{
	int byte;

	if (uart->mcr & MCR_LOOP)
		return;
	while (uart->rx.count < fifo_limit(uart)) {
		byte = vm_console_get(uart->vm->console);
		if (byte < 0)
			break;
		fifo_push(&uart->rx, byte);
	}
}

static void drain_tx(struct uart *uart)
{
	if (uart->tx.count == 0)
		return;
	while (uart->tx.count && vm_console_put(uart->vm->console, uart->tx.byte[uart->tx.head]))
		fifo_pop(&uart->tx);
	if (uart->tx.count == 0)
		uart->thre_pending = true;
}

static void loop_back(struct uart *uart, u8 byte)
{
	if (uart->rx.count < fifo_limit(uart))
		fifo_push(&uart->rx, byte);
	else
		uart->lsr_errors |= LSR_OVERRUN;
	uart->thre_pending = true;
}

static void write_thr(struct uart *uart, u8 byte)
{
	/* The line falls in between, so that an edge-triggered input sees each "empty again". */
	uart->thre_pending = false;
	update_irq(uart);
	if (uart->mcr & MCR_LOOP) {
		loop_back(uart, byte);
		return;
	}
	if (uart->tx.count < fifo_limit(uart)) /* else software did not wait for THRE */
		fifo_push(&uart->tx, byte);
	drain_tx(uart);
}

/* Enabling the interrupt while the transmitter is empty raises it (PC16550D 8.6.3). */
static void write_ier(struct uart *uart, u8 value)
{
	if ((value & ~uart->ier & IER_TX_EMPTY) && uart->tx.count == 0)
		uart->thre_pending = true;
	uart->ier = value & IER_MASK;
}

static void write_fcr(struct uart *uart, u8 value)
{
	bool toggled = (value ^ uart->fcr) & FCR_ENABLE;

	/* Other bits count only while FIFOs are enabled; a change of the enable bit clears both. */
	if (!(value & FCR_ENABLE))
		value = 0;
	if (toggled || (value & FCR_CLEAR_RX))
		uart->rx.count = 0;
	if ((toggled || (value & FCR_CLEAR_TX)) && uart->tx.count) {
		uart->tx.count = 0;
		uart->thre_pending = true;
	}
	uart->fcr = value & ~(FCR_CLEAR_RX | FCR_CLEAR_TX);
	fill_rx(uart);
}

/* In loopback the outputs are the inputs (PC16550D 8.7); outside, the other end is always there. */
static u8 modem_lines(u8 mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CONNECTED;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
	       (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct uart *uart, u8 value)
{
	u8 old = uart->msr & ~MSR_DELTA_MASK, lines = modem_lines(value);
	u8 delta = (old ^ lines) >> MSR_DELTA_SHIFT;

	if (lines & MSR_RI)
		delta &= ~MSR_TRAILING_RI; /* only the end of a ring counts */
	uart->mcr = value & MCR_MASK;
	uart->msr = lines | (uart->msr & MSR_DELTA_MASK) | delta;
	fill_rx(uart);
	drain_tx(uart);
}

static u8 read_iir(struct uart *uart)
{
	u8 source = interrupt_source(uart);

	if (source == IIR_TX_EMPTY)
		uart->thre_pending = false;
	return source | (uart->fcr & FCR_ENABLE ? IIR_FIFO_ENABLED : 0);
}

static u8 read_rbr(struct uart *uart)
{
	u8 byte = uart->rx.count ? fifo_pop(&uart->rx) : 0;

	fill_rx(uart);
	return byte;
}

static u8 read_lsr(struct uart *uart)
{
	u8 lsr = uart->lsr_errors;

	uart->lsr_errors = 0;
	if (uart->rx.count)
		lsr |= LSR_DATA_READY;
	if (uart->tx.count == 0)
		lsr |= LSR_THR_EMPTY | LSR_TX_IDLE;
	return lsr;
}

static u8 read_msr(struct uart *uart)
{
	u8 msr = uart->msr;

	uart->msr &= ~MSR_DELTA_MASK;
	return msr;
}

static u8 read_register(struct uart *uart, enum uart_register reg)
{
	if ((uart->lcr & LCR_DLAB) && reg <= UART_IER)
		return uart->divisor[reg];
	switch (reg) {
	case UART_RBR_THR:
		return read_rbr(uart);
	case UART_IER:
		return uart->ier;
	case UART_IIR_FCR:
		return read_iir(uart);
	case UART_LCR:
		return uart->lcr;
	case UART_MCR:
		return uart->mcr;
	case UART_LSR:
		return read_lsr(uart);
	case UART_MSR:
		return read_msr(uart);
	default:
		return uart->scr;
	}
}

static void write_register(struct uart *uart, enum uart_register reg, u8 value)
{
	if ((uart->lcr & LCR_DLAB) && reg <= UART_IER) {
		uart->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case UART_RBR_THR:
		write_thr(uart, value);
		break;
	case UART_IER:
		write_ier(uart, value);
		break;
	case UART_IIR_FCR:
		write_fcr(uart, value);
		break;
	case UART_LCR:
		uart->lcr = value;
		break;
	case UART_MCR:
		write_mcr(uart, value);
		break;
	case UART_SCR:
		uart->scr = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

/* The registers are bytes: a wider access is a series of byte accesses, as the ISA bus does it. */
static u64 port_read(void *dev, u64 offset, unsigned width)
{
	struct uart *uart = dev;
	u64 value = 0;

	spin_lock(&uart->lock);
	for (unsigned i = 0; i < width; i++)
		value |= (u64)read_register(uart, offset + i) << (i * 8);
	update_irq(uart);
	spin_unlock(&uart->lock);
	return value;
}

static void port_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct uart *uart = dev;

	spin_lock(&uart->lock);
	for (unsigned i = 0; i < width; i++) {
		write_register(uart, offset + i, value >> (i * 8));
		update_irq(uart);
	}
	spin_unlock(&uart->lock);
}

const struct iodev_ops uart_ops = {
	.name = "uart",
	.read = port_read,
	.write = port_write,
};

void uart_init(struct uart *uart, struct vm *vm)
{
	memset(uart, 0, sizeof(*uart));
	uart->vm = vm;
	uart->msr = MSR_CONNECTED;
}

/* Power-on state (PC16550D table I); what the guest has sent already still reaches the console. */
void uart_reset(struct uart *uart)
{
	spin_lock(&uart->lock);
	drain_tx(uart);
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->lsr_errors = uart->scr = 0;
	uart->divisor[0] = uart->divisor[1] = 0;
	uart->msr = MSR_CONNECTED;
	uart->thre_pending = false;
	uart->rx.count = uart->tx.count = 0;
	update_irq(uart);
	spin_unlock(&uart->lock);
}

void uart_input_ready(struct uart *uart)
{
	spin_lock(&uart->lock);
	fill_rx(uart);
	update_irq(uart);
	spin_unlock(&uart->lock);
}

void uart_output_ready(struct uart *uart)
{
	spin_lock(&uart->lock);
	drain_tx(uart);
	update_irq(uart);
	spin_unlock(&uart->lock);
}

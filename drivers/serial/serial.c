/* SPDX-License-Identifier: MIT */
/*
 * Serial console. Output goes into a ring that interrupts empty; input comes out of a ring in
 * work of the boot CPU, not in the interrupt handler. Before serial_init() and in a panic
 * everything is polled.
 */
#include "drivers/serial/serial.h"

#include "arch/x86/ioapic_host.h"
#include "arch/x86/platform.h"
#include "arch/x86/vectors.h"
#include "arch/x86/x86.h"
#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/work.h"
#include "drivers/serial/uart16550.h"

#define TX_RING	   16384u
#define RX_RING	   1024u
#define TX_RESUME  (TX_RING / 2)
#define TX_RESERVE 1024u      /* for messages while a VM writes all that there is room for */
#define IRQ_ROUNDS 64	      /* a stuck interrupt line must not hold the CPU */
#define POLL_NS	   1000000ull /* less than 16 characters take */
#define SEND_SPINS 100000     /* far longer than FIFO_SIZE characters take */

static struct {
	u16 port; /* 0 = no UART */
	bool buffered;
	struct spinlock lock; /* all below but the receive ring */
	u32 tx_head, tx_tail; /* free-running */
	bool tx_interrupt;    /* the transmit interrupt is enabled */
	bool tx_wanted;	      /* console_tx_room() said that there is little room */
	char last;	      /* character that went out */
	u8 tx[TX_RING];

	/* Receive ring: filled and emptied by the boot CPU. */
	u32 rx_head, rx_tail;
	u8 rx[RX_RING];
	u64 next_poll; /* TSC */
} serial;

static u32 tx_used(void)
{
	return serial.tx_head - serial.tx_tail;
}

static void wait_can_send(void)
{
	for (unsigned i = 0; i < SEND_SPINS && !uart_can_send(serial.port); i++)
		cpu_relax();
}

/* Moves up to a FIFO's worth of bytes from the ring to the UART, if that has sent its last. */
static void fill_fifo(void)
{
	if (!tx_used() || !uart_can_send(serial.port))
		return;
	for (unsigned i = 0; i < UART_FIFO_SIZE && tx_used(); i++)
		uart_send(serial.port, serial.tx[serial.tx_tail++ % TX_RING]);
}

static void update_tx_interrupt(void)
{
	bool wanted = tx_used() > 0;

	if (wanted == serial.tx_interrupt)
		return;
	serial.tx_interrupt = wanted;
	uart_enable_interrupts(serial.port, true, wanted);
}

static void tx_put(u8 byte)
{
	while (tx_used() == TX_RING) {
		wait_can_send();
		fill_fifo();
	}
	serial.tx[serial.tx_head++ % TX_RING] = byte;
}

static void send_polled(u8 byte)
{
	wait_can_send();
	uart_send(serial.port, byte);
}

/* Terminals want CR LF; a guest's own CR is not doubled. */
static void put_text(const char *text, size_t len, void (*put)(u8 byte))
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && serial.last != '\r')
			put('\r');
		put(text[i]);
		serial.last = text[i];
	}
}

static void serial_write(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	if (!serial.buffered) {
		put_text(text, len, send_polled);
		return;
	}
	spin_lock(&serial.lock);
	put_text(text, len, tx_put);
	fill_fifo();
	update_tx_interrupt();
	spin_unlock(&serial.lock);
}

/* No lock: the CPU that holds it may be stopped. What is in the ring goes out first. */
static void serial_write_sync(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	for (u32 left = MIN(tx_used(), TX_RING); left; left--)
		send_polled(serial.tx[serial.tx_tail++ % TX_RING]);
	put_text(text, len, send_polled);
}

static struct log_sink sink = {
	.name = "serial",
	.write = serial_write,
	.write_sync = serial_write_sync,
};

void early_console_init(void)
{
	if (!uart_probe(UART_COM1_PORT))
		return;
	uart_setup(UART_COM1_PORT);
	serial.port = UART_COM1_PORT;
	log_add_sink(&sink);
}

size_t console_tx_room(void)
{
	size_t room;

	if (!serial.buffered)
		return TX_RING;
	spin_lock(&serial.lock);
	room = TX_RING - tx_used();
	if (room < TX_RESUME)
		serial.tx_wanted = true;
	spin_unlock(&serial.lock);
	/* Any byte may be the end of a line, which takes two. */
	return room > TX_RESERVE ? (room - TX_RESERVE) / 2 : 0;
}

/* On the boot CPU, as work or from its loop: what the interrupt found is passed on. */
static void deliver(void)
{
	bool room;

	while (serial.rx_tail != serial.rx_head)
		console_input(serial.rx[serial.rx_tail++ % RX_RING]);
	spin_lock(&serial.lock);
	room = serial.tx_wanted && tx_used() <= TX_RING - TX_RESUME;
	if (room)
		serial.tx_wanted = false;
	spin_unlock(&serial.lock);
	if (room)
		console_output_ready();
}

static void deliver_work(struct work *work)
{
	(void)work;
	deliver();
}
static struct work work = { .run = deliver_work };

/* A full ring drops the newest: nobody types faster than the boot CPU runs its work. */
static bool receive(void)
{
	bool any = false;
	int byte;

	while ((byte = uart_receive(serial.port)) >= 0) {
		if (serial.rx_head - serial.rx_tail < RX_RING)
			serial.rx[serial.rx_head++ % RX_RING] = byte;
		any = true;
	}
	return any;
}

/* Both directions; true when there is something to deliver. Boot CPU. */
static bool service(void)
{
	bool any = receive();

	spin_lock(&serial.lock);
	fill_fifo();
	update_tx_interrupt();
	any |= serial.tx_wanted && tx_used() <= TX_RING - TX_RESUME;
	spin_unlock(&serial.lock);
	return any;
}

/* ISA interrupts are edges: the line must have been low before the next one counts. */
static void serial_interrupt(struct interrupt *self)
{
	bool any = false;

	(void)self;
	for (unsigned i = 0; i < IRQ_ROUNDS && uart_interrupt_pending(serial.port); i++)
		any |= service();
	if (any)
		work_post(0, &work);
}
static struct interrupt interrupt = { .handle = serial_interrupt };

void serial_poll(void)
{
	u64 now = clock_tsc();

	if (!serial.buffered || now < serial.next_poll)
		return;
	serial.next_poll = now + clock_ns_to_tsc(POLL_NS);
	if (service())
		deliver();
}

/* Without interrupts nothing else would wake the boot CPU for a typed character. */
static void poll_timer_fire(struct timer *timer)
{
	serial_poll();
	timer_set(timer, clock_tsc() + clock_ns_to_tsc(POLL_NS));
}
static struct timer poll_timer = { .fire = poll_timer_fire };

void serial_flush(void)
{
	if (!serial.port)
		return;
	spin_lock(&serial.lock);
	while (tx_used()) {
		wait_can_send();
		fill_fifo();
	}
	spin_unlock(&serial.lock);
	for (unsigned i = 0; i < SEND_SPINS && !uart_idle(serial.port); i++)
		cpu_relax();
}

int serial_read_sync(void)
{
	return serial.port ? uart_receive(serial.port) : -1;
}

/* Legacy IRQ of a PC's serial port, -1 = unknown. */
static int irq_of(u16 port)
{
	switch (port) {
	case UART_COM1_PORT:
	case 0x3e8:
		return 4;
	case 0x2f8:
	case 0x2e8:
		return 3;
	default:
		return -1;
	}
}

/* The console moves to the port that firmware names; that one gets the log from its beginning. */
static void move_to_acpi_port(void)
{
	u16 port = platform_acpi()->serial.address, old = serial.port;
	char chunk[128];
	u64 pos = 0;
	size_t n;

	if (!port || port == old || !uart_probe(port))
		return;
	uart_setup(port);
	serial.port = port;
	if (!old) {
		log_add_sink(&sink);
		return;
	}
	while ((n = log_read(&pos, chunk, sizeof(chunk))) > 0)
		put_text(chunk, n, send_polled);
}

void serial_init(void)
{
	enum firn_err err = ERR_NOENT;
	u8 vector;

	move_to_acpi_port();
	if (!serial.port)
		return;
	if (irq_of(serial.port) >= 0 && vector_alloc(0, &interrupt, &vector) == FIRN_OK)
		err = ioapic_route_isa(irq_of(serial.port), vector, 0);
	log_info("serial: port 0x%x, %s", serial.port, err ? "polled" : "interrupts");
	serial.buffered = true;
	if (err)
		timer_set(&poll_timer, clock_tsc());
	uart_enable_interrupts(serial.port, !err, false);
}

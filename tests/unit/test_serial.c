/* SPDX-License-Identifier: MIT */
/* The serial console against a 16550 whose interrupt line is an edge: nothing that is typed or written is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/ioapic_host.h"
#include "arch/x86/platform.h"
#include "arch/x86/vectors.h"
#include "core/console.h"
#include "core/log.h"
#include "core/timer.h"
#include "core/work.h"
#include "drivers/serial/serial.h"
#include "drivers/serial/uart16550.h"
#include "fake.h"

/*
 * Bytes leave it at once, as an emulator's do, or as slow reads of LSR pass. What is typed comes
 * by itself, behind a look that found no interrupt, or before an access to the ports that is given.
 */
static struct {
	u8 ier, lcr, scratch;
	bool thr_pending; /* "the transmitter is empty" was not read from IIR yet */
	bool line, edge;
	bool gone;		  /* nobody answers any more */
	unsigned slow, countdown; /* reads of LSR for one byte, until the next has left */
	unsigned sending;
	u8 rx[UART_FIFO_SIZE];
	unsigned nr_rx;
	const char *behind_look;
	unsigned accesses, come_at[2]; /* 'a' before the first, 'b' before the second; 0 = never */
	char sent[65536];
	size_t nr_sent;
} uart;

static struct interrupt *interrupt; /* of the UART; NULL = polled */
static enum firn_err route_result;
static char typed[4096];
static size_t nr_typed;
static unsigned ready_calls;

static u8 source(void)
{
	if ((uart.ier & IER_RX_AVAILABLE) && uart.nr_rx)
		return IIR_RX_AVAILABLE;
	if ((uart.ier & IER_TX_EMPTY) && uart.thr_pending)
		return IIR_TX_EMPTY;
	return IIR_NONE;
}

static void update_line(void)
{
	bool line = source() != IIR_NONE;

	uart.edge |= line && !uart.line;
	uart.line = line;
}

static void arrive(char byte)
{
	assert_true(uart.nr_rx < UART_FIFO_SIZE);
	uart.rx[uart.nr_rx++] = byte;
	update_line();
}

static void count_access(void)
{
	uart.accesses++;
	for (unsigned i = 0; i < ARRAY_SIZE(uart.come_at); i++)
		if (uart.come_at[i] == uart.accesses)
			arrive('a' + i);
}

static u8 read_data(void)
{
	u8 byte = uart.rx[0];

	assert_true(uart.nr_rx > 0);
	memmove(uart.rx, uart.rx + 1, --uart.nr_rx);
	return byte;
}

static u8 read_iir(void)
{
	u8 value = source();

	if (value == IIR_TX_EMPTY)
		uart.thr_pending = false;
	update_line();
	if (value == IIR_NONE && uart.behind_look && *uart.behind_look)
		arrive(*uart.behind_look++);
	return value;
}

static u8 read_lsr(void)
{
	if (uart.sending && --uart.countdown == 0) {
		uart.countdown = uart.slow;
		uart.thr_pending |= --uart.sending == 0;
	}
	return (uart.nr_rx ? LSR_DATA_READY : 0) | (uart.sending ? 0 : LSR_THR_EMPTY | LSR_TX_IDLE);
}

u32 fake_in(u16 port, unsigned width)
{
	u8 value = 0;

	assert_int_equal(width, 1);
	assert_false((uart.lcr & LCR_DLAB) && port <= UART_COM1_PORT + UART_IER);
	count_access();
	if (uart.gone) {
		assert_true(uart.accesses < 100000);
		return 0xff;
	}
	switch (port - UART_COM1_PORT) {
	case UART_RBR_THR:
		value = read_data();
		break;
	case UART_IIR_FCR:
		value = read_iir();
		break;
	case UART_LSR:
		value = read_lsr();
		break;
	case UART_SCR:
		value = uart.scratch;
		break;
	}
	update_line();
	return value;
}

static void send(u8 byte)
{
	assert_true(uart.sending < UART_FIFO_SIZE);
	assert_true(uart.nr_sent < sizeof(uart.sent));
	uart.sent[uart.nr_sent++] = byte;
	uart.thr_pending = false;
	update_line();
	if (uart.slow && uart.sending++ == 0)
		uart.countdown = uart.slow;
	uart.thr_pending = !uart.slow;
}

void fake_out(u16 port, u32 value, unsigned width)
{
	assert_int_equal(width, 1);
	count_access();
	switch (port - UART_COM1_PORT) {
	case UART_RBR_THR:
		if (!(uart.lcr & LCR_DLAB))
			send(value);
		break;
	case UART_IER:
		if (uart.lcr & LCR_DLAB)
			break;
		uart.thr_pending |= (value & ~uart.ier & IER_TX_EMPTY) && !uart.sending;
		uart.ier = value;
		break;
	case UART_LCR:
		uart.lcr = value;
		break;
	case UART_SCR:
		uart.scratch = value;
		break;
	}
	update_line();
}

const struct acpi_info *platform_acpi(void)
{
	static struct acpi_info none;

	return &none;
}

enum firn_err vector_alloc(unsigned cpu, struct interrupt *handler, u8 *vector)
{
	assert_int_equal(cpu, 0);
	interrupt = handler;
	*vector = IRQ_VECTOR_DEVICE;
	return FIRN_OK;
}

enum firn_err ioapic_route_isa(unsigned irq, u8 vector, unsigned cpu)
{
	assert_int_equal(irq, 4);
	assert_int_equal(vector, IRQ_VECTOR_DEVICE);
	assert_int_equal(cpu, 0);
	return route_result;
}

void console_input(u8 byte)
{
	assert_true(nr_typed < sizeof(typed));
	typed[nr_typed++] = byte;
}

void console_output_ready(void)
{
	ready_calls++;
}

/* Like the loop of a CPU without guests, until it sleeps and nothing would wake it. The clock stands still. */
static void run_until_asleep(void)
{
	for (;;) {
		work_run();
		timer_run(clock_tsc());
		serial_poll();
		if (work_pending())
			continue;
		if (!uart.edge || route_result)
			return;
		uart.edge = false;
		interrupt->handle(interrupt);
	}
}

static void start(enum firn_err route)
{
	fake_reset();
	memset(&uart, 0, sizeof(uart));
	nr_typed = ready_calls = 0;
	route_result = route;
	log_set_level(LOG_ERROR); /* only what tests write is sent */
	early_console_init();
	serial_init();
	run_until_asleep();
	assert_int_equal(uart.nr_sent, 0);
}

static int setup(void **state)
{
	(void)state;
	start(FIRN_OK);
	return 0;
}

/* At once, so that they wait in the ring. */
static void write_lines(size_t count)
{
	static char text[sizeof(uart.sent)];

	assert_true(count <= sizeof(text));
	for (size_t i = 0; i < count; i++)
		text[i] = i % 64 == 63 ? '\n' : 'x';
	log_write_raw(text, count);
}

/* Lines of 64 bytes, and a CR for each. */
static void assert_lines_sent(size_t count)
{
	assert_int_equal(uart.nr_sent, count + count / 64);
	for (size_t i = 0; i < uart.nr_sent; i++)
		assert_int_equal(uart.sent[i], i % 65 == 63 ? '\r' : i % 65 == 64 ? '\n' : 'x');
}

static void type(const char *text)
{
	for (; *text; text++) {
		arrive(*text);
		run_until_asleep();
	}
}

static void assert_typed(const char *text)
{
	assert_int_equal(nr_typed, strlen(text));
	assert_memory_equal(typed, text, nr_typed);
}

static void test_typed_bytes_arrive(void **state)
{
	(void)state;
	type("watch 1 vms\r");
	for (const char *c = "sixteen at once."; *c; c++)
		arrive(*c);
	run_until_asleep();
	assert_typed("watch 1 vms\rsixteen at once.");
}

static void test_bytes_behind_the_last_look_arrive(void **state)
{
	(void)state;
	uart.behind_look = "ach of these comes when the handler is about to return";
	arrive('e');
	run_until_asleep();
	assert_typed("each of these comes when the handler is about to return");
}

/* A transmitter that is always empty keeps the line high for as long as there is something to send. */
static void test_output_of_any_length_leaves(void **state)
{
	static const size_t lengths[] = { 64, 960, 1024, 1088, 2048, 4096, 15360 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		write_lines(lengths[i]);
		run_until_asleep();
		assert_lines_sent(lengths[i]);
		uart.nr_sent = 0;
	}
}

static void test_typed_after_long_output(void **state)
{
	(void)state;
	for (size_t length = 64; length <= 8192; length += 64) {
		write_lines(length);
		run_until_asleep();
		uart.nr_sent = nr_typed = 0;
		type("vms\r");
		assert_typed("vms\r");
	}
}

static void test_typed_during_long_output(void **state)
{
	(void)state;
	uart.behind_look = "vms\r";
	write_lines(15360);
	arrive(' ');
	run_until_asleep();
	assert_lines_sent(15360);
	assert_typed(" vms\r");
}

/* The length makes one interrupt end in the middle, with more to send. */
static void type_at(unsigned first, unsigned second)
{
	const size_t length = 1152;

	start(FIRN_OK);
	uart.accesses = 0;
	uart.come_at[0] = first;
	uart.come_at[1] = second;
	write_lines(length);
	run_until_asleep();
	assert_lines_sent(length);
	if (uart.accesses < second) /* the machine slept before */
		return;
	if (nr_typed != 2 || memcmp(typed, "ab", 2) != 0)
		fail_msg("typed before accesses %u and %u: %zu arrived", first, second, nr_typed);
}

static void test_typed_at_any_moment(void **state)
{
	const unsigned apart = 16, accesses = 2000;

	(void)state;
	for (unsigned first = 1; first < accesses; first++)
		for (unsigned second = first + 1; second < first + apart; second++)
			type_at(first, second);
}

static void test_more_than_the_ring_holds(void **state)
{
	(void)state;
	write_lines(40960);
	run_until_asleep();
	assert_lines_sent(40960);
}

static void test_who_waits_for_room_is_told(void **state)
{
	(void)state;
	assert_true(console_tx_room() > 0);
	write_lines(12288);
	assert_true(console_tx_room() < 4096);
	assert_int_equal(ready_calls, 0);
	run_until_asleep();
	assert_int_equal(ready_calls, 1);
	write_lines(64);
	run_until_asleep();
	assert_int_equal(ready_calls, 1); /* nobody asked again */
}

/* With the port at a standstill, and lines that are empty: each takes two bytes of the ring. */
static void test_what_there_is_room_for_does_not_wait(void **state)
{
	static char lines[4096];
	const unsigned fifo = 2 * UART_FIFO_SIZE;

	(void)state;
	memset(lines, '\n', sizeof(lines));
	uart.slow = 1000000;
	for (size_t room; (room = console_tx_room()) > 0;) {
		uart.accesses = 0;
		log_write_raw(lines, MIN(room, sizeof(lines)));
		assert_in_range(uart.accesses, 0, fifo);
	}
	uart.accesses = 0;
	write_lines(960);
	assert_in_range(uart.accesses, 0,
			fifo); /* nor does what Firn itself has to say meanwhile */
	uart.slow = uart.sending = 0;
	uart.thr_pending = true;
	update_line();
	run_until_asleep();
}

/* The UART is at work while nobody looks: its interrupt says when the next bytes may go. */
static void test_slow_transmitter(void **state)
{
	(void)state;
	uart.slow = 3;
	write_lines(4096);
	while (uart.nr_sent < 4096 + 64) {
		run_until_asleep();
		assert_true(uart.sending > 0);
		read_lsr();
		update_line();
	}
	assert_lines_sent(4096);
	while (uart.sending)
		read_lsr();
	update_line();
	run_until_asleep();
	type("vms\r");
	assert_typed("vms\r");
}

static void test_polled(void **state)
{
	(void)state;
	start(ERR_NOENT);
	write_lines(1024);
	arrive('v');
	for (unsigned ms = 1; ms < 100; ms++) {
		fake_set_clock_ns(ms * NS_PER_MS);
		run_until_asleep();
	}
	assert_lines_sent(1024);
	assert_typed("v");
}

/* Its status says "a byte is there" for ever, and "room" for what is lost then. */
static void test_uart_that_goes_away(void **state)
{
	(void)state;
	start(ERR_NOENT);
	uart.gone = true;
	/* Later than the last look of earlier tests. */
	for (unsigned ms = 1000; ms < 1100; ms++) {
		fake_set_clock_ns(ms * NS_PER_MS);
		run_until_asleep();
		if (ms == 1050)
			write_lines(1024);
	}
	assert_typed("");
	assert_true(console_tx_room() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_typed_bytes_arrive, setup),
		cmocka_unit_test_setup(test_bytes_behind_the_last_look_arrive, setup),
		cmocka_unit_test_setup(test_output_of_any_length_leaves, setup),
		cmocka_unit_test_setup(test_typed_after_long_output, setup),
		cmocka_unit_test_setup(test_typed_during_long_output, setup),
		cmocka_unit_test_setup(test_typed_at_any_moment, setup),
		cmocka_unit_test_setup(test_more_than_the_ring_holds, setup),
		cmocka_unit_test_setup(test_who_waits_for_room_is_told, setup),
		cmocka_unit_test_setup(test_what_there_is_room_for_does_not_wait, setup),
		cmocka_unit_test_setup(test_slow_transmitter, setup),
		cmocka_unit_test_setup(test_polled, setup),
		cmocka_unit_test_setup(test_uart_that_goes_away, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

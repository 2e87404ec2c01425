/* SPDX-License-Identifier: MIT */
/* 16550A: registers, FIFOs, interrupts, back-pressure. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev/uart16550.h"
#include "fake.h"
#include "fake_vcpu.h"

enum {
	RBR,
	IER,
	IIR,
	LCR,
	MCR,
	LSR,
	MSR,
	SCR,
	THR = RBR,
	FCR = IIR
};

static struct fake_vm *fake;
static struct uart uart;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	fake->vm.console = (struct vm_console *)fake;
	uart_init(&uart, &fake->vm);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	return 0;
}

static u8 in(u64 reg)
{
	return uart_ops.read(&uart, reg, 1);
}

static void out(u64 reg, u8 value)
{
	uart_ops.write(&uart, reg, 1, value);
}

static void type(const char *text)
{
	fake->input = (const u8 *)text;
	fake->input_len = strlen(text);
	uart_input_ready(&uart);
}

static bool irq(void)
{
	return fake->irq_level & BIT(UART_COM1_IRQ);
}

static unsigned edges(void)
{
	return fake->irq_rises[UART_COM1_IRQ];
}

static void assert_output(const char *text)
{
	assert_int_equal(fake->output_len, strlen(text));
	assert_memory_equal(fake->output, text, strlen(text));
}

static void test_power_on_registers(void **state)
{
	(void)state;
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LCR), 0);
	assert_int_equal(in(MCR), 0);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(in(RBR), 0);
	assert_false(irq());
}

static void test_register_bits(void **state)
{
	static const struct {
		u8 reg, ones;
	} rows[] = { { IER, 0x0f }, { LCR, 0xff }, { MCR, 0x1f }, { SCR, 0xff } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		out(rows[i].reg, 0xff);
		assert_int_equal(in(rows[i].reg), rows[i].ones);
		out(rows[i].reg, 0);
		assert_int_equal(in(rows[i].reg), 0);
	}
	out(LSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
	in(MSR);
	out(MSR, 0xff);
	assert_int_equal(in(MSR), 0xb0);
}

static void test_divisor_latch(void **state)
{
	(void)state;
	out(LCR, 0x83);
	out(0, 0x34);
	out(1, 0x12);
	assert_int_equal(in(0), 0x34);
	assert_int_equal(in(1), 0x12);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_output(""); /* the divisor was not sent */
	out(LCR, 0x83);
	assert_int_equal(in(0), 0x34);
}

/* What drivers do to find out which chip it is. */
static void test_detection(void **state)
{
	(void)state;
	out(FCR, 0x01);
	assert_int_equal(in(IIR)&0xf0, 0xc0); /* 16550A, not 16750 (bit 5) */
	out(LCR, 0xbf);
	assert_int_equal(in(IIR), 0xc1); /* no enhanced register */
	out(LCR, 0);
	out(FCR, 0x00);
	assert_int_equal(in(IIR)&0xf0, 0x00);
	out(FCR, 0xc0); /* ignored without the enable bit */
	assert_int_equal(in(IIR)&0xf0, 0x00);
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
}

static void test_transmit(void **state)
{
	(void)state;
	out(THR, 'o');
	out(THR, 'k');
	assert_output("ok");
	assert_int_equal(in(LSR), 0x60);
	assert_false(irq());
}

static void test_back_pressure(void **state)
{
	(void)state;
	out(FCR, 0x01);
	fake->output_room = 2;
	for (unsigned i = 0; i < 2 + 16; i++)
		out(THR, 'a' + i);
	assert_output("ab");
	assert_int_equal(in(LSR)&0x60, 0); /* full: the guest waits */
	out(THR, '!');			   /* it did not: the byte has no place */
	uart_output_ready(&uart);
	assert_int_equal(in(LSR)&0x60, 0);
	fake->output_room = 15;
	uart_output_ready(&uart);
	assert_int_equal(in(LSR)&0x60, 0);
	fake->output_room = 100;
	uart_output_ready(&uart);
	assert_int_equal(in(LSR)&0x60, 0x60);
	assert_output("abcdefghijklmnopqr");
}

static void test_back_pressure_without_fifo(void **state)
{
	(void)state;
	fake->output_room = 0;
	out(THR, 'a');
	assert_int_equal(in(LSR)&0x60, 0);
	out(THR, 'b');
	fake->output_room = 100;
	uart_output_ready(&uart);
	assert_output("a");
}

static void test_back_pressure_delays_the_interrupt(void **state)
{
	(void)state;
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	fake->output_room = 0;
	out(THR, 'x');
	assert_false(irq());
	assert_int_equal(in(IIR), 0x01);
	fake->output_room = 1;
	uart_output_ready(&uart);
	assert_true(irq());
	assert_int_equal(in(IIR), 0x02);
}

static void test_thre_interrupt(void **state)
{
	(void)state;
	/* Enabling while empty raises it; reading IIR takes note of it. */
	out(IER, 0x02);
	assert_true(irq());
	assert_int_equal(edges(), 1);
	assert_int_equal(in(IIR), 0x02);
	assert_false(irq());
	assert_int_equal(in(IIR), 0x01);
	/* Still enabled: writing the same value again raises nothing, off and on does. */
	out(IER, 0x02);
	assert_false(irq());
	out(IER, 0x00);
	out(IER, 0x02);
	assert_true(irq());
	/* Each byte written gives an edge, even if nobody read IIR in between. */
	out(THR, 'a');
	assert_int_equal(edges(), 3);
	out(THR, 'b');
	assert_int_equal(edges(), 4);
	assert_true(irq());
	/* Disabling lowers the line. */
	out(IER, 0x00);
	assert_false(irq());
	assert_int_equal(in(IIR), 0x01);
}

static void test_iir_read_clears_only_thre(void **state)
{
	(void)state;
	out(IER, 0x03);
	type("x");
	assert_int_equal(in(IIR), 0x04); /* receiver first; the transmitter stays pending */
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(RBR), 'x');
	assert_true(irq());
	assert_int_equal(in(IIR), 0x02);
	assert_false(irq());
}

static void test_receive(void **state)
{
	(void)state;
	out(IER, 0x01);
	type("hi");
	assert_true(irq());
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(RBR), 'h');
	assert_true(irq());
	assert_int_equal(in(RBR), 'i');
	assert_false(irq());
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(RBR), 0);
}

static void test_receive_without_interrupts(void **state)
{
	(void)state;
	type("z");
	assert_false(irq());
	assert_int_equal(in(LSR), 0x61);
	out(IER, 0x01); /* enabling finds what is there already */
	assert_true(irq());
}

/* The console keeps what does not fit: nothing is overrun. */
static void test_receive_more_than_the_fifo(void **state)
{
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	(void)state;
	out(FCR, 0x01);
	type(text);
	assert_int_equal(fake->input_len, strlen(text) - 16);
	for (unsigned i = 0; i < strlen(text); i++)
		assert_int_equal(in(RBR), text[i]);
	assert_int_equal(in(LSR), 0x60);
	/* without FIFO it holds one */
	out(FCR, 0x00);
	type(text);
	assert_int_equal(fake->input_len, strlen(text) - 1);
	for (unsigned i = 0; i < strlen(text); i++)
		assert_int_equal(in(RBR), text[i]);
}

static void test_fcr_clears(void **state)
{
	(void)state;
	out(FCR, 0x01);
	type("abc");
	out(FCR, 0x03);
	assert_int_equal(in(LSR), 0x60);
	/* changing the enable bit clears too */
	type("abc");
	out(FCR, 0x00);
	assert_int_equal(in(LSR)&1, 0);
	out(FCR, 0x01);
	fake->output_room = 0;
	out(THR, 'a');
	out(IER, 0x02);
	assert_false(irq());
	out(FCR, 0x05);
	assert_int_equal(in(LSR), 0x60);
	assert_true(irq());
	fake->output_room = 10;
	uart_output_ready(&uart);
	assert_output("");
}

static void test_loopback(void **state)
{
	(void)state;
	type("q"); /* waits until the loop is open again */
	in(RBR);
	out(FCR, 0x01);
	out(MCR, 0x10);
	in(MSR);
	type("host");
	for (unsigned i = 0; i < 16; i++)
		out(THR, 'A' + i);
	assert_output("");
	assert_int_equal(in(LSR), 0x61);
	out(THR, '!');
	out(IER, 0x05);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61); /* reading clears it */
	assert_int_equal(in(IIR), 0xc4);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(RBR), 'A' + i);
	assert_int_equal(in(LSR), 0x60);
	out(MCR, 0);
	assert_int_equal(in(RBR), 'h');
}

static void test_loopback_modem_lines(void **state)
{
	static const struct {
		u8 mcr, msr;
	} rows[] = { { 0x01, 0x20 }, { 0x02, 0x10 }, { 0x04, 0x40 }, { 0x08, 0x80 }, { 0, 0 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		out(MCR, 0x10 | rows[i].mcr);
		assert_int_equal(in(MSR)&0xf0, rows[i].msr);
		assert_int_equal(in(MSR)&0x0f, 0); /* deltas went with the read */
	}
	/* all inputs rise: the ring indicator reports only its end */
	out(MCR, 0x1f);
	assert_int_equal(in(MSR), 0xfb);
	out(IER, 0x08);
	assert_false(irq());
	out(MCR, 0x1b);
	assert_true(irq());
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(in(MSR), 0xb4);
	assert_false(irq());
	/* nothing changes: no delta */
	out(MCR, 0x1b);
	assert_int_equal(in(MSR), 0xb0);
}

static void test_interrupt_priorities(void **state)
{
	(void)state;
	out(MCR, 0x10);
	in(MSR);
	out(MCR, 0x11); /* modem status */
	out(THR, 'a');
	out(THR, 'b'); /* no FIFO: overrun; data; transmitter empty */
	out(IER, 0x0f);
	assert_int_equal(in(IIR), 0x06);
	in(LSR);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(RBR), 'a');
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x00);
	in(MSR);
	assert_int_equal(in(IIR), 0x01);
	assert_false(irq());
}

static void test_wide_accesses_are_bytes(void **state)
{
	(void)state;
	uart_ops.write(&uart, SCR - 1, 2, 0x5a00);
	assert_int_equal(in(SCR), 0x5a);
	assert_int_equal(uart_ops.read(&uart, LSR, 2), 0xb060);
	uart_ops.write(&uart, LCR, 4, 0x00000b03);
	assert_int_equal(in(LCR), 0x03);
	assert_int_equal(in(MCR), 0x0b);
}

static void test_reset(void **state)
{
	(void)state;
	out(FCR, 0x01);
	out(IER, 0x0f);
	out(MCR, 0x0b);
	type("left over");
	fake->output_room = 0;
	out(THR, 'x');
	out(LCR, 0x83);
	assert_true(irq());
	fake->output_room = 10;
	uart_reset(&uart);
	assert_false(irq());
	assert_output("x");
	test_power_on_registers(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on_registers),
		TEST(test_register_bits),
		TEST(test_divisor_latch),
		TEST(test_detection),
		TEST(test_transmit),
		TEST(test_back_pressure),
		TEST(test_back_pressure_without_fifo),
		TEST(test_back_pressure_delays_the_interrupt),
		TEST(test_thre_interrupt),
		TEST(test_iir_read_clears_only_thre),
		TEST(test_receive),
		TEST(test_receive_without_interrupts),
		TEST(test_receive_more_than_the_fifo),
		TEST(test_fcr_clears),
		TEST(test_loopback),
		TEST(test_loopback_modem_lines),
		TEST(test_interrupt_priorities),
		TEST(test_wide_accesses_are_bytes),
		TEST(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* 16550A: registers, divisor latch, FIFO and loopback, interrupt identification. */
#include "tests/guest/lib/guest.h"

#define COM1 0x3f8
#define RBR  (COM1 + 0)
#define THR  (COM1 + 0)
#define DLL  (COM1 + 0)
#define DLM  (COM1 + 1)
#define IER  (COM1 + 1)
#define IIR  (COM1 + 2)
#define FCR  (COM1 + 2)
#define LCR  (COM1 + 3)
#define MCR  (COM1 + 4)
#define LSR  (COM1 + 5)
#define MSR  (COM1 + 6)
#define SCR  (COM1 + 7)

#define LCR_8N1	   0x03
#define LCR_DLAB   0x80
#define FCR_ENABLE 0x01
#define FCR_CLEAR  0x06
#define MCR_LOOP   0x10
#define LSR_DR	   0x01
#define LSR_OE	   0x02
#define LSR_EMPTY  0x60 /* THRE, TEMT */
#define IIR_ID	   0x0f
#define IIR_NONE   0x01
#define IIR_THRE   0x02
#define IIR_RX	   0x04
#define IIR_FIFO   0xc0
#define FIFO_SIZE  16
#define PATIENCE   10000000

/* All line status bits seen until these are set: reading clears the error bits. */
static u8 wait_lsr(u8 bits)
{
	u64 start = rdtsc();
	u8 seen = inb(LSR);

	while ((seen & bits) != bits && rdtsc() - start < PATIENCE)
		seen |= inb(LSR);
	return seen;
}

static bool has(u8 lsr, u8 bits)
{
	return (lsr & bits) == bits;
}

static void check_registers(void)
{
	u8 dll, dlm;

	outb(SCR, 0x5a);
	check_eq("scratch register", inb(SCR), 0x5a);
	outb(SCR, 0xa5);
	check_eq("scratch register again", inb(SCR), 0xa5);
	outb(LCR, LCR_8N1 | LCR_DLAB);
	dll = inb(DLL);
	dlm = inb(DLM);
	outb(DLL, 0x34);
	outb(DLM, 0x12);
	check_eq("divisor latch reads back", inb(DLL) | inb(DLM) << 8, 0x1234);
	outb(DLL, dll);
	outb(DLM, dlm);
	outb(LCR, LCR_8N1);
	check_eq("line control reads back", inb(LCR), LCR_8N1);
	outb(IER, 0xff);
	check_eq("IER has 4 bits", inb(IER), 0x0f);
	outb(IER, 0);
	check("transmitter is empty", has(wait_lsr(LSR_EMPTY), LSR_EMPTY), "LSR 0x%x", inb(LSR));
}

static void check_modem_loopback(void)
{
	outb(MCR, MCR_LOOP | 0x0f); /* DTR RTS OUT1 OUT2 */
	check_eq("loopback: modem inputs are the outputs", inb(MSR) & 0xf0, 0xf0);
	outb(MCR, MCR_LOOP | 0x02);
	check_eq("loopback: RTS is CTS", inb(MSR) & 0xf0, 0x10);
}

static void check_data_loopback(void)
{
	outb(FCR, FCR_ENABLE | FCR_CLEAR);
	check_eq("IIR shows the FIFO", inb(IIR) & IIR_FIFO, IIR_FIFO);
	check_eq("receiver is empty", inb(LSR) & LSR_DR, 0);
	outb(THR, 0x42);
	check("loopback: data arrives", has(wait_lsr(LSR_DR), LSR_DR), "LSR 0x%x", inb(LSR));
	check_eq("loopback: the byte", inb(RBR), 0x42);
	check_eq("loopback: read once", inb(LSR) & LSR_DR, 0);
}

static void check_fifo(void)
{
	bool order = true;
	u8 seen = 0;

	outb(FCR, FCR_ENABLE | FCR_CLEAR);
	for (unsigned i = 0; i < FIFO_SIZE; i++) {
		outb(THR, 0x80 + i);
		seen |= wait_lsr(LSR_EMPTY);
	}
	check_eq("FIFO holds 16 bytes without overrun", seen & LSR_OE, 0);
	outb(THR, 0x99);
	check_eq("the 17th is an overrun", wait_lsr(LSR_EMPTY | LSR_OE) & LSR_OE, LSR_OE);
	check_eq("reading LSR clears the overrun", inb(LSR) & LSR_OE, 0);
	for (unsigned i = 0; i < FIFO_SIZE; i++)
		order &= inb(RBR) == 0x80 + i;
	check("FIFO keeps the order", order, "bytes differ");
	outb(THR, 0x77);
	wait_lsr(LSR_DR | LSR_EMPTY);
	outb(FCR, FCR_ENABLE | FCR_CLEAR);
	check_eq("FCR clears the FIFO", inb(LSR) & LSR_DR, 0);
}

static void check_identification(void)
{
	outb(IER, 0);
	check_eq("IIR: nothing pending", inb(IIR) & IIR_ID, IIR_NONE);
	outb(IER, 0x02);
	check_eq("IIR: THRE when it is enabled", inb(IIR) & IIR_ID, IIR_THRE);
	check_eq("IIR: reading it ends THRE", inb(IIR) & IIR_ID, IIR_NONE);
	outb(IER, 0);
	outb(IER, 0x02);
	check_eq("IIR: THRE when it is enabled again", inb(IIR) & IIR_ID, IIR_THRE);
	outb(IER, 0x03);
	outb(THR, 0x31);
	wait_lsr(LSR_DR | LSR_EMPTY);
	check_eq("IIR: received data before THRE", inb(IIR) & IIR_ID, IIR_RX);
	inb(RBR);
	check_eq("IIR: then THRE", inb(IIR) & IIR_ID, IIR_THRE);
	outb(IER, 0);
}

GUEST_TEST(uart)
{
	u8 mcr = inb(MCR), lcr = inb(LCR);

	check_registers();
	check_modem_loopback();
	check_data_loopback();
	check_fifo();
	check_identification();
	outb(MCR, mcr);
	outb(LCR, lcr);
}

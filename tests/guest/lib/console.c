/* SPDX-License-Identifier: MIT */
/* Output: the debug console port where there is one, else the serial port, polled. */
#include "tests/guest/lib/guest.h"

#define DEBUG_CONSOLE	0xe9 /* reads back its own number */
#define COM1		0x3f8
#define UART_LCR	3
#define UART_LSR	5
#define LCR_8N1		3
#define LSR_THRE	BIT(5)
#define SERIAL_PATIENCE 1000000

static bool serial;

void console_init(void)
{
	char option[16];

	serial = inb(DEBUG_CONSOLE) != DEBUG_CONSOLE ||
		 guest_option("console", option, sizeof(option))[0] == 's';
	if (serial)
		outb(COM1 + UART_LCR, LCR_8N1);
}

void console_put(char c)
{
	if (!serial) {
		outb(DEBUG_CONSOLE, c);
		return;
	}
	for (unsigned i = 0; i < SERIAL_PATIENCE && !(inb(COM1 + UART_LSR) & LSR_THRE); i++)
		cpu_relax();
	outb(COM1, c);
}

/* SPDX-License-Identifier: MIT */
/* Serial console: 16550 UART at 115200 8N1. */
#ifndef FIRN_DRIVERS_SERIAL_H
#define FIRN_DRIVERS_SERIAL_H

#include "core/types.h"

/* Polled output on COM1 from the first moment; quiet when there is no UART. Boot CPU. */
void early_console_init(void);

/*
 * Interrupt-driven from here on: a transmit ring, input to console_input() on the boot CPU.
 * Prefers the port that ACPI names as console. After interrupts_init(). Boot CPU.
 */
void serial_init(void);

/* Moves bytes when interrupts don't; cheap, called by the boot CPU's loop on each pass. */
void serial_poll(void);

/* Waits until everything has left the UART (power off); bounded. */
void serial_flush(void);

/* Panic: next byte or -1, polled, no lock. */
int serial_read_sync(void);

#endif

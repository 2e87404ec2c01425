/* SPDX-License-Identifier: MIT */
/*
 * Console multiplexer: the machine's consoles (log sinks, serial input) on one side, the firn>
 * prompt and every VM's UART on the other. One of them has the focus; Ctrl-] (0x1d) gives it to
 * the prompt, the command "console VM" to a VM.
 */
#ifndef FIRN_CORE_CONSOLE_H
#define FIRN_CORE_CONSOLE_H

#include "core/err.h"
#include "core/log.h"

#define CONSOLE_ESCAPE 0x1d

struct vm;
struct vm_console;

/* How the console tells a UART that something changed. Called on the boot CPU, no lock held. */
struct vm_console_ops {
	void (*input_ready)(void *dev);	 /* vm_console_get has a byte */
	void (*output_ready)(void *dev); /* vm_console_put has room again after it said no */
};

struct vm_console *vm_console_create(struct vm *vm); /* NULL = out of memory */
void vm_console_attach(struct vm_console *con, const struct vm_console_ops *ops, void *dev);
void vm_console_destroy(struct vm_console *con);

/*
 * Guest output. Any CPU. Without the focus bytes are kept in a ring (the oldest are dropped) and
 * shown when the VM gets it. False = the consoles are behind: keep the byte, output_ready follows.
 */
bool vm_console_put(struct vm_console *con, u8 byte);
/* Next input byte for the guest or -1. Any CPU. */
int vm_console_get(struct vm_console *con);

/* Text to every physical console, from column 0, at most 255 bytes, no log entry. Any CPU. */
void console_print(const char *fmt, ...) __printf(1, 2);

/* A byte from a physical console. Boot CPU. */
void console_input(u8 byte);
/* Physical output has room again; called by the serial driver. Boot CPU. */
void console_output_ready(void);
/*
 * Bytes of text that the slowest console takes without a wait; 0 = busy, console_output_ready() follows.
 * Provided by the serial driver layer.
 */
size_t console_tx_room(void);

/* Gives the focus to a VM, or to the prompt (NULL). Boot CPU. */
void console_focus(struct vm *vm);

/* Starts the prompt; called once when consoles and VMs exist. */
void shell_init(void);
/* Runs one command line as if typed; output goes to the consoles. Boot CPU. */
void shell_run(const char *line);

#endif

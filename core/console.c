/* SPDX-License-Identifier: MIT */
/*
 * Console multiplexer: who gets what is typed, and whose output is shown.
 *
 * Lock order: a UART's lock, a console's lock, the log's. UARTs are called back from work of the
 * boot CPU with no lock held, so they may call vm_console_put() and vm_console_get() at once.
 */
#include "core/console.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/byte_ring.h"
#include "core/shell.h"
#include "core/spinlock.h"
#include "core/vm.h"
#include "core/work.h"

#define OUTPUT_RING 16384
#define INPUT_RING  4096
#define TYPED_RING  4096
#define BELL	    "\a"

struct vm_console {
	struct vm *vm;
	const struct vm_console_ops *ops;
	void *dev;
	struct work work; /* on the boot CPU: moves output, calls ops */
	bool dead;	  /* destroyed while work was queued, which frees it */

	struct spinlock lock; /* all below */
	struct byte_ring output, input;
	u64 dropped;	/* bytes of output that the ring had no place for */
	bool refused;	/* vm_console_put() said no; output_ready is owed */
	bool new_input; /* input_ready is owed */
	u8 output_bytes[OUTPUT_RING], input_bytes[INPUT_RING];
};

/* NULL = the prompt. Written on the boot CPU under the locks of the old and the new one. */
static struct vm_console *focus;
static struct vm_console *last_focus; /* of the VMs; boot CPU only */

/* What was typed and not yet passed on; boot CPU only. */
static u8 typed_bytes[TYPED_RING];
static struct byte_ring typed = { .size = TYPED_RING, .byte = typed_bytes };

static bool has_focus(const struct vm_console *con)
{
	return __atomic_load_n(&focus, __ATOMIC_RELAXED) == con;
}

/* Shows kept output as far as the consoles take it; else console_output_ready() goes on. */
static void drain(struct vm_console *con)
{
	while (ring_used(&con->output)) {
		const u8 *piece;
		size_t n = ring_peek(&con->output, &piece);

		n = MIN(n, console_tx_room());
		if (!n)
			return;
		log_write_raw((const char *)piece, n);
		con->output.tail += n;
	}
}

static void keep(struct vm_console *con, u8 byte)
{
	if (!ring_room(&con->output)) {
		con->output.tail++;
		con->dropped++;
	}
	ring_put(&con->output, byte);
}

/* With the focus bytes wait in the UART, not here: what is typed gets its echo soon. */
static bool show(struct vm_console *con, u8 byte)
{
	const char text = (char)byte;

	drain(con);
	if (ring_used(&con->output) || !console_tx_room()) {
		con->refused = true;
		return false;
	}
	log_write_raw(&text, 1);
	return true;
}

bool vm_console_put(struct vm_console *con, u8 byte)
{
	bool taken = true;

	spin_lock(&con->lock);
	if (has_focus(con))
		taken = show(con, byte);
	else
		keep(con, byte);
	spin_unlock(&con->lock);
	return taken;
}

int vm_console_get(struct vm_console *con)
{
	int byte = -1;

	spin_lock(&con->lock);
	if (ring_used(&con->input))
		byte = ring_get(&con->input);
	spin_unlock(&con->lock);
	return byte;
}

static void serve(struct work *work)
{
	struct vm_console *con = container_of(work, struct vm_console, work);
	bool input, output;

	if (con->dead) {
		free(con);
		return;
	}
	spin_lock(&con->lock);
	if (has_focus(con))
		drain(con);
	output = con->refused && (!has_focus(con) || !ring_used(&con->output));
	input = con->new_input;
	if (output)
		con->refused = false;
	con->new_input = false;
	spin_unlock(&con->lock);

	if (input && con->ops)
		con->ops->input_ready(con->dev);
	if (output && con->ops)
		con->ops->output_ready(con->dev);
}

struct vm_console *vm_console_create(struct vm *vm)
{
	struct vm_console *con = calloc(1, sizeof(*con));

	if (!con)
		return NULL;
	con->vm = vm;
	con->work.run = serve;
	con->output = (struct byte_ring){ .size = OUTPUT_RING, .byte = con->output_bytes };
	con->input = (struct byte_ring){ .size = INPUT_RING, .byte = con->input_bytes };
	return con;
}

void vm_console_attach(struct vm_console *con, const struct vm_console_ops *ops, void *dev)
{
	con->ops = ops;
	con->dev = dev;
}

void vm_console_destroy(struct vm_console *con)
{
	if (has_focus(con))
		console_focus(NULL);
	if (last_focus == con)
		last_focus = NULL;
	if (__atomic_load_n(&con->work.queued, __ATOMIC_ACQUIRE))
		con->dead = true;
	else
		free(con);
}

void console_print(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	log_fresh_line();
	log_write_raw(text, MIN((size_t)n, sizeof(text) - 1));
}

static void announce(struct vm_console *con)
{
	console_print("-- console of VM %s, Ctrl-] for the prompt --\n", con->vm->config->name);
	if (con->dropped)
		console_print("-- %llu bytes of older output were dropped --\n",
			      (unsigned long long)con->dropped);
	con->dropped = 0;
}

/* Both locks, so that not one byte of the old or the new one is shown on the wrong side. */
static void move_focus(struct vm_console *from, struct vm_console *to)
{
	if (from)
		spin_lock(&from->lock);
	if (to)
		spin_lock(&to->lock);
	__atomic_store_n(&focus, to, __ATOMIC_RELAXED);
	if (from)
		spin_unlock(&from->lock);
	if (to) {
		announce(to);
		drain(to);
		spin_unlock(&to->lock);
	}
}

void console_focus(struct vm *vm)
{
	struct vm_console *from = focus, *to = vm ? vm->console : NULL;

	if (from == to)
		return;
	if (!from)
		shell_leave();
	move_focus(from, to);
	if (to)
		last_focus = to;
	else
		shell_enter();
	/* A UART that waits for room can go on: its bytes are kept now. */
	if (from)
		work_post(0, &from->work);
}

static void give(struct vm_console *con, u8 byte)
{
	bool room;

	spin_lock(&con->lock);
	room = ring_room(&con->input);
	if (room)
		ring_put(&con->input, byte);
	con->new_input = true;
	spin_unlock(&con->lock);
	work_post(0, &con->work);
	if (!room)
		log_write_raw(BELL, 1);
}

static void switch_focus(void)
{
	if (focus)
		console_focus(NULL);
	else if (last_focus)
		console_focus(last_focus->vm);
	else
		log_write_raw(BELL, 1);
}

static void route_typed(struct work *work)
{
	(void)work;
	while (ring_used(&typed)) {
		u8 byte = ring_get(&typed);

		if (byte == CONSOLE_ESCAPE)
			switch_focus();
		else if (focus)
			give(focus, byte);
		else
			shell_input(byte);
	}
}

/* Passed on by work: a driver may call from an interrupt in the middle of a vCPU's exit. */
void console_input(u8 byte)
{
	static struct work work = { .run = route_typed };

	if (ring_room(&typed))
		ring_put(&typed, byte);
	else
		log_write_raw(BELL, 1);
	work_post(0, &work);
}

void console_output_ready(void)
{
	if (focus)
		work_post(0, &focus->work);
	shell_output_ready();
}

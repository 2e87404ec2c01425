/* SPDX-License-Identifier: MIT */
/* PS/2 controller: only its first port, only as far as a keyboard needs. */
#include "arch/x86/ioapic_host.h"
#include "arch/x86/platform.h"
#include "arch/x86/vectors.h"
#include "arch/x86/x86.h"
#include "core/console.h"
#include "core/log.h"
#include "core/work.h"
#include "drivers/keyboard/keyboard.h"

#define PORT_DATA    0x60
#define PORT_STATUS  0x64
#define PORT_COMMAND 0x64
#define ABSENT	     0xff

#define STATUS_OUTPUT_FULL BIT(0)
#define STATUS_INPUT_FULL  BIT(1)
#define STATUS_MOUSE	   BIT(5)

#define COMMAND_READ_CONFIG   0x20
#define COMMAND_WRITE_CONFIG  0x60
#define COMMAND_DISABLE_MOUSE 0xa7
#define COMMAND_DISABLE_PORT  0xad
#define COMMAND_ENABLE_PORT   0xae

#define CONFIG_INTERRUPT     BIT(0)
#define CONFIG_PORT_DISABLED BIT(4)
#define CONFIG_TRANSLATE     BIT(6) /* to scan code set 1 */
#define KEYBOARD_ENABLE	     0xf4
#define KEYBOARD_RELEASE     BIT(7)

#define KEYBOARD_IRQ 1
#define SPINS	     20000
#define RING	     64u
#define BURST	     16 /* more is not a keyboard */

static struct keyboard_state state;
static bool present;
static u8 ring[RING]; /* characters; filled and emptied by the boot CPU */
static u32 ring_head, ring_tail;

static bool wait_status(u8 mask, u8 value)
{
	for (unsigned i = 0; i < SPINS; i++)
		if ((inb(PORT_STATUS) & mask) == value)
			return true;
	return false;
}

static bool send(u16 port, u8 byte)
{
	if (!wait_status(STATUS_INPUT_FULL, 0))
		return false;
	outb(port, byte);
	return true;
}

static int receive(void)
{
	return wait_status(STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL) ? inb(PORT_DATA) : -1;
}

static void flush(void)
{
	for (unsigned i = 0; i < BURST && inb(PORT_STATUS) & STATUS_OUTPUT_FULL; i++)
		inb(PORT_DATA);
}

static void deliver(struct work *work)
{
	(void)work;
	while (ring_tail != ring_head)
		console_input(ring[ring_tail++ % RING]);
}
static struct work work = { .run = deliver };

static void take_byte(u8 scancode)
{
	int ch = keyboard_translate(&state, scancode);

	if (ch < 0 || ring_head - ring_tail == RING)
		return;
	ring[ring_head++ % RING] = ch;
	work_post(0, &work);
}

static void keyboard_interrupt(struct interrupt *self)
{
	(void)self;
	for (unsigned i = 0; i < BURST; i++) {
		u8 status = inb(PORT_STATUS), byte;

		if (!(status & STATUS_OUTPUT_FULL))
			break;
		byte = inb(PORT_DATA);
		if (!(status & STATUS_MOUSE))
			take_byte(byte);
	}
}
static struct interrupt interrupt = { .handle = keyboard_interrupt };

/* The controller's own tests are left out: some break the mouse or take a second. */
static bool setup_controller(void)
{
	int config;

	if (inb(PORT_STATUS) == ABSENT || !send(PORT_COMMAND, COMMAND_DISABLE_PORT) ||
	    !send(PORT_COMMAND, COMMAND_DISABLE_MOUSE))
		return false;
	flush();
	if (!send(PORT_COMMAND, COMMAND_READ_CONFIG))
		return false;
	config = receive();
	if (config < 0)
		return false;
	config = (config | CONFIG_INTERRUPT | CONFIG_TRANSLATE) & ~CONFIG_PORT_DISABLED;
	return send(PORT_COMMAND, COMMAND_WRITE_CONFIG) && send(PORT_DATA, config) &&
	       send(PORT_COMMAND, COMMAND_ENABLE_PORT) && send(PORT_DATA, KEYBOARD_ENABLE);
}

void keyboard_init(void)
{
	u8 vector;

	if (platform_acpi()->no_8042 || !setup_controller())
		return;
	receive(); /* the keyboard's acknowledgement, if there is one */
	flush();
	if (vector_alloc(0, &interrupt, &vector) || ioapic_route_isa(KEYBOARD_IRQ, vector, 0))
		return;
	present = true;
	log_info("keyboard: PS/2");
}

bool keyboard_pressed_sync(void)
{
	return present && inb(PORT_STATUS) & STATUS_OUTPUT_FULL &&
	       !(inb(PORT_DATA) & KEYBOARD_RELEASE);
}

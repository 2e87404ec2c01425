/* SPDX-License-Identifier: MIT */
/* PS/2 keyboard (8042, scan code set 1), US layout, to console_input(). */
#ifndef FIRN_DRIVERS_KEYBOARD_H
#define FIRN_DRIVERS_KEYBOARD_H

#include "core/types.h"

/* Quiet when there is no controller or keyboard. After interrupts_init(). Boot CPU. */
void keyboard_init(void);

/* Panic: true when a key was pressed, polled, no lock. */
bool keyboard_pressed_sync(void);

/* Translates one scan code byte; -1 = no character. Pure but for state. */
struct keyboard_state {
	bool shift, ctrl, caps, extended;
};
int keyboard_translate(struct keyboard_state *state, u8 scancode);

#endif

/* SPDX-License-Identifier: MIT */
/* Line editor of the prompt. Boot CPU. */
#ifndef FIRN_CORE_SHELL_EDIT_H
#define FIRN_CORE_SHELL_EDIT_H

#include "core/types.h"

#define SHELL_PROMPT   "firn> "
#define SHELL_LINE_MAX 200 /* characters with the NUL */

#define CTRL_C 0x03
#define CTRL_U 0x15
#define BELL   "\a"

/*
 * Takes a byte of input. Returns the line when the byte ended it: valid, and the caller's to
 * change, until the next call.
 */
char *edit_input(u8 byte);
/* Echoes only while it is shown; showing prints the prompt and what has been typed so far. */
void edit_show(void);
void edit_hide(void);

/*
 * Calls add() with each word that could stand at the place of the last word of line, whatever
 * has been typed of it. Provided by shell_help.c.
 */
void shell_candidates(const char *line, void (*add)(const char *word));

#endif

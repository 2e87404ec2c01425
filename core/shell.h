/* SPDX-License-Identifier: MIT */
/* What the console multiplexer asks of the firn> prompt. Boot CPU only. */
#ifndef FIRN_CORE_SHELL_H
#define FIRN_CORE_SHELL_H

#include "core/types.h"

/* The prompt got or lost the focus. */
void shell_enter(void);
void shell_leave(void);
/* A byte typed at the prompt. */
void shell_input(u8 byte);
/* The consoles have room again: what is left of a command's output can go on. */
void shell_output_ready(void);

#endif

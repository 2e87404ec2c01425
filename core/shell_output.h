/* SPDX-License-Identifier: MIT */
/* Output of a command on its way to the consoles. Boot CPU. */
#ifndef FIRN_CORE_SHELL_OUTPUT_H
#define FIRN_CORE_SHELL_OUTPUT_H

#include "core/types.h"

/* Writes as much as the consoles take; true = nothing is left. */
bool shell_output_flush(void);
/* Muted, nothing is added to the output. */
void shell_output_mute(bool mute);
/* Drops what has not been written. */
void shell_output_discard(void);

#endif

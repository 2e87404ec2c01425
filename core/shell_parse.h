/* SPDX-License-Identifier: MIT */
/* From a line of text to a command with its arguments. Boot CPU. */
#ifndef FIRN_CORE_SHELL_PARSE_H
#define FIRN_CORE_SHELL_PARSE_H

#include "core/shell.h"

/* NULL = there is no such command. */
const struct shell_command *shell_find(const char *name);
/* Says that there is no such command, and which one may have been meant. */
void shell_unknown(const char *name);
void shell_print_usage(const struct shell_command *cmd);
/* Splits text in place; NULL = no command can be run by it, and what is wrong is printed. */
const struct shell_command *shell_check(char *text);
/* Splits text in place and runs its command; what is wrong with it is printed. */
enum shell_result shell_execute(char *text);

#endif

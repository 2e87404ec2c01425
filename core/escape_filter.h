/* SPDX-License-Identifier: MIT */
/*
 * Takes control sequences (ECMA-48 5.4, 5.6 and xterm's OSC) out of a stream of terminal output,
 * for displays that know text only. The state lives across calls: a sequence may be split anywhere.
 */
#ifndef FIRN_CORE_ESCAPE_FILTER_H
#define FIRN_CORE_ESCAPE_FILTER_H

#include "core/types.h"

enum escape_state {
	ESCAPE_TEXT,
	ESCAPE_ESC,	   /* behind ESC, or in its intermediate bytes */
	ESCAPE_CSI,	   /* ESC [ parameters, up to the final byte */
	ESCAPE_STRING,	   /* ESC ] text, up to BEL or ESC \ */
	ESCAPE_STRING_END, /* ESC inside a string */
};

/* Is byte to be shown? Newline, CR, tab and backspace pass; other control characters don't. */
static inline bool escape_filter(u8 *state, u8 byte)
{
	enum {
		BEL = 0x07,
		CAN = 0x18,
		ESC = 0x1b,
		DEL = 0x7f
	};

	if (byte == CAN || (byte == ESC && *state != ESCAPE_STRING)) {
		*state = byte == ESC ? ESCAPE_ESC : ESCAPE_TEXT;
		return false;
	}
	switch (*state) {
	case ESCAPE_ESC:
		if (byte == '[')
			*state = ESCAPE_CSI;
		else if (byte == ']')
			*state = ESCAPE_STRING;
		else if (byte < 0x20 || byte > 0x2f)
			*state = ESCAPE_TEXT;
		return false;
	case ESCAPE_CSI:
		if (byte < 0x20 || byte > 0x3f)
			*state = ESCAPE_TEXT;
		return false;
	case ESCAPE_STRING:
		if (byte == BEL)
			*state = ESCAPE_TEXT;
		else if (byte == ESC)
			*state = ESCAPE_STRING_END;
		return false;
	case ESCAPE_STRING_END:
		*state = byte == '\\' ? ESCAPE_TEXT : ESCAPE_STRING;
		return false;
	default:
		return byte == '\n' || byte == '\r' || byte == '\t' || byte == '\b' ||
		       (byte >= ' ' && byte != DEL);
	}
}

#endif

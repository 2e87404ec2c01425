/* SPDX-License-Identifier: MIT */
/* ChaCha20 block function (RFC 8439 2.3). */
#ifndef FIRN_CORE_CHACHA20_H
#define FIRN_CORE_CHACHA20_H

#include "core/types.h"

#define CHACHA20_KEY_WORDS   8
#define CHACHA20_NONCE_WORDS 3
#define CHACHA20_BLOCK_WORDS 16
#define CHACHA20_BLOCK	     64 /* bytes */

void chacha20_block(const u32 key[CHACHA20_KEY_WORDS], u32 counter,
		    const u32 nonce[CHACHA20_NONCE_WORDS], u32 out[CHACHA20_BLOCK_WORDS]);

#endif

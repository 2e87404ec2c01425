/* SPDX-License-Identifier: MIT */
/* ChaCha20 (RFC 8439). */
#include "core/chacha20.h"

#include <string.h>

#define DOUBLE_ROUNDS 10

static inline u32 rotate_left(u32 value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

/* 2.1 */
static inline void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = rotate_left(*d ^ *a, 16);
	*c += *d;
	*b = rotate_left(*b ^ *c, 12);
	*a += *b;
	*d = rotate_left(*d ^ *a, 8);
	*c += *d;
	*b = rotate_left(*b ^ *c, 7);
}

void chacha20_block(const u32 key[CHACHA20_KEY_WORDS], u32 counter,
		    const u32 nonce[CHACHA20_NONCE_WORDS], u32 out[CHACHA20_BLOCK_WORDS])
{
	/* "expand 32-byte k" */
	u32 start[CHACHA20_BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(&start[4], key, CHACHA20_KEY_WORDS * sizeof(u32));
	start[12] = counter;
	memcpy(&start[13], nonce, CHACHA20_NONCE_WORDS * sizeof(u32));
	memcpy(out, start, sizeof(start));
	for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
		for (unsigned c = 0; c < 4; c++)
			quarter_round(&out[c], &out[4 + c], &out[8 + c], &out[12 + c]);
		for (unsigned c = 0; c < 4; c++)
			quarter_round(&out[c], &out[4 + (c + 1) % 4], &out[8 + (c + 2) % 4],
				      &out[12 + (c + 3) % 4]);
	}
	for (unsigned i = 0; i < CHACHA20_BLOCK_WORDS; i++)
		out[i] += start[i];
}

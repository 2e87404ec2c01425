/* SPDX-License-Identifier: MIT */
/* Noise sources, their health, and the generator that they seed. */
#include "core/entropy.h"

#include <string.h>

#include "core/arch.h"
#include "core/chacha20.h"
#include "core/log.h"
#include "core/spinlock.h"

/* The generator takes fresh noise after so many blocks. */
#define BLOCKS_PER_SEED 1024

/*
 * False alarms once in 2^40 samples or less. Hardware: 64-bit samples with at least 32 bits of entropy
 * each. Jitter: the low bits of one measurement, taken to have one bit of entropy.
 */
static const struct health_limits hardware_limits = { .repeats = 3, .window = 512, .matches = 5 };
static const struct health_limits jitter_limits = { .repeats = 41, .window = 512, .matches = 340 };

#define HARDWARE_TRIES	    10
#define JITTER_SAMPLES	    256 /* for one seed word; one bit each, with a reserve of eight */
#define JITTER_SAMPLE_MASK  0xff
#define JITTER_WALK	    61 /* steps through memory that one measurement takes */
#define JITTER_MEMORY_WORDS 512

static struct generator {
	struct spinlock lock;
	u32 key[CHACHA20_KEY_WORDS];
	u32 nonce[CHACHA20_NONCE_WORDS];
	unsigned blocks_left; /* until new noise is due */
	struct health hardware, jitter, device;
	bool (*take)(u64 words[ENTROPY_DEVICE_WORDS]);
	u32 memory[JITTER_MEMORY_WORDS]; /* that the jitter source walks through */
} generator;

bool health_check(struct health *h, const struct health_limits *limits, u64 sample)
{
	h->repeats = h->repeats && sample == h->last ? h->repeats + 1 : 1;
	h->last = sample;
	if (h->seen == 0) {
		h->first = sample;
		h->matches = 0;
	}
	h->matches += sample == h->first;
	h->seen = (h->seen + 1) % limits->window;
	if (h->repeats >= limits->repeats || h->matches >= limits->matches)
		h->failed = true;
	return !h->failed;
}

static void report_failure(const char *source)
{
	log_error("random numbers: %s failed its health test and is not used any more", source);
}

static bool hardware_word(struct generator *g, u64 *word)
{
	bool got = false;

	if (g->hardware.failed)
		return false;
	for (unsigned i = 0; i < HARDWARE_TRIES && !got; i++)
		got = arch_hw_random(word);
	if (!got || health_check(&g->hardware, &hardware_limits, *word))
		return got;
	report_failure("the CPU's generator");
	return false;
}

/* Duration of a walk through memory whose way depends on what was found before. */
static u64 jitter_sample(struct generator *g)
{
	u64 start = clock_tsc();
	u32 at = start;

	for (unsigned i = 0; i < JITTER_WALK; i++) {
		u32 *word = &g->memory[at % JITTER_MEMORY_WORDS];

		*word = *word * 1664525 + at + 1013904223;
		at = at * 5 + *word + i;
	}
	return clock_tsc() - start;
}

static inline u64 mix(u64 word, u64 sample)
{
	return (word << 7 | word >> 57) ^ sample;
}

/* Durations are mixed even if they look too regular: they do no harm to what else is in the seed. */
static u64 jitter_word(struct generator *g)
{
	bool was_good = !g->jitter.failed;
	u64 word = 0;

	for (unsigned i = 0; i < JITTER_SAMPLES; i++) {
		u64 sample = jitter_sample(g);

		health_check(&g->jitter, &jitter_limits, sample & JITTER_SAMPLE_MASK);
		word = mix(word, sample);
	}
	if (was_good && g->jitter.failed)
		report_failure("the TSC's jitter");
	return word;
}

/* Added to what there is already: a device that gives what somebody else knows takes nothing away. */
static void add_device_noise(struct generator *g, u64 noise[ENTROPY_DEVICE_WORDS])
{
	u64 words[ENTROPY_DEVICE_WORDS];

	if (!g->take || g->device.failed || !g->take(words))
		return;
	for (unsigned i = 0; i < ENTROPY_DEVICE_WORDS; i++) {
		health_check(&g->device, &hardware_limits, words[i]);
		noise[i] ^= words[i];
	}
	if (g->device.failed)
		report_failure("the virtio-rng device");
}

/* The key is what is secret: noise is added to it, and one block makes all of it new. */
static void rekey(struct generator *g, const u32 noise[CHACHA20_KEY_WORDS])
{
	u32 block[CHACHA20_BLOCK_WORDS];

	for (unsigned i = 0; i < CHACHA20_KEY_WORDS; i++)
		g->key[i] ^= noise[i];
	chacha20_block(g->key, 0, g->nonce, block);
	memcpy(g->key, block, sizeof(g->key));
	memcpy(g->nonce, block + CHACHA20_KEY_WORDS, sizeof(g->nonce));
}

static void reseed(struct generator *g)
{
	u64 noise[CHACHA20_KEY_WORDS / 2];
	_Static_assert(ARRAY_SIZE(noise) == ENTROPY_DEVICE_WORDS, "a device fills a seed");

	for (unsigned i = 0; i < ARRAY_SIZE(noise); i++) {
		u64 now = clock_tsc();

		if (!hardware_word(g, &noise[i]))
			noise[i] = jitter_word(g);
		noise[i] ^= now;
	}
	add_device_noise(g, noise);
	rekey(g, (const u32 *)noise);
	g->blocks_left = BLOCKS_PER_SEED;
}

/* Fast key erasure: half of each block is the next key, so that earlier output can't be found out. */
static void next_block(struct generator *g, u32 out[CHACHA20_KEY_WORDS])
{
	u32 block[CHACHA20_BLOCK_WORDS];

	if (g->blocks_left == 0)
		reseed(g);
	g->blocks_left--;
	chacha20_block(g->key, 1, g->nonce, block);
	memcpy(g->key, block, sizeof(g->key));
	memcpy(out, block + CHACHA20_KEY_WORDS, CHACHA20_KEY_WORDS * sizeof(u32));
}

void entropy_add_device(bool (*take)(u64 words[ENTROPY_DEVICE_WORDS]))
{
	spin_lock(&generator.lock);
	generator.take = take;
	generator.blocks_left = 0;
	spin_unlock(&generator.lock);
}

void random_bytes(void *buf, size_t len)
{
	char *to = buf;
	u32 out[CHACHA20_KEY_WORDS];

	spin_lock(&generator.lock);
	while (len) {
		size_t n = MIN(len, sizeof(out));

		next_block(&generator, out);
		memcpy(to, out, n);
		to += n;
		len -= n;
	}
	memset(out, 0, sizeof(out));
	spin_unlock(&generator.lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * Random numbers: noise sources with health tests (NIST SP 800-90B 4.4) seed a generator that never
 * waits. Sources are the CPU's instructions, else the jitter of the TSC; besides, a device.
 */
#ifndef FIRN_CORE_ENTROPY_H
#define FIRN_CORE_ENTROPY_H

#include "core/types.h"

/*
 * Given by arch/: 64 random bits of the CPU (RDSEED, else RDRAND). False: no such instruction, or it
 * has nothing to give just now.
 */
bool arch_hw_random(u64 *value);

#define ENTROPY_DEVICE_WORDS 4

/*
 * From now on a device adds to each seed what it has given since the last one, the first time at once.
 * take() fills the words and asks for new ones; false: they are not there yet. It is called on any CPU,
 * one at a time, and does not wait. Boot CPU, once.
 */
void entropy_add_device(bool (*take)(u64 words[ENTROPY_DEVICE_WORDS]));

/* len random bytes. Any CPU. */
void random_bytes(void *buf, size_t len);

/*
 * Health tests of one source, sample by sample; a source that failed once is not used again.
 * 4.4.1 repetition count: too many equal samples in a row. 4.4.2 adaptive proportion: the first
 * sample of a window comes back too often in it.
 */
struct health {
	u64 last, first;
	unsigned repeats, seen, matches;
	bool failed;
};
struct health_limits {
	unsigned repeats;	  /* C of 4.4.1 */
	unsigned window, matches; /* W and C of 4.4.2 */
};
/* Returns false from the first failure on. */
bool health_check(struct health *health, const struct health_limits *limits, u64 sample);

#endif

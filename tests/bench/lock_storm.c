/* SPDX-License-Identifier: MIT */
/*
 * For Linux guests: threads that rename files of their own in one directory, so that all want the
 * directory's lock in the kernel, and every so often a mutex of theirs (a futex). Each round begins
 * at a time of the wall clock, which VMs of one machine share, so that they storm at once.
 *
 *     lock_storm THREADS MILLISECONDS ROUNDS START
 *
 * START: seconds since 1970. Fails when that is over.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 64
#define ROUNDS_MAX  64
#define FUTEX_EVERY 8 /* operations */
#define NS_PER_S    1000000000ll
#define NS_PER_MS   1000000
#define BREAK_MS    100 /* between two rounds: all come to an end */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long under_mutex;
static atomic_ulong operations[ROUNDS_MAX];
static atomic_bool failed;
static int threads, rounds;
static long long start_ns, round_ns;

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void sleep_until(long long ns)
{
	struct timespec ts = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL))
		;
}

/* Returns the number of operations. */
static unsigned long storm_until(long long end_ns, const char *name[2])
{
	unsigned long count = 0;

	while (now_ns() < end_ns && !failed) {
		if (rename(name[0], name[1]) || rename(name[1], name[0]))
			failed = true;
		count += 2;
		if (count % FUTEX_EVERY)
			continue;
		pthread_mutex_lock(&mutex);
		under_mutex++;
		pthread_mutex_unlock(&mutex);
	}
	return count;
}

static void *storm(void *arg)
{
	char a[32], b[32];
	const char *name[2] = { a, b };
	FILE *file;

	snprintf(a, sizeof(a), "a%ld", (long)arg);
	snprintf(b, sizeof(b), "b%ld", (long)arg);
	file = fopen(a, "w");
	if (!file || fclose(file) || now_ns() > start_ns)
		failed = true;
	for (int i = 0; i < rounds; i++) {
		long long begin = start_ns + i * (round_ns + BREAK_MS * NS_PER_MS);

		sleep_until(begin);
		operations[i] += storm_until(begin + round_ns, name);
	}
	return NULL;
}

static bool set_up(int argc, char **argv)
{
	if (argc != 5)
		return false;
	threads = atoi(argv[1]);
	round_ns = atoi(argv[2]) * (long long)NS_PER_MS;
	rounds = atoi(argv[3]);
	start_ns = atoll(argv[4]) * NS_PER_S;
	return threads > 0 && threads <= THREADS_MAX && rounds > 0 && rounds <= ROUNDS_MAX;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS_MAX];

	if (!set_up(argc, argv))
		return 2;
	printf("storm: begins in %lld ms\n", (start_ns - now_ns()) / NS_PER_MS);
	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, storm, (void *)i))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < rounds; i++)
		printf("storm: %lu operations\n", (unsigned long)operations[i]);
	printf("storm: %lu times with the mutex\n", under_mutex);
	return failed;
}

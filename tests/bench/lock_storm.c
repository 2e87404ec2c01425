/* SPDX-License-Identifier: MIT */
/*
 * For Linux guests: threads that rename files of their own in one directory, so that all want the
 * directory's lock in the kernel, and every so often a mutex of theirs (a futex).
 *
 *     lock_storm THREADS MILLISECONDS
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 64
#define FUTEX_EVERY 8 /* operations */
#define MS_PER_S    1000
#define NS_PER_MS   1000000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long under_mutex;
static atomic_ulong operations;
static atomic_int failed;
static long long end_ms;

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (long long)MS_PER_S + ts.tv_nsec / NS_PER_MS;
}

static void *rename_to_and_fro(void *arg)
{
	long id = (long)arg;
	char name[2][32];
	unsigned long count = 0;
	FILE *file;

	snprintf(name[0], sizeof(name[0]), "a%ld", id);
	snprintf(name[1], sizeof(name[1]), "b%ld", id);
	file = fopen(name[0], "w");
	if (!file || fclose(file))
		failed = 1;
	while (now_ms() < end_ms && !failed) {
		if (rename(name[count & 1], name[~count & 1]))
			failed = 1;
		if (++count % FUTEX_EVERY)
			continue;
		pthread_mutex_lock(&mutex);
		under_mutex++;
		pthread_mutex_unlock(&mutex);
	}
	operations += count;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS_MAX];
	int count = argc == 3 ? atoi(argv[1]) : 0;

	if (count < 1 || count > THREADS_MAX)
		return 2;
	end_ms = now_ms() + atoi(argv[2]);
	for (long i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, rename_to_and_fro, (void *)i))
			return 1;
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	printf("storm: %lu operations, %lu with the mutex\n", (unsigned long)operations,
	       under_mutex);
	return failed;
}

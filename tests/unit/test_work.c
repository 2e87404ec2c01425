/* SPDX-License-Identifier: MIT */
/* Work queues, under the thread sanitizer: order, posting again, kicks, many posters at once. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/work.h"
#include "fake.h"

static struct work work[8];
static char order[64];

static void record(struct work *w)
{
	strncat(order, (char[]){ '0' + (w - work), '\0' }, 1);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	for (unsigned i = 0; i < ARRAY_SIZE(work); i++)
		work[i] = (struct work){ .run = record };
	order[0] = '\0';
	return 0;
}

static void test_posting_order(void **state)
{
	(void)state;
	assert_false(work_pending());
	work_run();
	assert_true(work_post(0, &work[3]));
	assert_true(work_post(0, &work[1]));
	assert_true(work_post(0, &work[2]));
	assert_true(work_pending());
	assert_non_null(*work_pending_at());
	assert_string_equal(order, "");
	work_run();
	assert_string_equal(order, "312");
	assert_false(work_pending());
	assert_null(*work_pending_at());
	work_run();
	assert_string_equal(order, "312");
}

static void test_queued_work_is_not_queued_twice(void **state)
{
	(void)state;
	assert_true(work_post(0, &work[0]));
	assert_false(work_post(0, &work[0]));
	assert_false(work_post(1, &work[0])); /* nor on another CPU */
	work_run();
	assert_string_equal(order, "0");
	assert_true(work_post(0, &work[0]));
	work_run();
	assert_string_equal(order, "00");
}

static void test_cpus_are_separate_and_kicked(void **state)
{
	(void)state;
	assert_true(work_post(1, &work[0]));
	assert_true(work_post(MAX_CPUS - 1, &work[1]));
	assert_false(work_pending());
	work_run();
	assert_string_equal(order, "");
	assert_int_equal(fake_kicks(0), 0);
	assert_int_equal(fake_kicks(1), 1);
	assert_int_equal(fake_kicks(MAX_CPUS - 1), 1);
	/* The kick is still under way until the CPU takes its queue: one is enough. */
	assert_true(work_post(1, &work[2]));
	assert_int_equal(fake_kicks(1), 1);
	fake_set_cpu(1);
	work_run();
	assert_string_equal(order, "02");
	assert_true(work_post(1, &work[0]));
	assert_int_equal(fake_kicks(1), 2);
	work_run();
	fake_set_cpu(MAX_CPUS - 1);
	work_run();
	assert_true(fake_panics(work_post(MAX_CPUS, &work[4])));
}

static void post_again(struct work *w)
{
	record(w);
	if (strlen(order) < 6)
		assert_true(work_post(0, w));
}

static void test_work_that_posts_itself_runs_once_a_call(void **state)
{
	(void)state;
	work[0].run = post_again;
	work_post(0, &work[0]);
	work_post(0, &work[1]);
	work_run();
	assert_string_equal(order, "01");
	work_run();
	assert_string_equal(order, "010");
	while (work_pending())
		work_run();
	assert_string_equal(order, "010000");
}

static void free_self(struct work *w)
{
	free(w);
	order[strlen(order)] = 'x';
}

static void test_work_may_free_itself(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct work *w = calloc(1, sizeof(*w));

		w->run = free_self;
		assert_true(work_post(0, w));
	}
	memset(order, 0, sizeof(order));
	work_run();
	assert_string_equal(order, "xxx");
}

/* Posters on three CPUs, one CPU that runs: nothing lost, nothing twice, each poster's order kept. */
#define POSTERS 3
#define POSTS	20000

struct numbered {
	struct work work;
	unsigned poster, number;
};

static struct numbered posts[POSTERS][POSTS];
static unsigned next_number[POSTERS], out_of_order, ran; /* of the running CPU */
static u32 counted_runs;
static struct work shared;

static void run_numbered(struct work *w)
{
	struct numbered *n = container_of(w, struct numbered, work);

	out_of_order += n->number != next_number[n->poster]++;
	ran++;
}

static void count_run(struct work *w)
{
	(void)w;
	__atomic_fetch_add(&counted_runs, 1, __ATOMIC_RELAXED);
}

static void *poster(void *arg)
{
	unsigned self = (unsigned)(uintptr_t)arg;
	uintptr_t accepted = 0;

	fake_set_cpu(1 + self);
	for (unsigned i = 0; i < POSTS; i++) {
		posts[self][i] = (struct numbered){ { .run = run_numbered }, self, i };
		work_post(0, &posts[self][i].work);
		accepted += work_post(0, &shared); /* all posters share this one */
	}
	return (void *)accepted;
}

static void test_many_posters(void **state)
{
	pthread_t thread[POSTERS];
	uintptr_t accepted = 0;
	void *result;

	(void)state;
	shared.run = count_run;
	for (uintptr_t i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, poster, (void *)i), 0);
	while (ran < POSTERS * POSTS) {
		work_run();
		sched_yield();
	}
	for (unsigned i = 0; i < POSTERS; i++) {
		pthread_join(thread[i], &result);
		accepted += (uintptr_t)result;
	}
	work_run();
	assert_int_equal(ran, POSTERS * POSTS);
	assert_int_equal(out_of_order, 0);
	assert_int_equal(counted_runs, accepted);
	assert_false(work_pending());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_posting_order, setup),
		cmocka_unit_test_setup(test_queued_work_is_not_queued_twice, setup),
		cmocka_unit_test_setup(test_cpus_are_separate_and_kicked, setup),
		cmocka_unit_test_setup(test_work_that_posts_itself_runs_once_a_call, setup),
		cmocka_unit_test_setup(test_work_may_free_itself, setup),
		cmocka_unit_test_setup(test_many_posters, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

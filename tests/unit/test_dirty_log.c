/* SPDX-License-Identifier: MIT */
/*
 * The dirty log against a machine whose CPUs cache translations: a copy that is refreshed with each
 * harvest's pages must be the same as the memory in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/fake/fake.h"
#include "core/dirty_log.h"
#include "core/epoch.h"
#include "core/guest_memory.h"
#include "core/vm.h"
#include "core/work.h"

#define RAM_PAGES 200 /* more than three words, the last one in part */
#define ROM_PAGES 3
#define ROM_GPA	  (1 * GiB)
#define RAM_GPA	  (2 * MiB)
#define CPUS	  3
#define ROUNDS	  400

static struct vm vm;
static struct backing ram_backing, rom_backing;
static u64 *memory; /* one value a page that guests write, at its start */

/* Translations: what the tables allow, and what each CPU has cached of that. */
static u32 writable[RAM_PAGES];
static u32 cached[CPUS][RAM_PAGES];
static unsigned watched_pages, log_calls;
static bool log_on, no_memory_for_log;
static bool forget_marks; /* mutation: faults make pages writable without a mark */

enum firn_err arch_vm_log_writes(struct vm *v, bool on)
{
	(void)v;
	log_calls++;
	if (no_memory_for_log)
		return ERR_NOMEM;
	log_on = on;
	return FIRN_OK;
}

void arch_vm_watch(struct vm *v, u64 gpa, u64 size)
{
	assert_ptr_equal(v, &vm);
	assert_true(IS_ALIGNED(gpa | size, PAGE_SIZE));
	for (; size; gpa += PAGE_SIZE, size -= PAGE_SIZE) {
		if (gpa >= ROM_GPA)
			continue;
		assert_in_range(gpa, RAM_GPA, RAM_GPA + (RAM_PAGES - 1) * PAGE_SIZE);
		__atomic_store_n(&writable[(gpa - RAM_GPA) / PAGE_SIZE], 0, __ATOMIC_SEQ_CST);
		watched_pages++;
	}
}

void arch_vm_flush_nested(struct vm *v)
{
	(void)v;
	memset(cached[cpu_index()], 0, sizeof(cached[0]));
}

/* A guest's write on the calling CPU. */
static void guest_store(unsigned page, u64 value)
{
	u32 *tlb = &cached[cpu_index()][page];

	if (!*tlb && !__atomic_load_n(&writable[page], __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&writable[page], 1, __ATOMIC_SEQ_CST);
		if (!forget_marks)
			memslot_mark_dirty(&vm.memory.slot[0], page * PAGE_SIZE, PAGE_SIZE);
	}
	*tlb = 1;
	__atomic_store_n(&memory[page * PAGE_SIZE / sizeof(u64)], value, __ATOMIC_RELAXED);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_nr_cpus(CPUS);
	memset(&vm, 0, sizeof(vm));
	memset(cached, 0, sizeof(cached));
	for (unsigned i = 0; i < RAM_PAGES; i++)
		writable[i] = 1;
	memory = fake_set_ram(16 * MiB, (RAM_PAGES + ROM_PAGES) * PAGE_SIZE);
	ram_backing = (struct backing){ .hpa = 16 * MiB, .size = RAM_PAGES * PAGE_SIZE };
	rom_backing = (struct backing){ .hpa = 16 * MiB + RAM_PAGES * PAGE_SIZE,
					.size = ROM_PAGES * PAGE_SIZE };
	watched_pages = log_calls = 0;
	log_on = no_memory_for_log = forget_marks = false;
	assert_int_equal(memslot_create(&vm.memory, MEMSLOT_RAM, RAM_GPA, &ram_backing), FIRN_OK);
	assert_int_equal(memslot_create(&vm.memory, MEMSLOT_ROM, ROM_GPA, &rom_backing), FIRN_OK);
	return 0;
}

/* Lets every CPU do its work until there is none. */
static void settle(void)
{
	for (unsigned i = 0; i < 20 * CPUS; i++) {
		fake_set_cpu(i % CPUS);
		work_run();
		epoch_quiescent();
	}
	fake_set_cpu(0);
}

static unsigned dones;

static void count_done(struct vm *v, void *ctx)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(cpu_index(), 0);
	*(unsigned *)ctx += 1;
}

static void start(void)
{
	dones = 0;
	assert_int_equal(dirty_log_start(&vm, count_done, &dones), FIRN_OK);
	assert_int_equal(dones, 0);
	settle();
	assert_int_equal(dones, 1);
}

static void harvest(void)
{
	dones = 0;
	assert_int_equal(dirty_log_harvest(&vm, count_done, &dones), FIRN_OK);
	settle();
	assert_int_equal(dones, 1);
}

static bool had(unsigned page)
{
	return dirty_log_had(&vm, &vm.memory.slot[0], page);
}

static void stop(void)
{
	assert_int_equal(dirty_log_stop(&vm), FIRN_OK);
	settle();
	assert_int_equal(epoch_pending(), 0);
	assert_false(dirty_log_is_on(&vm));
}

static void only_what_was_written(void **state)
{
	(void)state;
	guest_store(5, 1);
	start();
	assert_true(log_on);
	assert_int_equal(watched_pages, RAM_PAGES); /* ROM can't be written */
	harvest();
	assert_int_equal(dirty_log_pages(&vm), 0); /* page 5 was before */
	guest_store(0, 1);
	guest_store(63, 1);
	guest_store(64, 1);
	guest_store(RAM_PAGES - 1, 1);
	watched_pages = 0;
	harvest();
	assert_int_equal(dirty_log_pages(&vm), 4);
	assert_int_equal(watched_pages, 4);
	assert_true(had(0) && had(63) && had(64) && had(RAM_PAGES - 1));
	assert_false(had(1) || had(62) || had(65) || had(RAM_PAGES - 2));
	harvest();
	assert_int_equal(dirty_log_pages(&vm), 0);
	assert_false(had(63));
	stop();
	assert_false(log_on);
	assert_int_equal(dirty_log_pages(&vm), 0);
	assert_false(had(0));
}

static void runs_of_pages(void **state)
{
	(void)state;
	start();
	watched_pages = 0;
	for (unsigned page = 0; page < RAM_PAGES; page++)
		if (page < 128 || page % 3)
			guest_store(page, 1);
	harvest();
	for (unsigned page = 0; page < RAM_PAGES; page++)
		assert_int_equal(had(page), page < 128 || page % 3);
	assert_int_equal(watched_pages, dirty_log_pages(&vm));
	stop();
}

static void writes_of_firn(void **state)
{
	u64 value = 7;

	(void)state;
	start();
	assert_int_equal(guest_write(&vm.memory, RAM_GPA + 10 * PAGE_SIZE - 4, &value, 8), FIRN_OK);
	assert_int_equal(guest_load(&vm.memory, ROM_GPA + PAGE_SIZE, &value, 8), FIRN_OK);
	assert_non_null(guest_map(&vm.memory, RAM_GPA + 20 * PAGE_SIZE, 8, GUEST_WRITE));
	assert_non_null(guest_map(&vm.memory, RAM_GPA + 30 * PAGE_SIZE, 8, GUEST_READ));
	harvest();
	assert_int_equal(dirty_log_pages(&vm), 4);
	assert_true(had(9) && had(10) && had(20));
	assert_true(dirty_log_had(&vm, &vm.memory.slot[1], 1));
	stop();
}

static void states(void **state)
{
	(void)state;
	assert_int_equal(dirty_log_stop(&vm), ERR_STATE);
	assert_int_equal(dirty_log_harvest(&vm, count_done, &dones), ERR_STATE);
	assert_int_equal(dirty_log_start(&vm, count_done, &dones), FIRN_OK);
	assert_int_equal(dirty_log_start(&vm, count_done, &dones), ERR_STATE);
	assert_int_equal(dirty_log_harvest(&vm, count_done, &dones), ERR_STATE); /* starting */
	assert_int_equal(dirty_log_stop(&vm), ERR_STATE);
	settle();
	assert_int_equal(dirty_log_harvest(&vm, count_done, &dones), FIRN_OK);
	assert_int_equal(dirty_log_harvest(&vm, count_done, &dones), ERR_STATE);
	assert_int_equal(dirty_log_stop(&vm), ERR_STATE);
	settle();
	stop();
	start(); /* a second life */
	stop();
}

static void no_memory(void **state)
{
	(void)state;
	no_memory_for_log = true;
	assert_int_equal(dirty_log_start(&vm, count_done, &dones), ERR_NOMEM);
	assert_false(dirty_log_is_on(&vm));
	assert_null(vm.memory.slot[0].dirty);
	no_memory_for_log = false;
	start();
	stop();
}

/* A CPU that has not flushed yet writes through its cached translation. */
static void write_before_the_flush(void **state)
{
	(void)state;
	start();
	fake_set_cpu(2);
	guest_store(7, 1);
	fake_set_cpu(0);
	dones = 0;
	assert_int_equal(dirty_log_harvest(&vm, count_done, &dones), FIRN_OK);
	for (unsigned turn = 0; !dones; turn++) {
		fake_set_cpu(0);
		work_run();
		fake_set_cpu(1);
		work_run();
		fake_set_cpu(2);
		if (!dones)
			guest_store(7, 2 + turn);
		work_run();
	}
	fake_set_cpu(0);
	settle();
	assert_true(had(7));
	guest_store(7, 100);
	harvest();
	assert_true(had(7));
	stop();
}

/*
 * Threads: CPU 0 harvests and refreshes the copy, the others are guests.
 */

static u64 copy[RAM_PAGES];
static u32 guests_end;

static void refresh(struct vm *v, void *ctx)
{
	for (unsigned page = 0; page < RAM_PAGES; page++)
		if (dirty_log_had(v, &v->memory.slot[0], page))
			copy[page] = __atomic_load_n(&memory[page * PAGE_SIZE / sizeof(u64)],
						     __ATOMIC_RELAXED);
	*(unsigned *)ctx += 1;
}

static void *guest_thread(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg, seed = cpu;

	fake_set_cpu(cpu);
	while (!__atomic_load_n(&guests_end, __ATOMIC_ACQUIRE)) {
		for (unsigned i = 0; i < 20; i++)
			guest_store((unsigned)rand_r(&seed) % RAM_PAGES, (u64)rand_r(&seed));
		work_run();
		epoch_quiescent();
	}
	/* Paused: what is still asked of this CPU is done, but no guest runs. */
	while (__atomic_load_n(&guests_end, __ATOMIC_ACQUIRE) != 2)
		work_run();
	return NULL;
}

static void wait_for(const unsigned *count, unsigned value)
{
	while (*count != value)
		work_run();
}

/* How many pages of the copy are wrong after all. */
static unsigned follow_guests(void)
{
	unsigned count = 0, wrong = 0;
	pthread_t thread[CPUS];

	guests_end = 0;
	memset(copy, 0, sizeof(copy));
	for (uintptr_t cpu = 1; cpu < CPUS; cpu++)
		pthread_create(&thread[cpu], NULL, guest_thread, (void *)cpu);
	assert_int_equal(dirty_log_start(&vm, refresh, &count), FIRN_OK);
	wait_for(&count, 1);
	for (unsigned page = 0; page < RAM_PAGES; page++)
		copy[page] =
			__atomic_load_n(&memory[page * PAGE_SIZE / sizeof(u64)], __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(dirty_log_harvest(&vm, refresh, &count), FIRN_OK);
		wait_for(&count, i + 2);
	}
	__atomic_store_n(&guests_end, 1, __ATOMIC_RELEASE);
	/* Twice: a guest may have been within its last writes during the first. */
	for (unsigned i = ROUNDS; i < ROUNDS + 2; i++) {
		assert_int_equal(dirty_log_harvest(&vm, refresh, &count), FIRN_OK);
		wait_for(&count, i + 2);
	}
	__atomic_store_n(&guests_end, 2, __ATOMIC_RELEASE);
	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		pthread_join(thread[cpu], NULL);
	for (unsigned page = 0; page < RAM_PAGES; page++)
		wrong += copy[page] != memory[page * PAGE_SIZE / sizeof(u64)];
	settle();
	stop();
	return wrong;
}

static void no_silent_write(void **state)
{
	(void)state;
	assert_int_equal(follow_guests(), 0);
}

static void a_missing_mark_is_seen(void **state)
{
	(void)state;
	forget_marks = true;
	assert_int_not_equal(follow_guests(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_what_was_written, setup),
		cmocka_unit_test_setup(runs_of_pages, setup),
		cmocka_unit_test_setup(writes_of_firn, setup),
		cmocka_unit_test_setup(states, setup),
		cmocka_unit_test_setup(no_memory, setup),
		cmocka_unit_test_setup(write_before_the_flush, setup),
		cmocka_unit_test_setup(no_silent_write, setup),
		cmocka_unit_test_setup(a_missing_mark_is_seen, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

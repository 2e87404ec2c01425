/* SPDX-License-Identifier: MIT */
/*
 * The dirty log: a bitmap a slot that writers set bits in, and one that the last harvest filled.
 * A harvest takes a bit, then makes the page's next write noticed, then has every CPU drop its
 * cached translations. Until a CPU has done that it may still write unnoticed, but then the page
 * is in this harvest, whose user reads it later.
 */
#include "core/dirty_log.h"

#include <stdlib.h>

#include "core/cpu_tour.h"
#include "core/epoch.h"
#include "core/vm.h"

#define BITS_PER_WORD  64
#define WORDS_PER_TURN 256 /* of a harvest before other work has its turn: 64 MiB of memory */

struct dirty_log {
	struct vm *vm;
	u64 *written[MEMSLOT_MAX], *taken[MEMSLOT_MAX];
	u64 pages; /* in taken */
	bool busy;
	unsigned slot; /* where the harvest is */
	size_t word;
	dirty_log_done done;
	void *ctx;
	struct work work;
	struct cpu_tour tour;
	struct epoch_entry retired;
};

bool dirty_log_is_on(const struct vm *vm)
{
	return vm->dirty_log;
}

u64 dirty_log_pages(const struct vm *vm)
{
	return vm->dirty_log ? vm->dirty_log->pages : 0;
}

bool dirty_log_had(const struct vm *vm, const struct memslot *slot, u64 page)
{
	const u64 *taken = vm->dirty_log ? vm->dirty_log->taken[slot - vm->memory.slot] : NULL;

	return taken && taken[page / BITS_PER_WORD] & BIT(page % BITS_PER_WORD);
}

static void destroy(struct dirty_log *log)
{
	for (unsigned i = 0; i < MEMSLOT_MAX; i++) {
		free(log->written[i]);
		free(log->taken[i]);
	}
	free(log);
}

static struct dirty_log *create(struct vm *vm)
{
	struct dirty_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->vm = vm;
	for (unsigned i = 0; i < vm->memory.count; i++) {
		size_t words = memslot_dirty_words(&vm->memory.slot[i]);

		log->written[i] = calloc(words, sizeof(u64));
		log->taken[i] = calloc(words, sizeof(u64));
		if (!log->written[i] || !log->taken[i]) {
			destroy(log);
			return NULL;
		}
	}
	return log;
}

static void flush(struct cpu_tour *tour)
{
	arch_vm_flush_nested(container_of(tour, struct dirty_log, tour)->vm);
}

static void finish(struct cpu_tour *tour)
{
	struct dirty_log *log = container_of(tour, struct dirty_log, tour);

	log->busy = false;
	log->done(log->vm, log->ctx);
}

static void flush_everywhere(struct dirty_log *log)
{
	log->tour.visit = flush;
	log->tour.done = finish;
	cpu_tour_start(&log->tour);
}

static void begin(struct dirty_log *log, dirty_log_done done, void *ctx)
{
	log->busy = true;
	log->done = done;
	log->ctx = ctx;
	log->pages = 0;
	log->slot = 0;
	log->word = 0;
}

/* Every CPU knows of the bitmaps by now: nobody makes a page writable without marking it. */
static void watch_all(struct cpu_tour *tour)
{
	struct dirty_log *log = container_of(tour, struct dirty_log, tour);
	struct memslots *ms = &log->vm->memory;

	for (unsigned i = 0; i < ms->count; i++)
		if (ms->slot[i].kind == MEMSLOT_RAM)
			arch_vm_watch(log->vm, ms->slot[i].gpa, ms->slot[i].size);
	flush_everywhere(log);
}

enum firn_err dirty_log_start(struct vm *vm, dirty_log_done done, void *ctx)
{
	enum firn_err err = ERR_NOMEM;
	struct dirty_log *log;

	if (vm->dirty_log)
		return ERR_STATE;
	log = create(vm);
	if (!log)
		return err;
	err = arch_vm_log_writes(vm, true);
	if (err != FIRN_OK) {
		destroy(log);
		return err;
	}
	vm->dirty_log = log;
	for (unsigned i = 0; i < vm->memory.count; i++)
		err = memslot_set_dirty_log(&vm->memory, vm->memory.slot[i].gpa, log->written[i]);
	begin(log, done, ctx);
	log->tour.done = watch_all;
	cpu_tour_start(&log->tour);
	return err;
}

/* Runs of pages at a time: neighbours are often written together. */
static void watch_taken(struct dirty_log *log, const struct memslot *slot, size_t word, u64 bits)
{
	while (bits) {
		unsigned first = (unsigned)__builtin_ctzll(bits), count;
		u64 rest = ~(bits >> first);

		count = rest ? (unsigned)__builtin_ctzll(rest) : BITS_PER_WORD;
		count = MIN(count, BITS_PER_WORD - first);
		arch_vm_watch(log->vm, slot->gpa + (word * BITS_PER_WORD + first) * PAGE_SIZE,
			      count * PAGE_SIZE);
		log->pages += count;
		bits &= count == BITS_PER_WORD ? 0 : ~((BIT(count) - 1) << first);
	}
}

static void take_word(struct dirty_log *log, const struct memslot *slot)
{
	u64 bits = __atomic_exchange_n(&log->written[log->slot][log->word], 0, __ATOMIC_ACQ_REL);

	log->taken[log->slot][log->word] = bits;
	watch_taken(log, slot, log->word, bits);
}

/* False: there is no more. */
static bool take_next(struct dirty_log *log)
{
	const struct memslots *ms = &log->vm->memory;

	while (log->slot < ms->count && log->word == memslot_dirty_words(&ms->slot[log->slot])) {
		log->slot++;
		log->word = 0;
	}
	if (log->slot == ms->count)
		return false;
	take_word(log, &ms->slot[log->slot]);
	log->word++;
	return true;
}

static void harvest_work(struct work *work)
{
	struct dirty_log *log = container_of(work, struct dirty_log, work);

	for (unsigned i = 0; i < WORDS_PER_TURN; i++) {
		if (!take_next(log)) {
			flush_everywhere(log);
			return;
		}
	}
	work_post(0, work);
}

enum firn_err dirty_log_harvest(struct vm *vm, dirty_log_done done, void *ctx)
{
	struct dirty_log *log = vm->dirty_log;

	if (!log || log->busy)
		return ERR_STATE;
	begin(log, done, ctx);
	log->work.run = harvest_work;
	work_post(0, &log->work);
	return FIRN_OK;
}

static void free_retired(struct epoch_entry *entry)
{
	destroy(container_of(entry, struct dirty_log, retired));
}

enum firn_err dirty_log_stop(struct vm *vm)
{
	struct dirty_log *log = vm->dirty_log;
	enum firn_err err = FIRN_OK;

	if (!log || log->busy)
		return ERR_STATE;
	for (unsigned i = 0; i < vm->memory.count; i++)
		err = memslot_set_dirty_log(&vm->memory, vm->memory.slot[i].gpa, NULL);
	arch_vm_log_writes(vm, false);
	vm->dirty_log = NULL;
	epoch_defer(&log->retired, free_retired);
	return err;
}

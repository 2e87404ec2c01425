/* SPDX-License-Identifier: MIT */
/* dirty: what a VM's guest and its devices write, and whether the dirty log sees all of it. */
#include <stdlib.h>
#include <string.h>

#include "core/dirty_log.h"
#include "core/fnv1a.h"
#include "core/guest_memory.h"
#include "core/shell.h"

#define PAGES_PER_MIB  (MiB / PAGE_SIZE)
#define PAGES_PER_TURN 8192 /* hashed before other work has its turn */

/* The memory of one VM as it was at the last verify. */
static struct {
	struct vm *vm;
	u64 *hash[MEMSLOT_MAX]; /* one a page */
	bool valid;		/* else: this time there is nothing to compare with */
	u64 changed, unnoticed;
	unsigned slot; /* where verify is */
	u64 page;
	struct work work;
} verify;

/* A command waits for the log; the prompt may have given it up meanwhile. */
static bool busy;
static u32 ticket;

static u64 page_hash(const struct memslot *slot, u64 page)
{
	static u64 zero_page_hash;
	const u64 *words;
	u64 hash = FNV1A_OFFSET_BASIS;

	/* Nobody has touched it, and looking must not do so either. */
	if (!memslot_is_touched(slot, page * PAGE_SIZE)) {
		for (unsigned i = 0; !zero_page_hash && i < PAGE_SIZE / sizeof(u64); i++)
			hash = fnv1a(hash, 0);
		return zero_page_hash = zero_page_hash ? zero_page_hash : hash;
	}
	words = guest_map(&verify.vm->memory, slot->gpa + page * PAGE_SIZE, PAGE_SIZE, GUEST_READ);
	for (unsigned i = 0; words && i < PAGE_SIZE / sizeof(u64); i++)
		hash = fnv1a(hash, words[i]);
	return hash;
}

static void forget_hashes(void)
{
	for (unsigned i = 0; i < MEMSLOT_MAX; i++) {
		free(verify.hash[i]);
		verify.hash[i] = NULL;
	}
	verify.valid = false;
	verify.vm = NULL;
}

static bool make_hashes(struct vm *vm)
{
	forget_hashes();
	for (unsigned i = 0; i < vm->memory.count; i++) {
		verify.hash[i] = calloc(vm->memory.slot[i].size / PAGE_SIZE, sizeof(u64));
		if (!verify.hash[i]) {
			forget_hashes();
			return false;
		}
	}
	verify.vm = vm;
	return true;
}

/* Does anybody still wait for the answer? */
static bool wanted(void)
{
	busy = false;
	return ticket == shell_ticket();
}

static void report_verify(void)
{
	bool compared = verify.valid;

	verify.valid = true;
	if (!wanted())
		return;
	if (!compared)
		shell_print("Remembered what is in the memory of VM %s.\n",
			    verify.vm->config->name);
	else
		shell_print("%llu pages changed, %llu are in the log, %llu changed unnoticed\n",
			    (unsigned long long)verify.changed,
			    (unsigned long long)dirty_log_pages(verify.vm),
			    (unsigned long long)verify.unnoticed);
	shell_finish();
}

static void verify_page(const struct memslot *slot)
{
	u64 *before = &verify.hash[verify.slot][verify.page];
	u64 now = page_hash(slot, verify.page);

	if (verify.valid && now != *before) {
		verify.changed++;
		verify.unnoticed += !dirty_log_had(verify.vm, slot, verify.page);
	}
	*before = now;
}

static void verify_work(struct work *work)
{
	const struct memslots *ms = &verify.vm->memory;

	for (unsigned i = 0; i < PAGES_PER_TURN; i++) {
		const struct memslot *slot = &ms->slot[verify.slot];

		if (verify.slot == ms->count) {
			report_verify();
			return;
		}
		verify_page(slot);
		if (++verify.page == slot->size / PAGE_SIZE) {
			verify.page = 0;
			verify.slot++;
		}
	}
	work_post(0, work);
}

static void start_verify(struct vm *vm, void *ctx)
{
	(void)vm;
	(void)ctx;
	verify.changed = verify.unnoticed = 0;
	verify.slot = 0;
	verify.page = 0;
	verify.work.run = verify_work;
	work_post(0, &verify.work);
}

static void started(struct vm *vm, void *ctx)
{
	(void)ctx;
	if (!wanted())
		return;
	shell_print("The dirty log of VM %s is on.\n", vm->config->name);
	shell_finish();
}

static void report_pages(struct vm *vm, void *ctx)
{
	u64 pages = dirty_log_pages(vm);

	(void)ctx;
	if (!wanted())
		return;
	shell_print("%llu pages written since the last look, %llu MiB of %llu MiB\n",
		    (unsigned long long)pages,
		    (unsigned long long)(DIV_ROUND_UP(pages, PAGES_PER_MIB)),
		    (unsigned long long)(vm->config->memory / MiB));
	shell_finish();
}

static enum shell_result pending(enum firn_err err, struct vm *vm)
{
	if (err == FIRN_OK) {
		busy = true;
		ticket = shell_ticket();
		return SHELL_PENDING;
	}
	shell_print("VM %s: %s\n", vm->config->name, firn_strerror(err));
	return SHELL_DONE;
}

static enum shell_result verify_vm(struct vm *vm)
{
	if (vm->state == VM_RUNNING) {
		shell_print("VM %s must be paused for that\n", vm->config->name);
		return SHELL_DONE;
	}
	if (verify.vm != vm && !make_hashes(vm)) {
		shell_print("no memory for %llu hashes\n",
			    (unsigned long long)(vm->config->memory / PAGE_SIZE));
		return SHELL_DONE;
	}
	return pending(dirty_log_harvest(vm, start_verify, NULL), vm);
}

/* What leaves the log here, verify would take for unnoticed. */
static void end_verify(const struct vm *vm)
{
	if (verify.vm == vm)
		forget_hashes();
}

static enum shell_result start_log(struct vm *vm)
{
	if (!dirty_log_is_on(vm))
		return pending(dirty_log_start(vm, started, NULL), vm);
	shell_print("The dirty log of VM %s is on already.\n", vm->config->name);
	return SHELL_DONE;
}

static enum shell_result stop_log(struct vm *vm)
{
	enum firn_err err;

	end_verify(vm);
	err = dirty_log_stop(vm);
	if (err != FIRN_OK)
		return pending(err, vm);
	shell_print("The dirty log of VM %s is off.\n", vm->config->name);
	return SHELL_DONE;
}

static enum shell_result count_pages(struct vm *vm)
{
	end_verify(vm);
	return pending(dirty_log_harvest(vm, report_pages, NULL), vm);
}

static const struct action {
	const char *name;
	bool needs_log;
	enum shell_result (*run)(struct vm *vm);
} actions[] = {
	{ "", true, count_pages },
	{ "start", false, start_log },
	{ "stop", true, stop_log },
	{ "verify", true, verify_vm },
};

static const struct action *find_action(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

enum shell_result shell_dirty(const struct shell_line *line)
{
	const char *name = line->arg[1] ? line->arg[1] : "";
	const struct action *action = find_action(name);
	struct vm *vm = shell_vm(line->arg[0]);

	if (!vm)
		return SHELL_DONE;
	if (!action)
		shell_print("dirty %s: expected start, stop or verify\n", name);
	else if (busy)
		shell_print("the last dirty command is not done yet\n");
	else if (action->needs_log && !dirty_log_is_on(vm))
		shell_print("The dirty log of VM %s is off: \"dirty %s start\" starts it.\n",
			    vm->config->name, vm->config->name);
	else
		return action->run(vm);
	return SHELL_DONE;
}

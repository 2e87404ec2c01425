/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a VM were written since they were last looked at, while it runs. Guests' writes
 * are noticed by write protection or by the CPU's own log (arch/), those of devices and of Firn by
 * the accessors of guest memory (core/guest_memory.h). All functions: boot CPU.
 */
#ifndef FIRN_CORE_DIRTY_LOG_H
#define FIRN_CORE_DIRTY_LOG_H

#include "core/err.h"
#include "core/types.h"

struct vm;
struct memslot;

/* The operation is complete: no CPU can write any more without being noticed. */
typedef void (*dirty_log_done)(struct vm *vm, void *ctx);

/* ERR_STATE: it is on; ERR_NOMEM. Memory counts as not written; all writes after done() show. */
enum firn_err dirty_log_start(struct vm *vm, dirty_log_done done, void *ctx);

/*
 * Takes what was written since the last harvest. A page that is written before done() is called is
 * in this harvest or in the next one, and all are when the VM is paused. Read the pages after
 * done(). ERR_STATE: it is off, or starting, or being harvested.
 */
enum firn_err dirty_log_harvest(struct vm *vm, dirty_log_done done, void *ctx);

/* ERR_STATE: it is off, or starting, or being harvested. */
enum firn_err dirty_log_stop(struct vm *vm);

bool dirty_log_is_on(const struct vm *vm);
/* Of the last harvest: how many pages it had, and whether it had this one of a slot. */
u64 dirty_log_pages(const struct vm *vm);
bool dirty_log_had(const struct vm *vm, const struct memslot *slot, u64 page);

/*
 * Provided by arch/.
 */

/* Guests' writes to the VM's memory are going to be noticed, or no longer. Boot CPU. ERR_NOMEM. */
enum firn_err arch_vm_log_writes(struct vm *vm, bool on);
/* The next write of a guest to each page of the range is to be noticed. Boot CPU. */
void arch_vm_watch(struct vm *vm, u64 gpa, u64 size);
/* The calling CPU forgets what it caches of the VM's nested page tables. */
void arch_vm_flush_nested(struct vm *vm);

#endif

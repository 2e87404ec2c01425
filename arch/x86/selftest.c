/* SPDX-License-Identifier: MIT */
/* Faults of Firn's own that its protection must stop, for "selftest" at the prompt. */
#include <string.h>

#include "arch/x86/arch_guest_frame.h"
#include "arch/x86/guest_window.h"
#include "arch/x86/selftest_cet.h"
#include "core/arch.h"
#include "core/guest_frames.h"
#include "core/pmem.h"
#include "core/shell.h"

#define SMASHED 24 /* behind an array of 16: the guard, but not the return address */

/* The array's size is hidden from the compiler, which would refuse to write behind it. */
static __noinline void write_behind(char *array, size_t bytes)
{
	__asm__ volatile("" : "+r"(array));
	memset(array, 'A', bytes);
}

static enum shell_result smash_stack(const struct shell_line *line)
{
	char array[16];

	(void)line;
	write_behind(array, SMASHED);
	shell_print("nothing noticed that the stack is smashed\n");
	return SHELL_DONE;
}

/* Not made of large pages alone. */
#define BLOCK_SIZE (2 * MiB + 4 * PAGE_SIZE)

static bool is_mapped(u64 pa, u64 size)
{
	return guest_window_stray(pa) && guest_window_stray(pa + size - 1);
}

/* A block becomes a VM's and comes back. NULL = as it should be. */
static const char *move_block(u64 pa)
{
	const char *first, *bad = NULL;

	if (!is_mapped(pa, BLOCK_SIZE))
		return "free memory is not in the direct map";
	if (guest_memory_take(pa, BLOCK_SIZE) != FIRN_OK)
		return "no memory for page tables";
	for (u64 offset = 0; offset < BLOCK_SIZE; offset += PAGE_SIZE)
		if (guest_window_stray(pa + offset))
			bad = "a VM's memory is in the direct map";
	first = memset(guest_frame(pa), 'g', BLOCK_SIZE);
	if (*first != 'g' || memcmp(first, first + 1, BLOCK_SIZE - 1))
		bad = "a VM's memory does not keep what is written";
	memset(guest_frame(pa), 0, BLOCK_SIZE);
	guest_memory_return(pa, BLOCK_SIZE);
	first = phys_to_virt(pa);
	if (!bad && (*first || memcmp(first, first + 1, BLOCK_SIZE - 1)))
		bad = "what comes back is not clear";
	return bad;
}

static void test_block(void)
{
	u64 pa = pmem_alloc(BLOCK_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_GUEST);
	const char *bad = pa ? move_block(pa) : "no memory";

	if (pa)
		pmem_free(pa, BLOCK_SIZE, PMEM_GUEST);
	shell_print("%s\n", bad ? bad : "a VM's memory is in its window alone, and comes back");
}

/* What no code may do, core/guest_memory.h: its pointer is wrong. */
static enum shell_result touch_guest(const struct shell_line *line)
{
	struct vm *vm = line->arg[1] ? shell_vm(line->arg[1]) : NULL;
	u64 pa;

	if (!line->arg[1])
		test_block();
	if (!vm)
		return SHELL_DONE;
	pa = vm->memory.slot[0].backing->hpa;
	shell_print("read: %u\n", *(volatile u8 *)phys_to_virt(pa));
	shell_print("nothing noticed a stray pointer to memory of VM %s\n", vm->config->name);
	return SHELL_DONE;
}

const struct selftest arch_selftests[] = {
	{ "cet", "ret, jump, call, overflow, probe or nmi, on a CPU: control flow", 2,
	  selftest_cet },
	{ "stack", "write behind an array on the stack", 0, smash_stack },
	{ "guestmem", "[VM]: a pointer to its memory by the direct map; alone: how blocks move", 1,
	  touch_guest },
};
const size_t arch_nr_selftests = ARRAY_SIZE(arch_selftests);

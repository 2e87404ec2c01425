/* SPDX-License-Identifier: MIT */
/* Tests of Firn's own page tables: memory for them, and an empty root. */
#ifndef FIRN_TEST_PAGETABLE_FIXTURE_H
#define FIRN_TEST_PAGETABLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/pagetable.h"
#include "core/pmem.h"
#include "fake.h"

#define RAM_BASE (16 * MiB)

static u64 *root;

/* Before each test; size: bytes of memory in the whole program. */
static inline void pagetable_setup(u64 size)
{
	static bool added;

	fake_set_ram(RAM_BASE, size);
	if (!added)
		assert_int_equal(pmem_add(RAM_BASE, size), FIRN_OK);
	added = true;
	root = pagetable_alloc();
	assert_non_null(root);
}

#endif

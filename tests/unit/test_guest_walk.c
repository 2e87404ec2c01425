/* SPDX-License-Identifier: MIT */
/* Page walk: every paging mode and page size, every permission bit, reserved bits, A and D flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_walk.h"
#include "arch/x86/msr.h"

#define P   BIT(0)
#define RW  BIT(1)
#define US  BIT(2)
#define A   BIT(5)
#define D   BIT(6)
#define PS  BIT(7)
#define NX  BIT(63)
#define RWU (P | RW | US)

#define TABLE(level) (0x1000ull * (level)) /* where each level's table is */
#define MEMORY_SIZE  0x8000
#define MAXPHYADDR   46

static u8 memory[MEMORY_SIZE] __aligned(8);
static bool readonly_tables;
static bool zeros_outside; /* instead of "no memory there" */
static unsigned nr_cmpxchg;
static unsigned interfere; /* this many cmpxchg find another value, which is... */
static u64 interfere_with; /* these bits flipped */

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *entry)
{
	assert_ptr_equal(ctx, memory);
	assert_true(size == 4 || size == 8);
	assert_int_equal(gpa % size, 0);
	*entry = 0;
	if (gpa >= MEMORY_SIZE)
		return zeros_outside;
	memcpy(entry, &memory[gpa], size);
	return true;
}

static bool cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 expected, u64 desired)
{
	u64 now;

	nr_cmpxchg++;
	if (!read_entry(ctx, gpa, size, &now) || readonly_tables)
		return true;
	if (interfere > 0) {
		interfere--;
		now ^= interfere_with;
		memcpy(&memory[gpa], &now, size);
		return false;
	}
	assert_int_equal(now, expected);
	memcpy(&memory[gpa], &desired, size);
	return true;
}

static struct walk_env env;
static const u64 la4 = 0xffff812345678abc; /* 4-level indices 258, 141, 43, 120 */
static const u64 la5 = 0xff0b812345678abc;

static void put(u64 gpa, u64 entry, unsigned size)
{
	memcpy(&memory[gpa], &entry, size);
}

static u64 *entry64(unsigned level, u64 linear)
{
	unsigned bits = env.efer & EFER_LMA || level < 3 ? 0x1ff : 3;

	return (u64 *)&memory[TABLE(level) + (linear >> (12 + 9 * (level - 1)) & bits) * 8];
}

static u32 *entry32(unsigned level, u64 linear)
{
	return (u32 *)&memory[TABLE(level) + (linear >> (level == 2 ? 22 : 12) & 0x3ff) * 4];
}

static void fresh(u64 cr4, u64 efer, unsigned levels)
{
	memset(memory, 0, sizeof(memory));
	readonly_tables = zeros_outside = false;
	nr_cmpxchg = interfere = 0;
	interfere_with = 0;
	env = (struct walk_env){
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr3 = TABLE(levels),
		.cr4 = cr4,
		.efer = efer,
		.gigabyte_pages = true,
		.maxphyaddr = MAXPHYADDR,
		.ctx = memory,
		.read = read_entry,
		.cmpxchg = cmpxchg_entry,
	};
}

/* Tables down to a 4 KiB page with these bits in every entry. */
#define PAGE_GPA 0x3fedcba98000ull

static void map64(u64 linear, unsigned levels, u64 bits)
{
	for (unsigned level = levels; level > 1; level--)
		*entry64(level, linear) = TABLE(level - 1) | bits;
	*entry64(1, linear) = PAGE_GPA | bits;
}

static void four_levels(void)
{
	fresh(CR4_PAE, EFER_LMA | EFER_LME | EFER_NXE, 4);
	map64(la4, 4, RWU);
}

static void pae(void)
{
	fresh(CR4_PAE, EFER_NXE, 3);
	map64(0x87654321, 3, RWU);
	*entry64(3, 0x87654321) = TABLE(2) | P;
	env.cr3 = TABLE(3) | 0x18; /* PWT, PCD */
}

static void two_levels(void)
{
	fresh(CR4_PSE, 0, 2);
	*entry32(2, 0x87654321) = TABLE(1) | RWU;
	*entry32(1, 0x87654321) = 0xabcde000 | RWU;
}

static void assert_ok(u64 linear, enum walk_access access, bool user, u64 expected)
{
	u64 gpa = 0;
	u32 pfec = ~0u;

	assert_int_equal(guest_walk_tables(&env, linear, access, user, &gpa, &pfec), WALK_OK);
	assert_int_equal(gpa, expected);
	assert_int_equal(pfec, 0);
}

/* A fault must leave the tables alone. */
static void assert_fault(u64 linear, enum walk_access access, bool user, u32 expected)
{
	static u8 before[MEMORY_SIZE];
	u64 gpa;
	u32 pfec = ~0u;

	memcpy(before, memory, sizeof(memory));
	assert_int_equal(guest_walk_tables(&env, linear, access, user, &gpa, &pfec), WALK_FAULT);
	assert_int_equal(pfec, expected);
	assert_memory_equal(before, memory, sizeof(memory));
}

static void test_no_paging(void **state)
{
	(void)state;
	fresh(CR4_PAE, EFER_LME, 4);
	env.cr0 = CR0_PE;
	assert_ok(0x12345678, WALK_WRITE, true, 0x12345678);
	assert_int_equal(nr_cmpxchg, 0);
}

static void test_four_levels(void **state)
{
	(void)state;
	four_levels();
	assert_ok(la4, WALK_READ, true, PAGE_GPA | 0xabc);
	*entry64(2, la4) = 0x3fffffe00000 | RWU | PS;
	assert_ok(la4, WALK_READ, true, 0x3fffffe00000 | (la4 & (2 * MiB - 1)));
	env.gigabyte_pages = false; /* 2 MiB pages don't need them */
	assert_ok(la4, WALK_READ, true, 0x3fffffe00000 | (la4 & (2 * MiB - 1)));
	env.gigabyte_pages = true;
	*entry64(3, la4) = 0x3fffc0000000 | RWU | PS;
	assert_ok(la4, WALK_READ, true, 0x3fffc0000000 | (la4 & (GiB - 1)));
	env.cr3 |= 0xfff; /* PCID */
	assert_ok(la4, WALK_READ, true, 0x3fffc0000000 | (la4 & (GiB - 1)));
	*entry64(3, la4) |= BIT(12); /* PAT, no address bit */
	assert_ok(la4, WALK_READ, true, 0x3fffc0000000 | (la4 & (GiB - 1)));
}

static void test_five_levels(void **state)
{
	(void)state;
	fresh(CR4_PAE | CR4_LA57, EFER_LMA | EFER_LME, 5);
	map64(la5, 5, RWU);
	assert_ok(la5, WALK_WRITE, true, PAGE_GPA | 0xabc);
	assert_fault(la5 ^ BIT(56), WALK_READ, true, PFERR_USER); /* the top index counts */
	assert_fault(la5 ^ BIT(48), WALK_READ, true, PFERR_USER);
}

static void test_pae(void **state)
{
	(void)state;
	pae();
	assert_ok(0x87654321, WALK_WRITE, true, PAGE_GPA | 0x321);
	*entry64(2, 0x87654321) = 0x3fffffe00000 | RWU | PS;
	assert_ok(0x87654321, WALK_WRITE, true, 0x3fffffe00000 | 0x54321);
	/* Four PDPTEs, anywhere on 32 bytes; the index is bits 31:30. */
	put(0x6fe0 + 2 * 8, TABLE(2) | P, 8);
	env.cr3 = 0x6fe0;
	assert_ok(0x87654321, WALK_WRITE, true, 0x3fffffe00000 | 0x54321);
	assert_fault(0xc7654321, WALK_READ, false, 0);
	assert_int_equal(*(u64 *)&memory[0x6fe0 + 2 * 8], TABLE(2) | P); /* no A flag there */
}

static void test_two_levels(void **state)
{
	(void)state;
	two_levels();
	assert_ok(0x87654321, WALK_WRITE, true, 0xabcde321);
	*entry32(2, 0x87654321) = 0x12400000 | RWU | PS;
	assert_ok(0x87654321, WALK_WRITE, true, 0x12400000 | (0x87654321 & 0x3fffff));
	*entry32(2, 0x87654321) = 0x12400000 | 0x5b << 13 | RWU | PS; /* PSE-36: bits 39:32 */
	assert_ok(0x87654321, WALK_WRITE, true, 0x5b12400000 | (0x87654321 & 0x3fffff));
	env.cr4 = 0; /* PS is ignored then */
	*entry32(2, 0x87654321) = TABLE(1) | RWU | PS;
	assert_ok(0x87654321, WALK_WRITE, true, 0xabcde321);
}

static void test_not_present(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		four_levels();
		*entry64(level, la4) &= ~P;
		*entry64(level, la4) |= BIT(51); /* nothing else counts then */
		assert_fault(la4, WALK_READ, false, 0);
		assert_fault(la4, WALK_READ, true, PFERR_USER);
		assert_fault(la4, WALK_WRITE, true, PFERR_USER | PFERR_WRITE);
		assert_fault(la4, WALK_FETCH, false, PFERR_FETCH);
	}
	for (unsigned level = 1; level <= 2; level++) {
		two_levels();
		*entry32(level, 0x87654321) &= ~P;
		assert_fault(0x87654321, WALK_WRITE, false, PFERR_WRITE);
		assert_fault(0x87654321, WALK_FETCH, true, PFERR_USER);
	}
	for (unsigned level = 1; level <= 3; level++) {
		pae();
		*entry64(level, 0x87654321) &= ~P;
		assert_fault(0x87654321, WALK_READ, true, PFERR_USER);
	}
}

/* One level at a time lacks a right; rights are the AND of all levels. */
static void test_user_bit(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		four_levels();
		*entry64(level, la4) &= ~US;
		assert_ok(la4, WALK_WRITE, false, PAGE_GPA | 0xabc);
		assert_fault(la4, WALK_READ, true, PFERR_PRESENT | PFERR_USER);
		assert_fault(la4, WALK_FETCH, true, PFERR_PRESENT | PFERR_USER | PFERR_FETCH);
	}
	pae(); /* PDPTEs have no U/S and R/W */
	assert_ok(0x87654321, WALK_WRITE, true, PAGE_GPA | 0x321);
	*entry64(2, 0x87654321) &= ~US;
	assert_fault(0x87654321, WALK_READ, true, PFERR_PRESENT | PFERR_USER);
	two_levels();
	*entry32(2, 0x87654321) &= ~US;
	assert_fault(0x87654321, WALK_READ, true, PFERR_PRESENT | PFERR_USER);
}

static void test_write_bit(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		four_levels();
		*entry64(level, la4) &= ~RW;
		assert_ok(la4, WALK_READ, true, PAGE_GPA | 0xabc);
		assert_fault(la4, WALK_WRITE, true, PFERR_PRESENT | PFERR_USER | PFERR_WRITE);
		assert_fault(la4, WALK_WRITE, false, PFERR_PRESENT | PFERR_WRITE);
		env.cr0 &= ~CR0_WP;
		assert_ok(la4, WALK_WRITE, false, PAGE_GPA | 0xabc);
		assert_fault(la4, WALK_WRITE, true, PFERR_PRESENT | PFERR_USER | PFERR_WRITE);
	}
	two_levels();
	*entry32(1, 0x87654321) &= ~RW;
	assert_fault(0x87654321, WALK_WRITE, false, PFERR_PRESENT | PFERR_WRITE);
}

static void test_execute_disable(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		four_levels();
		*entry64(level, la4) |= NX;
		assert_ok(la4, WALK_WRITE, true, PAGE_GPA | 0xabc);
		assert_fault(la4, WALK_FETCH, true, PFERR_PRESENT | PFERR_USER | PFERR_FETCH);
		assert_fault(la4, WALK_FETCH, false, PFERR_PRESENT | PFERR_FETCH);
		env.efer &= ~EFER_NXE; /* reserved then, and I/D is not reported */
		assert_fault(la4, WALK_READ, true, PFERR_PRESENT | PFERR_USER | PFERR_RSVD);
		assert_fault(la4, WALK_FETCH, true, PFERR_PRESENT | PFERR_USER | PFERR_RSVD);
		env.cr4 |= CR4_SMEP;
		assert_fault(la4, WALK_FETCH, true,
			     PFERR_PRESENT | PFERR_USER | PFERR_RSVD | PFERR_FETCH);
	}
}

static void test_smep(void **state)
{
	(void)state;
	four_levels();
	env.cr4 |= CR4_SMEP;
	assert_fault(la4, WALK_FETCH, false, PFERR_PRESENT | PFERR_FETCH);
	assert_ok(la4, WALK_FETCH, true, PAGE_GPA | 0xabc);
	assert_ok(la4, WALK_READ, false, PAGE_GPA | 0xabc);
	*entry64(3, la4) &= ~US; /* a supervisor page */
	assert_ok(la4, WALK_FETCH, false, PAGE_GPA | 0xabc);
}

static void test_smap(void **state)
{
	(void)state;
	four_levels();
	env.cr4 |= CR4_SMAP;
	assert_fault(la4, WALK_READ, false, PFERR_PRESENT);
	assert_fault(la4, WALK_WRITE, false, PFERR_PRESENT | PFERR_WRITE);
	env.cr0 &= ~CR0_WP;
	assert_fault(la4, WALK_WRITE, false, PFERR_PRESENT | PFERR_WRITE);
	assert_ok(la4, WALK_FETCH, false, PAGE_GPA | 0xabc);
	assert_ok(la4, WALK_READ, true, PAGE_GPA | 0xabc);
	env.ac = true;
	assert_ok(la4, WALK_READ, false, PAGE_GPA | 0xabc);
	env.ac = false;
	*entry64(2, la4) &= ~US;
	assert_ok(la4, WALK_WRITE, false, PAGE_GPA | 0xabc);
}

static void test_protection_keys(void **state)
{
	(void)state;
	four_levels();
	env.cr4 |= CR4_PKE;
	*entry64(1, la4) |= 5ull << 59;
	env.pkru = ~0u & ~(3u << 10);
	assert_ok(la4, WALK_WRITE, true, PAGE_GPA | 0xabc);
	env.pkru = 1u << 10; /* AD of key 5 */
	assert_fault(la4, WALK_READ, true, PFERR_PRESENT | PFERR_USER | PFERR_PK);
	assert_fault(la4, WALK_READ, false, PFERR_PRESENT | PFERR_PK);
	assert_ok(la4, WALK_FETCH, true, PAGE_GPA | 0xabc);
	env.pkru = 2u << 10; /* WD */
	assert_ok(la4, WALK_READ, true, PAGE_GPA | 0xabc);
	assert_fault(la4, WALK_WRITE, true, PFERR_PRESENT | PFERR_USER | PFERR_WRITE | PFERR_PK);
	assert_fault(la4, WALK_WRITE, false, PFERR_PRESENT | PFERR_WRITE | PFERR_PK);
	env.cr0 &= ~CR0_WP;
	assert_ok(la4, WALK_WRITE, false, PAGE_GPA | 0xabc);
	env.pkru = ~0u;
	*entry64(4, la4) &= ~US; /* supervisor pages have no key */
	assert_ok(la4, WALK_WRITE, false, PAGE_GPA | 0xabc);
	*entry64(4, la4) |= US;
	env.cr4 &= ~CR4_PKE;
	assert_ok(la4, WALK_WRITE, true, PAGE_GPA | 0xabc);
	pae(); /* long mode only */
	env.cr4 |= CR4_PKE;
	env.pkru = ~0u;
	assert_ok(0x87654321, WALK_WRITE, true, PAGE_GPA | 0x321);
}

/* Sets one bit after the other in the entry of a level: does it fault as reserved? */
static void check_reserved64(void (*setup)(void), u64 linear, unsigned level, u64 extra, u64 mask)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		u64 gpa, base;
		u32 pfec;
		bool reserved;

		setup();
		zeros_outside = true;
		base = *entry64(level, linear) | extra;
		if (extra & PS)
			base &= ~(BIT(12 + 9 * (level - 1)) - 1) | 0xfff;
		/* PS alone would turn a table's address into that of a large page. */
		if ((base & BIT(bit)) || (BIT(bit) == PS && !(mask & PS)))
			continue;
		/* A changed address leads to an entry that is not present: no RSVD from there. */
		*entry64(level, linear) = base | BIT(bit);
		reserved = guest_walk_tables(&env, linear, WALK_READ, false, &gpa, &pfec) ==
				   WALK_FAULT &&
			   (pfec & PFERR_RSVD);
		assert_int_equal(reserved, mask >> bit & 1);
		if (reserved)
			assert_int_equal(pfec, PFERR_PRESENT | PFERR_RSVD);
	}
}

static void no_nx(void)
{
	four_levels();
	env.efer &= ~EFER_NXE;
}

static void no_gigabyte_pages(void)
{
	four_levels();
	env.gigabyte_pages = false;
}

static void test_reserved_bits(void **state)
{
	const u64 beyond = BIT(52) - BIT(MAXPHYADDR);
	const u64 ignored = BIT(63) - BIT(52); /* reserved in PAE paging */

	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		check_reserved64(four_levels, la4, level, 0, beyond | (level == 4 ? PS : 0));
		check_reserved64(no_nx, la4, level, 0, beyond | NX | (level == 4 ? PS : 0));
	}
	check_reserved64(four_levels, la4, 2, PS, beyond | (BIT(21) - BIT(13)));
	check_reserved64(four_levels, la4, 3, PS, beyond | (BIT(30) - BIT(13)));
	check_reserved64(no_gigabyte_pages, la4, 3, 0, beyond | PS);
	check_reserved64(pae, 0x87654321, 1, 0, beyond | ignored);
	check_reserved64(pae, 0x87654321, 2, 0, beyond | ignored);
	check_reserved64(pae, 0x87654321, 2, PS, beyond | ignored | (BIT(21) - BIT(13)));
	check_reserved64(pae, 0x87654321, 3, 0, beyond | ignored | NX | 0x1e6);
}

static void test_reserved_large_pages(void **state)
{
	(void)state;
	four_levels(); /* PS turns bits 29:13 of the table's address into reserved ones */
	*entry64(3, la4) |= PS;
	assert_fault(la4, WALK_READ, false, PFERR_PRESENT | PFERR_RSVD);
	two_levels();
	*entry32(2, 0x87654321) = BIT(21) | RWU | PS;
	assert_fault(0x87654321, WALK_READ, false, PFERR_PRESENT | PFERR_RSVD);
	*entry32(2, 0x87654321) = BIT(20) | RWU | PS; /* address bit 39 */
	assert_ok(0x87654321, WALK_READ, false, BIT(39) | (0x87654321 & 0x3fffff));
	env.maxphyaddr = 39;
	assert_fault(0x87654321, WALK_READ, false, PFERR_PRESENT | PFERR_RSVD);
	env.maxphyaddr = 36;
	*entry32(2, 0x87654321) = BIT(16) | RWU | PS;
	assert_ok(0x87654321, WALK_READ, false, BIT(35) | (0x87654321 & 0x3fffff));
	*entry32(2, 0x87654321) = BIT(17) | RWU | PS;
	assert_fault(0x87654321, WALK_READ, false, PFERR_PRESENT | PFERR_RSVD);
	four_levels();
	env.maxphyaddr = 52;
	*entry64(1, la4) = 0xfffffffffffff000 & ~NX & ~1ull;
	*entry64(1, la4) |= RWU;
	assert_ok(la4, WALK_READ, true, 0xffffffffff000 | 0xabc);
}

static void test_accessed_and_dirty(void **state)
{
	(void)state;
	four_levels();
	assert_ok(la4, WALK_READ, true, PAGE_GPA | 0xabc);
	assert_int_equal(nr_cmpxchg, 4);
	for (unsigned level = 2; level <= 4; level++)
		assert_int_equal(*entry64(level, la4), TABLE(level - 1) | RWU | A);
	assert_int_equal(*entry64(1, la4), PAGE_GPA | RWU | A);
	assert_ok(la4, WALK_READ, true, PAGE_GPA | 0xabc);
	assert_ok(la4, WALK_FETCH, true, PAGE_GPA | 0xabc);
	assert_int_equal(nr_cmpxchg, 4); /* nothing to do any more */
	assert_ok(la4, WALK_WRITE, true, PAGE_GPA | 0xabc);
	assert_int_equal(nr_cmpxchg, 5);
	assert_int_equal(*entry64(1, la4), PAGE_GPA | RWU | A | D);
	assert_int_equal(*entry64(2, la4), TABLE(1) | RWU | A);

	four_levels(); /* the leaf of a large page takes D */
	*entry64(2, la4) = 0x200000 | RWU | PS;
	assert_ok(la4, WALK_WRITE, false, 0x200000 | (la4 & (2 * MiB - 1)));
	assert_int_equal(*entry64(2, la4), 0x200000 | RWU | PS | A | D);
	assert_int_equal(*entry64(1, la4), PAGE_GPA | RWU);

	two_levels();
	put(TABLE(1) + (0x87654321 >> 12 & 0x3ff) * 4 + 4, 0xdeadbeef, 4); /* its neighbour stays */
	assert_ok(0x87654321, WALK_WRITE, true, 0xabcde321);
	assert_int_equal(*entry32(2, 0x87654321), TABLE(1) | RWU | A);
	assert_int_equal(*entry32(1, 0x87654321), 0xabcde000 | RWU | A | D);
	assert_int_equal(*entry32(1, 0x87655321), 0xdeadbeef);

	pae();
	assert_ok(0x87654321, WALK_WRITE, true, PAGE_GPA | 0x321);
	assert_int_equal(*entry64(3, 0x87654321), TABLE(2) | P);
	assert_int_equal(*entry64(2, 0x87654321), TABLE(1) | RWU | A);
}

static void test_concurrent_change(void **state)
{
	(void)state;
	four_levels(); /* another CPU sets a bit: the walk starts again and keeps it */
	interfere = 3;
	interfere_with = BIT(9);
	assert_ok(la4, WALK_WRITE, true, PAGE_GPA | 0xabc);
	assert_int_equal(*entry64(4, la4), TABLE(3) | RWU | A | BIT(9));
	four_levels(); /* another CPU takes the page away */
	*entry64(4, la4) |= A;
	*entry64(3, la4) |= A;
	*entry64(2, la4) |= A;
	interfere = 1;
	interfere_with = P;
	{
		u64 gpa;
		u32 pfec;

		assert_int_equal(guest_walk_tables(&env, la4, WALK_WRITE, true, &gpa, &pfec),
				 WALK_FAULT);
		assert_int_equal(pfec, PFERR_USER | PFERR_WRITE);
	}
	four_levels(); /* another CPU never stops: a spurious fault, no endless loop */
	interfere = ~0u;
	interfere_with = BIT(9);
	{
		u64 gpa;
		u32 pfec;

		assert_int_equal(guest_walk_tables(&env, la4, WALK_READ, false, &gpa, &pfec),
				 WALK_FAULT);
		assert_int_equal(pfec, PFERR_PRESENT);
	}
}

static void test_tables_outside_memory(void **state)
{
	(void)state;
	four_levels(); /* reads as all ones: PS is reserved in a PML4E */
	env.cr3 = 0x100000;
	assert_fault(la4, WALK_READ, true, PFERR_PRESENT | PFERR_USER | PFERR_RSVD);
	four_levels();
	*entry64(4, la4) = 0x100000 | RWU;
	assert_fault(la4, WALK_READ, true, PFERR_PRESENT | PFERR_USER | PFERR_RSVD);
	two_levels();
	env.cr3 = 0xfffff000;
	assert_fault(0x87654321, WALK_READ, true, PFERR_PRESENT | PFERR_USER | PFERR_RSVD);
	four_levels(); /* tables in ROM: no flags, but they translate */
	readonly_tables = true;
	assert_ok(la4, WALK_WRITE, true, PAGE_GPA | 0xabc);
	assert_int_equal(*entry64(1, la4), PAGE_GPA | RWU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_paging),
		cmocka_unit_test(test_four_levels),
		cmocka_unit_test(test_five_levels),
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_two_levels),
		cmocka_unit_test(test_not_present),
		cmocka_unit_test(test_user_bit),
		cmocka_unit_test(test_write_bit),
		cmocka_unit_test(test_execute_disable),
		cmocka_unit_test(test_smep),
		cmocka_unit_test(test_smap),
		cmocka_unit_test(test_protection_keys),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_reserved_large_pages),
		cmocka_unit_test(test_accessed_and_dirty),
		cmocka_unit_test(test_concurrent_change),
		cmocka_unit_test(test_tables_outside_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

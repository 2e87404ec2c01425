/* SPDX-License-Identifier: MIT */
/* Pages from the firmware: where they lie, what is given back, sizes that no memory has. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/loader.h"
#include "boot/image.h"

#define LOW  0x1234000ull
#define HIGH (5 * GiB)

static struct {
	unsigned calls;
	UINTN pages; /* of the last call */
	u64 last;    /* highest address wanted */
	bool no_low, nothing;
	u64 freed[2][2]; /* base, pages */
	unsigned frees;
} fw;

static EFI_STATUS EFIAPI allocate_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
					EFI_PHYSICAL_ADDRESS *base)
{
	assert_int_equal(type, EfiLoaderData);
	fw.calls++;
	fw.pages = pages;
	fw.last = how == AllocateMaxAddress ? *base : 0;
	if (fw.nothing || (fw.no_low && how == AllocateMaxAddress))
		return EFI_OUT_OF_RESOURCES;
	*base = how == AllocateMaxAddress ? LOW : HIGH;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI free_pages(EFI_PHYSICAL_ADDRESS base, UINTN pages)
{
	assert_true(fw.frees < ARRAY_SIZE(fw.freed));
	fw.freed[fw.frees][0] = base;
	fw.freed[fw.frees++][1] = pages;
	return EFI_SUCCESS;
}

static EFI_BOOT_SERVICES services = { .AllocatePages = allocate_pages, .FreePages = free_pages };
EFI_BOOT_SERVICES *BS = &services;

EFI_STATUS console_fatal(const char *what, const char *problem, EFI_STATUS status)
{
	fail_msg("%s: %s", what, problem);
	return status;
}

static int setup(void **state)
{
	(void)state;
	memset(&fw, 0, sizeof(fw));
	return 0;
}

static void whole_pages(void **state)
{
	static const struct {
		u64 bytes, pages;
	} cases[] = { { 0, 1 }, { 1, 1 }, { 4096, 1 }, { 4097, 2 }, { GiB, 262144 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(memory_allocate(cases[i].bytes), LOW);
		assert_int_equal(fw.pages, cases[i].pages);
		assert_int_equal(fw.last, 0xffffffff);
		fw.frees = 0;
		memory_free(LOW, cases[i].bytes);
		assert_int_equal(fw.freed[0][1], cases[i].pages);
	}
}

static void high_memory(void **state)
{
	(void)state;
	fw.no_low = true;
	assert_int_equal(memory_allocate(1), HIGH);
	assert_int_equal(memory_allocate_low(1), 0);
	fw.nothing = true;
	assert_int_equal(memory_allocate(1), 0);
}

/* Sizes come from volumes and servers. Firmware computes with bytes, and they would wrap there. */
static void absurd_sizes(void **state)
{
	static const u64 sizes[] = { UINT64_MAX,     UINT64_MAX - 4094, UINT64_MAX - 4095,
				     UINT64_MAX / 2, 1ull << 52,	(1ull << 52) - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(memory_allocate(sizes[i]), 0);
		assert_int_equal(memory_allocate_low(sizes[i]), 0);
	}
	assert_int_equal(fw.calls, 0);
}

/* The parts of the block before and behind the aligned image are given back. */
static void image(void **state)
{
	const u64 size = 3 * PAGE_SIZE, base = ALIGN_UP(LOW, IMAGE_ALIGN);

	(void)state;
	assert_int_equal(memory_allocate_image(size - 1), base);
	assert_int_equal(fw.pages * PAGE_SIZE, size + IMAGE_ALIGN);
	assert_int_equal(fw.frees, 2);
	assert_int_equal(fw.freed[0][0], LOW);
	assert_int_equal(fw.freed[0][0] + fw.freed[0][1] * PAGE_SIZE, base);
	assert_int_equal(fw.freed[1][0], base + size);
	assert_int_equal(fw.freed[1][0] + fw.freed[1][1] * PAGE_SIZE, LOW + size + IMAGE_ALIGN);
	fw.nothing = true;
	assert_int_equal(memory_allocate_image(size), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_pages),
		TEST(high_memory),
		TEST(absurd_sizes),
		TEST(image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

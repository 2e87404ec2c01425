/* SPDX-License-Identifier: MIT */
/* Linux bzImages: 64- and 32-bit entry, placement, and every way in which the file can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/loader_fixture.h"

#define SETUP_SECTS 4u
#define CODE_OFFSET ((SETUP_SECTS + 1) * 512)
#define CODE_SIZE   0x3000u
#define PREF	    0x1000000u
#define INIT_SIZE   0x400000u

static void make_linux(struct fixture *f)
{
	u8 *k = f->kernel;

	memset(k, 0, sizeof(f->kernel));
	memset(k, 0xee, 0x1f1); /* the old boot sector must not get into the zero page */
	k[0x1f1] = SETUP_SECTS;
	put32(k + 0x1f4, CODE_SIZE / 16);
	put16(k + 0x1fe, 0xaa55);
	k[0x200] = 0xeb;
	k[0x201] = 0x26c - 0x202;
	memcpy(k + 0x202, "HdrS", 4);
	put16(k + 0x206, 0x020f);
	k[0x211] = 1;
	put32(k + 0x214, 0x100000);
	put32(k + 0x22c, 0x7fffffff);
	put32(k + 0x230, 0x200000);
	k[0x234] = 1;
	put16(k + 0x236, 0x3f);
	put32(k + 0x238, 2047);
	put32(k + 0x248, 0x100);
	put32(k + 0x24c, CODE_SIZE - 0x100);
	put64(k + 0x258, PREF);
	put32(k + 0x260, INIT_SIZE);
	memset(k + 0x26c, 0xdd, 16); /* after the header: not ours to copy */
	memset(k + CODE_OFFSET, 0xcc, CODE_SIZE);
	f->img.kernel.size = CODE_OFFSET + CODE_SIZE;
}

static void check_zero_page(const struct fixture *f, const u8 *zp, u32 kernel)
{
	const u8 *e820 = zp + 0x2d0;

	assert_int_equal((zp - f->ram) % PAGE_SIZE, 0);
	for (unsigned i = 0; i < 0x1f1; i++)
		if ((i < 0x70 || i >= 0x78) && i != 0x1e8)
			assert_int_equal(zp[i], 0);
	assert_int_equal(get64(zp + 0x70), 0xf0000);
	assert_int_equal(zp[0x1e8], 4);
	assert_int_equal(zp[0x210], 0xff);
	assert_int_equal(get32(zp + 0x214), kernel);
	assert_int_equal(zp[0x26c], 0);
	assert_string_equal((char *)f->ram + get32(zp + 0x228), "hello world");

	assert_int_equal(get64(e820), 0);
	assert_int_equal(get64(e820 + 8), 0x9fc00);
	assert_int_equal(get32(e820 + 16), 1);
	assert_int_equal(get64(e820 + 40), 0x100000);
	assert_int_equal(get64(e820 + 48), FIXTURE_MEMORY - 0x100000);
	assert_int_equal(get32(e820 + 56), 1);
}

/* Walks the page tables: 2 MiB pages, present and writable, each onto itself. */
static void check_identity_map(const struct fixture *f)
{
	const u64 frame = 0xffffffffff000ull;

	for (u64 gpa = 0; gpa < 4 * GiB; gpa += 2 * MiB) {
		u64 pml4e = get64(f->ram + f->boot.cr3);
		u64 pdpte = get64(f->ram + (pml4e & frame) + (gpa >> 30) * 8);
		u64 pde = get64(f->ram + (pdpte & frame) + (gpa >> 21 & 511) * 8);

		assert_int_equal(pml4e & 0xfff, 3);
		assert_int_equal(pdpte & 0xfff, 3);
		assert_int_equal(pde, gpa | 0x83);
	}
	assert_int_equal(get64(f->ram + f->boot.cr3 + 8), 0);
}

static void loads_64bit(void **state)
{
	struct fixture *f = *state;
	const u8 *zp;

	make_linux(f);
	f->img.initrd.size = sizeof(f->initrd);
	assert_int_equal(loader_detect(&f->img), LOADER_LINUX);
	assert_int_equal(fixture_load(f), FIRN_OK);

	assert_int_equal(f->boot.mode, BOOT_LONG);
	assert_int_equal(f->boot.rip, PREF + 0x200);
	assert_memory_equal(f->ram + PREF, f->kernel + CODE_OFFSET, CODE_SIZE);
	assert_int_equal(f->ram[PREF + CODE_SIZE], FIXTURE_FILL);
	zp = f->ram + f->boot.rsi;
	check_zero_page(f, zp, PREF);
	check_identity_map(f);
	assert_int_equal(get32(zp + 0x21c), sizeof(f->initrd));
	assert_int_equal(get32(zp + 0x218), ALIGN_DOWN(FIXTURE_MEMORY - sizeof(f->initrd), 4096));
	assert_memory_equal(f->ram + get32(zp + 0x218), f->initrd, sizeof(f->initrd));
	assert_int_equal(boot_descriptor(f, 0x10), 0x00af9b000000ffff);
	assert_int_equal(boot_descriptor(f, 0x18), 0x00cf93000000ffff);
	assert_int_equal(f->boot.code_selector, 0x10);
	assert_int_equal(f->boot.data_selector, 0x18);
}

static void loads_32bit(void **state)
{
	struct fixture *f = *state;

	make_linux(f);
	put16(f->kernel + 0x236, 0x3e); /* no XLF_KERNEL_64 */
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.mode, BOOT_PROTECTED);
	assert_int_equal(f->boot.rip, PREF);
	assert_int_equal(f->boot.cr3, 0);
	check_zero_page(f, f->ram + f->boot.rsi, PREF);
	assert_int_equal(boot_descriptor(f, 0x10), 0x00cf9b000000ffff);
}

/* Protocol 2.06 has no pref_address, init_size or xloadflags: what is there is code. */
static void loads_old_protocol(void **state)
{
	struct fixture *f = *state;

	make_linux(f);
	put16(f->kernel + 0x206, 0x0206);
	f->kernel[0x201] = 0x23c - 0x202;
	f->kernel[0x234] = 0;
	memset(f->kernel + 0x23c, 0xff, 0x50);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.mode, BOOT_PROTECTED);
	assert_int_equal(f->boot.rip, 0x100000);
	check_zero_page(f, f->ram + f->boot.rsi, 0x100000);
}

static void relocates_when_it_must(void **state)
{
	struct fixture *f = *state;

	make_linux(f);
	put64(f->kernel + 0x258, FIXTURE_MEMORY - INIT_SIZE + 1);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.rip, 0x200000 + 0x200); /* aligned, above 1 MiB */

	put64(f->kernel + 0x258, 8 * GiB);
	assert_int_equal(loader_check(&f->img, 16 * GiB, &f->err), FIRN_OK);
	f->kernel[0x234] = 0;
	assert_int_equal(loader_check(&f->img, 16 * GiB, &f->err), ERR_RANGE);
}

static void places_initrd_below_the_kernels_limit(void **state)
{
	struct fixture *f = *state;
	u32 at;

	make_linux(f);
	f->img.initrd.size = sizeof(f->initrd);
	put32(f->kernel + 0x22c, 0x17fffff);
	assert_int_equal(fixture_load(f), FIRN_OK);
	at = get32(f->ram + f->boot.rsi + 0x218);
	assert_int_equal(at, ALIGN_DOWN(0x1800000 - sizeof(f->initrd), 4096));

	/* The kernel's own room is right below the limit: the initrd goes under it. */
	put32(f->kernel + 0x22c, PREF + INIT_SIZE - 1);
	assert_int_equal(fixture_load(f), FIRN_OK);
	at = get32(f->ram + f->boot.rsi + 0x218);
	assert_int_equal(at, ALIGN_DOWN(PREF - sizeof(f->initrd), 4096));
}

static void refuses_wrong_headers(void **state)
{
	static const struct {
		unsigned at, size;
		u64 value;
		enum firn_err err;
		const char *text;
	} wrong[] = {
		{ 0x1fe, 2, 0, ERR_FORMAT, "boot flag at 0x1fe is 0x0000" },
		{ 0x206, 2, 0x0205, ERR_UNSUPPORTED, "boot protocol 2.05" },
		{ 0x211, 1, 0, ERR_UNSUPPORTED, "zImage" },
		{ 0x1f1, 1, 200, ERR_TRUNCATED,
		  "says 201 sectors before the kernel but the file "
		  "has 29" },
		{ 0x1f4, 4, CODE_SIZE / 16 + 1, ERR_TRUNCATED, "says 12304 bytes of kernel" },
		{ 0x1f4, 4, ~0u, ERR_TRUNCATED, "bytes of kernel but the file has 12288" },
		{ 0x24c, 4, CODE_SIZE - 0xff, ERR_TRUNCATED, "says 12289 bytes" },
		{ 0x248, 4, ~0u, ERR_TRUNCATED, "bytes of kernel" },
		{ 0x230, 4, 0x300000, ERR_FORMAT, "kernel_alignment 0x300000" },
		{ 0x230, 4, 0x80000000, ERR_RANGE, "no room for the kernel" },
		{ 0x260, 4, ~0u, ERR_RANGE, "no room for the kernel (4194304 KiB)" },
		{ 0x238, 4, 10, ERR_RANGE, "command line has 11 characters, this kernel takes 10" },
		{ 0x22c, 4, 0x100000, ERR_RANGE, "no room for initrd initrd.gz" },
	};
	struct fixture *f = *state;

	f->img.initrd.size = sizeof(f->initrd);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		make_linux(f);
		put64(f->kernel + 0x258, FIXTURE_MEMORY); /* so that it must be relocated */
		memcpy(f->kernel + wrong[i].at, &wrong[i].value, wrong[i].size);
		fixture_refuses(f, wrong[i].err, wrong[i].text);
	}
}

static void refuses_what_a_fixed_kernel_lacks(void **state)
{
	struct fixture *f = *state;

	make_linux(f);
	f->kernel[0x234] = 0;
	put64(f->kernel + 0x258, FIXTURE_MEMORY - INIT_SIZE + 1);
	fixture_refuses(f, ERR_RANGE, "the kernel at 0x1c00001");
	make_linux(f);
	f->img.nr_modules = 1;
	fixture_refuses(f, ERR_UNSUPPORTED, "no modules");
}

/* Every shorter file is refused, and with clear words. */
static void refuses_every_truncation(void **state)
{
	struct fixture *f = *state;
	enum firn_err err;

	make_linux(f);
	for (f->img.kernel.size = 0; f->img.kernel.size < CODE_OFFSET + CODE_SIZE;
	     f->img.kernel.size++) {
		/* A copy of just that size, so that the sanitizer sees reads beyond it. */
		u8 *copy = malloc(f->img.kernel.size);

		memcpy(copy, f->kernel, f->img.kernel.size);
		f->img.kernel.data = copy;
		err = loader_check(&f->img, FIXTURE_MEMORY, &f->err);
		assert_true(err == ERR_TRUNCATED || err == ERR_FORMAT);
		assert_true(strlen(f->err.text) > 20);
		free(copy);
	}
}

static void refuses_other_files(void **state)
{
	struct fixture *f = *state;

	memset(f->kernel, 'x', sizeof(f->kernel));
	assert_int_equal(loader_detect(&f->img), LOADER_UNKNOWN);
	fixture_refuses(f, ERR_FORMAT, "no multiboot 1 header, no ELF with a PVH note, no Linux");
	f->img.kernel.size = 0;
	fixture_refuses(f, ERR_TRUNCATED, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads_64bit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(loads_32bit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(loads_old_protocol, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(relocates_when_it_must, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(places_initrd_below_the_kernels_limit,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_headers, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_what_a_fixed_kernel_lacks, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_every_truncation, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_other_files, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests_name("loader_linux", tests, NULL, NULL);
}

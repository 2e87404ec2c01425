/* SPDX-License-Identifier: MIT */
/* Multiboot 1 kernels, ELF32 and with address fields, and every way in which they can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/loader_fixture.h"

#define HEADER	  0x100u /* where the tests put it in ELF files */
#define FLAT_LOAD 0x180000u
#define FLAT_SIZE 0x5000u
#define FLAT_SKIP 0x40u /* bytes of the file that are not loaded */

static void put_header(struct fixture *f, unsigned at, u32 flags)
{
	put32(f->kernel + at, 0x1badb002);
	put32(f->kernel + at + 4, flags);
	put32(f->kernel + at + 8, -(0x1badb002 + flags));
}

static void make_multiboot(struct fixture *f, bool is64)
{
	make_elf(f, is64, 1);
	put_header(f, HEADER, 3);
}

static u8 *flat_field(struct fixture *f, unsigned n)
{
	return f->kernel + HEADER + 12 + n * 4;
}

static void make_flat(struct fixture *f)
{
	memset(f->kernel, 0x99, sizeof(f->kernel));
	put_header(f, HEADER, BIT(16));
	put32(flat_field(f, 0), FLAT_LOAD + HEADER - FLAT_SKIP);
	put32(flat_field(f, 1), FLAT_LOAD);
	put32(flat_field(f, 2), FLAT_LOAD + FLAT_SIZE);
	put32(flat_field(f, 3), FLAT_LOAD + FLAT_SIZE + 0x100);
	put32(flat_field(f, 4), FLAT_LOAD + 0x20);
}

static void check_info(const struct fixture *f)
{
	const u8 *mbi = f->ram + f->boot.rbx;
	const u8 *map = f->ram + get32(mbi + 48);

	assert_int_equal(f->boot.mode, BOOT_PROTECTED);
	assert_int_equal(f->boot.rax, 0x2badb002);
	assert_int_equal(get32(mbi), BIT(0) | BIT(2) | BIT(3) | BIT(6) | BIT(9));
	assert_int_equal(get32(mbi + 4), 639);
	assert_int_equal(get32(mbi + 8), (FIXTURE_MEMORY - MiB) / 1024);
	assert_string_equal((char *)f->ram + get32(mbi + 16), "test.krn hello world");
	assert_string_equal((char *)f->ram + get32(mbi + 64), "Firn");
	assert_int_equal(get32(mbi + 44), 4 * 24);
	assert_int_equal(get32(map), 20);
	assert_int_equal(get64(map + 12), 0x9fc00);
	assert_int_equal(get32(map + 20), 1);
	assert_int_equal(get64(map + 48 + 4), 0x100000);
	assert_int_equal(get64(map + 48 + 12), FIXTURE_MEMORY - 0x100000);
	assert_int_equal(boot_descriptor(f, f->boot.code_selector), 0x00cf9b000000ffff);
	assert_int_equal(boot_descriptor(f, f->boot.data_selector), 0x00cf93000000ffff);
}

static void loads_elf32(void **state)
{
	struct fixture *f = *state;
	const u8 *mbi, *mods;

	make_multiboot(f, false);
	f->img.initrd.size = sizeof(f->initrd);
	f->img.nr_modules = 1;
	f->img.module[0] = (struct loader_module){ { "mod", "abc", 3 }, "some args" };
	assert_int_equal(loader_detect(&f->img), LOADER_MULTIBOOT);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.rip, ELF_ENTRY);
	assert_memory_equal(f->ram + ELF_PADDR, f->kernel + ELF_CODE, ELF_FILESZ);
	assert_int_equal(f->ram[ELF_PADDR + ELF_FILESZ], 0);
	assert_int_equal(f->ram[ELF_PADDR + ELF_MEMSZ - 1], 0);
	check_info(f);

	mbi = f->ram + f->boot.rbx;
	assert_int_equal(get32(mbi + 20), 2);
	mods = f->ram + get32(mbi + 24);
	assert_int_equal(get32(mods), ELF_PADDR + ELF_MEMSZ);
	assert_int_equal(get32(mods + 4) - get32(mods), sizeof(f->initrd));
	assert_memory_equal(f->ram + get32(mods), f->initrd, sizeof(f->initrd));
	assert_string_equal((char *)f->ram + get32(mods + 8), "initrd.gz");
	assert_int_equal(get32(mods + 16), ALIGN_UP(get32(mods + 4), 4096));
	assert_int_equal(get32(mods + 20), get32(mods + 16) + 3);
	assert_memory_equal(f->ram + get32(mods + 16), "abc", 3);
	assert_string_equal((char *)f->ram + get32(mods + 24), "mod some args");
}

/* As GNU Mach is: a 64-bit file that begins with 32-bit code. */
static void loads_elf64(void **state)
{
	struct fixture *f = *state;

	make_multiboot(f, true);
	assert_int_equal(loader_detect(&f->img), LOADER_MULTIBOOT);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.rip, ELF_ENTRY);
	assert_memory_equal(f->ram + ELF_PADDR, f->kernel + ELF_CODE, ELF_FILESZ);
	assert_int_equal(f->ram[ELF_PADDR + ELF_MEMSZ - 1], 0);
	check_info(f);
}

/* A kernel linked high but loaded low starts at the low address. */
static void translates_the_entry(void **state)
{
	struct fixture *f = *state;

	make_multiboot(f, false);
	put32(elf_phdr(f, 0) + 8, 0xc0200000);
	put32(f->kernel + 24, 0xc0200010);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.rip, ELF_ENTRY);
}

static void loads_by_address_fields(void **state)
{
	struct fixture *f = *state;

	make_flat(f);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.rip, FLAT_LOAD + 0x20);
	assert_memory_equal(f->ram + FLAT_LOAD, f->kernel + FLAT_SKIP, FLAT_SIZE);
	for (unsigned i = 0; i < 0x100; i++)
		assert_int_equal(f->ram[FLAT_LOAD + FLAT_SIZE + i], 0);
	assert_int_equal(f->ram[FLAT_LOAD + FLAT_SIZE + 0x100], FIXTURE_FILL);
	check_info(f);
}

/* load_end_addr 0 is the whole file, bss_end_addr 0 is no bss; also for a 64-bit ELF file. */
static void loads_whole_file_by_address_fields(void **state)
{
	struct fixture *f = *state;

	make_multiboot(f, true);
	put_header(f, HEADER, 3 | BIT(16));
	put32(flat_field(f, 0), FLAT_LOAD + HEADER);
	put32(flat_field(f, 1), FLAT_LOAD);
	put32(flat_field(f, 2), 0);
	put32(flat_field(f, 3), 0);
	put32(flat_field(f, 4), FLAT_LOAD);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_memory_equal(f->ram + FLAT_LOAD, f->kernel, f->img.kernel.size);
	assert_int_equal(f->ram[FLAT_LOAD + f->img.kernel.size], FIXTURE_FILL);
}

static void finds_the_header(void **state)
{
	struct fixture *f = *state;

	make_elf(f, false, 1);
	f->img.kernel.size = sizeof(f->kernel);
	put_header(f, 8192 - 12, 0);
	assert_int_equal(loader_detect(&f->img), LOADER_MULTIBOOT);
	f->kernel[8192 - 1] ^= 1; /* checksum */
	assert_int_equal(loader_detect(&f->img), LOADER_UNKNOWN);
	put_header(f, 8192 - 8, 0); /* its end is beyond the search range */
	assert_int_equal(loader_detect(&f->img), LOADER_UNKNOWN);
	put_header(f, 0x202, 0); /* not aligned */
	assert_int_equal(loader_detect(&f->img), LOADER_UNKNOWN);
	put32(f->kernel + 0x100, 0x1badb002); /* a false one before */
	put_header(f, 0x204, 0);
	assert_int_equal(loader_detect(&f->img), LOADER_MULTIBOOT);
}

static void refuses_flags(void **state)
{
	struct fixture *f = *state;

	make_multiboot(f, false);
	put_header(f, HEADER, 4);
	fixture_refuses(f, ERR_UNSUPPORTED, "video mode");
	for (unsigned bit = 3; bit < 16; bit++) {
		put_header(f, HEADER, BIT(bit));
		fixture_refuses(f, ERR_UNSUPPORTED, "unknown features");
	}
	put_header(f, HEADER, 3 | 0xfffeu << 16); /* upper half: may be ignored */
	assert_int_equal(fixture_load(f), FIRN_OK);
}

static void refuses_wrong_elf(void **state)
{
	struct fixture *f = *state;

	make_multiboot(f, true);
	put64(elf_phdr(f, 0) + 24, 4 * GiB); /* p_paddr */
	fixture_refuses(f, ERR_FORMAT, "32-bit code below 4 GiB");
	make_multiboot(f, false);
	put32(f->kernel + 24, ELF_PADDR + ELF_MEMSZ);
	fixture_refuses(f, ERR_FORMAT, "ELF entry");
	make_multiboot(f, false);
	f->kernel[0] = 0;
	fixture_refuses(f, ERR_FORMAT, "not ELF");
	make_multiboot(f, false);
	put16(f->kernel + 18, 40);
	fixture_refuses(f, ERR_FORMAT, "ELF machine 40");
	make_multiboot(f, false);
	put32(f->kernel + 28, ~0u - 4);
	fixture_refuses(f, ERR_TRUNCATED, "program headers at 0xfffffffb");
	make_multiboot(f, false);
	put32(elf_phdr(f, 0) + 16, ELF_FILESZ + 1);
	fixture_refuses(f, ERR_TRUNCATED, "ELF segment 0: 0x801 bytes at 0x1000");
	make_multiboot(f, false);
	put32(elf_phdr(f, 0) + 20, ELF_FILESZ - 1);
	fixture_refuses(f, ERR_FORMAT, "ELF segment 0: 0x800 bytes in the file but 0x7ff");
	make_multiboot(f, false);
	put32(elf_phdr(f, 0), 6);
	fixture_refuses(f, ERR_FORMAT, "ELF entry");
}

static void refuses_wrong_address_fields(void **state)
{
	static const struct {
		unsigned field;
		u32 value;
		enum firn_err err;
		const char *text;
	} wrong[] = {
		{ 0, FLAT_LOAD - 1, ERR_FORMAT, "does not fit header_addr" },
		{ 0, FLAT_LOAD + HEADER + 1, ERR_FORMAT, "does not fit header_addr" },
		{ 2, FLAT_LOAD - 1, ERR_TRUNCATED, "load_end_addr 0x17ffff" },
		{ 2, FLAT_LOAD + 64 * 1024, ERR_TRUNCATED, "only 0xffc0 bytes" },
		{ 3, FIXTURE_MEMORY + 1, ERR_RANGE, "the image at 0x180000" },
		{ 3, ~0u, ERR_RANGE, "the image at 0x180000" },
		{ 4, FLAT_LOAD - 1, ERR_FORMAT, "entry_addr 0x17ffff" },
		{ 4, FLAT_LOAD + FLAT_SIZE + 0x100, ERR_FORMAT, "outside the image" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		make_flat(f);
		put32(flat_field(f, wrong[i].field), wrong[i].value);
		fixture_refuses(f, wrong[i].err, wrong[i].text);
	}
	make_flat(f);
	f->img.kernel.size = HEADER + 31;
	fixture_refuses(f, ERR_TRUNCATED, "header is cut off");
}

static void refuses_long_command_lines(void **state)
{
	struct fixture *f = *state;
	char *args = malloc(48 * KiB);

	memset(args, 'x', 48 * KiB);
	args[48 * KiB - 1] = '\0';
	make_multiboot(f, false);
	f->img.cmdline = args;
	fixture_refuses(f, ERR_RANGE, "shorten the command lines");
	free(args);
}

/* Whatever the sizes: parts never overlap the kernel or each other, and lie in RAM. */
static void modules_never_overlap(void **state)
{
	struct fixture *f = *state;

	srand(1);
	make_multiboot(f, false);
	f->img.nr_modules = CONFIG_MAX_MODULES;
	for (unsigned round = 0; round < 200; round++) {
		const u8 *mods;
		u32 end;

		put32(elf_phdr(f, 0) + 20, ELF_FILESZ + rand() % (4 * MiB));
		end = ELF_PADDR + get32(elf_phdr(f, 0) + 20);
		for (unsigned i = 0; i < CONFIG_MAX_MODULES; i++) {
			f->img.module[i].file =
				(struct loader_file){ "mod", f->kernel,
						      1 + rand() % sizeof(f->kernel) };
			f->img.module[i].args = "";
		}
		assert_int_equal(fixture_load(f), FIRN_OK);
		mods = f->ram + get32(f->ram + f->boot.rbx + 24);
		for (unsigned i = 0; i < CONFIG_MAX_MODULES; i++, mods += 16) {
			assert_true(get32(mods) >= end);
			assert_true(get32(mods) - end < 4096);
			assert_int_equal(get32(mods) % 4096, 0);
			end = get32(mods + 4);
			assert_true(end <= FIXTURE_MEMORY);
			assert_memory_equal(f->ram + get32(mods), f->kernel, end - get32(mods));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads_elf32, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(loads_elf64, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(translates_the_entry, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(loads_by_address_fields, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(loads_whole_file_by_address_fields, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(finds_the_header, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_flags, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_elf, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_address_fields, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_long_command_lines, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(modules_never_overlap, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests_name("loader_multiboot", tests, NULL, NULL);
}

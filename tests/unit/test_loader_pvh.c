/* SPDX-License-Identifier: MIT */
/* PVH kernels: what reaches guest memory, and every way in which the file can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/loader_fixture.h"

static void make_pvh(struct fixture *f, bool is64)
{
	make_elf(f, is64, 2);
	make_pvh_note(f, 1, ELF_ENTRY, is64 ? 8 : 4);
}

static void check_memmap(const struct fixture *f, const u8 *info)
{
	const u8 *map = f->ram + get64(info + 40);

	assert_int_equal(get32(info + 48), 4);
	assert_int_equal(get64(map), 0);
	assert_int_equal(get64(map + 8), 0x9fc00);
	assert_int_equal(get32(map + 16), 1);
	assert_int_equal(get64(map + 24), 0x9fc00);
	assert_int_equal(get32(map + 40), 2);
	assert_int_equal(get64(map + 48), 0x100000);
	assert_int_equal(get64(map + 56), FIXTURE_MEMORY - 0x100000);
	assert_int_equal(get64(map + 72), 0xe0000000);
}

static void loads(struct fixture *f, bool is64)
{
	const u8 *info, *mod;

	make_pvh(f, is64);
	f->img.initrd.size = sizeof(f->initrd);
	f->img.nr_modules = 1;
	f->img.module[0] = (struct loader_module){ { "m", "abc", 3 }, "m args" };
	assert_int_equal(loader_detect(&f->img), LOADER_PVH);
	assert_int_equal(fixture_load(f), FIRN_OK);

	assert_int_equal(f->boot.mode, BOOT_PROTECTED);
	assert_int_equal(f->boot.rip, ELF_ENTRY);
	assert_memory_equal(f->ram + ELF_PADDR, f->kernel + ELF_CODE, ELF_FILESZ);
	for (unsigned i = ELF_FILESZ; i < ELF_MEMSZ; i++)
		assert_int_equal(f->ram[ELF_PADDR + i], 0);
	assert_int_equal(f->ram[ELF_PADDR - 1], FIXTURE_FILL);
	assert_int_equal(f->ram[ELF_PADDR + ELF_MEMSZ], FIXTURE_FILL);

	info = f->ram + f->boot.rbx;
	assert_int_equal(get32(info), 0x336ec578);
	assert_int_equal(get32(info + 4), 1);
	assert_int_equal(get32(info + 12), 2);
	assert_string_equal((char *)f->ram + get64(info + 24), "hello world");
	assert_int_equal(get64(info + 32), 0xf0000);
	check_memmap(f, info);

	mod = f->ram + get64(info + 16);
	assert_int_equal(get64(mod + 8), sizeof(f->initrd));
	assert_memory_equal(f->ram + get64(mod), f->initrd, sizeof(f->initrd));
	assert_int_equal(get64(mod) % PAGE_SIZE, 0);
	assert_int_equal(get64(mod + 16), 0);
	assert_memory_equal(f->ram + get64(mod + 32), "abc", 3);
	assert_string_equal((char *)f->ram + get64(mod + 48), "m args");

	assert_int_equal(boot_descriptor(f, f->boot.code_selector), 0x00cf9b000000ffff);
	assert_int_equal(boot_descriptor(f, f->boot.data_selector), 0x00cf93000000ffff);
}

static void loads_elf32(void **state)
{
	loads(*state, false);
}

static void loads_elf64(void **state)
{
	loads(*state, true);
}

static void finds_the_note_among_others(void **state)
{
	struct fixture *f = *state;
	u8 *note = f->kernel + ELF_NOTE;

	make_elf(f, true, 2);
	make_pvh_note(f, 1, ELF_ENTRY, 4);
	memmove(note + 24, note, 20);
	put32(note, 5); /* another owner: 12 + 8 (name, padded) + 4 */
	put32(note + 4, 1);
	put32(note + 8, 18);
	memcpy(note + 12, "Xenx\0\0\0", 8);
	put64(elf_phdr(f, 1) + 32, 44);
	put32(note + 4, 0xfffffff0); /* its length runs out of the segment */
	fixture_refuses(f, ERR_FORMAT, "no ELF with a PVH note");
	put32(note + 4, 1);
	assert_int_equal(fixture_load(f), FIRN_OK);
	assert_int_equal(f->boot.rip, ELF_ENTRY);
}

static void refuses_wrong_headers(void **state)
{
	static const struct {
		unsigned at, size;
		u64 value;
	} wrong[] = {
		{ 4, 1, 3 },			/* class */
		{ 5, 1, 2 },			/* big endian */
		{ 16, 2, 1 },			/* relocatable object */
		{ 18, 2, 40 },			/* Arm */
		{ 54, 2, 32 },			/* phentsize */
		{ 56, 2, 0 },			/* no headers */
		{ 56, 2, 0xffff },		/* more than the file holds */
		{ 32, 8, ~0ull - 8 },		/* phoff wraps */
		{ 64 + 8, 8, ~0ull - 4 },	/* p_offset wraps */
		{ 64 + 32, 8, ELF_FILESZ + 1 }, /* p_filesz */
		{ 64 + 40, 8, ELF_FILESZ - 1 }, /* memsz < filesz */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		make_pvh(f, true);
		memcpy(f->kernel + wrong[i].at, &wrong[i].value, wrong[i].size);
		/* Not recognizable as PVH any more, which is what the user is told. */
		fixture_refuses(f, ERR_FORMAT, "no ELF with a PVH note");
	}
}

static void refuses_wrong_segments(void **state)
{
	struct fixture *f = *state;
	u8 *phdr;

	make_pvh(f, true);
	phdr = elf_phdr(f, 0);
	put64(phdr + 24, FIXTURE_MEMORY - 0x1000);
	make_pvh_note(f, 1, FIXTURE_MEMORY - 0x1000, 8);
	fixture_refuses(f, ERR_RANGE, "ELF segment 0 at 0x1fff000");

	put64(phdr + 24, 0x9f000); /* runs into the reserved range */
	make_pvh_note(f, 1, 0x9f000, 8);
	fixture_refuses(f, ERR_RANGE, "not in RAM");

	make_pvh(f, true);
	put64(elf_phdr(f, 0) + 40, ~0ull);
	fixture_refuses(f, ERR_RANGE, "not in RAM");

	make_elf(f, true, 3);
	make_pvh_note(f, 1, ELF_ENTRY, 8);
	memcpy(elf_phdr(f, 2), elf_phdr(f, 0), ELF64_PHDR_SIZE);
	put64(elf_phdr(f, 2) + 24, ELF_PADDR + ELF_MEMSZ - 1);
	fixture_refuses(f, ERR_OVERLAP, "ELF segment 2 at 0x202fff overlaps ELF segment 0");
}

static void refuses_wrong_notes(void **state)
{
	struct fixture *f = *state;

	make_pvh(f, true);
	make_pvh_note(f, 1, ELF_ENTRY, 2);
	fixture_refuses(f, ERR_FORMAT, "no 4- or 8-byte address");
	make_pvh_note(f, 1, ELF_PADDR + ELF_MEMSZ, 8);
	fixture_refuses(f, ERR_FORMAT, "PVH entry 0x203000 is outside");
	make_pvh_note(f, 1, BIT(32) + ELF_ENTRY, 8);
	fixture_refuses(f, ERR_FORMAT, "outside every segment below 4 GiB");
}

#define LONG_ARGS (79 * KiB)

static void refuses_too_much(void **state)
{
	struct fixture *f = *state;
	char *args = malloc(LONG_ARGS);

	make_pvh(f, true);
	f->img.initrd.size = FIXTURE_MEMORY;
	fixture_refuses(f, ERR_RANGE, "no room for initrd.gz (32768 KiB)");
	f->img.initrd.size = 0;

	/* Nine strings of 79 KiB: more than low memory has. */
	memset(args, 'x', LONG_ARGS);
	args[LONG_ARGS - 1] = '\0';
	f->img.nr_modules = CONFIG_MAX_MODULES;
	for (unsigned i = 0; i < CONFIG_MAX_MODULES; i++)
		f->img.module[i] = (struct loader_module){ { "m", "abc", 3 }, args };
	f->img.cmdline = args;
	fixture_refuses(f, ERR_RANGE, "no room for command line (79 KiB)");
	free(args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loads_elf32, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(loads_elf64, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(finds_the_note_among_others, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_headers, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_segments, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_notes, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_too_much, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("loader_pvh", tests, NULL, NULL);
}

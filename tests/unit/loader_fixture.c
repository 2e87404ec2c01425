/* SPDX-License-Identifier: MIT */
/* A VM with memory and small made-up kernels, for the tests of the guest loaders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/fake/fake.h"
#include "tests/unit/loader_fixture.h"

#define RAM_HPA 0x40000000ull

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->config.memory = FIXTURE_MEMORY;
	f->vm.config = &f->config;
	f->ram = fake_set_ram(RAM_HPA, FIXTURE_MEMORY);
	memset(f->ram, FIXTURE_FILL, FIXTURE_MEMORY);
	f->vm.backing[0] = (struct backing){ .hpa = RAM_HPA, .size = FIXTURE_MEMORY };
	assert_int_equal(memslot_create(&f->vm.memory, MEMSLOT_RAM, 0, &f->vm.backing[0]), FIRN_OK);
	f->img.kernel = (struct loader_file){ "test.krn", f->kernel, sizeof(f->kernel) };
	f->img.initrd = (struct loader_file){ .name = "initrd.gz", .data = f->initrd };
	f->img.cmdline = "hello world";
	memset(f->initrd, 0x77, sizeof(f->initrd));
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	fake_reset();
	free(*state);
	return 0;
}

enum firn_err fixture_load(struct fixture *f)
{
	enum firn_err err = loader_load(&f->vm, &f->img, &f->boot, &f->err);

	if (err != FIRN_OK)
		print_message("%s\n", f->err.text);
	assert_int_equal(loader_check(&f->img, f->config.memory, &f->err), err);
	return err;
}

void fixture_refuses(struct fixture *f, enum firn_err code, const char *text)
{
	struct boot_state untouched;

	memset(&f->boot, FIXTURE_FILL, sizeof(f->boot));
	untouched = f->boot;
	assert_int_equal(loader_check(&f->img, f->config.memory, &f->err), code);
	assert_int_equal(loader_load(&f->vm, &f->img, &f->boot, &f->err), code);
	if (!strstr(f->err.text, text))
		fail_msg("'%s' does not say '%s'", f->err.text, text);
	assert_non_null(strstr(f->err.text, "test.krn"));
	assert_memory_equal(&f->boot, &untouched, sizeof(untouched));
	assert_int_equal(f->ram[0], FIXTURE_FILL);
	assert_memory_equal(f->ram, f->ram + 1, FIXTURE_MEMORY - 1);
}

void put16(u8 *at, u16 value)
{
	memcpy(at, &value, sizeof(value));
}

void put32(u8 *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
}

void put64(u8 *at, u64 value)
{
	memcpy(at, &value, sizeof(value));
}

u32 get32(const u8 *at)
{
	u32 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

u64 get64(const u8 *at)
{
	u64 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static bool is_elf64(const struct fixture *f)
{
	return f->kernel[4] == 2;
}

u8 *elf_phdr(struct fixture *f, unsigned index)
{
	return is_elf64(f) ? f->kernel + 64 + index * ELF64_PHDR_SIZE
			   : f->kernel + 52 + index * ELF32_PHDR_SIZE;
}

static void put_phdr(struct fixture *f, unsigned index, u32 type, u64 offset, u64 paddr, u64 filesz,
		     u64 memsz)
{
	u8 *p = elf_phdr(f, index);

	put32(p, type);
	if (is_elf64(f)) {
		put64(p + 8, offset);
		put64(p + 16, paddr);
		put64(p + 24, paddr);
		put64(p + 32, filesz);
		put64(p + 40, memsz);
		put64(p + 48, 4);
	} else {
		put32(p + 4, offset);
		put32(p + 8, paddr);
		put32(p + 12, paddr);
		put32(p + 16, filesz);
		put32(p + 20, memsz);
		put32(p + 28, 4);
	}
}

void make_elf(struct fixture *f, bool is64, unsigned phnum)
{
	u8 *k = f->kernel;

	memset(k, 0, sizeof(f->kernel));
	memcpy(k, "\177ELF", 4);
	k[4] = is64 ? 2 : 1;
	k[5] = k[6] = 1;
	put16(k + 16, 2);
	put16(k + 18, is64 ? 62 : 3);
	put32(k + 20, 1);
	if (is64) {
		put64(k + 24, ELF_ENTRY);
		put64(k + 32, 64);
		put16(k + 54, ELF64_PHDR_SIZE);
		put16(k + 56, phnum);
	} else {
		put32(k + 24, ELF_ENTRY);
		put32(k + 28, 52);
		put16(k + 42, ELF32_PHDR_SIZE);
		put16(k + 44, phnum);
	}
	put_phdr(f, 0, 1, ELF_CODE, ELF_PADDR, ELF_FILESZ, ELF_MEMSZ);
	memset(k + ELF_CODE, 0xcc, ELF_FILESZ);
	f->img.kernel.size = ELF_CODE + ELF_FILESZ;
}

void make_pvh_note(struct fixture *f, unsigned index, u64 entry, u32 desc_size)
{
	u8 *note = f->kernel + ELF_NOTE;

	put_phdr(f, index, 4, ELF_NOTE, 0, 16 + desc_size, 16 + desc_size);
	put32(note, 4);
	put32(note + 4, desc_size);
	put32(note + 8, 18);
	memcpy(note + 12, "Xen", 4);
	memcpy(note + 16, &entry, MIN(desc_size, sizeof(entry)));
}

u64 boot_descriptor(const struct fixture *f, u16 selector)
{
	assert_true(selector + 7u <= f->boot.gdt_limit);
	return get64(f->ram + f->boot.gdt_base + selector);
}

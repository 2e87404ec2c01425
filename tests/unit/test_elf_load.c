/* SPDX-License-Identifier: MIT */
/* ELF loader: a good file is placed exactly, every broken header is refused. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/elf_load.h"
#include "core/elf_format.h"

#define BASE	  0xffffffff80000000ull
#define FILE_SIZE 0x3000
#define TEXT_OFF  0x1000
#define DATA_OFF  0x2000

struct file {
	struct elf64_header header;
	struct elf64_phdr segment[3]; /* text, data with bss, a note that is not loaded */
};

static struct file good(void)
{
	return (struct file){
		.header = { .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
			    .type = 2,
			    .machine = 62,
			    .entry = BASE + 0x10,
			    .phoff = offsetof(struct file, segment),
			    .phentsize = sizeof(struct elf64_phdr),
			    .phnum = 3 },
		.segment = { { .type = 1,
			       .flags = 5,
			       .offset = TEXT_OFF,
			       .vaddr = BASE,
			       .filesz = 0x800,
			       .memsz = 0x800 },
			     { .type = 1,
			       .flags = 6,
			       .offset = DATA_OFF,
			       .vaddr = BASE + 0x1000,
			       .filesz = 0x1000,
			       .memsz = 0x1800 },
			     { .type = 4, .offset = ~0ull, .filesz = ~0ull } },
	};
}

/* Exactly FILE_SIZE bytes on the heap, so that the sanitizer sees every byte beyond. */
static u8 *bytes_of(const struct file *file)
{
	u8 *bytes = malloc(FILE_SIZE);

	memset(bytes, 0xaa, FILE_SIZE);
	memcpy(bytes, file, sizeof(*file));
	return bytes;
}

static enum firn_err measure(const struct file *file, size_t size, struct elf_image *image)
{
	u8 *bytes = bytes_of(file), *cut = malloc(size ? size : 1);
	const char *why = NULL;
	enum firn_err err;

	memcpy(cut, bytes, size);
	err = elf_measure(cut, size, BASE, image, &why);
	if (err)
		assert_non_null(why);
	else
		assert_null(why);
	free(cut);
	free(bytes);
	return err;
}

static void expect(const struct file *file, enum firn_err expected)
{
	struct elf_image image;

	assert_int_equal(measure(file, FILE_SIZE, &image), expected);
}

static void test_good(void **state)
{
	struct file file = good();
	struct elf_image image;
	u8 *bytes = bytes_of(&file), *memory;

	(void)state;
	assert_int_equal(measure(&file, FILE_SIZE, &image), FIRN_OK);
	assert_true(image.entry == BASE + 0x10);
	assert_int_equal(image.size, 0x2800);

	memset(bytes + TEXT_OFF, 0x11, 0x800);
	memset(bytes + DATA_OFF, 0x22, 0x1000);
	memory = malloc(image.size);
	memset(memory, 0xff, image.size);
	elf_place(bytes, &image, BASE, memory);
	for (u64 i = 0; i < image.size; i++) {
		u8 want = i < 0x800 ? 0x11 : i < 0x1000 ? 0 : i < 0x2000 ? 0x22 : 0;

		assert_int_equal(memory[i], want);
	}
	free(memory);
	free(bytes);
}

static void test_headers(void **state)
{
	struct file f;

	(void)state;
	f = good(), f.header.ident[1] = 'F', expect(&f, ERR_FORMAT);
	f = good(), f.header.ident[4] = 1, expect(&f, ERR_FORMAT);
	f = good(), f.header.ident[5] = 2, expect(&f, ERR_FORMAT);
	f = good(), f.header.type = 3, expect(&f, ERR_FORMAT);
	f = good(), f.header.machine = 183, expect(&f, ERR_FORMAT);
	f = good(), f.header.phentsize = 32, expect(&f, ERR_FORMAT);
	f = good(), f.header.phnum = 0, expect(&f, ERR_FORMAT);
	f = good(), f.header.phnum = 17, expect(&f, ERR_FORMAT);
	f = good(), f.header.phoff = FILE_SIZE - 1, expect(&f, ERR_TRUNCATED);
	f = good(), f.header.phoff = ~0ull, expect(&f, ERR_TRUNCATED);
}

static void test_segments(void **state)
{
	struct file f;

	(void)state;
	f = good(), f.segment[1].offset = DATA_OFF + 1, expect(&f, ERR_TRUNCATED);
	f = good(), f.segment[1].offset = ~0ull, expect(&f, ERR_TRUNCATED);
	f = good(), f.segment[1].filesz = ~0ull, expect(&f, ERR_TRUNCATED);
	f = good(), f.segment[1].memsz = 0xfff, expect(&f, ERR_FORMAT);
	f = good(), f.segment[0].vaddr = BASE - 1, expect(&f, ERR_RANGE);
	f = good(), f.segment[1].vaddr = ~0ull, expect(&f, ERR_RANGE);
	f = good(), f.segment[1].memsz = ~0ull, expect(&f, ERR_RANGE);
	f = good(), f.segment[1].vaddr = BASE + ELF_IMAGE_MAX - 0x17ff, expect(&f, ERR_RANGE);
	f = good(), f.segment[1].vaddr = BASE + ELF_IMAGE_MAX - 0x1800, expect(&f, FIRN_OK);
}

static void test_entry(void **state)
{
	struct file f;

	(void)state;
	f = good(), f.header.entry = BASE + 0x800, expect(&f, ERR_RANGE);
	f = good(), f.header.entry = BASE + 0x7ff, expect(&f, FIRN_OK);
	f = good(), f.header.entry = BASE - 1, expect(&f, ERR_RANGE);
	f = good(), f.header.entry = BASE + 0x1000, expect(&f, ERR_RANGE); /* not executable */
	f = good(), f.segment[0].type = 4, expect(&f, ERR_RANGE);
}

static void test_every_length(void **state)
{
	struct file file = good();
	struct elf_image image;

	(void)state;
	for (size_t size = 0; size < FILE_SIZE; size += size < 256 ? 1 : 97)
		assert_int_equal(measure(&file, size, &image), ERR_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	     cmocka_unit_test(test_headers),
		cmocka_unit_test(test_segments),     cmocka_unit_test(test_entry),
		cmocka_unit_test(test_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Multiboot 2 information: every tag that we read, and structures that can't be trusted. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/handover_build.h"
#include "boot/multiboot2/info.h"

static struct handover h;
static struct rsdp_copy rsdp;

/* The information under construction. */
static u8 info[8192];
static u32 used;

static int setup(void **state)
{
	(void)state;
	handover_init(&h, HANDOVER_MULTIBOOT2);
	memset(&rsdp, 0, sizeof(rsdp));
	memset(info, 0, sizeof(info));
	used = 8;
	return 0;
}

static void put(const void *data, size_t size)
{
	memcpy(info + used, data, size);
	used += (u32)size;
}

static void put32(u32 v)
{
	put(&v, sizeof(v));
}

static void put64(u64 v)
{
	put(&v, sizeof(v));
}

static u32 begin(u32 type)
{
	u32 start = used;

	put32(type);
	put32(0);
	return start;
}

static void end(u32 start)
{
	u32 size = used - start;

	memcpy(info + start + 4, &size, sizeof(size));
	used = (used + 7) & ~7u;
}

static void put_text(u32 type, const char *text)
{
	u32 tag = begin(type);

	put(text, strlen(text) + 1);
	end(tag);
}

static void put_module(u32 start, u32 stop, const char *cmdline)
{
	u32 tag = begin(3);

	put32(start);
	put32(stop);
	put(cmdline, strlen(cmdline) + 1);
	end(tag);
}

static void put_memory_map(void)
{
	u32 tag = begin(6);

	put32(24);
	put32(0);
	put64(0), put64(0x9fc00), put32(1), put32(0);
	put64(MiB), put64(31 * MiB), put32(1), put32(0);
	put64(32 * MiB), put64(0x1000), put32(3), put32(0);
	put64(32 * MiB + 0x1000), put64(0x1000), put32(4), put32(0);
	put64(32 * MiB + 0x2000), put64(0x1000), put32(77), put32(0);
	end(tag);
}

static void put_framebuffer(u32 width, u32 pitch, u8 type, u8 bpp, u8 red, u8 blue)
{
	const u8 rest[] = { bpp, type, 0, 0, red, 8, 8, 8, blue, 8 };
	u32 tag = begin(8);

	put64(0xfd000000), put32(pitch), put32(width), put32(768);
	put(rest, sizeof(rest));
	end(tag);
}

static enum firn_err read_info(void)
{
	u8 *exact;
	enum firn_err err;

	end(begin(0));
	memcpy(info, &used, sizeof(used));
	exact = malloc(used);
	memcpy(exact, info, used);
	err = multiboot2_read_info(exact, used, &h, &rsdp);
	free(exact);
	return err;
}

static void test_memory_map(void **state)
{
	(void)state;
	put_memory_map();
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.nr_memory, 4);
	assert_int_equal(h.memory[0].size, 0x9f000);
	assert_int_equal(h.memory[1].base, MiB);
	assert_int_equal(h.memory[1].type, HANDOVER_MEM_FREE);
	assert_int_equal(h.memory[2].type, HANDOVER_MEM_ACPI);
	assert_int_equal(h.memory[2].size, 0x2000);
	assert_int_equal(h.memory[3].type, HANDOVER_MEM_RESERVED);
}

static void test_no_memory_map(void **state)
{
	(void)state;
	put_text(2, "GRUB");
	assert_int_equal(read_info(), ERR_NOENT);
	assert_string_equal(h.firmware, "GRUB");
}

static void put_efi_map(u32 descriptor_size)
{
	u32 tag = begin(17);

	put32(descriptor_size);
	put32(1);
	put32(5), put32(0), put64(0x10000), put64(0), put64(4), put64(8);
	end(tag);
}

static void test_efi_map(void **state)
{
	(void)state;
	put_memory_map();
	put_efi_map(40);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.nr_memory, 1);
	assert_int_equal(h.memory[0].type, HANDOVER_MEM_RUNTIME);
	assert_int_equal(h.memory[0].size, 0x4000);
}

static void test_efi_map_unusable(void **state)
{
	(void)state;
	put_memory_map();
	put_efi_map(0);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.nr_memory, 4);

	setup(NULL);
	put_memory_map();
	put_efi_map(40);
	end(begin(18)); /* boot services still run */
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.nr_memory, 4);
}

static void test_bad_memory_map(void **state)
{
	u32 tag;

	(void)state;
	tag = begin(6), put32(23), put32(0), put64(0), put64(MiB), put32(1), put32(0), end(tag);
	assert_int_equal(read_info(), ERR_FORMAT);
	setup(NULL);
	tag = begin(6), put32(24), end(tag);
	assert_int_equal(read_info(), ERR_TRUNCATED);
	setup(NULL);
	tag = begin(6), put32(0xffffffff), put32(0), put64(0), put64(MiB), end(tag);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.nr_memory, 0);
}

static void test_modules(void **state)
{
	(void)state;
	put_memory_map();
	put_module(0x101000, 0x101019, "firn.conf");
	put_module(0x102000, 0x110000, "boot/firn/vmlinuz quiet a/b");
	put_module(0x110000, 0x110000, "empty");
	put_module(0x120000, 0x110000, "backwards");
	put_module(0x120001, 0x130000, "askew");
	put_module(0x130000, 0x140000, "");
	put_module(0x130000, 0x140000, "dir/");
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.config_base, 0x101000);
	assert_int_equal(h.config_size, 0x19);
	assert_int_equal(h.nr_files, 2);
	assert_string_equal(h.files[0].name, "vmlinuz");
	assert_int_equal(h.files[0].base, 0x102000);
	assert_int_equal(h.files[0].size, 0xe000);
	assert_string_equal(h.files[1].name, "empty");
	assert_int_equal(h.files[1].size, 0);
	assert_string_not_equal(h.message, "");
}

static void test_config_by_cmdline(void **state)
{
	(void)state;
	put_memory_map();
	put_module(0x101000, 0x101019, "firn.conf");
	put_module(0x102000, 0x102001, "other.conf");
	put_text(1, "config=other.conf"); /* after the modules: the order must not matter */
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.config_base, 0x102000);
	assert_int_equal(h.nr_files, 1);
	assert_string_equal(h.files[0].name, "firn.conf");
}

static void test_too_many_modules(void **state)
{
	(void)state;
	put_memory_map();
	for (u32 i = 0; i < HANDOVER_MAX_FILES + 3; i++) {
		char name[] = "f000";

		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		put_module(i * 4096, i * 4096 + 1, name);
	}
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.nr_files, HANDOVER_MAX_FILES);
	assert_non_null(strstr(h.message, "too many files"));
}

static void test_framebuffer(void **state)
{
	(void)state;
	put_memory_map();
	put_framebuffer(1024, 4096, 1, 32, 16, 0);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.framebuffer.base, 0xfd000000);
	assert_int_equal(h.framebuffer.size, 4096 * 768);
	assert_int_equal(h.framebuffer.width, 1024);
	assert_int_equal(h.framebuffer.height, 768);
	assert_int_equal(h.framebuffer.format, HANDOVER_PIXEL_BGRX);

	setup(NULL);
	put_memory_map();
	put_framebuffer(1024, 4096, 1, 32, 0, 16);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.framebuffer.format, HANDOVER_PIXEL_RGBX);
}

static void test_framebuffer_unusable(void **state)
{
	u32 tag;

	(void)state;
	put_memory_map();
	put_framebuffer(80, 160, 2, 16, 0, 0);	   /* text */
	put_framebuffer(1024, 4096, 1, 24, 16, 0); /* 24 bits */
	put_framebuffer(1024, 4095, 1, 32, 16, 0); /* lines overlap */
	put_framebuffer(0x40000001, 4, 1, 32, 16, 0);
	put_framebuffer(1024, 4096, 1, 32, 24, 0);
	tag = begin(8), put64(0xfd000000), put32(4096), end(tag); /* too short */
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.framebuffer.base, 0);
}

static void put_rsdp(u32 type, const char *text, size_t size)
{
	u32 tag = begin(type);

	put(text, size);
	end(tag);
}

static void test_rsdp(void **state)
{
	char big[100];

	(void)state;
	memset(big, 'x', sizeof(big));
	put_memory_map();
	put_rsdp(15, "RSD PTR new.........................", 36);
	put_rsdp(14, "RSD PTR old.........", 20);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(rsdp.size, 36);
	assert_memory_equal(rsdp.bytes, "RSD PTR new", 11);

	setup(NULL);
	put_memory_map();
	put_rsdp(14, "RSD PTR old.........", 20);
	put_rsdp(15, "", 0);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(rsdp.size, 20);

	setup(NULL);
	put_memory_map();
	put_rsdp(15, big, sizeof(big));
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(rsdp.size, RSDP_MAX_SIZE);
}

static void test_efi_system_table(void **state)
{
	u32 tag;

	(void)state;
	put_memory_map();
	tag = begin(12), put64(0x7f5eb018), end(tag);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.efi_system_table, 0x7f5eb018);

	setup(NULL);
	put_memory_map();
	tag = begin(12), put32(0x1234), end(tag);
	assert_int_equal(read_info(), FIRN_OK);
	assert_int_equal(h.efi_system_table, 0);
}

static void test_bad_structure(void **state)
{
	const u32 small = 7, big = 0x10000;
	u32 tag;

	(void)state;
	assert_int_equal(multiboot2_read_info(info, 7, &h, &rsdp), ERR_TRUNCATED);
	assert_int_equal(multiboot2_read_info(info, 8, &h, &rsdp), ERR_TRUNCATED);
	memcpy(info, &big, sizeof(big));
	assert_int_equal(multiboot2_read_info(info, sizeof(info), &h, &rsdp), ERR_TRUNCATED);

	tag = used;
	put_text(2, "x");
	memcpy(info + tag + 4, &small, sizeof(small));
	assert_int_equal(read_info(), ERR_FORMAT);
	memcpy(info + tag + 4, &big, sizeof(big));
	assert_int_equal(read_info(), ERR_TRUNCATED);
}

/* Cut anywhere: an error, or the end tag was still there. */
static void test_every_length(void **state)
{
	(void)state;
	put_text(2, "GRUB");
	put_memory_map();
	put_module(0x101000, 0x101019, "firn.conf");
	put_framebuffer(1024, 4096, 1, 32, 16, 0);
	assert_int_equal(read_info(), FIRN_OK);
	for (u32 size = 0; size < used; size++) {
		u8 *cut = malloc(size ? size : 1);

		memcpy(cut, info, size);
		if (size >= sizeof(size))
			memcpy(cut, &size, sizeof(size));
		handover_init(&h, HANDOVER_MULTIBOOT2);
		assert_int_not_equal(multiboot2_read_info(cut, size, &h, &rsdp), FIRN_OK);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_memory_map, setup),
		cmocka_unit_test_setup(test_no_memory_map, setup),
		cmocka_unit_test_setup(test_efi_map, setup),
		cmocka_unit_test_setup(test_efi_map_unusable, setup),
		cmocka_unit_test_setup(test_bad_memory_map, setup),
		cmocka_unit_test_setup(test_modules, setup),
		cmocka_unit_test_setup(test_config_by_cmdline, setup),
		cmocka_unit_test_setup(test_too_many_modules, setup),
		cmocka_unit_test_setup(test_framebuffer, setup),
		cmocka_unit_test_setup(test_framebuffer_unusable, setup),
		cmocka_unit_test_setup(test_rsdp, setup),
		cmocka_unit_test_setup(test_efi_system_table, setup),
		cmocka_unit_test_setup(test_bad_structure, setup),
		cmocka_unit_test_setup(test_every_length, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

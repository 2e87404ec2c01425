/* SPDX-License-Identifier: MIT */
/* What a multiboot 1 kernel is told: memory map, modules, command line, loader name. */
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define BOOT_MAGIC   0x2badb002
#define WANTED_FLAGS (BIT(0) | BIT(2) | BIT(6) | BIT(9)) /* memory, cmdline, map, loader */
#define LOW_RAM_END  0x9fc00
#define HIGH_RAM     0x100000
#define DEVICE_HOLE  0xc0000000
#define RAM	     1

static const struct guest_memory *ram_at(u64 base)
{
	for (unsigned i = 0; i < guest_boot.nr_memory; i++)
		if (guest_boot.memory[i].base == base && guest_boot.memory[i].type == RAM)
			return &guest_boot.memory[i];
	return NULL;
}

static bool map_is_sorted(void)
{
	for (unsigned i = 1; i < guest_boot.nr_memory; i++)
		if (guest_boot.memory[i].base <
		    guest_boot.memory[i - 1].base + guest_boot.memory[i - 1].size)
			return false;
	return true;
}

static void check_memory(void)
{
	const struct guest_memory *low = ram_at(0), *high = ram_at(HIGH_RAM);

	check("memory map is sorted and does not overlap", map_is_sorted(), "%u entries",
	      guest_boot.nr_memory);
	if (!check("RAM at 0 and 1 MiB", low && high, "missing in the memory map"))
		return;
	check_eq("low RAM ends below the EBDA", low->size, LOW_RAM_END);
	check("high RAM ends at the device hole", high->base + high->size <= DEVICE_HOLE,
	      "it ends at 0x%llx", (unsigned long long)(high->base + high->size));
	check_eq("mem_lower in KiB", guest_boot.mem_lower, LOW_RAM_END / KiB);
	check_eq("mem_upper in KiB", guest_boot.mem_upper, high->size / KiB);
}

static void check_modules(void)
{
	char want[64];
	u32 end = 0;
	bool ok = true;

	for (unsigned i = 0; i < guest_boot.nr_modules; i++) {
		const struct guest_module *m = &guest_boot.module[i];

		ok &= m->start % PAGE_SIZE == 0 && m->start >= end && m->end >= m->start;
		end = m->end;
	}
	check("modules are page-aligned and in order", ok, "%u modules", guest_boot.nr_modules);
	guest_option("module", want, sizeof(want));
	if (!want[0])
		return;
	check("first module's content and arguments",
	      guest_boot.nr_modules > 0 &&
		      memcmp((void *)(u64)guest_boot.module[0].start, want, strlen(want)) == 0 &&
		      strlen(guest_boot.module[0].args) > 0,
	      "not '%s'", want);
}

GUEST_TEST(multiboot)
{
	check_eq("boot magic", guest_boot.magic, BOOT_MAGIC);
	check_eq("information flags", guest_boot.flags & WANTED_FLAGS, WANTED_FLAGS);
	check("command line starts with the kernel's name",
	      guest_boot.cmdline[0] != '\0' && guest_boot.cmdline[0] != ' ', "it is '%s'",
	      guest_boot.cmdline);
	check("boot loader's name", memcmp(guest_boot.loader, "Firn", 5) == 0, "'%s'",
	      guest_boot.loader);
	check_memory();
	check_modules();
}

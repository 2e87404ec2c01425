# SPDX-License-Identifier: MIT
# What each unit test links besides tests/unit/test_NAME.c, alphabetically:
#   test_NAME_SRC := core/a.c core/b.c
# Optional: test_NAME_CFLAGS, test_NAME_LIBS, test_NAME_SAN := thread (instead of address,undefined).
test_elf_load_SRC := boot/efi/elf_load.c
test_handover_SRC := boot/handover_build.c boot/memory_map.c boot/unix_time.c boot/efi/early_paging.c
LOADER_TEST_SRC := tests/unit/loader_fixture.c $(wildcard core/loader/*.c) core/loader_load.c \
	core/guest_memory.c core/memslot.c core/err.c arch/fake/fake.c
test_loader_linux_SRC := $(LOADER_TEST_SRC)
test_loader_linux_CFLAGS := -Iarch/x86
test_loader_multiboot_SRC := $(LOADER_TEST_SRC)
test_loader_multiboot_CFLAGS := -Iarch/x86
test_loader_plan_SRC := $(LOADER_TEST_SRC)
test_loader_plan_CFLAGS := -Iarch/x86
test_loader_pvh_SRC := $(LOADER_TEST_SRC)
test_loader_pvh_CFLAGS := -Iarch/x86
test_memory_map_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c
test_multiboot2_info_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c \
	boot/multiboot2/info.c
test_pe_sections_SRC := boot/efi/pe_sections.c

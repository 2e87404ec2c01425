# SPDX-License-Identifier: MIT
# What each fuzz target links besides tests/fuzz/fuzz_NAME.c, alphabetically:
#   fuzz_NAME_SRC := core/a.c core/b.c
# Optional: fuzz_NAME_CFLAGS, fuzz_NAME_LIBS. The seed corpus is tests/fuzz/corpus/NAME/.
fuzz_acpi_SRC := $(wildcard drivers/acpi/*.c)
fuzz_boot_image_SRC := boot/efi/elf_load.c boot/efi/pe_sections.c
fuzz_bzimage_SRC := $(wildcard core/loader/*.c)
fuzz_config_SRC := core/config.c core/config_keys.c core/config_text.c
fuzz_dhcp_reply_SRC := boot/efi/dhcp_reply.c
fuzz_elf_SRC := $(wildcard core/loader/*.c)
fuzz_emulate_SRC := arch/x86/emulate.c arch/x86/emulate_alu.c arch/x86/emulate_decode.c \
	arch/x86/emulate_operand.c arch/x86/emulate_segment.c arch/x86/emulate_string.c
fuzz_emulate_LIBS := $(ZYDIS)/libzydis-host.a
fuzz_multiboot_SRC := $(wildcard core/loader/*.c)
fuzz_multiboot2_info_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c \
	boot/multiboot2/info.c

# SPDX-License-Identifier: MIT
# What each fuzz target links besides tests/fuzz/fuzz_NAME.c, alphabetically:
#   fuzz_NAME_SRC := core/a.c core/b.c
# Optional: fuzz_NAME_CFLAGS, fuzz_NAME_LIBS. The seed corpus is tests/fuzz/corpus/NAME/.
fuzz_bzimage_SRC := $(wildcard core/loader/*.c)
fuzz_elf_SRC := $(wildcard core/loader/*.c)
fuzz_multiboot_SRC := $(wildcard core/loader/*.c)

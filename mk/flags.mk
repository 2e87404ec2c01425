# SPDX-License-Identifier: MIT
# Compilers and flags: for the machine that Firn runs on (FIRN_*) and for the build machine (HOST_*).

# make V=1 shows whole command lines.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s%s\n' "$(1)" "$(2)")

CC := gcc
LD := ld
OBJCOPY := objcopy
CLANG := clang

WARNINGS := -Wall -Wextra -Werror

# Code that runs without an operating system. General registers only: guests own the FPU state.
# Jump tables need unmarked indirect jumps, which indirect-branch tracking (CET) forbids.
OPTIMIZE := -O2
TARGET_FLAGS = -std=gnu11 $(OPTIMIZE) -g -ffreestanding -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-pic -fno-pie -fcf-protection=full -fno-jump-tables \
	-fno-strict-aliasing -fno-stack-protector -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -ftrivial-auto-var-init=zero \
	-ffunction-sections -fdata-sections

# Indirect branches and returns go through arch/x86/branch_thunks.S. Of all code in the image: Firn's, newlib's, Zydis'.
BRANCH_THUNKS := -mindirect-branch=thunk-extern -mindirect-branch-register -mfunction-return=thunk-extern

# Only newlib's and the compiler's own headers: never the build machine's.
GCC_INCLUDE := $(shell $(CC) -print-file-name=include 2>/dev/null)
TARGET_INCLUDES = -I. -Iarch/x86 -Iarch/x86/vmx -Iarch/x86/svm -Ibuild -nostdinc -isystem $(NEWLIB)/include -isystem $(GCC_INCLUDE) \
	-isystem $(ZYDIS)/include

# Paths in the image and its debug information don't depend on where the tree was cloned.
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=.

# Functions with arrays, or with variables whose address is taken, compare a value of their CPU's behind
# these before they return: stack_guard in struct cpu. Firn's own code only.
STACK_GUARD_OFFSET := 16
STACK_GUARD = -fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=gs \
	-mstack-protector-guard-offset=$(STACK_GUARD_OFFSET) -DSTACK_GUARD_OFFSET=$(STACK_GUARD_OFFSET)

# Unlike -ffreestanding alone: copies of known size are moves, not calls. The C library has the rest.
FIRN_CFLAGS = $(TARGET_FLAGS) $(BRANCH_THUNKS) $(STACK_GUARD) -fbuiltin $(WARNINGS) $(REPRODUCIBLE) $(TARGET_INCLUDES) $(ZYDIS_DEFINES) $(EXTRA_CFLAGS)

# The fake machine comes first; arch/x86 is for its parts that name registers without touching them.
HOST_CFLAGS = -std=gnu11 -g -O1 $(WARNINGS) -fno-omit-frame-pointer -I. -Iarch/fake -Iarch/x86 -Ibuild \
	-isystem $(ZYDIS)/include $(ZYDIS_DEFINES)

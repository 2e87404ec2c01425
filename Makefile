# SPDX-License-Identifier: MIT
# Firn's build: one make, no recursion. The parts are in mk/; everything made is in build/.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

include mk/flags.mk
include mk/deps.mk
include mk/firn.mk
include mk/efi.mk
include mk/host.mk
include mk/guest.mk
include mk/guest-tests.mk
include mk/image.mk
include mk/test.mk
include mk/style.mk

.PHONY: all clean help

## all: the hypervisor (build/firn.elf, build/BOOTX64.EFI) and the host tools
all: $(FIRN_PARTS) $(HOST_TOOLS)

## clean: remove build/ (the cache of third-party parts stays, see tools/deps)
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

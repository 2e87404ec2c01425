# SPDX-License-Identifier: MIT
# A bootable image with the Linux guest, and `make run`.

FIRN_PARTS := build/firn.elf build/firn.stripped build/BOOTX64.EFI
ON ?= auto
RUN_CONFIG ?= guest/shell.conf
RUN_CPUS ?= 1
RUN_MEMORY ?= 1024
RUN_FIRMWARE ?= uefi

build/run.iso: $(FIRN_PARTS) $(HOST_TOOLS) $(GUEST_PARTS) $(RUN_CONFIG) tools/mkimage tools/pe.py
	$(call say,IMAGE,$@)
	$(Q)tools/mkimage -c $(RUN_CONFIG) -o $@ build/guest/vmlinux build/guest/initrd.gz

# What needs installed packages starts make again behind `deps`: only then does the compiler exist
# for sure, whose folders mk/flags.mk asks for.
BUILD = $(MAKE) --no-print-directory --jobs=$(shell nproc)

.PHONY: run deps image
## deps: install the Debian packages that building, running and testing need
deps:
	@tools/deps

## image: build/run.iso, a bootable image with the Linux guest
image: build/run.iso

## run: boot that image in the best emulator here, or ON=bochs|qemu|kvm; its console is this terminal
run: deps
	@$(BUILD) build/run.iso
	@tools/emulate --on $(ON) --interactive --cpus $(RUN_CPUS) --memory $(RUN_MEMORY) \
		--firmware $(RUN_FIRMWARE) build/run.iso

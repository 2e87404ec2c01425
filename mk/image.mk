# SPDX-License-Identifier: MIT
# A bootable image with a Linux guest, and `make run`.

FIRN_PARTS := build/firn.elf build/firn.stripped build/BOOTX64.EFI
ON ?= auto
# Which guest: shell (an initramfs) or debian (a whole system on a disk).
GUEST ?= shell
RUN_CONFIG ?= guest/$(GUEST).conf
RUN_CPUS ?= 1
RUN_MEMORY ?= 1024
RUN_FIRMWARE ?= uefi
RUN_IMAGE := build/run$(if $(filter-out shell,$(GUEST)),-$(GUEST)).iso
RUN_FILES := build/guest/vmlinux build/guest/initrd.gz $(if $(filter debian,$(GUEST)),$(DEBIAN_DISK))

$(RUN_IMAGE): $(FIRN_PARTS) $(HOST_TOOLS) $(GUEST_PARTS) $(RUN_FILES) $(RUN_CONFIG) tools/mkimage tools/pe.py
	$(call say,IMAGE,$@)
	$(Q)tools/mkimage -c $(RUN_CONFIG) -o $@ $(RUN_FILES)

# What needs installed packages starts make again behind `deps`: only then does the compiler exist
# for sure, whose folders mk/flags.mk asks for.
BUILD = $(MAKE) --no-print-directory --jobs=$(shell nproc)

.PHONY: run deps image
## deps: install the Debian packages that building, running and testing need
deps:
	@tools/deps

## image: build/run.iso, a bootable image with the Linux guest; GUEST=debian: build/run-debian.iso
image: $(RUN_IMAGE)

## run: boot that image in the best emulator here, or ON=bochs|qemu|kvm; its console is this terminal
run: deps
	@test -f $(RUN_CONFIG) || { echo 'make run: there is no $(RUN_CONFIG); GUEST is shell or debian' >&2; exit 1; }
	@$(BUILD) $(RUN_IMAGE)
	@tools/emulate --on $(ON) --interactive --cpus $(RUN_CPUS) --memory $(RUN_MEMORY) \
		--firmware $(RUN_FIRMWARE) $(RUN_IMAGE)

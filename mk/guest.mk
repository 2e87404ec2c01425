# SPDX-License-Identifier: MIT
# Guests: Debian's cloud kernel as it is (vmlinuz, and vmlinux as unpacked from it) and a small
# initramfs with busybox; the same of Debian's kernel for all machines (generic-*) and of a newer cloud
# kernel, which uses CET (cet-*); a whole Debian on a disk; kernels that are not Linux.

GUEST_PARTS := build/guest/vmlinuz build/guest/vmlinux build/guest/initrd.gz
DEBIAN_DISK := build/guest/debian.ext4
MORE_KERNELS := generic cet
MORE_LINUX := $(foreach k,$(MORE_KERNELS),build/guest/$(k)-vmlinuz build/guest/$(k)-vmlinux)
MORE_INITRDS := $(MORE_KERNELS:%=build/guest/%-initrd.gz)
MORE_GUESTS := $(DEBIAN_DISK) build/guest/memtest.bin build/guest/gnumach $(MORE_LINUX) $(MORE_INITRDS)

build/guest/vmlinuz build/guest/vmlinux: build/guest/%: $(LINUX)/%
build/guest/generic-vmlinuz build/guest/generic-vmlinux: build/guest/generic-%: $(LINUX_GENERIC)/%
build/guest/cet-vmlinuz build/guest/cet-vmlinux: build/guest/cet-%: $(LINUX_CET)/%
build/guest/memtest.bin build/guest/gnumach: build/guest/%: $(KERNELS)/%
$(DEBIAN_DISK): $(DEBIAN)/debian.ext4
build/guest/vmlinuz build/guest/vmlinux $(MORE_LINUX) build/guest/memtest.bin build/guest/gnumach $(DEBIAN_DISK):
	@mkdir -p $(@D)
	$(Q)cp $< $@

# The kernel comes first: its drivers come with it.
build/guest/initrd.gz: build/guest/vmlinuz
$(MORE_INITRDS): build/guest/%-initrd.gz: build/guest/%-vmlinuz
build/guest/initrd.gz: MODULES = $(LINUX)/modules
build/guest/generic-initrd.gz: MODULES = $(LINUX_GENERIC)/modules
build/guest/cet-initrd.gz: MODULES = $(LINUX_CET)/modules
build/guest/initrd.gz $(MORE_INITRDS): tools/mkinitrd guest/init
	@mkdir -p $(@D)
	$(call say,INITRD,$@)
	$(Q)tools/mkinitrd -o $@ /init=guest/init \
		$$(cd $(MODULES) && for m in *; do echo "/lib/modules/$$m=$(MODULES)/$$m"; done)

.PHONY: guest more-guests
## guest: the Linux guest's kernel and initramfs, in build/guest/
guest: $(GUEST_PARTS)
## more-guests: besides, a Debian on a disk, more of Debian's kernels, kernels that are not Linux
more-guests: $(MORE_GUESTS)

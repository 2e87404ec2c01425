# SPDX-License-Identifier: MIT
# The Linux guest: Debian's cloud kernel as it is (vmlinuz, and vmlinux as unpacked from it), and a
# small initramfs with busybox.

GUEST_PARTS := build/guest/vmlinuz build/guest/vmlinux build/guest/initrd.gz

build/guest/vmlinuz build/guest/vmlinux: build/guest/%: $(LINUX)/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# The kernel comes first: its drivers come with it.
build/guest/initrd.gz: tools/mkinitrd guest/init build/guest/vmlinuz
	@mkdir -p $(@D)
	$(call say,INITRD,$@)
	$(Q)tools/mkinitrd -o $@ /init=guest/init \
		$$(cd $(LINUX)/modules && for m in *; do echo "/lib/modules/$$m=$(LINUX)/modules/$$m"; done)

.PHONY: guest
## guest: the Linux guest's kernel and initramfs, in build/guest/
guest: $(GUEST_PARTS)

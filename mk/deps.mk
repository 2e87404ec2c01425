# SPDX-License-Identifier: MIT
# Third-party parts. tools/third-party makes each one once in the user's cache (pinned in
# tools/deps.lock) and build/third-party/NAME is a link to it; a lost cache is simply made again.

THIRD_PARTY := build/third-party
NEWLIB := $(THIRD_PARTY)/newlib
ZYDIS := $(THIRD_PARTY)/zydis
LINUX := $(THIRD_PARTY)/linux
LINUX_GENERIC := $(THIRD_PARTY)/linux-generic
LINUX_CET := $(THIRD_PARTY)/linux-cet
KERNELS := $(THIRD_PARTY)/kernels
DEBIAN := $(THIRD_PARTY)/debian
# For programs of the build machine: test_x_LIBS := $(ZYDIS_HOST)
ZYDIS_HOST := $(ZYDIS)/libzydis-host.a

# How the decoder was built, so that its headers match: no formatter, no encoder, no C library.
# Guests reach devices with plain instructions: tables of others would only take much room, see
# tools/prune-zydis for those that no macro leaves out.
ZYDIS_DEFINES := -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DZYAN_NO_LIBC \
	-DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER -DZYDIS_DISABLE_AVX512 -DZYDIS_DISABLE_KNC

# One stamp a part: it stands for the headers and libraries, so that a new version rebuilds all.
# $(2): scripts besides tools/third-party.
define PART
$(THIRD_PARTY)/$(1).stamp: tools/third-party tools/deps.lock $(2) mk/flags.mk mk/deps.mk \
		$(if $(wildcard $(THIRD_PARTY)/$(1)/.),,cache-missing)
	@mkdir -p $$(@D)
	@TARGET_FLAGS='$(TARGET_FLAGS) $(BRANCH_THUNKS)' ZYDIS_DEFINES='$(ZYDIS_DEFINES)' CC='$(CC)' \
		tools/third-party $(1) $(THIRD_PARTY)/$(1)
	@touch $$@
endef
$(eval $(call PART,newlib,tools/build-newlib))
$(eval $(call PART,zydis,tools/build-zydis tools/prune-zydis))
$(eval $(call PART,linux,tools/build-linux tools/unpack-vmlinux))
$(eval $(call PART,linux-generic,tools/build-linux tools/unpack-vmlinux))
$(eval $(call PART,linux-cet,tools/build-linux tools/unpack-vmlinux))
$(eval $(call PART,kernels,tools/build-kernels))
$(eval $(call PART,debian,tools/build-debian))

.PHONY: cache-missing

$(NEWLIB)/libc.a: $(NEWLIB).stamp ;
$(ZYDIS)/libzydis.a $(ZYDIS)/libzydis-host.a: $(ZYDIS).stamp ;
$(LINUX)/vmlinux $(LINUX)/vmlinuz: $(LINUX).stamp ;
$(LINUX_GENERIC)/vmlinux $(LINUX_GENERIC)/vmlinuz: $(LINUX_GENERIC).stamp ;
$(LINUX_CET)/vmlinux $(LINUX_CET)/vmlinuz: $(LINUX_CET).stamp ;
$(KERNELS)/memtest.bin $(KERNELS)/gnumach: $(KERNELS).stamp ;
$(DEBIAN)/debian.ext4: $(DEBIAN).stamp ;

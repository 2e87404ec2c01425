# SPDX-License-Identifier: MIT
# Third-party parts. tools/third-party makes each one once in the user's cache (pinned in
# tools/deps.lock) and build/third-party/NAME is a link to it; a lost cache is simply made again.

THIRD_PARTY := build/third-party
NEWLIB := $(THIRD_PARTY)/newlib
ZYDIS := $(THIRD_PARTY)/zydis
LINUX := $(THIRD_PARTY)/linux

# How the decoder was built, so that its headers match: no formatter, no encoder, no C library.
ZYDIS_DEFINES := -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DZYDIS_DISABLE_FORMATTER \
	-DZYDIS_DISABLE_ENCODER -DZYAN_NO_LIBC

THIRD_PARTY_INPUT := tools/third-party tools/deps.lock

$(NEWLIB)/libc.a: $(THIRD_PARTY_INPUT) tools/build-newlib
	@tools/third-party newlib $(NEWLIB)

$(ZYDIS)/libzydis.a: $(THIRD_PARTY_INPUT) tools/build-zydis
	@tools/third-party zydis $(ZYDIS)

$(LINUX)/vmlinux: $(THIRD_PARTY_INPUT) tools/build-linux tools/unpack-vmlinux
	@tools/third-party linux $(LINUX)

$(ZYDIS)/libzydis-host.a: $(ZYDIS)/libzydis.a ;
$(LINUX)/vmlinuz: $(LINUX)/vmlinux ;

# SPDX-License-Identifier: MIT
# build/BOOTX64.EFI: the loader, a GNU-EFI application that carries the hypervisor as its section .firn.

# boot/*.c is what both ways into Firn share; the configuration tells what to load over the network.
EFI_SRC := $(wildcard boot/*.c boot/efi/*.c boot/efi/*.S) $(wildcard core/config*.c) core/calendar.c core/suggest.c
EFI_OBJ := $(EFI_SRC:%=build/efi/%.o)
EFI_LIB := /usr/lib

EFI_CFLAGS = -std=gnu11 -O2 -g -ffreestanding -fpic -fshort-wchar -mno-red-zone -mgeneral-regs-only \
	-maccumulate-outgoing-args -fno-stack-protector -fno-strict-aliasing -fno-jump-tables \
	-fno-asynchronous-unwind-tables -DGNU_EFI_USE_MS_ABI $(WARNINGS) $(REPRODUCIBLE) \
	-I. -Iarch/x86 -Ibuild -nostdinc -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 \
	-isystem $(NEWLIB)/include -isystem $(GCC_INCLUDE) $(EXTRA_CFLAGS)

EFI_SECTIONS := .text .sdata .data .rodata .dynamic .dynsym .rel .rela .rel.* .rela.* .reloc

build/efi/%.o: % $(NEWLIB).stamp | build/version.h
	@mkdir -p $(@D)
	$(call say,CC,$< for EFI)
	$(Q)$(CC) $(EFI_CFLAGS) -MMD -MP -c $< -o $@

# A shared object with an unresolved symbol would only fail inside the firmware.
build/efi/loader.so: $(EFI_OBJ)
	$(call say,LD,$@)
	$(Q)$(LD) -nostdlib -znocombreloc -znoexecstack -T $(EFI_LIB)/elf_x86_64_efi.lds -shared -Bsymbolic \
		-L$(EFI_LIB) $(EFI_LIB)/crt0-efi-x86_64.o $(EFI_OBJ) -o $@ -lefi -lgnuefi
	@! nm -u $@ | grep -v _DYNAMIC | grep . || { echo '$@: unresolved symbols' >&2; rm -f $@; exit 1; }

build/efi/loader.efi: build/efi/loader.so
	$(Q)$(OBJCOPY) --strip-all $(EFI_SECTIONS:%=-j %) --target efi-app-x86_64 --subsystem=10 $< $@

build/BOOTX64.EFI: build/efi/loader.efi build/firn.stripped tools/pe.py
	$(call say,PE,$@)
	$(Q)tools/pe.py $@ $< .firn=build/firn.stripped

-include $(EFI_OBJ:.o=.d)

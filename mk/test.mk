# SPDX-License-Identifier: MIT
# Tests: host unit tests under sanitizers, replay of the fuzz corpora, style, and whole systems in
# the emulator. tests/run runs everything and counts.

include tests/unit/sources.mk
include tests/fuzz/sources.mk

# Own guest kernels and benchmarks have rules of their own; they add what they make to TEST_GUESTS.
TEST_GUESTS :=
include $(wildcard tests/guest/*.mk tests/bench/*.mk)

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60

TEST_SANITIZE_address := -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_SANITIZE_thread := -fsanitize=thread

# Objects are shared between tests that compile them in the same way: the directory is named after
# the sanitizer, or after the test when that has flags of its own.
test_san = $(if $($(1)_SAN),$($(1)_SAN),address)
test_objdir = build/unit/obj-$(if $($(1)_CFLAGS),$(1),$(call test_san,$(1)))

define UNIT_TEST
build/unit/$(1): $$(patsubst %,$$(call test_objdir,$(1))/%.o,tests/unit/$(1).c $$($(1)_SRC))
	$$(call say,HOSTLD,$$@)
	$$(Q)$$(CC) $$(TEST_SANITIZE_$$(call test_san,$(1))) -o $$@ $$^ $$($(1)_LIBS) -lcmocka -lpthread
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call UNIT_TEST,$(t))))

define UNIT_OBJECTS
$(1)/%.o: % $(ZYDIS).stamp | build/version.h
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$$<)
	$$(Q)$$(CC) $$(HOST_CFLAGS) $(2) -MMD -MP -c $$< -o $$@
endef
$(foreach s,address thread,$(eval $(call UNIT_OBJECTS,build/unit/obj-$(s),$(TEST_SANITIZE_$(s)))))
$(foreach t,$(UNIT_TESTS),$(if $($(t)_CFLAGS),$(eval $(call UNIT_OBJECTS,build/unit/obj-$(t),\
	$(TEST_SANITIZE_$(call test_san,$(t))) $($(t)_CFLAGS)))))

define FUZZ_TARGET
build/fuzz/$(1): tests/fuzz/$(1).c $$($(1)_SRC) $(ZYDIS).stamp | build/version.h
	@mkdir -p build/fuzz
	$$(call say,FUZZ,$$@)
	$$(Q)$$(CLANG) $$(HOST_CFLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$$($(1)_CFLAGS) -MMD -MP -MF $$@.d -o $$@ $$(filter %.c %.S,$$^) $$($(1)_LIBS)
endef
$(foreach f,$(FUZZ_TARGETS),$(eval $(call FUZZ_TARGET,$(f))))

-include $(shell find build/unit build/fuzz -name '*.d' 2>/dev/null)

UNIT_PROGRAMS := $(UNIT_TESTS:%=build/unit/%)
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=build/fuzz/%)

# Firn with a driver of the tests' own, for tests/system/33-pci; a directory for mkimage --firn.
MSI_DRIVER := build/firn/tests/system/msi_driver.c.o
TEST_GUESTS += build/msi/firn.stripped
build/msi/firn.stripped: $(FIRN_OBJ) $(MSI_DRIVER) $(FIRN_LIBS) linker.ld | build/BOOTX64.EFI $(HOST_TOOLS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK_FIRN) --wrap=shell_init -o $@ $(FIRN_OBJ) $(MSI_DRIVER) $(LINK_FIRN_LIBS)
	$(Q)$(RELOCATE_FIRN) && $(OBJCOPY) --strip-all $@
	$(Q)ln -sfn ../host $(@D)/host && ln -sfn ../BOOTX64.EFI $(@D)/BOOTX64.EFI
-include $(MSI_DRIVER:.o=.d)

.PHONY: test test-fast update-golden fuzz bench test-programs system-parts
test-programs: $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS)
system-parts: all guest $(TEST_GUESTS)

## test-fast: style checks, unit tests and fuzz corpus replay (under a minute)
test-fast: deps
	@$(BUILD) test-programs
	@tests/run --fast

## test: everything: test-fast, then whole systems in the emulator
test: deps
	@$(BUILD) test-programs system-parts
	@# Not every build machine lets one make a root file system, or has all packages at hand.
	@$(BUILD) --keep-going more-guests || echo 'some guests are missing: tests that need them are skipped'
	@tests/run

## update-golden: write tests/golden anew, when what guests see is meant to change
update-golden: build/unit/test_golden_cpu build/unit/test_golden_platform
	$(Q)for t in $^; do FIRN_UPDATE_GOLDEN=1 $$t || exit 1; done; git status --short tests/golden

## fuzz: run every fuzz target for FUZZ_SECONDS (60)
fuzz: deps
	@$(BUILD) $(FUZZ_PROGRAMS)
	@tests/run --fuzz $(FUZZ_SECONDS)

## bench: measure and compare with the limits; the table is also in build/bench.tsv
bench: deps
	@$(BUILD) system-parts
	@tests/bench/run

# SPDX-License-Identifier: MIT
# Guest test kernels: build/guest/test_NAME.elf from each tests/guest/test_NAME.c, and
# build/guest/test_all.elf, which runs one after the other those that one vCPU can do in a row.

GUEST_TESTS := $(sort $(patsubst tests/guest/%.c,%,$(wildcard tests/guest/test_*.c)))
GUEST_TESTS_ALONE := test_bench test_bench_late test_bench_net test_bench_net_vms test_bench_virtio test_cet_smp test_clusters test_init test_ipi test_pause test_pv_smp test_routing test_share test_smp test_storm test_triple_fault test_bench_smp test_overcommit
GUEST_TEST_LIB := $(wildcard tests/guest/lib/*.[cS])
GUEST_TEST_KERNELS := $(GUEST_TESTS:%=build/guest/%.elf) build/guest/test_all.elf

# Address 0 is memory like any other here.
GUEST_TEST_CFLAGS = $(TARGET_FLAGS) -mcmodel=small -fcf-protection=none $(WARNINGS) $(REPRODUCIBLE) \
	-fno-tree-loop-distribute-patterns --param=min-pagesize=0 -I. -nostdinc -isystem $(GCC_INCLUDE)

guest_test_objects = $(patsubst %,build/guest-tests/%.o,$(GUEST_TEST_LIB) $(1))

# Linked as 64-bit ELF, which keeps the symbols for debuggers, and turned into the 32-bit ELF that
# multiboot 1 asks for.
define GUEST_TEST_KERNEL
build/guest-tests/$(1).elf64: $(call guest_test_objects,$(2)) tests/guest/lib/guest.ld
	$(call say,LD,$$@)
	$$(Q)$$(LD) -m elf_x86_64 -T tests/guest/lib/guest.ld -z noexecstack -z max-page-size=4096 \
		--no-warn-rwx-segments -static -nostdlib --gc-sections -o $$@ $$(filter %.o,$$^)

build/guest/$(1).elf: build/guest-tests/$(1).elf64
	@mkdir -p $$(@D)
	$$(Q)$$(OBJCOPY) -O elf32-i386 --strip-all $$< $$@
endef
$(foreach t,$(GUEST_TESTS),$(eval $(call GUEST_TEST_KERNEL,$(t),\
	tests/guest/$(t).c $(wildcard tests/guest/$(t).S))))
$(eval $(call GUEST_TEST_KERNEL,test_all,$(patsubst %,tests/guest/%.c,\
	$(filter-out $(GUEST_TESTS_ALONE),$(GUEST_TESTS))) $(wildcard tests/guest/test_*.S)))

build/guest-tests/%.c.o: %.c mk/guest-tests.mk mk/flags.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(GUEST_TEST_CFLAGS) -MMD -MP -c $< -o $@

build/guest-tests/%.S.o: %.S mk/guest-tests.mk mk/flags.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(GUEST_TEST_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

.PHONY: guest-tests
## guest-tests: the guest test kernels, build/guest/test_*.elf
guest-tests: $(GUEST_TEST_KERNELS)
guest: guest-tests

-include $(shell find build/guest-tests -name '*.d' 2>/dev/null)

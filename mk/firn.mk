# SPDX-License-Identifier: MIT
# The hypervisor itself: build/firn.elf, a multiboot 2 kernel and the payload of the EFI loader.

FIRN_SRC := $(wildcard boot/*.c boot/multiboot2/*.[cS] core/*.c core/*/*.c core/*/*/*.c \
	arch/x86/*.[cS] arch/x86/vmx/*.[cS] arch/x86/svm/*.[cS] net/*.c drivers/*.c drivers/*/*.c)
FIRN_ASL := $(wildcard core/vdev/acpi/*.asl)
FIRN_OBJ := $(FIRN_SRC:%=build/firn/%.o) $(FIRN_ASL:%.asl=build/firn/%.aml.S.o)
FIRN_LIBS := $(NEWLIB)/libc.a $(ZYDIS)/libzydis.a
FIRN_STAMPS := $(NEWLIB).stamp $(ZYDIS).stamp

LINK_FIRN := $(LD) -T linker.ld --emit-relocs -z max-page-size=4096 -z noexecstack -static -nostdlib --gc-sections
LINK_FIRN_LIBS = --start-group $(FIRN_LIBS) --end-group
# What the linker says about addresses in the image becomes a table in it.
RELOCATE_FIRN = tools/relocations $@ && $(OBJCOPY) --remove-section '.rela.*' $@

build/firn.elf: $(FIRN_OBJ) $(FIRN_LIBS) linker.ld tools/relocations
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK_FIRN) -Map=build/firn.map -o $@ $(FIRN_OBJ) $(LINK_FIRN_LIBS)
	$(Q)$(RELOCATE_FIRN)
	@# Vector and x87 registers hold guest state: nothing may use them, in whatever library.
	@! objdump -d --no-show-raw-insn $@ | grep -E '%([xyz]mm[0-9]|mm[0-7]|st\b)' >&2 || \
		{ echo '$@: floating-point instructions' >&2; exit 1; }

build/firn.stripped: build/firn.elf
	$(Q)$(OBJCOPY) --strip-all $< $@

# What no exit of a guest waits for is made small: start, prompt, configuration, real devices.
FIRN_SMALL := boot/% core/calendar% core/config% core/loader% core/shell% core/suggest% core/vdev/acpi% core/vdev/rtc% drivers/% \
	arch/x86/backtrace% arch/x86/cet_% arch/x86/control_% arch/x86/cpuid_build% arch/x86/identity_% arch/x86/kaslr% \
	arch/x86/main% arch/x86/mitig% arch/x86/page_% arch/x86/paging% arch/x86/panic% arch/x86/power% arch/x86/relocate% \
	arch/x86/selftest% arch/x86/shadow_% arch/x86/shell% arch/x86/smp% arch/x86/stack_% arch/x86/vcpu_regs% \
	arch/x86/vmx/caps% arch/x86/vmx/entry_% \
	arch/x86/vmx/vmcs_setup% arch/x86/svm/vmrun_% arch/x86/wx_%
$(FIRN_SMALL:%=build/firn/%): OPTIMIZE := -Os

# Without stack guards: what runs before a CPU has one, or while its GS is being loaded; then the path of
# every exit (6 instructions) and of every access to guest memory (5), which have no arrays.
FIRN_UNGUARDED := boot/% arch/x86/cpu.c% arch/x86/gdt.c% arch/x86/hw_random.c% arch/x86/kaslr.c% arch/x86/relocate.c% \
	arch/x86/stack_guard.c% \
	arch/x86/svm/run.c% arch/x86/svm/exits.c% arch/x86/vmx/run.c% arch/x86/vmx/exits.c% \
	core/guest_memory.c%
$(FIRN_UNGUARDED:%=build/firn/%): STACK_GUARD := -fno-stack-protector -DSTACK_GUARD_OFFSET=$(STACK_GUARD_OFFSET)

build/firn/%.c.o: %.c $(FIRN_STAMPS) | build/version.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(FIRN_CFLAGS) -MMD -MP -c $< -o $@

build/firn/%.S.o: %.S $(FIRN_STAMPS) | build/version.h
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(FIRN_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

# ACPI tables: core/vdev/acpi/dsdt.asl becomes the bytes dsdt_aml[] .. dsdt_aml_end[].
# The preprocessor repeats what the CPUs have in common.
build/%.aml: %.asl
	@mkdir -p $(@D)
	$(call say,IASL,$<)
	$(Q)$(CC) -E -P -undef -x c $< -o $(@:.aml=.i.asl)
	$(Q)iasl -vs -va -p $(@:.aml=) $(@:.aml=.i.asl) >$@.log || { cat $@.log; exit 1; }

build/%.aml.S: build/%.aml
	@name=$(notdir $*)_aml; printf '%s\n' '	.section .rodata' '	.balign 16' \
		"	.globl $$name, $${name}_end" "$$name:" '	.incbin "$<"' "$${name}_end:" \
		'	.section .note.GNU-stack,"",@progbits' >$@

build/firn/%.aml.S.o: build/%.aml.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(FIRN_CFLAGS) -c $< -o $@

.PRECIOUS: build/%.aml build/%.aml.S

# The version is looked up in every run, the header only changes when the version does.
FIRN_VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo unknown)
.PHONY: version
build/version.h: version
	@mkdir -p $(@D)
	@echo '#define FIRN_VERSION "$(FIRN_VERSION)"' >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@

-include $(FIRN_OBJ:.o=.d)

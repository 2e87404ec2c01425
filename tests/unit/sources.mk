# SPDX-License-Identifier: MIT
# What each unit test links besides tests/unit/test_NAME.c, alphabetically:
#   test_NAME_SRC := core/a.c core/b.c
# Optional: test_NAME_CFLAGS, test_NAME_LIBS, test_NAME_SAN := thread (instead of address,undefined).
test_config_SRC := core/config.c core/config_keys.c core/config_text.c
test_div128_SRC := arch/x86/div128.c
test_elf_load_SRC := boot/efi/elf_load.c
EMULATE_SRC := arch/x86/emulate.c arch/x86/emulate_alu.c arch/x86/emulate_decode.c \
	arch/x86/emulate_operand.c arch/x86/emulate_segment.c arch/x86/emulate_string.c
test_emulate_SRC := $(EMULATE_SRC)
test_emulate_LIBS := $(ZYDIS)/libzydis-host.a
test_emulate_native_SRC := $(EMULATE_SRC) tests/unit/native_cpu.c
test_emulate_native_LIBS := $(ZYDIS)/libzydis-host.a
test_emulate_vcpu_SRC := $(EMULATE_SRC) arch/x86/emulate_vcpu.c arch/x86/guest_walk.c \
	arch/x86/guest_walk_vcpu.c core/guest_memory.c core/memslot.c arch/fake/fake.c \
	tests/unit/fake_vcpu.c
test_emulate_vcpu_CFLAGS := -Iarch/x86
test_emulate_vcpu_LIBS := $(ZYDIS)/libzydis-host.a
test_epoch_SRC := arch/fake/fake.c
test_err_SRC := core/err.c
test_guest_memory_SRC := core/guest_memory.c core/memslot.c arch/fake/fake.c
test_guest_walk_SRC := arch/x86/guest_walk.c
test_handover_SRC := boot/handover_build.c boot/memory_map.c boot/unix_time.c boot/efi/early_paging.c
test_iobus_LIBS := -Wl,--wrap=malloc,--wrap=free
test_iobus_SRC := core/epoch.c core/iobus.c arch/fake/fake.c
test_iobus_threads_SAN := thread
test_iobus_threads_SRC := core/epoch.c core/iobus.c arch/fake/fake.c
LOADER_TEST_SRC := tests/unit/loader_fixture.c $(wildcard core/loader/*.c) core/loader_load.c \
	core/guest_memory.c core/memslot.c core/err.c arch/fake/fake.c
test_loader_linux_SRC := $(LOADER_TEST_SRC)
test_loader_linux_CFLAGS := -Iarch/x86
test_loader_multiboot_SRC := $(LOADER_TEST_SRC)
test_loader_multiboot_CFLAGS := -Iarch/x86
test_loader_plan_SRC := $(LOADER_TEST_SRC)
test_loader_plan_CFLAGS := -Iarch/x86
test_loader_pvh_SRC := $(LOADER_TEST_SRC)
test_loader_pvh_CFLAGS := -Iarch/x86
test_log_SRC := arch/fake/fake.c
test_log_threads_SAN := thread
test_log_threads_SRC := core/log.c arch/fake/fake.c
test_memory_map_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c
test_memslot_SRC := core/memslot.c
test_multiboot2_info_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c \
	boot/multiboot2/info.c
test_pe_sections_SRC := boot/efi/pe_sections.c
test_pmem_SRC := core/log.c arch/fake/fake.c
test_timer_SRC := core/timer.c arch/fake/fake.c
test_work_SAN := thread
test_work_SRC := core/work.c arch/fake/fake.c
test_vmx_caps_SRC := arch/x86/vmx/caps.c
test_vmx_entry_checks_SRC := arch/x86/vmx/entry_checks.c arch/x86/vmx/caps.c
test_vmx_ept_SRC := arch/x86/vmx/ept.c arch/x86/vmx/caps.c core/pmem.c core/log.c arch/fake/fake.c
test_vmx_lifecycle_SRC := arch/x86/vmx/lifecycle.c arch/x86/vmx/caps.c core/pmem.c core/log.c \
	arch/fake/fake.c
test_vmx_lifecycle_CFLAGS := -Itests/unit/fake_vmx

# SPDX-License-Identifier: MIT
# What each unit test links besides tests/unit/test_NAME.c, alphabetically:
#   test_NAME_SRC := core/a.c core/b.c
# Optional: test_NAME_CFLAGS, test_NAME_LIBS, test_NAME_SAN := thread (instead of address,undefined).
test_acpi_reader_SRC := $(wildcard drivers/acpi/*.c)
test_calendar_SRC := core/calendar.c
test_clock_SRC := arch/x86/clock_scale.c
test_config_SRC := tests/unit/config_fixture.c $(wildcard core/config*.c) core/suggest.c
test_config_mistakes_SRC := $(test_config_SRC)
test_console_SRC := core/work.c arch/fake/fake.c
test_console_threads_SAN := thread
test_console_threads_SRC := core/console.c core/log.c core/work.c arch/fake/fake.c
test_dhcp_reply_SRC := boot/efi/dhcp_reply.c
test_dirty_log_SAN := thread
test_dirty_log_SRC := core/cpu_tour.c core/dirty_log.c core/epoch.c core/guest_memory.c core/memslot.c \
	core/work.c core/log.c arch/fake/fake.c
test_div128_SRC := arch/x86/div128.c
# A VM with the whole CPU policy: tests/unit/guest_cpu.h.
GUEST_CPU_SRC := tests/unit/guest_cpu.c tests/unit/fake_vcpu.c arch/fake/fake.c \
	core/vcpu_signals.c arch/x86/cpuid_build.c arch/x86/cpuid_image.c arch/x86/cpuid_policy.c arch/x86/guest_msr.c \
	arch/x86/guest_msr_rules.c arch/x86/guest_xstate.c arch/x86/ioapic.c arch/x86/lapic.c \
	arch/x86/lapic_bus.c arch/x86/lapic_irr.c arch/x86/lapic_timer.c arch/x86/pv_eoi.c \
	arch/x86/pmu.c arch/x86/pmu_rules.c arch/x86/pvclock.c arch/x86/steal_time.c core/epoch.c core/exit_trace.c core/guest_memory.c core/iobus.c core/log.c core/memslot.c core/timer.c core/work.c
test_cpuid_image_SRC := $(GUEST_CPU_SRC)
test_cpuid_image_CFLAGS := -Iarch/x86
# Firmware calls have the ABI and the character size of EFI.
EFI_CALLS_CFLAGS := -DGNU_EFI_USE_MS_ABI -fshort-wchar -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
test_efi_memory_SRC := boot/efi/memory.c boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c
test_efi_memory_CFLAGS := $(EFI_CALLS_CFLAGS)
test_efi_text_SRC := boot/efi/text.c
test_efi_text_CFLAGS := $(EFI_CALLS_CFLAGS)
test_elf_load_SRC := boot/efi/elf_load.c
EMULATE_SRC := arch/x86/emulate.c arch/x86/emulate_alu.c arch/x86/emulate_branch.c \
	arch/x86/emulate_cet.c arch/x86/emulate_decode.c arch/x86/emulate_multiply.c \
	arch/x86/emulate_operand.c arch/x86/emulate_segment.c arch/x86/emulate_shift.c \
	arch/x86/emulate_stack.c arch/x86/emulate_string.c
test_emulate_SRC := $(EMULATE_SRC) tests/unit/emulate_fixture.c
test_emulate_LIBS := $(ZYDIS)/libzydis-host.a -Wl,--wrap=ZydisDecoderDecodeFull
test_emulate_branch_SRC := $(EMULATE_SRC) tests/unit/emulate_fixture.c
test_emulate_branch_LIBS := $(ZYDIS)/libzydis-host.a
test_emulate_io_SRC := $(EMULATE_SRC) tests/unit/emulate_fixture.c
test_emulate_io_LIBS := $(ZYDIS)/libzydis-host.a
test_emulate_native_SRC := $(EMULATE_SRC) tests/unit/native_cpu.c
test_emulate_native_LIBS := $(ZYDIS)/libzydis-host.a
test_emulate_vcpu_SRC := $(EMULATE_SRC) arch/x86/emulate_vcpu.c arch/x86/force_emulation.c arch/x86/trace_io.c core/exit_trace.c arch/x86/guest_walk.c \
	arch/x86/guest_walk_vcpu.c core/guest_memory.c core/memslot.c arch/fake/fake.c \
	tests/unit/fake_vcpu.c
test_emulate_vcpu_CFLAGS := -Iarch/x86
test_emulate_vcpu_LIBS := $(ZYDIS)/libzydis-host.a
test_epoch_SRC := core/work.c arch/fake/fake.c
test_err_SRC := core/err.c
test_exception_SRC := arch/x86/exception.c
test_exit_trace_SRC := core/exit_trace.c arch/fake/fake.c
test_files_SRC :=
test_guest_memory_SRC := core/guest_memory.c core/memslot.c arch/fake/fake.c
test_guest_abi_SRC := $(GUEST_CPU_SRC) arch/x86/hypercall.c arch/x86/pmu_event_info.c arch/x86/pv_ipi.c
test_guest_abi_CFLAGS := -Iarch/x86
test_golden_cpu_SRC := $(test_guest_abi_SRC) tests/unit/golden.c
test_golden_cpu_CFLAGS := -Iarch/x86
test_guest_cet_SRC := $(GUEST_CPU_SRC)
test_guest_cet_CFLAGS := -Iarch/x86
test_guest_cr_SRC := $(GUEST_CPU_SRC) arch/x86/guest_cr.c
test_guest_cr_CFLAGS := -Iarch/x86
test_guest_msr_SRC := $(GUEST_CPU_SRC)
test_guest_msr_CFLAGS := -Iarch/x86
test_guest_walk_SRC := arch/x86/guest_walk.c
test_guest_xstate_SRC := $(GUEST_CPU_SRC)
test_guest_xstate_CFLAGS := -Iarch/x86
test_handover_SRC := boot/handover_build.c boot/memory_map.c boot/efi/early_paging.c
test_http_boot_SRC := boot/efi/http_boot.c boot/efi/http_url.c
test_http_boot_CFLAGS := $(EFI_CALLS_CFLAGS)
test_http_boot_LIBS := $(EFI_LIB)/libefi.a
test_http_client_SRC := boot/efi/http_client.c boot/efi/http_url.c
test_http_client_CFLAGS := $(EFI_CALLS_CFLAGS)
test_http_url_SRC := boot/efi/http_url.c
test_hypercall_SRC := $(test_guest_abi_SRC)
test_hypercall_CFLAGS := -Iarch/x86
test_iobus_LIBS := -Wl,--wrap=malloc,--wrap=free
test_iobus_SRC := core/epoch.c core/iobus.c core/work.c arch/fake/fake.c
test_iobus_threads_SAN := thread
test_iobus_threads_SRC := core/epoch.c core/iobus.c core/work.c arch/fake/fake.c
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
test_memcpy_SRC := arch/x86/memcpy.c
test_memcpy_CFLAGS := -Dmemcpy=firn_memcpy
test_memory_map_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c
test_memslot_SRC := core/memslot.c arch/fake/fake.c
test_multiboot2_info_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c \
	boot/multiboot2/info.c
test_page_audit_SRC := arch/x86/identity_map.c arch/x86/page_audit.c arch/x86/pagetable.c core/log.c core/pmem.c arch/fake/fake.c
test_pagetable_SRC := arch/x86/pagetable.c core/log.c core/pmem.c arch/fake/fake.c
test_outer_hypervisor_SRC := arch/x86/outer_hypervisor.c
test_pe_sections_SRC := boot/efi/pe_sections.c
test_pmem_SRC := core/log.c arch/fake/fake.c
test_pmu_SRC := $(test_guest_abi_SRC)
test_pmu_CFLAGS := -Iarch/x86
test_relocate_SRC := arch/x86/relocate.c
test_required_features_SRC := arch/x86/required_features.c
test_scancode_SRC := drivers/keyboard/scancode.c
test_screen_sink_SAN := thread
test_screen_sink_SRC := drivers/framebuffer/screen_sink.c drivers/framebuffer/text_screen.c core/log.c core/timer.c core/work.c arch/fake/fake.c
test_text_screen_SRC := drivers/framebuffer/font.c drivers/framebuffer/text_screen.c
SHELL_TEST_SRC := $(wildcard core/shell*.c) core/suggest.c core/network.c core/cpu_tour.c core/dirty_log.c core/vdev/cpu_hotplug.c core/vdev/ged.c core/exit_trace.c core/err.c core/guest_memory.c core/log.c core/memslot.c \
	core/timer.c core/work.c drivers/pci/class_names.c arch/fake/fake.c tests/unit/shell_fixture.c
test_shell_SRC := $(SHELL_TEST_SRC)
test_shell_dirty_SRC := $(SHELL_TEST_SRC)
test_shell_edit_SRC := $(SHELL_TEST_SRC)
test_shell_repeat_SRC := $(SHELL_TEST_SRC)
test_shell_trace_SRC := $(SHELL_TEST_SRC)
test_net_offload_SRC := core/vdev/net_offload.c tests/unit/net_packets.c
test_switch_SRC := core/network.c net/mac_table.c net/switch.c arch/fake/fake.c
test_timer_SRC := core/timer.c arch/fake/fake.c
test_work_SAN := thread
test_work_SRC := core/work.c arch/fake/fake.c
test_work_order_SRC := $(test_work_SRC)
test_bhb_SRC := arch/x86/bhb.S tests/unit/single_step.c
test_branch_thunks_SRC := arch/x86/branch_thunks.S
test_branch_thunks_LIBS := $(ZYDIS)/libzydis-host.a
test_rsb_SRC := arch/x86/branch_thunks.S arch/x86/mitigations_sites.S arch/x86/bhb.S tests/unit/single_step.c
test_cet_host_SRC := arch/x86/cet_choice.c arch/x86/control_protection.c arch/x86/shadow_stack.c
test_mitigations_SRC := arch/x86/mitigations.c arch/x86/mitigation_models.c
test_mmio_mov_SRC := arch/x86/mmio_mov.c
test_mmio_mov_LIBS := $(ZYDIS)/libzydis-host.a
# The ports are the test's, in place of the CPU's instructions.
FAKE_PORTS_CFLAGS := -DFIRN_X86_X86_H -include tests/unit/fake_ports.h
# So is mmio_map().
test_pci_config_SRC := drivers/pci/config.c core/log.c arch/fake/fake.c
test_pci_config_CFLAGS := $(FAKE_PORTS_CFLAGS)
test_serial_SRC := drivers/serial/serial.c drivers/serial/uart16550.c core/log.c core/timer.c core/work.c arch/fake/fake.c
test_serial_CFLAGS := $(FAKE_PORTS_CFLAGS)
PCI_SRC := $(filter-out drivers/pci/config.c,$(wildcard drivers/pci/*.c)) arch/x86/vectors.c \
	tests/unit/fake_pci.c core/log.c arch/fake/fake.c
test_pci_scan_SRC := $(PCI_SRC)
test_pci_msi_SRC := $(PCI_SRC)
test_virtio_rng_driver_SRC := $(PCI_SRC) drivers/virtio/rng.c
test_vectors_SRC := arch/x86/vectors.c core/log.c arch/fake/fake.c
test_vectors_threads_SRC := $(test_vectors_SRC)
test_vectors_threads_SAN := thread
test_svm_asid_SRC := arch/x86/svm/asid.c
test_svm_caps_SRC := arch/x86/svm/caps.c
test_svm_lifecycle_SRC := arch/x86/svm/lifecycle.c arch/x86/svm/asid.c arch/x86/svm/caps.c \
	core/pmem.c core/log.c arch/fake/fake.c
test_svm_lifecycle_CFLAGS := -Itests/unit/fake_svm
test_svm_npt_SRC := arch/x86/svm/npt.c arch/x86/nested_table.c core/pmem.c core/log.c \
	arch/fake/fake.c
test_svm_state_SRC := arch/x86/svm/state.c arch/x86/svm/vmcb_setup.c arch/x86/svm/caps.c
test_svm_state_CFLAGS := $(X86_TEST_CFLAGS)
test_svm_vmrun_checks_SRC := arch/x86/svm/vmrun_checks.c
test_vcpu_regs_SRC := $(GUEST_CPU_SRC) arch/x86/guest_cr.c arch/x86/lapic_regs.c \
	arch/x86/vcpu_regs.c arch/x86/vcpu_regs_access.c
test_vcpu_regs_CFLAGS := -Iarch/x86
test_vmx_caps_SRC := arch/x86/vmx/caps.c
test_vmx_entry_checks_SRC := arch/x86/vmx/entry_checks.c arch/x86/vmx/caps.c
test_vmx_ept_SRC := arch/x86/vmx/ept.c arch/x86/nested_table.c arch/x86/vmx/caps.c core/pmem.c core/log.c \
	arch/fake/fake.c
test_vmx_lifecycle_SRC := arch/x86/vmx/lifecycle.c arch/x86/vmx/caps.c core/pmem.c core/log.c \
	arch/fake/fake.c
test_vmx_lifecycle_CFLAGS := -Itests/unit/fake_vmx

# Guest platform: fake_vcpu.c stands for VMX below it and the VM above it.
X86_TEST_CFLAGS := -iquote arch/x86
FAKE_VCPU_SRC := tests/unit/fake_vcpu.c core/vcpu_signals.c arch/fake/fake.c
GUEST_MEMORY_SRC := core/guest_memory.c core/memslot.c core/err.c
LAPIC_SRC := $(FAKE_VCPU_SRC) arch/x86/lapic.c arch/x86/lapic_bus.c arch/x86/lapic_irr.c \
	arch/x86/lapic_timer.c arch/x86/ioapic.c arch/x86/pv_eoi.c $(GUEST_MEMORY_SRC) core/exit_trace.c core/timer.c
ACPI_SRC := core/vdev/acpi_tables.c build/core/vdev/acpi/dsdt.aml.S
test_acpi_tables_SRC := $(FAKE_VCPU_SRC) $(GUEST_MEMORY_SRC) $(ACPI_SRC)
test_acpi_tables_CFLAGS := $(X86_TEST_CFLAGS)
test_cpu_hotplug_SRC := $(FAKE_VCPU_SRC) core/vdev/cpu_hotplug.c core/vdev/ged.c core/log.c
test_cpu_hotplug_CFLAGS := $(X86_TEST_CFLAGS)
test_ioapic_SRC := $(LAPIC_SRC)
test_ioapic_CFLAGS := $(X86_TEST_CFLAGS)
test_guest_loop_SRC := $(FAKE_VCPU_SRC) arch/x86/guest_loop.c core/timer.c core/work.c
test_guest_loop_CFLAGS := $(X86_TEST_CFLAGS)
test_lapic_SRC := $(LAPIC_SRC)
test_lapic_CFLAGS := $(X86_TEST_CFLAGS)
test_lapic_threads_SRC := $(LAPIC_SRC)
test_lapic_threads_CFLAGS := $(X86_TEST_CFLAGS)
test_lapic_threads_SAN := thread
test_lapic_timer_SRC := $(LAPIC_SRC)
test_lapic_timer_CFLAGS := $(X86_TEST_CFLAGS)
# A virtio driver of the tests' own: tests/unit/virtio_fixture.h.
VIRTIO_SRC := tests/unit/virtio_fixture.c $(FAKE_VCPU_SRC) $(GUEST_MEMORY_SRC) core/iobus.c core/epoch.c \
	core/log.c core/work.c core/vdev/pci_host.c core/vdev/pci_device.c core/vdev/msix.c \
	core/vdev/virtio.c core/vdev/virtio_pci.c $(wildcard core/vdev/virtqueue*.c)
test_virtio_SRC := $(VIRTIO_SRC)
test_virtio_CFLAGS := $(X86_TEST_CFLAGS)
test_virtio_blk_SRC := $(VIRTIO_SRC) core/files.c core/pmem.c core/vdev/ram_disk.c core/vdev/virtio_blk.c
test_virtio_blk_CFLAGS := $(X86_TEST_CFLAGS)
NET_SRC := core/network.c core/vdev/net_offload.c $(wildcard core/vdev/virtio_net*.c net/*.c)
test_virtio_net_SRC := $(VIRTIO_SRC) $(NET_SRC) tests/unit/net_packets.c
test_virtio_net_CFLAGS := $(X86_TEST_CFLAGS)
test_virtio_bad_rings_SRC := $(VIRTIO_SRC) $(NET_SRC) core/chacha20.c core/entropy.c core/files.c core/pmem.c \
	core/vdev/ram_disk.c $(addprefix core/vdev/virtio_,blk.c console.c rng.c)
test_virtio_bad_rings_CFLAGS := $(X86_TEST_CFLAGS)
test_virtio_console_SRC := $(VIRTIO_SRC) core/vdev/virtio_console.c
test_virtio_console_CFLAGS := $(X86_TEST_CFLAGS)
test_switch_threads_SRC := $(VIRTIO_SRC) $(NET_SRC)
test_switch_threads_CFLAGS := $(X86_TEST_CFLAGS)
test_switch_threads_SAN := thread
test_entropy_SRC := $(VIRTIO_SRC) core/chacha20.c core/vdev/virtio_rng.c
test_entropy_CFLAGS := $(X86_TEST_CFLAGS)
test_virtio_kick_order_SRC := $(VIRTIO_SRC)
test_virtio_kick_order_CFLAGS := $(X86_TEST_CFLAGS)
test_virtio_threads_SRC := $(VIRTIO_SRC)
test_virtio_threads_CFLAGS := $(X86_TEST_CFLAGS)
test_virtio_threads_SAN := thread
test_virtqueue_SRC := $(VIRTIO_SRC)
test_virtqueue_CFLAGS := $(X86_TEST_CFLAGS)
test_pci_device_SRC := $(VIRTIO_SRC)
test_pci_device_CFLAGS := $(X86_TEST_CFLAGS)
test_msi_SRC := $(LAPIC_SRC) arch/x86/msi.c
test_msi_CFLAGS := $(X86_TEST_CFLAGS)
test_pci_host_SRC := core/vdev/pci_host.c
test_pv_eoi_SRC := $(LAPIC_SRC)
test_pv_eoi_CFLAGS := $(X86_TEST_CFLAGS)
test_pv_ipi_SRC := $(test_guest_abi_SRC)
test_pv_ipi_CFLAGS := -Iarch/x86
test_pvclock_SRC := $(FAKE_VCPU_SRC) $(GUEST_MEMORY_SRC) arch/x86/pvclock.c
test_pvclock_CFLAGS := $(X86_TEST_CFLAGS)
test_rtc_SRC := arch/fake/fake.c core/calendar.c core/vdev/rtc.c
test_steal_time_SRC := $(GUEST_CPU_SRC)
test_steal_time_CFLAGS := -Iarch/x86
test_steal_time_threads_SRC := $(FAKE_VCPU_SRC) $(GUEST_MEMORY_SRC) arch/x86/steal_time.c
test_steal_time_threads_CFLAGS := $(X86_TEST_CFLAGS)
test_steal_time_threads_SAN := thread
test_svm_events_SRC := $(LAPIC_SRC) arch/x86/svm/events.c arch/x86/svm/nmi.c arch/x86/exception.c
test_svm_events_CFLAGS := $(X86_TEST_CFLAGS)
test_vmx_events_SRC := $(LAPIC_SRC) arch/x86/vmx/events.c arch/x86/vmx/caps.c arch/x86/exception.c
test_vmx_events_CFLAGS := $(X86_TEST_CFLAGS) -Itests/unit/fake_vmx
test_svm_instruction_SRC := $(FAKE_VCPU_SRC) $(GUEST_MEMORY_SRC) arch/x86/svm/instruction.c \
	arch/x86/mmio_mov.c
test_svm_instruction_CFLAGS := $(X86_TEST_CFLAGS)
test_uart16550_SRC := $(FAKE_VCPU_SRC) core/vdev/uart16550.c
test_uart16550_CFLAGS := $(X86_TEST_CFLAGS)
test_vdevs_SRC := $(LAPIC_SRC) $(ACPI_SRC) $(filter-out \
	core/vdev/acpi_tables.c,$(wildcard core/vdev/*.c)) core/calendar.c core/iobus.c core/epoch.c core/log.c \
	core/work.c core/entropy.c core/chacha20.c core/files.c core/network.c core/pmem.c arch/x86/msi.c
test_vdevs_CFLAGS := $(X86_TEST_CFLAGS)
test_golden_platform_SRC := $(test_vdevs_SRC) $(wildcard net/*.c) tests/unit/golden.c
test_golden_platform_CFLAGS := $(X86_TEST_CFLAGS)

# VMs and CPUs as a whole: vm_fixture.c includes core/vm.c and core/sched.c.
VM_TEST_SRC := tests/unit/vm_fixture.c core/epoch.c core/err.c core/files.c core/guest_memory.c \
	core/iobus.c core/log.c core/memslot.c core/pmem.c core/sched_cap.c core/sched_move.c \
	core/sched_pin.c core/sched_poll.c core/sched_queue.c core/sched_yield.c core/timer.c \
	core/vcpu.c core/vcpu_signals.c core/work.c arch/fake/fake.c
VM_TEST_LIBS := -Wl,--wrap=calloc
test_machine_LIBS := $(VM_TEST_LIBS)
test_machine_SRC := $(VM_TEST_SRC) $(wildcard core/config*.c) core/suggest.c
test_sched_fair_LIBS := $(VM_TEST_LIBS)
test_sched_fair_SRC := $(VM_TEST_SRC)
test_sched_move_LIBS := $(VM_TEST_LIBS)
test_sched_move_SRC := $(VM_TEST_SRC)
test_sched_pin_LIBS := $(VM_TEST_LIBS)
test_sched_pin_SRC := $(VM_TEST_SRC)
test_sched_threads_LIBS := $(VM_TEST_LIBS)
test_sched_threads_SAN := thread
test_sched_threads_SRC := $(VM_TEST_SRC)
test_sched_LIBS := $(VM_TEST_LIBS)
test_sched_SRC := $(VM_TEST_SRC)
test_vcpu_events_LIBS := $(VM_TEST_LIBS)
test_vcpu_events_SRC := $(VM_TEST_SRC)
test_vcpu_events_threads_LIBS := $(VM_TEST_LIBS)
test_vcpu_events_threads_SAN := thread
test_vcpu_events_threads_SRC := $(VM_TEST_SRC)
test_vm_life_LIBS := $(VM_TEST_LIBS)
test_vm_life_SRC := $(VM_TEST_SRC)
test_vm_resets_LIBS := $(VM_TEST_LIBS)
test_vm_resets_SRC := $(VM_TEST_SRC)

# SPDX-License-Identifier: MIT
# What each fuzz target links besides tests/fuzz/fuzz_NAME.c, alphabetically:
#   fuzz_NAME_SRC := core/a.c core/b.c
# Optional: fuzz_NAME_CFLAGS, fuzz_NAME_LIBS. The seed corpus is tests/fuzz/corpus/NAME/.
fuzz_acpi_SRC := $(wildcard drivers/acpi/*.c)
fuzz_boot_image_SRC := boot/efi/elf_load.c boot/efi/pe_sections.c
fuzz_bzimage_SRC := $(wildcard core/loader/*.c)
fuzz_config_SRC := $(wildcard core/config*.c) core/suggest.c
fuzz_dhcp_reply_SRC := boot/efi/dhcp_reply.c
fuzz_elf_SRC := $(wildcard core/loader/*.c)
fuzz_emulate_SRC := arch/x86/emulate.c arch/x86/emulate_alu.c arch/x86/emulate_branch.c \
	arch/x86/emulate_cet.c arch/x86/emulate_decode.c arch/x86/emulate_multiply.c \
	arch/x86/emulate_operand.c arch/x86/emulate_segment.c arch/x86/emulate_shift.c \
	arch/x86/emulate_stack.c arch/x86/emulate_string.c
fuzz_emulate_LIBS := $(ZYDIS)/libzydis-host.a
fuzz_guest_cpu_SRC := $(GUEST_CPU_SRC) arch/x86/guest_cr.c
fuzz_guest_cpu_CFLAGS := -iquote arch/x86 -iquote tests/unit -Wno-missing-field-initializers -Wno-gnu-designator
fuzz_guest_cpu_LIBS := -lcmocka
fuzz_http_url_SRC := boot/efi/http_url.c
fuzz_lapic_SRC := $(LAPIC_SRC) arch/x86/lapic_regs.c
fuzz_lapic_CFLAGS := -iquote arch/x86 -iquote tests/unit -Wno-missing-field-initializers -Wno-gnu-designator
fuzz_multiboot_SRC := $(wildcard core/loader/*.c)
fuzz_multiboot2_info_SRC := boot/efi_memory_map.c boot/handover_build.c boot/memory_map.c \
	boot/multiboot2/info.c
fuzz_pci_SRC := $(filter-out drivers/pci/config.c,$(wildcard drivers/pci/*.c)) arch/x86/vectors.c \
	core/log.c arch/fake/fake.c
VIRTQUEUE_SRC := $(wildcard core/vdev/virtqueue*.c) core/guest_memory.c core/memslot.c arch/fake/fake.c
fuzz_virtqueue_SRC := $(VIRTQUEUE_SRC)
fuzz_virtio_blk_SRC := $(VIRTIO_SRC) core/files.c core/pmem.c core/vdev/ram_disk.c core/vdev/virtio_blk.c
fuzz_virtio_blk_CFLAGS := -iquote arch/x86 -iquote tests/unit
fuzz_virtio_net_SRC := $(VIRTIO_SRC) $(NET_SRC)
fuzz_virtio_net_CFLAGS := -iquote arch/x86 -iquote tests/unit

/* SPDX-License-Identifier: MIT */
/*
 * Firn's own address space. Nothing is both writable and executable, in no mapping.
 *
 *   ffff8000_00000000  direct map of RAM (32 TiB) but that of VMs; image's text and rodata read-only
 *   ffffa000_00000000  memory of VMs, somewhere in there
 *   ffffc000_00000000  device memory
 *   ffffd000_00000000  stacks of the CPUs, each between unmapped guard pages
 *   ffffd040_00000000  shadow stacks, likewise
 *   ffffe000_00000000  heap
 *   ffffffff_80000000  image
 */
#ifndef FIRN_X86_PAGING_H
#define FIRN_X86_PAGING_H

#include "boot/handover.h"
#include "core/err.h"

#define DIRECT_MAP_BASE	     0xffff800000000000ull
#define DIRECT_MAP_SIZE	     (32 * 1024 * GiB)
#define GUEST_WINDOW_BASE    0xffffa00000000000ull
#define GUEST_WINDOW_SIZE    DIRECT_MAP_SIZE
#define MMIO_BASE	     0xffffc00000000000ull
#define MMIO_WINDOW	     (64 * GiB)
#define STACKS_BASE	     0xffffd00000000000ull
#define SHADOW_STACKS_BASE   (STACKS_BASE + 256 * GiB)
#define SHADOW_STACKS_WINDOW GiB
#define HEAP_BASE	     0xffffe00000000000ull
#define HEAP_WINDOW	     (64 * GiB)

/* PAT entries 0..3, repeated: WB, WC, UC-, UC (SDM 3A 11.12). The VMCS host PAT is this value. */
#define HOST_PAT 0x0007010600070106ull

enum mmio_type {
	MMIO_UC,
	MMIO_WC
};

/*
 * Builds and loads Firn's page tables; pmem has its ranges by now. Until then phys_to_virt() is
 * the loader's identity map of the low 4 GiB. Boot CPU. ERR_NOMEM.
 */
enum firn_err paging_init(const struct handover *h);
/* Loads Firn's tables on a CPU that just started. */
void paging_load(void);

/* Drops all that this CPU has cached of Firn's tables. */
void paging_flush_tlb(void);

/* Maps device memory; never unmapped. NULL = no memory or window left. Any CPU. */
void *mmio_map(u64 pa, size_t len, enum mmio_type type);

/*
 * Copies from any physical address that may be read without side effects (firmware tables).
 * False for addresses beyond the CPU's physical width. Boot CPU only, before CPUs start.
 */
bool phys_read(u64 pa, void *buf, size_t len);

/*
 * Makes the image's code writable through the direct map, where it is never executable, and
 * read-only again. Boot CPU only, before other CPUs start.
 */
void paging_write_code(bool on);

/* Physical address of something in the image. */
u64 image_to_phys(const void *va);

/*
 * CR3 of the second root: Firn's half as always, and below it what identity_map() maps. For EFI
 * runtime services and CPUs that start. Below 4 GiB.
 */
u64 paging_identity_root(void);
/* A page that CPUs start in, readable and executable in the second root only. ERR_NOMEM. Boot CPU. */
enum firn_err paging_map_trampoline(u64 page);
void paging_unmap_trampoline(u64 page);
u64 paging_root(void); /* CR3 of all CPUs otherwise; the VMCS host CR3 */

/* Allocates and maps the stacks of a CPU. ERR_NOMEM. Boot CPU. */
struct cpu;
enum firn_err paging_map_stacks(struct cpu *cpu);
/* Maps a page so that the CPU takes it for a shadow stack (SDM 3A 4.6). ERR_NOMEM. Boot CPU. */
enum firn_err paging_map_shadow_stack(u64 va, u64 pa);
/* Takes memory out of the direct map for good. Boot CPU, before other CPUs start. ERR_NOMEM. */
enum firn_err paging_hide(u64 pa, u64 size);

#endif

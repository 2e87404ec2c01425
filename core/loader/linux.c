/* SPDX-License-Identifier: MIT */
/* Linux bzImage (Documentation/arch/x86/boot.rst and zero-page.rst): 64-bit entry, else 32-bit. */
#include <stdio.h>
#include <string.h>

#include "core/guest_layout.h"
#include "core/loader/plan.h"

#define SECTOR		      512
#define SETUP_HEADER	      0x1f1 /* same offset in the file and in the zero page */
#define SETUP_HEADER_JUMP     0x202 /* end of the header = this + its length byte before it */
#define SETUP_SECTS_DEFAULT   4
#define BOOT_FLAG	      0xaa55
#define HEADER_MAGIC	      0x53726448u /* "HdrS" */
#define PROTOCOL_2_06	      0x0206	  /* cmdline_size */
#define PROTOCOL_2_10	      0x020a	  /* pref_address, init_size */
#define PROTOCOL_2_12	      0x020c	  /* xloadflags */
#define LOADED_HIGH	      BIT(0)
#define XLF_KERNEL_64	      BIT(0)
#define ENTRY64_OFFSET	      0x200
#define LOADER_TYPE_UNDEFINED 0xff
#define LOAD_ADDRESS	      0x100000ull /* of kernels that do not say */
#define PARAGRAPH	      16	  /* unit of syssize */
#define E820_MAX	      128

struct setup_header {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize; /* of the protected-mode code, 16-byte units */
	u16 ram_size, vid_mode, root_dev, boot_flag;
	u8 jump, header_length; /* the header ends header_length bytes after this byte */
	u32 header;
	u16 version;
	u32 realmode_swtch;
	u16 start_sys_seg, kernel_version;
	u8 type_of_loader, loadflags;
	u16 setup_move_size;
	u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_ver, ext_loader_type;
	u32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	u8 relocatable_kernel, min_alignment;
	u16 xloadflags;
	u32 cmdline_size, hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset, payload_length;
	u64 setup_data, pref_address;
	u32 init_size, handover_offset, kernel_info_offset;
} __packed;
#define FILE_OFFSET(field) (SETUP_HEADER + offsetof(struct setup_header, field))
_Static_assert(FILE_OFFSET(boot_flag) == 0x1fe, "setup header");
_Static_assert(FILE_OFFSET(header) == 0x202, "setup header");
_Static_assert(FILE_OFFSET(kernel_alignment) == 0x230, "setup header");
_Static_assert(FILE_OFFSET(pref_address) == 0x258, "setup header");
_Static_assert(FILE_OFFSET(kernel_info_offset) == 0x268, "setup header");

struct e820_entry {
	u64 addr, size;
	u32 type;
} __packed;

/* struct boot_params, the "zero page": only the fields that a loader fills. */
struct zero_page {
	u8 pad0[0x70];
	u64 acpi_rsdp_addr; /* 0x070, read by protocol 2.14 kernels */
	u8 pad1[0x1e8 - 0x78];
	u8 e820_entries; /* 0x1e8 */
	u8 pad2[SETUP_HEADER - 0x1e9];
	struct setup_header hdr; /* 0x1f1 */
	u8 pad3[0x2d0 - SETUP_HEADER - sizeof(struct setup_header)];
	struct e820_entry e820[E820_MAX]; /* 0x2d0 */
	u8 pad4[0x1000 - 0xcd0];
} __packed;
_Static_assert(sizeof(struct zero_page) == 0x1000, "struct boot_params");
_Static_assert(offsetof(struct zero_page, acpi_rsdp_addr) == 0x70, "struct boot_params");
_Static_assert(offsetof(struct zero_page, e820) == 0x2d0, "struct boot_params");
_Static_assert(MEMORY_MAP_MAX <= E820_MAX, "the memory map fits the zero page");

struct linux_image {
	struct setup_header hdr; /* fields that the kernel's protocol does not have are 0 */
	u64 code_offset;	 /* of the protected-mode code in the file */
	u64 code_size;
	u64 gpa; /* where it is loaded */
	bool entry64;
};

bool linux_detect(const struct loader_file *kernel)
{
	u32 magic;

	if (kernel->size < SETUP_HEADER_JUMP + sizeof(magic))
		return false;
	memcpy(&magic, (const u8 *)kernel->data + SETUP_HEADER_JUMP, sizeof(magic));
	return magic == HEADER_MAGIC;
}

/* The header's own length says which fields there are; what follows it is code. */
static enum firn_err read_header(struct load_plan *plan, struct setup_header *hdr)
{
	const struct loader_file *kernel = &plan->img->kernel;
	const u8 *data = kernel->data;
	u64 len = SETUP_HEADER_JUMP + data[SETUP_HEADER_JUMP - 1] - SETUP_HEADER;

	memset(hdr, 0, sizeof(*hdr));
	if (kernel->size < SETUP_HEADER + len)
		return plan_fail(plan, ERR_TRUNCATED, "the setup header is cut off at %llu bytes",
				 (unsigned long long)kernel->size);
	memcpy(hdr, data + SETUP_HEADER, MIN(len, sizeof(*hdr)));
	if (hdr->boot_flag != BOOT_FLAG)
		return plan_fail(plan, ERR_FORMAT, "boot flag at 0x%zx is 0x%04x, expected 0x%04x",
				 FILE_OFFSET(boot_flag), hdr->boot_flag, BOOT_FLAG);
	if (hdr->version < PROTOCOL_2_06)
		return plan_fail(plan, ERR_UNSUPPORTED,
				 "boot protocol %u.%02u; Firn needs 2.06 (Linux 2.6.22) or later",
				 hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		return plan_fail(plan, ERR_UNSUPPORTED, "a zImage; Firn starts only bzImages");
	return FIRN_OK;
}

static enum firn_err find_code(struct load_plan *plan, struct linux_image *image)
{
	const struct setup_header *hdr = &image->hdr;
	u64 file_sectors = plan->img->kernel.size / SECTOR;
	unsigned sectors = 1 + (hdr->setup_sects ? hdr->setup_sects : SETUP_SECTS_DEFAULT);
	u64 wanted = (u64)hdr->syssize * PARAGRAPH;

	if (file_sectors <= sectors)
		return plan_fail(plan, ERR_TRUNCATED,
				 "setup header says %u sectors before the kernel but the file has "
				 "%llu",
				 sectors, (unsigned long long)file_sectors);
	image->code_offset = (u64)sectors * SECTOR;
	image->code_size = plan->img->kernel.size - image->code_offset;
	/* The last unit need not be full. */
	if (wanted >= image->code_size + PARAGRAPH ||
	    (u64)hdr->payload_offset + hdr->payload_length > image->code_size)
		return plan_fail(plan, ERR_TRUNCATED,
				 "setup header says %llu bytes of kernel but the file has %llu",
				 (unsigned long long)MAX(wanted, (u64)hdr->payload_offset +
									 hdr->payload_length),
				 (unsigned long long)image->code_size);
	return FIRN_OK;
}

/*
 * The kernel runs best at pref_address; a relocatable one may go elsewhere, aligned, and needs
 * init_size bytes there before it can read the memory map.
 */
static enum firn_err place_kernel(struct load_plan *plan, struct linux_image *image)
{
	const struct setup_header *hdr = &image->hdr;
	bool has_pref = hdr->version >= PROTOCOL_2_10;
	u64 align = hdr->kernel_alignment ? hdr->kernel_alignment : 1;
	struct plan_window window = { .min = LOAD_ADDRESS,
				      .max = GUEST_HOLE_START,
				      .align = align };
	struct plan_range range = {
		.what = "the kernel",
		.gpa = has_pref ? hdr->pref_address : LOAD_ADDRESS,
		.len = MAX(image->code_size, (u64)hdr->init_size),
		.data = (const u8 *)plan->img->kernel.data + image->code_offset,
		.data_len = image->code_size,
	};
	enum firn_err err;

	if (hdr->relocatable_kernel && (align & (align - 1)))
		return plan_fail(plan, ERR_FORMAT, "kernel_alignment 0x%llx is not a power of two",
				 (unsigned long long)align);
	if (range.gpa < GUEST_HOLE_START &&
	    (!hdr->relocatable_kernel || plan_is_ram(plan, range.gpa, range.len)))
		err = plan_claim(plan, &range);
	else if (!hdr->relocatable_kernel)
		err = plan_fail(plan, ERR_RANGE, "the kernel wants to run at 0x%llx, above 4 GiB",
				(unsigned long long)range.gpa);
	else
		err = plan_place(plan, &range, &window);
	image->gpa = range.gpa;
	return err;
}

/* As high as the kernel can reach, away from where it unpacks itself. */
static enum firn_err place_initrd(struct load_plan *plan, struct setup_header *hdr)
{
	const struct loader_file *initrd = &plan->img->initrd;
	const struct plan_window window = { .min = GUEST_HIGH_RAM,
					    .max = (u64)hdr->initrd_addr_max + 1,
					    .align = PAGE_SIZE,
					    .top_down = true };
	struct plan_range range = { .len = initrd->size,
				    .data = initrd->data,
				    .data_len = initrd->size };
	enum firn_err err;

	if (initrd->size == 0)
		return FIRN_OK;
	snprintf(range.what, sizeof(range.what), "initrd %s", initrd->name);
	err = plan_place(plan, &range, &window);
	hdr->ramdisk_image = range.gpa;
	hdr->ramdisk_size = initrd->size;
	return err;
}

static enum firn_err place_cmdline(struct load_plan *plan, struct setup_header *hdr)
{
	const char *cmdline = plan->img->cmdline;
	size_t len = strlen(cmdline);
	enum firn_err err;
	u64 gpa;

	if (len > hdr->cmdline_size)
		return plan_fail(plan, ERR_RANGE,
				 "the command line has %zu characters, this kernel takes %u", len,
				 hdr->cmdline_size);
	err = plan_place_low(plan, "command line", cmdline, len + 1, PLAN_ALIGN, &gpa);
	hdr->cmd_line_ptr = gpa;
	return err;
}

static enum firn_err place_zero_page(struct load_plan *plan, const struct setup_header *hdr)
{
	struct zero_page *zp = plan_room(plan, sizeof(*zp));

	if (!zp)
		return ERR_RANGE;
	zp->hdr = *hdr;
	zp->acpi_rsdp_addr = GUEST_ACPI_RSDP;
	zp->e820_entries = plan->nr_map;
	for (unsigned i = 0; i < plan->nr_map; i++)
		zp->e820[i] = (struct e820_entry){ .addr = plan->map[i].base,
						   .size = plan->map[i].size,
						   .type = plan->map[i].type };
	return plan_place_low(plan, "boot parameters", zp, sizeof(*zp), PAGE_SIZE, &plan->boot.rsi);
}

static enum firn_err plan_boot(struct load_plan *plan, const struct linux_image *image)
{
	enum firn_err err = FIRN_OK;

	plan->boot.mode = image->entry64 ? BOOT_LONG : BOOT_PROTECTED;
	plan->boot.rip = image->gpa + (image->entry64 ? ENTRY64_OFFSET : 0);
	if (image->entry64)
		err = plan_identity_map(plan);
	return err == FIRN_OK ? plan_gdt(plan) : err;
}

enum firn_err linux_plan(struct load_plan *plan)
{
	struct linux_image image;
	struct setup_header *hdr = &image.hdr;
	enum firn_err err;

	if (plan->img->nr_modules)
		return plan_fail(plan, ERR_UNSUPPORTED,
				 "a Linux kernel takes an initrd, but no modules");
	err = read_header(plan, hdr);
	if (err == FIRN_OK)
		err = find_code(plan, &image);
	if (err == FIRN_OK)
		err = place_kernel(plan, &image);
	if (err != FIRN_OK)
		return err;

	image.entry64 = hdr->version >= PROTOCOL_2_12 && (hdr->xloadflags & XLF_KERNEL_64);
	hdr->type_of_loader = LOADER_TYPE_UNDEFINED;
	hdr->code32_start = image.gpa;
	err = place_initrd(plan, hdr);
	if (err == FIRN_OK)
		err = place_cmdline(plan, hdr);
	if (err == FIRN_OK)
		err = place_zero_page(plan, hdr);
	if (err == FIRN_OK)
		err = plan_boot(plan, &image);
	return err;
}

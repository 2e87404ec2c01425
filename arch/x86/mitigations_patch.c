/* SPDX-License-Identifier: MIT */
/* Calls instead of NOPs, written through the direct map: the code itself is never writable. */
#include <string.h>

#include "arch/x86/gdt.h"
#include "arch/x86/mitigations_host.h"
#include "arch/x86/paging.h"
#include "arch/x86/patch_site.h"
#include "arch/x86/x86.h"
#include "core/arch.h"
#include "core/log.h"

struct patch_record {
	s32 offset; /* of the site, from this field */
	u32 patch;  /* PATCH_* */
};
_Static_assert(sizeof(struct patch_record) == 8, "as PATCH_RECORD and PATCH_SITE_TEXT lay it out");

extern const struct patch_record __patch_sites_start[], __patch_sites_end[];

#define CALL_LENGTH 5
#define VERW_LENGTH 7

/* VERW wants a selector of a writable data segment in memory (SDM 3C, MD_CLEAR). */
static const u16 verw_selector = SEL_DATA;

static const u8 nop[][VERW_LENGTH] = {
	{ 0x0f, 0x1f, 0x44, 0x00, 0x00 },
	{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
};

static void write_code(char *site, const void *code, size_t length, const u8 *expected)
{
	void *alias = phys_to_virt(image_to_phys(site));

	BUG_ON(memcmp(site, expected, length));
	memcpy(alias, code, length);
}

static void patch_call(char *site, void (*target)(void))
{
	u8 code[CALL_LENGTH] = { 0xe8 };
	s32 distance = (s32)((const char *)target - (site + CALL_LENGTH));

	memcpy(code + 1, &distance, sizeof(distance));
	write_code(site, code, sizeof(code), nop[0]);
}

static void patch_verw(char *site)
{
	u8 code[VERW_LENGTH] = { 0x0f, 0x00, 0x2d };
	s32 distance = (s32)((const char *)&verw_selector - (site + VERW_LENGTH));

	memcpy(code + 3, &distance, sizeof(distance));
	write_code(site, code, sizeof(code), nop[1]);
}

void patch_sites(void (*const target[])(void), bool verw)
{
	paging_write_code(true);
	for (const struct patch_record *r = __patch_sites_start; r < __patch_sites_end; r++) {
		char *site = (char *)r + r->offset;

		BUG_ON(r->patch >= NR_PATCHES);
		if (r->patch == PATCH_VERW && verw)
			patch_verw(site);
		else if (r->patch != PATCH_VERW && target[r->patch])
			patch_call(site, target[r->patch]);
	}
	paging_write_code(false);
	/* Serializing: nothing that was fetched before is executed (SDM 3A 8.1.3). */
	cpuid(0, 0);
}

/* SPDX-License-Identifier: MIT */
/* Guest memory: every part of RAM is there once, nothing is beyond it; firmware tables. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define RAM	     1
#define STEP	     (2 * MiB)
#define OWN_END	     (8 * MiB) /* nothing of this kernel or its modules is above */
#define DEVICE_HOLE  0xc0000000ull
#define RSDP_START   0xe0000ull
#define RSDP_END     0x100000ull
#define RSDP_V1_SIZE 20

/* Different for each address, so that memory that appears twice is noticed. */
static u64 pattern(u64 address)
{
	return address * 0x9e3779b97f4a7c15ull + 1;
}

static u64 high_ram_end(void)
{
	u64 end = 0;

	for (unsigned i = 0; i < guest_boot.nr_memory; i++) {
		const struct guest_memory *m = &guest_boot.memory[i];

		if (m->type == RAM && m->base < DEVICE_HOLE)
			end = MAX(end, m->base + m->size);
	}
	return end;
}

static u64 first_bad_page(u64 start, u64 end)
{
	for (u64 at = start; at < end; at += STEP) {
		*(volatile u64 *)at = pattern(at);
		*(volatile u64 *)(at + STEP - 8 < end ? at + STEP - 8 : at) = pattern(at);
	}
	for (u64 at = start; at < end; at += STEP)
		if (*(volatile u64 *)at != pattern(at))
			return at;
	return end;
}

static void check_ram(void)
{
	u64 end = high_ram_end();

	check_eq("RAM keeps what is written, sampled every 2 MiB", first_bad_page(OWN_END, end),
		 end);
	*(volatile u64 *)(end - 8) = pattern(end);
	check_eq("the last 8 bytes of RAM", *(volatile u64 *)(end - 8), pattern(end));
}

static void check_beyond(void)
{
	u64 end = high_ram_end();

	if (end >= DEVICE_HOLE)
		return;
	check_eq("beyond RAM reads all ones", *(volatile u64 *)end, ~0ull);
	*(volatile u64 *)end = 0;
	check_eq("beyond RAM ignores writes", *(volatile u64 *)end, ~0ull);
	check_eq("a read across the end of RAM", *(volatile u64 *)(end - 4),
		 pattern(end) >> 32 | ~0ull << 32);
	*(volatile u64 *)(end - 4) = 0x1111111122222222ull;
	check_eq("a write across the end of RAM", *(volatile u32 *)(end - 4), 0x22222222);
}

static const u8 *find_rsdp(void)
{
	for (u64 at = RSDP_START; at < RSDP_END; at += 16)
		if (memcmp((void *)at, "RSD PTR ", 8) == 0)
			return (const u8 *)at;
	return NULL;
}

static void check_rsdp(void)
{
	const u8 *rsdp = find_rsdp();
	u8 sum = 0;

	if (!check("ACPI: RSDP below 1 MiB", rsdp, "not found"))
		return;
	for (unsigned i = 0; i < RSDP_V1_SIZE; i++)
		sum += rsdp[i];
	check_eq("ACPI: RSDP checksum", sum, 0);
}

static void check_atomics(void)
{
	static volatile u64 word = 1;
	u64 got = __atomic_fetch_add(&word, 5, __ATOMIC_SEQ_CST);

	check("locked instruction on RAM", got == 1 && word == 6, "0x%llx",
	      (unsigned long long)word);
}

GUEST_TEST(memory)
{
	check_ram();
	check_beyond();
	check_rsdp();
	check_atomics();
}

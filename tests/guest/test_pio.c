/* SPDX-License-Identifier: MIT */
/* Port I/O: every width on the PCI configuration ports, unclaimed ports, string instructions. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/window.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u
#define ABSENT_DEVICE  (20u << 11)
#define UNCLAIMED      0xed

static u32 config_id(void)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE);
	return inl(CONFIG_DATA);
}

static void check_widths(void)
{
	u32 id = config_id(), bytes = 0;

	check("host bridge has an id", (id & 0xffff) != 0xffff && (id & 0xffff) != 0, "0x%x", id);
	check_eq("CONFIG_ADDRESS reads back", inl(CONFIG_ADDRESS), CONFIG_ENABLE);
	check_eq("id by 16-bit accesses", inw(CONFIG_DATA) | (u32)inw(CONFIG_DATA + 2) << 16, id);
	for (unsigned i = 0; i < 4; i++)
		bytes |= (u32)inb(CONFIG_DATA + i) << (i * 8);
	check_eq("id by 8-bit accesses", bytes, id);
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | 8);
	check_eq("class is a host bridge", inw(CONFIG_DATA + 2), 0x0600);
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | ABSENT_DEVICE);
	check_eq("absent function reads all ones", inl(CONFIG_DATA), ~0u);
	outl(CONFIG_ADDRESS, 0);
	check_eq("CONFIG_DATA without the enable bit", inl(CONFIG_DATA), ~0u);
}

/* Parts of RAX that an IN does not write are kept, or zeroed for 32 bits (SDM 1 3.4.1.1). */
static void check_registers(void)
{
	u64 b = ~0ull << 8, w = ~0ull << 16, l = 0x5555555500000000ull;

	outl(CONFIG_ADDRESS, CONFIG_ENABLE | ABSENT_DEVICE);
	b = 0x1122334455667700ull;
	__asm__ volatile("inb %w1, %%al" : "+a"(b) : "d"(CONFIG_DATA));
	check_eq("IN AL keeps the rest of RAX", b, 0x11223344556677ffull);
	w = 0x1122334455660000ull;
	__asm__ volatile("inw %w1, %%ax" : "+a"(w) : "d"(CONFIG_DATA));
	check_eq("IN AX keeps the rest of RAX", w, 0x112233445566ffffull);
	__asm__ volatile("inl %w1, %%eax" : "+a"(l) : "d"(CONFIG_DATA));
	check_eq("IN EAX clears the rest of RAX", l, 0xffffffffull);
}

static void check_unclaimed(void)
{
	check_eq("unclaimed port, 8 bits", inb(UNCLAIMED), 0xff);
	check_eq("unclaimed port, 16 bits", inw(0x2f0), 0xffff);
	check_eq("unclaimed port, 32 bits", inl(0x2f0), ~0u);
	outb(UNCLAIMED, 1);
	outw(0x2f0, 1);
	outl(0x2f0, 1);
	check_eq("unclaimed port after writes", inb(UNCLAIMED), 0xff);
	check_eq("highest port, 8 bits", inb(0xffff), 0xff);
}

#define STRING_IN(suffix, port, buf, count)                                                       \
	({                                                                                        \
		void *di_ = (buf);                                                                \
		u64 cx_ = (count);                                                                \
		__asm__ volatile("rep ins" suffix : "+D"(di_), "+c"(cx_) : "d"(port) : "memory"); \
		check_eq("REP INS" suffix " counts down", cx_, 0);                                \
		(char *)di_;                                                                      \
	})

static void check_string_in(void)
{
	u32 id = config_id(), want[4] = { id, id, id, id }, got[4] = { 0 };
	u8 bytes[5] = { 0 };
	void *di = got + 3;
	u64 cx = 4;

	check_eq("REP INSL moves the pointer",
		 STRING_IN("l", CONFIG_DATA, got, 4) == (char *)(got + 4), 1);
	check("REP INSL reads each time", memcmp(got, want, sizeof(want)) == 0, "0x%x 0x%x", got[0],
	      got[3]);
	STRING_IN("b", CONFIG_DATA, bytes, 4);
	check("REP INSB", bytes[0] == (u8)id && bytes[3] == (u8)id && bytes[4] == 0, "0x%x 0x%x",
	      bytes[0], bytes[4]);
	memset(got, 0, sizeof(got));
	STRING_IN("w", CONFIG_DATA + 2, got, 2);
	check_eq("REP INSW", got[0], (id >> 16) | (id >> 16) << 16);
	memset(got, 0, sizeof(got));
	STRING_IN("l", CONFIG_DATA, got, 0);
	check_eq("REP INSL with count 0 does nothing", got[0], 0);

	__asm__ volatile("std; rep insl; cld" : "+D"(di), "+c"(cx) : "d"(CONFIG_DATA) : "memory");
	check("REP INSL downwards",
	      memcmp(got, want, sizeof(want)) == 0 && (u64)di == (u64)got - sizeof(got[0]),
	      "0x%x 0x%x", got[0], got[3]);
}

static void check_string_out(void)
{
	static const u32 values[] = { CONFIG_ENABLE | 0x10, CONFIG_ENABLE | 0x20, CONFIG_ENABLE };
	const void *si = values;
	u64 cx = ARRAY_SIZE(values);

	__asm__ volatile("rep outsl" : "+S"(si), "+c"(cx) : "d"(CONFIG_ADDRESS) : "memory");
	check_eq("REP OUTSL ends with the last value", inl(CONFIG_ADDRESS), CONFIG_ENABLE);
	check("REP OUTSL moves pointer and count", si == values + 3 && cx == 0, "%llu left",
	      (unsigned long long)cx);
	si = values + 1;
	__asm__ volatile("outsl" : "+S"(si) : "d"(CONFIG_ADDRESS) : "memory");
	check_eq("OUTSL writes one", inl(CONFIG_ADDRESS), CONFIG_ENABLE | 0x20);
}

static char frame_a[PAGE_SIZE] __aligned(4096), frame_b[PAGE_SIZE] __aligned(4096);

static void in_at(void *at)
{
	u64 cx = 4;

	__asm__ volatile("rep insl" : "+D"(at), "+c"(cx) : "d"(CONFIG_DATA) : "memory");
}

/* A string instruction that faults half-way can be restarted: registers show what is left. */
static void check_string_pages(void)
{
	u32 id = config_id();
	struct fault f;
	char *page;

	window_init();
	page = window_map(1, (u64)frame_b | PTE_P | PTE_RW);
	window_map(2, (u64)frame_a | PTE_P | PTE_RW);
	in_at(page + PAGE_SIZE - 6);
	check("REP INSL across a page boundary",
	      memcmp(frame_b + PAGE_SIZE - 6, &id, 4) == 0 &&
		      memcmp(frame_b + PAGE_SIZE - 2, &id, 2) == 0 &&
		      memcmp(frame_a, (char *)&id + 2, 2) == 0 && memcmp(frame_a + 2, &id, 4) == 0,
	      "wrong bytes");
	window_map(2, 0);
	f = catch_fault(in_at, page + PAGE_SIZE - 8);
	check("REP INSL into a page that is not present: #PF",
	      f.vector == VECTOR_PF && f.error == PFERR_WRITE && f.cr2 == (u64)page + PAGE_SIZE,
	      "vector %d error 0x%llx CR2 0x%llx", f.vector, (unsigned long long)f.error,
	      (unsigned long long)f.cr2);
	check("REP INSL that faulted: registers show the rest",
	      f.rcx == 2 && f.rdi == (u64)page + PAGE_SIZE, "RCX %llu RDI 0x%llx",
	      (unsigned long long)f.rcx, (unsigned long long)f.rdi);
}

GUEST_TEST(pio)
{
	check_widths();
	check_registers();
	check_unclaimed();
	check_string_in();
	check_string_out();
	check_string_pages();
}

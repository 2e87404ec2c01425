/* SPDX-License-Identifier: MIT */
/* Memory-mapped I/O: instruction forms and widths on the IOAPIC and ECAM, page crossing, misses. */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/window.h"

/* The low half of a redirection entry serves as a register that keeps what is written. */
#define SCRATCH_PIN  9
#define SCRATCH	     ((volatile u32 *)(IOAPIC_ADDRESS + 0x10))
#define SCRATCH_MASK 0x1afffu
#define SELECT	     ((volatile u8 *)IOAPIC_ADDRESS)

#define ECAM	  0xe0000000ull
#define UNCLAIMED 0xd0000000ull

static void scratch_set(u32 value)
{
	*(volatile u32 *)IOAPIC_ADDRESS = IOAPIC_REDIRECTION(SCRATCH_PIN);
	*SCRATCH = value;
}

static void check_result(const char *name, u64 reg, u64 want_reg, u32 mem, u32 want_mem)
{
	check(name, reg == want_reg && mem == want_mem,
	      "register 0x%llx, memory 0x%x, expected 0x%llx, 0x%x", (unsigned long long)reg, mem,
	      (unsigned long long)want_reg, want_mem);
}

/* Runs insn with RAX = rin and the memory operand = min; then both must be as given. */
#define OP(name, insn, rin, min, rout, mout)                                \
	do {                                                                \
		u64 a_ = (rin);                                             \
		scratch_set(min);                                           \
		__asm__ volatile(insn                                       \
				 : "+a"(a_)                                 \
				 : "r"(SCRATCH), "c"(0x5ull)                \
				 : "rdx", "cc", "memory");                  \
		check_result(name, a_, rout, *SCRATCH &SCRATCH_MASK, mout); \
	} while (0)
#define M "(%1)"

static void check_loads(void)
{
	const u64 fill = 0xaaaaaaaaaaaaaaaaull;

	OP("MOV r8, m", "movb " M ", %%al", fill, 0x10f85, 0xaaaaaaaaaaaaaa85ull, 0x10f85);
	OP("MOV r16, m", "movw " M ", %%ax", fill, 0x10f85, 0xaaaaaaaaaaaa0f85ull, 0x10f85);
	OP("MOV r32, m", "movl " M ", %%eax", fill, 0x10f85, 0x10f85, 0x10f85);
	OP("MOVZX r32, m8", "movzbl " M ", %%eax", fill, 0x10f85, 0x85, 0x10f85);
	OP("MOVZX r32, m16", "movzwl " M ", %%eax", fill, 0x18f85, 0x8f85, 0x18f85);
	OP("MOVSX r32, m8", "movsbl " M ", %%eax", fill, 0x10f85, 0xffffff85, 0x10f85);
	OP("MOVSX r64, m8", "movsbq " M ", %%rax", fill, 0x10f85, 0xffffffffffffff85ull, 0x10f85);
	OP("MOVSX r64, m16", "movswq " M ", %%rax", fill, 0x18f85, 0xffffffffffff8f85ull, 0x18f85);
	OP("MOVSXD r64, m32", "movslq " M ", %%rax", fill, 0x18f85, 0x18f85, 0x18f85);
	OP("MOV EAX, moffs", "movabsl 0xfec00010, %%eax", fill, 0x10f85, 0x10f85, 0x10f85);
	OP("CMOVNE r32, m", "cmpl $1, %%eax; cmovnel " M ", %%eax", 0, 0x123, 0x123, 0x123);
	OP("CMOVE r32, m does not move", "cmpl $1, %%eax; cmovel " M ", %%eax", 7, 0x123, 7, 0x123);
}

static void check_stores(void)
{
	OP("MOV m, r32", "movl %%eax, " M, 0x10abc, 0, 0x10abc, 0x10abc);
	OP("MOV m, imm32", "movl $0x10def, " M, 1, 0, 1, 0x10def);
	OP("MOV moffs, EAX", "movabsl %%eax, 0xfec00010", 0x10321, 0, 0x10321, 0x10321);
	OP("MOV m, r32 with an index", "movl %%eax, -20(%1,%%rcx,4)", 0x10777, 0, 0x10777, 0x10777);
	__asm__ volatile("movb $0x22, (%0)" : : "r"(SELECT) : "memory");
	check_eq("MOV m8, imm8", *SELECT, 0x22);
	__asm__ volatile("cmpl $1, %1; setne (%0)" : : "r"(SELECT), "r"(5) : "memory", "cc");
	check_eq("SETNE m8", *SELECT, 1);
}

static void check_arithmetic(void)
{
	OP("ADD r, m", "addl " M ", %%eax", 3, 0x123, 0x126, 0x123);
	OP("ADD m, r", "addl %%eax, " M, 3, 0x123, 3, 0x126);
	OP("ADD m, imm8", "addl $5, " M, 3, 0x123, 3, 0x128);
	OP("ADC m, r", "stc; adcl %%eax, " M, 3, 0x123, 3, 0x127);
	OP("SUB m, r", "subl %%eax, " M, 3, 0x123, 3, 0x120);
	OP("SBB r, m", "stc; sbbl " M ", %%eax", 0x124, 0x123, 0, 0x123);
	OP("AND m, imm", "andl $0xf0f, " M, 0, 0x123, 0, 0x103);
	OP("OR m, r", "orl %%eax, " M, 0x800, 0x123, 0x800, 0x923);
	OP("XOR m, r", "xorl %%eax, " M, 0x121, 0x123, 0x121, 2);
	OP("CMP m, r", "cmpl %%eax, " M "; sete %%al", 0x123, 0x123, 0x101, 0x123);
	OP("CMP r, m", "cmpl " M ", %%eax; setb %%al", 0x122, 0x123, 0x101, 0x123);
	OP("TEST m, imm", "testl $0x100, " M "; setne %%al", 0, 0x123, 1, 0x123);
	OP("TEST m, r", "testl %%eax, " M "; sete %%al", 0x10, 0x123, 1, 0x123);
	OP("INC m", "incl " M, 0, 0x123, 0, 0x124);
	OP("DEC m", "decl " M, 0, 0x123, 0, 0x122);
	OP("NOT m", "notl " M, 0, 0x10000, 0, SCRATCH_MASK & ~0x10000u);
	OP("NEG m", "negl " M, 0, 0x1, 0, SCRATCH_MASK);
	OP("SHL m, 1", "shll $1, " M, 0, 0x123, 0, 0x246);
	OP("SHR m, CL", "shrl %%cl, " M, 0, 0x2220, 0, 0x111);
	OP("MUL m", "mull " M, 0x10, 0x123, 0x1230, 0x123);
	OP("IMUL r, m", "imull " M ", %%eax", 0x10, 0x123, 0x1230, 0x123);
	OP("DIV m", "xorl %%edx, %%edx; divl " M, 0x1230, 0x123, 0x10, 0x123);
}

static void check_locked(void)
{
	OP("XCHG m, r", "xchgl %%eax, " M, 0xabc, 0x123, 0x123, 0xabc);
	OP("LOCK XADD", "lock xaddl %%eax, " M, 3, 0x123, 0x123, 0x126);
	OP("LOCK CMPXCHG, equal", "movl $0x222, %%edx; lock cmpxchgl %%edx, " M, 0x123, 0x123,
	   0x123, 0x222);
	OP("LOCK CMPXCHG, different", "movl $0x222, %%edx; lock cmpxchgl %%edx, " M, 0x124, 0x123,
	   0x123, 0x123);
	OP("LOCK OR", "lock orl $0x800, " M, 0, 0x123, 0, 0x923);
	OP("LOCK INC", "lock incl " M, 0, 0x123, 0, 0x124);
	OP("LOCK AND", "lock andl %%eax, " M, 0xff, 0x123, 0xff, 0x23);
	OP("BT m, imm", "btl $5, " M "; setc %%al", 0, 0x123, 1, 0x123);
	OP("LOCK BTS m, imm", "lock btsl $9, " M "; setc %%al", 1, 0x123, 0, 0x323);
	OP("LOCK BTR m, imm", "lock btrl $5, " M "; setc %%al", 0, 0x123, 1, 0x103);
	OP("BTC m, imm", "btcl $0, " M "; setc %%al", 0, 0x123, 1, 0x122);
	OP("BTS m, r", "btsl %%ecx, " M "; setc %%al", 0, 0x103, 0, 0x123);
}

static void check_strings(void)
{
	u32 want[4], got[4] = { 0 };
	const void *si = (void *)ECAM;
	void *di = got;
	u64 cx = 4;
	bool equal;

	for (unsigned i = 0; i < 4; i++)
		want[i] = *(volatile u32 *)(ECAM + i * 4);
	__asm__ volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	check("REP MOVSD from a device",
	      memcmp(want, got, sizeof(want)) == 0 && cx == 0 && si == (void *)(ECAM + 16) &&
		      di == got + 4,
	      "0x%x 0x%x, %llu left", got[0], got[3], (unsigned long long)cx);
	memset(got, 0, sizeof(got));
	si = (void *)ECAM;
	di = got;
	cx = 16;
	__asm__ volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	check("REP MOVSB from a device", memcmp(want, got, sizeof(want)) == 0, "0x%x 0x%x", got[0],
	      got[3]);
	si = (void *)ECAM;
	di = got;
	cx = 4;
	__asm__ volatile("repe cmpsl" : "+S"(si), "+D"(di), "+c"(cx), "=@cce"(equal) : : "memory");
	check("REPE CMPSD with a device", equal && cx == 0, "%llu left", (unsigned long long)cx);
	di = (void *)ECAM;
	cx = 4;
	__asm__ volatile("repne scasl"
			 : "+D"(di), "+c"(cx), "=@cce"(equal)
			 : "a"(want[2])
			 : "memory");
	check("REPNE SCASD in a device", equal && di == (void *)(ECAM + 12), "RDI 0x%llx",
	      (unsigned long long)(u64)di);
	scratch_set(0);
	di = (void *)SCRATCH;
	__asm__ volatile("stosl" : "+D"(di) : "a"(0x10345) : "memory");
	check_eq("STOSD to a device", *SCRATCH, 0x10345);
	si = (void *)SCRATCH;
	__asm__ volatile("lodsl" : "+S"(si), "=a"(cx) : : "memory");
	check_eq("LODSD from a device", cx, 0x10345);
}

static void check_widths(void)
{
	u32 id = *(volatile u32 *)ECAM, by8 = 0;
	u64 pushed;

	check("ECAM: host bridge has an id", (id & 0xffff) != 0xffff && (id & 0xffff) != 0, "0x%x",
	      id);
	check_eq("ECAM: 16-bit reads",
		 *(volatile u16 *)ECAM | (u32) * (volatile u16 *)(ECAM + 2) << 16, id);
	for (unsigned i = 0; i < 4; i++)
		by8 |= (u32) * (volatile u8 *)(ECAM + i) << (i * 8);
	check_eq("ECAM: 8-bit reads", by8, id);
	check_eq("ECAM: 64-bit read", *(volatile u64 *)ECAM,
		 id | (u64) * (volatile u32 *)(ECAM + 4) << 32);
	__asm__ volatile("pushq (%1); popq %0" : "=r"(pushed) : "r"(ECAM) : "memory");
	check_eq("PUSH m64", (u32)pushed, id);
	outl(0xcf8, 0x80000000);
	check_eq("ECAM: same id as through the ports", inl(0xcfc), id);
	check_eq("ECAM: absent function", *(volatile u32 *)(ECAM + (31 << 15)), ~0u);
}

static void check_unclaimed(void)
{
	check_eq("unclaimed: 8 bits", *(volatile u8 *)UNCLAIMED, 0xff);
	check_eq("unclaimed: 16 bits", *(volatile u16 *)UNCLAIMED, 0xffff);
	check_eq("unclaimed: 32 bits", *(volatile u32 *)UNCLAIMED, ~0u);
	check_eq("unclaimed: 64 bits", *(volatile u64 *)UNCLAIMED, ~0ull);
	*(volatile u32 *)UNCLAIMED = 0x12345678;
	*(volatile u8 *)(UNCLAIMED + 1) = 0;
	*(volatile u64 *)(UNCLAIMED + 8) = 0;
	__asm__ volatile("lock incl (%0)" : : "r"(UNCLAIMED) : "memory", "cc");
	check_eq("unclaimed: writes are ignored", *(volatile u64 *)UNCLAIMED, ~0ull);
}

static volatile char frame[PAGE_SIZE] __aligned(4096);

/* One access, half in RAM and half in a device, in both orders. */
static void check_page_crossing(void)
{
	u32 id = *(volatile u32 *)ECAM;
	char *page;

	window_init();
	page = window_map(1, (u64)frame | PTE_P | PTE_RW);
	window_map(2, ECAM | PTE_P | PTE_RW);
	frame[PAGE_SIZE - 2] = 0x34;
	frame[PAGE_SIZE - 1] = 0x12;
	check_eq("read from RAM into a device", *(volatile u32 *)(page + PAGE_SIZE - 2),
		 0x1234 | id << 16);
	*(volatile u32 *)(page + PAGE_SIZE - 2) = 0xffff5678;
	check("write from RAM into a device",
	      frame[PAGE_SIZE - 2] == 0x78 && frame[PAGE_SIZE - 1] == 0x56, "0x%x 0x%x",
	      (u8)frame[PAGE_SIZE - 2], (u8)frame[PAGE_SIZE - 1]);
	page = window_map(3, UNCLAIMED | PTE_P | PTE_RW);
	window_map(4, (u64)frame | PTE_P | PTE_RW);
	frame[0] = 0x21;
	frame[1] = 0x43;
	check_eq("read from nothing into RAM", *(volatile u32 *)(page + PAGE_SIZE - 2), 0x4321ffff);
	*(volatile u32 *)(page + PAGE_SIZE - 2) = 0x8765ffff;
	check("write from nothing into RAM", frame[0] == 0x65 && (u8)frame[1] == 0x87, "0x%x 0x%x",
	      (u8)frame[0], (u8)frame[1]);
}

static __noinline u32 load_base(const char *at)
{
	u32 value;

	__asm__ volatile("movl 4(%1), %0" : "=r"(value) : "r"(at - 4) : "memory");
	return value;
}

static __noinline u32 load_index(const char *at)
{
	u32 value;

	__asm__ volatile("movl -8(%1,%2,8), %0" : "=r"(value) : "r"(at - 32), "r"(5ull) : "memory");
	return value;
}

static __noinline u32 load_high_registers(const char *at)
{
	register const char *base __asm__("r12") = at - PAGE_SIZE;
	register u64 index __asm__("r13") = PAGE_SIZE / 2;
	u32 value;

	__asm__ volatile("movl (%1,%2,2), %0" : "=r"(value) : "r"(base), "r"(index) : "memory");
	return value;
}

/*
 * The same instruction at a device's first address and across into the device from RAM: both faults
 * are at the page's first byte.
 */
static void check_first_address(void)
{
	static u32 (*const load[])(const char *) = { load_base, load_index, load_high_registers };
	u32 id = *(volatile u32 *)ECAM;
	char *device;

	window_init();
	window_map(1, (u64)frame | PTE_P | PTE_RW);
	device = window_map(2, ECAM | PTE_P | PTE_RW);
	frame[PAGE_SIZE - 2] = 0x34;
	frame[PAGE_SIZE - 1] = 0x12;
	for (size_t i = 0; i < ARRAY_SIZE(load); i++) {
		check_eq("the first register of a device", load[i](device), id);
		check_eq("the same again", load[i](device), id);
		check_eq("the same instruction across", load[i](device - 2), 0x1234 | id << 16);
		check_eq("the first register after that", load[i](device), id);
	}
}

static void read_from(void *at)
{
	*(volatile u32 *)at;
}

static void move_to(void *to)
{
	const void *from = (void *)ECAM;

	__asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
}

/* Faults of the other operand are the guest's own. */
static void check_faults(void)
{
	char *page = window_map(5, UNCLAIMED | PTE_P);
	struct fault f = catch_fault(move_to, page);

	check("MOVSD from a device to a read-only page: #PF",
	      f.vector == VECTOR_PF && f.cr2 == (u64)page &&
		      f.error == (PFERR_PRESENT | PFERR_WRITE),
	      "vector %d error 0x%llx", f.vector, (unsigned long long)f.error);
	page = window_map(5, UNCLAIMED | PTE_P | PTE_RW);
	window_map(6, 0);
	f = catch_fault(read_from, page + PAGE_SIZE - 2);
	check("read across into a page that is not present: #PF",
	      f.vector == VECTOR_PF && f.cr2 == (u64)page + PAGE_SIZE && f.error == 0,
	      "vector %d CR2 0x%llx", f.vector, (unsigned long long)f.cr2);
}

GUEST_TEST(mmio)
{
	check_loads();
	check_stores();
	check_arithmetic();
	check_locked();
	check_strings();
	check_widths();
	check_unclaimed();
	check_page_crossing();
	check_first_address();
	check_faults();
	scratch_set(RTE_MASKED);
}

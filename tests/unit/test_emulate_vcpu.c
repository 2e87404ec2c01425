/* SPDX-License-Identifier: MIT */
/*
 * The emulator on a vCPU: guest page tables in guest RAM, devices on the bus, the LAPIC page,
 * accesses across pages, injected faults, refusals, and LOCK against another CPU.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/emulate.h"
#include "arch/x86/force_emulation.h"
#include "arch/x86/guest_walk.h"
#include "arch/x86/msr.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "fake_vcpu.h"

#define RAM_SIZE (2 * MiB)
#define ROM_GPA	 0x400000ull
#define CODE	 0x10000ull /* identity mapped */
#define DATA	 0x20000ull
#define PML4	 0x1000ull
#define PDPT	 0x2000ull
#define PD	 0x3000ull
#define PT	 0x4000ull /* 2 MiB from linear 0 */
#define PT_HIGH	 0x5000ull /* 2 MiB from linear 2 MiB: devices */
#define DEVICE	 0xd0000000ull

/* Linear addresses in the second 2 MiB */
#define LA_DEVICE   0x200000ull /* two adjacent pages of the device */
#define LA_LAPIC    0x204000ull
#define LA_NOTHING  0x206000ull /* not present */
#define LA_ROM	    0x208000ull
#define LA_MIXED    0x20a000ull /* a page of RAM, then one of the device */
#define LA_READONLY 0x20c000ull
#define LA_KERNEL   0x20e000ull /* supervisor page of the device */

#define RWU (PTE_P | PTE_RW | PTE_US)

struct access {
	char kind; /* r, w: MMIO; i, o: port; L, l: LAPIC write, read */
	u64 address;
	unsigned width;
	u64 value;
};
static struct access log_[64];
static unsigned nr_log;

static struct fake_vm *fake;
static struct fake_vcpu *cpu;
static struct memslots *ram;

static void record(char kind, u64 address, unsigned width, u64 value)
{
	assert_true(nr_log < ARRAY_SIZE(log_));
	log_[nr_log++] = (struct access){ kind, address, width, value };
}

static u64 device_pattern(u64 address, unsigned width)
{
	u64 v = 0x0807060504030201 + (address & 0xff) * 0x0101010101010101;

	return width == 8 ? v : v & (BIT(8 * width) - 1);
}

const struct iorange *iobus_find(const struct iobus *bus, u64 addr, unsigned width)
{
	static const struct iodev_ops ops = { .name = "device" };
	static const struct iorange range = { .ops = &ops };

	(void)addr, (void)width;
	return bus == &fake->vm.mmio ? &range : NULL;
}

bool iobus_read(const struct iobus *bus, u64 addr, unsigned width, u64 *value)
{
	record(bus == &fake->vm.mmio ? 'r' : 'i', addr, width, 0);
	*value = device_pattern(addr, width);
	return true;
}

bool iobus_write(const struct iobus *bus, u64 addr, unsigned width, u64 value)
{
	record(bus == &fake->vm.mmio ? 'w' : 'o', addr, width, value);
	return true;
}

u32 lapic_read(struct lapic *lapic, u32 offset)
{
	(void)lapic;
	record('l', offset, 4, 0);
	return 0x50014;
}

void lapic_write(struct lapic *lapic, u32 offset, u32 value)
{
	(void)lapic;
	record('L', offset, 4, value);
}

static u64 s_cet, u_cet;
static enum firn_err cet_error;

/* U_CET as the CPU has it, u_cet, becomes that of the vCPU. */
static u64 saved_u_cet;

void guest_cet_save(struct vcpu *vcpu)
{
	(void)vcpu;
	saved_u_cet = u_cet;
}

enum firn_err guest_msr_get(struct vcpu *vcpu, u32 msr, u64 *value)
{
	(void)vcpu;
	assert_true(msr == MSR_IA32_S_CET || msr == MSR_IA32_U_CET);
	if (cet_error == FIRN_OK)
		*value = msr == MSR_IA32_S_CET ? s_cet : saved_u_cet;
	return cet_error;
}

static void poke(u64 gpa, u64 value, unsigned len)
{
	assert_int_equal(guest_load(ram, gpa, &value, len), FIRN_OK);
}

static u64 peek(u64 gpa, unsigned len)
{
	u64 value = 0;

	assert_int_equal(guest_read(ram, gpa, &value, len), FIRN_OK);
	return value;
}

static u64 pte_gpa(u64 linear)
{
	return (linear < 2 * MiB ? PT : PT_HIGH) + (linear >> PAGE_SHIFT & 0x1ff) * 8;
}

static void map(u64 linear, u64 entry)
{
	poke(pte_gpa(linear), entry, 8);
}

/* One slot of RAM and one of ROM, both in the fake machine's memory. */
static void make_memory(void)
{
	fake_vm_set_ram(fake, RAM_SIZE);
	ram = &fake->vm.memory;
	fake->vm.backing[1] = (struct backing){ .hpa = fake->vm.backing[0].hpa + RAM_SIZE - MiB,
						.size = PAGE_SIZE };
	assert_int_equal(memslot_create(ram, MEMSLOT_ROM, ROM_GPA, &fake->vm.backing[1]), FIRN_OK);
}

static void make_tables(void)
{
	poke(PML4, PDPT | RWU, 8);
	poke(PDPT, PD | RWU, 8);
	poke(PD, PT | RWU, 8);
	poke(PD + 8, PT_HIGH | RWU, 8);
	for (u64 linear = 0; linear < RAM_SIZE / 2; linear += PAGE_SIZE)
		map(linear, linear | RWU);
	map(LA_DEVICE, DEVICE | RWU);
	map(LA_DEVICE + PAGE_SIZE, (DEVICE + PAGE_SIZE) | RWU);
	map(LA_LAPIC, LAPIC_DEFAULT_BASE | RWU);
	map(LA_ROM, ROM_GPA | RWU);
	map(LA_MIXED, 0x30000 | RWU);
	map(LA_MIXED + PAGE_SIZE, DEVICE | RWU);
	map(LA_READONLY, 0x31000 | PTE_P | PTE_US);
	map(LA_KERNEL, DEVICE | PTE_P | PTE_RW);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	nr_log = 0;
	fake = fake_vm_create(1);
	cpu = fake->vcpu[0];
	cpu->vcpu.arch.decoded = emu_decode_cache_create();
	assert_non_null(cpu->vcpu.arch.decoded);
	make_memory();
	make_tables();
	cpu->reg[VREG_CR0] = CR0_PE | CR0_PG | CR0_WP;
	cpu->reg[VREG_CR3] = PML4;
	cpu->reg[VREG_CR4] = CR4_PAE;
	cpu->reg[VREG_EFER] = EFER_LMA | EFER_LME;
	cpu->reg[VREG_RFLAGS] = RFLAGS_ONE | RFLAGS_IF;
	cpu->reg[VREG_RIP] = CODE;
	cpu->reg[VREG_RSP] = DATA + 0x800;
	cpu->seg[SEG_CS].ar = 0xa09b;
	cpu->seg[SEG_SS].ar = 0xc093;
	cpu->vcpu.arch.lapic.apic_base = LAPIC_DEFAULT_BASE | APIC_BASE_ENABLE;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(cpu->vcpu.arch.decoded);
	fake_vm_destroy(fake);
	fake_reset();
	return 0;
}

static u64 *gpr(enum x86_gpr reg)
{
	return &cpu->vcpu.arch.gpr[reg];
}

static enum emu_result run_bytes(const char *bytes, unsigned len)
{
	cpu->reg[VREG_RIP] = CODE;
	nr_log = 0;
	cpu->injected = 0;
	for (unsigned i = 0; i < len; i++)
		poke(CODE + i, (u8)bytes[i], 1);
	return vcpu_emulate(&cpu->vcpu);
}

#define run_ok(bytes)                                                           \
	do {                                                                    \
		assert_int_equal(run_bytes(bytes, sizeof(bytes) - 1), EMU_OK);  \
		assert_int_equal(cpu->reg[VREG_RIP], CODE + sizeof(bytes) - 1); \
		assert_int_equal(cpu->injected, 0);                             \
	} while (0)

#define run_page_fault(bytes, expected_error, expected_cr2)                       \
	do {                                                                      \
		assert_int_equal(run_bytes(bytes, sizeof(bytes) - 1), EMU_FAULT); \
		assert_int_equal(cpu->injected, 1);                               \
		assert_int_equal(cpu->vector, VECTOR_PF);                         \
		assert_int_equal(cpu->error, expected_error);                     \
		assert_int_equal(cpu->vcpu.arch.cr2, expected_cr2);               \
		assert_int_equal(cpu->reg[VREG_RIP], CODE);                       \
	} while (0)

#define assert_log(i, k, a, w, v)                     \
	do {                                          \
		assert_true((i) < nr_log);            \
		assert_int_equal(log_[i].kind, k);    \
		assert_int_equal(log_[i].address, a); \
		assert_int_equal(log_[i].width, w);   \
		assert_int_equal(log_[i].value, v);   \
	} while (0)

static void test_device_widths(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_DEVICE + 0x10;
	*gpr(REG_RAX) = 0x8877665544332211;
	run_ok("\x88\x03");
	assert_log(0, 'w', DEVICE + 0x10, 1, 0x11);
	run_ok("\x66\x89\x03");
	assert_log(0, 'w', DEVICE + 0x10, 2, 0x2211);
	run_ok("\x89\x03");
	assert_log(0, 'w', DEVICE + 0x10, 4, 0x44332211);
	run_ok("\x48\x89\x03");
	assert_log(0, 'w', DEVICE + 0x10, 8, 0x8877665544332211);
	assert_int_equal(nr_log, 1);
	run_ok("\x8b\x03");
	assert_log(0, 'r', DEVICE + 0x10, 4, 0);
	assert_int_equal(nr_log, 1);
	assert_int_equal(*gpr(REG_RAX), device_pattern(0x10, 4));
	*gpr(REG_RBX) = LA_DEVICE + 0x11; /* unaligned in a page: still one access */
	run_ok("\x8b\x03");
	assert_log(0, 'r', DEVICE + 0x11, 4, 0);
	assert_int_equal(nr_log, 1);
	run_ok("\x83\x03\x01"); /* add dword [rbx], 1 */
	assert_int_equal(nr_log, 2);
	assert_log(1, 'w', DEVICE + 0x11, 4, device_pattern(0x11, 4) + 1);
	run_ok("\xf0\x83\x03\x01"); /* LOCK does not matter to a device */
	assert_int_equal(nr_log, 2);
	assert_log(1, 'w', DEVICE + 0x11, 4, device_pattern(0x11, 4) + 1);
}

static void test_page_crossing(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_DEVICE + PAGE_SIZE - 3;
	*gpr(REG_RAX) = 0x8877665544332211;
	run_ok("\x48\x89\x03"); /* 3 bytes here, 5 there, in aligned parts */
	assert_int_equal(nr_log, 4);
	assert_log(0, 'w', DEVICE + 0xffd, 1, 0x11);
	assert_log(1, 'w', DEVICE + 0xffe, 2, 0x3322);
	assert_log(2, 'w', DEVICE + 0x1000, 4, 0x77665544);
	assert_log(3, 'w', DEVICE + 0x1004, 1, 0x88);

	run_ok("\x48\x8b\x03");
	assert_int_equal(nr_log, 4);
	assert_log(0, 'r', DEVICE + 0xffd, 1, 0);
	assert_log(3, 'r', DEVICE + 0x1004, 1, 0);
	assert_int_equal(*gpr(REG_RAX), device_pattern(0xffd, 1) | device_pattern(0xffe, 2) << 8 |
						device_pattern(0x1000, 4) << 24 |
						device_pattern(0x1004, 1) << 56);

	*gpr(REG_RAX) = 0x44332211;
	*gpr(REG_RBX) = LA_MIXED + PAGE_SIZE - 2; /* RAM and device */
	run_ok("\x89\x03");
	assert_int_equal(peek(0x30ffe, 2), 0x2211);
	assert_int_equal(nr_log, 1);
	assert_log(0, 'w', DEVICE, 2, 0x4433);
	run_ok("\x8b\x03");
	assert_int_equal(*gpr(REG_RAX), 0x2211 | device_pattern(0, 2) << 16);

	*gpr(REG_RBX) = LA_NOTHING - 1; /* the second page faults: the first is untouched */
	map(LA_NOTHING - PAGE_SIZE, DEVICE | RWU);
	run_page_fault("\x89\x03", PFERR_WRITE, LA_NOTHING);
	assert_int_equal(nr_log, 0);
}

static void test_ram_and_flags(void **state)
{
	(void)state;
	*gpr(REG_RBX) = DATA;
	*gpr(REG_RAX) = 1;
	poke(DATA, 0xffffffff, 4);
	run_ok("\x01\x03");
	assert_int_equal(peek(DATA, 8), 0);
	assert_int_equal(cpu->reg[VREG_RFLAGS],
			 RFLAGS_ONE | RFLAGS_IF | RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_AF);
	assert_int_equal(peek(pte_gpa(DATA), 8), DATA | RWU | PTE_A | PTE_D);
	assert_int_equal(peek(pte_gpa(CODE), 8), CODE | RWU | PTE_A);
	run_ok("\xff\x33"); /* push qword [rbx]: RSP is not among the other registers */
	assert_int_equal(cpu->reg[VREG_RSP], DATA + 0x7f8);
	assert_int_equal(cpu->vcpu.arch.gpr[REG_RSP], 0);
}

static void test_locked(void **state)
{
	(void)state;
	*gpr(REG_RBX) = DATA + 1; /* unaligned is atomic too */
	*gpr(REG_RAX) = 2;
	poke(DATA, 0x1122334455667788, 8);
	run_ok("\xf0\x0f\xc1\x03"); /* lock xadd [rbx], eax */
	assert_int_equal(peek(DATA, 8), 0x1122334455667988);
	assert_int_equal(*gpr(REG_RAX), 0x44556677);
	*gpr(REG_RAX) = 0xaabb;
	run_ok("\x86\x03"); /* xchg [rbx], al */
	assert_int_equal(peek(DATA, 8), 0x112233445566bb88);
	run_ok("\x66\x87\x03");
	assert_int_equal(peek(DATA, 8), 0x1122334455aa7988);
	run_ok("\x48\x87\x03");
	assert_int_equal(*gpr(REG_RAX), 0x001122334455aa79);
	*gpr(REG_RBX) = LA_MIXED + PAGE_SIZE - 2; /* not possible atomically: plain */
	*gpr(REG_RAX) = 0x10003;
	run_ok("\xf0\x0f\xc1\x03");
	assert_int_equal(peek(0x30ffe, 2), 3);
	assert_int_equal(nr_log, 2);
	assert_log(1, 'w', DEVICE, 2, device_pattern(0, 2) + 1);
	*gpr(REG_RBX) = LA_ROM; /* the write is lost, nothing hangs */
	poke(ROM_GPA, 5, 4);
	*gpr(REG_RAX) = 1;
	run_ok("\xf0\x0f\xc1\x03");
	assert_int_equal(peek(ROM_GPA, 4), 5);
	assert_int_equal(*gpr(REG_RAX), 5);
}

#define INCREMENTS 20000

static void *other_cpu(void *counter)
{
	for (unsigned i = 0; i < INCREMENTS; i++)
		__atomic_fetch_add((u32 *)counter, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void test_locked_against_other_cpu(void **state)
{
	pthread_t thread;

	(void)state;
	*gpr(REG_RBX) = DATA;
	assert_int_equal(
		pthread_create(&thread, NULL, other_cpu, guest_map(ram, DATA, 4, GUEST_WRITE)), 0);
	for (unsigned i = 0; i < INCREMENTS; i++) {
		do
			assert_int_equal(run_bytes("\xf0\xff\x03", 3), EMU_OK); /* lock inc */
		while (cpu->reg[VREG_RIP] == CODE);
	}
	pthread_join(thread, NULL);
	assert_int_equal(peek(DATA, 4), 2 * INCREMENTS);
}

static void test_dirty_log(void **state)
{
	u64 dirty[RAM_SIZE / PAGE_SIZE / 64] = { 0 };

	(void)state;
	assert_int_equal(memslot_set_dirty_log(ram, 0, dirty), FIRN_OK);
	*gpr(REG_RBX) = DATA;
	run_ok("\x8b\x03");
	memset(dirty, 0, sizeof(dirty)); /* the code and accessed flags */
	run_ok("\x8b\x03");
	assert_int_equal(dirty[0] & BIT(DATA >> PAGE_SHIFT), 0);
	run_ok("\xf0\x01\x03");
	assert_int_equal(dirty[DATA >> PAGE_SHIFT >> 6] >> (DATA >> PAGE_SHIFT & 63) & 1, 1);
	assert_int_equal(dirty[0] >> (PT >> PAGE_SHIFT) & 1, 1); /* its D flag */
	memset(dirty, 0, sizeof(dirty));
	run_ok("\x89\x03");
	assert_int_equal(dirty[0] >> (DATA >> PAGE_SHIFT) & 1, 1);
	assert_int_equal(dirty[0] >> (PT >> PAGE_SHIFT) & 1, 0);
}

static void test_rom(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_ROM;
	*gpr(REG_RAX) = 0x1234;
	poke(ROM_GPA, 0xabcd, 4);
	run_ok("\x89\x03");
	assert_int_equal(nr_log, 0);
	run_ok("\x8b\x03");
	assert_int_equal(*gpr(REG_RAX), 0xabcd);
}

static void test_lapic(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_LAPIC + APIC_EOI;
	*gpr(REG_RAX) = 0;
	run_ok("\x89\x03");
	assert_log(0, 'L', APIC_EOI, 4, 0);
	*gpr(REG_RBX) = LA_LAPIC + APIC_VERSION;
	run_ok("\x8b\x03");
	assert_log(0, 'l', APIC_VERSION, 4, 0);
	assert_int_equal(*gpr(REG_RAX), 0x50014);
	run_ok("\x48\x8b\x03"); /* only aligned 32-bit accesses are registers */
	assert_int_equal(nr_log, 0);
	assert_int_equal(*gpr(REG_RAX), 0);
	run_ok("\x88\x03");
	assert_int_equal(nr_log, 0);
	*gpr(REG_RBX) += 2;
	run_ok("\x89\x03");
	assert_int_equal(nr_log, 0);
	*gpr(REG_RBX) = LA_LAPIC + APIC_VERSION; /* off, or in x2APIC mode: not there */
	cpu->vcpu.arch.lapic.apic_base = LAPIC_DEFAULT_BASE;
	run_ok("\x8b\x03");
	assert_log(0, 'r', LAPIC_DEFAULT_BASE + APIC_VERSION, 4, 0);
	cpu->vcpu.arch.lapic.apic_base |= APIC_BASE_ENABLE | APIC_BASE_EXTD;
	run_ok("\x8b\x03");
	assert_log(0, 'r', LAPIC_DEFAULT_BASE + APIC_VERSION, 4, 0);
	cpu->vcpu.arch.lapic.apic_base = DEVICE | APIC_BASE_ENABLE | APIC_BASE_BSP; /* moved */
	*gpr(REG_RBX) = LA_DEVICE + APIC_TPR;
	*gpr(REG_RAX) = 0x30;
	run_ok("\x89\x03");
	assert_log(0, 'L', APIC_TPR, 4, 0x30);
}

/* With a trace, accesses are carried out as without it, and recorded. */
static void test_trace(void **state)
{
	struct trace_record t[EXIT_TRACE_LEN];

	(void)state;
	assert_int_equal(exit_trace_set(&cpu->vcpu, TRACE_ALL), FIRN_OK);
	*gpr(REG_RBX) = LA_DEVICE + 0x10;
	*gpr(REG_RAX) = 0x8877665544332211;
	run_ok("\x66\x89\x03");
	assert_log(0, 'w', DEVICE + 0x10, 2, 0x2211);
	run_ok("\x8b\x03");
	assert_log(0, 'r', DEVICE + 0x10, 4, 0);
	assert_int_equal(*gpr(REG_RAX), device_pattern(0x10, 4));
	*gpr(REG_RBX) = LA_LAPIC + APIC_VERSION;
	run_ok("\x8b\x03");
	assert_int_equal(exit_trace_copy(&cpu->vcpu, t), 3);
	assert_int_equal(t[0].kind, TRACE_MMIO);
	assert_int_equal(t[0].what, TRACE_IO_WRITE);
	assert_int_equal(t[0].address, DEVICE + 0x10);
	assert_int_equal(t[0].width, 2);
	assert_int_equal(t[0].value, 0x2211);
	assert_string_equal(t[0].device, "device");
	assert_int_equal(t[1].what, 0);
	assert_int_equal(t[1].value, device_pattern(0x10, 4));
	assert_int_equal(t[2].address, LAPIC_DEFAULT_BASE + APIC_VERSION);
	assert_int_equal(t[2].value, 0x50014);
	assert_string_equal(t[2].device, "lapic");
	free(cpu->vcpu.trace);
	cpu->vcpu.trace = NULL;
}

static void test_page_faults(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_NOTHING;
	run_page_fault("\x8b\x03", 0, LA_NOTHING);
	*gpr(REG_RBX) = LA_READONLY;
	run_page_fault("\x89\x03", PFERR_WRITE | PFERR_PRESENT, LA_READONLY);
	run_page_fault("\xf0\x01\x03", PFERR_WRITE | PFERR_PRESENT, LA_READONLY);
	*gpr(REG_RBX) = LA_KERNEL;
	run_ok("\x89\x03");
	cpu->seg[SEG_SS].ar |= 3 << SEG_AR_DPL_SHIFT;
	run_page_fault("\x89\x03", PFERR_WRITE | PFERR_PRESENT | PFERR_USER, LA_KERNEL);
	cpu->seg[SEG_SS].ar = 0xc093;
	map(CODE, CODE | RWU | BIT(63)); /* NX */
	cpu->reg[VREG_EFER] |= EFER_NXE;
	run_page_fault("\x89\x03", PFERR_FETCH | PFERR_PRESENT, CODE);
}

/* AC lifts SMAP, but not for an access that is implicitly a supervisor's. */
static void test_smap(void **state)
{
	u64 gpa;
	u32 pfec;

	(void)state;
	cpu->reg[VREG_CR4] |= CR4_SMAP;
	*gpr(REG_RBX) = LA_DEVICE;
	run_page_fault("\x8b\x03", PFERR_PRESENT, LA_DEVICE);
	cpu->reg[VREG_RFLAGS] |= RFLAGS_AC;
	run_ok("\x8b\x03");
	cpu->seg[SEG_SS].ar |= 3 << SEG_AR_DPL_SHIFT;
	assert_int_equal(guest_walk(&cpu->vcpu, LA_DEVICE, WALK_READ, false, &gpa, &pfec),
			 WALK_FAULT);
	assert_int_equal(pfec, PFERR_PRESENT);
	run_ok("\x8b\x03");
}

static void test_maxphyaddr(void **state)
{
	(void)state;
	fake->phys_bits = 39;
	*gpr(REG_RBX) = LA_DEVICE;
	map(LA_DEVICE, DEVICE | BIT(39) | RWU);
	run_page_fault("\x8b\x03", PFERR_PRESENT | PFERR_RSVD, LA_DEVICE);
	fake->phys_bits = 40;
	run_ok("\x8b\x03");
	assert_log(0, 'r', DEVICE | BIT(39), 4, 0);
}

static void test_other_faults(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_DEVICE;
	*gpr(REG_RDX) = ~0ull;
	*gpr(REG_RAX) = 7;
	assert_int_equal(run_bytes("\xf7\x33", 2), EMU_FAULT); /* div dword [rbx] overflows */
	assert_int_equal(cpu->vector, VECTOR_DE);
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(cpu->reg[VREG_RIP], CODE);
	assert_int_equal(*gpr(REG_RAX), 7);
	assert_int_equal(*gpr(REG_RDX), ~0ull);
	*gpr(REG_RBX) = 0x8000000000000000;
	assert_int_equal(run_bytes("\x8b\x03", 2), EMU_FAULT);
	assert_int_equal(cpu->vector, VECTOR_GP);
	assert_int_equal(cpu->error, 0);
	assert_int_equal(cpu->vcpu.arch.cr2, 0);
}

static void test_refusal(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_DEVICE;
	cpu->seg[SEG_SS].ar |= 3 << SEG_AR_DPL_SHIFT; /* user code gets #UD */
	assert_int_equal(run_bytes("\x0f\x10\x03", 3), EMU_UNHANDLED);
	assert_int_equal(cpu->vector, VECTOR_UD);
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(fake->crashes, 0);
	cpu->seg[SEG_SS].ar = 0xc093; /* a kernel loses its VM, with a report */
	assert_int_equal(run_bytes("\x0f\xc7\x0b", 3), EMU_UNHANDLED);
	assert_int_equal(cpu->injected, 0);
	assert_int_equal(fake->crashes, 1);
	assert_non_null(strstr(fake->why, "RIP 0x10000"));
	assert_non_null(strstr(fake->why, "(0fc70b)"));
	/* Vector instructions are not in the decoder's tables: all bytes fetched are shown. */
	assert_int_equal(run_bytes("\x0f\x10\x03", 3), EMU_UNHANDLED);
	assert_int_equal(fake->crashes, 2);
	assert_non_null(strstr(fake->why, "unknown instruction (0f1003"));
	map(CODE, DEVICE | RWU); /* code in a device */
	assert_int_equal(vcpu_emulate(&cpu->vcpu), EMU_UNHANDLED);
	assert_int_equal(fake->crashes, 3);
	assert_non_null(strstr(fake->why, "not in memory"));
}

/* The MSR of the level that it runs at decides; what can't be read counts as on. */
static void test_cet_refusal(void **state)
{
	(void)state;
	cpu->reg[VREG_CR4] |= CR4_CET;
	cpu->reg[VREG_RSP] = DATA + 0x800;
	cet_error = FIRN_OK;
	s_cet = CET_SH_STK_EN;
	u_cet = 0;
	assert_int_equal(run_bytes("\xe8\x00\x00\x00\x00", 5), EMU_UNHANDLED);
	assert_int_equal(fake->crashes, 1);
	assert_non_null(strstr(fake->why, "RIP 0x10000: control transfer with CET enabled "
					  "(e800000000)"));
	assert_int_equal(cpu->reg[VREG_RSP], DATA + 0x800);
	cpu->seg[SEG_SS].ar |= 3 << SEG_AR_DPL_SHIFT; /* user code does not use it */
	assert_int_equal(run_bytes("\xe8\x00\x00\x00\x00", 5), EMU_OK);
	assert_int_equal(cpu->reg[VREG_RSP], DATA + 0x7f8);
	assert_int_equal(peek(DATA + 0x7f8, 8), CODE + 5);
	u_cet = CET_SH_STK_EN;
	assert_int_equal(run_bytes("\xe8\x00\x00\x00\x00", 5), EMU_UNHANDLED);
	assert_int_equal(cpu->vector, VECTOR_UD);
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(fake->crashes, 1);
	u_cet = 0;
	cet_error = ERR_NOENT;
	assert_int_equal(run_bytes("\xe8\x00\x00\x00\x00", 5), EMU_UNHANDLED);
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(cpu->reg[VREG_RSP], DATA + 0x7f8);
}

static void invalid_opcode(u64 at, const char *bytes, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		poke(at + i, (u8)bytes[i], 1);
	cpu->reg[VREG_RIP] = at;
	cpu->injected = 0;
	guest_invalid_opcode(&cpu->vcpu);
}
#define PREFIX "\x0f\x0bkvm"

static void assert_plain_ud(u64 at)
{
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(cpu->vector, VECTOR_UD);
	assert_int_equal(cpu->reg[VREG_RIP], at);
	assert_int_equal(*gpr(REG_RAX), 5);
}

static void test_forced_emulation(void **state)
{
	static const char inc[] = PREFIX "\xff\xc0", /* inc eax */
		divide[] = PREFIX "\xf7\xf1",	     /* div ecx */
		other[] = "\x0f\x0bkvn\xff\xc0", plain[] = "\x0f\x0b\xff\xc0";
	const u64 across = CODE + PAGE_SIZE - 3;

	(void)state;
	*gpr(REG_RAX) = 5;
	invalid_opcode(CODE, inc, 7); /* not asked for */
	assert_plain_ud(CODE);
	fake->config.force_emulation = true;
	invalid_opcode(CODE, other, 7);
	assert_plain_ud(CODE);
	invalid_opcode(CODE, plain, 4);
	assert_plain_ud(CODE);
	invalid_opcode(CODE, inc, 7);
	assert_int_equal(cpu->injected, 0);
	assert_int_equal(*gpr(REG_RAX), 6);
	assert_int_equal(cpu->reg[VREG_RIP], CODE + 7);
	*gpr(REG_RAX) = 5;
	invalid_opcode(across, inc, 7);
	assert_int_equal(cpu->injected, 0);
	assert_int_equal(*gpr(REG_RAX), 6);
	*gpr(REG_RAX) = 5;
	map(across + 3, 0); /* the prefix can't be fetched whole */
	invalid_opcode(across, inc, 3);
	assert_plain_ud(across);
	map(across + 3, (across + 3) | PTE_P | PTE_RW); /* nor by user code here */
	cpu->seg[SEG_SS].ar |= 3 << SEG_AR_DPL_SHIFT;
	invalid_opcode(across, inc, 3);
	assert_plain_ud(across);
	cpu->seg[SEG_SS].ar = 0xc093;
	invalid_opcode(across, inc, 3);
	assert_int_equal(cpu->injected, 0);
	*gpr(REG_RAX) = 5; /* an exception is that of the instruction behind the prefix */
	*gpr(REG_RCX) = 0;
	invalid_opcode(CODE, divide, 7);
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(cpu->vector, VECTOR_DE);
	assert_int_equal(cpu->error, 0);
	assert_int_equal(cpu->reg[VREG_RIP], CODE + 5);
	assert_int_equal(*gpr(REG_RAX), 5);
}

/* RIP is an offset then, and addresses have 32 bits. */
static void test_forced_emulation_in_segment(void **state)
{
	(void)state;
	fake->config.force_emulation = true;
	cpu->reg[VREG_CR0] = 0;
	cpu->reg[VREG_EFER] = 0;
	cpu->seg[SEG_CS] = (struct x86_seg){ 0x1000, 0x9b, 0xffff, CODE };
	cpu->seg[SEG_SS].ar = 0x93;
	*gpr(REG_RAX) = 5;
	for (unsigned i = 0; i < 6; i++)
		poke(CODE + 0x100 + i, (u8)(PREFIX "\x40")[i], 1); /* inc ax */
	cpu->reg[VREG_RIP] = 0x100;
	guest_invalid_opcode(&cpu->vcpu);
	assert_int_equal(cpu->injected, 0);
	assert_int_equal(*gpr(REG_RAX), 6);
	assert_int_equal(cpu->reg[VREG_RIP], 0x106);
}

static void test_interruptibility(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_DEVICE;
	cpu->reg[VREG_INTERRUPTIBILITY] = 0xb; /* STI, MOV SS, NMI */
	run_ok("\x8b\x03");
	assert_int_equal(cpu->reg[VREG_INTERRUPTIBILITY], 8); /* NMI blocking stays */
	cpu->reg[VREG_INTERRUPTIBILITY] = 1;
	*gpr(REG_RBX) = LA_NOTHING;
	run_page_fault("\x8b\x03", 0, LA_NOTHING);
	assert_int_equal(cpu->reg[VREG_INTERRUPTIBILITY], 1);
}

static void test_single_step(void **state)
{
	(void)state;
	*gpr(REG_RBX) = LA_DEVICE;
	cpu->reg[VREG_RFLAGS] |= RFLAGS_TF;
	assert_int_equal(run_bytes("\x8b\x03", 2), EMU_OK);
	assert_int_equal(cpu->reg[VREG_RIP], CODE + 2); /* a trap: RIP has moved */
	assert_int_equal(cpu->injected, 0);
	assert_int_equal(cpu->single_steps, 1);
}

static void test_ports(void **state)
{
	(void)state;
	*gpr(REG_RDX) = 0x3f8;
	*gpr(REG_RAX) = 'x';
	run_ok("\xee");
	assert_log(0, 'o', 0x3f8, 1, 'x');
	run_ok("\xec");
	assert_log(0, 'i', 0x3f8, 1, 0);
	*gpr(REG_RSI) = DATA;
	*gpr(REG_RDI) = DATA + 0x100;
	*gpr(REG_RCX) = 2;
	poke(DATA, 0x6261, 2);
	run_ok("\xf3\x6e"); /* rep outsb */
	assert_int_equal(nr_log, 2);
	assert_log(1, 'o', 0x3f8, 1, 'b');
	*gpr(REG_RCX) = 2;
	run_ok("\xf3\x6d"); /* rep insd */
	assert_int_equal(nr_log, 2);
	assert_int_equal(peek(DATA + 0x104, 4), device_pattern(0x3f8, 4));
}

/* The CPU reads the TSS with supervisor rights, whoever uses the port. */
static void test_port_permission(void **state)
{
	const u64 tss = 0x40000;

	(void)state;
	map(tss, tss | PTE_P);
	cpu->seg[SEG_TR] = (struct x86_seg){ 0x40, 0x8b, 0xfff, tss };
	cpu->seg[SEG_SS].ar |= 3 << SEG_AR_DPL_SHIFT;
	poke(tss + 102, 0x68, 2);
	*gpr(REG_RDX) = 0x3f8;
	run_ok("\xee");
	assert_int_equal(nr_log, 1);
	poke(tss + 0x68 + 0x3f8 / 8, 1, 1);
	assert_int_equal(run_bytes("\xee", 1), EMU_FAULT);
	assert_int_equal(cpu->vector, VECTOR_GP);
	assert_int_equal(nr_log, 0);
}

/* Page tables in ROM translate; their flags can't be set. */
static void test_tables_in_rom(void **state)
{
	(void)state;
	poke(ROM_GPA, DEVICE | RWU, 8);
	poke(PD + 16, ROM_GPA | RWU, 8);
	*gpr(REG_RBX) = 4 * MiB;
	run_ok("\x89\x03");
	assert_log(0, 'w', DEVICE, 4, 0);
	assert_int_equal(peek(ROM_GPA, 8), DEVICE | RWU);
}

static void test_32bit_paging(void **state)
{
	const u64 directory = 0x6000, table = 0x7000;

	(void)state;
	cpu->reg[VREG_CR3] = directory;
	cpu->reg[VREG_CR4] = CR4_PSE;
	cpu->reg[VREG_EFER] = 0;
	for (unsigned i = 0; i < NR_SEGS; i++)
		cpu->seg[i] = (struct x86_seg){ 0x10, 0xc093, UINT32_MAX, 0 };
	cpu->seg[SEG_CS].ar = 0xc09b;
	poke(directory, table | RWU, 4);
	poke(table + CODE / PAGE_SIZE * 4, CODE | RWU, 4);
	poke(table + DATA / PAGE_SIZE * 4, DATA | RWU, 4);
	poke(table + DATA / PAGE_SIZE * 4 + 4, DEVICE | RWU, 4);
	*gpr(REG_RAX) = 0x44332211;
	*gpr(REG_RBX) = DATA + PAGE_SIZE - 2;
	run_ok("\x89\x03");
	assert_int_equal(peek(DATA + 0xffe, 2), 0x2211);
	assert_log(0, 'w', DEVICE, 2, 0x4433);
	assert_int_equal(peek(directory, 8), table | RWU | PTE_A);
	assert_int_equal(peek(table + DATA / PAGE_SIZE * 4, 4), DATA | RWU | PTE_A | PTE_D);
	assert_int_equal(peek(table + DATA / PAGE_SIZE * 4 + 4, 4), DEVICE | RWU | PTE_A | PTE_D);
}

/* A fault in the middle of REP: what was done stays done. */
static void test_string_progress(void **state)
{
	(void)state;
	*gpr(REG_RSI) = LA_DEVICE;
	*gpr(REG_RDI) = LA_NOTHING - 8;
	*gpr(REG_RCX) = 5;
	map(LA_NOTHING - PAGE_SIZE, 0x30000 | RWU);
	run_page_fault("\xf3\xa5", PFERR_WRITE, LA_NOTHING);
	assert_int_equal(*gpr(REG_RCX), 3);
	assert_int_equal(*gpr(REG_RSI), LA_DEVICE + 8);
	assert_int_equal(*gpr(REG_RDI), LA_NOTHING);
	assert_int_equal(nr_log, 2);
	assert_int_equal(peek(0x30ff8, 4), device_pattern(0, 4));
}

static unsigned remembered(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WALK_MEMOS; i++)
		n += cpu->vcpu.arch.walks[i].key != 0;
	return n;
}

/* mov eax, [rbx] until the walks for code and data are remembered: the first ones set flags. */
static void remember(u64 linear)
{
	*gpr(REG_RBX) = linear;
	run_ok("\x8b\x03");
	run_ok("\x8b\x03");
	run_ok("\x8b\x03");
	assert_int_equal(remembered(), 2);
}

static void expect_page_fault(u32 error, u64 linear)
{
	assert_int_equal(run_bytes("\x8b\x03", 2), EMU_FAULT);
	assert_int_equal(cpu->injected, 1);
	assert_int_equal(cpu->vector, VECTOR_PF);
	assert_int_equal(cpu->error, error);
	assert_int_equal(cpu->vcpu.arch.cr2, linear);
}

/* The guest changes its tables without telling anybody. */
static void test_tables_change_under_a_memo(void **state)
{
	const u64 pd_entry = peek(PD + 8, 8);

	(void)state;
	remember(LA_DEVICE + 8);
	assert_log(0, 'r', DEVICE + 8, 4, 0);
	map(LA_DEVICE, (DEVICE + 4 * PAGE_SIZE) | RWU | PTE_A);
	run_ok("\x8b\x03");
	assert_log(0, 'r', DEVICE + 4 * PAGE_SIZE + 8, 4, 0);
	map(LA_DEVICE, 0);
	expect_page_fault(0, LA_DEVICE + 8);
	map(LA_DEVICE, DEVICE | RWU | PTE_A);
	run_ok("\x8b\x03");
	poke(PD + 8, 0, 8); /* an upper level */
	expect_page_fault(0, LA_DEVICE + 8);
	poke(PD + 8, pd_entry | PTE_A, 8);
	map(LA_DEVICE, DEVICE | RWU); /* accessed is set again, as by a walk */
	run_ok("\x8b\x03");
	assert_true(peek(pte_gpa(LA_DEVICE), 8) & PTE_A);
	map(LA_DEVICE, DEVICE | RWU); /* and after a walk that set it */
	run_ok("\x8b\x03");
	assert_true(peek(pte_gpa(LA_DEVICE), 8) & PTE_A);
}

static void test_registers_change_under_a_memo(void **state)
{
	(void)state;
	remember(LA_DEVICE);
	cpu->reg[VREG_CR3] = PML4 + 0x8000; /* an empty table */
	assert_int_equal(run_bytes("\x8b\x03", 2), EMU_FAULT);
	assert_int_equal(cpu->vcpu.arch.cr2, CODE);
	cpu->reg[VREG_CR3] = PML4;
	run_ok("\x8b\x03");
	cpu->reg[VREG_CR4] |= CR4_SMAP; /* user pages all over */
	expect_page_fault(PFERR_PRESENT, LA_DEVICE);
	cpu->reg[VREG_RFLAGS] |= RFLAGS_AC;
	run_ok("\x8b\x03");
	cpu->reg[VREG_RFLAGS] &= ~RFLAGS_AC;
	expect_page_fault(PFERR_PRESENT, LA_DEVICE);
	cpu->reg[VREG_CR4] &= ~CR4_SMAP;
	cpu->reg[VREG_CR4] |= CR4_SMEP;
	assert_int_equal(run_bytes("\x8b\x03", 2), EMU_FAULT);
	assert_int_equal(cpu->vcpu.arch.cr2, CODE);
}

/* Rights of one kind of access say nothing about another. */
static void test_memos_of_rights(void **state)
{
	(void)state;
	remember(LA_READONLY);
	run_ok("\x8b\x03");
	assert_int_equal(run_bytes("\x89\x03", 2), EMU_FAULT);
	assert_int_equal(cpu->error, PFERR_PRESENT | PFERR_WRITE);
	cpu->reg[VREG_CR0] &= ~CR0_WP;
	run_ok("\x89\x03");
	run_ok("\x89\x03");
	cpu->reg[VREG_CR0] |= CR0_WP;
	assert_int_equal(run_bytes("\x89\x03", 2), EMU_FAULT);
	guest_walk_forget(&cpu->vcpu);
	remember(LA_KERNEL);
	cpu->seg[SEG_SS].ar |= 3u << SEG_AR_DPL_SHIFT;
	expect_page_fault(PFERR_PRESENT | PFERR_USER, LA_KERNEL);
}

static void test_forgotten_walks(void **state)
{
	(void)state;
	remember(LA_DEVICE);
	guest_walk_forget(&cpu->vcpu);
	assert_int_equal(remembered(), 0);
	run_ok("\x8b\x03");
	assert_int_equal(remembered(), 2);
}

static void test_real_mode(void **state)
{
	(void)state;
	cpu->reg[VREG_CR0] = 0;
	cpu->reg[VREG_EFER] = 0;
	for (unsigned i = 0; i < NR_SEGS; i++)
		cpu->seg[i] = (struct x86_seg){ 0, 0x93, 0xffff, 0 };
	cpu->seg[SEG_CS].base = CODE - 0x100;
	cpu->seg[SEG_DS].base = DATA;
	*gpr(REG_RBX) = 0x10;
	*gpr(REG_RAX) = 0xbeef;
	poke(CODE, 0x0789, 2); /* mov [bx], ax */
	cpu->reg[VREG_RIP] = 0x100;
	assert_int_equal(vcpu_emulate(&cpu->vcpu), EMU_OK);
	assert_int_equal(cpu->reg[VREG_RIP], 0x102);
	assert_int_equal(peek(DATA + 0x10, 2), 0xbeef);
	*gpr(REG_RBX) = 0xfff; /* an ordinary page boundary */
	cpu->reg[VREG_RIP] = 0x100;
	assert_int_equal(vcpu_emulate(&cpu->vcpu), EMU_OK);
	assert_int_equal(peek(DATA + 0xfff, 2), 0xbeef);
	cpu->seg[SEG_DS] = (struct x86_seg){ 0, 0x8093, UINT32_MAX, 0 }; /* "unreal" mode */
	poke(CODE, 0x038967, 3);					 /* mov [ebx], ax */
	*gpr(REG_RBX) = DEVICE;
	cpu->reg[VREG_RIP] = 0x100;
	nr_log = 0;
	assert_int_equal(vcpu_emulate(&cpu->vcpu), EMU_OK);
	assert_log(0, 'w', DEVICE, 2, 0xbeef);
	cpu->seg[SEG_DS].base = 0xffffffff; /* the second byte is at linear 0 */
	*gpr(REG_RBX) = 0;
	cpu->reg[VREG_RIP] = 0x100;
	nr_log = 0;
	assert_int_equal(vcpu_emulate(&cpu->vcpu), EMU_OK);
	assert_log(0, 'w', 0xffffffff, 1, 0xef);
	assert_int_equal(peek(0, 1), 0xbe);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_device_widths),
		TEST(test_page_crossing),
		TEST(test_ram_and_flags),
		TEST(test_locked),
		TEST(test_locked_against_other_cpu),
		TEST(test_dirty_log),
		TEST(test_rom),
		TEST(test_lapic),
		TEST(test_trace),
		TEST(test_page_faults),
		TEST(test_smap),
		TEST(test_maxphyaddr),
		TEST(test_other_faults),
		TEST(test_refusal),
		TEST(test_cet_refusal),
		TEST(test_forced_emulation),
		TEST(test_forced_emulation_in_segment),
		TEST(test_interruptibility),
		TEST(test_single_step),
		TEST(test_ports),
		TEST(test_port_permission),
		TEST(test_tables_in_rom),
		TEST(test_32bit_paging),
		TEST(test_string_progress),
		TEST(test_tables_change_under_a_memo),
		TEST(test_registers_change_under_a_memo),
		TEST(test_memos_of_rights),
		TEST(test_forgotten_walks),
		TEST(test_real_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Control registers, EFER, XCR0 and all other MSRs of a guest: any sequence of writes. What is refused
 * changes nothing, what is accepted leaves a state that a CPU can be in, and every register can be given
 * back the value that it has.
 *
 * Input: a byte that chooses the host, then operations.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/guest_cr.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/guest_xstate.h"
#include "arch/x86/msr.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "guest_cpu.h"

#define RAM_SIZE     0x8000
#define PDPTES	     0x1000ull /* behind it: of all values */
#define PDPTES_END   0x4000ull
#define KVM_AREA     0x4000ull /* where the guest's clock and the like may be written */
#define MSRS_MAX     256
#define NR_REGISTERS (MSRS_MAX + NR_VREGS)

static struct fake_vm *fake;
static struct vcpu *vcpu;
static const u8 *in, *in_end;
static u32 msrs[MSRS_MAX];
static size_t nr_msrs;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static u8 byte(void)
{
	return in < in_end ? *in++ : 0;
}

static u64 number(unsigned bytes)
{
	u64 value = 0;

	while (bytes-- > 0)
		value = value << 8 | byte();
	return value;
}

/* A bit more or less than now, one of those that are often limits, or anything. */
static u64 value_near(u64 old)
{
	static const u64 limits[] = { 0,	  1,	      ~0ull,	   0xffffffff,
				      1ull << 46, 1ull << 47, ~0ull << 47, PDPTES };
	u8 how = byte();

	if (how < 64)
		return old ^ BIT(how);
	if (how < 128)
		return old ^ BIT(how % 64) ^ BIT(byte() % 64);
	if (how < 192)
		return limits[how % ARRAY_SIZE(limits)];
	return number(how % 8 + 1);
}

/* The time passes meanwhile and does not count. */
static bool is_time(u32 msr)
{
	return msr == MSR_IA32_TSC;
}

static void snapshot(u64 state[NR_REGISTERS])
{
	memset(state, 0, NR_REGISTERS * sizeof(*state));
	memcpy(state, fake->vcpu[0]->reg, sizeof(fake->vcpu[0]->reg));
	for (size_t i = 0; i < nr_msrs; i++)
		require(guest_msr_get(vcpu, msrs[i], &state[NR_VREGS + i]) == FIRN_OK);
}

static void unchanged(const u64 before[NR_REGISTERS])
{
	u64 after[NR_REGISTERS];

	snapshot(after);
	require(memcmp(before, after, sizeof(after)) == 0);
}

static bool op_cr(void)
{
	static const u8 numbers[] = { 0, 3, 4, 8, 2, 1 };
	unsigned cr = numbers[byte() % ARRAY_SIZE(numbers)];
	u64 value = value_near(guest_cr_read(vcpu, cr));

	if (!(fake->vcpu[0]->seg[SEG_CS].ar & SEG_AR_L))
		value = (u32)value;
	if (!guest_cr_write(vcpu, cr, value))
		return false;
	/* Reserved bits of CR0 are lost, ET is always 1; CR3 may keep the TLB. */
	if (cr == 0)
		require(((guest_cr_read(vcpu, cr) ^ value) & 0xe005002full) == 0);
	else
		require(guest_cr_read(vcpu, cr) == (cr == 3 ? value & ~BIT(63) : value) ||
			(cr == 3 && guest_cr_read(vcpu, cr) == value));
	return true;
}

static bool op_msw(void)
{
	u16 value = (u16)number(2);

	if (value & 0x8000) {
		guest_clts(vcpu);
		return true;
	}
	return guest_lmsw(vcpu, value);
}

static bool is_kvm(u32 msr)
{
	return msr >> 8 == 0x4b564d || msr == 0x11 || msr == 0x12;
}

static bool op_msr(void)
{
	u8 which = byte();
	u32 msr = which < nr_msrs ? msrs[which] : (u32)number(4);
	u64 old = 0, value;

	guest_msr_read(vcpu, msr, &old);
	value = value_near(old);
	if (is_kvm(msr) && msr != 0x4b564d05)
		value = KVM_AREA | (value & 0xfff);
	return guest_msr_write(vcpu, msr, value);
}

static bool op_xcr(void)
{
	u64 value = value_near(vcpu->arch.xcr0);
	bool written = guest_xcr0_set(vcpu, byte() & 1, value);

	require(!written || guest_xcr0_valid(&vcpu->vm->arch.cpuid, value));
	require(!written || vcpu->arch.xcr0 == value);
	return written;
}

/* A far jump: code is 64-bit code in long mode only. */
static bool op_jump(void)
{
	u32 *ar = &fake->vcpu[0]->seg[SEG_CS].ar;

	if (virt_get(vcpu, VREG_EFER) & EFER_LMA)
		*ar ^= SEG_AR_L;
	return true;
}

static bool op_cpuid(void)
{
	u32 leaf = (u32)number(4), out[4];

	vcpu_cpuid(vcpu, leaf, byte(), out);
	return true;
}

static bool op_init(void)
{
	guest_msr_reset(vcpu, true);
	memset(fake->vcpu[0]->reg, 0, sizeof(fake->vcpu[0]->reg));
	fake->vcpu[0]->reg[VREG_CR0] = CR0_ET;
	fake->vcpu[0]->reg[VREG_PAT] = PAT_RESET_VALUE;
	fake->vcpu[0]->seg[SEG_CS].ar = 0;
	return true;
}

static void check_restore(const u64 state[NR_REGISTERS])
{
	for (size_t i = 0; i < nr_msrs; i++) {
		enum firn_err err;

		if (is_time(msrs[i]))
			continue;
		err = guest_msr_set(vcpu, msrs[i], state[NR_VREGS + i]);
		require(err == FIRN_OK || err == ERR_READONLY);
	}
	for (unsigned cr = 0; cr <= 4; cr++)
		require(cr == 1 || guest_cr_restore(vcpu, cr, guest_cr_read(vcpu, cr)));
	unchanged(state);
}

static void fill_pdptes(void)
{
	for (u64 at = PDPTES; at < PDPTES_END; at += sizeof(u64)) {
		/* 32 bytes a table; the reserved bits come into them one by one */
		u64 entry = at % 0x800 < 0x400 ? 0x5001 : 0x5001 | BIT(at / 32 % 64);

		require(guest_write(&fake->vm.memory, at, &entry, sizeof(entry)) == FIRN_OK);
	}
}

static void begin(void)
{
	u8 what = byte();

	if (what & 1)
		host_full();
	else
		host_bare();
	host.amd = what & 2;
	host.pmu = host.counters = what & 4;
	fake_reset();
	fake_set_tsc(1000000);
	fake = guest_create(1);
	vcpu = fake->vm.vcpu[0];
	pmu_reset(vcpu);
	fake_vm_set_ram(fake, RAM_SIZE);
	fill_pdptes();
	nr_msrs = guest_msr_list(vcpu, msrs, MSRS_MAX);
	require(nr_msrs <= MSRS_MAX);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool (*const ops[])(void) = { op_cr,  op_cr,  op_cr,   op_msr,	op_msr,
					     op_msw, op_xcr, op_jump, op_cpuid, op_init };
	u64 before[NR_REGISTERS];

	in = data;
	in_end = data + size;
	begin();
	while (in < in_end) {
		unsigned op = byte() % ARRAY_SIZE(ops);

		snapshot(before);
		if (!ops[op]())
			unchanged(before);
		require(!guest_cr_inconsistent(vcpu));
		if (op == 7) {
			snapshot(before);
			check_restore(before);
		}
	}
	lapic_reset(&vcpu->arch.lapic, false);
	guest_destroy(fake);
	return 0;
}

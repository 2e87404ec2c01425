/* SPDX-License-Identifier: MIT */
/* Registers by id: the encoding, access rules, values, names, and that list and access agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/msr.h"
#include "arch/x86/vcpu_regs.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "guest_cpu.h"
#include "lapic_fixture.h"

#define MAX_IDS	      300
#define NON_CANONICAL 0x0000800000000000ull

static struct fake_vm *fake;
static struct fake_vcpu *f;
static struct vcpu *vcpu;

static int setup(void **state)
{
	(void)state;
	host_full();
	fake = guest_create(2);
	f = fake->vcpu[0];
	vcpu = &f->vcpu;
	fake_vm_set_ram(fake, 1 * MiB);
	fake->vm.state = VM_PAUSED;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

static u64 get(u64 id)
{
	u64 value;
	enum firn_err err = vcpu_reg_get(vcpu, id, &value);

	if (err != FIRN_OK)
		fail_msg("get 0x%llx: error %d", (unsigned long long)id, err);
	return value;
}

static u64 by_name(const char *name)
{
	u64 id = vcpu_reg_by_name(name);

	if (!id)
		fail_msg("no register %s", name);
	return id;
}

static void good(const char *name, u64 value)
{
	u64 id = by_name(name);
	enum firn_err err = vcpu_reg_set(vcpu, id, value);

	if (err != FIRN_OK)
		fail_msg("%s = 0x%llx: error %d", name, (unsigned long long)value, err);
	if (get(id) != value)
		fail_msg("%s = 0x%llx reads 0x%llx", name, (unsigned long long)value,
			 (unsigned long long)get(id));
}

static void refused(const char *name, u64 value, enum firn_err expected)
{
	u64 id = by_name(name), before = get(id);
	enum firn_err err = vcpu_reg_set(vcpu, id, value);

	if (err != expected)
		fail_msg("%s = 0x%llx: error %d", name, (unsigned long long)value, err);
	assert_int_equal(get(id), before);
}

/* KVM's numbers for MSRs, written out. */
static void test_encoding(void **state)
{
	(void)state;
	assert_int_equal(REG_ID(REG_TYPE_MSR, 0x6a0), 0x20300002000006a0);
	assert_int_equal(REG_ID(REG_TYPE_MSR, 0xc0000082), 0x20300002c0000082);
	assert_int_equal(REG_ID(REG_TYPE_KVM, 0), 0x2030000300000000);
	assert_int_equal(REG_ID(REG_TYPE_GPR, REG_GPR_RIP), 0x2030001000000010);
	assert_int_equal(by_name("msr.LSTAR"), 0x20300002c0000082);
	assert_int_equal(by_name("rsp"), 0x2030001000000004);
	assert_int_equal(by_name("cs.limit"), 0x2030001100000006);
	assert_int_equal(by_name("idtr.base"), 0x2030001200000002);
	assert_int_equal(by_name("cr8"), 0x2030001300000008);
	assert_int_equal(by_name("dr7"), 0x2030001400000007);
	assert_int_equal(by_name("xcr0"), 0x2030001500000000);
	assert_int_equal(by_name("lapic.tpr"), 0x2030001600000080);
	assert_int_equal(by_name("run_state"), 0x2030001700000000);
}

/* Flips each bit above the type, and tries each type and each size. */
static void test_malformed_ids(void **state)
{
	const u64 id = REG_ID(REG_TYPE_GPR, REG_GPR_RIP);
	u64 value = 0x55, before = get(id);

	(void)state;
	for (unsigned bit = 40; bit < 64; bit++) {
		assert_int_equal(vcpu_reg_get(vcpu, id ^ BIT(bit), &value), ERR_INVALID);
		assert_int_equal(vcpu_reg_set(vcpu, id ^ BIT(bit), 0), ERR_INVALID);
	}
	for (u64 size = 0; size < 16; size++)
		assert_int_equal(vcpu_reg_get(vcpu, (id & ~(0xfull << 52)) | size << 52, &value),
				 size == 3 ? FIRN_OK : ERR_INVALID);
	for (u64 arch = 0; arch < 256; arch++)
		assert_int_equal(vcpu_reg_get(vcpu, (id & ~(0xffull << 56)) | arch << 56, &value),
				 arch == 0x20 ? FIRN_OK : ERR_INVALID);
	for (unsigned type = 0; type < 256; type++) {
		bool known = type == 2 || type == 3 || (type >= 16 && type <= 23);

		assert_int_equal(vcpu_reg_get(vcpu, REG_ID(type, 0xffffff), &value),
				 known ? ERR_NOENT : ERR_INVALID);
		assert_int_equal(vcpu_reg_set(vcpu, REG_ID(type, 0xffffff), 0),
				 known ? ERR_NOENT : ERR_INVALID);
	}
	/* In VMs with shadow stacks only: test_ssp. */
	assert_int_equal(vcpu_reg_get(vcpu, REG_ID(REG_TYPE_KVM, 0), &value), ERR_NOENT);
	assert_int_equal(vcpu_reg_get(vcpu, REG_ID(REG_TYPE_MSR, 0x4b564dff), &value), ERR_NOENT);
	assert_int_equal(vcpu_reg_get(vcpu, 0, &value), ERR_INVALID);
	assert_int_equal(vcpu_reg_get(vcpu, ~0ull, &value), ERR_INVALID);
	assert_int_equal(get(id), before);
}

static void test_only_while_stopped(void **state)
{
	static const enum vm_state stopped[] = { VM_STOPPED, VM_PAUSED, VM_CRASHED };
	u64 value = 0x55;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(stopped); i++) {
		fake->vm.state = stopped[i];
		assert_int_equal(vcpu_reg_get(vcpu, by_name("rax"), &value), FIRN_OK);
		assert_int_equal(vcpu_reg_set(vcpu, by_name("rax"), 7), FIRN_OK);
	}
	fake->vm.state = VM_RUNNING;
	value = 0x55;
	assert_int_equal(vcpu_reg_get(vcpu, by_name("rax"), &value), ERR_STATE);
	assert_int_equal(vcpu_reg_set(vcpu, by_name("rax"), 1), ERR_STATE);
	fake->vm.state = VM_PAUSED;
	/* vCPU 1 lives on CPU 1. */
	assert_int_equal(vcpu_reg_get(&fake->vcpu[1]->vcpu, by_name("rax"), &value), ERR_STATE);
	fake_set_cpu(1);
	assert_int_equal(vcpu_reg_set(vcpu, by_name("rax"), 1), ERR_STATE);
	assert_int_equal(vcpu_reg_get(&fake->vcpu[1]->vcpu, by_name("rax"), &value), FIRN_OK);
	fake_set_cpu(0);
	assert_int_equal(value, 0);
	assert_int_equal(get(by_name("rax")), 7);
}

static u64 ids[MAX_IDS];

static size_t list(void)
{
	size_t n = vcpu_reg_list(vcpu, ids, MAX_IDS);

	assert_in_range(n, 150, MAX_IDS);
	return n;
}

/* What is listed can be read and has a name that leads back to it; nothing is listed twice. */
static void test_list(void **state)
{
	u64 few[3] = { 0, 0, 0xabcd };
	size_t n = list();
	char name[VCPU_REG_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		get(ids[i]);
		if (!vcpu_reg_name(ids[i], name))
			fail_msg("0x%llx has no name", (unsigned long long)ids[i]);
		assert_int_equal(vcpu_reg_by_name(name), ids[i]);
		for (size_t k = 0; k < i; k++)
			assert_true(ids[k] != ids[i]);
	}
	assert_int_equal(vcpu_reg_list(vcpu, few, 2), n);
	assert_int_equal(few[0], ids[0]);
	assert_int_equal(few[1], ids[1]);
	assert_int_equal(few[2], 0xabcd);
	assert_int_equal(vcpu_reg_list(vcpu, NULL, 0), n);
	host_off(X86_FEATURE_XSAVE);
	guest_image(&fake->vm.arch.cpuid, 2);
	assert_int_equal(vcpu_reg_list(vcpu, ids, MAX_IDS), n - 1);
	assert_int_equal(vcpu_reg_get(vcpu, by_name("xcr0"), &few[0]), ERR_NOENT);
}

static bool listed(u64 id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* What can be read is listed: every index of the small types, every MSR of the usual ranges. */
static void test_nothing_unlisted(void **state)
{
	size_t n = list(), readable = 0;
	u64 value;

	(void)state;
	for (unsigned type = 0; type < 256; type++)
		for (u32 index = 0; index < 0x2000; index++) {
			u64 id = REG_ID(type, index);
			bool can = vcpu_reg_get(vcpu, id, &value) == FIRN_OK;

			assert_int_equal(can, listed(id, n));
			assert_int_equal(vcpu_reg_set(vcpu, id, ~0ull) == ERR_NOENT && can, false);
			readable += can;
		}
	for (u32 i = 0; i < 0x2000; i++) {
		u64 high = REG_ID(REG_TYPE_MSR, 0xc0000000 + i);
		u64 kvm = REG_ID(REG_TYPE_MSR, 0x4b564d00 + i);

		assert_int_equal(vcpu_reg_get(vcpu, high, &value) == FIRN_OK, listed(high, n));
		assert_int_equal(vcpu_reg_get(vcpu, kvm, &value) == FIRN_OK, listed(kvm, n));
		readable += listed(high, n) + listed(kvm, n);
	}
	assert_int_equal(readable, n);
}

static struct fake_vcpu snapshot;

static void assert_same_state(void)
{
	assert_memory_equal(snapshot.reg, f->reg, sizeof(f->reg));
	assert_memory_equal(snapshot.seg, f->seg, sizeof(f->seg));
	assert_memory_equal(snapshot.apic_page, f->apic_page, sizeof(f->apic_page));
	assert_memory_equal(&snapshot.vcpu.arch, &vcpu->arch, sizeof(vcpu->arch));
	assert_int_equal(snapshot.vcpu.events, vcpu->events);
	assert_int_equal(snapshot.vcpu.state, vcpu->state);
	assert_int_equal(snapshot.notified, f->notified);
}

static void test_reads_have_no_side_effects(void **state)
{
	size_t n = list();

	(void)state;
	vcpu->events = VCPU_EVENT_INIT | VCPU_EVENT_SIPI | VCPU_EVENT_NMI;
	lapic_write(&vcpu->arch.lapic, APIC_SVR, SVR_ON);
	lapic_post(&vcpu->arch.lapic, 0x61, false);
	snapshot = *f;
	for (size_t i = 0; i < n; i++)
		get(ids[i]);
	assert_same_state();
	/* A posted interrupt shows as requested although it is not merged yet. */
	assert_int_equal(get(by_name("lapic.irr3")), 2);
	assert_int_equal(vcpu->arch.lapic.pir[1], BIT(0x21));
}

/* INIT, SIPI, NMI and posted vectors arrive between reading and writing all registers. */
static void test_events_survive_write_back(void **state)
{
	size_t n = list();
	u64 values[MAX_IDS];

	(void)state;
	lapic_write(&vcpu->arch.lapic, APIC_SVR, SVR_ON);
	for (size_t i = 0; i < n; i++)
		values[i] = get(ids[i]);
	vcpu_post_init(vcpu);
	vcpu_post_sipi(vcpu, 0x9a);
	vcpu_post_event(vcpu, VCPU_EVENT_NMI);
	lapic_post(&vcpu->arch.lapic, 0x80, false);
	for (size_t i = 0; i < n; i++) {
		enum firn_err err = vcpu_reg_set(vcpu, ids[i], values[i]);

		assert_true(err == FIRN_OK || err == ERR_READONLY);
	}
	assert_int_equal(vcpu->events, VCPU_EVENT_INIT | VCPU_EVENT_SIPI | VCPU_EVENT_NMI |
					       0x9au << VCPU_SIPI_VECTOR_SHIFT);
	assert_int_equal(get(by_name("lapic.irr4")), 1);
	assert_true(lapic_sync_pir(&vcpu->arch.lapic));
	assert_int_equal(lapic_highest_irr(&vcpu->arch.lapic), 0x80);
}

/*
 * All orders of reading all registers, writing back what was read, and signals from another vCPU:
 * what is pending in the end depends on the signals alone (SDM 3A 8.4.4.1).
 */
enum step {
	STEP_SNAPSHOT,
	STEP_WRITE_BACK,
	STEP_INIT,
	STEP_SIPI,
	STEP_SECOND_SIPI,
	STEPS
};
#define ORDERS 3125 /* STEPS to the power of STEPS: with omissions and repetitions, too */

static u64 saved[MAX_IDS];

static void take_step(enum step step, size_t n)
{
	struct lapic *sender = &fake->vcpu[1]->vcpu.arch.lapic;

	switch (step) {
	case STEP_SNAPSHOT:
		for (size_t i = 0; i < n; i++)
			saved[i] = get(ids[i]);
		break;
	case STEP_WRITE_BACK:
		for (size_t i = 0; i < n; i++)
			(void)vcpu_reg_set(vcpu, ids[i], saved[i]);
		break;
	default:
		assert_int_equal(lapic_deliver(&fake->vm, sender, 0, false,
					       step == STEP_INIT ? DELIVERY_INIT : DELIVERY_SIPI,
					       step, false, true),
				 1);
	}
}

static u32 model_step(u32 pending, enum step step)
{
	if (step == STEP_INIT)
		return VCPU_EVENT_INIT;
	if ((step == STEP_SIPI || step == STEP_SECOND_SIPI) && !(pending & VCPU_EVENT_SIPI))
		return pending | VCPU_EVENT_SIPI | (u32)step << VCPU_SIPI_VECTOR_SHIFT;
	return pending;
}

static void test_signals_and_write_back_in_all_orders(void **state)
{
	size_t n = list();

	(void)state;
	for (unsigned order = 0; order < ORDERS; order++) {
		u32 pending = 0;

		take_step(STEP_SNAPSHOT, n);
		for (unsigned i = 0, rest = order; i < STEPS; i++, rest /= STEPS) {
			take_step(rest % STEPS, n);
			pending = model_step(pending, rest % STEPS);
			if (vcpu->events != pending)
				fail_msg("order %u (first step in the lowest base-%u digit), step "
					 "%u: pending 0x%x, not 0x%x",
					 order, STEPS, i, vcpu->events, pending);
		}
		vcpu->events = 0;
	}
}

/* A vCPU in 64-bit mode, register by register, in list order, into a vCPU after reset. */
static void test_restore_long_mode(void **state)
{
	size_t n = list();
	u64 values[MAX_IDS];
	struct vcpu *other = &fake->vcpu[1]->vcpu;

	(void)state;
	good("cr4", CR4_PAE | CR4_PCIDE | CR4_OSXSAVE);
	good("cr0", CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE);
	good("cr3", 0x1234001);
	good("msr.EFER", EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
	good("cs.ar", SEG_AR_P | SEG_AR_S | SEG_AR_L | 11);
	good("tr.ar", SEG_AR_P | 11);
	good("gs.base", 0xffff888000000000);
	good("rip", 0xffffffff81000000);
	good("xcr0", 7);
	good("msr.LSTAR", 0xffffffff82000000);
	good("lapic.svr", 0x1ff);
	good("lapic.lvt_timer", 0x400ec);
	good("lapic.isr7", 0x1000);
	good("run_state", VCPU_HALTED);
	assert_null(vcpu_regs_inconsistent(vcpu));
	for (size_t i = 0; i < n; i++)
		values[i] = get(ids[i]);
	fake_set_cpu(1);
	for (size_t i = 0; i < n; i++) {
		enum firn_err err = vcpu_reg_set(other, ids[i], values[i]);

		if (err != FIRN_OK && err != ERR_READONLY)
			fail_msg("0x%llx: error %d", (unsigned long long)ids[i], err);
	}
	for (size_t i = 0; i < n; i++) {
		u64 value;

		if (ids[i] == by_name("lapic.id") || ids[i] == by_name("lapic.ppr") ||
		    ids[i] == by_name("msr.IA32_APIC_BASE"))
			continue;
		assert_int_equal(vcpu_reg_get(other, ids[i], &value), FIRN_OK);
		if (value != values[i])
			fail_msg("0x%llx: 0x%llx != 0x%llx", (unsigned long long)ids[i],
				 (unsigned long long)value, (unsigned long long)values[i]);
	}
	assert_null(vcpu_regs_inconsistent(other));
	fake_set_cpu(0);
}

static void test_values(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		u64 value = 0xfedcba9876543210 + i;

		assert_int_equal(vcpu_reg_set(vcpu, REG_ID(REG_TYPE_GPR, i), value), FIRN_OK);
		assert_int_equal(get(REG_ID(REG_TYPE_GPR, i)), value);
		assert_int_equal(i == REG_RSP ? f->reg[VREG_RSP] : vcpu->arch.gpr[i], value);
	}
	good("rip", 0xffff800000000000);
	refused("rip", NON_CANONICAL, ERR_INVALID);
	good("rflags", 0x246);
	refused("rflags", 0x244, ERR_INVALID);
	for (unsigned bit = 0; bit < 64; bit++)
		if (bit == 3 || bit == 5 || bit == 15 || bit >= 22)
			refused("rflags", BIT(bit) | 2, ERR_INVALID);
	good("gdtr.limit", 0xffff);
	refused("gdtr.limit", 0x10000, ERR_INVALID);
	good("idtr.base", 0xffff800000000000);
	refused("idtr.base", NON_CANONICAL, ERR_INVALID);
	refused("idtr.limit", 0x10000, ERR_INVALID);
	good("dr0", 0x1122334455667788);
	good("dr3", 3);
	good("dr6", 0xffff4ff1);
	refused("dr6", 0xffff1ff0, ERR_INVALID);
	refused("dr6", 0xffff0fe0, ERR_INVALID);
	refused("dr6", 0x1ffff0ff0, ERR_INVALID);
	good("dr7", 0x401);
	refused("dr7", 0x1, ERR_INVALID);
	refused("dr7", 0x8400, ERR_INVALID);
	refused("dr7", 0x100000400, ERR_INVALID);
	good("xcr0", 3);
	refused("xcr0", 5, ERR_INVALID);
	refused("cr0", CR0_PG | CR0_ET, ERR_INVALID);
	refused("cr4", CR4_VMXE, ERR_INVALID);
	refused("cr3", BIT(46), ERR_INVALID);
	refused("cr8", 16, ERR_INVALID);
	good("cr2", ~0ull);
	refused("msr.KERNEL_GS_BASE", NON_CANONICAL, ERR_INVALID);
	refused("msr.IA32_PAT", 2, ERR_INVALID);
	refused("msr.TSC", 1, ERR_READONLY);
	good("run_state", VCPU_WAIT_SIPI);
	good("run_state", VCPU_RUNNABLE);
	refused("run_state", VCPU_STOPPED, ERR_INVALID);
	/* Of a paused VM it is what the vCPU goes on with, and the vCPU stays stopped. */
	vcpu->state = VCPU_STOPPED;
	vcpu->resume_state = VCPU_RUNNABLE;
	good("run_state", VCPU_HALTED);
	assert_int_equal(vcpu->state, VCPU_STOPPED);
	assert_int_equal(vcpu->resume_state, VCPU_HALTED);
	vcpu->state = VCPU_RUNNABLE;
	refused("run_state", BIT(32), ERR_INVALID);
	good("interruptibility", 1);
	good("interruptibility", 10);
	refused("interruptibility", 3, ERR_INVALID);
	refused("interruptibility", 4, ERR_INVALID);
	refused("interruptibility", BIT(32), ERR_INVALID);
}

static void test_segments(void **state)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	char name[32];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), "%s.selector", names[i]);
		good(name, 0xffff);
		refused(name, 0x10000, ERR_INVALID);
		snprintf(name, sizeof(name), "%s.limit", names[i]);
		good(name, 0xffffffff);
		refused(name, 0x100000000, ERR_INVALID);
		snprintf(name, sizeof(name), "%s.ar", names[i]);
		good(name, 0x1f0ff);
		for (unsigned bit = 0; bit < 64; bit++)
			if ((bit >= 8 && bit <= 11) || bit >= 17)
				refused(name, BIT(bit), ERR_INVALID);
		snprintf(name, sizeof(name), "%s.base", names[i]);
		good(name, 0xffff0000);
		refused(name, NON_CANONICAL, ERR_INVALID);
		if (i >= SEG_FS)
			good(name, 0xffff800000000000);
		else
			refused(name, 0x100000000, ERR_INVALID);
		assert_int_equal(f->seg[i].selector, 0xffff);
		assert_int_equal(f->seg[i].ar, 0x1f0ff);
	}
}

static void test_lapic_registers(void **state)
{
	struct lapic *lapic = &vcpu->arch.lapic;

	(void)state;
	good("lapic.svr", 0x1ff);
	good("lapic.tpr", 0x30);
	assert_int_equal(get(by_name("cr8")), 3);
	assert_int_equal(get(by_name("lapic.ppr")), 0x30);
	good("lapic.ldr", 0x04000000);
	refused("lapic.ldr", 0x04000001, ERR_INVALID);
	good("lapic.lvt_lint0", 0x10700);
	refused("lapic.lvt_lint0", 0x80000000, ERR_INVALID);
	refused("lapic.tpr", 0x100, ERR_INVALID);
	refused("lapic.svr", 0x100000000, ERR_INVALID);
	good("lapic.timer_divide", 0xb);
	refused("lapic.timer_divide", 0x4, ERR_INVALID);
	/* Setting the ICR sends nothing. */
	good("lapic.icr_high", 0x01000000);
	good("lapic.icr_low", 0x000000f1);
	assert_int_equal(fake->vcpu[1]->notified, 0);
	refused("lapic.icr_low", 0x1000, ERR_INVALID);
	good("lapic.isr0", 0x10000);
	refused("lapic.isr0", 0x8000, ERR_INVALID);
	refused("lapic.tmr0", 1, ERR_INVALID);
	good("lapic.tmr7", 0x80000000);
	good("lapic.isr0", 0);
	good("lapic.esr", 0x80);
	refused("lapic.irr3", 1, ERR_READONLY);
	refused("lapic.id", 0, ERR_READONLY);
	refused("lapic.version", 0, ERR_READONLY);
	refused("lapic.ppr", 0, ERR_READONLY);
	refused("lapic.timer_current", 1, ERR_READONLY);
	/* In x2APIC mode LDR follows from the id, and the destination is 32 bits wide. */
	good("msr.IA32_APIC_BASE", 0xfee00d00);
	refused("lapic.ldr", 0x04000000, ERR_INVALID);
	good("lapic.icr_high", 0x12345678);
	assert_true(lapic_x2apic(lapic));
}

/* KVM's number; the checks of the VM entry. */
static void test_ssp(void **state)
{
	size_t without = list();
	u64 value;

	(void)state;
	guest_feature(fake, X86_FEATURE_SHSTK, true);
	/* U_CET, S_CET, four SSPs, the table. */
	assert_int_equal(list(), without + 7 + 1);
	assert_int_equal(get(0x2030000300000000), 0);
	good("ssp", 0xffff800000001234);
	assert_int_equal(fake->vcpu[0]->reg[VREG_SSP], 0xffff800000001234);
	refused("ssp", 0x1001, ERR_INVALID);
	refused("ssp", 0x1002, ERR_INVALID);
	refused("ssp", BIT(47), ERR_INVALID);
	good("msr.IA32_PL3_SSP", 0x1000);
	refused("msr.IA32_PL3_SSP", 0x1001, ERR_INVALID);
	good("msr.IA32_S_CET", CET_SH_STK_EN);
	refused("msr.IA32_S_CET", BIT(9), ERR_INVALID);
	guest_feature(fake, X86_FEATURE_SHSTK, false);
	guest_feature(fake, X86_FEATURE_IBT, true);
	assert_int_equal(vcpu_reg_get(vcpu, 0x2030000300000000, &value), ERR_NOENT);
	assert_int_equal(vcpu_reg_set(vcpu, 0x2030000300000000, 0), ERR_NOENT);
}

static void test_names(void **state)
{
	char name[VCPU_REG_NAME_MAX];

	(void)state;
	assert_string_equal(vcpu_reg_name(0x20300002c0000082, name), "msr.LSTAR");
	assert_string_equal(vcpu_reg_name(REG_ID(REG_TYPE_LAPIC, 0x230), name), "lapic.irr3");
	assert_null(vcpu_reg_name(0, name));
	assert_null(vcpu_reg_name(REG_ID(REG_TYPE_MSR, 0xbeef), name));
	assert_null(vcpu_reg_name(REG_ID(REG_TYPE_CR, 1), name));
	assert_string_equal(vcpu_reg_name(0x2030000300000000, name), "ssp");
	assert_int_equal(vcpu_reg_by_name("ssp"), 0x2030000300000000);
	assert_null(vcpu_reg_name(REG_ID(REG_TYPE_KVM, 1), name));
	assert_int_equal(vcpu_reg_by_name(""), 0);
	assert_int_equal(vcpu_reg_by_name("msr."), 0);
	assert_int_equal(vcpu_reg_by_name("RAX"), 0);
	assert_int_equal(vcpu_reg_by_name("rax "), 0);
}

static void test_inconsistent(void **state)
{
	(void)state;
	good("cr4", CR4_PAE);
	good("cr0", CR0_PG | CR0_ET | CR0_PE);
	good("msr.EFER", EFER_LME | EFER_LMA);
	good("cs.ar", SEG_AR_P | SEG_AR_S | SEG_AR_L | 11);
	good("tr.ar", SEG_AR_P | 11);
	good("rip", 0x100000000);
	assert_null(vcpu_regs_inconsistent(vcpu));
	good("cs.ar", SEG_AR_P | SEG_AR_S | SEG_AR_L | SEG_AR_DB | 11);
	assert_string_equal(vcpu_regs_inconsistent(vcpu), "CS has both L and D set");
	good("cs.ar", SEG_AR_P | SEG_AR_S | SEG_AR_DB | 11);
	assert_string_equal(vcpu_regs_inconsistent(vcpu), "RIP above 4 GiB outside 64-bit mode");
	good("rip", 0);
	assert_null(vcpu_regs_inconsistent(vcpu));
	good("rflags", RFLAGS_VM | RFLAGS_ONE);
	assert_string_equal(vcpu_regs_inconsistent(vcpu), "RFLAGS.VM in long mode");
	good("rflags", RFLAGS_ONE);
	good("tr.ar", SEG_AR_P | 3);
	assert_string_equal(vcpu_regs_inconsistent(vcpu), "TR is no busy 64-bit TSS in long mode");
	good("cr4", 0);
	assert_string_equal(vcpu_regs_inconsistent(vcpu), "long mode without CR4.PAE");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_encoding),
		TEST(test_malformed_ids),
		TEST(test_only_while_stopped),
		TEST(test_list),
		TEST(test_nothing_unlisted),
		TEST(test_reads_have_no_side_effects),
		TEST(test_events_survive_write_back),
		TEST(test_signals_and_write_back_in_all_orders),
		TEST(test_restore_long_mode),
		TEST(test_values),
		TEST(test_segments),
		TEST(test_lapic_registers),
		TEST(test_names),
		TEST(test_ssp),
		TEST(test_inconsistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

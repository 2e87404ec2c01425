/* SPDX-License-Identifier: MIT */
/* Paravirtual EOI: when the bit may be set, what is done when the guest cleared it, or did not. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/msr.h"
#include "arch/x86/pv_eoi.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "lapic_fixture.h"

#define RAM  (1 * MiB)
#define WORD 0x5004ull

static struct fake_vm *fake;
static struct vcpu *vcpu;
static struct lapic *lapic;
static u8 *ram;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	fake_vm_set_ram(fake, RAM);
	ram = guest_map(&fake->vm.memory, 0, RAM, GUEST_WRITE);
	memset(ram, 0, RAM);
	vcpu = &fake->vcpu[0]->vcpu;
	lapic = &vcpu->arch.lapic;
	ioapic_init(&fake->vm.arch.ioapic, &fake->vm);
	fake_vm_start_lapics(fake);
	assert_true(pv_eoi_msr_write(vcpu, WORD | 1));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lapic_reset(lapic, false);
	fake_vm_destroy(fake);
	return 0;
}

/* What the entry does when interrupts are open: the highest vector is delivered. -1: none was. */
static int deliver(void)
{
	int vector;

	lapic_sync_pir(lapic);
	vector = lapic_pending(lapic);
	if (vector >= 0) {
		lapic_accept(lapic, (u8)vector);
		pv_eoi_offer(vcpu);
	}
	return vector;
}

/* Linux: test-and-clear of the bit, else a write of the register. True: without the register. */
static bool guest_eoi(void)
{
	bool by_bit = ram[WORD] & 1;

	ram[WORD] &= ~1;
	if (!by_bit)
		lapic_write(lapic, APIC_EOI, 0);
	return by_bit;
}

static bool in_service(u8 vector)
{
	return lapic_read(lapic, APIC_ISR + vector / 32 * 0x10) & BIT(vector % 32);
}

static void test_one_interrupt(void **state)
{
	(void)state;
	ram[WORD] = 0xfe;
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD], 0xff); /* other bits are the guest's */
	assert_true(guest_eoi());
	assert_int_equal(ram[WORD], 0xfe);
	assert_int_equal(lapic_highest_isr(lapic), 0x41); /* not known here yet */
	assert_int_equal(lapic_pending(lapic), -1);
	assert_int_equal(lapic_highest_isr(lapic), -1);
	assert_int_equal(ram[WORD], 0xfe);
	/* and the next one, of a lower priority, comes */
	lapic_post(lapic, 0x31, false);
	assert_int_equal(deliver(), 0x31);
	assert_true(guest_eoi());
	/* the EOI that was not looked at does not hold back an equal one */
	lapic_post(lapic, 0x31, false);
	assert_int_equal(deliver(), 0x31);
}

/* With a second vector waiting the guest must exit at the EOI, or the second one would be late. */
static void test_two_pending(void **state)
{
	(void)state;
	lapic_post(lapic, 0x41, false);
	lapic_post(lapic, 0x51, false);
	assert_int_equal(deliver(), 0x51);
	assert_int_equal(ram[WORD], 0);
	assert_int_equal(deliver(), -1);
	assert_false(guest_eoi());
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD], 1);
	assert_true(guest_eoi());
	assert_int_equal(lapic_pending(lapic), -1);
	assert_int_equal(lapic_highest_isr(lapic), -1);
}

/* One comes while the bit is set: it is taken back, and both ends need the register. */
static void test_nested(void **state)
{
	(void)state;
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD], 1);
	lapic_post(lapic, 0x81, false);
	assert_int_equal(deliver(), 0x81);
	assert_int_equal(ram[WORD], 0); /* two in service */
	assert_true(in_service(0x41));
	assert_true(in_service(0x81));
	assert_false(guest_eoi());
	assert_true(in_service(0x41));
	assert_false(in_service(0x81));
	assert_false(guest_eoi());
	assert_false(in_service(0x41));
}

/* One that has to wait for the first: the first one's end must exit. */
static void test_lower_one_waits(void **state)
{
	(void)state;
	lapic_post(lapic, 0x81, false);
	assert_int_equal(deliver(), 0x81);
	assert_int_equal(ram[WORD], 1);
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), -1);
	assert_int_equal(ram[WORD], 0);
	assert_false(guest_eoi());
	assert_int_equal(deliver(), 0x41);
}

/* The guest ended the first by the bit and the second, which nobody offered the bit for, by the register. */
static void test_register_after_bit(void **state)
{
	(void)state;
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_true(guest_eoi());
	lapic_post(lapic, 0x31, false);
	lapic_post(lapic, 0x21, false);
	assert_int_equal(deliver(), 0x31);
	lapic_write(lapic, APIC_EOI, 0);
	assert_int_equal(deliver(), 0x21);
	assert_int_equal(ram[WORD], 1);
	/* A guest that ignores the bit: the register ends it once, and the bit goes. */
	lapic_write(lapic, APIC_EOI, 0);
	assert_int_equal(ram[WORD], 0);
	assert_int_equal(lapic_highest_isr(lapic), -1);
	lapic_post(lapic, 0x21, false);
	assert_int_equal(deliver(), 0x21);
	assert_int_equal(ram[WORD], 1);
	/* by both: the second end finds nothing in service */
	assert_true(guest_eoi());
	lapic_write(lapic, APIC_EOI, 0);
	assert_int_equal(lapic_highest_isr(lapic), -1);
}

static void test_level(void **state)
{
	(void)state;
	lapic_post(lapic, 0x41, true);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD], 0);
	assert_false(guest_eoi());
	/* the same vector as an edge */
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD], 1);
}

/* Registers that show the ISR are right although the guest has not exited for its EOI. */
static void test_registers(void **state)
{
	u64 value;

	(void)state;
	lapic_post(lapic, 0x85, false);
	assert_int_equal(deliver(), 0x85);
	assert_int_equal(lapic_read(lapic, APIC_PPR), 0x80);
	assert_int_equal(ram[WORD], 0); /* looked at: the next end is by the register */
	lapic_write(lapic, APIC_EOI, 0);
	lapic_post(lapic, 0x85, false);
	assert_int_equal(deliver(), 0x85);
	assert_true(guest_eoi());
	assert_int_equal(lapic_read(lapic, APIC_PPR), 0);
	assert_true(lapic_set_base(lapic, lapic->apic_base | APIC_BASE_EXTD));
	lapic_post(lapic, 0x85, false);
	assert_int_equal(deliver(), 0x85);
	assert_true(guest_eoi());
	assert_true(lapic_msr_read(lapic, 0x814, &value)); /* ISR 128-159 */
	assert_int_equal(value, 0);
}

static void test_halted_vcpu_hears_of_the_next(void **state)
{
	(void)state;
	lapic_post(lapic, 0x81, false);
	assert_int_equal(deliver(), 0x81);
	assert_true(guest_eoi());
	lapic_post(lapic, 0x41, false);
	assert_true(lapic_has_work(lapic));
}

static void test_msr(void **state)
{
	(void)state;
	assert_false(pv_eoi_msr_write(vcpu, WORD | 2));
	assert_false(pv_eoi_msr_write(vcpu, WORD | 3));
	assert_int_equal(vcpu->arch.pv_eoi.msr, WORD | 1);
	/* Another address while the bit is set: nothing is left behind at the old one. */
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD], 1);
	assert_true(pv_eoi_msr_write(vcpu, (WORD + 8) | 1));
	assert_int_equal(ram[WORD], 0);
	assert_int_equal(ram[WORD + 8], 0);
	assert_true(in_service(0x41));
	lapic_write(lapic, APIC_EOI, 0);
	/* Off after the guest ended one by the bit: that end is not lost. */
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD + 8], 1);
	ram[WORD + 8] = 0;
	assert_true(pv_eoi_msr_write(vcpu, 0));
	assert_int_equal(lapic_highest_isr(lapic), -1);
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[WORD + 8], 0);
	assert_int_equal(ram[0], 0);
}

static void test_addresses(void **state)
{
	static const u64 bad[] = { RAM, 0xfee00000, 0xfffffffffffffffc, 1ull << 63 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(pv_eoi_msr_write(vcpu, bad[i] | 1));
		lapic_post(lapic, 0x41, false);
		assert_int_equal(deliver(), 0x41);
		lapic_write(lapic, APIC_EOI, 0);
		assert_int_equal(lapic_highest_isr(lapic), -1);
	}
	assert_true(pv_eoi_msr_write(vcpu, (RAM - 4) | 1));
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(ram[RAM - 4], 1);
	/* RAM that is gone when the bit should be read: the guest has not ended it. */
	fake->vm.memory.slot[0].kind = MEMSLOT_ROM;
	assert_int_equal(lapic_pending(lapic), -1);
	assert_int_equal(lapic_highest_isr(lapic), 0x41);
	fake->vm.memory.slot[0].kind = MEMSLOT_RAM;
}

static void test_writes_are_marked_dirty(void **state)
{
	u64 dirty[DIV_ROUND_UP(RAM / PAGE_SIZE, 64)] = { 0 };

	(void)state;
	fake->vm.memory.slot[0].dirty = dirty;
	lapic_post(lapic, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(dirty[0], BIT(5));
	dirty[0] = 0;
	pv_eoi_sync(vcpu);
	assert_int_equal(dirty[0], BIT(5));
	dirty[0] = 0;
	pv_eoi_sync(vcpu); /* not armed: no access */
	assert_int_equal(dirty[0], 0);
	fake->vm.memory.slot[0].dirty = NULL;
}

/* Random posts and ends: each vector that was delivered is ended once, and none is left. */
static void test_no_end_is_skipped(void **state)
{
	unsigned posted = 0, delivered = 0, by_bit = 0;
	u8 stack[256];
	unsigned depth = 0;
	u32 random = 12345;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		random = random * 1103515245 + 12345;
		if ((random >> 16) % 8 == 0) {
			u8 vector = (u8)(0x20 + (random >> 18) % 0xd0);
			u32 irr;

			lapic_sync_pir(lapic);
			irr = lapic_read(lapic, APIC_IRR + vector / 32 * 0x10);
			posted += !(irr & BIT(vector % 32));
			lapic_post(lapic, vector, (random >> 28) == 0);
		} else if ((random >> 16) % 2 || !depth) {
			int vector = deliver();

			if (vector >= 0) {
				assert_true(!depth || (vector & 0xf0) > (stack[depth - 1] & 0xf0));
				stack[depth++] = (u8)vector;
				delivered++;
			}
		} else {
			by_bit += guest_eoi();
			depth--;
		}
		for (unsigned i = 0; i < depth && round % 7 == 0; i++)
			assert_true(in_service(stack[i]));
	}
	while (depth || deliver() >= 0) {
		delivered += !depth;
		depth -= depth > 0;
		by_bit += guest_eoi();
	}
	assert_int_equal(lapic_pending(lapic), -1);
	assert_int_equal(lapic_highest_isr(lapic), -1);
	assert_int_equal(delivered, posted);
	assert_in_range(by_bit, 1000, delivered - 1000);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_interrupt),
		TEST(test_two_pending),
		TEST(test_nested),
		TEST(test_lower_one_waits),
		TEST(test_register_after_bit),
		TEST(test_level),
		TEST(test_registers),
		TEST(test_halted_vcpu_hears_of_the_next),
		TEST(test_msr),
		TEST(test_addresses),
		TEST(test_writes_are_marked_dirty),
		TEST(test_no_end_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts: which LAPIC gets what (SDM 3A 10.11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86/lapic.h"
#include "core/vcpu.h"
#include "core/vm.h"
#include "fake.h"
#include "lapic_fixture.h"

#define VCPUS	    4
#define ADDRESS	    0xfee00000ull
#define DEST(id)    ((u64)(id) << 12)
#define LOGICAL	    BIT(2)
#define REDIRECTION BIT(3)

static struct fake_vm *fake;

static struct lapic *lapic(unsigned i)
{
	return lapic_of(fake, i);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(VCPUS);
	fake_vm_start_lapics(fake);
	for (unsigned i = 0; i < VCPUS; i++)
		lapic_write(lapic(i), APIC_LDR, 1u << (24 + i));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	fake_reset();
	return 0;
}

/* vCPUs that have the vector pending, a bit each. */
static unsigned who_has(u8 vector)
{
	unsigned set = 0;

	for (unsigned i = 0; i < VCPUS; i++) {
		lapic_sync_pir(lapic(i));
		set |= (lapic_highest_irr(lapic(i)) == vector) << i;
	}
	return set;
}

static void test_destinations(void **state)
{
	static const struct {
		u64 address;
		unsigned receivers;
	} rows[] = {
		{ ADDRESS | DEST(0), 1 },
		{ ADDRESS | DEST(2), 4 },
		{ ADDRESS | DEST(2) | 0xff0, 4 }, /* reserved bits */
		{ ADDRESS | DEST(2) | REDIRECTION, 4 },
		{ ADDRESS | DEST(0xff), 0xf },
		{ ADDRESS | DEST(9), 0 },
		{ ADDRESS | DEST(0xa) | LOGICAL, 0xa },
		{ 0xfed00000, 0 },
		{ 0xfef00000, 0 },
		{ BIT(32) | ADDRESS, 0 },
		{ 0, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		vm_send_msi(&fake->vm, rows[i].address, 0x40 + i);
		assert_int_equal(who_has(0x40 + i), rows[i].receivers);
	}
}

static void test_redirection_picks_one(void **state)
{
	(void)state;
	lapic_write(lapic(1), APIC_TPR, 0x20);
	vm_send_msi(&fake->vm, ADDRESS | DEST(0xa) | LOGICAL | REDIRECTION, 0x60);
	assert_int_equal(who_has(0x60), 8);			      /* vCPU 3, not 1 */
	vm_send_msi(&fake->vm, ADDRESS | DEST(0x2) | LOGICAL, 0x161); /* lowest priority */
	assert_int_equal(who_has(0x61), 2);
}

static void test_modes(void **state)
{
	(void)state;
	vm_send_msi(&fake->vm, ADDRESS | DEST(1), 0x400); /* NMI */
	assert_true(fake->vm.vcpu[1]->events & VCPU_EVENT_NMI);
	vm_send_msi(&fake->vm, ADDRESS | DEST(2), 0x600 | 0x40); /* reserved: no SIPI */
	vm_send_msi(&fake->vm, ADDRESS | DEST(2), 0x200 | 0x40); /* no SMM */
	assert_int_equal(fake->vm.vcpu[2]->events, 0);
	assert_int_equal(who_has(0x40), 0);
}

static void test_trigger(void **state)
{
	(void)state;
	vm_send_msi(&fake->vm, ADDRESS, 0x8050); /* level, de-assert */
	assert_int_equal(who_has(0x50), 0);
	vm_send_msi(&fake->vm, ADDRESS, 0xc050); /* level, assert */
	assert_int_equal(who_has(0x50), 1);
	assert_true(lapic_read(lapic(0), APIC_TMR + 0x20) & BIT(0x50 % 32));
	vm_send_msi(&fake->vm, ADDRESS, 0x51);
	assert_int_equal(who_has(0x51), 1);
	assert_false(lapic_read(lapic(0), APIC_TMR + 0x20) & BIT(0x51 % 32));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_destinations),
		TEST(test_redirection_picks_one),
		TEST(test_modes),
		TEST(test_trigger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

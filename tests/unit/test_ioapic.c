/* SPDX-License-Identifier: MIT */
/* Virtual IOAPIC: registers, edge and level pins, remote IRR, EOI. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/arch.h"
#include "fake.h"
#include "lapic_fixture.h"

#define CPUS   2
#define PIN    10
#define VECTOR 0x51
#define LEVEL  BIT(15)
#define MASKED BIT(16)
#define IRR    BIT(14)

static struct fake_vm *fake;

static struct lapic *apic(unsigned i)
{
	return lapic_of(fake, i);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(CPUS);
	ioapic_init(&fake->vm.arch.ioapic, &fake->vm);
	fake_vm_start_lapics(fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	return 0;
}

static u32 mmio_read(u64 offset)
{
	return ioapic_ops.read(&fake->vm.arch.ioapic, offset, 4);
}

static void mmio_write(u64 offset, u32 value)
{
	ioapic_ops.write(&fake->vm.arch.ioapic, offset, 4, value);
}

static u32 reg_read(u8 index)
{
	mmio_write(0x00, index);
	return mmio_read(0x10);
}

static void reg_write(u8 index, u32 value)
{
	mmio_write(0x00, index);
	mmio_write(0x10, value);
}

static u64 rte(unsigned pin)
{
	return reg_read(0x10 + 2 * pin) | (u64)reg_read(0x11 + 2 * pin) << 32;
}

static void set_rte(unsigned pin, u64 value)
{
	reg_write(0x11 + 2 * pin, value >> 32);
	reg_write(0x10 + 2 * pin, value);
}

static void line(bool level)
{
	vm_set_irq(&fake->vm, PIN, level);
}

/* Takes what is pending on vCPU 0: in service afterwards. */
static bool take(void)
{
	int vector;

	lapic_sync_pir(apic(0));
	vector = lapic_pending(apic(0));
	if (vector < 0)
		return false;
	assert_int_equal(vector, VECTOR);
	lapic_accept(apic(0), vector);
	return true;
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(reg_read(0x01), 0x00170020);
	reg_write(0x01, 0);
	assert_int_equal(reg_read(0x01), 0x00170020);
	assert_int_equal(reg_read(0x00), 0);
	reg_write(0x00, ~0u);
	assert_int_equal(reg_read(0x00), 0x0f000000);
	assert_int_equal(reg_read(0x02), 0x0f000000);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		assert_int_equal(rte(pin), MASKED);
		set_rte(pin, ~0ull);
		assert_int_equal(rte(pin), 0xff0000000001afffull);
	}
	for (unsigned index = 0x10 + 2 * IOAPIC_PINS; index <= 0xff; index++) {
		reg_write(index, ~0u);
		assert_int_equal(reg_read(index), 0);
	}
	for (unsigned index = 3; index < 0x10; index++)
		assert_int_equal(reg_read(index), 0);
	assert_int_equal(mmio_read(0x20), 0);
	assert_int_equal(mmio_read(0x40), 0); /* write-only */
	ioapic_reset(&fake->vm.arch.ioapic);
	assert_int_equal(rte(0), MASKED);
	assert_int_equal(reg_read(0), 0);
}

static void test_access_widths(void **state)
{
	struct ioapic *ioapic = &fake->vm.arch.ioapic;

	(void)state;
	ioapic_ops.write(ioapic, 0x00, 1, 0x01);
	assert_int_equal(ioapic_ops.read(ioapic, 0x00, 1), 0x01);
	assert_int_equal(ioapic_ops.read(ioapic, 0x10, 1), 0x20);
	assert_int_equal(ioapic_ops.read(ioapic, 0x10, 8), 0x00170020);
	/* The window takes dwords only. */
	mmio_write(0x00, 0x10);
	ioapic_ops.write(ioapic, 0x10, 1, 0x77);
	ioapic_ops.write(ioapic, 0x10, 8, 0x77);
	ioapic_ops.write(ioapic, 0x11, 4, 0x77);
	assert_int_equal(mmio_read(0x10), MASKED);
}

static void test_edge(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR);
	line(true);
	assert_true(take());
	lapic_eoi(apic(0));
	line(true); /* no new edge */
	assert_false(take());
	line(false);
	assert_false(take());
	line(true);
	assert_true(take());
	lapic_eoi(apic(0));
	assert_false(take());
	assert_int_equal(rte(PIN), VECTOR);
}

static void test_edge_at_masked_pin_is_lost(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR | MASKED);
	line(true);
	set_rte(PIN, VECTOR);
	assert_false(take());
	line(false);
	line(true);
	assert_true(take());
}

static void test_level(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR | LEVEL);
	line(true);
	assert_int_equal(rte(PIN), VECTOR | LEVEL | IRR);
	assert_true(take());
	line(false);
	line(true);
	assert_false(take()); /* remote IRR: one message until its EOI */
	lapic_eoi(apic(0));
	assert_true(take()); /* the line is still high */
	line(false);
	lapic_eoi(apic(0));
	assert_false(take());
	assert_int_equal(rte(PIN), VECTOR | LEVEL);
	line(true);
	assert_true(take());
}

static void test_level_unmask_with_line_high(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR | LEVEL | MASKED);
	line(true);
	assert_false(take());
	set_rte(PIN, VECTOR | LEVEL);
	assert_true(take());
	/* and not if the line has gone meanwhile */
	line(false);
	lapic_eoi(apic(0));
	set_rte(PIN, VECTOR | LEVEL | MASKED);
	line(true);
	line(false);
	set_rte(PIN, VECTOR | LEVEL);
	assert_false(take());
}

/* A guest masks in its handler, ends the interrupt, serves the device and unmasks. */
static void test_line_asserted_again_between_eoi_and_unmask(void **state)
{
	unsigned served = 0;

	(void)state;
	set_rte(PIN, VECTOR | LEVEL);
	line(true);
	for (unsigned round = 0; round < 1000; round++) {
		assert_true(take());
		set_rte(PIN, VECTOR | LEVEL | MASKED);
		lapic_eoi(apic(0)); /* line still high, but masked */
		assert_false(take());
		line(false); /* served */
		served++;
		line(true); /* the device has more, before the unmask */
		assert_false(take());
		set_rte(PIN, VECTOR | LEVEL);
	}
	assert_int_equal(served, 1000);
	assert_true(take()); /* the last assertion: exactly one is left */
	line(false);
	lapic_eoi(apic(0));
	assert_false(take());
}

static void test_masked_eoi_then_unmask_without_line(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR | LEVEL);
	line(true);
	assert_true(take());
	set_rte(PIN, VECTOR | LEVEL | MASKED);
	line(false);
	lapic_eoi(apic(0));
	assert_int_equal(rte(PIN) & IRR, 0);
	set_rte(PIN, VECTOR | LEVEL);
	assert_false(take());
}

static void test_remote_irr_is_read_only_but_cleared_by_edge(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR | LEVEL | IRR);
	assert_int_equal(rte(PIN), VECTOR | LEVEL);
	line(true);
	set_rte(PIN, VECTOR | LEVEL | MASKED);
	assert_int_equal(rte(PIN), VECTOR | LEVEL | MASKED | IRR);
	set_rte(PIN, VECTOR | MASKED); /* edge: remote IRR goes */
	set_rte(PIN, VECTOR | LEVEL | MASKED);
	assert_int_equal(rte(PIN), VECTOR | LEVEL | MASKED);
	assert_true(take());
	set_rte(PIN, VECTOR | LEVEL);
	assert_int_equal(rte(PIN) & IRR, IRR);
}

static void test_eoi_register(void **state)
{
	(void)state;
	set_rte(PIN, VECTOR | LEVEL);
	line(true);
	assert_true(take());
	line(false);
	mmio_write(0x40, VECTOR + 1);
	assert_int_equal(rte(PIN) & IRR, IRR);
	mmio_write(0x40, VECTOR);
	assert_int_equal(rte(PIN) & IRR, 0);
}

static void test_pins_that_share_a_vector(void **state)
{
	(void)state;
	set_rte(3, VECTOR | LEVEL);
	set_rte(4, VECTOR | LEVEL);
	vm_set_irq(&fake->vm, 3, true);
	vm_set_irq(&fake->vm, 4, true);
	assert_true(take());
	vm_set_irq(&fake->vm, 3, false);
	lapic_eoi(apic(0));
	assert_true(take()); /* for pin 4 */
	vm_set_irq(&fake->vm, 4, false);
	lapic_eoi(apic(0));
	assert_false(take());
	assert_int_equal((rte(3) | rte(4)) & IRR, 0);
}

static void test_edge_eoi_does_not_touch_level_pins(void **state)
{
	(void)state;
	set_rte(3, VECTOR | LEVEL);
	vm_set_irq(&fake->vm, 3, true);
	lapic_sync_pir(apic(0));
	lapic_post(apic(0), VECTOR + 1, false);
	lapic_sync_pir(apic(0));
	lapic_accept(apic(0), VECTOR + 1);
	lapic_eoi(apic(0));
	assert_int_equal(rte(3) & IRR, IRR);
}

/* Nobody takes the message: the pin may try again later. */
static void test_level_refused_by_all_lapics(void **state)
{
	(void)state;
	lapic_write(apic(0), APIC_SVR, 0xff);
	set_rte(PIN, VECTOR | LEVEL);
	line(true);
	assert_int_equal(rte(PIN) & IRR, 0);
	lapic_write(apic(0), APIC_SVR, SVR_ON);
	set_rte(PIN, VECTOR | LEVEL);
	assert_true(take());
}

static void test_destinations_and_modes(void **state)
{
	(void)state;
	set_rte(PIN, 1ull << 56 | VECTOR);
	line(true);
	assert_false(take());
	assert_true(lapic_has_work(apic(1)));
	line(false);
	lapic_write(apic(0), APIC_LDR, 0x01000000);
	set_rte(PIN, 1ull << 56 | BIT(11) | VECTOR);
	line(true);
	assert_true(take());
	lapic_eoi(apic(0));
	line(false);
	set_rte(PIN, 1ull << 56 | DELIVERY_NMI << 8 | LEVEL | VECTOR);
	line(true);
	assert_int_equal(fake->vm.vcpu[0]->events, 0);
	assert_int_equal(fake->vm.vcpu[1]->events, VCPU_EVENT_NMI);
	assert_int_equal(rte(PIN) & IRR, 0); /* an NMI has no EOI */
	line(false);
	set_rte(PIN, DELIVERY_EXTINT << 8 | VECTOR);
	line(true);
	assert_false(take());
	line(false);
	/* Reserved: pins start no processors. */
	fake->vm.vcpu[1]->events = 0;
	set_rte(PIN, 1ull << 56 | DELIVERY_SIPI << 8 | VECTOR);
	line(true);
	assert_int_equal(fake->vm.vcpu[1]->events, 0);
}

static void test_level_vector_bitmap(void **state)
{
	u64 bitmap[4];

	(void)state;
	set_rte(1, 0x30 | LEVEL);
	set_rte(2, 0x71 | LEVEL | MASKED);
	set_rte(3, 0xf2);
	set_rte(4, 0xff | LEVEL);
	lapic_eoi_exit_bitmap(&fake->vm, bitmap);
	assert_int_equal(bitmap[0], BIT(0x30));
	assert_int_equal(bitmap[1], 0);
	assert_int_equal(bitmap[2], 0);
	assert_int_equal(bitmap[3], BIT(0xff - 0xc0));
	/* Masked while in service: its EOI is still wanted. */
	vm_set_irq(&fake->vm, 1, true);
	set_rte(1, 0x30 | LEVEL | MASKED);
	lapic_eoi_exit_bitmap(&fake->vm, bitmap);
	assert_int_equal(bitmap[0], BIT(0x30));
}

static void test_pins_out_of_range_and_before_init(void **state)
{
	(void)state;
	vm_set_irq(&fake->vm, IOAPIC_PINS, true);
	vm_set_irq(&fake->vm, ~0u, true);
	assert_int_equal(fake->vm.arch.ioapic.level, 0);
	fake->vm.arch.ioapic.ready = false;
	line(true);
	assert_int_equal(fake->vm.arch.ioapic.level, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_access_widths),
		TEST(test_edge),
		TEST(test_edge_at_masked_pin_is_lost),
		TEST(test_level),
		TEST(test_level_unmask_with_line_high),
		TEST(test_line_asserted_again_between_eoi_and_unmask),
		TEST(test_masked_eoi_then_unmask_without_line),
		TEST(test_remote_irr_is_read_only_but_cleared_by_edge),
		TEST(test_eoi_register),
		TEST(test_pins_that_share_a_vector),
		TEST(test_edge_eoi_does_not_touch_level_pins),
		TEST(test_level_refused_by_all_lapics),
		TEST(test_destinations_and_modes),
		TEST(test_level_vector_bitmap),
		TEST(test_pins_out_of_range_and_before_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

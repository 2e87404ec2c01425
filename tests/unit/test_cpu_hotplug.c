/* SPDX-License-Identifier: MIT */
/* The CPU hotplug register block, vCPUs that come and go, and the events that tell of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/log.h"
#include "core/vdev/cpu_hotplug.h"
#include "core/vdev/ged.h"
#include "fake.h"
#include "fake_vcpu.h"

#define SELECTOR 0
#define STATUS	 4
#define CONTROL	 4
#define COMMAND	 5
#define DATA	 8

static struct fake_vm *fake;
static struct cpu_hotplug hp;
static struct ged ged;
static char said[4096];

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	strncat(said, text, MIN(len, sizeof(said) - strlen(said) - 1));
}

/* More than a second, over all tests: lines of the log are limited in rate. */
static void later(void)
{
	static u64 ns;

	ns += 2000000000;
	fake_set_clock_ns(ns);
}

/* Four vCPUs, of which the guest has the first two. */
static int setup(void **state)
{
	static struct log_sink sink = { .name = "test", .write = sink_write };
	static bool ready;

	(void)state;
	fake_reset();
	later();
	fake = fake_vm_create(4);
	fake->vm.present = 0x3;
	ged_init(&ged, &fake->vm);
	cpu_hotplug_init(&hp, &fake->vm, &ged);
	if (!ready)
		log_add_sink(&sink);
	ready = true;
	said[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	return 0;
}

static u64 get(unsigned offset, unsigned width)
{
	return cpu_hotplug_ops.read(&hp, offset, width);
}

static void set(unsigned offset, unsigned width, u64 value)
{
	cpu_hotplug_ops.write(&hp, offset, width, value);
}

static u32 status_of(unsigned cpu)
{
	set(SELECTOR, 4, cpu);
	return get(STATUS, 1);
}

static u32 next_event(void)
{
	set(COMMAND, 1, 0);
	return get(DATA, 4);
}

static bool irq(void)
{
	return fake->irq_level & BIT(GED_GSI);
}

static u32 events(void)
{
	return ged_ops.read(&ged, 0, 4);
}

/* As the interface's specification tells a guest to find out. */
static void test_detection(void **state)
{
	(void)state;
	set(SELECTOR, 4, 0);
	set(COMMAND, 1, 0);
	assert_int_equal(get(SELECTOR, 4), 0);
}

static void test_enumeration(void **state)
{
	unsigned present = 0, i = 0;

	(void)state;
	do {
		present += status_of(i) & 1;
		set(COMMAND, 1, 0);
		i++;
		set(SELECTOR, 4, i);
	} while (get(DATA, 4) != 0);
	assert_int_equal(i, 4);
	assert_int_equal(present, 2);
}

static void test_selector_is_valid_at_start_and_kept_by_reset(void **state)
{
	(void)state;
	assert_int_equal(get(STATUS, 1), 1);
	set(SELECTOR, 4, 1);
	cpu_hotplug_reset(&hp);
	assert_int_equal(get(DATA, 4), 1);
	assert_int_equal(get(STATUS, 1), 1);
}

static void test_invalid_selector(void **state)
{
	static const u32 invalid[] = { 4, 63, 64, 255, 0x80000000, 0xffffffff };
	unsigned id;

	(void)state;
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(invalid); i++) {
		set(SELECTOR, 4, invalid[i]);
		for (unsigned offset = 0; offset < CPU_HOTPLUG_PORTS; offset++)
			for (unsigned width = 1; width <= 4; width *= 2)
				assert_int_equal(get(offset, width), 0);
		set(COMMAND, 1, 3);
		set(CONTROL, 1, 0xff);
		set(DATA, 4, 1);
		/* Only the selector itself was taken. */
		assert_int_equal(status_of(2), 0x3);
		assert_int_equal(get(DATA, 4), 2); /* still command 0 */
	}
	assert_int_equal(fake->vm.present, 0x7);
}

static void test_reserved(void **state)
{
	(void)state;
	set(SELECTOR, 4, 1);
	set(COMMAND, 1, 3);
	/* Registers have one width; all else reads 0. */
	for (unsigned offset = 0; offset < CPU_HOTPLUG_PORTS; offset++)
		for (unsigned width = 1; width <= 4; width *= 2) {
			bool status = offset == STATUS && width == 1;
			bool data = offset == DATA && width == 4;

			assert_int_equal(get(offset, width), status || data);
		}
	/* Unknown commands, bits without meaning, other widths: nothing happens. */
	set(COMMAND, 1, 4);
	set(COMMAND, 1, 255);
	set(CONTROL, 1, 0xe1);
	set(CONTROL, 2, 0x08);
	set(CONTROL, 4, 0x08);
	set(SELECTOR, 1, 0);
	set(6, 1, 0xff);
	set(7, 1, 0xff);
	set(DATA, 4, 77);
	assert_int_equal(get(STATUS, 1), 1);
	assert_int_equal(get(DATA, 4), 1);
	assert_int_equal(get(SELECTOR, 4), 0);
	assert_int_equal(fake->vm.present, 0x3);
}

static void test_commands(void **state)
{
	static const struct {
		u8 command;
		u32 data;
	} rows[] = { { 0, 3 }, { 1, 0 }, { 2, 0 }, { 3, 3 } };

	(void)state;
	set(SELECTOR, 4, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		set(COMMAND, 1, rows[i].command);
		assert_int_equal(get(DATA, 4), rows[i].data);
		assert_int_equal(get(SELECTOR, 4), 0);
	}
}

static void test_add(void **state)
{
	unsigned id = 99;

	(void)state;
	assert_false(irq());
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	assert_int_equal(id, 2);
	assert_true(vm_has_vcpu(&fake->vm, 2));
	assert_true(irq());
	assert_int_equal(events(), GED_CPU_HOTPLUG);
	assert_false(irq());
	assert_int_equal(events(), 0);
	assert_int_equal(next_event(), 2);
	assert_int_equal(get(STATUS, 1), 0x3);
	set(CONTROL, 1, 0x2);
	assert_int_equal(get(STATUS, 1), 0x1);
}

/* Two at once: one interrupt tells of both, and the guest finds one after the other. */
static void test_two_adds_in_turn(void **state)
{
	unsigned id;

	(void)state;
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	assert_int_equal(id, 3);
	assert_int_equal(cpu_hotplug_add(&hp, &id), ERR_FULL);
	assert_int_equal(events(), GED_CPU_HOTPLUG);
	set(SELECTOR, 4, 0);
	assert_int_equal(next_event(), 2);
	set(CONTROL, 1, 0x2);
	assert_int_equal(next_event(), 3);
	set(CONTROL, 1, 0x2);
	assert_int_equal(next_event(), 3); /* none is left: the selector stays */
	assert_int_equal(get(STATUS, 1), 0x1);
}

/* The search begins at the selected CPU and goes round. */
static void test_next_event_goes_round(void **state)
{
	(void)state;
	assert_int_equal(cpu_hotplug_remove(&hp, 1), FIRN_OK);
	set(SELECTOR, 4, 1);
	assert_int_equal(next_event(), 1);
	set(SELECTOR, 4, 2);
	assert_int_equal(next_event(), 1);
	assert_int_equal(get(STATUS, 1), 0x5);
}

static void test_remove(void **state)
{
	struct fake_vcpu *vcpu = fake->vcpu[1];

	(void)state;
	assert_int_equal(cpu_hotplug_remove(&hp, 1), FIRN_OK);
	assert_true(irq());
	assert_int_equal(status_of(1), 0x5);
	assert_true(vm_has_vcpu(&fake->vm, 1)); /* until the guest lets go */
	assert_int_equal(vcpu->vcpu.events, 0);
	set(CONTROL, 1, 0x4);
	assert_int_equal(get(STATUS, 1), 0x1);
	set(CONTROL, 1, 0x8);
	assert_int_equal(get(STATUS, 1), 0x0);
	assert_false(vm_has_vcpu(&fake->vm, 1));
	assert_int_equal(vcpu->vcpu.events, VCPU_EVENT_INIT);
	assert_non_null(strstr(said, "VM fake: vCPU 1 is removed"));
	/* Once more does nothing. */
	set(CONTROL, 1, 0x8);
	assert_int_equal(vcpu->notified, 1);
	assert_int_equal(cpu_hotplug_remove(&hp, 1), ERR_NOENT);
}

/* No request: a guest may give a CPU up by itself. Its other events go with it. */
static void test_eject_clears_all(void **state)
{
	unsigned id;

	(void)state;
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	assert_int_equal(cpu_hotplug_remove(&hp, 2), FIRN_OK);
	set(SELECTOR, 4, 2);
	set(CONTROL, 1, 0x10);
	assert_int_equal(get(STATUS, 1), 0x17);
	set(CONTROL, 1, 0x8);
	assert_int_equal(get(STATUS, 1), 0);
	assert_int_equal(fake->vm.present, 0x3);
}

static void test_boot_cpu_stays(void **state)
{
	(void)state;
	assert_int_equal(cpu_hotplug_remove(&hp, 0), ERR_INVALID);
	assert_false(irq());
	set(SELECTOR, 4, 0);
	set(CONTROL, 1, 0x18);
	assert_int_equal(get(STATUS, 1), 0x1);
	assert_int_equal(fake->vm.present, 0x3);
}

static void test_absent_cpu(void **state)
{
	(void)state;
	assert_int_equal(cpu_hotplug_remove(&hp, 2), ERR_NOENT);
	assert_int_equal(cpu_hotplug_remove(&hp, 4), ERR_NOENT);
	assert_int_equal(cpu_hotplug_remove(&hp, 64), ERR_NOENT);
	assert_false(irq());
	set(SELECTOR, 4, 3);
	set(CONTROL, 1, 0x1e);
	assert_int_equal(get(STATUS, 1), 0);
	assert_int_equal(fake->vcpu[3]->notified, 0);
}

static void test_many_cycles(void **state)
{
	unsigned id;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
		assert_int_equal(id, 2);
		assert_int_equal(events(), GED_CPU_HOTPLUG);
		assert_int_equal(next_event(), 2);
		set(CONTROL, 1, 0x2);
		assert_int_equal(cpu_hotplug_remove(&hp, 2), FIRN_OK);
		assert_int_equal(events(), GED_CPU_HOTPLUG);
		assert_int_equal(next_event(), 2);
		set(CONTROL, 1, 0x4);
		set(CONTROL, 1, 0x8);
		assert_int_equal(status_of(2), 0);
	}
}

static void test_reset_forgets_requests(void **state)
{
	unsigned id;

	(void)state;
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	assert_int_equal(cpu_hotplug_remove(&hp, 1), FIRN_OK);
	cpu_hotplug_reset(&hp);
	ged_reset(&ged);
	assert_false(irq());
	assert_int_equal(events(), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(status_of(i), i < 3);
}

static void test_ost(void **state)
{
	static const struct {
		u32 event, status;
		const char *text;
	} rows[] = {
		{ 1, 0, "vCPU 1: the guest reports on the insertion (0x1): success (0x0)" },
		{ 1, 0x81, "the insertion (0x1): no driver (0x81)" },
		{ 3, 0, "the removal (0x3): success (0x0)" },
		{ 3, 1, "the removal (0x3): failure (0x1)" },
		{ 3, 0x82, "the removal (0x3): busy (0x82)" },
		{ 0x103, 0x84, "a removal of its own (0x103): in progress (0x84)" },
		{ 0xffffffff, 0xffffffff,
		  "an unknown event (0xffffffff): unknown result (0xffffffff)" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		later();
		said[0] = '\0';
		set(SELECTOR, 4, 1);
		set(COMMAND, 1, 1);
		set(DATA, 4, rows[i].event);
		assert_string_equal(said, "");
		set(COMMAND, 1, 2);
		set(DATA, 4, rows[i].status);
		if (!strstr(said, rows[i].text))
			fail_msg("no '%s' in '%s'", rows[i].text, said);
	}
}

/* Each request gets its answer, however soon; what nobody asked for is limited in rate. */
static void report(unsigned cpu, u32 event, u32 status)
{
	said[0] = '\0';
	set(SELECTOR, 4, cpu);
	set(COMMAND, 1, 1);
	set(DATA, 4, event);
	set(COMMAND, 1, 2);
	set(DATA, 4, status);
}

static void test_ost_rate(void **state)
{
	unsigned id;

	(void)state;
	assert_int_equal(cpu_hotplug_add(&hp, &id), FIRN_OK);
	report(2, 1, 0x80);
	assert_non_null(strstr(said, "in progress"));
	report(2, 1, 0x80);
	assert_string_equal(said, "");
	report(2, 1, 0);
	assert_non_null(strstr(said, "success"));
	assert_int_equal(cpu_hotplug_remove(&hp, 2), FIRN_OK);
	report(2, 3, 0x84);
	assert_string_equal(said, "");
	report(2, 3, 0);
	assert_non_null(strstr(said, "the removal (0x3): success"));
	for (unsigned i = 0; i < 10; i++) {
		report(2, 3, 0);
		assert_string_equal(said, "");
	}
}

/* Each event stays until it is read, by a whole dword; one does not hide the other. */
static void test_ged(void **state)
{
	(void)state;
	ged_raise(&ged, GED_POWER_BUTTON);
	ged_raise(&ged, GED_POWER_BUTTON);
	ged_raise(&ged, GED_CPU_HOTPLUG);
	assert_int_equal(fake->irq_rises[GED_GSI], 1);
	assert_int_equal(ged_ops.read(&ged, 0, 1), 0);
	assert_int_equal(ged_ops.read(&ged, 2, 2), 0);
	ged_ops.write(&ged, 0, 4, 0xffffffff);
	assert_true(irq());
	assert_int_equal(events(), GED_POWER_BUTTON | GED_CPU_HOTPLUG);
	assert_false(irq());
	ged_raise(&ged, GED_POWER_BUTTON);
	assert_int_equal(fake->irq_rises[GED_GSI], 2);
	assert_int_equal(events(), GED_POWER_BUTTON);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_detection),
		TEST(test_enumeration),
		TEST(test_selector_is_valid_at_start_and_kept_by_reset),
		TEST(test_invalid_selector),
		TEST(test_reserved),
		TEST(test_commands),
		TEST(test_add),
		TEST(test_two_adds_in_turn),
		TEST(test_next_event_goes_round),
		TEST(test_remove),
		TEST(test_eject_clears_all),
		TEST(test_boot_cpu_stays),
		TEST(test_absent_cpu),
		TEST(test_many_cycles),
		TEST(test_reset_forgets_requests),
		TEST(test_ost),
		TEST(test_ost_rate),
		TEST(test_ged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* All devices on the buses: where they answer, power and reset registers, test devices, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/console.h"
#include "core/vdev/acpi_tables.h"
#include "core/vdev/vdevs.h"
#include "fake.h"
#include "lapic_fixture.h"

static struct fake_vm *fake;
static const struct vm_console_ops *attached;
static void *attached_dev;

void vm_console_attach(struct vm_console *con, const struct vm_console_ops *ops, void *dev)
{
	assert_ptr_equal(con, fake);
	attached = ops;
	attached_dev = dev;
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	fake->vm.console = (struct vm_console *)fake;
	fake->config.test_devices = true;
	fake_vm_set_ram(fake, 2 * MiB);
	fake_vm_start_lapics(fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (fake->vm.vdevs)
		vdevs_destroy(&fake->vm);
	iobus_destroy(&fake->vm.pio);
	iobus_destroy(&fake->vm.mmio);
	fake_vm_destroy(fake);
	fake_reset();
	return 0;
}

static int setup_created(void **state)
{
	setup(state);
	return vdevs_create(&fake->vm) == FIRN_OK ? 0 : -1;
}

static u64 in(u16 port, unsigned width)
{
	u64 value;

	iobus_read(&fake->vm.pio, port, width, &value);
	return value;
}

static void out(u16 port, unsigned width, u64 value)
{
	iobus_write(&fake->vm.pio, port, width, value);
}

static void test_where_devices_answer(void **state)
{
	static const struct {
		bool mmio;
		u64 base, len;
		const char *name;
	} rows[] = {
		{ true, 0xfec00000, 0x1000, "ioapic" },
		{ true, 0xe0000000, 0x100000, "pci-ecam" },
		{ false, 0xcf8, 8, "pci-config" },
		{ false, 0x3f8, 8, "uart" },
		{ false, 0x70, 2, "rtc" },
		{ false, 0x600, 2, "acpi-sleep" },
		{ false, 0x604, 4, "ged" },
		{ false, 0xcd8, 12, "cpu-hotplug" },
		{ false, 0x505, 1, "pvpanic" },
		{ false, 0x64, 1, "kbc-reset" },
		{ false, 0xf4, 4, "debug-exit" },
		{ false, 0xe9, 1, "debug-console" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct iobus *bus = rows[i].mmio ? &fake->vm.mmio : &fake->vm.pio;
		const struct iorange *first = iobus_find(bus, rows[i].base, 1);

		assert_non_null(first);
		assert_string_equal(first->ops->name, rows[i].name);
		assert_ptr_equal(iobus_find(bus, rows[i].base + rows[i].len - 1, 1), first);
		assert_null(iobus_find(bus, rows[i].base - 1, 1));
		assert_null(iobus_find(bus, rows[i].base + rows[i].len, 1));
	}
	assert_int_equal(in(0x61, 1), 0xff); /* nobody: a poll of the speaker port ends */
}

static void test_test_devices_only_on_demand(void **state)
{
	(void)state;
	fake->config.test_devices = false;
	assert_int_equal(vdevs_create(&fake->vm), FIRN_OK);
	assert_null(iobus_find(&fake->vm.pio, 0xf4, 1));
	assert_null(iobus_find(&fake->vm.pio, 0xe9, 1));
	assert_non_null(iobus_find(&fake->vm.pio, 0x3f8, 1));
}

static void test_uart_to_lapic(void **state)
{
	struct lapic *lapic = &fake->vm.vcpu[0]->arch.lapic;

	(void)state;
	iobus_write(&fake->vm.mmio, 0xfec00000, 4, 0x10 + 2 * 4);
	iobus_write(&fake->vm.mmio, 0xfec00010, 4, 0x34); /* pin 4, edge, to APIC 0 */
	out(0x3f9, 1, 0x01);
	fake->input = (const u8 *)"k";
	fake->input_len = 1;
	attached->input_ready(attached_dev);
	assert_true(lapic_has_work(lapic));
	assert_int_equal(lapic_pending(lapic), 0x34);
	assert_int_equal(in(0x3f8, 1), 'k');
}

static void test_acpi_tables_are_in_memory(void **state)
{
	char signature[8];
	u8 entry[6];

	(void)state;
	assert_int_equal(vdevs_reset(&fake->vm), FIRN_OK);
	assert_int_equal(guest_read(&fake->vm.memory, GUEST_ACPI_RSDP, signature, 8), FIRN_OK);
	assert_memory_equal(signature, "RSD PTR ", 8);
	/* the guest may overwrite them: a reset brings them back */
	assert_int_equal(guest_zero(&fake->vm.memory, GUEST_ACPI_RSDP, 4096), FIRN_OK);
	assert_int_equal(vdevs_reset(&fake->vm), FIRN_OK);
	assert_int_equal(guest_read(&fake->vm.memory, GUEST_ACPI_RSDP, signature, 8), FIRN_OK);
	assert_memory_equal(signature, "RSD PTR ", 8);
	/* mov $0xcf9, %dx; mov $6, %al; out %al, %dx */
	assert_int_equal(guest_read(&fake->vm.memory, 0xffff0, entry, sizeof(entry)), FIRN_OK);
	assert_memory_equal(entry, "\xba\xf9\x0c\xb0\x06\xee", sizeof(entry));
}

static void test_power_off(void **state)
{
	(void)state;
	assert_int_equal(in(0x600, 1), 0);
	assert_int_equal(in(0x601, 1), 0);
	out(0x601, 1, 0xff);   /* status: write 1 to clear */
	out(0x600, 1, 5 << 2); /* without SLP_EN */
	for (unsigned type = 0; type < 8; type++)
		if (type != 5)
			out(0x600, 1, type << 2 | 0x20);
	assert_int_equal(fake->stops, 0);
	out(0x600, 1, 5 << 2 | 0x20);
	assert_int_equal(fake->stops, 1);
	assert_string_equal(fake->why, "ACPI power-off");
	assert_int_equal(fake->resets, 0);
}

static void test_reset_control(void **state)
{
	(void)state;
	out(0xcf9, 1, 0x02); /* type of reset only */
	assert_int_equal(fake->resets, 0);
	assert_int_equal(in(0xcf9, 1), 0x02);
	out(0xcf9, 1, 0x06);
	assert_int_equal(fake->resets, 1);
	out(0xcf9, 1, 0x06); /* no rising edge */
	assert_int_equal(fake->resets, 1);
	assert_int_equal(vdevs_reset(&fake->vm), FIRN_OK);
	assert_int_equal(in(0xcf9, 1), 0);
	out(0xcf9, 1, 0xff);
	assert_int_equal(fake->resets, 2);
	assert_int_equal(in(0xcf9, 1), 0x0e);
	assert_int_equal(fake->stops, 0);
}

static void test_keyboard_controller_reset(void **state)
{
	(void)state;
	assert_int_equal(in(0x64, 1), 0);
	for (unsigned command = 0; command < 0xfe; command++)
		out(0x64, 1, command);
	assert_int_equal(fake->resets, 0);
	out(0x64, 1, 0xfe);
	assert_int_equal(fake->resets, 1);
}

static void test_debug_exit(void **state)
{
	(void)state;
	out(0xf5, 1, 9);
	assert_int_equal(fake->stops, 0);
	assert_int_equal(in(0xf4, 4), 0);
	for (unsigned width = 1; width <= 4; width *= 2) {
		out(0xf4, width, 0x12345600 + width);
		assert_int_equal(fake->exit_status, width);
		assert_int_equal(fake->exit_reports, fake->stops);
		assert_string_equal(fake->why, "debug exit");
	}
	assert_int_equal(fake->stops, 3);
}

static void test_debug_console(void **state)
{
	(void)state;
	assert_int_equal(in(0xe9, 1), 0xe9);
	fake->output_room = 3;
	for (const char *p = "hello"; *p; p++)
		out(0xe9, 1, *p);
	assert_int_equal(fake->output_len, 3);
	fake->output_room = 100;
	attached->output_ready(attached_dev);
	out(0xe9, 1, '!');
	assert_int_equal(fake->output_len, 6);
	assert_memory_equal(fake->output, "hello!", 6);
}

static void test_debug_console_buffer_is_bounded(void **state)
{
	(void)state;
	fake->output_room = 0;
	for (unsigned i = 0; i < 2 * DEBUG_CONSOLE_BUFFER; i++)
		out(0xe9, 1, i < DEBUG_CONSOLE_BUFFER ? 'a' : 'b');
	fake->output_room = 100000;
	attached->output_ready(attached_dev);
	assert_int_equal(fake->output_len, DEBUG_CONSOLE_BUFFER);
	assert_null(memchr(fake->output, 'b', fake->output_len));
}

static void test_output_ready_reaches_the_uart(void **state)
{
	(void)state;
	fake->output_room = 0;
	out(0x3f8, 1, 'u');
	assert_int_equal(in(0x3fd, 1) & 0x60, 0);
	fake->output_room = 1;
	attached->output_ready(attached_dev);
	assert_int_equal(in(0x3fd, 1) & 0x60, 0x60);
	assert_int_equal(fake->output[0], 'u');
}

static unsigned ranges(struct iobus *bus)
{
	return bus->map ? bus->map->count : 0;
}

/* Each range in turn is taken by somebody else: nothing of ours may stay behind. */
static void test_create_unwinds(void **state)
{
	static const struct iodev_ops other = { .name = "other" };
	static const u64 ports[] = { 0xcfc, 0x3ff, 0x71, 0x601, 0x64, 0xf7, 0xe9 };
	static const u64 addresses[] = { 0xfec00ff0, 0xe00ff000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ports) + ARRAY_SIZE(addresses); i++) {
		bool pio = i < ARRAY_SIZE(ports);
		struct iobus *bus = pio ? &fake->vm.pio : &fake->vm.mmio;
		u64 base = pio ? ports[i] : addresses[i - ARRAY_SIZE(ports)];

		assert_int_equal(iobus_register(bus, base, 1, &other, NULL), FIRN_OK);
		assert_int_equal(vdevs_create(&fake->vm), ERR_OVERLAP);
		assert_null(fake->vm.vdevs);
		assert_int_equal(ranges(&fake->vm.pio) + ranges(&fake->vm.mmio), 1);
		assert_int_equal(iobus_unregister(bus, base), FIRN_OK);
	}
}

/* A chunk that they touched would be cleared for them, and again when the VM starts. */
static void test_create_leaves_guest_memory_alone(void **state)
{
	u64 touched[backing_map_words(2 * MiB)];

	(void)state;
	memset(touched, 0, sizeof(touched));
	fake->vm.backing[0].present = touched;
	assert_int_equal(vdevs_create(&fake->vm), FIRN_OK);
	assert_int_equal(touched[0], 0);
	assert_int_equal(vdevs_reset(&fake->vm), FIRN_OK);
	assert_int_equal(touched[0], 1);
	fake->vm.backing[0].present = NULL;
}

static void test_reset_without_memory_for_acpi_tables(void **state)
{
	(void)state;
	while (fake->vm.memory.count)
		assert_int_equal(memslot_delete(&fake->vm.memory, fake->vm.memory.slot[0].gpa),
				 FIRN_OK);
	assert_int_equal(vdevs_reset(&fake->vm), ERR_RANGE);
}

static void test_destroy_leaves_nothing(void **state)
{
	(void)state;
	vdevs_destroy(&fake->vm);
	assert_null(fake->vm.vdevs);
	assert_int_equal(ranges(&fake->vm.pio) + ranges(&fake->vm.mmio), 0);
	assert_int_equal(vdevs_create(&fake->vm), FIRN_OK);
}

static void test_reset(void **state)
{
	(void)state;
	iobus_write(&fake->vm.mmio, 0xfec00000, 4, 0x10 + 2 * 4);
	iobus_write(&fake->vm.mmio, 0xfec00010, 4, 0x34);
	out(0x3f9, 1, 0x02);
	out(0x70, 1, 0x40);
	out(0x71, 1, 0x99);
	out(0xcf8, 4, 0x80000000);
	assert_int_equal(vdevs_reset(&fake->vm), FIRN_OK);
	assert_int_equal(in(0x3f9, 1), 0);
	assert_int_equal(in(0xcf8, 4), 0);
	assert_int_equal(fake->vm.arch.ioapic.level, 0);
	assert_int_equal(fake->vm.arch.ioapic.redirection[4], 0x10000);
	out(0x70, 1, 0x40);
	assert_int_equal(in(0x71, 1), 0x99); /* battery-backed */
}

/* Any access of any width anywhere: the sanitizers watch. */
static void test_random_accesses(void **state)
{
	static const u16 ports[] = { 0x60, 0x3f0, 0xcf0, 0xe0, 0x5f8, 0xf0 };
	static const u64 pages[] = { 0xfec00000, 0xe0000000, 0xe00ff000 };

	(void)state;
	srand(4);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned width = 1u << rand() % 4;
		u64 value = (u64)rand() << 32 ^ (u64)rand() << 16 ^ rand(), read;
		bool pio = rand() % 2;
		struct iobus *bus = pio ? &fake->vm.pio : &fake->vm.mmio;
		u64 address;

		if (pio)
			address = ports[rand() % ARRAY_SIZE(ports)] + rand() % 24;
		else
			address = pages[rand() % ARRAY_SIZE(pages)] + rand() % 4096;
		if (rand() % 2)
			iobus_write(bus, address, width, value);
		else
			iobus_read(bus, address, width, &read);
		fake->output_len = 0;
	}
	assert_int_equal(fake->crashes, 0);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup_created, teardown)
#define TEST_NO(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_where_devices_answer),
		TEST_NO(test_test_devices_only_on_demand),
		TEST(test_uart_to_lapic),
		TEST(test_acpi_tables_are_in_memory),
		TEST(test_power_off),
		TEST(test_reset_control),
		TEST(test_keyboard_controller_reset),
		TEST(test_debug_exit),
		TEST(test_debug_console),
		TEST(test_debug_console_buffer_is_bounded),
		TEST(test_output_ready_reaches_the_uart),
		TEST_NO(test_create_unwinds),
		TEST_NO(test_create_leaves_guest_memory_alone),
		TEST(test_destroy_leaves_nothing),
		TEST(test_reset_without_memory_for_acpi_tables),
		TEST(test_reset),
		TEST(test_random_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

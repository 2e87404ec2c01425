/* SPDX-License-Identifier: MIT */
/* Guest ACPI tables: structure, checksums, agreement with the devices; iasl reads them if there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/vdev/acpi_tables.h"
#include "core/vdev/cpu_hotplug.h"
#include "core/vdev/ged.h"
#include "core/vdev/pci_host.h"
#include "core/vdev/power.h"
#include "core/vdev/pvpanic.h"
#include "core/vdev/rtc.h"
#include "core/vdev/uart16550.h"
#include "fake.h"
#include "fake_vcpu.h"

static u8 tables[ACPI_TABLES_MAX];
static size_t len;

static u64 number(const u8 *p, unsigned bytes)
{
	u64 value = 0;

	memcpy(&value, p, bytes);
	return value;
}

static u8 sum(const u8 *p, size_t n)
{
	u8 s = 0;

	while (n--)
		s += *p++;
	return s;
}

/* The table at a guest address; checks what every table has. */
static const u8 *table_at(u64 address, const char *signature)
{
	const u8 *t;
	u32 size;

	assert_in_range(address, GUEST_ACPI_RSDP, GUEST_ACPI_RSDP + len - 36);
	t = tables + (address - GUEST_ACPI_RSDP);
	size = number(t + 4, 4);
	assert_memory_equal(t, signature, 4);
	assert_in_range(size, 36, GUEST_ACPI_RSDP + len - address);
	assert_int_equal(sum(t, size), 0);
	return t;
}

static const u8 *find_table(const char *signature)
{
	const u8 *xsdt = table_at(number(tables + 24, 8), "XSDT");
	unsigned entries = (number(xsdt + 4, 4) - 36) / 8;

	for (unsigned i = 0; i < entries; i++) {
		u64 address = number(xsdt + 36 + i * 8, 8);

		if (memcmp(tables + (address - GUEST_ACPI_RSDP), signature, 4) == 0)
			return table_at(address, signature);
	}
	fail_msg("no %s", signature);
	return NULL;
}

static void build_with(unsigned max, u64 present)
{
	const struct acpi_cpus cpus = { max, present };

	memset(tables, 0xcc, sizeof(tables));
	len = acpi_tables_build(&cpus, tables, sizeof(tables));
	assert_in_range(len, 1, sizeof(tables));
}

static void build(unsigned cpus)
{
	build_with(cpus, ~0ull);
}

static void test_rsdp(void **state)
{
	(void)state;
	build(1);
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_int_equal(sum(tables, 20), 0);
	assert_int_equal(sum(tables, 36), 0);
	assert_int_equal(tables[15], 2);
	assert_int_equal(number(tables + 20, 4), 36);
	assert_int_equal(number(tables + 16, 4), 0); /* no RSDT */
	table_at(number(tables + 24, 8), "XSDT");
}

static void assert_io_register(const u8 *gas, u16 port)
{
	assert_int_equal(gas[0], 1); /* system I/O */
	assert_int_equal(gas[1], 8);
	assert_int_equal(gas[3], 1);
	assert_int_equal(number(gas + 4, 8), port);
}

static void test_fadt(void **state)
{
	const u8 *fadt;
	u32 flags;

	(void)state;
	build(2);
	fadt = find_table("FACP");
	assert_int_equal(number(fadt + 4, 4), 276);
	flags = number(fadt + 112, 4);
	assert_true(flags & 1 << 20); /* hardware-reduced */
	assert_true(flags & 1 << 10);
	assert_io_register(fadt + 116, POWER_RESET_PORT);
	assert_int_equal(fadt[128], POWER_RESET_VALUE);
	assert_io_register(fadt + 244, POWER_SLEEP_CONTROL_PORT);
	assert_io_register(fadt + 256, POWER_SLEEP_STATUS_PORT);
	assert_int_equal(fadt[108], RTC_CENTURY);
	table_at(number(fadt + 140, 8), "DSDT");
	/* a hardware-reduced platform has no fixed hardware */
	for (unsigned i = 48; i < 96; i++)
		assert_int_equal(fadt[i], 0);
	for (unsigned i = 148; i < 244; i++)
		assert_int_equal(fadt[i], 0);
}

static void test_madt(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= VM_MAX_VCPUS; cpus++) {
		const u8 *madt, *p, *end;
		unsigned lapics = 0, ioapics = 0;

		build(cpus);
		madt = find_table("APIC");
		assert_int_equal(number(madt + 36, 4), GUEST_LAPIC_BASE);
		assert_int_equal(number(madt + 40, 4), 0);
		end = madt + number(madt + 4, 4);
		for (p = madt + 44; p < end; p += p[1]) {
			if (p[0] == 0) {
				assert_int_equal(p[1], 8);
				assert_int_equal(p[2], lapics);
				assert_int_equal(p[3], lapics++);
				assert_int_equal(number(p + 4, 4), 1);
			} else {
				assert_int_equal(p[0], 1);
				assert_int_equal(p[1], 12);
				assert_int_equal(number(p + 4, 4), IOAPIC_BASE);
				assert_int_equal(number(p + 8, 4), 0);
				ioapics++;
			}
		}
		assert_ptr_equal(p, end);
		assert_int_equal(lapics, cpus);
		assert_int_equal(ioapics, 1);
	}
}

/* Those that are not there can come (ACPI 6.4 table 5.22); revision 5 says so. */
static void test_madt_hotplug(void **state)
{
	static const u32 flags[] = { 1, 2, 1, 2, 2 };
	const u8 *madt;

	(void)state;
	build_with(ARRAY_SIZE(flags), 0x5);
	madt = find_table("APIC");
	assert_int_equal(madt[8], 5);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		assert_int_equal(number(madt + 44 + i * 8 + 4, 4), flags[i]);
}

static void test_mcfg(void **state)
{
	const u8 *mcfg;

	(void)state;
	build(1);
	mcfg = find_table("MCFG");
	assert_int_equal(number(mcfg + 4, 4), 60);
	assert_int_equal(number(mcfg + 44, 8), GUEST_ECAM_BASE);
	assert_int_equal(number(mcfg + 52, 2), 0);
	assert_int_equal(mcfg[54], 0);
	assert_int_equal(mcfg[55], 0);
}

static bool dsdt_has(const void *bytes, size_t n)
{
	const u8 *dsdt = table_at(number(find_table("FACP") + 140, 8), "DSDT");
	u32 size = number(dsdt + 4, 4);

	for (u32 i = 36; i + n <= size; i++)
		if (memcmp(dsdt + i, bytes, n) == 0)
			return true;
	return false;
}

/* Resource descriptors as bytes (ACPI 6.4 6.4.2 and 6.4.3). */
static void assert_io_resource(u16 port, u8 ports)
{
	const u8 io[] = { 0x47, 1, port & 0xff, port >> 8, port & 0xff, port >> 8, 1, ports };

	assert_true(dsdt_has(io, sizeof(io)));
}

static void assert_memory_resource(u32 base, u32 size)
{
	u8 memory[12] = { 0x86, 9, 0, 1 };

	memcpy(memory + 4, &base, 4);
	memcpy(memory + 8, &size, 4);
	assert_true(dsdt_has(memory, sizeof(memory)));
}

static void test_dsdt_agrees_with_devices(void **state)
{
	const u8 irq[] = { 0x89, 6, 0, 0x03, 1, UART_COM1_IRQ, 0, 0, 0 }; /* consumer, edge, high */
	const u8 ged_irq[] = { 0x89, 6, 0, 0x01, 1, GED_GSI, 0, 0, 0 }; /* consumer, level, high */
	const u8 power_button[] = { '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0c, 0x0c }; /* PNP0C0C */
	const u8 s5[] = { 0x08, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, POWER_SLEEP_TYPE_S5, 0, 0, 0 };
	const u32 window[] = { GUEST_PCI_MMIO_START, GUEST_PCI_MMIO_END - 1, 0,
			       GUEST_PCI_MMIO_END - GUEST_PCI_MMIO_START };

	(void)state;
	build(1);
	assert_io_resource(UART_COM1_PORT, UART_PORTS);
	assert_io_resource(RTC_PORT, RTC_PORTS);
	assert_io_resource(PCI_CONFIG_ADDRESS, PCI_CONFIG_PORTS);
	assert_io_resource(POWER_SLEEP_CONTROL_PORT, POWER_SLEEP_PORTS);
	assert_memory_resource(GUEST_ECAM_BASE, GUEST_ECAM_SIZE);
	assert_memory_resource(IOAPIC_BASE, IOAPIC_SIZE);
	assert_memory_resource(GUEST_LAPIC_BASE, 0x1000);
	assert_true(dsdt_has(window, sizeof(window)));
	assert_true(dsdt_has(irq, sizeof(irq)));
	assert_true(dsdt_has(s5, sizeof(s5)));
	assert_io_resource(GED_EVENT_PORT, GED_EVENT_PORTS);
	assert_io_resource(CPU_HOTPLUG_PORT, CPU_HOTPLUG_PORTS);
	assert_io_resource(PVPANIC_PORT, 1);
	assert_true(dsdt_has(ged_irq, sizeof(ged_irq)));
	assert_true(dsdt_has("ACPI0013", 9));
	assert_true(dsdt_has("QEMU0001", 9));
	assert_true(dsdt_has(power_button, sizeof(power_button)));
}

/* The hotplug registers are an operation region of the DSDT, and so are GED's. */
static void test_dsdt_regions(void **state)
{
	const u8 hotplug[] = { 0x5b,
			       0x80,
			       'C',
			       'R',
			       'E',
			       'G',
			       1,
			       0x0b,
			       CPU_HOTPLUG_PORT & 0xff,
			       CPU_HOTPLUG_PORT >> 8,
			       0x0a,
			       CPU_HOTPLUG_PORTS };
	const u8 ged[] = { 0x5b,
			   0x80,
			   'E',
			   'R',
			   'E',
			   'G',
			   1,
			   0x0b,
			   GED_EVENT_PORT & 0xff,
			   GED_EVENT_PORT >> 8,
			   0x0a,
			   GED_EVENT_PORTS };

	(void)state;
	build(1);
	assert_true(dsdt_has(hotplug, sizeof(hotplug)));
	assert_true(dsdt_has(ged, sizeof(ged)));
	assert_false(dsdt_has("_INI", 4)); /* nothing to switch on or over */
}

/* A device for each vCPU that there may be; all but the first can be ejected. */
static void test_dsdt_cpus(void **state)
{
	const u8 *dsdt;
	unsigned ejects = 0;
	char name[5];

	(void)state;
	build(1);
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
		snprintf(name, sizeof(name), "C0%02X", i);
		assert_true(dsdt_has(name, 4));
	}
	assert_false(dsdt_has("C040", 4));
	dsdt = table_at(number(find_table("FACP") + 140, 8), "DSDT");
	for (u32 i = 36; i + 4 <= number(dsdt + 4, 4); i++)
		ejects += memcmp(dsdt + i, "_EJ0", 4) == 0;
	assert_int_equal(ejects, VM_MAX_VCPUS - 1);
	assert_memory_equal(dsdt + 28, "FIRN", 4); /* not the compiler's name and version */
}

static void test_does_not_fit(void **state)
{
	const struct acpi_cpus cpus = { VM_MAX_VCPUS, ~0ull };
	static u8 guard[ACPI_TABLES_MAX];

	(void)state;
	build(VM_MAX_VCPUS);
	for (size_t size = 0; size < len; size += size < len - 64 ? 37 : 1) {
		memset(guard, 0x5a, sizeof(guard));
		assert_int_equal(acpi_tables_build(&cpus, guard, size), 0);
		for (size_t i = size; i < sizeof(guard); i++)
			assert_int_equal(guard[i], 0x5a);
	}
	assert_int_equal(acpi_tables_build(&cpus, guard, len), len);
}

static void test_install(void **state)
{
	struct fake_vm *fake = fake_vm_create(3);
	u8 *seen;

	(void)state;
	fake_reset();
	assert_int_equal(acpi_tables_install(&fake->vm), ERR_RANGE); /* no memory */
	fake_vm_set_ram(fake, 2 * MiB);
	assert_int_equal(acpi_tables_install(&fake->vm), FIRN_OK);
	build(3);
	seen = guest_map(&fake->vm.memory, GUEST_ACPI_RSDP, len, GUEST_READ);
	assert_memory_equal(seen, tables, len);
	fake_vm_destroy(fake);
	fake_reset();
}

/* Every table through the disassembler, and the DSDT through the compiler again. */
static void test_iasl(void **state)
{
	static const char *const signatures[] = { "FACP", "APIC", "MCFG" };
	char dir[] = "/tmp/firn-acpi-XXXXXX", command[256], path[64];

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	build(4);
	for (unsigned i = 0; i <= ARRAY_SIZE(signatures); i++) {
		bool dsdt = i == ARRAY_SIZE(signatures);
		const u8 *t = dsdt ? table_at(number(find_table("FACP") + 140, 8), "DSDT")
				   : find_table(signatures[i]);
		FILE *f;

		snprintf(path, sizeof(path), "%s/%.4s", dir, (const char *)t);
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(t, 1, number(t + 4, 4), f), number(t + 4, 4));
		fclose(f);
		snprintf(command, sizeof(command),
			 "p=%s; { iasl -d $p && iasl -we $p.dsl && "
			 "! grep -iE 'error|invalid|incorrect' $p.dsl; } >$p.log 2>&1 || "
			 "{ cat $p.log; exit 1; }",
			 path);
		assert_int_equal(system(command), 0);
	}
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),
		cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_madt_hotplug),
		cmocka_unit_test(test_mcfg),
		cmocka_unit_test(test_dsdt_agrees_with_devices),
		cmocka_unit_test(test_dsdt_regions),
		cmocka_unit_test(test_dsdt_cpus),
		cmocka_unit_test(test_does_not_fit),
		cmocka_unit_test(test_install),
		cmocka_unit_test(test_iasl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

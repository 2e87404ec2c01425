/* SPDX-License-Identifier: MIT */
/* Profile abi = 1: the ACPI tables and the devices of a VM are those of tests/golden/abi-1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/files.h"
#include "core/guest_layout.h"
#include "core/vdev/acpi_tables.h"
#include "core/vdev/vdevs.h"
#include "fake.h"
#include "fake_vcpu.h"
#include "net/switch.h"
#include "tests/unit/golden.h"

#define ABI	      "abi-1/"
#define CONFIG_SPACE  256
#define ECAM_FUNCTION 4096

static u8 tables[ACPI_TABLES_MAX];
static size_t len;

static u64 number(const u8 *p, unsigned bytes)
{
	u64 value = 0;

	memcpy(&value, p, bytes);
	return value;
}

static void dump_table(u64 address)
{
	const u8 *t = tables + (address - GUEST_ACPI_RSDP);

	golden_print("%.4s at 0x%llx\n", (const char *)t, (unsigned long long)address);
	golden_dump(t, number(t + 4, 4));
}

static void build(unsigned max, u64 present)
{
	const struct acpi_cpus cpus = { max, present };

	golden_print("%u CPUs, present 0x%llx\n", max, (unsigned long long)present);
	len = acpi_tables_build(&cpus, tables, sizeof(tables));
	assert_in_range(len, 1, sizeof(tables));
}

/* All tables of one VM; of others what follows from the number of vCPUs. */
static void test_acpi_tables(void **state)
{
	const u8 *xsdt;

	(void)state;
	golden_begin();
	build(4, 0x3);
	golden_print("RSDP\n");
	golden_dump(tables, 36);
	dump_table(number(tables + 24, 8));
	xsdt = tables + (number(tables + 24, 8) - GUEST_ACPI_RSDP);
	for (u32 at = 36; at < number(xsdt + 4, 4); at += 8) {
		u64 address = number(xsdt + at, 8);
		const u8 *t = tables + (address - GUEST_ACPI_RSDP);

		dump_table(address);
		if (memcmp(t, "FACP", 4) == 0)
			dump_table(number(t + 140, 8));
	}
	build(1, 0x1);
	golden_dump(tables + (len - 512), 512);
	build(VM_MAX_VCPUS, ~0ull);
	golden_dump(tables + (len - 1024), 1024);
	golden_check(ABI "acpi.txt");
}

static void dump_bus(const char *name, const struct iobus *bus)
{
	golden_print("%s\n", name);
	for (unsigned i = 0; i < bus->map->count; i++) {
		const struct iorange *r = &bus->map->range[i];

		golden_print("0x%llx 0x%llx %s\n", (unsigned long long)r->base,
			     (unsigned long long)r->len, r->ops->name);
	}
}

static void dump_function(struct vm *vm, unsigned devfn)
{
	u8 config[CONFIG_SPACE];
	u64 base = GUEST_ECAM_BASE + (u64)devfn * ECAM_FUNCTION, value;

	for (unsigned at = 0; at < sizeof(config); at += 4) {
		iobus_read(&vm->mmio, base + at, 4, &value);
		memcpy(config + at, &value, 4);
	}
	if (number(config, 4) == 0xffffffff)
		return;
	golden_print("PCI 00:%02x.%u\n", devfn >> 3, devfn & 7);
	golden_dump(config, sizeof(config));
}

static void dump_virtio(unsigned slot, const struct virtio_device *device)
{
	golden_print("slot %u %s features 0x%llx queues %u\n", slot, device->class->name,
		     (unsigned long long)device->offered, device->nr_queues);
	golden_dump(device->config, device->config_size);
}

void vm_console_attach(struct vm_console *con, const struct vm_console_ops *ops, void *dev)
{
	(void)con;
	(void)ops;
	(void)dev;
}

static void test_devices(void **state)
{
	static const u8 disk[PAGE_SIZE];
	struct fake_vm *fake;

	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	fake->vm.console = (struct vm_console *)fake;
	fake->config.rng = true;
	assert_int_equal(files_add("disk", disk, sizeof(disk)), FIRN_OK);
	switch_register();
	fake->config.nr_nets = 1;
	fake->config.virtio_console = true;
	fake->config.nr_disks = 1;
	strcpy(fake->config.disk[0].file.name, "disk");
	fake_vm_set_ram(fake, 2 * MiB);
	assert_int_equal(vdevs_create(&fake->vm), FIRN_OK);
	assert_int_equal(vdevs_reset(&fake->vm), FIRN_OK);

	golden_begin();
	dump_bus("ports", &fake->vm.pio);
	dump_bus("memory", &fake->vm.mmio);
	for (unsigned devfn = 0; devfn < PCI_FUNCTIONS; devfn++)
		dump_function(&fake->vm, devfn);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		if (fake->vm.vdevs->virtio[slot])
			dump_virtio(slot, fake->vm.vdevs->virtio[slot]);
	golden_check(ABI "devices.txt");

	vdevs_destroy(&fake->vm);
	iobus_destroy(&fake->vm.pio);
	iobus_destroy(&fake->vm.mmio);
	fake_vm_destroy(fake);
	fake_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acpi_tables),
		cmocka_unit_test(test_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

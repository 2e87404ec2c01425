/* SPDX-License-Identifier: MIT */
/* Power-off and reset registers. */
#include "core/vdev/power.h"

#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/log.h"
#include "core/vm.h"

#define SLEEP_ENABLE	 BIT(5)
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_TYPE_MASK	 7

#define RESET_WRITABLE 0x0e /* SYS_RST, RST_CPU, FULL_RST (ICH9 13.7.5) */
#define RESET_CPU      BIT(2)

#define KBC_PULSE_RESET 0xfe

static u64 read_zero(void *dev, u64 offset, unsigned width)
{
	(void)dev;
	(void)offset;
	(void)width;
	return 0;
}

/* The status register's only bit says that the machine woke up, which it never does. */
static void sleep_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct power *power = dev;

	(void)width;
	if (offset != 0 || !(value & SLEEP_ENABLE))
		return;
	if ((value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) == POWER_SLEEP_TYPE_S5)
		vm_request_stop(power->vm, "ACPI power-off");
	else
		log_ratelimited(LOG_WARN, "%s: unknown ACPI sleep type %u", power->vm->config->name,
				(unsigned)(value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK));
}

const struct iodev_ops power_sleep_ops = {
	.name = "acpi-sleep",
	.read = read_zero,
	.write = sleep_write,
};

static u64 reset_read(void *dev, u64 offset, unsigned width)
{
	struct power *power = dev;

	(void)offset;
	(void)width;
	return __atomic_load_n(&power->reset_control, __ATOMIC_RELAXED);
}

/* The reset starts when RST_CPU goes from 0 to 1. */
static void reset_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct power *power = dev;
	u8 old;

	(void)offset;
	(void)width;
	old = __atomic_exchange_n(&power->reset_control, value & RESET_WRITABLE, __ATOMIC_RELAXED);
	if (value & ~old & RESET_CPU)
		vm_request_reset(power->vm, "reset control register");
}

const struct iodev_ops power_reset_ops = {
	.name = "reset-control",
	.read = reset_read,
	.write = reset_write,
};

static void kbc_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct power *power = dev;

	(void)offset;
	(void)width;
	if ((u8)value == KBC_PULSE_RESET)
		vm_request_reset(power->vm, "keyboard controller reset");
}

const struct iodev_ops power_kbc_ops = {
	.name = "kbc-reset",
	.read = read_zero,
	.write = kbc_write,
};

/*
 * Software that jumps to where a BIOS begins wants the machine to start over. Linux does so when it
 * restarts with hardware-reduced ACPI and no UEFI.
 */
static const u8 bios_entry[] = {
	0xba, 0xf9,
	0x0c,			 /* mov $POWER_RESET_PORT, %dx */
	0xb0, POWER_RESET_VALUE, /* mov $POWER_RESET_VALUE, %al */
	0xee,			 /* out %al, %dx */
	0xf4,			 /* hlt */
	0xeb, 0xfd,		 /* jmp to the hlt */
};
_Static_assert(sizeof(bios_entry) <= 16, "memory below 1 MiB ends there");

void power_init(struct power *power, struct vm *vm)
{
	power->vm = vm;
	power->reset_control = 0;
}

void power_reset(struct power *power)
{
	__atomic_store_n(&power->reset_control, 0, __ATOMIC_RELAXED);
	if (guest_load(&power->vm->memory, GUEST_RESET_VECTOR, bios_entry, sizeof(bios_entry)) !=
	    FIRN_OK)
		log_warn("%s: no memory at the BIOS entry", power->vm->config->name);
}

/* SPDX-License-Identifier: MIT */
/* Power off and reboot, by every way that the machine may know. */
#include "arch/x86/power.h"

#include "arch/x86/apic.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/efi_call.h"
#include "arch/x86/gdt.h"
#include "arch/x86/ioapic_host.h"
#include "arch/x86/paging.h"
#include "arch/x86/piix4.h"
#include "arch/x86/platform.h"
#include "arch/x86/smp.h"
#include "arch/x86/x86.h"
#include "core/log.h"

/* UEFI 4.3 and 4.5 (offsets in the 64-bit tables), 8.5.1 (types of reset) */
#define EFI_SYSTEM_TABLE_RUNTIME_SERVICES 88
#define EFI_RUNTIME_SERVICES_RESET_SYSTEM 104
#define EFI_RESET_COLD			  0
#define EFI_RESET_SHUTDOWN		  2
#define EFI_SUCCESS			  0

/* PM1 control register, ACPI 4.8.3.2.1 */
#define PM1_SCI_EN	    BIT(0)
#define PM1_SLP_TYP_SHIFT   10
#define PM1_SLP_TYP	    (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN	    BIT(13)
#define ACPI_ENABLE_WAIT_US 300000

/* Reset control register of Intel chipsets, since PIIX3 everywhere */
#define RESET_CONTROL 0xcf9
#define RESET_SYSTEM  BIT(1)
#define RESET_CPU     BIT(2)

#define KBC_STATUS_COMMAND 0x64
#define KBC_INPUT_FULL	   BIT(1)
#define KBC_PULSE_RESET	   0xfe
#define KBC_SPINS	   10000

#define SETTLE_US 50000 /* for a reset to take effect before the next way is tried */
#define POLL_US	  100

static u64 efi_reset_system;	  /* physical address of the function, 0 = none */
static volatile u8 *reset_memory; /* ACPI reset register in memory */

void machine_power_init(const struct handover *h)
{
	const struct acpi_info *acpi = platform_acpi();
	u64 runtime_services;

	if (acpi->reset_supported && acpi->reset.space == ACPI_SPACE_MEMORY)
		reset_memory = mmio_map(acpi->reset.address, 1, MMIO_UC);
	if (!h->efi_system_table)
		return;
	if (!phys_read(h->efi_system_table + EFI_SYSTEM_TABLE_RUNTIME_SERVICES, &runtime_services,
		       sizeof(runtime_services)) ||
	    !phys_read(runtime_services + EFI_RUNTIME_SERVICES_RESET_SYSTEM, &efi_reset_system,
		       sizeof(efi_reset_system)))
		efi_reset_system = 0;
}

/* No interrupt may come while firmware code or a reset takes over. */
static void quiesce(void)
{
	irq_disable();
	ioapic_mask_all();
	apic_mask_local();
}

static void efi_reset(u64 type)
{
	if (efi_reset_system)
		efi_call_reset(efi_reset_system, type, EFI_SUCCESS);
}

/* Some machines ignore PM1 control while their firmware still owns it (ACPI 4.8.2.5). */
static void acpi_mode(const struct acpi_info *acpi)
{
	if (inw(acpi->pm1a_control) & PM1_SCI_EN || !acpi->smi_command || !acpi->acpi_enable)
		return;
	outb(acpi->smi_command, acpi->acpi_enable);
	for (unsigned us = 0; us < ACPI_ENABLE_WAIT_US; us += POLL_US) {
		if (inw(acpi->pm1a_control) & PM1_SCI_EN)
			return;
		clock_delay_us(POLL_US);
	}
}

static void sleep(u16 port, u8 type)
{
	u16 value = (inw(port) & ~(PM1_SLP_TYP | PM1_SLP_EN)) | type << PM1_SLP_TYP_SHIFT;

	outw(port, value);
	outw(port, value | PM1_SLP_EN);
}

static void acpi_power_off(void)
{
	const struct acpi_info *acpi = platform_acpi();

	if (!acpi->has_fadt || !acpi->has_s5 || !acpi->pm1a_control)
		return;
	acpi_mode(acpi);
	sleep(acpi->pm1a_control, acpi->s5_type_a);
	if (acpi->pm1b_control)
		sleep(acpi->pm1b_control, acpi->s5_type_b);
	clock_delay_us(SETTLE_US);
}

static void acpi_reset(void)
{
	const struct acpi_info *acpi = platform_acpi();

	if (!acpi->reset_supported)
		return;
	if (acpi->reset.space == ACPI_SPACE_IO)
		outb(acpi->reset.address, acpi->reset_value);
	else if (reset_memory)
		*reset_memory = acpi->reset_value;
	clock_delay_us(SETTLE_US);
}

static void chipset_reset(void)
{
	outb(RESET_CONTROL, RESET_SYSTEM);
	outb(RESET_CONTROL, RESET_SYSTEM | RESET_CPU);
	clock_delay_us(SETTLE_US);
}

static void keyboard_controller_reset(void)
{
	for (unsigned i = 0; i < KBC_SPINS && inb(KBC_STATUS_COMMAND) & KBC_INPUT_FULL; i++)
		cpu_relax();
	outb(KBC_STATUS_COMMAND, KBC_PULSE_RESET);
	clock_delay_us(SETTLE_US);
}

static __noreturn void triple_fault(void)
{
	static const struct descriptor_table no_idt;

	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	cpu_halt_forever();
}

void machine_power_off(void)
{
	quiesce();
	efi_reset(EFI_RESET_SHUTDOWN);
	acpi_power_off();
	log_error("this machine has no way to switch itself off: it is safe to do so now");
	cpu_halt_forever();
}

void machine_reboot(void)
{
	quiesce();
	piix4_prepare_reset();
	efi_reset(EFI_RESET_COLD);
	acpi_reset();
	/*
	 * Real machines don't care which CPU asks. Bochs 2.7 with several CPUs does: its clock stops
	 * when the first one resets the machine, and its BIOS fails then.
	 */
	if (cpu_index() == 0 && cpus_send_parked(chipset_reset))
		clock_delay_us(2 * SETTLE_US);
	chipset_reset();
	keyboard_controller_reset();
	triple_fault();
}

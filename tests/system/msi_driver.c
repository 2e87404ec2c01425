/* SPDX-License-Identifier: MIT */
/*
 * A driver for two devices of QEMU that raise interrupts when told to. tests/system/33-pci links it
 * into a Firn of its own, where it runs in place of shell_init(), with all CPUs online.
 */
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "core/log.h"
#include "drivers/pci/msi.h"
#include "drivers/pci/msix.h"

/* QEMU's edu device, docs/specs/edu.txt */
#define EDU_VENDOR	     0x1234
#define EDU_DEVICE	     0x11e8
#define EDU_INTERRUPT_STATUS (0x24 / 4)
#define EDU_INTERRUPT_RAISE  (0x60 / 4)
#define EDU_INTERRUPT_ACK    (0x64 / 4)

/* Intel 82574 datasheet, 10.2.4 */
#define NIC_VENDOR     0x8086
#define NIC_DEVICE     0x10d3
#define NIC_ICR	       (0xc0 / 4)
#define NIC_ICS	       (0xc8 / 4)
#define NIC_IMS	       (0xd0 / 4)
#define NIC_IVAR       (0xe4 / 4)
#define NIC_OTHER      BIT(24)
#define NIC_IVAR_OTHER 16
#define NIC_IVAR_VALID 8
#define ENTRY	       4

#define WAIT_US	 1000000
#define QUIET_US 20000

struct device {
	struct interrupt interrupt;
	volatile u32 *registers;
	u32 calls, cpu; /* atomic: how often, and the last CPU */
};

static void note(struct device *d)
{
	__atomic_store_n(&d->cpu, cpu_index(), __ATOMIC_RELAXED);
	__atomic_add_fetch(&d->calls, 1, __ATOMIC_RELEASE);
}

static void edu_interrupt(struct interrupt *self)
{
	struct device *edu = container_of(self, struct device, interrupt);

	edu->registers[EDU_INTERRUPT_ACK] = edu->registers[EDU_INTERRUPT_STATUS];
	note(edu);
}
static struct device edu = { .interrupt.handle = edu_interrupt };

static void nic_interrupt(struct interrupt *self)
{
	struct device *nic = container_of(self, struct device, interrupt);

	nic->registers[NIC_ICR] = ~0u;
	note(nic);
}
static struct device nic = { .interrupt.handle = nic_interrupt };

static void check(const char *what, bool good)
{
	log_info("msi: %s: %s", good ? "good" : "bad", what);
}

static u32 calls(const struct device *d)
{
	return __atomic_load_n(&d->calls, __ATOMIC_ACQUIRE);
}

/* Whether the device has interrupted that often by then. */
static bool comes(const struct device *d, u32 wanted, unsigned us)
{
	for (unsigned i = 0; i < us && calls(d) < wanted; i++) {
		arch_relax();
		clock_delay_us(1);
	}
	return calls(d) == wanted;
}

static struct host_pci *take(struct device *d, u16 vendor, u16 device)
{
	struct host_pci *fn = pci_find(NULL, vendor, device);

	if (!fn || pci_claim(fn, "test"))
		return NULL;
	pci_enable(fn);
	d->registers = pci_map_bar(fn, 0, MMIO_UC);
	return d->registers ? fn : NULL;
}

static void test_msi(void)
{
	struct host_pci *fn = take(&edu, EDU_VENDOR, EDU_DEVICE);
	struct pci_msi msi;

	for (unsigned cpu = 0; fn && cpu < nr_cpus(); cpu++) {
		check("MSI is on", pci_msi_enable(&msi, fn, cpu, &edu.interrupt) == FIRN_OK);
		edu.registers[EDU_INTERRUPT_RAISE] = 1;
		check(cpu ? "MSI to CPU 1" : "MSI to CPU 0",
		      comes(&edu, cpu + 1, WAIT_US) && edu.cpu == cpu);
		pci_msi_disable(&msi);
	}
	if (fn)
		pci_release(fn);
}

static void nic_raise(void)
{
	nic.registers[NIC_IMS] = NIC_OTHER;
	nic.registers[NIC_ICS] = NIC_OTHER;
}

static void test_entry(struct pci_msix *msix)
{
	nic.registers[NIC_IVAR] = (ENTRY | NIC_IVAR_VALID) << NIC_IVAR_OTHER;
	check("an entry is requested", pci_msix_request(msix, ENTRY, 0, &nic.interrupt) == FIRN_OK);
	nic_raise();
	check("MSI-X to CPU 0", comes(&nic, 1, WAIT_US) && nic.cpu == 0);
	check("the entry moves", pci_msix_move(msix, ENTRY, 1) == FIRN_OK);
	nic_raise();
	check("MSI-X to CPU 1", comes(&nic, 2, WAIT_US) && nic.cpu == 1);
	pci_msix_mask(msix, ENTRY, true);
	nic_raise();
	comes(&nic, 3, QUIET_US);
	check("nothing comes while masked", calls(&nic) == 2);
	pci_msix_mask(msix, ENTRY, false);
	check("it comes when unmasked", comes(&nic, 3, WAIT_US));
}

static void test_msix(void)
{
	struct host_pci *fn = take(&nic, NIC_VENDOR, NIC_DEVICE);
	unsigned before = vectors_used(0);
	struct pci_msix msix;

	if (!fn || pci_msix_enable(&msix, fn))
		return;
	test_entry(&msix);
	pci_msix_disable(&msix);
	check("all vectors are given back", vectors_used(0) == before && vectors_used(1) == 0);
	pci_release(fn);
}

void __real_shell_init(void);
void __wrap_shell_init(void);

void __wrap_shell_init(void)
{
	test_msi();
	test_msix();
	__real_shell_init();
}

/* SPDX-License-Identifier: MIT */
/* From the hand-over to the CPU loop. */
#include <string.h>

#include "arch/x86/cet_host.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/guest_cet.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/kaslr.h"
#include "arch/x86/main.h"
#include "arch/x86/mitigations_host.h"
#include "arch/x86/paging.h"
#include "arch/x86/platform.h"
#include "arch/x86/power.h"
#include "arch/x86/smp.h"
#include "arch/x86/stack_guard.h"
#include "arch/x86/virt.h"
#include "arch/x86/wx_check.h"
#include "arch/x86/x86.h"
#include "build/version.h"
#include "core/console.h"
#include "core/files.h"
#include "core/machine.h"
#include "core/pmem.h"
#include "core/sched.h"
#include "drivers/framebuffer/framebuffer.h"
#include "drivers/keyboard/keyboard.h"
#include "drivers/pci/pci.h"
#include "drivers/serial/serial.h"
#include "drivers/virtio/rng.h"
#include "net/switch.h"

static struct handover handover; /* the loader's copy is not mapped for long */
static struct firn_config config;
static struct config_errors config_errors;

static void say_hello(void)
{
	log_info("Firn %s, started by %s", FIRN_VERSION, handover.firmware);
	kaslr_report();
	if (handover.message[0])
		log_warn("loader: %s", handover.message);
}

static void take_memory(void)
{
	struct pmem_stats st;

	for (unsigned i = 0; i < handover.nr_memory; i++) {
		const struct handover_memory *m = &handover.memory[i];

		if (m->type == HANDOVER_MEM_FREE && pmem_add(m->base, m->size) != FIRN_OK)
			log_warn("memory map: range at 0x%llx is not usable",
				 (unsigned long long)m->base);
	}
	pmem_get_stats(&st);
	log_info("memory: %llu MiB free in %u ranges", (unsigned long long)(st.free / MiB),
		 handover.nr_memory);
}

static void log_features(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 cr0 = read_cr0(), cr4 = read_cr4();

	log_info("CPU: %s %s, %u physical address bits", f->vendor, f->brand, f->phys_bits);
	log_info("features:%s%s%s%s%s", f->x2apic ? " x2APIC" : " xAPIC",
		 f->tsc_deadline ? " TSC-deadline" : "", f->invariant_tsc ? " invariant-TSC" : "",
		 f->gib_pages ? " 1GiB-pages" : "", f->xsave ? " XSAVE" : "");
	log_info("protection:%s%s%s%s%s", cr0 & CR0_WP ? " WP" : "",
		 rdmsr(MSR_EFER) & EFER_NXE ? " NX" : "", cr4 & CR4_SMEP ? " SMEP" : "",
		 cr4 & CR4_SMAP ? " SMAP" : "", cr4 & CR4_UMIP ? " UMIP" : "");
	if (f->hypervisor)
		log_info("nested: under %s; microcode and what protects machines from each other "
			 "are its host's job",
			 f->hypervisor);
}

static void start_machine(void)
{
	framebuffer_init(&handover.framebuffer);
	if (!handover.framebuffer.base && handover.source == HANDOVER_MULTIBOOT2)
		vga_text_init();
	platform_init(&handover);
	/* Both go on with less, and say so themselves. */
	clock_init(&handover);
	interrupts_init();
	machine_power_init(&handover);
	serial_init();
	keyboard_init();
	pci_init(&handover);
	virtio_rng_init();
	log_features();
}

/* A CPU that hangs as it turns virtualization on holds nobody up. */
#define REPORT_TIMEOUT_US 100000

static u32 cpus_reported; /* atomic: CPUs that tried to turn virtualization on */

/* Every CPU says for itself what became of it. */
static bool virtualize_this_cpu(void)
{
	enum firn_err err;

	wx_check_cpu();
	err = virt_cpu_enable();
	if (err != FIRN_OK && err != ERR_STATE)
		log_error("CPU %u: no virtualization: %s", cpu_index(),
			  virt_cpu_status(cpu_index()));
	else
		log_info("CPU %u: APIC id %u, %s", cpu_index(), this_cpu()->apic_id,
			 virt_cpu_status(cpu_index()));
	if (err == FIRN_OK) {
		mitigations_cpu_on();
		sched_cpu_ready();
	}
	__atomic_add_fetch(&cpus_reported, 1, __ATOMIC_RELEASE);
	return err == FIRN_OK;
}

static void wait_for_reports(unsigned online)
{
	for (unsigned us = 0; us < REPORT_TIMEOUT_US; us++) {
		if (__atomic_load_n(&cpus_reported, __ATOMIC_ACQUIRE) >= online)
			return;
		clock_delay_us(1);
	}
}

static void ap_main(void)
{
	virtualize_this_cpu();
	cet_host_start(cpu_loop);
}

static void take_files(void)
{
	for (unsigned i = 0; i < handover.nr_files; i++) {
		const struct handover_file *f = &handover.files[i];
		enum firn_err err = files_add(f->name, phys_to_virt(f->base), f->size);

		if (err != FIRN_OK)
			log_error("file %s: %s", f->name, firn_strerror(err));
		else
			log_info("file %s: %llu KiB", f->name,
				 (unsigned long long)DIV_ROUND_UP(f->size, KiB));
	}
}

static void refuse_wrong_vms(void)
{
	for (unsigned i = 0; i < config.nr_vms; i++)
		if (config.vm[i].wrong)
			log_error("%s:%u: VM %s is not made, for it has errors",
				  handover.config_name, config.vm[i].line, config.vm[i].name);
}

static void refuse_all_vms(void)
{
	log_error("%s: no VM is made, for an error is not about a single one",
		  handover.config_name);
	for (unsigned i = 0; i < config.nr_vms; i++)
		config.vm[i].wrong = true;
}

/* All errors at once, so that one try shows them all. False = nothing may be started. */
static bool read_config(void)
{
	if (!handover.config_base) {
		log_error("no firn.conf found: nothing to start");
		return false;
	}
	config_parse(phys_to_virt(handover.config_base), handover.config_size, &config,
		     &config_errors);
	config_check_files(&config, files_exist, NULL, &config_errors);
	for (unsigned i = 0; i < MIN(config_errors.count, (unsigned)CONFIG_MAX_ERRORS); i++)
		log_error("%s:%u: %s", handover.config_name, config_errors.error[i].line,
			  config_errors.error[i].text);
	if (config_errors.count > CONFIG_MAX_ERRORS)
		log_error("%s: %u more errors", handover.config_name,
			  config_errors.count - CONFIG_MAX_ERRORS);
	if (!config_errors.count)
		return true;
	machine_cannot_start();
	if (config_errors.of_machine)
		refuse_all_vms();
	else
		refuse_wrong_vms();
	machine_drop_wrong(&config);
	return !config_errors.of_machine;
}

static void start_vms(void)
{
	machine_check_memory(&config);
	machine_drop_wrong(&config);
	machine_start_vms(&config);
}

static void apply_settings(void)
{
	log_set_level(config.loglevel);
	if (config.software_lapic)
		virt_use_software_lapic();
	if (!(config.consoles & CONSOLE_SERIAL0))
		log_hide_sink("serial");
	if (!(config.consoles & CONSOLE_FRAMEBUFFER)) {
		log_hide_sink("framebuffer");
		log_hide_sink("vga");
	}
}

/* For tests/bench. Page tables are apart, since they follow the size of the machine's memory. */
static void log_memory(void)
{
	struct pmem_stats st;
	u64 own;

	pmem_get_stats(&st);
	own = handover.image_size + st.used[PMEM_HEAP] + st.used[PMEM_CPU] + st.used[PMEM_VIRT];
	log_debug("memory: Firn has %llu KiB: image %llu, heap %llu, CPUs %llu, virtualization "
		  "%llu; page tables %llu",
		  (unsigned long long)(own / KiB), (unsigned long long)(handover.image_size / KiB),
		  (unsigned long long)(st.used[PMEM_HEAP] / KiB),
		  (unsigned long long)(st.used[PMEM_CPU] / KiB),
		  (unsigned long long)(st.used[PMEM_VIRT] / KiB),
		  (unsigned long long)(st.used[PMEM_PAGE_TABLE] / KiB));
}

static bool configured, virtualized; /* what prepare() found, for run() */

/* Third part, with control-flow enforcement. */
static void run(void)
{
	unsigned online = cpus_start(ap_main);

	wait_for_reports(online);
	log_info("%u CPU%s online", online, online == 1 ? "" : "s");
	wx_check_tables(&handover);
	if (virtualized)
		guest_cet_report();
	cpu_loop_poll = serial_poll;
	switch_register();
	if (configured)
		apply_settings();
	if (configured && !virtualized)
		log_error("no VM can be started: the boot CPU has no virtualization");
	if (configured && virtualized)
		start_vms();
	else
		machine_cannot_start();
	shell_init();
	log_memory();
	cpu_loop();
}

/* Second part, on the boot CPU's own stack with guard pages. */
static void prepare(void)
{
	take_files();
	configured = read_config();
	/* Changes code: no other CPU may run it yet. */
	mitigations_init(config.mitigations, config.vmscape);
	virtualized = virtualize_this_cpu();
	cet_host_init(!config.no_cet_host, virtualized, cpus_listed());
	cet_host_start(run);
}

/* First part, on the loader's stack. */
__no_stack_guard void firn_main(struct handover *from_loader)
{
	handover = *from_loader;
	cpu_init_boot();
	early_console_init();
	BUG_ON(handover.magic != HANDOVER_MAGIC || handover.version != HANDOVER_VERSION);
	say_hello();
	take_memory();
	BUG_ON(paging_init(&handover) != FIRN_OK);
	start_machine();
	cpus_enumerate(&handover);
	cpu_switch_stack(prepare);
}

void arch_machine_end(enum machine_end end)
{
	unsigned lost = cpus_park_others(virt_cpu_disable);

	virt_cpu_disable();
	if (lost)
		log_warn("%u CPU%s did not leave virtualization", lost, lost == 1 ? "" : "s");
	log_info("virtualization is off on all CPUs");
	if (end == MACHINE_REBOOT) {
		serial_flush();
		machine_reboot();
	}
	console_print("firn: exit status %u\n", machine_exit_status());
	serial_flush();
	machine_power_off();
}

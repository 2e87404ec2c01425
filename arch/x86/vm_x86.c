/* SPDX-License-Identifier: MIT */
/* What core/ asks of x86 for VMs and vCPUs: puts CPUID, LAPIC, MSRs and the vendor's part together. */
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/guest_cet.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/pmu.h"
#include "arch/x86/probe.h"
#include "arch/x86/pv_eoi.h"
#include "arch/x86/pvclock.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/arch.h"
#include "core/pmem.h"

static void read_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	out[0] = r.eax;
	out[1] = r.ebx;
	out[2] = r.ecx;
	out[3] = r.edx;
	virt_mask_cpuid(leaf, subleaf, out);
}

/* An end of interrupt that hardware does itself can't be cheaper. */
static u32 offered_paravirt(const struct vm_config *config)
{
	return config->paravirt & (virt_delivers_interrupts() ? ~(u32)PARAVIRT_PV_EOI : ~0u);
}

const char *arch_cet_lacks(void)
{
	return guest_cet_lacks();
}

enum firn_err arch_vm_create(struct vm *vm)
{
	const struct cpuid_vm wanted = {
		.nr_vcpus = vm->config->max_cpus,
		.tsc_khz = clock_tsc_khz(),
		.paravirt = offered_paravirt(vm->config),
		.hints = vm->dedicated ? KVM_HINT_REALTIME : 0,
		.pmu = vm->config->pmu,
		.counters = vm->config->pmu && pmu_host_usable(),
		.cet = vm->config->cet,
	};
	u64 capabilities = 0;

	if (cpu_has_feature(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsr_safe(MSR_IA32_ARCH_CAPABILITIES, &capabilities);
	vm->arch.arch_capabilities = guest_msr_arch_capabilities(capabilities);
	vm->arch.cet = wanted.cet;
	cpuid_image_build(&vm->arch.cpuid, read_cpuid, &wanted);
	if (wanted.pmu && !cpuid_image_offers(&vm->arch.cpuid, X86_FEATURE_PERFMON_V2))
		log_warn("vm %s: pmu = yes, but this machine has no counters for guests",
			 vm->config->name);
	return virt_vm_create(vm);
}

void arch_vm_destroy(struct vm *vm)
{
	virt_vm_destroy(vm);
}

/* The guest's TSC and its clocks start at 0. */
void arch_vm_reset(struct vm *vm)
{
	u64 now = clock_tsc();

	vm->arch.tsc_offset = -(s64)now;
	vm->arch.clock_base_tsc = now;
	vm->arch.wall_clock_gpa = 0;
}

enum firn_err arch_vcpu_create(struct vcpu *vcpu)
{
	u8 *page = pmem_alloc_page(PMEM_VIRT);
	enum firn_err err;

	if (!page)
		return ERR_NOMEM;
	err = virt_vcpu_create(vcpu);
	if (err != FIRN_OK) {
		pmem_free_page(page, PMEM_VIRT);
		return err;
	}
	lapic_init(&vcpu->arch.lapic, vcpu, page);
	return FIRN_OK;
}

void arch_vcpu_destroy(struct vcpu *vcpu)
{
	if (!vcpu->arch.lapic.page)
		return;
	virt_vcpu_destroy(vcpu);
	pmem_free_page(vcpu->arch.lapic.page, PMEM_VIRT);
	vcpu->arch.lapic.page = NULL;
}

/* Flat segments as the boot protocols ask for (Linux boot protocol 1.15, multiboot 3.2). */
static void set_flat_segments(struct vcpu *vcpu, const struct boot_state *boot)
{
	const u32 code_mode = boot->mode == BOOT_LONG ? SEG_AR_L : SEG_AR_DB;
	const struct x86_seg code = { boot->code_selector, 0x9b | SEG_AR_G | code_mode, ~0u, 0 };
	const struct x86_seg data = { boot->data_selector, 0x93 | SEG_AR_G | SEG_AR_DB, ~0u, 0 };

	for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_seg(vcpu, seg, seg == SEG_CS ? &code : &data);
}

static void set_boot_state(struct vcpu *vcpu, const struct boot_state *boot)
{
	u64 cr0 = CR0_PE | CR0_ET;

	if (boot->mode == BOOT_LONG) {
		cr0 |= CR0_PG;
		virt_set(vcpu, VREG_CR3, boot->cr3);
		virt_set(vcpu, VREG_CR4, CR4_PAE);
		virt_set(vcpu, VREG_EFER, EFER_LME | EFER_LMA);
	}
	virt_set(vcpu, VREG_CR0, cr0);
	virt_set(vcpu, VREG_GDTR_BASE, boot->gdt_base);
	virt_set(vcpu, VREG_GDTR_LIMIT, boot->gdt_limit);
	set_flat_segments(vcpu, boot);
	virt_set(vcpu, VREG_RIP, boot->rip);
	vcpu->arch.gpr[REG_RAX] = boot->rax;
	vcpu->arch.gpr[REG_RBX] = boot->rbx;
	vcpu->arch.gpr[REG_RSI] = boot->rsi;
}

void arch_vcpu_reset(struct vcpu *vcpu, const struct boot_state *boot)
{
	virt_vcpu_load(vcpu);
	lapic_reset(&vcpu->arch.lapic, false);
	virt_vcpu_reset(vcpu);
	guest_msr_reset(vcpu, false);
	/* The VM's TSC begins anew, and IA32_TSC_ADJUST is 0. INIT changes neither. */
	virt_update_tsc_offset(vcpu);
	pmu_reset(vcpu);
	guest_msr_firmware_setup(vcpu);
	if (boot)
		set_boot_state(vcpu, boot);
	virt_vcpu_reload(vcpu);
}

void arch_vcpu_init(struct vcpu *vcpu)
{
	lapic_reset(&vcpu->arch.lapic, true);
	virt_vcpu_init(vcpu);
	guest_msr_reset(vcpu, true);
	virt_vcpu_reload(vcpu);
}

/* SDM 3A 8.4.4.1: the processor starts in real mode at vector << 12. */
void arch_vcpu_sipi(struct vcpu *vcpu, u8 vector)
{
	const struct x86_seg code = { (u16)(vector << 8), 0x9b, 0xffff, (u64)vector << 12 };

	virt_vcpu_load(vcpu);
	virt_set_seg(vcpu, SEG_CS, &code);
	virt_set(vcpu, VREG_RIP, 0);
}

void arch_vcpu_resumed(struct vcpu *vcpu)
{
	pvclock_set_guest_stopped(vcpu);
	lapic_timer_attach(&vcpu->arch.lapic);
	if (lapic_get_tsc_deadline(&vcpu->arch.lapic))
		lapic_tsc_changed(&vcpu->arch.lapic);
}

void arch_vcpu_unload(struct vcpu *vcpu)
{
	pv_eoi_sync(vcpu);
	virt_vcpu_unload(vcpu);
	lapic_timer_detach(&vcpu->arch.lapic);
}

void arch_vcpu_arrived(struct vcpu *vcpu)
{
	lapic_timer_attach(&vcpu->arch.lapic);
}

bool arch_vcpu_may_poll(const struct vcpu *vcpu)
{
	return vcpu->arch.poll_control & POLL_CONTROL_HOST_POLLS;
}

/* CPL is the DPL of SS (SDM 3A 5.5). */
bool arch_vcpu_in_kernel(struct vcpu *vcpu)
{
	struct x86_seg ss;

	virt_get_seg(vcpu, SEG_SS, &ss);
	return (ss.ar >> SEG_AR_DPL_SHIFT & 3) == 0;
}

/* Only an interrupt that the guest would take ends HLT (SDM 2A HLT). */
bool vcpu_can_wake(struct vcpu *vcpu)
{
	u32 waking = VCPU_EVENT_UNHALT | (vcpu->arch.halt_nmi_blocked ? 0 : VCPU_EVENT_NMI);

	return (!vcpu->arch.halt_masked && lapic_has_work(&vcpu->arch.lapic)) ||
	       virt_event_queued(vcpu) ||
	       (__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & waking);
}

enum vcpu_stop arch_vcpu_run(struct vcpu *vcpu, u64 slice_end)
{
	return virt_run(vcpu, slice_end);
}

void arch_relax(void)
{
	irq_window();
	cpu_relax();
}

void arch_idle(void)
{
	irq_wait();
}

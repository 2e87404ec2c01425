/* SPDX-License-Identifier: MIT */
/* Control and host-state fields of a VMCS (SDM 3C 24.5-24.8). */
#include <string.h>

#include <vmx_hw.h>

#include "arch/x86/cet_host.h"
#include "arch/x86/guest_exits.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmx.h"
#include "core/arch.h"
#include "core/pmem.h"

u8 *vmx_io_bitmap;
static u8 *msr_bitmaps[2][2]; /* by CET, by x2APIC mode */
bool vmx_apicv;

/* Layout of the MSR bitmap page, SDM 3C 24.6.9 */
#define MSR_BITMAP_READ_LOW  0
#define MSR_BITMAP_READ_HIGH 1024
#define MSR_BITMAP_WRITE     2048
#define MSR_HIGH_FIRST	     0xc0000000u
#define MSR_RANGE	     0x2000u

static void msr_pass(u8 *bitmap, u32 msr, bool write)
{
	u8 *base = bitmap + (write ? MSR_BITMAP_WRITE : 0);

	if (msr >= MSR_HIGH_FIRST) {
		base += MSR_BITMAP_READ_HIGH;
		msr -= MSR_HIGH_FIRST;
	}
	/* The page has no bits for others: they exit. */
	if (msr >= MSR_RANGE)
		return;
	base[msr / 8] &= (u8)~BIT(msr % 8);
}

static void pass_switched_msrs(u8 *bitmap, bool cet)
{
	u32 msrs[MSR_LIST_MAX];
	size_t n = guest_msr_passthrough(cet, msrs, ARRAY_SIZE(msrs));

	for (size_t i = 0; i < MIN(n, ARRAY_SIZE(msrs)); i++) {
		msr_pass(bitmap, msrs[i], false);
		msr_pass(bitmap, msrs[i], true);
	}
}

/*
 * x2APIC registers that hardware answers from the virtual-APIC page (SDM 3C 29.5). The current
 * count must be computed and the 64-bit ICR is put together by us, so these two exit.
 */
static void pass_x2apic_msrs(u8 *bitmap)
{
	static const struct {
		u8 first, last;
	} readable[] = {
		{ 0x02, 0x03 }, { 0x08, 0x08 }, { 0x0a, 0x0a }, { 0x0d, 0x0d },
		{ 0x0f, 0x28 }, { 0x32, 0x38 }, { 0x3e, 0x3e },
	};
	static const u8 writable[] = { 0x08, 0x0b, 0x3f }; /* TPR, EOI, SELF_IPI */

	for (unsigned i = 0; i < ARRAY_SIZE(readable); i++)
		for (u32 r = readable[i].first; r <= readable[i].last; r++)
			msr_pass(bitmap, MSR_X2APIC_FIRST + r, false);
	for (unsigned i = 0; i < ARRAY_SIZE(writable); i++)
		msr_pass(bitmap, MSR_X2APIC_FIRST + writable[i], true);
}

static u8 *make_msr_bitmap(bool cet, bool x2apic)
{
	u8 *bitmap = pmem_alloc_page(PMEM_VIRT);

	if (!bitmap)
		return NULL;
	memset(bitmap, 0xff, PAGE_SIZE);
	pass_switched_msrs(bitmap, cet);
	if (x2apic)
		pass_x2apic_msrs(bitmap);
	return bitmap;
}

enum firn_err vmx_bitmaps_init(void)
{
	u64 io = pmem_alloc(2 * PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_VIRT);

	if (!io)
		return ERR_NOMEM;
	vmx_io_bitmap = phys_to_virt(io);
	memset(vmx_io_bitmap, 0xff, 2 * PAGE_SIZE);
	for (unsigned cet = 0; cet < 2; cet++)
		for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
			msr_bitmaps[cet][x2apic] = make_msr_bitmap(cet, x2apic);
			if (!msr_bitmaps[cet][x2apic])
				return ERR_NOMEM;
		}
	return FIRN_OK;
}

u8 *vmx_msr_bitmap(const struct vm *vm, bool x2apic)
{
	return msr_bitmaps[vm->arch.cet][x2apic];
}

struct descriptor_table {
	u16 limit;
	u64 base;
} __packed;

/* Base of the system descriptor that TR selects (SDM 3A 7.2.3). */
static u64 tss_base(u64 gdt, u16 tr)
{
	const u8 *d = (const u8 *)(gdt + (tr & ~7u));
	u32 low, high;
	u16 base0;

	memcpy(&base0, d + 2, sizeof(base0));
	memcpy(&high, d + 8, sizeof(high));
	low = base0 | (u32)d[4] << 16 | (u32)d[7] << 24;
	return (u64)high << 32 | low;
}

#define READ_SELECTOR(reg)                                  \
	({                                                  \
		u16 sel_;                                   \
		__asm__("mov %%" #reg ", %0" : "=r"(sel_)); \
		sel_;                                       \
	})

static void write_host_segments(void)
{
	struct descriptor_table gdt, idt;
	u16 tr;

	__asm__("sgdt %0" : "=m"(gdt));
	__asm__("sidt %0" : "=m"(idt));
	__asm__("str %0" : "=r"(tr));
	vmwrite(HOST_CS_SELECTOR, READ_SELECTOR(cs));
	vmwrite(HOST_SS_SELECTOR, READ_SELECTOR(ss));
	vmwrite(HOST_ES_SELECTOR, 0);
	vmwrite(HOST_DS_SELECTOR, 0);
	vmwrite(HOST_FS_SELECTOR, 0);
	vmwrite(HOST_GS_SELECTOR, 0);
	vmwrite(HOST_TR_SELECTOR, tr);
	vmwrite(HOST_GDTR_BASE, gdt.base);
	vmwrite(HOST_IDTR_BASE, idt.base);
	vmwrite(HOST_TR_BASE, tss_base(gdt.base, tr));
	vmwrite(HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmwrite(HOST_GS_BASE, rdmsr(MSR_GS_BASE));
}

/* Without CR4.CET they do nothing. */
static void write_host_cet(void)
{
	vmwrite(HOST_S_CET, rdmsr(MSR_IA32_S_CET));
	vmwrite(HOST_SSP, 0); /* vmx_enter() writes it */
	vmwrite(HOST_INT_SSP_TABLE, cet_host_shadow_stacks() ? rdmsr(MSR_IA32_INT_SSP_TAB) : 0);
}

void vmx_write_host_state(void)
{
	write_host_segments();
	if (vmx_caps_load_cet(&vmx_caps))
		write_host_cet();
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_PAT, rdmsr(MSR_IA32_PAT));
	vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_SYSENTER_CS, 0);
	vmwrite(HOST_SYSENTER_ESP, 0);
	vmwrite(HOST_SYSENTER_EIP, 0);
	vmwrite(HOST_RIP, (u64)vmx_exit_point);
}

/* Guests own these bits: changing them needs no exit (SDM 3C 25.3). */
#define CR0_GUEST_OWNED (CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)
#define CR4_GUEST_OWNED \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT)

/*
 * A loop with a PAUSE at least each so many TSC ticks, and how long it may last (SDM 3C 25.1.3): a
 * lock whose holder runs is released in far less.
 */
#define PLE_GAP_TICKS	 256
#define PLE_WINDOW_TICKS 8192

static u64 wanted_proc2(const struct vcpu *vcpu)
{
	u64 wanted = PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED | PROC2_RDTSCP | PROC2_INVPCID |
		     PROC2_WBINVD;

	if (vmx_apicv)
		wanted |= PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPT;
	if (cpuid_image_offers(&vcpu->vm->arch.cpuid, X86_FEATURE_XSAVES))
		wanted |= PROC2_XSAVES;
	/* Who has CPUs of its own has nobody to yield to. */
	if (!vcpu->vm->dedicated)
		wanted |= PROC2_PAUSE_LOOP;
	return wanted;
}

static u64 wanted_proc(void)
{
	u64 wanted = PROC_TSC_OFFSET | PROC_HLT | PROC_MWAIT | PROC_MONITOR | PROC_RDPMC |
		     PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_SECONDARY;

	return wanted | (vmx_apicv ? PROC_TPR_SHADOW : PROC_CR8_LOAD | PROC_CR8_STORE);
}

void vmx_set_proc_controls(struct vcpu *vcpu, u32 set, u32 clear)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	u32 controls = (v->proc_controls | set) & ~clear;

	if (controls == v->proc_controls)
		return;
	v->proc_controls = controls;
	vmwrite(PROC_BASED_CONTROLS, controls);
}

static void write_apic_fields(struct vcpu *vcpu)
{
	vmwrite(VIRTUAL_APIC_PAGE, virt_to_phys(vcpu->arch.lapic.page));
	vmwrite(APIC_ACCESS_PAGE, virt_to_phys(vcpu->vm->arch.apic_access_page));
	vmwrite(TPR_THRESHOLD, 0);
	vmwrite(GUEST_INTERRUPT_STATUS, 0);
	for (unsigned i = 0; i < 4; i++)
		vmwrite((enum vmcs_field)(EOI_EXIT_BITMAP0 + 2 * i), 0);
}

/* counters: the guest's count between entry and exit, and nothing counts outside. */
static void write_entry_exit_controls(bool counters)
{
	u64 exit = EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_ACK_INTERRUPT | EXIT_SAVE_PAT |
		   EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER;
	u64 entry = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER;

	/* Both or neither: else the guest's S_CET would stay for Firn, or Firn's for the guest. */
	if (vmx_caps_load_cet(&vmx_caps)) {
		exit |= EXIT_LOAD_CET;
		entry |= ENTRY_LOAD_CET;
	}
	if (counters) {
		exit |= EXIT_LOAD_PERF;
		entry |= ENTRY_LOAD_PERF;
		vmwrite(HOST_PERF_GLOBAL_CTRL, 0);
	}
	vmwrite(EXIT_CONTROLS, vmx_caps_adjust(&vmx_caps, CTL_EXIT, exit));
	vmwrite(ENTRY_CONTROLS, vmx_caps_adjust(&vmx_caps, CTL_ENTRY, entry));
}

static void write_processor_controls(struct vcpu *vcpu)
{
	vcpu->arch.vmx.proc_controls = vmx_caps_adjust(&vmx_caps, CTL_PROC, wanted_proc());
	vmwrite(PIN_BASED_CONTROLS,
		vmx_caps_adjust(&vmx_caps, CTL_PIN,
				PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI |
					PIN_PREEMPTION_TIMER));
	vmwrite(PROC_BASED_CONTROLS, vcpu->arch.vmx.proc_controls);
	vmwrite(PROC_BASED_CONTROLS2, vmx_caps_adjust(&vmx_caps, CTL_PROC2, wanted_proc2(vcpu)));
	if (vmx_caps_may(&vmx_caps, CTL_PROC2, PROC2_PAUSE_LOOP)) {
		vmwrite(PLE_GAP, PLE_GAP_TICKS);
		vmwrite(PLE_WINDOW, PLE_WINDOW_TICKS);
	}
	if (vmx_caps_may(&vmx_caps, CTL_PROC2, PROC2_XSAVES))
		vmwrite(XSS_EXITING_BITMAP, 0);
	write_entry_exit_controls(
		cpuid_image_offers(&vcpu->vm->arch.cpuid, X86_FEATURE_PERFMON_V2));
}

void vmx_write_controls(struct vcpu *vcpu)
{
	write_processor_controls(vcpu);
	vmwrite(EXCEPTION_BITMAP, guest_intercepted_exceptions(vcpu->vm));
	vmwrite(PF_ERROR_CODE_MASK, 0);
	vmwrite(PF_ERROR_CODE_MATCH, 0);
	vmwrite(CR3_TARGET_COUNT, 0);
	vmwrite(EXIT_MSR_STORE_COUNT, 0);
	vmwrite(EXIT_MSR_LOAD_COUNT, 0);
	vmwrite(ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite(ENTRY_INTERRUPTION_INFO, 0);
	vmwrite(IO_BITMAP_A, virt_to_phys(vmx_io_bitmap));
	vmwrite(IO_BITMAP_B, virt_to_phys(vmx_io_bitmap) + PAGE_SIZE);
	vmwrite(MSR_BITMAP, virt_to_phys(vmx_msr_bitmap(vcpu->vm, false)));
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	vmwrite(EPT_POINTER, ept_pointer(vcpu->vm->arch.nested_root));
	vmwrite(VPID, vmx_vpid(vcpu));
	vmwrite(CR0_MASK, ~CR0_GUEST_OWNED);
	vmwrite(CR4_MASK, ~CR4_GUEST_OWNED);
	if (vmx_apicv)
		write_apic_fields(vcpu);
}

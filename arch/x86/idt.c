/* SPDX-License-Identifier: MIT */
/* The IDT, shared by all CPUs, and what happens to exceptions. */
#include "arch/x86/cpu.h"
#include "arch/x86/efi_call.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/panic.h"
#include "arch/x86/regs.h"
#include "arch/x86/shadow_stack.h"
#include "arch/x86/smp.h"

#define IDT_VECTORS    256
#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate (SDM 3A 6.14.1) */
#define STUB_SIZE      16

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "64-bit gate, SDM 3A figure 6-8");
_Static_assert(offsetof(struct exception_frame, rflags) == 152 &&
		       offsetof(struct exception_frame, rsp) == 160 &&
		       sizeof(struct shadow_frame) == 3 * sizeof(u64),
	       "entry.S");

extern const char interrupt_stubs[];
extern const u64 __fixup_start[], __fixup_end[]; /* instructions that may fault, probe.S */
bool exception_entry(struct exception_frame *frame, const struct shadow_frame *shadow);

static struct gate idt[IDT_VECTORS] __aligned(4096);
void (*nmi_host_hook)(void);

static u8 vector_ist(unsigned vector)
{
	switch (vector) {
	case VECTOR_NMI:
		return IST_NMI;
	case VECTOR_DF:
		return IST_DOUBLE_FAULT;
	case VECTOR_MC:
		return IST_MACHINE_CHECK;
	default:
		return IST_NONE;
	}
}

static void idt_fill(void)
{
	for (unsigned v = 0; v < IDT_VECTORS; v++) {
		u64 stub = (u64)interrupt_stubs + v * STUB_SIZE;

		idt[v] = (struct gate){
			.offset_low = stub,
			.selector = SEL_CODE,
			.ist = vector_ist(v),
			.type = GATE_INTERRUPT,
			.offset_mid = stub >> 16,
			.offset_high = stub >> 32,
		};
	}
}

u64 idt_base(void)
{
	return (u64)idt;
}

void idt_load(void)
{
	struct descriptor_table table = { sizeof(idt) - 1, idt_base() };

	if (!idt[0].type)
		idt_fill();
	__asm__ volatile("lidt %0" : : "m"(table));
}

static bool is_probe(u64 rip)
{
	for (const u64 *p = __fixup_start; p < __fixup_end; p++)
		if (*p == rip)
			return true;
	return false;
}

static void nmi(void)
{
	this_cpu()->nmi_count++;
	if (cpus_stop_wanted())
		cpus_stop_self();
	if (nmi_host_hook)
		nmi_host_hook();
}

/* True: the function that faulted is to return false. shadow: NULL without shadow stacks. */
bool exception_entry(struct exception_frame *frame, const struct shadow_frame *shadow)
{
	if (frame->vector == VECTOR_NMI)
		nmi();
	else if (is_probe(frame->rip))
		return true;
	else if (!efi_call_recover(frame))
		panic_exception(frame, shadow);
	return false;
}

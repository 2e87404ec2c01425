/* SPDX-License-Identifier: MIT */
/*
 * Host interrupts and exceptions. Firn runs with interrupts off; they are taken at irq_window(),
 * irq_wait() and at VM exits, so a handler never interrupts other code of its CPU.
 */
#ifndef FIRN_X86_INTERRUPTS_H
#define FIRN_X86_INTERRUPTS_H

#include "core/err.h"

enum irq_vector {
	IRQ_VECTOR_PIC = 0x20,	  /* 16 vectors of the masked 8259s: spurious ones only */
	IRQ_VECTOR_DEVICE = 0x40, /* to IRQ_VECTOR_DEVICE_LAST: each CPU has its own */
	IRQ_VECTOR_DEVICE_LAST = 0xef,
	IRQ_VECTOR_KICK = 0xf0,
	IRQ_VECTOR_TIMER = 0xf1,
	IRQ_VECTOR_PARK = 0xf2,
	IRQ_VECTOR_COUNTERS = 0xf3,
	IRQ_VECTOR_SPURIOUS = 0xff, /* low 4 bits set: required by old LAPICs (SDM 3A 10.9) */
};

/* As the entry of exceptions stores it; pushed by the CPU from rip on (SDM 3A 6.14.2). */
struct exception_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct exception_frame) % 16 == 0, "the stack stays aligned in entry.S");

/* Loads the IDT (one for all CPUs) on this CPU. */
void idt_load(void);
u64 idt_base(void); /* for the VMCS host state */

/*
 * Interrupt controllers of the machine: 8259s remapped and masked, this CPU's LAPIC on, every
 * IOAPIC pin masked. After platform_init() and clock_init(). Boot CPU.
 */
enum firn_err interrupts_init(void);

/*
 * Sets the handler of a vector >= 0x20 on all CPUs, but not of a device vector: those belong to
 * arch/x86/vectors.h. Before the interrupt can come; handlers run with IF=0.
 */
void interrupt_register(u8 vector, void (*handler)(void *arg), void *arg);

/*
 * Runs the handler of an interrupt that the CPU acknowledged and ends it at the LAPIC. From the
 * IDT stubs and from VM exits (acknowledge interrupt on exit). May not return (parking).
 */
void interrupt_dispatch(u8 vector);

/*
 * An NMI that exited from the guest: runs the host's NMI handler through the IDT; its IRET ends
 * the blocking of NMIs, which a VM exit does not (SDM 3C 27.5.5).
 */
static inline void nmi_dispatch(void)
{
	__asm__ volatile("int $2" : : : "memory");
}
/* Called for NMIs that are not Firn's own (stop requests); any CPU, NMI context. NULL = counted. */
extern void (*nmi_host_hook)(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Interrupts and exceptions of the guest kernels: handlers, and catching faults. */
#ifndef FIRN_GUEST_FAULT_H
#define FIRN_GUEST_FAULT_H

#include "core/types.h"

struct interrupt_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*interrupt_handler)(struct interrupt_frame *frame);

void tables_init(void);
void tables_load(void); /* on another processor: the IDT, without a TSS */
/* NULL takes the handler away: the exception is then caught, or ends the kernel. */
void set_handler(u8 vector, interrupt_handler handler);

#define NO_FAULT (-1)
struct fault {
	int vector; /* NO_FAULT: fn returned */
	u64 error, cr2;
	u64 rip, rax, rcx, rdi, rdx, rflags; /* at the fault */
};
/* Runs fn until it returns or faults. */
struct fault catch_fault(void (*fn)(void *arg), void *arg);
/* One check: fn must fault like this. */
bool check_fault(const char *name, void (*fn)(void *arg), void *arg, int vector, u64 error);
bool check_no_fault(const char *name, void (*fn)(void *arg), void *arg);

/* The same for single instructions. */
struct msr_access {
	u32 msr;
	u64 value;
};
void do_rdmsr(void *msr_access);
void do_wrmsr(void *msr_access);
bool check_rdmsr(const char *name, u32 msr, u64 want);
bool check_msr_keeps(const char *name, u32 msr, u64 value); /* write, read back, restore */
bool check_rdmsr_gp(const char *name, u32 msr);
bool check_wrmsr_gp(const char *name, u32 msr, u64 value);

/* Runs fn at CPL 3 with these flags (RFLAGS_ONE is added). */
void run_user(void (*fn)(void), u64 rflags);
/* A gate's present bit, to provoke double faults. */
void set_gate_present(u8 vector, bool present);

#endif

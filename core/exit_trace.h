/* SPDX-License-Identifier: MIT */
/*
 * The last events of a vCPU, in order: exits, interrupts, accesses to devices. What happened just
 * before something went wrong. Off, it costs the look at one pointer.
 */
#ifndef FIRN_CORE_EXIT_TRACE_H
#define FIRN_CORE_EXIT_TRACE_H

#include "core/err.h"

struct vcpu;

#define EXIT_TRACE_LEN 256 /* a power of two */

enum trace_kind {
	TRACE_EXIT,
	TRACE_IRQ,
	TRACE_MMIO, /* and port I/O */
	TRACE_KINDS
};
#define TRACE_KIND(kind) ((u32)BIT(kind))
#define TRACE_ALL	 (TRACE_KIND(TRACE_KINDS) - 1)

/* What became of an interrupt. Its source is seen on the CPU that it comes from. */
enum trace_irq {
	TRACE_IRQ_DEVICE, /* value: level-triggered */
	TRACE_IRQ_IPI,	  /* value: the sender's number */
	TRACE_IRQ_LVT,	  /* value: the entry's offset in the register page */
	TRACE_IRQ_DELIVERED,
	TRACE_IRQ_EOI,
};

#define TRACE_IO_WRITE BIT(0)
#define TRACE_IO_PORT  BIT(1)

struct trace_record {
	u32 number; /* from 1 on, 0 = being written; atomic */
	u8 kind;    /* enum trace_kind */
	u8 what;    /* irq: enum trace_irq; mmio: TRACE_IO_ */
	u8 width;   /* mmio: bytes */
	u16 id;	    /* exit: the vendor's reason; irq: vector */
	u32 cost;   /* exit: TSC ticks until it was handled, 0 = not yet; atomic */
	u64 tsc;
	u64 address; /* exit: the guest's RIP; mmio: guest-physical address or port */
	u64 value; /* exit: exit qualification (VMX) or EXITINFO1 (SVM); irq: see there; mmio: data */
	const char *device; /* mmio: who answered, NULL = nobody */
};

struct exit_trace {
	u32 kinds;	   /* atomic, TRACE_KIND(): what is recorded, 0 = off */
	u32 next;	   /* atomic: events recorded so far, in all traces of this vCPU */
	u32 first;	   /* of this trace */
	u32 in_service[8]; /* x86: ISR at the last look; its CPU only */
	bool inside;	   /* an exit is being handled and recorded; its CPU only */
	struct trace_record record[EXIT_TRACE_LEN];
};

/* Starts with an empty trace, or (0) stops and keeps what was recorded. Boot CPU. ERR_NOMEM. */
enum firn_err exit_trace_set(struct vcpu *vcpu, u32 kinds);

/*
 * For these exit_trace_is_on() first.
 *
 * Around the handling of an exit, on the vCPU's CPU. The number goes from one to the other.
 */
u32 exit_trace_begin(struct vcpu *vcpu, u16 reason, u64 rip, u64 info);
void exit_trace_end(struct vcpu *vcpu, u32 number);
/* Any CPU. */
void exit_trace_irq(struct vcpu *vcpu, enum trace_irq what, u8 vector, u32 value);
void exit_trace_io(struct vcpu *vcpu, unsigned what, u64 address, unsigned width, u64 value,
		   const char *device);

/*
 * Copies the records, oldest first, to out[EXIT_TRACE_LEN]; returns how many. Boot CPU; those that
 * are being written or overwritten meanwhile are left out.
 */
unsigned exit_trace_copy(const struct vcpu *vcpu, struct trace_record *out);

#endif

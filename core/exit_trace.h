/* SPDX-License-Identifier: MIT */
/* The last exits of a vCPU, in order: what happened just before something went wrong. */
#ifndef FIRN_CORE_EXIT_TRACE_H
#define FIRN_CORE_EXIT_TRACE_H

#include "core/err.h"

struct vcpu;

#define EXIT_TRACE_LEN 256 /* a power of two */

struct exit_record {
	u64 tsc;
	u64 rip;  /* the guest's, at the exit */
	u64 info; /* VMX: exit qualification; SVM: EXITINFO1 */
	u16 reason;
};

struct exit_trace {
	u32 on;	  /* atomic */
	u32 next; /* atomic: exits recorded so far */
	struct exit_record record[EXIT_TRACE_LEN];
};

/* Starts with an empty trace, or stops and keeps what was recorded. Boot CPU. ERR_NOMEM. */
enum firn_err exit_trace_set(struct vcpu *vcpu, bool on);

/* On the vCPU's CPU, at each exit; exit_trace_is_on() first, it costs two instructions. */
void exit_trace_add(struct vcpu *vcpu, u16 reason, u64 rip, u64 info);

/*
 * Copies the records, oldest first, to out[EXIT_TRACE_LEN]; returns how many. Boot CPU; while the
 * vCPU runs the oldest ones may be overwritten in between, those are left out.
 */
unsigned exit_trace_copy(const struct vcpu *vcpu, struct exit_record *out);

#endif

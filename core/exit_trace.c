/* SPDX-License-Identifier: MIT */
/* The last exits of a vCPU: one writer, its CPU; one reader, the prompt. */
#include "core/exit_trace.h"

#include <stdlib.h>

#include "core/arch.h"
#include "core/vcpu.h"

enum firn_err exit_trace_set(struct vcpu *vcpu, bool on)
{
	struct exit_trace *t = vcpu->trace;

	if (!t && !on)
		return FIRN_OK;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return ERR_NOMEM;
	}
	/* A record that is being written while the trace restarts is the first of the new one. */
	if (on)
		__atomic_store_n(&t->next, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&t->on, on, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->trace, t, __ATOMIC_RELEASE);
	return FIRN_OK;
}

void exit_trace_add(struct vcpu *vcpu, u16 reason, u64 rip, u64 info)
{
	struct exit_trace *t = vcpu->trace;
	u32 next = __atomic_load_n(&t->next, __ATOMIC_RELAXED);

	t->record[next % EXIT_TRACE_LEN] = (struct exit_record){
		.tsc = clock_tsc(), .rip = rip, .info = info, .reason = reason
	};
	__atomic_store_n(&t->next, next + 1, __ATOMIC_RELEASE);
}

unsigned exit_trace_copy(const struct vcpu *vcpu, struct exit_record *out)
{
	const struct exit_trace *t = vcpu->trace;
	u32 end, first, overwritten;
	unsigned n = 0;

	if (!t)
		return 0;
	end = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE);
	first = end > EXIT_TRACE_LEN ? end - EXIT_TRACE_LEN : 0;
	for (u32 i = first; i != end; i++)
		out[n++] = t->record[i % EXIT_TRACE_LEN];
	/* Entry next may be half written as well. */
	overwritten = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE) + 1;
	overwritten = overwritten > first + EXIT_TRACE_LEN
			      ? MIN(overwritten - EXIT_TRACE_LEN - first, n)
			      : 0;
	for (unsigned i = overwritten; i < n; i++)
		out[i - overwritten] = out[i];
	return n - overwritten;
}

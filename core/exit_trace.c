/* SPDX-License-Identifier: MIT */
/*
 * The last events of a vCPU: a ring. Interrupts may come from any CPU, so a writer first takes a
 * number, which names the place; a record is whole while it bears the number of its place.
 */
#include "core/exit_trace.h"

#include <stdlib.h>

#include "core/arch.h"
#include "core/vcpu.h"

enum firn_err exit_trace_set(struct vcpu *vcpu, u32 kinds)
{
	struct exit_trace *t = vcpu->trace;

	if (!t && !kinds)
		return FIRN_OK;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return ERR_NOMEM;
	}
	if (kinds)
		t->first = __atomic_load_n(&t->next, __ATOMIC_RELAXED);
	__atomic_store_n(&t->kinds, kinds, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->trace, t, __ATOMIC_RELEASE);
	return FIRN_OK;
}

static struct trace_record *place(struct exit_trace *t, u32 number)
{
	return &t->record[(number - 1) % EXIT_TRACE_LEN];
}

/* Returns its number, 0 = this kind is not recorded. */
static u32 add(struct vcpu *vcpu, const struct trace_record *event)
{
	struct exit_trace *t = vcpu->trace;
	struct trace_record *r;
	u32 number;

	if (!(__atomic_load_n(&t->kinds, __ATOMIC_RELAXED) & TRACE_KIND(event->kind)))
		return 0;
	number = __atomic_add_fetch(&t->next, 1, __ATOMIC_RELAXED);
	r = place(t, number);
	__atomic_exchange_n(&r->number, 0, __ATOMIC_ACQ_REL);
	*r = *event;
	r->tsc = clock_tsc();
	__atomic_store_n(&r->number, number, __ATOMIC_RELEASE);
	return number;
}

u32 exit_trace_begin(struct vcpu *vcpu, u16 reason, u64 rip, u64 info)
{
	const struct trace_record event = {
		.kind = TRACE_EXIT, .id = reason, .address = rip, .value = info
	};

	vcpu->trace->inside = true;
	return add(vcpu, &event);
}

void exit_trace_end(struct vcpu *vcpu, u32 number)
{
	struct exit_trace *t = vcpu->trace;
	struct trace_record *r = place(t, number);

	t->inside = false;
	/* It may have been overwritten by what the exit led to. */
	if (number && __atomic_load_n(&r->number, __ATOMIC_ACQUIRE) == number)
		__atomic_store_n(&r->cost, (u32)(clock_tsc() - r->tsc), __ATOMIC_RELAXED);
}

void exit_trace_irq(struct vcpu *vcpu, enum trace_irq what, u8 vector, u32 value)
{
	const struct trace_record event = {
		.kind = TRACE_IRQ, .what = (u8)what, .id = vector, .value = value
	};

	add(vcpu, &event);
}

void exit_trace_io(struct vcpu *vcpu, unsigned what, u64 address, unsigned width, u64 value,
		   const char *device)
{
	const struct trace_record event = { .kind = TRACE_MMIO,
					    .what = (u8)what,
					    .width = (u8)width,
					    .address = address,
					    .value = value,
					    .device = device };

	add(vcpu, &event);
}

unsigned exit_trace_copy(const struct vcpu *vcpu, struct trace_record *out)
{
	struct exit_trace *t = vcpu->trace;
	u32 end, count;
	unsigned n = 0;

	if (!t)
		return 0;
	end = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE);
	count = MIN(end - t->first, (u32)EXIT_TRACE_LEN);
	for (u32 number = end - count + 1; count-- > 0; number++) {
		struct trace_record *r = place(t, number);

		if (!number || __atomic_load_n(&r->number, __ATOMIC_ACQUIRE) != number)
			continue;
		out[n] = *r;
		/* A read that no read before it may pass. */
		if (__atomic_fetch_add(&r->number, 0, __ATOMIC_ACQ_REL) == number)
			n++;
	}
	return n;
}

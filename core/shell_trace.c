/* SPDX-License-Identifier: MIT */
/* The command trace: the last events of a VM's vCPUs, one line each. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/exit_trace.h"
#include "core/shell.h"

struct event {
	struct trace_record record;
	unsigned vcpu;
	u64 since; /* the one before, ns */
};

static const char *const kind_name[TRACE_KINDS] = {
	[TRACE_EXIT] = "exit",
	[TRACE_IRQ] = "irq",
	[TRACE_MMIO] = "mmio",
};

static const char *const irq_name[] = {
	[TRACE_IRQ_DEVICE] = "device",	     [TRACE_IRQ_IPI] = "ipi", [TRACE_IRQ_LVT] = "lvt",
	[TRACE_IRQ_DELIVERED] = "delivered", [TRACE_IRQ_EOI] = "eoi",
};

/* What the words behind the VM's name ask for. */
struct request {
	struct vm *vm;
	struct vcpu *only; /* NULL = all vCPUs */
	u32 kinds;
	bool on, off;
};

static bool parse_word(struct request *r, const char *word)
{
	if (isdigit((unsigned char)word[0])) {
		r->only = shell_vcpu(r->vm, word);
		return r->only;
	}
	for (unsigned kind = 0; kind < TRACE_KINDS; kind++)
		if (strcmp(word, kind_name[kind]) == 0) {
			r->kinds |= TRACE_KIND(kind);
			return true;
		}
	if (strcmp(word, "on") == 0)
		return r->on = true;
	if (strcmp(word, "off") == 0)
		return r->off = true;
	shell_print("\"%s\": expected a vCPU, on, off, exit, irq or mmio\n", word);
	return false;
}

static bool parse(struct request *r, const struct shell_line *line)
{
	*r = (struct request){ .vm = shell_vm(line->arg[0]) };
	if (!r->vm)
		return false;
	for (unsigned i = 1; i < line->nr_args; i++)
		if (!parse_word(r, line->arg[i]))
			return false;
	if (!r->kinds)
		r->kinds = TRACE_ALL;
	if (r->on && r->off)
		shell_print("trace: on or off, not both\n");
	return !(r->on && r->off);
}

static bool is_meant(const struct request *r, const struct vcpu *vcpu)
{
	return !r->only || vcpu == r->only;
}

static void set(const struct request *r)
{
	for (unsigned i = 0; i < r->vm->nr_vcpus; i++) {
		struct vcpu *vcpu = r->vm->vcpu[i];
		enum firn_err err = FIRN_OK;

		if (is_meant(r, vcpu))
			err = exit_trace_set(vcpu, r->on ? r->kinds : 0);
		if (err != FIRN_OK) {
			shell_print("cannot trace vCPU %u: %s\n", i, firn_strerror(err));
			return;
		}
	}
}

/*
 * Collecting
 */

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->record.tsc != y->record.tsc)
		return x->record.tsc < y->record.tsc ? -1 : 1;
	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	return (s32)(x->record.number - y->record.number);
}

static unsigned take(const struct request *r, unsigned vcpu, struct event *events)
{
	static struct trace_record records[EXIT_TRACE_LEN];
	unsigned count = exit_trace_copy(r->vm->vcpu[vcpu], records), n = 0;

	for (unsigned i = 0; i < count; i++)
		if (r->kinds & TRACE_KIND(records[i].kind))
			events[n++] = (struct event){ records[i], vcpu, 0 };
	return n;
}

/* All that was recorded, oldest first; the caller frees it. NULL = no memory. */
static struct event *collect(const struct request *r, unsigned *count)
{
	struct event *events = malloc(r->vm->nr_vcpus * EXIT_TRACE_LEN * sizeof(*events));

	*count = 0;
	if (!events)
		return NULL;
	for (unsigned i = 0; i < r->vm->nr_vcpus; i++)
		if (is_meant(r, r->vm->vcpu[i]))
			*count += take(r, i, events + *count);
	qsort(events, *count, sizeof(*events), by_time);
	for (unsigned i = 1; i < *count; i++)
		events[i].since = clock_tsc_to_ns(events[i].record.tsc - events[i - 1].record.tsc);
	return events;
}

/*
 * Showing
 */

static void print_exit(const struct trace_record *r)
{
	shell_print("%-22s rip 0x%016llx info 0x%llx", arch_exit_name(r->id),
		    (unsigned long long)r->address, (unsigned long long)r->value);
	if (r->cost)
		shell_print(", %u ticks", r->cost);
}

static void print_irq(const struct trace_record *r)
{
	shell_print("vector 0x%02x ", r->id);
	switch (r->what) {
	case TRACE_IRQ_DEVICE:
		shell_print("from a device, %s", r->value ? "level" : "edge");
		break;
	case TRACE_IRQ_IPI:
		shell_print("from vCPU %llu", (unsigned long long)r->value);
		break;
	case TRACE_IRQ_LVT:
		shell_print("from LVT entry 0x%llx", (unsigned long long)r->value);
		break;
	case TRACE_IRQ_DELIVERED:
		shell_print("delivered");
		break;
	default:
		shell_print("ended");
		break;
	}
}

static void print_mmio(const struct trace_record *r)
{
	shell_print("%s %s 0x%llx, %u byte%s: 0x%llx, %s",
		    r->what & TRACE_IO_WRITE ? "write" : "read",
		    r->what & TRACE_IO_PORT ? "port" : "address", (unsigned long long)r->address,
		    r->width, r->width == 1 ? "" : "s", (unsigned long long)r->value,
		    r->device ? r->device : "nobody");
}

static void print_table(const struct event *events, unsigned count)
{
	static void (*const print[TRACE_KINDS])(const struct trace_record *r) = {
		[TRACE_EXIT] = print_exit,
		[TRACE_IRQ] = print_irq,
		[TRACE_MMIO] = print_mmio,
	};

	shell_print("%12s  %4s  %-4s  %s\n", "NS SINCE", "VCPU", "KIND", "EVENT");
	for (unsigned i = 0; i < count; i++) {
		const struct trace_record *r = &events[i].record;

		shell_print("%12llu  %4u  %-4s  ", (unsigned long long)events[i].since,
			    events[i].vcpu, kind_name[r->kind]);
		print[r->kind](r);
		shell_print("\n");
	}
}

/* What may be too large for a number of JSON is a string. */
static void json_event(const struct event *event)
{
	const struct trace_record *r = &event->record;

	shell_print("{\"vcpu\":%u,\"tsc\":\"%llu\",\"since_ns\":%llu,\"kind\":\"%s\"", event->vcpu,
		    (unsigned long long)r->tsc, (unsigned long long)event->since,
		    kind_name[r->kind]);
	switch (r->kind) {
	case TRACE_EXIT:
		shell_print(",\"reason\":%u,\"name\":", r->id);
		shell_json_string(arch_exit_name(r->id));
		shell_print(",\"rip\":\"0x%llx\",\"info\":\"0x%llx\",\"ticks\":%u}",
			    (unsigned long long)r->address, (unsigned long long)r->value, r->cost);
		break;
	case TRACE_IRQ:
		shell_print(",\"vector\":%u,\"event\":\"%s\",\"value\":%llu}", r->id,
			    irq_name[r->what], (unsigned long long)r->value);
		break;
	default:
		shell_print(",\"write\":%s,\"port\":%s,\"address\":\"0x%llx\",\"width\":%u,"
			    "\"value\":\"0x%llx\",\"device\":",
			    r->what & TRACE_IO_WRITE ? "true" : "false",
			    r->what & TRACE_IO_PORT ? "true" : "false",
			    (unsigned long long)r->address, r->width, (unsigned long long)r->value);
		shell_json_string(r->device ? r->device : "");
		shell_print("}");
		break;
	}
}

static void print_json(const struct event *events, unsigned count)
{
	shell_print("[");
	for (unsigned i = 0; i < count; i++) {
		shell_print("%s\n", i ? "," : "");
		json_event(&events[i]);
	}
	shell_print("\n]\n");
}

static void print_nothing(const struct request *r)
{
	bool on = false;

	for (unsigned i = 0; i < r->vm->nr_vcpus; i++)
		on |= is_meant(r, r->vm->vcpu[i]) && exit_trace_is_on(r->vm->vcpu[i]);
	shell_print("nothing%s recorded", r->kinds == TRACE_ALL ? "" : " of that kind");
	if (on)
		shell_print(" yet\n");
	else
		shell_print("; trace %s on starts\n", r->vm->config->name);
}

/* Of many vCPUs, too, the newest events of all. */
static void show(const struct request *r, bool json)
{
	unsigned count, skip;
	struct event *events = collect(r, &count);

	if (!events) {
		shell_print("out of memory\n");
		return;
	}
	skip = count > EXIT_TRACE_LEN ? count - EXIT_TRACE_LEN : 0;
	if (json)
		print_json(events + skip, count - skip);
	else if (count)
		print_table(events + skip, count - skip);
	else
		print_nothing(r);
	free(events);
}

enum shell_result shell_trace(const struct shell_line *line)
{
	struct request r;

	if (!parse(&r, line))
		return SHELL_DONE;
	if (r.on || r.off)
		set(&r);
	else
		show(&r, line->json);
	return SHELL_DONE;
}

/* SPDX-License-Identifier: MIT */
/* LAPIC: sending and receiving interrupt messages (SDM 3A 10.6, 10.12.9, 10.12.10). */
#include "arch/x86/lapic_internal.h"

#include "core/vcpu.h"

#define BROADCAST_XAPIC	 0xffu
#define BROADCAST_X2APIC 0xffffffffu

enum shorthand {
	SHORTHAND_NONE,
	SHORTHAND_SELF,
	SHORTHAND_ALL,
	SHORTHAND_OTHERS
};

struct message {
	const struct lapic *source;
	enum shorthand shorthand;
	u32 dest;
	bool logical;
	enum lapic_delivery mode;
	u8 vector;
	bool level;
};

/* Devices, the IOAPIC and xAPIC ICRs have 8-bit destinations. */
static u32 broadcast_id(const struct lapic *source)
{
	return source && lapic_x2apic(source) ? BROADCAST_X2APIC : BROADCAST_XAPIC;
}

static bool matches_logical(const struct lapic *lapic, u32 dest)
{
	u32 ldr = lapic_reg(lapic, APIC_LDR);

	if (lapic_x2apic(lapic))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	if (dest > 0xff)
		return false;
	ldr >>= 24;
	switch (lapic_reg(lapic, APIC_DFR) >> 28) {
	case APIC_DFR_FLAT:
		return ldr & dest;
	case APIC_DFR_CLUSTER:
		return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	default:
		return false;
	}
}

static bool matches(const struct lapic *lapic, const struct message *msg)
{
	if (!lapic_enabled(lapic))
		return false;
	switch (msg->shorthand) {
	case SHORTHAND_SELF:
		return lapic == msg->source;
	case SHORTHAND_ALL:
		return true;
	case SHORTHAND_OTHERS:
		return lapic != msg->source;
	default:
		break;
	}
	if (msg->dest == broadcast_id(msg->source))
		return true;
	return msg->logical ? matches_logical(lapic, msg->dest) : lapic_id(lapic) == msg->dest;
}

static __noinline __cold void trace(struct lapic *lapic, const struct message *msg)
{
	if (msg->source)
		exit_trace_irq(lapic->vcpu, TRACE_IRQ_IPI, msg->vector, msg->source->vcpu->id);
	else
		exit_trace_irq(lapic->vcpu, TRACE_IRQ_DEVICE, msg->vector, msg->level);
	lapic_post(lapic, msg->vector, msg->level);
}

/* What a processor takes with its LAPIC software-disabled (SDM 3A 10.4.7.2), if it is there. */
static bool accept_event(struct lapic *lapic, const struct message *msg)
{
	struct vcpu *vcpu = lapic->vcpu;

	if (!vm_has_vcpu(vcpu->vm, vcpu->id))
		return false;
	if (msg->mode == DELIVERY_NMI)
		vcpu_post_event(vcpu, VCPU_EVENT_NMI);
	else if (msg->mode == DELIVERY_INIT)
		vcpu_post_init(vcpu);
	else
		vcpu_post_sipi(vcpu, msg->vector);
	return true;
}

static bool accept(struct lapic *lapic, const struct message *msg)
{
	switch (msg->mode) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST:
		/* An absent vCPU's is software-disabled, as after its INIT. */
		if (!lapic_sw_enabled(lapic))
			return false;
		if (exit_trace_is_on(lapic->vcpu))
			trace(lapic, msg);
		else
			lapic_post(lapic, msg->vector, msg->level);
		return true;
	case DELIVERY_NMI:
	case DELIVERY_INIT:
	case DELIVERY_SIPI:
		return accept_event(lapic, msg);
	default: /* SMI: no SMM. ExtINT: no 8259. */
		return false;
	}
}

bool lapic_accept_ipi(struct lapic *lapic, enum lapic_delivery mode, u8 vector)
{
	return lapic_enabled(lapic) &&
	       accept(lapic, &(const struct message){ .mode = mode, .vector = vector });
}

static u32 task_priority_class(const struct lapic *lapic)
{
	return lapic_reg(lapic, APIC_TPR) >> 4 & 0xf;
}

/*
 * The processor with the lowest task priority gets it. Among equals the vector decides, so that
 * different interrupts go to different vCPUs but one interrupt stays where its data is cached.
 */
static unsigned deliver_lowest(struct vm *vm, const struct message *msg)
{
	struct lapic *candidate[VM_MAX_VCPUS];
	u32 lowest = ~0u;
	unsigned count = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct lapic *lapic = &vm->vcpu[i]->arch.lapic;

		if (!matches(lapic, msg) || !lapic_sw_enabled(lapic))
			continue;
		if (task_priority_class(lapic) < lowest) {
			lowest = task_priority_class(lapic);
			count = 0;
		}
		if (task_priority_class(lapic) == lowest)
			candidate[count++] = lapic;
	}
	return count ? accept(candidate[msg->vector % count], msg) : 0;
}

/* Without a look at each LAPIC: a vCPU's id is its number. */
static bool has_one_target(const struct message *msg)
{
	return msg->shorthand == SHORTHAND_NONE && !msg->logical &&
	       msg->dest != broadcast_id(msg->source);
}

static unsigned deliver(struct vm *vm, const struct message *msg)
{
	unsigned taken = 0;

	if (has_one_target(msg)) {
		struct lapic *lapic;

		if (msg->dest >= vm->nr_vcpus)
			return 0;
		lapic = &vm->vcpu[msg->dest]->arch.lapic;
		return matches(lapic, msg) ? accept(lapic, msg) : 0;
	}
	if (msg->mode == DELIVERY_LOWEST)
		return deliver_lowest(vm, msg);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct lapic *lapic = &vm->vcpu[i]->arch.lapic;

		if (matches(lapic, msg))
			taken += accept(lapic, msg);
	}
	return taken;
}

unsigned lapic_deliver(struct vm *vm, struct lapic *source, u32 dest, bool logical,
		       enum lapic_delivery mode, u8 vector, bool level, bool assert_)
{
	const struct message msg = {
		.source = source,
		.dest = dest,
		.logical = logical,
		.mode = mode,
		.vector = vector,
		.level = level,
	};

	/* INIT level de-assert only synchronised arbitration ids of old buses (SDM 3A 10.6.1). */
	if (mode == DELIVERY_INIT && !assert_)
		return 0;
	/* A reserved mode of redirection entries and messages (82093AA 3.2.4, SDM 3A 10.11.2). */
	if (mode == DELIVERY_SIPI && !source)
		return 0;
	return deliver(vm, &msg);
}

static bool ipi_is_valid(const struct message *msg, u32 icr)
{
	switch (msg->mode) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST:
	case DELIVERY_NMI:
		return true;
	case DELIVERY_INIT:
		return (icr & ICR_ASSERT) && msg->shorthand != SHORTHAND_SELF;
	case DELIVERY_SIPI:
		return msg->shorthand != SHORTHAND_SELF;
	default: /* SMI: no SMM; the rest is reserved */
		return false;
	}
}

/* The trigger mode bit counts for INIT level de-assert only: IPIs are edges (SDM 3A 10.6.1). */
static void send(struct lapic *lapic, u32 icr)
{
	const struct message msg = {
		.source = lapic,
		.shorthand = icr >> ICR_SHORTHAND_SHIFT & ICR_SHORTHAND_MASK,
		.dest = lapic_x2apic(lapic) ? lapic_reg(lapic, APIC_ICR_X2_DEST)
					    : lapic_reg(lapic, APIC_ICR_HIGH) >> ICR_DEST_SHIFT,
		.logical = icr & ICR_LOGICAL,
		.mode = icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK,
		.vector = icr & APIC_VECTOR_MASK,
	};

	if (!ipi_is_valid(&msg, icr))
		return;
	if (msg.mode <= DELIVERY_LOWEST && msg.vector < APIC_FIRST_VECTOR)
		lapic_error(lapic, ESR_SEND_ILLEGAL_VECTOR);
	else
		deliver(lapic->vcpu->vm, &msg);
}

/* Fixed, to itself, with a vector that may be sent. */
static bool is_own_interrupt(u32 icr)
{
	return (icr >> ICR_SHORTHAND_SHIFT & ICR_SHORTHAND_MASK) == SHORTHAND_SELF &&
	       (icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK) == DELIVERY_FIXED &&
	       (icr & APIC_VECTOR_MASK) >= APIC_FIRST_VECTOR;
}

void lapic_send_ipi(struct lapic *lapic)
{
	u32 icr = lapic_reg(lapic, APIC_ICR_LOW);

	if (!is_own_interrupt(icr))
		send(lapic, icr);
	else if (lapic_enabled(lapic) && lapic_sw_enabled(lapic))
		lapic_post_own(lapic, icr & APIC_VECTOR_MASK);
}

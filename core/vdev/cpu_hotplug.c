/* SPDX-License-Identifier: MIT */
/* The CPU hotplug register block, and vCPUs that come and go. */
#include "core/vdev/cpu_hotplug.h"

#include "core/log.h"
#include "core/vcpu.h"
#include "core/vdev/ged.h"

/* Registers, by offset; each takes accesses of its own width only. */
#define REG_SELECTOR 0 /* dword, write; reads the upper half of a CPU's id */
#define REG_CONTROL  4 /* byte; reads as status */
#define REG_COMMAND  5 /* byte, write */
#define REG_DATA     8 /* dword */

#define STATUS_ENABLED	BIT(0)
#define STATUS_INSERT	BIT(1)
#define STATUS_REMOVE	BIT(2)
#define STATUS_FIRMWARE BIT(4)

#define CONTROL_CLEAR_INSERT BIT(1)
#define CONTROL_CLEAR_REMOVE BIT(2)
#define CONTROL_EJECT	     BIT(3)
#define CONTROL_FIRMWARE     BIT(4)

enum command {
	COMMAND_NEXT_EVENT, /* select the next CPU with an event */
	COMMAND_OST_EVENT,
	COMMAND_OST_STATUS,
	COMMAND_CPU_ID,
	COMMANDS
};

/* Of _OST: what was tried, and how it went (ACPI 6.4 tables 6.58 to 6.61). */
struct ost_name {
	u32 code;
	const char *text;
};
#define OST_EJECT	       3
#define OST_INSERT_IN_PROGRESS 0x80
#define OST_EJECT_IN_PROGRESS  0x84
static const struct ost_name ost_events[] = {
	{ 0, "a check of the bus" },
	{ 1, "the insertion" },
	{ OST_EJECT, "the removal" },
	{ 0x103, "a removal of its own" },
};
static const struct ost_name ost_results[] = {
	{ 0, "success" },
	{ 1, "failure" },
	{ 2, "unknown event" },
};
static const struct ost_name ost_insert_results[] = {
	{ OST_INSERT_IN_PROGRESS, "in progress" },
	{ 0x81, "no driver" },
	{ 0x82, "not supported" },
};
static const struct ost_name ost_eject_results[] = {
	{ 0x80, "not supported" },
	{ 0x81, "in use" },
	{ 0x82, "busy" },
	{ 0x83, "something that depends on it is busy" },
	{ OST_EJECT_IN_PROGRESS, "in progress" },
};

static const char *ost_name(const struct ost_name *names, size_t count, u32 code)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].code == code)
			return names[i].text;
	return NULL;
}

static const char *ost_result(u32 event, u32 status)
{
	const char *name = ost_name(ost_results, ARRAY_SIZE(ost_results), status);

	if (!name && (u8)event == OST_EJECT)
		name = ost_name(ost_eject_results, ARRAY_SIZE(ost_eject_results), status);
	else if (!name)
		name = ost_name(ost_insert_results, ARRAY_SIZE(ost_insert_results), status);
	return name ? name : "unknown result";
}

/* The answer to a request is logged in any case. Of what else a guest reports not all is. */
static void report_ost(struct cpu_hotplug *hp, u32 status)
{
	static struct log_ratelimit limit;
	u32 event = hp->ost_event[hp->selector];
	const char *name = ost_name(ost_events, ARRAY_SIZE(ost_events), event);
	bool final = status != OST_INSERT_IN_PROGRESS && status != OST_EJECT_IN_PROGRESS;
	bool answer = final && (hp->unanswered & BIT(hp->selector));

	if (answer)
		hp->unanswered &= ~BIT(hp->selector);
	else if (!log_ratelimit_ok(&limit))
		return;
	log_info("VM %s: vCPU %u: the guest reports on %s (0x%x): %s (0x%x)", hp->vm->config->name,
		 hp->selector, name ? name : "an unknown event", event, ost_result(event, status),
		 status);
}

static bool is_selected(const struct cpu_hotplug *hp)
{
	return hp->selector < hp->vm->nr_vcpus;
}

static u32 read_status(const struct cpu_hotplug *hp)
{
	u64 bit = BIT(hp->selector);

	return (vm_has_vcpu(hp->vm, hp->selector) ? STATUS_ENABLED : 0) |
	       (hp->inserting & bit ? STATUS_INSERT : 0) |
	       (hp->removing & bit ? STATUS_REMOVE : 0) |
	       (hp->firmware & bit ? STATUS_FIRMWARE : 0);
}

/* APIC ids are vCPU numbers, so their upper half, which the selector register reads, is 0. */
static u32 read_data(const struct cpu_hotplug *hp)
{
	return hp->command == COMMAND_NEXT_EVENT || hp->command == COMMAND_CPU_ID ? hp->selector
										  : 0;
}

static u64 port_read(void *dev, u64 offset, unsigned width)
{
	struct cpu_hotplug *hp = dev;
	u64 value = 0;

	spin_lock(&hp->lock);
	if (is_selected(hp) && offset == REG_CONTROL && width == sizeof(u8))
		value = read_status(hp);
	else if (is_selected(hp) && offset == REG_DATA && width == sizeof(u32))
		value = read_data(hp);
	spin_unlock(&hp->lock);
	return value;
}

/* The selected CPU comes first, then those behind it and, from 0 on, those before it. */
static void select_next_event(struct cpu_hotplug *hp)
{
	u64 events = hp->inserting | hp->removing | hp->firmware;

	for (unsigned i = 0; i < hp->vm->nr_vcpus; i++) {
		unsigned id = (hp->selector + i) % hp->vm->nr_vcpus;

		if (events & BIT(id)) {
			hp->selector = id;
			return;
		}
	}
}

static bool can_leave(const struct cpu_hotplug *hp, unsigned id)
{
	return id != 0 && vm_has_vcpu(hp->vm, id);
}

/* The INIT brings it to wait for a SIPI, which it does not take before it is added again. */
static void eject(struct cpu_hotplug *hp, unsigned id)
{
	u64 others = ~BIT(id);

	hp->inserting &= others;
	hp->removing &= others;
	hp->firmware &= others;
	__atomic_fetch_and(&hp->vm->present, others, __ATOMIC_ACQ_REL);
	vcpu_post_init(hp->vm->vcpu[id]);
	log_info("VM %s: vCPU %u is removed", hp->vm->config->name, id);
}

static void write_control(struct cpu_hotplug *hp, u8 value)
{
	unsigned id = hp->selector;

	if (value & CONTROL_CLEAR_INSERT)
		hp->inserting &= ~BIT(id);
	if (value & CONTROL_CLEAR_REMOVE)
		hp->removing &= ~BIT(id);
	if ((value & CONTROL_FIRMWARE) && can_leave(hp, id))
		hp->firmware |= BIT(id);
	if ((value & CONTROL_EJECT) && can_leave(hp, id))
		eject(hp, id);
}

static void write_command(struct cpu_hotplug *hp, u8 value)
{
	if (value >= COMMANDS)
		return;
	hp->command = value;
	if (value == COMMAND_NEXT_EVENT)
		select_next_event(hp);
}

static void write_data(struct cpu_hotplug *hp, u32 value)
{
	if (hp->command == COMMAND_OST_EVENT)
		hp->ost_event[hp->selector] = value;
	else if (hp->command == COMMAND_OST_STATUS)
		report_ost(hp, value);
}

static void port_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct cpu_hotplug *hp = dev;

	spin_lock(&hp->lock);
	if (offset == REG_SELECTOR && width == sizeof(u32))
		hp->selector = value;
	else if (is_selected(hp) && offset == REG_CONTROL && width == sizeof(u8))
		write_control(hp, value);
	else if (is_selected(hp) && offset == REG_COMMAND && width == sizeof(u8))
		write_command(hp, value);
	else if (is_selected(hp) && offset == REG_DATA && width == sizeof(u32))
		write_data(hp, value);
	spin_unlock(&hp->lock);
}

const struct iodev_ops cpu_hotplug_ops = {
	.name = "cpu-hotplug",
	.read = port_read,
	.write = port_write,
};

void cpu_hotplug_init(struct cpu_hotplug *hp, struct vm *vm, struct ged *ged)
{
	*hp = (struct cpu_hotplug){ .vm = vm, .ged = ged };
}

void cpu_hotplug_reset(struct cpu_hotplug *hp)
{
	spin_lock(&hp->lock);
	hp->inserting = 0;
	hp->removing = 0;
	hp->firmware = 0;
	hp->unanswered = 0;
	hp->command = COMMAND_NEXT_EVENT;
	spin_unlock(&hp->lock);
}

enum firn_err cpu_hotplug_add(struct cpu_hotplug *hp, unsigned *id)
{
	enum firn_err err = ERR_FULL;

	spin_lock(&hp->lock);
	for (*id = 0; *id < hp->vm->nr_vcpus && vm_has_vcpu(hp->vm, *id);)
		++*id;
	if (*id < hp->vm->nr_vcpus) {
		__atomic_fetch_or(&hp->vm->present, BIT(*id), __ATOMIC_ACQ_REL);
		hp->inserting |= BIT(*id);
		hp->unanswered |= BIT(*id);
		err = FIRN_OK;
	}
	spin_unlock(&hp->lock);
	if (err == FIRN_OK)
		ged_raise(hp->ged, GED_CPU_HOTPLUG);
	return err;
}

enum firn_err cpu_hotplug_remove(struct cpu_hotplug *hp, unsigned id)
{
	enum firn_err err = ERR_NOENT;

	spin_lock(&hp->lock);
	if (id == 0) {
		err = ERR_INVALID;
	} else if (id < hp->vm->nr_vcpus && vm_has_vcpu(hp->vm, id)) {
		hp->removing |= BIT(id);
		hp->unanswered |= BIT(id);
		err = FIRN_OK;
	}
	spin_unlock(&hp->lock);
	if (err == FIRN_OK)
		ged_raise(hp->ged, GED_CPU_HOTPLUG);
	return err;
}

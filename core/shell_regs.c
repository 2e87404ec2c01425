/* SPDX-License-Identifier: MIT */
/*
 * regs and set: registers by id. The vCPU's own CPU reads them between two runs of the guest, so
 * the VM keeps running; all values are of one moment.
 */
#include <stdio.h>
#include <string.h>

#include "core/reg_ids.h"
#include "core/shell_job.h"

#define MAX_REGS 512
#define COLUMNS	 2
#define ALL	 "all" /* in place of a vCPU's number */

/* What is asked, and the answer. Written only while no job runs, and by the vCPU's CPU while one does. */
static struct {
	struct shell_job job;
	struct vcpu *vcpu;
	bool all; /* vCPUs: the next one follows */
	bool write;
	enum firn_err err; /* of the vCPU as a whole, or of the write */
	const char *inconsistent;
	size_t count;
	struct {
		u64 id, value;
		enum firn_err err;
	} reg[MAX_REGS];
} query;

static void read_all(void)
{
	for (size_t i = 0; i < query.count; i++)
		query.reg[i].err = arch_reg_get(query.vcpu, query.reg[i].id, &query.reg[i].value);
}

/* On the vCPU's CPU. */
static void visit(struct shell_job *unused)
{
	(void)unused;
	query.inconsistent = NULL;
	query.err = arch_reg_begin(query.vcpu);
	if (query.err != FIRN_OK)
		return;
	if (query.write) {
		query.err = arch_reg_set(query.vcpu, query.reg[0].id, query.reg[0].value);
		query.inconsistent = arch_regs_inconsistent(query.vcpu);
	} else {
		read_all();
	}
	arch_reg_end(query.vcpu);
}

static const char *reg_name(u64 id, char buf[REG_NAME_MAX])
{
	if (!arch_reg_name(id, buf))
		snprintf(buf, REG_NAME_MAX, "0x%016llx", (unsigned long long)id);
	return buf;
}

static void print_one(unsigned i)
{
	char name[REG_NAME_MAX];

	shell_print("%s (id 0x%016llx) ", reg_name(query.reg[i].id, name),
		    (unsigned long long)query.reg[i].id);
	if (query.reg[i].err == FIRN_OK)
		shell_print("0x%016llx\n", (unsigned long long)query.reg[i].value);
	else
		shell_print("cannot be read: %s\n", firn_strerror(query.reg[i].err));
}

static void print_table(void)
{
	char name[REG_NAME_MAX];

	for (size_t i = 0; i < query.count; i++) {
		bool end = i % COLUMNS == COLUMNS - 1 || i == query.count - 1;

		if (query.reg[i].err == FIRN_OK)
			shell_print("%-22s %016llx%s", reg_name(query.reg[i].id, name),
				    (unsigned long long)query.reg[i].value, end ? "\n" : "  ");
		else
			shell_print("%-22s %-16s%s", reg_name(query.reg[i].id, name), "?",
				    end ? "\n" : "  ");
	}
}

static void print_answer(void)
{
	const char *vm = query.vcpu->vm->config->name;
	char name[REG_NAME_MAX];

	if (query.err == ERR_STATE && !query.write)
		shell_print("vCPU %u of VM %s has never run\n", query.vcpu->id, vm);
	else if (query.err != FIRN_OK && query.write)
		shell_print("%s cannot become 0x%llx: %s\n", reg_name(query.reg[0].id, name),
			    (unsigned long long)query.reg[0].value, firn_strerror(query.err));
	else if (query.err != FIRN_OK)
		shell_print("registers cannot be read: %s\n", firn_strerror(query.err));
	else if (query.inconsistent)
		shell_print("set, but the vCPU cannot go on like this: %s\n", query.inconsistent);
	else if (!query.write && query.count == 1)
		print_one(0);
	else if (!query.write)
		print_table();
}

static enum shell_result done(struct shell_job *unused)
{
	struct vm *vm = query.vcpu->vm;

	(void)unused;
	if (query.all)
		shell_print("vCPU %u\n", query.vcpu->id);
	print_answer();
	if (!query.all || query.vcpu->id + 1 >= vm->nr_vcpus)
		return SHELL_DONE;
	query.vcpu = vm->vcpu[query.vcpu->id + 1];
	return shell_job_ask(&query.job, query.vcpu);
}

static void add(u64 id)
{
	if (query.count < MAX_REGS)
		query.reg[query.count++].id = id;
}

/* Is name "GROUP.something"? */
static bool in_group(const char *name, const char *group)
{
	size_t len = strlen(group);

	return strncmp(name, group, len) == 0 && name[len] == '.';
}

/* What people look for first comes first: the many MSRs are last. NULL = every register. */
static void add_group(struct vcpu *vcpu, const char *group)
{
	static u64 ids[MAX_REGS];
	size_t n = MIN(arch_reg_list(vcpu, ids, MAX_REGS), (size_t)MAX_REGS);
	char name[REG_NAME_MAX];

	for (unsigned msrs = 0; msrs <= 1; msrs++)
		for (size_t i = 0; i < n; i++) {
			if ((REG_ID_TYPE(ids[i]) == REG_TYPE_MSR) != msrs)
				continue;
			if (!group || in_group(reg_name(ids[i], name), group))
				add(ids[i]);
		}
}

/* By name, by id, or a whole group; false = it is none of them. */
static bool select_regs(struct vcpu *vcpu, const char *text)
{
	u64 id = arch_reg_by_name(text);

	if (!id && text[0] == '0') {
		if (!shell_number("register", text, &id))
			return false;
	}
	if (id)
		add(id);
	else
		add_group(vcpu, text);
	if (query.count)
		return true;
	shell_print("there is no register \"%s\"; regs %s %u lists them\n", text,
		    vcpu->vm->config->name, vcpu->id);
	return false;
}

static bool prepare(const struct shell_line *line)
{
	struct vm *vm = shell_vm(line->arg[0]);
	bool all = strcmp(line->arg[1], ALL) == 0;
	struct vcpu *vcpu = !vm ? NULL : all ? vm->vcpu[0] : shell_vcpu(vm, line->arg[1]);

	if (!vcpu)
		return false;
	if (query.job.running) /* its answer is still being written by a CPU that hangs */
		return true;
	query.vcpu = vcpu;
	query.all = all;
	query.write = false;
	query.count = 0;
	query.job.visit = visit;
	query.job.done = done;
	if (line->arg[2])
		return select_regs(vcpu, line->arg[2]);
	add_group(vcpu, NULL);
	return true;
}

enum shell_result shell_regs(const struct shell_line *line)
{
	if (!prepare(line))
		return SHELL_DONE;
	return shell_job_ask(&query.job, query.vcpu);
}

/* False: it has said why this cannot be set. */
static bool prepare_write(const struct shell_line *line, u64 value)
{
	const struct vm *vm = query.vcpu->vm;

	if (vm->state != VM_PAUSED)
		shell_print("VM %s is %s: pause it first\n", vm->config->name,
			    vm_state_name[vm->state]);
	else if (query.count != 1)
		shell_print("\"%s\" is a group: set takes one register\n", line->arg[2]);
	else if (query.all)
		shell_print("set takes one vCPU\n");
	else
		query.write = true;
	query.reg[0].value = value;
	return query.write;
}

enum shell_result shell_set(const struct shell_line *line)
{
	u64 value;

	if (!shell_number("value", line->arg[3], &value) || !prepare(line))
		return SHELL_DONE;
	if (!query.job.running && !prepare_write(line, value))
		return SHELL_DONE;
	return shell_job_ask(&query.job, query.vcpu);
}

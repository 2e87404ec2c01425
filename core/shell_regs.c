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
} job;

static void read_all(void)
{
	for (size_t i = 0; i < job.count; i++)
		job.reg[i].err = arch_reg_get(job.vcpu, job.reg[i].id, &job.reg[i].value);
}

/* On the vCPU's CPU. */
static void visit(struct shell_job *unused)
{
	(void)unused;
	job.inconsistent = NULL;
	job.err = arch_reg_begin(job.vcpu);
	if (job.err != FIRN_OK)
		return;
	if (job.write) {
		job.err = arch_reg_set(job.vcpu, job.reg[0].id, job.reg[0].value);
		job.inconsistent = arch_regs_inconsistent(job.vcpu);
	} else {
		read_all();
	}
	arch_reg_end(job.vcpu);
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

	shell_print("%s (id 0x%016llx) ", reg_name(job.reg[i].id, name),
		    (unsigned long long)job.reg[i].id);
	if (job.reg[i].err == FIRN_OK)
		shell_print("0x%016llx\n", (unsigned long long)job.reg[i].value);
	else
		shell_print("cannot be read: %s\n", firn_strerror(job.reg[i].err));
}

static void print_table(void)
{
	char name[REG_NAME_MAX];

	for (size_t i = 0; i < job.count; i++) {
		bool end = i % COLUMNS == COLUMNS - 1 || i == job.count - 1;

		if (job.reg[i].err == FIRN_OK)
			shell_print("%-22s %016llx%s", reg_name(job.reg[i].id, name),
				    (unsigned long long)job.reg[i].value, end ? "\n" : "  ");
		else
			shell_print("%-22s %-16s%s", reg_name(job.reg[i].id, name), "?",
				    end ? "\n" : "  ");
	}
}

static void print_answer(void)
{
	const char *vm = job.vcpu->vm->config->name;
	char name[REG_NAME_MAX];

	if (job.err == ERR_STATE && !job.write)
		shell_print("vCPU %u of VM %s has never run\n", job.vcpu->id, vm);
	else if (job.err != FIRN_OK && job.write)
		shell_print("%s cannot become 0x%llx: %s\n", reg_name(job.reg[0].id, name),
			    (unsigned long long)job.reg[0].value, firn_strerror(job.err));
	else if (job.err != FIRN_OK)
		shell_print("registers cannot be read: %s\n", firn_strerror(job.err));
	else if (job.inconsistent)
		shell_print("set, but the vCPU cannot go on like this: %s\n", job.inconsistent);
	else if (!job.write && job.count == 1)
		print_one(0);
	else if (!job.write)
		print_table();
}

static enum shell_result done(struct shell_job *unused)
{
	struct vm *vm = job.vcpu->vm;

	(void)unused;
	if (job.all)
		shell_print("vCPU %u\n", job.vcpu->id);
	print_answer();
	if (!job.all || job.vcpu->id + 1 >= vm->nr_vcpus)
		return SHELL_DONE;
	job.vcpu = vm->vcpu[job.vcpu->id + 1];
	return shell_job_ask(&job.job, job.vcpu);
}

static void add(u64 id)
{
	if (job.count < MAX_REGS)
		job.reg[job.count++].id = id;
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
	if (job.count)
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
	if (job.job.running) /* its answer is still being written by a CPU that hangs */
		return true;
	job.vcpu = vcpu;
	job.all = all;
	job.count = 0;
	job.job.visit = visit;
	job.job.done = done;
	if (line->arg[2])
		return select_regs(vcpu, line->arg[2]);
	add_group(vcpu, NULL);
	return true;
}

enum shell_result shell_regs(const struct shell_line *line)
{
	if (!prepare(line))
		return SHELL_DONE;
	if (!job.job.running)
		job.write = false;
	return shell_job_ask(&job.job, job.vcpu);
}

enum shell_result shell_set(const struct shell_line *line)
{
	u64 value;

	if (!shell_number("value", line->arg[3], &value) || !prepare(line))
		return SHELL_DONE;
	if (!job.job.running) {
		if (job.vcpu->vm->state != VM_PAUSED) {
			shell_print("VM %s is %s: pause it first\n", line->arg[0],
				    vm_state_name[job.vcpu->vm->state]);
			return SHELL_DONE;
		}
		if (job.count != 1) {
			shell_print("\"%s\" is a group: set takes one register\n", line->arg[2]);
			return SHELL_DONE;
		}
		if (job.all) {
			shell_print("set takes one vCPU\n");
			return SHELL_DONE;
		}
		job.write = true;
		job.reg[0].value = value;
	}
	return shell_job_ask(&job.job, job.vcpu);
}

/* SPDX-License-Identifier: MIT */
/*
 * The firn> prompt. Everything runs on the boot CPU inside its loop and nothing waits: output is
 * kept and goes out as the consoles take it, questions to other CPUs are work (core/shell_job.h).
 */
#ifndef FIRN_CORE_SHELL_H
#define FIRN_CORE_SHELL_H

#include "core/vcpu.h"

/*
 * For the console multiplexer. Boot CPU.
 */

/* The prompt got or lost the focus. */
void shell_enter(void);
void shell_leave(void);
/* A byte typed at the prompt. */
void shell_input(u8 byte);
/* The consoles have room again: what is left of a command's output can go on. */
void shell_output_ready(void);

/*
 * For commands. Boot CPU.
 */

/* Adds to the output of the running command; any length, control characters are the caller's. */
void shell_print(const char *fmt, ...) __printf(1, 2);
void shell_write(const char *text, size_t len);
/* A JSON string with its quotes. */
void shell_json_string(const char *text);

enum shell_result {
	SHELL_DONE,
	SHELL_PENDING /* shell_finish() follows, from the CPU's loop */
};
void shell_finish(void);
/* Changes when a command is over or given up: answers that come later are for nobody. */
u32 shell_ticket(void);

#define SHELL_MAX_WORDS 8
struct shell_line {
	unsigned nr_args;
	char *arg[SHELL_MAX_WORDS]; /* behind the command's name; NULL = not given */
	bool json;		    /* --json */
};

#define SHELL_JSON    BIT(0) /* has --json */
#define SHELL_VM      BIT(1) /* is also "vm NAME" */
#define SHELL_LINE    BIT(2) /* takes a command with all that follows it */
#define SHELL_REPEATS BIT(3) /* goes on until a key by itself */

struct shell_command {
	const char *name;
	/*
	 * Words in upper case stand for others, "|" is between words of which one is given; in
	 * brackets = may be left out; "..." = as many more as there are. VM, COMMAND, ACTION, LEVEL,
	 * TEST and words in lower case are completed.
	 */
	const char *args;
	const char *help;
	unsigned flags;
	enum shell_result (*run)(const struct shell_line *line);
};
extern const struct shell_command shell_commands[];
extern const size_t shell_nr_commands;

/* These say what is wrong themselves; NULL or false then. */
struct vm *shell_vm(const char *name);
struct vcpu *shell_vcpu(struct vm *vm, const char *number);
bool shell_number(const char *what, const char *text, u64 *value); /* decimal or 0x... */
/* Behind what says which VMs there are: how many of the configuration there are not. */
void shell_print_refused(void);
#define SHELL_VM_COLUMN 16 /* its width where there is room */
/* Width of a column of VMs' names: that of the longest one, at least so many characters. */
int shell_vm_width(size_t least);

extern const char *const log_level_name[]; /* LOG_LEVELS of them, as firn.conf has them */

enum shell_result shell_help(const struct shell_line *line);
enum shell_result shell_vms(const struct shell_line *line);
enum shell_result shell_vm_group(const struct shell_line *line);
enum shell_result shell_console(const struct shell_line *line);
enum shell_result shell_start(const struct shell_line *line);
enum shell_result shell_stop(const struct shell_line *line);
enum shell_result shell_pause(const struct shell_line *line);
enum shell_result shell_resume(const struct shell_line *line);
enum shell_result shell_reset(const struct shell_line *line);
enum shell_result shell_top(const struct shell_line *line);
enum shell_result shell_watch(const struct shell_line *line);
enum shell_result shell_exits(const struct shell_line *line);
enum shell_result shell_trace(const struct shell_line *line);
enum shell_result shell_regs(const struct shell_line *line);
enum shell_result shell_set(const struct shell_line *line);
enum shell_result shell_dump(const struct shell_line *line);
enum shell_result shell_dirty(const struct shell_line *line);
enum shell_result shell_cpus(const struct shell_line *line);
enum shell_result shell_switches(const struct shell_line *line);
enum shell_result shell_mem(const struct shell_line *line);
enum shell_result shell_pci(const struct shell_line *line);
enum shell_result shell_log(const struct shell_line *line);
enum shell_result shell_caps(const struct shell_line *line);
enum shell_result shell_mitigations(const struct shell_line *line);
enum shell_result shell_version(const struct shell_line *line);
enum shell_result shell_add_cpu(const struct shell_line *line);
enum shell_result shell_remove_cpu(const struct shell_line *line);
enum shell_result shell_power_button(const struct shell_line *line);
enum shell_result shell_shutdown(const struct shell_line *line);
enum shell_result shell_crash_host(const struct shell_line *line);
enum shell_result shell_selftest(const struct shell_line *line);
enum shell_result shell_reboot(const struct shell_line *line);

/*
 * Provided by arch/. Boot CPU unless said otherwise.
 */

/* Prints what the processor and its virtualization can do and what is missing. */
void arch_shell_caps(void);
/* Prints which speculation attacks the processor is open to and what is done against them. */
void arch_shell_mitigations(bool json);
/*
 * Faults of Firn's own, made to see what stops them: run ends in a panic, or says what was not
 * stopped or can't be tried. line: arg[0] is the name.
 */
struct selftest {
	const char *name;
	const char *help;
	unsigned max_args; /* behind the name */
	enum shell_result (*run)(const struct shell_line *line);
};
extern const struct selftest arch_selftests[];
extern const size_t arch_nr_selftests;
/* Hardware's number of a CPU (x86: APIC id), and the state of virtualization on it. */
u32 arch_cpu_hardware_id(unsigned cpu);
const char *arch_cpu_status(unsigned cpu);

/* Exit reasons are 0..arch_nr_exits()-1; those that the manual has no name for are "unknown". */
unsigned arch_nr_exits(void);
#define SHELL_EXITS_MAX 256 /* commands show no more of them */
const char *arch_exit_name(unsigned reason);
u64 arch_exit_count(const struct vcpu *vcpu, unsigned reason);

/* Registers by id (core/reg_ids.h): those a vCPU has, names, ids (0 = no such name). */
#define REG_NAME_MAX 32
size_t arch_reg_list(struct vcpu *vcpu, u64 *ids, size_t max);
const char *arch_reg_name(u64 id, char buf[REG_NAME_MAX]);
u64 arch_reg_by_name(const char *name);

/*
 * On the vCPU's CPU, from work: it is outside of the guest then. begin makes the registers
 * readable (ERR_STATE: it has never run), end must follow a begin that succeeded. Reading changes
 * nothing that the guest can see, so its VM may be running.
 */
enum firn_err arch_reg_begin(struct vcpu *vcpu);
enum firn_err arch_reg_get(struct vcpu *vcpu, u64 id, u64 *value);
/* VM paused. */
enum firn_err arch_reg_set(struct vcpu *vcpu, u64 id, u64 value);
void arch_reg_end(struct vcpu *vcpu);
/* Which rule across registers is broken, so that the vCPU could not go on; NULL = none. */
const char *arch_regs_inconsistent(struct vcpu *vcpu);

#endif

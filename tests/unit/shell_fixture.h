/* SPDX-License-Identifier: MIT */
/*
 * The prompt on a fake machine: two CPUs, two VMs, five registers, a screen that remembers. What
 * the prompt asks of VMs, the machine and other CPUs is recorded.
 */
#ifndef FIRN_TESTS_SHELL_FIXTURE_H
#define FIRN_TESTS_SHELL_FIXTURE_H

#include "core/console.h"
#include "core/machine.h"
#include "core/host_pci.h"
#include "core/shell.h"

#define PROMPT	 "firn> "
#define CTRL_C	 "\x03"
#define CTRL_U	 "\x15"
#define NR_VMS	 2
#define MANY_VMS 9
#define NR_REGS	 5

extern char screen[512 * 1024];
extern size_t screen_len, room; /* room: what console_tx_room() has left */
void clear_screen(void);

extern struct vm_config config[MANY_VMS];
extern struct vm vm[MANY_VMS];
extern unsigned nr_vms;	  /* NR_VMS; the others have a place and nothing else */
extern unsigned irq_line; /* the GSI that is raised, 0 = none */
extern struct vm *focus;
extern const char *called; /* last function that changes a VM or the machine */
extern struct vm *called_vm;
extern enum firn_err answer; /* what these functions return */
extern enum machine_end ended;
extern unsigned refused; /* VMs that could not be made */

struct fake_reg {
	const char *name;
	u64 id, value;
};
extern struct fake_reg regs[NR_REGS];
extern bool never_ran;
extern const char *inconsistent;
extern unsigned begins, ends;
extern struct host_pci *functions; /* of the machine */
extern u64 more_exits;		   /* of each vCPU of the first VM, for I/O */

/* A prompt with an empty line on an empty screen; everything else as at the start. */
int shell_setup(void **state);
void keys(const char *text);
/* Work on all CPUs. */
void run_cpus(void);
/* Then timers that are due, and the work that they post. */
void pass_time(u64 ns);
/* Types a command, gives it the time that it needs; returns what it printed: without echo and the prompt that follows. */
const char *cmd(const char *line);

#define assert_prints(line, text) assert_string_equal(cmd(line), text)
#define assert_has(text, part)                                                       \
	do {                                                                         \
		const char *text_ = text;                                            \
		if (!strstr(text_, part))                                            \
			fail_msg("\"%s\" not in:\n%s", (const char *)(part), text_); \
	} while (0)

#endif

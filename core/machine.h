/* SPDX-License-Identifier: MIT */
/* The machine as a whole: VMs started at boot, shut-down when all is done. Boot CPU only. */
#ifndef FIRN_CORE_MACHINE_H
#define FIRN_CORE_MACHINE_H

#include "core/config.h"

/* Not all that the configuration asks for will be started: the exit status is to say so. */
void machine_cannot_start(void);
/* Takes the VMs that are wrong out of the configuration, before anybody points to one. */
void machine_drop_wrong(struct firn_config *config);
/* In the order of the file: a VM for which no memory is left is wrong, and an error says so. */
void machine_check_memory(struct firn_config *config);
/* Makes and starts the VMs of the configuration; what fails is logged and the rest goes on. */
void machine_start_vms(const struct firn_config *config);
/* How many of its VMs were not made, for whatever reason. */
unsigned machine_vms_refused(void);

enum machine_end {
	MACHINE_POWER_OFF,
	MACHINE_REBOOT
};
/* Stops every VM, then every CPU leaves virtualization, then the machine ends. Returns at once. */
void machine_shutdown(enum machine_end end);

/*
 * What the image reports when it ends: the highest status a guest wrote to its debug exit port,
 * at least 1 when a VM ever crashed or could not start, else 0.
 */
unsigned machine_exit_status(void);

/* Provided by arch/: all other CPUs leave virtualization and halt, this one too; then the end. */
void arch_machine_end(enum machine_end end) __noreturn;

#endif

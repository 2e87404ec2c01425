/* SPDX-License-Identifier: MIT */
/* Mitigations on this machine: chosen, built into the code, turned on for each CPU, shown. */
#ifndef FIRN_X86_MITIGATIONS_HOST_H
#define FIRN_X86_MITIGATIONS_HOST_H

#include "core/config.h"
#include "core/err.h"

/* Once, on the boot CPU, before other CPUs and guests run. Logs a line for each issue. */
void mitigations_init(enum config_mitigations mitigations, enum config_vmscape vmscape);
/* On each CPU that may run guests, and when it stops doing so. */
void mitigations_cpu_on(void);
void mitigations_cpu_off(void);

/*
 * Writes the calls into the patch sites (patch_site.h): target[PATCH_*], NULL = it stays a NOP;
 * verw: those sites become VERW. Boot CPU, before other CPUs and guests run.
 */
void patch_sites(void (*const target[])(void), bool verw);

#endif

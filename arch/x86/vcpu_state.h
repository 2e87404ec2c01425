/* SPDX-License-Identifier: MIT */
/* Switching of FPU, debug registers and MSRs between vCPUs: what both vendors share. */
#ifndef FIRN_X86_VCPU_STATE_H
#define FIRN_X86_VCPU_STATE_H

#include "core/err.h"
#include "core/vcpu.h"

/* Once, before the first vCPU. ERR_UNSUPPORTED without XSAVE. */
enum firn_err vcpu_state_init(void);
/* The XSAVE area. ERR_NOMEM. */
enum firn_err vcpu_state_create(struct vcpu *vcpu);
void vcpu_state_destroy(struct vcpu *vcpu);
/* The vCPU whose state is in the calling CPU, or NULL. */
struct vcpu *vcpu_resident(void);
/* This CPU leaves virtualization: what it still held is given up. */
void vcpu_state_cpu_off(void);

#endif

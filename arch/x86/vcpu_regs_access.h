/* SPDX-License-Identifier: MIT */
/* Access to one register by type and index, for vcpu_regs.c, which has checked that it exists. */
#ifndef FIRN_X86_VCPU_REGS_ACCESS_H
#define FIRN_X86_VCPU_REGS_ACCESS_H

#include "core/reg_ids.h"
#include "core/vcpu.h"

u64 reg_get(struct vcpu *vcpu, enum reg_type type, u32 index);
/* ERR_INVALID, ERR_READONLY: the register keeps its value. */
enum firn_err reg_set(struct vcpu *vcpu, enum reg_type type, u32 index, u64 value);

#endif

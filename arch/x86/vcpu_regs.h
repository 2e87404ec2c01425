/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's registers by id (core/reg_ids.h). Only while the VM does not run (ERR_STATE else; the
 * caller pauses it), on the CPU that owns the vCPU. What arrives asynchronously (INIT, SIPI, NMI,
 * posted interrupts) is not among them, so nothing that is written here can lose it.
 */
#ifndef FIRN_X86_VCPU_REGS_H
#define FIRN_X86_VCPU_REGS_H

#include "core/reg_ids.h"
#include "core/vcpu.h"

#define VCPU_REG_NAME_MAX 32

/* Without side effects. ERR_INVALID: malformed id; ERR_NOENT: this vCPU has no such register. */
enum firn_err vcpu_reg_get(struct vcpu *vcpu, u64 id, u64 *value);
/*
 * The same while the VM runs, for looking only: from work of the vCPU's CPU, which is outside of
 * the guest then, after virt_vcpu_sync().
 */
enum firn_err vcpu_reg_peek(struct vcpu *vcpu, u64 id, u64 *value);
/*
 * Checks value as the guest's own write would, but for rules about the order of writes: registers
 * can be restored one by one, in the order of vcpu_reg_list; then ask vcpu_regs_inconsistent.
 * ERR_INVALID also for a bad value, ERR_READONLY; the register keeps its value then.
 */
enum firn_err vcpu_reg_set(struct vcpu *vcpu, u64 id, u64 value);

/* Every id that vcpu_reg_get knows here, up to max; returns how many there are. Any CPU. */
size_t vcpu_reg_list(struct vcpu *vcpu, u64 *ids, size_t max);

/* Name like "rax", "cs.base", "msr.LSTAR" in buf, or NULL; and back (0 = none). */
const char *vcpu_reg_name(u64 id, char buf[VCPU_REG_NAME_MAX]);
u64 vcpu_reg_by_name(const char *name);

/* Which rule across registers is broken (SDM 3C 26.3.1.1), or NULL: the vCPU can run. */
const char *vcpu_regs_inconsistent(struct vcpu *vcpu);

#endif

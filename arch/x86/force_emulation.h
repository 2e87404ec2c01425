/* SPDX-License-Identifier: MIT */
/*
 * Forced emulation: UD2 and the letters "kvm" before an instruction have it executed by the emulator,
 * which a guest would otherwise see only where it touches devices. For tests of the emulator, in the
 * encoding that KVM's tests use; "force-emulation = yes" of the VM.
 */
#ifndef FIRN_X86_FORCE_EMULATION_H
#define FIRN_X86_FORCE_EMULATION_H

#include "core/vcpu.h"

/* Is #UD of this VM intercepted? Any CPU. */
static inline bool emulation_is_forced(const struct vm *vm)
{
	return vm->config->force_emulation;
}

/*
 * The guest raised #UD at RIP. Behind the prefix the instruction is emulated, and what it raises has
 * its own RIP; else the guest gets its #UD. On the CPU that runs the vCPU, between exit and entry.
 */
void guest_invalid_opcode(struct vcpu *vcpu);

#endif

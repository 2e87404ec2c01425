/* SPDX-License-Identifier: MIT */
/* See force_emulation.h. */
#include "arch/x86/force_emulation.h"

#include "arch/x86/emulate.h"
#include "arch/x86/guest_walk.h"
#include "arch/x86/msr.h"
#include "arch/x86/virt.h"
#include "core/guest_memory.h"

static const u8 prefix[] = { 0x0f, 0x0b, 'k', 'v', 'm' };

struct code_address {
	u64 linear, mask;
	bool user;
};

static struct code_address code_address(struct vcpu *vcpu)
{
	struct code_address at = { .linear = virt_get(vcpu, VREG_RIP), .mask = UINT32_MAX };
	struct x86_seg cs, ss;

	virt_get_seg(vcpu, SEG_CS, &cs);
	virt_get_seg(vcpu, SEG_SS, &ss);
	if ((virt_get(vcpu, VREG_EFER) & EFER_LMA) && (cs.ar & SEG_AR_L))
		at.mask = ~0ull;
	else
		at.linear += cs.base;
	at.user = (ss.ar >> SEG_AR_DPL_SHIFT & 3) == 3;
	return at;
}

/* The prefix may cross a page. One that can't be fetched whole is none. */
static bool is_forced(struct vcpu *vcpu)
{
	struct code_address at = code_address(vcpu);

	for (unsigned i = 0; i < sizeof(prefix); i++) {
		u64 gpa;
		u32 pfec;
		u8 byte;

		if (guest_walk(vcpu, (at.linear + i) & at.mask, WALK_FETCH, at.user, &gpa, &pfec) !=
			    WALK_OK ||
		    guest_read(&vcpu->vm->memory, gpa, &byte, 1) != FIRN_OK || byte != prefix[i])
			return false;
	}
	return true;
}

void guest_invalid_opcode(struct vcpu *vcpu)
{
	if (!emulation_is_forced(vcpu->vm) || !is_forced(vcpu)) {
		virt_inject_ud(vcpu);
		return;
	}
	virt_set(vcpu, VREG_RIP, virt_get(vcpu, VREG_RIP) + sizeof(prefix));
	vcpu_emulate(vcpu);
}

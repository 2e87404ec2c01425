/* SPDX-License-Identifier: MIT */
/* The signals INIT and SIPI on their way to a vCPU (SDM 3A 8.4.4.1); vcpu_service() carries them out. */
#include "core/vcpu.h"

void vcpu_post_init(struct vcpu *vcpu)
{
	/* Nothing that came before is left, or the processor would start anew with an NMI. */
	__atomic_and_fetch(&vcpu->events,
			   ~(u32)(VCPU_EVENT_SIPI | VCPU_SIPI_VECTOR | VCPU_EVENT_NMI),
			   __ATOMIC_ACQ_REL);
	vcpu_post_event(vcpu, VCPU_EVENT_INIT);
}

void vcpu_post_sipi(struct vcpu *vcpu, u8 vector)
{
	u32 sipi = VCPU_EVENT_SIPI | (u32)vector << VCPU_SIPI_VECTOR_SHIFT;
	u32 old = __atomic_load_n(&vcpu->events, __ATOMIC_RELAXED);

	do
		if (old & VCPU_EVENT_SIPI)
			return;
	while (!__atomic_compare_exchange_n(&vcpu->events, &old, old | sipi, true, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED));
	vcpu_post_event(vcpu, 0); /* only the notice */
}

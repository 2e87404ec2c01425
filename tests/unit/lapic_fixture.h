/* SPDX-License-Identifier: MIT */
/* The LAPICs of a fake VM: on, as a guest's start-up code leaves them. */
#ifndef FIRN_TESTS_LAPIC_FIXTURE_H
#define FIRN_TESTS_LAPIC_FIXTURE_H

#include "arch/x86/lapic.h"
#include "fake_vcpu.h"

#define SVR_ON 0x1ff /* enabled, spurious vector 0xff */

static inline struct lapic *lapic_of(struct fake_vm *fake, unsigned i)
{
	return &fake->vm.vcpu[i]->arch.lapic;
}

static inline void fake_vm_start_lapics(struct fake_vm *fake)
{
	for (unsigned i = 0; i < fake->vm.nr_vcpus; i++) {
		lapic_init(lapic_of(fake, i), fake->vm.vcpu[i], fake->vcpu[i]->apic_page);
		lapic_write(lapic_of(fake, i), APIC_SVR, SVR_ON);
	}
}

#endif

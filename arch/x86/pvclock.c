/* SPDX-License-Identifier: MIT */
/* KVM paravirtual clock: the structures in guest memory (Linux Documentation/virt/kvm/x86/msr.rst). */
#include "arch/x86/pvclock.h"

#include "arch/x86/cpuid_image.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/virt.h"
#include "core/arch.h"
#include "core/guest_memory.h"

#define SYSTEM_TIME_ENABLE BIT(0)
#define STRUCTURE_ALIGN	   4

#define FLAG_TSC_STABLE	   BIT(0)
#define FLAG_GUEST_STOPPED BIT(1) /* set by us, cleared by the guest */

struct pvclock_vcpu_time {
	u32 version; /* odd while the rest changes */
	u32 pad0;
	u64 tsc_timestamp; /* guest TSC */
	u64 system_time;   /* ns at tsc_timestamp */
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
};
_Static_assert(sizeof(struct pvclock_vcpu_time) == 32, "guest ABI");
_Static_assert(offsetof(struct pvclock_vcpu_time, flags) == 29, "guest ABI");

struct pvclock_wall_clock {
	u32 version;
	u32 seconds, nanoseconds;
};
_Static_assert(sizeof(struct pvclock_wall_clock) == 12, "guest ABI");

void pvclock_scale(u64 tsc_khz, u32 *mul, s8 *shift)
{
	u64 hz = tsc_khz * 1000;
	unsigned left = 0, right = 0;

	/* The frequency after the shift is in (1, 2] GHz: mul keeps 32 significant bits. */
	while (hz > (2 * NS_PER_S) << right)
		right++;
	while (hz << left <= NS_PER_S)
		left++;
	*shift = (int)left - (int)right;
	*mul = ((unsigned __int128)NS_PER_S << (32 + right)) / (hz << left);
}

static bool offered(struct vcpu *vcpu, enum kvm_feature feature)
{
	return cpuid_image_offers(&vcpu->vm->arch.cpuid, feature);
}

static bool msr_offered(struct vcpu *vcpu, u32 msr)
{
	switch (msr) {
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_SYSTEM_TIME_OLD:
		return offered(vcpu, KVM_FEATURE_CLOCKSOURCE);
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return offered(vcpu, KVM_FEATURE_CLOCKSOURCE2);
	default:
		return false;
	}
}

static bool is_wall_clock(u32 msr)
{
	return msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_CLOCK_OLD;
}

/* Mapped again for each step: mapping is what marks the page dirty. */
static void set_version(struct memslots *ms, u64 gpa, u32 version)
{
	u32 *p = guest_map(ms, gpa, sizeof(*p), GUEST_WRITE);

	if (p)
		__atomic_store_n(p, version, __ATOMIC_RELEASE);
}

/*
 * Writes len bytes that follow the version word, which is odd meanwhile. The version word never
 * straddles a page, so a structure that does is written as well as any other.
 */
static void write_versioned(struct memslots *ms, u64 gpa, const void *body, size_t len)
{
	u32 *p = guest_map(ms, gpa, sizeof(*p), GUEST_WRITE);
	u32 version;
	enum firn_err err;

	if (!p)
		return;
	version = (__atomic_load_n(p, __ATOMIC_RELAXED) + 1) | 1;
	__atomic_store_n(p, version, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	err = guest_write(ms, gpa + sizeof(version), body, len);
	(void)err; /* the guest's own fault; the version must be even again in any case */
	set_version(ms, gpa, version + 1);
}

static u8 guest_flags(struct memslots *ms, u64 gpa)
{
	u8 flags;

	if (guest_read(ms, gpa + offsetof(struct pvclock_vcpu_time, flags), &flags, 1) != FIRN_OK)
		return 0;
	return flags;
}

static void write_system_time(struct vcpu *vcpu, u8 new_flags)
{
	struct vm *vm = vcpu->vm;
	u64 gpa = vcpu->arch.pvclock.system_time_msr & ~SYSTEM_TIME_ENABLE;
	struct pvclock_vcpu_time t = {
		.tsc_timestamp =
			vm->arch.clock_base_tsc + (u64)vm->arch.tsc_offset + vcpu->arch.tsc_adjust,
	};

	if (!(vcpu->arch.pvclock.system_time_msr & SYSTEM_TIME_ENABLE))
		return;
	pvclock_scale(clock_tsc_khz(), &t.tsc_to_system_mul, &t.tsc_shift);
	t.flags = new_flags | (guest_flags(&vm->memory, gpa) & FLAG_GUEST_STOPPED);
	if (offered(vcpu, KVM_FEATURE_CLOCKSOURCE_STABLE))
		t.flags |= FLAG_TSC_STABLE;
	write_versioned(&vm->memory, gpa, &t.pad0,
			sizeof(t) - offsetof(struct pvclock_vcpu_time, pad0));
}

/* Wall time at which the system time was 0. */
static void write_wall_clock(struct vm *vm)
{
	struct pvclock_wall_clock w = { 0 };
	u32 ns = 0;
	s64 wall = clock_wall(&ns);
	u64 wall_ns = (u64)wall * NS_PER_S + ns;
	u64 up_ns = clock_tsc_to_ns(clock_tsc() - vm->arch.clock_base_tsc);

	if (wall > 0 && wall_ns > up_ns) {
		w.seconds = (wall_ns - up_ns) / NS_PER_S;
		w.nanoseconds = (wall_ns - up_ns) % NS_PER_S;
	}
	write_versioned(&vm->memory, vm->arch.wall_clock_gpa, &w.seconds,
			sizeof(w) - offsetof(struct pvclock_wall_clock, seconds));
}

bool pvclock_msr_read(struct vcpu *vcpu, u32 msr, u64 *value)
{
	if (!msr_offered(vcpu, msr))
		return false;
	*value = is_wall_clock(msr) ? vcpu->vm->arch.wall_clock_gpa
				    : vcpu->arch.pvclock.system_time_msr;
	return true;
}

bool pvclock_msr_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	u64 flags = is_wall_clock(msr) ? 0 : SYSTEM_TIME_ENABLE;

	if (!msr_offered(vcpu, msr) || !IS_ALIGNED(value & ~flags, STRUCTURE_ALIGN))
		return false;
	if (is_wall_clock(msr)) {
		vcpu->vm->arch.wall_clock_gpa = value;
		if (value)
			write_wall_clock(vcpu->vm);
	} else {
		vcpu->arch.pvclock.system_time_msr = value;
		pvclock_update(vcpu);
	}
	return true;
}

void pvclock_update(struct vcpu *vcpu)
{
	write_system_time(vcpu, 0);
}

void pvclock_set_guest_stopped(struct vcpu *vcpu)
{
	write_system_time(vcpu, FLAG_GUEST_STOPPED);
}

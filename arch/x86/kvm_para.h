/* SPDX-License-Identifier: MIT */
/* KVM paravirt interface: CPUID features, MSRs, hypercalls. Described in docs/guest-abi.md. */
#ifndef FIRN_X86_KVM_PARA_H
#define FIRN_X86_KVM_PARA_H

#include "arch/x86/cpuid_bits.h"
#include "core/paravirt.h"

/* "KVMKVMKVM\0\0\0" in EBX, ECX, EDX of leaf 0x40000000 */
#define KVM_SIGNATURE_EBX 0x4b4d564bu
#define KVM_SIGNATURE_ECX 0x564b4d56u
#define KVM_SIGNATURE_EDX 0x0000004du

/* "FirnFirnFirn" in EBX, ECX, EDX of leaf 0x40000100 */
#define FIRN_SIGNATURE 0x6e726946u

#define KVM_FEATURE(bit) CPUID_FEATURE(CPUID_KVM, 0u, CPUID_EAX, bit)

#define KVM_FEATURE_NAME(bit, name, text) KVM_FEATURE_##name = KVM_FEATURE(bit##u),
enum kvm_feature {
	PARAVIRT_FEATURES(KVM_FEATURE_NAME)
};
#undef KVM_FEATURE_NAME

/* Leaf 0x40000001 EDX: vCPUs are never held off for long. */
#define KVM_HINT_REALTIME BIT(0)

/* MSRs of the range; others are in pvclock.h, steal_time.h and pv_eoi.h. */
#define MSR_KVM_FIRST 0x4b564d00
#define MSR_KVM_LAST  0x4b564dff

#define MSR_KVM_POLL_CONTROL	0x4b564d05
#define POLL_CONTROL_HOST_POLLS BIT(0)

#define KVM_HC_VAPIC_POLL_IRQ 1
#define KVM_HC_KICK_CPU	      5
#define KVM_HC_CLOCK_PAIRING  9
#define KVM_HC_SEND_IPI	      10
#define KVM_HC_SCHED_YIELD    11
/* Firn's own start far from KVM's. */
#define FIRN_HC_PMU_EVENT_INFO 0x46000000

/* Hypercalls return the negative of these. */
#define KVM_EPERM      1
#define KVM_EFAULT     14
#define KVM_EINVAL     22
#define KVM_EOPNOTSUPP 95
#define KVM_ENOSYS     1000

#endif

/* SPDX-License-Identifier: MIT */
/* KVM paravirt interface: CPUID features, MSRs, hypercalls. Described in docs/guest-abi.md. */
#ifndef FIRN_X86_KVM_PARA_H
#define FIRN_X86_KVM_PARA_H

#include "arch/x86/cpuid_bits.h"

/* "KVMKVMKVM\0\0\0" in EBX, ECX, EDX of leaf 0x40000000 */
#define KVM_SIGNATURE_EBX 0x4b4d564bu
#define KVM_SIGNATURE_ECX 0x564b4d56u
#define KVM_SIGNATURE_EDX 0x0000004du

#define KVM_FEATURE_CLOCKSOURCE	       CPUID_FEATURE(CPUID_KVM, 0u, CPUID_EAX, 0u)
#define KVM_FEATURE_NOP_IO_DELAY       CPUID_FEATURE(CPUID_KVM, 0u, CPUID_EAX, 1u)
#define KVM_FEATURE_CLOCKSOURCE2       CPUID_FEATURE(CPUID_KVM, 0u, CPUID_EAX, 3u)
#define KVM_FEATURE_CLOCKSOURCE_STABLE CPUID_FEATURE(CPUID_KVM, 0u, CPUID_EAX, 24u)

/* MSRs of the range; the clock's own are in pvclock.h. */
#define MSR_KVM_FIRST 0x4b564d00
#define MSR_KVM_LAST  0x4b564dff

#define KVM_HC_VAPIC_POLL_IRQ	    1
#define KVM_HC_CLOCK_PAIRING	    9
#define KVM_CLOCK_PAIRING_WALLCLOCK 0

/* Hypercalls return the negative of these. */
#define KVM_EPERM  1
#define KVM_ENOSYS 1000

#endif

/* SPDX-License-Identifier: MIT */
/* Accesses to devices for the trace of a vCPU (core/exit_trace.h). */
#ifndef FIRN_X86_TRACE_IO_H
#define FIRN_X86_TRACE_IO_H

#include "core/vcpu.h"

/* On the vCPU's CPU; exit_trace_is_on() first. lapic: its register page, which is on no bus. */
void trace_mmio(struct vcpu *vcpu, u64 gpa, unsigned width, bool write, u64 value, bool lapic);
void trace_port(struct vcpu *vcpu, u16 port, unsigned width, bool write, u64 value);

#endif

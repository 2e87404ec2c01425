/* SPDX-License-Identifier: MIT */
/* Accesses to devices for the trace of a vCPU: with the name of the device. */
#include "arch/x86/trace_io.h"

#define BITS_PER_BYTE 8

static const char *device(const struct iobus *bus, u64 address, unsigned width)
{
	const struct iorange *range = iobus_find(bus, address, width);

	return range ? range->ops->name : NULL;
}

static u64 low_bytes(u64 value, unsigned width)
{
	return width >= sizeof(value) ? value : value & (BIT(width * BITS_PER_BYTE) - 1);
}

void trace_mmio(struct vcpu *vcpu, u64 gpa, unsigned width, bool write, u64 value, bool lapic)
{
	exit_trace_io(vcpu, write ? TRACE_IO_WRITE : 0, gpa, width, low_bytes(value, width),
		      lapic ? "lapic" : device(&vcpu->vm->mmio, gpa, width));
}

void trace_port(struct vcpu *vcpu, u16 port, unsigned width, bool write, u64 value)
{
	exit_trace_io(vcpu, TRACE_IO_PORT | (write ? TRACE_IO_WRITE : 0), port, width,
		      low_bytes(value, width), device(&vcpu->vm->pio, port, width));
}

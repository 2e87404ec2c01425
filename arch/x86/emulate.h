/* SPDX-License-Identifier: MIT */
/*
 * Instruction emulator: one guest instruction on a copy of the registers it needs. Knows nothing
 * of vCPUs, memory or devices: those are reached through struct emu_ops, so that the same code runs
 * in unit tests. Everything is computed in C; no guest operation is executed natively, and none of
 * these files has a DIV in its object code, so no operand can fault the host.
 *
 * It executes what reaches devices (moves, string and port I/O, integer arithmetic on memory) and
 * near control transfers. Shadow stacks and branch tracking are not emulated, so what they follow is
 * refused while they are on; far transfers always are.
 */
#ifndef FIRN_X86_EMULATE_H
#define FIRN_X86_EMULATE_H

#include "arch/x86/regs.h"

enum emu_result {
	EMU_OK,	       /* registers advanced; RIP stays when a REP or a contended LOCK must go on */
	EMU_FAULT,     /* emu.fault tells which; registers keep what completed iterations did */
	EMU_UNHANDLED, /* emu.why tells; registers unchanged */
};

/* Kind of a memory access, ORed. 0 = plain read with the rights of the current CPL. */
#define EMU_ACCESS_WRITE  BIT(0) /* the place is or will be written: check for a write */
#define EMU_ACCESS_SYSTEM BIT(1) /* implicit access (TSS): supervisor rights at any CPL */
#define EMU_ACCESS_FETCH  BIT(2) /* instruction fetch; callbacks have fetch() for it */

/* Iterations of a REP that one call executes at most. */
#define EMU_STRING_BUDGET 1024
/* Tries of a LOCKed update against other CPUs in one call. */
#define EMU_LOCK_TRIES 64

struct emu_regs {
	u64 gpr[NR_GPRS]; /* enum x86_gpr order, RSP included */
	u64 rip, rflags;
};

struct emu_fault {
	enum x86_vector vector;
	u32 error;
	u64 cr2; /* of a #PF */
};

struct emu;

/*
 * Linear addresses are canonical or below 4 GiB; outside 64-bit mode the bytes after 0xffffffff are
 * those at 0. Each returns EMU_OK, or fills emu->fault (EMU_FAULT) or emu->why (EMU_UNHANDLED).
 * A failing call has had no effect on memory or devices.
 */
struct emu_ops {
	/* Instruction bytes; never crosses a page. */
	enum emu_result (*fetch)(struct emu *emu, u64 linear, void *buf, unsigned len);
	enum emu_result (*read)(struct emu *emu, u64 linear, void *buf, unsigned len,
				unsigned access);
	enum emu_result (*write)(struct emu *emu, u64 linear, const void *buf, unsigned len);
	/*
	 * Atomic on RAM: stores desired if the place still holds expected. *done = false: it held
	 * something else and was not changed. Devices take a plain write.
	 */
	enum emu_result (*cmpxchg)(struct emu *emu, u64 linear, u64 expected, u64 desired,
				   unsigned len, bool *done);
	/* Would an access of this kind be allowed? Touches no data. */
	enum emu_result (*probe)(struct emu *emu, u64 linear, unsigned len, unsigned access);
	/* width: 1, 2, 4 bytes. Permission has been checked. */
	u32 (*in)(struct emu *emu, u16 port, unsigned width);
	void (*out)(struct emu *emu, u16 port, unsigned width, u32 value);
	/* Any segment but CS; asked for only when the instruction uses it. */
	void (*get_seg)(struct emu *emu, enum x86_segment seg, struct x86_seg *out);
	/* IA32_U_CET or IA32_S_CET; asked for by control transfers, and only with CR4.CET. */
	u64 (*get_cet)(struct emu *emu, bool user);
};

/*
 * Decoded instructions, so that a loop or a driver that comes back is not decoded each time. An
 * entry is used only when the mode and every byte of the instruction are the same, so code may
 * change at any time. For one CPU at a time.
 */
struct emu_decode_cache;
/* NULL: no memory. free() takes it back. */
struct emu_decode_cache *emu_decode_cache_create(void);

struct emu {
	/* Set by the caller */
	const struct emu_ops *ops;
	struct emu_decode_cache *cache; /* NULL: decodes each time */
	struct emu_regs regs;
	u64 cr0, cr4, efer;
	struct x86_seg cs, ss;

	/* Set by emulate(), valid in callbacks and afterwards */
	u8 mode; /* code size: 16, 32, 64 */
	u8 cpl;
	bool protected; /* protected mode and not virtual-8086: segments have types */
	struct emu_fault fault;
	const char *why; /* EMU_UNHANDLED: completes "cannot emulate: " */
	u8 length;	 /* bytes of the instruction that were fetched into bytes[] */
	u8 bytes[15];
};

/* Executes the instruction at CS:RIP. Any context; as long as the callbacks take. */
enum emu_result emulate(struct emu *emu);

struct vcpu;

/*
 * Executes the instruction at which the vCPU stopped (EPT violation on a device, string port I/O,
 * APIC access): commits registers and RIP, injects a fault, clears STI/MOV SS blocking, honours TF.
 * EMU_UNHANDLED has been dealt with too: #UD above CPL 0, else the VM crashes with the reason.
 * Callers just go on. On the CPU that runs the vCPU, between exit and entry.
 */
enum emu_result vcpu_emulate(struct vcpu *vcpu);

/* One access to the device at gpa, the LAPIC included; width: 1, 2, 4, 8. On the vCPU's CPU. */
u64 vcpu_mmio_read(struct vcpu *vcpu, u64 gpa, unsigned width);
void vcpu_mmio_write(struct vcpu *vcpu, u64 gpa, unsigned width, u64 value);

/*
 * INS and OUTS, with or without REP, after a string port I/O exit. Same rules; at most
 * EMU_STRING_BUDGET iterations, then RIP is still on the instruction and the guest executes the rest.
 */
static inline enum emu_result vcpu_emulate_io_string(struct vcpu *vcpu)
{
	return vcpu_emulate(vcpu);
}

#endif

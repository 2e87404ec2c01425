/* SPDX-License-Identifier: MIT */
/*
 * A machine for the emulator's tests: a little linear memory with a missing and a read-only page,
 * segments, one port; everything that an instruction does to them is recorded.
 */
#ifndef FIRN_TESTS_EMULATE_FIXTURE_H
#define FIRN_TESTS_EMULATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/emulate.h"
#include "arch/x86/msr.h"

#define MEMORY_SIZE   0x40000
#define CODE	      0x1000 /* linear address of the instruction under test */
#define DATA	      0x2000
#define MISSING_PAGE  0x5000 /* any access: #PF */
#define READONLY_PAGE 0x6000
#define TSS	      0x8000
#define PORT	      0x3f8

#define AR_CODE16 0x009b
#define AR_CODE32 0xc09b
#define AR_CODE64 0xa09b
#define AR_DATA16 0x0093
#define AR_DATA32 0xc093
#define AR_TSS	  0x008b
#define AR_DPL3	  0x0060
#define AR_DPL1	  0x0020

/* What the instruction did, in order. */
struct event {
	char kind; /* r, w, x (cmpxchg), i, o */
	u64 address;
	unsigned len;
	u64 value; /* written or output */
	unsigned access;
};
#define MAX_EVENTS 4096

extern struct event event[MAX_EVENTS];
extern unsigned nr_events;		/* of the last instruction */
extern u8 memory[MEMORY_SIZE];		/* linear 0... */
extern struct x86_seg segment[NR_SEGS]; /* all but CS and SS */
extern u32 port_value;			/* what the next input gives; counts up */
extern u64 s_cet, u_cet;
extern bool contended; /* no cmpxchg ever succeeds */

/* A CPU in that mode with flat segments and zeroed memory; RIP = CODE, RSP = DATA + 0x800. */
struct emu real_mode(void);
struct emu protected16(void);
struct emu protected32(void);
struct emu long_mode(void);

u64 word(u64 linear, unsigned len);
void put(u64 linear, u64 v, unsigned len);

/* Puts the bytes at CS:RIP and executes them. */
enum emu_result run_bytes(struct emu *emu, const char *bytes, unsigned len);
#define run(emu, bytes) run_bytes(emu, bytes, sizeof(bytes) - 1)

/* Runs to completion: RIP is behind the instruction. */
#define run_ok(emu, bytes)                                                   \
	do {                                                                 \
		u64 rip_ = (emu)->regs.rip;                                  \
		assert_int_equal(run(emu, bytes), EMU_OK);                   \
		assert_int_equal((emu)->regs.rip, rip_ + sizeof(bytes) - 1); \
	} while (0)

/* Faults with this vector and error 0; no register, memory or port was touched. */
#define run_fault(emu, bytes, expected)                                       \
	do {                                                                  \
		struct emu_regs before_ = (emu)->regs;                        \
		assert_int_equal(run(emu, bytes), EMU_FAULT);                 \
		assert_int_equal((emu)->fault.vector, expected);              \
		assert_int_equal((emu)->fault.error, 0);                      \
		assert_memory_equal(&before_, &(emu)->regs, sizeof(before_)); \
		assert_int_equal(nr_events, 0);                               \
	} while (0)

#define run_page_fault(emu, bytes, expected_error, expected_cr2)              \
	do {                                                                  \
		struct emu_regs before_ = (emu)->regs;                        \
		assert_int_equal(run(emu, bytes), EMU_FAULT);                 \
		assert_int_equal((emu)->fault.vector, VECTOR_PF);             \
		assert_int_equal((emu)->fault.error, expected_error);         \
		assert_int_equal((emu)->fault.cr2, expected_cr2);             \
		assert_memory_equal(&before_, &(emu)->regs, sizeof(before_)); \
	} while (0)

#define assert_event(i, k, a, l, v)                    \
	do {                                           \
		assert_true((i) < nr_events);          \
		assert_int_equal(event[i].kind, k);    \
		assert_int_equal(event[i].address, a); \
		assert_int_equal(event[i].len, l);     \
		assert_int_equal(event[i].value, v);   \
	} while (0)

#endif

/* SPDX-License-Identifier: MIT */
/* The end of Firn by its own fault: say everything, stop everything. Works at any stage. */
#include "arch/x86/panic.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/clock.h"
#include "arch/x86/control_protection.h"
#include "arch/x86/cpu.h"
#include "arch/x86/power.h"
#include "arch/x86/regs.h"
#include "arch/x86/smp.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/log.h"
#include "drivers/keyboard/keyboard.h"
#include "drivers/serial/serial.h"

#define TAIL_SIZE      1024
#define REBOOT_MS      10000
#define REBOOT_POLL_US 1000

bool panic_reboot;

static u32 owner; /* atomic: CPU index + 1 */
static bool nested;
static char tail[TAIL_SIZE + 1];

static const char *const exception_name[] = {
	[VECTOR_DE] = "divide error",
	[VECTOR_DB] = "debug",
	[VECTOR_NMI] = "NMI",
	[VECTOR_BP] = "breakpoint",
	[VECTOR_OF] = "overflow",
	[VECTOR_BR] = "bound range",
	[VECTOR_UD] = "invalid opcode",
	[VECTOR_NM] = "device not available",
	[VECTOR_DF] = "double fault",
	[VECTOR_TS] = "invalid TSS",
	[VECTOR_NP] = "segment not present",
	[VECTOR_SS] = "stack segment fault",
	[VECTOR_GP] = "general protection",
	[VECTOR_PF] = "page fault",
	[VECTOR_MF] = "x87 error",
	[VECTOR_AC] = "alignment check",
	[VECTOR_MC] = "machine check",
	[VECTOR_XM] = "SIMD error",
	[VECTOR_VE] = "virtualization exception",
	[VECTOR_CP] = "control protection",
};

/* Keeps the last bytes of the log, from before the panic's own lines. */
static void save_tail(void)
{
	char chunk[256];
	u64 pos = 0;
	size_t used = 0, n;

	while ((n = log_read(&pos, chunk, sizeof(chunk))) > 0) {
		size_t drop = used + n > TAIL_SIZE ? used + n - TAIL_SIZE : 0;

		memmove(tail, tail + drop, used - drop);
		memcpy(tail + used - drop, chunk, n);
		used += n - drop;
	}
	tail[used] = '\0';
}

/* A console may have been busy with a guest: the log's last lines are shown once more. */
static void print_tail(void)
{
	char *line = strchr(tail, '\n'); /* the first one may be cut */

	while (line && *++line) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		log_error("| %s", line);
		line = end;
	}
}

static __noreturn void reboot_or_wait(void)
{
	u64 left_us = REBOOT_MS * 1000ull;

	log_error(panic_reboot ? "rebooting in %u seconds, or at a key" : "press a key to reboot",
		  REBOOT_MS / 1000);
	while (serial_read_sync() < 0 && !keyboard_pressed_sync() && left_us) {
		clock_delay_us(REBOOT_POLL_US);
		if (panic_reboot)
			left_us -= REBOOT_POLL_US;
	}
	machine_reboot();
}

/* Returns when this CPU is the first to panic. */
static void begin(const char *message)
{
	u32 self = cpu_index() + 1, nobody = 0;
	unsigned left;

	irq_disable();
	if (!__atomic_compare_exchange_n(&owner, &nobody, self, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		if (nobody != self || nested)
			cpus_stop_self();
		nested = true;
		log_error("panic within the panic: %s", message);
		reboot_or_wait();
	}
	log_enter_panic();
	virt_cpu_emergency_disable();
	left = cpus_stop_others();
	save_tail();
	print_tail();
	log_error("panic on CPU %u: %s", self - 1, message);
	if (left)
		log_error("%u other CPUs could not be stopped", left);
}

void panic(const char *fmt, ...)
{
	char message[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	begin(message);
	backtrace_print((u64)__builtin_return_address(0), *(u64 *)__builtin_frame_address(0));
	backtrace_print_shadow(read_ssp());
	reboot_or_wait();
}

static void print_registers(const struct exception_frame *f)
{
	log_error("rip %04lx:%016lx rsp %04lx:%016lx rflags %08lx", f->cs, f->rip, f->ss, f->rsp,
		  f->rflags);
	log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	log_error("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
	log_error("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
	log_error("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	log_error("cr0 %08lx cr2 %016lx cr3 %012lx cr4 %08lx", read_cr0(), read_cr2(), read_cr3(),
		  read_cr4());
}

/* A page fault without room for its frame is a double fault (SDM 3A table 6-5). */
static const char *full_stack(u64 address)
{
	const struct cpu_stack *stack = &this_cpu()->stack;

	if (shadow_stack_guard(address))
		return "the shadow stack is full";
	return address < stack->bottom && stack->bottom - address <= PAGE_SIZE ? "the stack is full"
									       : "";
}

/* What is known beyond the exception's name, "" = nothing. */
static const char *reason(const struct exception_frame *frame)
{
	if (frame->vector == VECTOR_CP)
		return control_protection_reason(frame->error);
	if (frame->vector == VECTOR_PF && (frame->error & PFERR_SS))
		return "shadow-stack access";
	if (frame->vector == VECTOR_DF)
		return full_stack(read_cr2());
	return "";
}

void panic_exception(const struct exception_frame *frame, const struct shadow_frame *shadow)
{
	const char *name = NULL, *why = reason(frame);
	char message[LOG_LINE_MAX];

	if (frame->vector < ARRAY_SIZE(exception_name))
		name = exception_name[frame->vector];
	snprintf(message, sizeof(message), "exception %lu (%s), error code 0x%lx%s%s, at %016lx",
		 frame->vector, name ? name : "reserved", frame->error, why[0] ? ": " : "", why,
		 frame->rip);
	begin(message);
	print_registers(frame);
	backtrace_print(frame->rip, frame->rbp);
	backtrace_print_shadow((u64)shadow);
	reboot_or_wait();
}

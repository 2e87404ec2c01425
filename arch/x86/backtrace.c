/* SPDX-License-Identifier: MIT */
/* Back-trace by frame pointers and by shadow stack. Whatever is broken, it reads only from stacks. */
#include "arch/x86/cet_host.h"
#include "arch/x86/cpu.h"
#include "arch/x86/kaslr.h"
#include "arch/x86/panic.h"
#include "arch/x86/shadow_stack.h"
#include "core/log.h"

#define MAX_FRAMES 24

struct stack_frame {
	u64 rbp; /* of the caller */
	u64 rip; /* return address */
};

extern char __text_start[], __text_end[], __data_start[], __image_end[];

static bool in_stack(const struct cpu_stack *stack, u64 addr)
{
	return addr >= stack->bottom && addr < stack->top;
}

/* The stack that holds addr. The boot stack is somewhere in the image's data. */
static struct cpu_stack find_stack(u64 addr)
{
	const struct cpu *cpu = this_cpu();
	struct cpu_stack boot = { (u64)__data_start, (u64)__image_end };

	for (unsigned i = 1; i <= IST_STACKS; i++)
		if (in_stack(&cpu->ist[i], addr))
			return cpu->ist[i];
	if (in_stack(&cpu->stack, addr))
		return cpu->stack;
	return in_stack(&boot, addr) ? boot : (struct cpu_stack){ 0, 0 };
}

static bool in_text(u64 rip)
{
	return rip >= (u64)__text_start && rip < (u64)__text_end;
}

void backtrace_print(u64 rip, u64 rbp)
{
	struct cpu_stack stack = find_stack(rbp);

	log_error("back-trace (addr2line -f -e firn.elf ADDRESS...), without the slide of %lx:",
		  (unsigned long)image_slide());
	log_error("  %016lx", (unsigned long)image_link_address(rip));
	for (unsigned i = 0; i < MAX_FRAMES; i++) {
		const struct stack_frame *frame = (const void *)rbp;

		if (rbp % sizeof(u64) || rbp < stack.bottom || stack.top < sizeof(*frame) ||
		    rbp > stack.top - sizeof(*frame) || !in_text(frame->rip))
			break;
		log_error("  %016lx", (unsigned long)image_link_address(frame->rip));
		if (frame->rbp <= rbp)
			break;
		rbp = frame->rbp;
	}
}

void backtrace_print_shadow(u64 ssp)
{
	const struct shadow_stack *stack[SHADOW_STACKS_PER_CPU];
	u64 rip[MAX_FRAMES];
	unsigned n;

	if (!cet_host_shadow_stacks())
		return;
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++)
		stack[i] = shadow_stack_at(cpu_index(), i);
	n = shadow_stack_trace(stack, ssp, rip, MAX_FRAMES);
	if (n)
		log_error("shadow stack:");
	for (unsigned i = 0; i < n; i++)
		log_error("  %016lx", (unsigned long)image_link_address(rip[i]));
}

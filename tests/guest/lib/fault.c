/* SPDX-License-Identifier: MIT */
/* IDT, TSS, dispatch of interrupts and exceptions, catching of faults. */
#include "tests/guest/lib/fault.h"

#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/segments.h"

#define VECTORS	       256
#define ISR_STEP       16
#define GATE_INTERRUPT 0x8e
#define GATE_USER      0xee /* DPL 3 */
#define GATE_PRESENT   0x80
#define USER_VECTOR    0x80
#define IST_FATAL      1 /* #DF: must not depend on RSP */
#define FATAL_STACK    0x4000
#define TSS_TYPE       0x89ull

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "64-bit gate, SDM 3A 6.14.1");

struct tss {
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;
	u16 reserved3, iomap_base;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS, SDM 3A 7.7");

struct table_register {
	u16 limit;
	const void *base;
} __packed;

extern u64 guest_gdt[];
extern char isr_entries[], catch_resume[], user_resume[];
bool catch_call(void (*fn)(void *), void *arg, u64 *rsp);
void enter_user(void (*fn)(void), u64 rflags, u64 *rsp);
void interrupt_dispatch(struct interrupt_frame *frame);

static struct gate idt[VECTORS] __aligned(16);
static struct tss tss __aligned(16);
static u8 fatal_stack[FATAL_STACK] __aligned(16), ring0_stack[FATAL_STACK] __aligned(16);
static interrupt_handler handlers[VECTORS];

static bool catching;
static u64 catch_rsp, user_rsp;
static struct fault caught;

static void set_gate(unsigned vector)
{
	u64 entry = (u64)isr_entries + vector * ISR_STEP;
	idt[vector] = (struct gate){ .offset_low = entry,
				     .selector = GUEST_CS64,
				     .ist = vector == VECTOR_DF ? IST_FATAL : 0,
				     .type = vector == USER_VECTOR ? GATE_USER : GATE_INTERRUPT,
				     .offset_mid = entry >> 16,
				     .offset_high = entry >> 32 };
}

void set_gate_present(u8 vector, bool present)
{
	if (present)
		idt[vector].type |= GATE_PRESENT;
	else
		idt[vector].type &= ~GATE_PRESENT;
}

static void tss_init(void)
{
	u64 base = (u64)&tss, *desc = &guest_gdt[GUEST_TSS / 8];

	tss.ist[IST_FATAL - 1] = (u64)(fatal_stack + sizeof(fatal_stack));
	tss.rsp[0] = (u64)(ring0_stack + sizeof(ring0_stack));
	tss.iomap_base = sizeof(tss); /* no port is open to CPL 3 */
	desc[0] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | TSS_TYPE << 40 |
		  (base >> 24 & 0xff) << 56;
	desc[1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(GUEST_TSS));
}

void tables_load(void)
{
	struct table_register idtr = { sizeof(idt) - 1, idt };

	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void tables_init(void)
{
	for (unsigned i = 0; i < VECTORS; i++)
		set_gate(i);
	tables_load();
	tss_init();
}

void set_handler(u8 vector, interrupt_handler handler)
{
	handlers[vector] = handler;
}

static void leave_to(struct interrupt_frame *frame, const char *rip, u64 rsp)
{
	frame->rip = (u64)rip;
	frame->rsp = rsp;
	frame->cs = GUEST_CS64;
	frame->ss = GUEST_DS;
	frame->rflags = RFLAGS_ONE;
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(GUEST_DS));
}

static void catch_it(struct interrupt_frame *frame)
{
	caught = (struct fault){ frame->vector, frame->error, read_cr2(), frame->rip,	frame->rax,
				 frame->rcx,	frame->rdi,   frame->rdx, frame->rflags };
	catching = false;
	leave_to(frame, catch_resume, catch_rsp);
}

__noreturn static void unexpected(const struct interrupt_frame *f)
{
	print("not ok unexpected interrupt %llu: error 0x%llx rip 0x%llx cr2 0x%llx\n",
	      (unsigned long long)f->vector, (unsigned long long)f->error,
	      (unsigned long long)f->rip, (unsigned long long)read_cr2());
	guest_exit(1);
}

void interrupt_dispatch(struct interrupt_frame *frame)
{
	if (handlers[frame->vector])
		handlers[frame->vector](frame);
	else if (frame->vector == USER_VECTOR)
		leave_to(frame, user_resume, user_rsp);
	else if (catching)
		catch_it(frame);
	else
		unexpected(frame);
}

struct fault catch_fault(void (*fn)(void *), void *arg)
{
	catching = true;
	if (!catch_call(fn, arg, &catch_rsp))
		caught = (struct fault){ .vector = NO_FAULT };
	catching = false;
	return caught;
}

bool check_fault(const char *name, void (*fn)(void *), void *arg, int vector, u64 error)
{
	struct fault f = catch_fault(fn, arg);

	return check(name, f.vector == vector && f.error == error,
		     "vector %d error 0x%llx, expected %d error 0x%llx", f.vector,
		     (unsigned long long)f.error, vector, (unsigned long long)error);
}

bool check_no_fault(const char *name, void (*fn)(void *), void *arg)
{
	struct fault f = catch_fault(fn, arg);

	return check(name, f.vector == NO_FAULT, "vector %d error 0x%llx, expected none", f.vector,
		     (unsigned long long)f.error);
}

void do_rdmsr(void *arg)
{
	struct msr_access *a = arg;

	a->value = rdmsr(a->msr);
}

void do_wrmsr(void *arg)
{
	const struct msr_access *a = arg;

	wrmsr(a->msr, a->value);
}

bool check_rdmsr(const char *name, u32 msr, u64 want)
{
	struct msr_access a = { msr, ~want };
	struct fault f = catch_fault(do_rdmsr, &a);

	if (f.vector != NO_FAULT)
		return check(name, false, "vector %d", f.vector);
	return check_eq(name, a.value, want);
}

bool check_msr_keeps(const char *name, u32 msr, u64 value)
{
	struct msr_access old = { .msr = msr }, now = { msr, value };

	if (catch_fault(do_rdmsr, &old).vector != NO_FAULT)
		return check(name, false, "the first read faults");
	if (catch_fault(do_wrmsr, &now).vector != NO_FAULT)
		return check(name, false, "the write of 0x%llx faults", (unsigned long long)value);
	now.value = rdmsr(msr);
	wrmsr(msr, old.value);
	return check_eq(name, now.value, value);
}

bool check_rdmsr_gp(const char *name, u32 msr)
{
	struct msr_access a = { .msr = msr };

	return check_fault(name, do_rdmsr, &a, VECTOR_GP, 0);
}

bool check_wrmsr_gp(const char *name, u32 msr, u64 value)
{
	struct msr_access a = { msr, value };

	return check_fault(name, do_wrmsr, &a, VECTOR_GP, 0);
}

void run_user(void (*fn)(void), u64 rflags)
{
	enter_user(fn, rflags | RFLAGS_ONE, &user_rsp);
}

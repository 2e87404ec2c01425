/* SPDX-License-Identifier: MIT */
/*
 * The emulator against the CPU on which it runs: each instruction is executed natively and behind the
 * prefix that forces its emulation; both must leave the same. Without "force-emulation = yes"
 * (kernel option forced=yes) the prefix is an invalid opcode.
 */
#include "arch/x86/msr.h"
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define CPUID_STRUCTURED 7
#define CPUID_EDX_IBT	 BIT(20)

#define PREFIX	   "ud2; .ascii \"kvm\";"
#define PREFIX_LEN 5

#define ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define NO_AF	   (ARITHMETIC & ~RFLAGS_AF)

static const u64 values[] = {
	0, 1, 2, 4, 7, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0xfefefefefefefefe, ~0ull
};

/* Before and after an instruction; the assembly knows the offsets. */
struct state {
	u64 rax, rcx, rdx, rflags;
	u64 at; /* address of the instruction */
};
_Static_assert(offsetof(struct state, at) == 32, "EXECUTE knows it");

#define EXECUTE(prefix, insn)                                                             \
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, 32(%%rdi);"                    \
			 "push 24(%%rdi);"                                                \
			 "mov (%%rdi), %%rax; mov 8(%%rdi), %%rcx; mov 16(%%rdi), %%rdx;" \
			 "popf;" prefix "1: " insn ";"                                    \
			 "pushf;"                                                         \
			 "mov %%rax, (%%rdi); mov %%rcx, 8(%%rdi); mov %%rdx, 16(%%rdi);" \
			 "pop 24(%%rdi)"                                                  \
			 : "+D"(arg)                                                      \
			 :                                                                \
			 : "rax", "rcx", "rdx", "cc", "memory")

struct instruction {
	const char *name;
	u64 flags; /* that the manual defines */
	void (*native)(void *state), (*forced)(void *state);
};

#define DEFINE(ident, insn)                   \
	static void native_##ident(void *arg) \
	{                                     \
		EXECUTE("", insn);            \
	}                                     \
	static void forced_##ident(void *arg) \
	{                                     \
		EXECUTE(PREFIX, insn);        \
	}

/* X(identifier, instruction, defined flags) for each width. */
#define WIDE(X, op, flags)                    \
	X(op##_w, #op " %%cx, %%ax", flags)   \
	X(op##_l, #op " %%ecx, %%eax", flags) \
	X(op##_q, #op " %%rcx, %%rax", flags)
#define BINARY(X, op, flags) X(op##_b, #op " %%cl, %%al", flags) WIDE(X, op, flags)
#define UNARY(X, op, flags)            \
	X(op##_b, #op " %%cl", flags)  \
	X(op##_w, #op " %%cx", flags)  \
	X(op##_l, #op " %%ecx", flags) \
	X(op##_q, #op " %%rcx", flags)
/* By one all flags but AF are defined; by CL only the result is looked at. */
#define SHIFT(X, op, flags)                  \
	X(op##_b1, #op "b $1, %%al", flags)  \
	X(op##_w1, #op "w $1, %%ax", flags)  \
	X(op##_l1, #op "l $1, %%eax", flags) \
	X(op##_q1, #op "q $1, %%rax", flags) \
	X(op##_b, #op " %%cl, %%al", 0)      \
	X(op##_w, #op " %%cl, %%ax", 0)      \
	X(op##_l, #op " %%cl, %%eax", 0)     \
	X(op##_q, #op " %%cl, %%rax", 0)
#define DOUBLE_SHIFT(X, op)                           \
	X(op##_w, #op " $3, %%dx, %%ax", RFLAGS_CF)   \
	X(op##_l, #op " $3, %%edx, %%eax", RFLAGS_CF) \
	X(op##_q, #op " %%cl, %%rdx, %%rax", 0)

#define ROTATED (RFLAGS_CF | RFLAGS_OF)
#define INSTRUCTIONS(X)                   \
	BINARY(X, add, ARITHMETIC)        \
	BINARY(X, or, NO_AF)              \
	BINARY(X, adc, ARITHMETIC)        \
	BINARY(X, sbb, ARITHMETIC)        \
	BINARY(X, and, NO_AF)             \
	BINARY(X, sub, ARITHMETIC)        \
	BINARY(X, xor, NO_AF)             \
	BINARY(X, cmp, ARITHMETIC)        \
	BINARY(X, test, NO_AF)            \
	BINARY(X, mov, ARITHMETIC)        \
	BINARY(X, xchg, ARITHMETIC)       \
	BINARY(X, xadd, ARITHMETIC)       \
	BINARY(X, cmpxchg, ARITHMETIC)    \
	WIDE(X, bt, RFLAGS_CF)            \
	WIDE(X, bts, RFLAGS_CF)           \
	WIDE(X, btr, RFLAGS_CF)           \
	WIDE(X, btc, RFLAGS_CF)           \
	WIDE(X, imul, ROTATED)            \
	UNARY(X, inc, ARITHMETIC)         \
	UNARY(X, dec, ARITHMETIC)         \
	UNARY(X, neg, ARITHMETIC)         \
	UNARY(X, not, ARITHMETIC)         \
	X(mul_b, "mul %%cl", ROTATED)     \
	X(mul_w, "mul %%cx", ROTATED)     \
	X(mul_l, "mul %%ecx", ROTATED)    \
	X(mul_q, "mul %%rcx", ROTATED)    \
	X(imul1_b, "imul %%cl", ROTATED)  \
	X(imul1_w, "imul %%cx", ROTATED)  \
	X(imul1_l, "imul %%ecx", ROTATED) \
	X(imul1_q, "imul %%rcx", ROTATED) \
	SHIFT(X, rol, ROTATED)            \
	SHIFT(X, ror, ROTATED)            \
	SHIFT(X, rcl, ROTATED)            \
	SHIFT(X, rcr, ROTATED)            \
	SHIFT(X, shl, NO_AF)              \
	SHIFT(X, shr, NO_AF)              \
	SHIFT(X, sar, NO_AF)              \
	DOUBLE_SHIFT(X, shld)             \
	DOUBLE_SHIFT(X, shrd)             \
	UNARY(X, div, 0)                  \
	UNARY(X, idiv, 0)

#define DEFINE_ROW(ident, insn, flags) DEFINE(ident, insn)
INSTRUCTIONS(DEFINE_ROW)
#define ROW(ident, insn, flags) { #ident, flags, native_##ident, forced_##ident },
static const struct instruction instructions[] = { INSTRUCTIONS(ROW) };

/* Where it ended: at the instruction's end or at its exception. */
static struct fault run(void (*fn)(void *), struct state *s)
{
	struct fault f = catch_fault(fn, s);

	if (f.vector != NO_FAULT) {
		s->rax = f.rax;
		s->rcx = f.rcx;
		s->rdx = f.rdx;
		s->rflags = 0; /* undefined after #DE */
	}
	return f;
}

static bool same(const struct instruction *insn, const struct state *start, unsigned *faults)
{
	struct state native = *start, forced = *start;
	struct fault n = run(insn->native, &native), f = run(insn->forced, &forced);
	bool as_before = f.rip == forced.at && f.error == 0 && forced.rax == start->rax &&
			 forced.rcx == start->rcx && forced.rdx == start->rdx;

	*faults += n.vector != NO_FAULT;
	return n.vector == f.vector && native.rax == forced.rax && native.rcx == forced.rcx &&
	       native.rdx == forced.rdx && ((native.rflags ^ forced.rflags) & insn->flags) == 0 &&
	       (f.vector == NO_FAULT || (f.vector == VECTOR_DE && as_before));
}

/* All pairs, with CF as bit 0 of one of them has it; both halves of a dividend are the same. */
static void check_instruction(const struct instruction *insn, unsigned *faults)
{
	unsigned differ = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(values); i++) {
		u64 a = values[i / ARRAY_SIZE(values)], b = values[i % ARRAY_SIZE(values)];
		struct state s = { a, b, a, RFLAGS_ONE | (a & RFLAGS_CF), 0 };

		if (!same(insn, &s, faults) && differ++ == 0)
			print("%s: RAX 0x%llx RCX 0x%llx\n", insn->name, (unsigned long long)a,
			      (unsigned long long)b);
	}
	check(insn->name, differ == 0, "%u of %u pairs differ", differ,
	      (unsigned)(ARRAY_SIZE(values) * ARRAY_SIZE(values)));
}

static void check_arithmetic(void)
{
	unsigned faults = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(instructions); i++)
		check_instruction(&instructions[i], &faults);
	check("divisions raised #DE, and others did not", faults > 8 && faults < 8 * 81,
	      "%u exceptions", faults);
}

/* MIN / -1: dividend of RDX:RAX, divisor -1. */
DEFINE(min_q, "idiv %%rcx")
static const struct instruction min_by_minus_1 = { "MIN / -1", 0, native_min_q, forced_min_q };

static void check_min(void)
{
	const struct state s = { BIT(63), ~0ull, ~0ull, RFLAGS_ONE, 0 };
	unsigned faults = 0;

	check(min_by_minus_1.name, same(&min_by_minus_1, &s, &faults) && faults == 1,
	      "differs, or is no #DE");
}

/* Near branches: where they lead, and what they leave on the stack. */
static void branches(void *arg)
{
	u64 *steps = arg;

	/* clang-format off */
	__asm__ volatile("	xor %%eax, %%eax;"
			 PREFIX "jz 1f;"
			 "	ud2;"
			 "1:	incq (%0);" /* ZF = 0 */
			 PREFIX "jz 2f;"
			 "	incq (%0);"
			 PREFIX "jmp 1f;"
			 "	ud2;"
			 "1:	incq (%0);"
			 PREFIX "call 3f;"
			 "	incq (%0);"
			 "	lea 4f(%%rip), %%rax;"
			 PREFIX "jmp *%%rax;"
			 "2:	ud2;"
			 "3:	incq (%0);"
			 PREFIX "ret;"
			 "	ud2;"
			 "4:	incq (%0)"
			 :
			 : "D"(steps)
			 : "rax", "cc", "memory");
	/* clang-format on */
}

static void check_branches(void)
{
	u64 steps = 0;

	check_no_fault("near branches", branches, &steps);
	check_eq("each came where it leads", steps, 6);
}

static unsigned nr_refused;
static u64 refused_at;

/* The emulator refuses SYSCALL: the handler goes on behind it. */
static void log_refused(struct interrupt_frame *frame)
{
	nr_refused++;
	refused_at = frame->rip;
	frame->rip += 2;
}

extern char refused_syscall[];
static void user_syscall(void)
{
	__asm__ volatile(PREFIX ".globl refused_syscall; refused_syscall: syscall; int $0x80"
			 :
			 :
			 : "memory");
}

static void check_user(void)
{
	nr_refused = 0;
	set_handler(VECTOR_UD, log_refused);
	run_user(user_syscall, 0);
	set_handler(VECTOR_UD, NULL);
	check_eq("what is not emulated is #UD at CPL 3", nr_refused, 1);
	check_eq("at the instruction behind the prefix", refused_at, (u64)refused_syscall);
}

/* A direct branch and an indirect one, which comes to the same place when the handler skips it. */
extern char refused_jump[];
static void user_jump(void)
{
	/* clang-format off */
	__asm__ volatile("	.globl refused_jump;"
			 PREFIX "jmp 1f;"
			 "	ud2;"
			 "1:	lea 2f(%%rip), %%rax;"
			 PREFIX "refused_jump: jmp *%%rax;"
			 "2:	int $0x80"
			 :
			 :
			 : "rax", "memory");
	/* clang-format on */
}

static unsigned refusals_of_jump(u64 u_cet)
{
	nr_refused = 0;
	refused_at = 0;
	wrmsr(MSR_IA32_U_CET, u_cet);
	run_user(user_jump, 0);
	wrmsr(MSR_IA32_U_CET, 0);
	return nr_refused;
}

/* Branch tracking of user code: the emulator must not be a way around it. */
static void check_cet(void)
{
	u64 cr4 = read_cr4();

	if (!(cpuid(CPUID_STRUCTURED, 0).edx & CPUID_EDX_IBT))
		return;
	write_cr4(cr4 | CR4_CET);
	set_handler(VECTOR_UD, log_refused);
	check_eq("CET: an indirect jump that nothing tracks is emulated", refusals_of_jump(0), 0);
	check_eq("CET: one that is tracked is #UD", refusals_of_jump(CET_ENDBR_EN), 1);
	check_eq("CET: and the direct one before it is not", refused_at, (u64)refused_jump);
	set_handler(VECTOR_UD, NULL);
	write_cr4(cr4);
}

static void other_letters(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2; .ascii \"kvn\"; nop");
}

static void ud2(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void prefixed_mov(void *arg)
{
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, (%0); 1:" PREFIX "mov %%eax, %%eax"
			 :
			 : "D"(arg)
			 : "rax", "memory");
}

static void check_plain(void)
{
	u64 at;
	struct fault f = catch_fault(prefixed_mov, &at);

	check("the prefix is #UD", f.vector == VECTOR_UD && f.error == 0 && f.rip == at,
	      "vector %d error 0x%llx RIP 0x%llx, expected #UD at 0x%llx", f.vector,
	      (unsigned long long)f.error, (unsigned long long)f.rip, (unsigned long long)at);
}

GUEST_TEST(emulator)
{
	char option[8];

	check_fault("UD2: #UD", ud2, NULL, VECTOR_UD, 0);
	check_fault("UD2 and other letters: #UD", other_letters, NULL, VECTOR_UD, 0);
	if (guest_option("forced", option, sizeof(option))[0] != 'y') {
		check_plain();
		return;
	}
	check_arithmetic();
	check_min();
	check_branches();
	check_user();
	check_cet();
}

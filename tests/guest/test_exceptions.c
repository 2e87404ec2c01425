/* SPDX-License-Identifier: MIT */
/* Exceptions arrive with the right vector, error code, CR2 and RIP; single-stepping; #DF. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/hypercall.h"
#include "tests/guest/lib/segments.h"
#include "tests/guest/lib/window.h"

#define NON_CANONICAL	  0x8000000000000000ull
#define IDT_ERROR(vector) ((vector)*8 | 3) /* IDT, EXT: SDM 3A 6.13 */
#define DR6_BS		  BIT(14)

static void divide_by_zero(void *arg)
{
	(void)arg;
	__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" : : : "eax", "ecx", "edx");
}

static void ud2(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void load_ds(void *arg)
{
	__asm__ volatile("mov %w0, %%ds" : : "r"(*(u64 *)arg));
}

static void load_ss(void *arg)
{
	__asm__ volatile("mov %w0, %%ss" : : "r"(*(u64 *)arg));
}

static void read_at(void *arg)
{
	__asm__ volatile("movb (%0), %%al" : : "r"(arg) : "rax");
}

static void write_at(void *arg)
{
	__asm__ volatile("movb $1, (%0)" : : "r"(arg) : "memory");
}

static void call_at(void *arg)
{
	__asm__ volatile("call *%0" : : "r"(arg) : "memory");
}

static void stack_read(void *arg)
{
	__asm__ volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
			 :
			 : "r"(arg)
			 : "rax", "memory");
}

static void check_plain(void)
{
	u64 beyond = 0x1230, not_present = GUEST_NOT_PRESENT, null = 0;

	check_fault("#DE", divide_by_zero, NULL, VECTOR_DE, 0);
	check_fault("#UD", ud2, NULL, VECTOR_UD, 0);
	check_fault("#GP with the selector", load_ds, &beyond, VECTOR_GP, beyond);
	check_fault("#NP with the selector", load_ds, &not_present, VECTOR_NP, not_present);
	check_fault("#SS with the selector", load_ss, &not_present, VECTOR_SS, not_present);
	check_no_fault("null selector in DS", load_ds, &null);
	check_fault("#GP for an address that is not canonical", read_at, (void *)NON_CANONICAL,
		    VECTOR_GP, 0);
	check_fault("#SS for a stack address that is not canonical", stack_read,
		    (void *)NON_CANONICAL, VECTOR_SS, 0);
}

static void check_pf(const char *name, void (*fn)(void *), char *at, u64 error)
{
	struct fault f = catch_fault(fn, at);

	check(name, f.vector == VECTOR_PF && f.error == error && f.cr2 == (u64)at,
	      "vector %d error 0x%llx CR2 0x%llx, expected #PF error 0x%llx CR2 0x%llx", f.vector,
	      (unsigned long long)f.error, (unsigned long long)f.cr2, (unsigned long long)error,
	      (unsigned long long)(u64)at);
}

static char code_page[PAGE_SIZE] __aligned(4096);

static void check_page_faults(void)
{
	u64 frame = (u64)code_page;
	char *page;

	code_page[0] = (char)0xc3; /* RET */
	window_init();
	page = window_map(1, 0);
	check_pf("#PF: read, not present", read_at, page + 5, 0);
	check_pf("#PF: write, not present", write_at, page + 6, PFERR_WRITE);
	check_pf("#PF: fetch, not present", call_at, page, PFERR_FETCH);
	page = window_map(1, frame | PTE_P);
	check_pf("#PF: write to a read-only page", write_at, page + 7, PFERR_PRESENT | PFERR_WRITE);
	check_no_fault("read of a read-only page", read_at, page);
	check_no_fault("fetch from a page", call_at, page);
	page = window_map(1, frame | PTE_P | PTE_RW | PTE_NX);
	check_pf("#PF: fetch from an NX page", call_at, page, PFERR_PRESENT | PFERR_FETCH);
	page = window_map(1, frame | PTE_P | BIT(51));
	if ((cpuid(0x80000008, 0).eax & 0xff) < 52)
		check_pf("#PF: reserved bit in an entry", read_at, page,
			 PFERR_PRESENT | PFERR_RSVD);
	page = window_map(1, frame | PTE_P | PTE_RW);
	check_no_fault("write to a writable page", write_at, page + 8);
	check_eq("accessed and dirty bits", window_pte(1) & (PTE_A | PTE_D), PTE_A | PTE_D);
}

#define STEPS 16
static unsigned nr_steps;
static u64 step_rip[STEPS], step_dr6;

static void log_step(struct interrupt_frame *frame)
{
	if (nr_steps < STEPS)
		step_rip[nr_steps] = frame->rip;
	nr_steps++;
	__asm__ volatile("mov %%dr6, %0" : "=r"(step_dr6));
}

static bool stepped_at(const char *label)
{
	for (unsigned i = 0; i < MIN(nr_steps, STEPS); i++)
		if (step_rip[i] == (u64)label)
			return true;
	return false;
}

/* SDM 3B 17.3.1.4: the trap comes right after the instruction, also when that was emulated. */
static void check_single_step(void)
{
	extern char after_cpuid[], after_in[], after_rdmsr[], after_mmio[], after_cr[];

	nr_steps = 0;
	set_handler(VECTOR_DB, log_step);
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq\n"
			 "	xorl %%eax, %%eax\n"
			 "	cpuid\n"
			 "after_cpuid:\n"
			 "	inb $0xed, %%al\n"
			 "after_in:\n"
			 "	movl $0x1b, %%ecx\n"
			 "	rdmsr\n"
			 "after_rdmsr:\n"
			 "	movl 0xfee00030, %%eax\n"
			 "after_mmio:\n"
			 "	mov %%cr4, %%rax\n"
			 "	mov %%rax, %%cr4\n"
			 "after_cr:\n"
			 "	pushfq; andq %1, (%%rsp); popfq\n"
			 :
			 : "i"(RFLAGS_TF), "i"(~RFLAGS_TF)
			 : "rax", "rbx", "rcx", "rdx", "memory");
	set_handler(VECTOR_DB, NULL);
	check_eq("single step: one trap an instruction", nr_steps, 11);
	check("single step: #DB right after CPUID", stepped_at(after_cpuid), "no trap there");
	check("single step: #DB right after IN", stepped_at(after_in), "no trap there");
	check("single step: #DB right after RDMSR", stepped_at(after_rdmsr), "no trap there");
	check("single step: #DB right after an APIC read", stepped_at(after_mmio), "no trap there");
	check("single step: #DB right after MOV to CR4", stepped_at(after_cr), "no trap there");
	check_eq("single step: DR6.BS", step_dr6 & DR6_BS, DR6_BS);
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
}

static u64 bp_rip;

static void log_bp(struct interrupt_frame *frame)
{
	bp_rip = frame->rip;
}

static void check_breakpoint(void)
{
	extern char after_int3[];

	set_handler(VECTOR_BP, log_bp);
	__asm__ volatile("int3\nafter_int3:");
	set_handler(VECTOR_BP, NULL);
	check_eq("#BP: RIP behind INT3", bp_rip, (u64)after_int3);
}

static u64 watched;

static void write_watched(void *arg)
{
	*(volatile u64 *)arg = 1;
}

/* SDM 3B 17.2.4: DR7.L0, 8-byte data write. */
static void check_watchpoint(void)
{
	nr_steps = 0;
	set_handler(VECTOR_DB, log_step);
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(&watched), "r"(0x90401ull));
	write_watched(&watched);
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400ull));
	set_handler(VECTOR_DB, NULL);
	check_eq("data breakpoint: one #DB", nr_steps, 1);
	check_eq("data breakpoint: DR6.B0", step_dr6 & 0xf, 1);
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
}

static unsigned stops, faults;
extern char bad_rdmsr[], after_bad_rdmsr[];

/* As debuggers do, so that the instruction goes on. */
static void stop_at_breakpoint(struct interrupt_frame *frame)
{
	stops++;
	frame->rflags |= RFLAGS_RF;
}

static void try_again_once(struct interrupt_frame *frame)
{
	if (faults++)
		frame->rip = (u64)after_bad_rdmsr;
}

/* SDM 3B 17.3.1.1: a fault's handler that returns does not stop at the breakpoint a second time. */
static void check_fault_at_breakpoint(void)
{
	set_handler(VECTOR_DB, stop_at_breakpoint);
	set_handler(VECTOR_GP, try_again_once);
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(bad_rdmsr), "r"(0x401ull));
	__asm__ volatile("mov $0x12345678, %%ecx\nbad_rdmsr: rdmsr\nafter_bad_rdmsr:"
			 :
			 :
			 : "rax", "rcx", "rdx", "memory");
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400ull));
	set_handler(VECTOR_DB, NULL);
	set_handler(VECTOR_GP, NULL);
	check_eq("RDMSR raises #GP at each try", faults, 2);
	check_eq("and its breakpoint #DB at the first one", stops, 1);
}

/* #GP whose gate is not present: #NP while delivering a contributory exception. */
static void check_double_fault(void)
{
	set_gate_present(VECTOR_GP, false);
	check_fault("#DF", read_at, (void *)NON_CANONICAL, VECTOR_DF, 0);
	set_gate_present(VECTOR_GP, true);
	check_fault("#GP after its gate is back", read_at, (void *)NON_CANONICAL, VECTOR_GP, 0);

	/* SDM 3A table 6-5: a page fault during a benign exception is just a page fault. */
	set_gate_present(VECTOR_UD, false);
	check_fault("#NP for a gate that is not present", ud2, NULL, VECTOR_NP,
		    IDT_ERROR(VECTOR_UD));
	set_gate_present(VECTOR_UD, true);
}

/* The same for an exception that the hypervisor injects. */
static void check_injected_double_fault(void)
{
	struct msr_access a = { .msr = 0x12345678 };

	set_gate_present(VECTOR_GP, false);
	check_fault("#DF from an injected #GP", do_rdmsr, &a, VECTOR_DF, 0);
	set_gate_present(VECTOR_GP, true);
}

static u8 unaligned[16] __aligned(8);
static u64 user_result;

static void user_unaligned(void)
{
	*(volatile u32 *)(unaligned + 1) = 1;
}

static void user_cpuid(void)
{
	user_result = cpuid(0, 0).eax;
}

static void user_in(void)
{
	(void)inb(0x80);
}

static void user_rdmsr(void)
{
	(void)rdmsr(MSR_EFER);
}

static void user_hlt(void)
{
	__asm__ volatile("hlt");
}

static void user_hypercall(void)
{
	user_result = cpu_is_amd() ? vmmcall(1) : vmcall(1);
}

static void user(void *fn)
{
	run_user(fn, 0);
}

static void user_ac(void *fn)
{
	run_user(fn, RFLAGS_AC);
}

static void check_user_mode(void)
{
	u64 cr0 = read_cr0();

	check_no_fault("CPUID at CPL 3", user, user_cpuid);
	check_eq("CPUID at CPL 3 gives the same", user_result, cpuid(0, 0).eax);
	check_fault("IN at CPL 3", user, user_in, VECTOR_GP, 0);
	check_fault("RDMSR at CPL 3", user, user_rdmsr, VECTOR_GP, 0);
	check_fault("HLT at CPL 3", user, user_hlt, VECTOR_GP, 0);
	check_no_fault("a hypercall at CPL 3", user, user_hypercall);
	check_eq("a hypercall at CPL 3 is refused (KVM_EPERM)", user_result, (u64)-1);
	write_cr0(cr0 | CR0_AM);
	check_fault("#AC at CPL 3", user_ac, user_unaligned, VECTOR_AC, 0);
	write_cr0(cr0);
	check_no_fault("no #AC without CR0.AM", user_ac, user_unaligned);
}

GUEST_TEST(exceptions)
{
	check_plain();
	check_page_faults();
	check_single_step();
	check_breakpoint();
	check_watchpoint();
	check_fault_at_breakpoint();
	check_double_fault();
	check_injected_double_fault();
	check_user_mode();
}

/* SPDX-License-Identifier: MIT */
/* Instructions that always exit or that the guest's CPU does not have; hypercalls. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/hypercall.h"

#define KVM_ENOSYS	      1000
#define KVM_HC_VAPIC_POLL_IRQ 1
#define UNKNOWN_HYPERCALL     12345

#define INSTRUCTION(name, code)                                                            \
	static void name(void *arg)                                                        \
	{                                                                                  \
		(void)arg;                                                                 \
		__asm__ volatile(code : : "a"(0), "c"(0), "d"(0) : "rbx", "memory", "cc"); \
	}

static u64 operand[512] __aligned(4096) __attribute__((used));

INSTRUCTION(vmxoff, "vmxoff")
INSTRUCTION(vmlaunch, "vmlaunch")
INSTRUCTION(vmresume, "vmresume")
INSTRUCTION(vmxon, "vmxon operand(%%rip)")
INSTRUCTION(vmptrld, "vmptrld operand(%%rip)")
INSTRUCTION(vmread, "vmread %%rax, %%rax")
INSTRUCTION(vmwrite, "vmwrite %%rax, %%rax")
INSTRUCTION(invept, "invept operand(%%rip), %%rax")
INSTRUCTION(invvpid, "invvpid operand(%%rip), %%rax")
INSTRUCTION(vmfunc, "vmfunc")
INSTRUCTION(vmcall_, "vmcall")
INSTRUCTION(vmmcall_, "vmmcall")
INSTRUCTION(vmrun, "vmrun")
INSTRUCTION(getsec, "getsec")
INSTRUCTION(rsm, "rsm")
INSTRUCTION(monitor, "monitor")
INSTRUCTION(mwait, "mwait")
INSTRUCTION(rdpmc_, "rdpmc")
INSTRUCTION(wbinvd, "wbinvd")
INSTRUCTION(invd, "invd")
INSTRUCTION(pause_, "pause")
INSTRUCTION(rdtsc_, "rdtsc")
INSTRUCTION(rdtscp_, "rdtscp")
INSTRUCTION(xsaves_, "xsaves operand(%%rip)")
INSTRUCTION(tpause_, "tpause %%ecx")

static void check_absent(void)
{
	static const struct {
		const char *name;
		void (*run)(void *);
	} absent[] = {
		{ "VMXOFF is #UD", vmxoff },	 { "VMLAUNCH is #UD", vmlaunch },
		{ "VMRESUME is #UD", vmresume }, { "VMXON is #UD", vmxon },
		{ "VMPTRLD is #UD", vmptrld },	 { "VMREAD is #UD", vmread },
		{ "VMWRITE is #UD", vmwrite },	 { "INVEPT is #UD", invept },
		{ "INVVPID is #UD", invvpid },	 { "VMFUNC is #UD", vmfunc },
		{ "VMRUN is #UD", vmrun },	 { "GETSEC is #UD", getsec },
		{ "RSM is #UD", rsm },		 { "MONITOR is #UD", monitor },
		{ "MWAIT is #UD", mwait },	 { "XSAVES is #UD", xsaves_ },
		{ "TPAUSE is #UD", tpause_ },
	};

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		check_fault(absent[i].name, absent[i].run, NULL, VECTOR_UD, 0);
	check_fault("RDPMC of no counter is #GP", rdpmc_, NULL, VECTOR_GP, 0);
}

static void check_present(void)
{
	check_no_fault("WBINVD", wbinvd, NULL);
	check_no_fault("INVD", invd, NULL);
	check_no_fault("PAUSE", pause_, NULL);
	check_no_fault("RDTSC", rdtsc_, NULL);
	if (cpuid(0x80000001, 0).edx & BIT(27))
		check_no_fault("RDTSCP", rdtscp_, NULL);
	else
		check_fault("RDTSCP is #UD", rdtscp_, NULL, VECTOR_UD, 0);
}

static u64 hypercall(u64 number)
{
	u64 rbx = 1, rcx = 2, rdx = 3, rsi = 4;

	if (cpu_is_amd())
		__asm__ volatile("vmmcall"
				 : "+a"(number), "+b"(rbx), "+c"(rcx), "+d"(rdx), "+S"(rsi)
				 :
				 : "memory");
	else
		__asm__ volatile("vmcall"
				 : "+a"(number), "+b"(rbx), "+c"(rcx), "+d"(rdx), "+S"(rsi)
				 :
				 : "memory");
	check("a hypercall changes only RAX", rbx == 1 && rcx == 2 && rdx == 3 && rsi == 4,
	      "RBX %llu RCX %llu", (unsigned long long)rbx, (unsigned long long)rcx);
	return number;
}

static void hypercall_once(void *arg)
{
	(void)arg;
	hypercall(KVM_HC_VAPIC_POLL_IRQ);
}

GUEST_TEST(instructions)
{
	check_absent();
	check_present();
	if (cpu_is_amd())
		check_fault("VMCALL is #UD", vmcall_, NULL, VECTOR_UD, 0);
	else
		check_fault("VMMCALL is #UD", vmmcall_, NULL, VECTOR_UD, 0);
	if (!check_no_fault("a hypercall", hypercall_once, NULL))
		return;
	check_eq("an unknown hypercall", hypercall(UNKNOWN_HYPERCALL), (u64)-KVM_ENOSYS);
	check_eq("a hypercall that is not offered", hypercall(12), (u64)-KVM_ENOSYS);
}

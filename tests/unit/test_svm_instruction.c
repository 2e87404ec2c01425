/* SPDX-License-Identifier: MIT */
/* The length of instructions that exited: prefixes, page boundaries, code that changes under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch/fake/fake.h"
#include "arch/x86/guest_walk.h"
#include "arch/x86/svm/svm.h"
#include "core/guest_memory.h"
#include "fake_vcpu.h"

#define CPUID  SVM_OPCODE2(0x0f, 0xa2)
#define HLT    SVM_OPCODE1(0xf4)
#define VMCALL SVM_OPCODE3(0x0f, 0x01, 0xd9)
#define CODE   0x1000ull

static struct fake_vm *fake;
static struct vcpu *vcpu;
static struct vmcb *vmcb;
static u64 moved_to;	    /* where the first code page is in memory */
static u64 unmapped_linear; /* this page faults */
static unsigned walks;

/* The guest's paging: pages are where they are, but for the first one of the code. */
enum walk_result guest_walk(struct vcpu *v, u64 linear, enum walk_access access, bool user,
			    u64 *gpa, u32 *pfec)
{
	assert_ptr_equal(v, vcpu);
	assert_int_equal(access, WALK_FETCH);
	assert_int_equal(user, vmcb->cpl == 3);
	walks++;
	if ((linear & PAGE_MASK) == unmapped_linear) {
		*pfec = 0;
		return WALK_FAULT;
	}
	*gpa = (linear & PAGE_MASK) == CODE ? moved_to + linear - CODE : linear;
	return WALK_OK;
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	fake_vm_set_ram(fake, MiB);
	vcpu = &fake->vcpu[0]->vcpu;
	vmcb = calloc(1, sizeof(*vmcb));
	vcpu->arch.svm.vmcb = vmcb;
	vmcb->efer = EFER_SVME | EFER_LMA | EFER_LME;
	vmcb->cs.attrib = SEG_AR_L >> SEG_ATTRIB_SHIFT | 0x9b;
	vmcb->cs.base = 0x123000; /* does not count in 64-bit code */
	vmcb->cr3 = 0x5000;
	moved_to = CODE;
	unmapped_linear = ~0ull;
	walks = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(vmcb);
	fake_vm_destroy(fake);
	return 0;
}

static void put(u64 gpa, const void *bytes, size_t len)
{
	assert_int_equal(guest_write(&fake->vm.memory, gpa, bytes, len), FIRN_OK);
}

#define PUT(gpa, ...)                                \
	do {                                         \
		const u8 bytes_[] = { __VA_ARGS__ }; \
		put(gpa, bytes_, sizeof(bytes_));    \
	} while (0)

/* Length that is found for the instruction at linear address rip; 0 = it is not there. */
static u64 length_at(u64 rip, u32 opcode)
{
	vmcb->rip = rip;
	vcpu->arch.svm.next_rip = 0;
	return svm_locate(vcpu, opcode) ? vcpu->arch.svm.next_rip - rip : 0;
}

static void plain(void **state)
{
	(void)state;
	PUT(CODE, 0x0f, 0xa2, 0xf4, 0x0f, 0x01, 0xd9);
	assert_int_equal(length_at(CODE, CPUID), 2);
	assert_int_equal(length_at(CODE + 2, HLT), 1);
	assert_int_equal(length_at(CODE + 3, VMCALL), 3);
	assert_int_equal(length_at(CODE + 3, CPUID), 0);
	assert_int_equal(length_at(CODE + 1, CPUID), 0);
}

static void prefixes(void **state)
{
	(void)state;
	PUT(CODE, 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x48, 0x0f, 0xa2);
	assert_int_equal(length_at(CODE, CPUID), 13);
	for (unsigned i = 1; i < 11; i++)
		assert_int_equal(length_at(CODE + i, CPUID), 13 - i);
	/* 15 bytes are the most. */
	PUT(0x3000, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	    0x66, 0x0f, 0xa2);
	assert_int_equal(length_at(0x3000, CPUID), 0);
	assert_int_equal(length_at(0x3001, CPUID), 15);
}

/* Outside 64-bit code 40..4f are instructions, and CS has a base. */
static void code_of_32_bits(void **state)
{
	(void)state;
	vmcb->cs.attrib = 0xc9b;
	vmcb->cs.base = 0x8000;
	PUT(0x8100, 0x48, 0x0f, 0xa2);
	assert_int_equal(length_at(0x100, CPUID), 0);
	assert_int_equal(length_at(0x101, CPUID), 2);
	/* Linear addresses are those of 32 bits. */
	vmcb->cs.base = 0xffffff00;
	assert_int_equal(length_at(0x8201, CPUID), 2);
}

static void known_ones_need_no_walk(void **state)
{
	(void)state;
	PUT(CODE, 0x0f, 0xa2);
	assert_int_equal(length_at(CODE, CPUID), 2);
	assert_int_equal(walks, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(length_at(CODE, CPUID), 2);
	assert_int_equal(walks, 1);
	svm_forget_instructions(vcpu);
	assert_int_equal(length_at(CODE, CPUID), 2);
	assert_int_equal(walks, 2);
	vmcb->cr3 = 0x6000; /* another address space */
	assert_int_equal(length_at(CODE, CPUID), 2);
	assert_int_equal(walks, 3);
}

static void code_that_changes(void **state)
{
	(void)state;
	PUT(CODE, 0x0f, 0xa2, 0x90);
	assert_int_equal(length_at(CODE, CPUID), 2);
	PUT(CODE, 0x48, 0x0f, 0xa2); /* the same place, a longer CPUID */
	assert_int_equal(length_at(CODE, CPUID), 3);
	PUT(CODE, 0x90);
	assert_int_equal(length_at(CODE, CPUID), 0);
	PUT(CODE, 0x48);
	assert_int_equal(length_at(CODE, CPUID), 3);
}

/* The page at RIP is another one after a CR3 load. */
static void page_that_moves(void **state)
{
	(void)state;
	PUT(CODE, 0x0f, 0xa2);
	PUT(0x9000, 0x66, 0x0f, 0xa2);
	assert_int_equal(length_at(CODE, CPUID), 2);
	moved_to = 0x9000;
	vmcb->cr3 += PAGE_SIZE;
	assert_int_equal(length_at(CODE, CPUID), 3);
}

static void across_pages(void **state)
{
	u64 rip = CODE + PAGE_SIZE - 1;

	(void)state;
	PUT(rip, 0x0f, 0xa2);
	assert_int_equal(length_at(rip, CPUID), 2);
	/* Its second half is elsewhere than behind its first. */
	moved_to = 0x9000;
	PUT(0x9fff, 0x0f, 0x00);
	assert_int_equal(length_at(rip, CPUID), 2);
	unmapped_linear = CODE + PAGE_SIZE;
	assert_int_equal(length_at(rip, CPUID), 0);
	unmapped_linear = CODE;
	assert_int_equal(length_at(rip, CPUID), 0);
}

/* Complete before the page ends: what follows does not have to be there. */
static void last_in_a_page(void **state)
{
	(void)state;
	PUT(CODE + PAGE_SIZE - 2, 0x0f, 0xa2);
	unmapped_linear = CODE + PAGE_SIZE;
	assert_int_equal(length_at(CODE + PAGE_SIZE - 2, CPUID), 2);
	/* The same at the end of memory. */
	PUT(MiB - 1, 0xf4);
	assert_int_equal(length_at(MiB - 1, HLT), 1);
	assert_int_equal(length_at(MiB, HLT), 0);
}

/* Known ones near the end of a page are looked at without what is behind it. */
static void known_at_the_end_of_a_page(void **state)
{
	(void)state;
	for (u64 rip = CODE + PAGE_SIZE - 20; rip < CODE + PAGE_SIZE; rip++) {
		PUT(rip - 1, 0x90, 0xf4);
		assert_int_equal(length_at(rip, HLT), 1);
		walks = 0;
		PUT(rip - 1, 0x91); /* does not matter */
		assert_int_equal(length_at(rip, HLT), 1);
		assert_int_equal(walks, 0);
		PUT(rip, 0x90);
		assert_int_equal(length_at(rip, HLT), 0);
		vcpu->arch.svm.mismatches = 0;
	}
}

/* A CPU that exits for another reason than it says must not keep the host in a loop. */
static void endless_mismatch(void **state)
{
	(void)state;
	PUT(CODE, 0x90);
	for (unsigned i = 0; i < 1000 && !fake->crashes; i++)
		assert_int_equal(length_at(CODE, CPUID), 0);
	assert_int_equal(fake->crashes, 1);
}

static void next_rip_save(void **state)
{
	(void)state;
	vmcb->rip = CODE;
	vmcb->next_rip = CODE + 5;
	assert_true(svm_locate(vcpu, CPUID));
	assert_int_equal(vcpu->arch.svm.next_rip, CODE + 5);
	assert_int_equal(walks, 0);
}

static void moves(void **state)
{
	const struct svm_known *known;

	(void)state;
	PUT(CODE, 0x89, 0xb7, 0x00, 0xd0, 0x5f, 0xff);
	vmcb->rip = CODE;
	for (unsigned i = 0; i < 2; i++) {
		known = svm_find_mov(vcpu);
		assert_non_null(known);
		assert_true(known->mov.write);
		assert_int_equal(known->mov.gpr, REG_RSI);
		assert_int_equal(known->device, 0);
		assert_int_equal(vcpu->arch.svm.next_rip, CODE + 6);
		assert_int_equal(walks, 1);
	}
	PUT(CODE, 0x8b);
	known = svm_find_mov(vcpu);
	assert_non_null(known);
	assert_false(known->mov.write);
	PUT(CODE, 0x01); /* ADD */
	assert_null(svm_find_mov(vcpu));
	vmcb->cs.attrib = 0x9b; /* 16-bit code has other addressing modes */
	vmcb->cs.base = 0;
	PUT(CODE, 0x89);
	assert_null(svm_find_mov(vcpu));
}

/* Nothing is cached with bits left from a longer instruction. */
static void one_entry_for_several(void **state)
{
	(void)state;
	PUT(CODE, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2);
	assert_int_equal(length_at(CODE, CPUID), 11);
	PUT(CODE, 0xf4);
	assert_int_equal(length_at(CODE, HLT), 1);
	PUT(CODE + 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	walks = 0;
	assert_int_equal(length_at(CODE, HLT), 1);
	assert_int_equal(walks, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(plain),
		TEST(prefixes),
		TEST(code_of_32_bits),
		TEST(known_ones_need_no_walk),
		TEST(code_that_changes),
		TEST(page_that_moves),
		TEST(across_pages),
		TEST(last_in_a_page),
		TEST(known_at_the_end_of_a_page),
		TEST(endless_mismatch),
		TEST(next_rip_save),
		TEST(moves),
		TEST(one_entry_for_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

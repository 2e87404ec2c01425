/* SPDX-License-Identifier: MIT */
/* Control register writes: each rule both ways, and what follows from a good write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_cr.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "guest_cpu.h"

#define RAM_SIZE (1 * MiB)
#define CR0_LONG (CR0_PE | CR0_ET | CR0_WP | CR0_PG)

static struct fake_vm *fake;
static struct fake_vcpu *f;
static struct vcpu *vcpu;

static int setup(void **state)
{
	(void)state;
	host_full();
	fake = guest_create(1);
	f = fake->vcpu[0];
	vcpu = &f->vcpu;
	fake_vm_set_ram(fake, RAM_SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

static void ok(unsigned cr, u64 value)
{
	if (!guest_cr_write(vcpu, cr, value))
		fail_msg("CR%u = 0x%llx: #GP", cr, (unsigned long long)value);
}

/* #GP, and no register has changed. */
static void gp(unsigned cr, u64 value)
{
	struct fake_vcpu before = *f;

	if (guest_cr_write(vcpu, cr, value))
		fail_msg("CR%u = 0x%llx: no #GP", cr, (unsigned long long)value);
	assert_memory_equal(before.reg, f->reg, sizeof(f->reg));
	assert_int_equal(before.tlb_flushes, f->tlb_flushes);
	assert_int_equal(before.pdpte_loads, f->pdpte_loads);
	assert_int_equal(before.vcpu.arch.cr2, vcpu->arch.cr2);
}

static void set_state(u64 cr0, u64 cr3, u64 cr4, u64 efer, u32 cs_ar)
{
	f->reg[VREG_CR0] = cr0;
	f->reg[VREG_CR3] = cr3;
	f->reg[VREG_CR4] = cr4;
	f->reg[VREG_EFER] = efer;
	f->seg[SEG_CS].ar = cs_ar;
	f->tlb_flushes = f->pdpte_loads = 0;
}

static void long_mode(void)
{
	set_state(CR0_LONG, 0x1000, CR4_PAE, EFER_LME | EFER_LMA, SEG_AR_L);
}

static void test_cr0_reserved(void **state)
{
	const u64 defined = 0xe005003f;

	(void)state;
	for (unsigned bit = 32; bit < 64; bit++)
		gp(0, CR0_PE | BIT(bit));
	/* Reserved low bits are dropped silently, ET stays. */
	for (unsigned bit = 0; bit < 32; bit++) {
		u64 value = BIT(bit) | CR0_PE | CR0_CD;

		if (BIT(bit) == CR0_PG)
			continue;
		ok(0, value);
		assert_int_equal(guest_cr_read(vcpu, 0), (value & defined) | CR0_ET);
	}
}

static void test_cr0_combinations(void **state)
{
	static const struct {
		u64 value;
		bool valid;
	} cases[] = {
		{ 0, true },
		{ CR0_PE, true },
		{ CR0_PG, false },
		{ CR0_PE | CR0_PG, true },
		{ CR0_NW, false },
		{ CR0_CD, true },
		{ CR0_CD | CR0_NW, true },
		{ CR0_PE | CR0_PG | CR0_NW, false },
		{ CR0_PE | CR0_PG | CR0_NW | CR0_CD, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		set_state(CR0_ET, 0, 0, 0, 0);
		if (cases[i].valid)
			ok(0, cases[i].value);
		else
			gp(0, cases[i].value);
	}
}

static void test_enter_long_mode(void **state)
{
	(void)state;
	set_state(CR0_PE | CR0_ET, 0x1000, CR4_PAE, EFER_LME, SEG_AR_DB);
	ok(0, CR0_LONG);
	assert_int_equal(f->reg[VREG_EFER], EFER_LME | EFER_LMA);
	assert_int_equal(f->tlb_flushes, 1);
	assert_int_equal(f->pdpte_loads, 0);
	/* PAE must be on and CS must not be a 64-bit segment. */
	set_state(CR0_PE | CR0_ET, 0x1000, 0, EFER_LME, SEG_AR_DB);
	gp(0, CR0_LONG);
	set_state(CR0_PE | CR0_ET, 0x1000, CR4_PAE, EFER_LME, SEG_AR_L);
	gp(0, CR0_LONG);
	/* Without LME it is plain paging, whatever L says. */
	set_state(CR0_PE | CR0_ET, 0x1000, 0, 0, SEG_AR_L);
	ok(0, CR0_LONG);
	assert_int_equal(f->reg[VREG_EFER], 0);
}

static void test_leave_long_mode(void **state)
{
	(void)state;
	long_mode();
	gp(0, CR0_PE | CR0_ET | CR0_WP); /* from 64-bit code */
	f->seg[SEG_CS].ar = SEG_AR_DB;	 /* compatibility mode */
	ok(0, CR0_PE | CR0_ET | CR0_WP);
	assert_int_equal(f->reg[VREG_EFER], EFER_LME);
	assert_int_equal(f->tlb_flushes, 1);
	long_mode();
	f->seg[SEG_CS].ar = SEG_AR_DB;
	f->reg[VREG_CR4] |= CR4_PCIDE;
	gp(0, CR0_PE | CR0_ET | CR0_WP);
}

static void test_wp_and_cet(void **state)
{
	(void)state;
	guest_feature(fake, X86_FEATURE_SHSTK, true);
	long_mode();
	ok(4, CR4_PAE | CR4_CET);
	gp(0, CR0_LONG & ~CR0_WP);
	ok(0, CR0_LONG | CR0_AM);
	ok(4, CR4_PAE);
	ok(0, CR0_LONG & ~CR0_WP);
	assert_int_equal(f->tlb_flushes, 0);
	gp(4, CR4_PAE | CR4_CET);
	/* IBT alone is enough for the bit, without either it is reserved. */
	ok(0, CR0_LONG);
	guest_feature(fake, X86_FEATURE_SHSTK, false);
	gp(4, CR4_PAE | CR4_CET);
	guest_feature(fake, X86_FEATURE_IBT, true);
	ok(4, CR4_PAE | CR4_CET);
}

static void write_pdpt(u64 gpa, u64 a, u64 b, u64 c, u64 d)
{
	const u64 pdpt[4] = { a, b, c, d };

	assert_int_equal(guest_write(&fake->vm.memory, gpa, pdpt, sizeof(pdpt)), FIRN_OK);
}

static void test_pae_pdptes(void **state)
{
	const u64 pae = CR0_PE | CR0_ET | CR0_PG;

	(void)state;
	write_pdpt(0x2020, 0x3001, 0, 0x3ffffffff019, 0xe00);
	set_state(CR0_PE | CR0_ET, 0x203f, CR4_PAE, 0, SEG_AR_DB);
	ok(0, pae);
	assert_int_equal(f->pdpte_loads, 1);
	assert_int_equal(f->pdpte[0], 0x3001);
	assert_int_equal(f->pdpte[2], 0x3ffffffff019);
	ok(0, pae | CR0_TS);
	assert_int_equal(f->pdpte_loads, 1);
	ok(0, pae | CR0_CD);
	assert_int_equal(f->pdpte_loads, 2);
	ok(4, CR4_PAE | CR4_PGE);
	assert_int_equal(f->pdpte_loads, 3);
	ok(4, CR4_PAE | CR4_PGE | CR4_DE);
	assert_int_equal(f->pdpte_loads, 3);
	ok(3, 0x2020);
	assert_int_equal(f->pdpte_loads, 4);
	/* Each reserved bit of a present entry; entries that are not present are not looked at. */
	for (unsigned bit = 1; bit < 64; bit++) {
		bool reserved = bit <= 2 || (bit >= 5 && bit <= 8) || bit >= 46;

		write_pdpt(0x4000, 0, 0, 0, 1 | BIT(bit));
		if (reserved)
			gp(3, 0x4000);
		else
			ok(3, 0x4000);
		write_pdpt(0x4000, 0, 0, 0, BIT(bit));
		ok(3, 0x4000);
	}
	write_pdpt(0x4000, 3, 0, 0, 0);
	f->reg[VREG_CR3] = 0x4000;
	gp(0, pae | CR0_CD | CR0_NW);
	gp(4, CR4_PAE | CR4_SMEP | CR4_DE);
	gp(3, RAM_SIZE);
	gp(3, 0xffffffe0);
	/* Turning PAE on under 32-bit paging loads them, too. */
	set_state(pae, 0x4000, 0, 0, SEG_AR_DB);
	gp(4, CR4_PAE);
	f->reg[VREG_CR3] = 0x2020;
	ok(4, CR4_PAE);
	assert_int_equal(f->pdpte_loads, 1);
	assert_int_equal(f->tlb_flushes, 1);
}

static void test_cr3(void **state)
{
	(void)state;
	long_mode();
	for (unsigned bit = 0; bit < 64; bit++) {
		if (bit >= 46)
			gp(3, BIT(bit));
		else
			ok(3, BIT(bit));
	}
	f->tlb_flushes = 0;
	ok(3, 0x5018);
	assert_int_equal(guest_cr_read(vcpu, 3), 0x5018);
	assert_int_equal(f->tlb_flushes, 1);
	/* With PCIDs bit 63 keeps translations and is not stored. */
	f->reg[VREG_CR4] |= CR4_PCIDE;
	ok(3, CR3_NOFLUSH | 0x6001);
	assert_int_equal(guest_cr_read(vcpu, 3), 0x6001);
	assert_int_equal(f->tlb_flushes, 1);
	gp(3, CR3_NOFLUSH | BIT(62));
	ok(3, 0x6001);
	assert_int_equal(f->tlb_flushes, 2);
}

/* Every bit of CR4, with and without the feature that it belongs to. */
static void test_cr4_bits(void **state)
{
	static const struct {
		unsigned bit;
		u32 feature;
	} bits[] = {
		{ 0, X86_FEATURE_VME },	      { 1, X86_FEATURE_VME },	 { 2, X86_FEATURE_TSC },
		{ 3, X86_FEATURE_DE },	      { 4, X86_FEATURE_PSE },	 { 5, X86_FEATURE_PAE },
		{ 6, X86_FEATURE_MCE },	      { 7, X86_FEATURE_PGE },	 { 8, X86_FEATURE_MSR },
		{ 9, X86_FEATURE_FXSR },      { 10, X86_FEATURE_SSE },	 { 11, X86_FEATURE_UMIP },
		{ 12, X86_FEATURE_LA57 },     { 13, X86_FEATURE_VMX },	 { 14, X86_FEATURE_SMX },
		{ 16, X86_FEATURE_FSGSBASE }, { 18, X86_FEATURE_XSAVE }, { 20, X86_FEATURE_SMEP },
		{ 21, X86_FEATURE_SMAP },     { 22, X86_FEATURE_PKU },	 { 23, X86_FEATURE_SHSTK },
		{ 23, X86_FEATURE_IBT },
	};
	u64 known = CR4_PCIDE;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		set_state(CR0_PE | CR0_ET | CR0_WP, 0, 0, 0, 0);
		known |= BIT(bits[i].bit);
		guest_feature(fake, bits[i].feature, true);
		ok(4, BIT(bits[i].bit));
		ok(4, 0);
		guest_feature(fake, bits[i].feature, false);
		gp(4, BIT(bits[i].bit));
	}
	for (unsigned bit = 0; bit < 64; bit++)
		if (!(known & BIT(bit)))
			gp(4, BIT(bit));
}

static void test_cr4_offered(void **state)
{
	(void)state;
	/* No LA57, VMXE, SMXE, PKE, CET for guests. */
	assert_int_equal(guest_cr4_allowed(&fake->vm.arch.cpuid), 0x370fff);
	assert_int_equal(guest_cr3_reserved(&fake->vm.arch.cpuid), 0xffffc00000000000);
}

static void test_cr4_long_mode(void **state)
{
	(void)state;
	long_mode();
	gp(4, 0);
	gp(4, CR4_PGE);
	ok(4, CR4_PAE | CR4_PGE);
	/* PCIDE: only in long mode, and with PCID 0 in CR3. */
	f->reg[VREG_CR3] = 0x1001;
	gp(4, CR4_PAE | CR4_PCIDE);
	f->reg[VREG_CR3] = 0x1018;
	gp(4, CR4_PAE | CR4_PCIDE);
	f->reg[VREG_CR3] = 0x1000;
	ok(4, CR4_PAE | CR4_PCIDE);
	f->reg[VREG_CR3] = 0x1001;
	ok(4, CR4_PAE | CR4_PCIDE | CR4_PGE);
	guest_feature(fake, X86_FEATURE_LA57, true);
	gp(4, CR4_PAE | CR4_PCIDE | CR4_LA57);
	set_state(CR0_PE | CR0_ET, 0, CR4_PAE, EFER_LME, 0);
	gp(4, CR4_PAE | CR4_PCIDE);
	ok(4, CR4_PAE | CR4_LA57);
	guest_feature(fake, X86_FEATURE_PCID, false);
	long_mode();
	gp(4, CR4_PAE | CR4_PCIDE);
}

static void test_cr4_flushes(void **state)
{
	static const struct {
		u64 from, to;
		bool flush;
	} cases[] = {
		{ 0, CR4_PGE, true },	{ CR4_PGE, 0, true },	   { 0, CR4_PSE, true },
		{ CR4_PSE, 0, true },	{ 0, CR4_SMEP, true },	   { CR4_SMEP, 0, false },
		{ 0, CR4_SMAP, true },	{ CR4_SMAP, 0, false },	   { 0, CR4_PCIDE, false },
		{ CR4_PCIDE, 0, true }, { 0, CR4_OSXSAVE, false }, { CR4_OSXSAVE, 0, false },
		{ 0, 0, false },	{ 0, CR4_TSD, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		long_mode();
		f->reg[VREG_CR4] = CR4_PAE | cases[i].from;
		ok(4, CR4_PAE | cases[i].to);
		assert_int_equal(f->tlb_flushes, cases[i].flush);
	}
}

static void test_cr8_cr2_others(void **state)
{
	(void)state;
	for (u64 v = 0; v < 16; v++) {
		ok(8, v);
		assert_int_equal(guest_cr_read(vcpu, 8), v);
		assert_int_equal(lapic_read(&vcpu->arch.lapic, APIC_TPR), v << 4);
	}
	for (unsigned bit = 4; bit < 64; bit++)
		gp(8, BIT(bit));
	ok(2, 0x8000123456789abc);
	assert_int_equal(guest_cr_read(vcpu, 2), 0x8000123456789abc);
	for (unsigned cr = 0; cr < 20; cr++) {
		if (cr == 0 || cr == 2 || cr == 3 || cr == 4 || cr == 8)
			continue;
		gp(cr, 0);
		assert_int_equal(guest_cr_read(vcpu, cr), 0);
	}
}

static void test_clts_lmsw(void **state)
{
	(void)state;
	long_mode();
	f->reg[VREG_CR0] |= CR0_TS | CR0_MP;
	guest_clts(vcpu);
	assert_int_equal(f->reg[VREG_CR0], CR0_LONG | CR0_MP);
	assert_true(guest_lmsw(vcpu,
			       0xfff8)); /* PE can't be cleared; NE and the rest don't take part */
	assert_int_equal(f->reg[VREG_CR0], CR0_LONG | CR0_TS);
	set_state(CR0_ET | CR0_NE, 0, 0, 0, 0);
	assert_true(guest_lmsw(vcpu, 0xffff));
	assert_int_equal(f->reg[VREG_CR0], CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE);
	assert_true(guest_lmsw(vcpu, 0));
	assert_int_equal(f->reg[VREG_CR0], CR0_PE | CR0_ET | CR0_NE);
}

/* By id the order does not matter; what is impossible in this VM is refused all the same. */
static void test_restore(void **state)
{
	(void)state;
	set_state(CR0_ET, 0, 0, 0, SEG_AR_L);
	assert_true(guest_cr_restore(vcpu, 4, CR4_PAE | CR4_PCIDE));
	assert_true(guest_cr_restore(vcpu, 0, CR0_LONG));
	assert_true(guest_cr_restore(vcpu, 3, 0x1001));
	assert_true(guest_cr_restore(vcpu, 8, 5));
	assert_true(guest_cr_restore(vcpu, 2, ~0ull));
	assert_int_equal(guest_cr_read(vcpu, 0), CR0_LONG);
	assert_int_equal(guest_cr_read(vcpu, 4), CR4_PAE | CR4_PCIDE);
	assert_false(guest_cr_restore(vcpu, 0, CR0_LONG | BIT(6)));
	assert_false(guest_cr_restore(vcpu, 0, CR0_LONG & ~CR0_ET));
	assert_false(guest_cr_restore(vcpu, 0, CR0_LONG | BIT(32)));
	assert_false(guest_cr_restore(vcpu, 0, CR0_PG | CR0_ET));
	assert_false(guest_cr_restore(vcpu, 0, CR0_NW | CR0_ET));
	assert_false(guest_cr_restore(vcpu, 3, BIT(46)));
	assert_false(guest_cr_restore(vcpu, 4, CR4_VMXE));
	assert_false(guest_cr_restore(vcpu, 8, 16));
	assert_false(guest_cr_restore(vcpu, 1, 0));
	assert_int_equal(guest_cr_read(vcpu, 0), CR0_LONG);
	assert_int_equal(guest_cr_read(vcpu, 3), 0x1001);
	assert_int_equal(guest_cr_read(vcpu, 4), CR4_PAE | CR4_PCIDE);
	assert_int_equal(guest_cr_read(vcpu, 8), 5);
}

static void test_inconsistent(void **state)
{
	(void)state;
	long_mode();
	assert_null(guest_cr_inconsistent(vcpu));
	f->reg[VREG_EFER] = EFER_LME;
	assert_non_null(guest_cr_inconsistent(vcpu));
	f->reg[VREG_EFER] = EFER_LMA;
	assert_non_null(guest_cr_inconsistent(vcpu));
	long_mode();
	f->reg[VREG_CR4] = 0;
	assert_string_equal(guest_cr_inconsistent(vcpu), "long mode without CR4.PAE");
	set_state(CR0_PE | CR0_ET, 0, CR4_PCIDE, 0, 0);
	assert_string_equal(guest_cr_inconsistent(vcpu), "CR4.PCIDE outside long mode");
	set_state(CR0_PE | CR0_ET, 0, CR4_CET, 0, 0);
	assert_string_equal(guest_cr_inconsistent(vcpu), "CR4.CET without CR0.WP");
	write_pdpt(0x4000, 3, 0, 0, 0);
	set_state(CR0_PE | CR0_ET | CR0_PG, 0x4000, CR4_PAE, 0, 0);
	assert_string_equal(guest_cr_inconsistent(vcpu), "reserved bits in the PDPTEs");
	write_pdpt(0x4000, 1, 0, 0, 0);
	assert_null(guest_cr_inconsistent(vcpu));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cr0_reserved),
		TEST(test_cr0_combinations),
		TEST(test_enter_long_mode),
		TEST(test_leave_long_mode),
		TEST(test_wp_and_cet),
		TEST(test_pae_pdptes),
		TEST(test_cr3),
		TEST(test_cr4_bits),
		TEST(test_cr4_offered),
		TEST(test_cr4_long_mode),
		TEST(test_cr4_flushes),
		TEST(test_cr8_cr2_others),
		TEST(test_clts_lmsw),
		TEST(test_restore),
		TEST(test_inconsistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

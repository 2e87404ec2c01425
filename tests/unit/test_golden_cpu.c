/* SPDX-License-Identifier: MIT */
/*
 * Profile abi = 1: CPUID, MSRs, KVM features and hypercalls that guests see on given host CPUs
 * (tests/golden/host) are those of tests/golden/abi-1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/hypercall.h"
#include "arch/x86/pmu.h"
#include "fake.h"
#include "guest_cpu.h"
#include "tests/unit/golden.h"

#define ABI	   "abi-1/"
#define VCPUS	   4
#define MAX_LEAVES 128
#define MAX_MSRS   256

/* CPUID of the host: leaf, sub-leaf, EAX, EBX, ECX, EDX; what is not listed reads zero. */
static struct row {
	u32 leaf, subleaf, reg[4];
} rows[MAX_LEAVES];
static unsigned nr_rows;

static void read_host(const char *name)
{
	char path[128], line[128];
	FILE *f;

	snprintf(path, sizeof(path), GOLDEN_DIRECTORY "host/%s.cpuid", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("there is no %s", path);
	for (nr_rows = 0; fgets(line, sizeof(line), f);) {
		struct row *r = &rows[nr_rows];

		if (line[0] == '#')
			continue;
		assert_in_range(nr_rows, 0, MAX_LEAVES - 1);
		assert_int_equal(sscanf(line, "%x %x %x %x %x %x", &r->leaf, &r->subleaf,
					&r->reg[0], &r->reg[1], &r->reg[2], &r->reg[3]),
				 6);
		nr_rows++;
	}
	fclose(f);
	assert_true(nr_rows > 0);
}

static void listed_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	for (unsigned i = 0; i < nr_rows; i++)
		if (rows[i].leaf == leaf && rows[i].subleaf == subleaf)
			memcpy(out, rows[i].reg, sizeof(rows[i].reg));
}

static void print_cpuid(const struct cpuid_image *image)
{
	golden_print("# CPUID: leaf, sub-leaf, EAX, EBX, ECX, EDX\n");
	for (unsigned i = 0; i < image->count; i++) {
		const struct cpuid_leaf *l = &image->leaf[i];

		golden_print("%08x %08x %08x %08x %08x %08x\n", l->leaf, l->subleaf, l->reg[0],
			     l->reg[1], l->reg[2], l->reg[3]);
	}
}

/* Those that are registers, with their power-on values. */
static void print_msrs(struct vcpu *vcpu)
{
	static u32 ids[MAX_MSRS];
	size_t count = guest_msr_list(vcpu, ids, MAX_MSRS);

	golden_print("# MSRs: number, value after a reset, name\n");
	assert_in_range(count, 1, MAX_MSRS);
	for (size_t i = 0; i < count; i++) {
		char name[40];
		u64 value;

		assert_int_equal(guest_msr_get(vcpu, ids[i], &value), FIRN_OK);
		guest_msr_name(ids[i], name, sizeof(name));
		golden_print("%08x %016llx %s\n", ids[i], (unsigned long long)value, name);
	}
}

/* A hypercall that needs no feature, or one that the VM has. */
static void print_hypercalls(const struct cpuid_image *image)
{
	golden_print("# Hypercalls: number, name\n");
	for (size_t i = 0; i < nr_hypercalls; i++)
		if (!hypercalls[i].feature || cpuid_image_offers(image, hypercalls[i].feature))
			golden_print("%llu %s\n", (unsigned long long)hypercalls[i].number,
				     hypercalls[i].name);
}

static void check_host(const char *name, bool pmu)
{
	struct fake_vm *fake;
	char file[64];

	read_host(name);
	fake_reset();
	host = (struct host_cpu){ .source = listed_cpuid, .pmu = pmu, .counters = pmu };
	fake = guest_create(VCPUS);
	pmu_reset(&fake->vcpu[0]->vcpu);
	golden_begin();
	print_cpuid(&fake->vm.arch.cpuid);
	print_msrs(&fake->vcpu[0]->vcpu);
	if (pmu)
		print_hypercalls(&fake->vm.arch.cpuid);
	snprintf(file, sizeof(file), ABI "cpu-%s%s.txt", name, pmu ? "-pmu" : "");
	golden_check(file);
	guest_destroy(fake);
}

static void test_intel(void **state)
{
	(void)state;
	check_host("bochs-tigerlake", false);
}

static void test_amd(void **state)
{
	(void)state;
	check_host("qemu-epyc", false);
}

/* pmu = yes, if that processor's counters could be switched */
static void test_counters(void **state)
{
	(void)state;
	check_host("bochs-tigerlake", true);
}

static void test_paravirtualization(void **state)
{
	struct cpuid_image image;

	(void)state;
	golden_begin();
	golden_print("# KVM features: bit of CPUID 0x40000001 EAX, name\n");
	for (size_t i = 0; i < cpuid_nr_kvm_features; i++)
		golden_print("%u %s\n", CPUID_FEATURE_BIT(cpuid_kvm_features[i].feature),
			     cpuid_kvm_features[i].name);
	read_host("bochs-tigerlake");
	host = (struct host_cpu){ .source = listed_cpuid };
	guest_image(&image, VCPUS);
	print_hypercalls(&image);
	golden_check(ABI "paravirt.txt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intel),
		cmocka_unit_test(test_amd),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_paravirtualization),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

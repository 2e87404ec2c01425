/* SPDX-License-Identifier: MIT */
/* docs/guest-abi.md against the tables in the code, and that the check itself finds mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/hypercall.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "guest_cpu.h"

#define DOCUMENT "docs/guest-abi.md"
#define MAX_TEXT 32768

static struct fake_vm *fake;
static char document[MAX_TEXT];

/* MSRs that are no registers by id: the list does not have them. */
static const struct {
	u32 first, last;
	const char *name;
} unlisted[] = {
	{ 0x11, 0x12, "KVM_CLOCK_OLD" },
	{ 0x49, 0x49, "IA32_PRED_CMD" },
	{ 0x390, 0x390, "IA32_PERF_GLOBAL_OVF_CTRL" },
	{ 0x4c1, 0x4c8, "IA32_A_PMC" },
	{ 0x800, 0x8ff, "X2APIC" },
	{ 0xc0000100, 0xc0000101, "SEGMENT_BASE" },
};

static bool hypercall_known(u64 number, const char *name)
{
	for (size_t i = 0; i < nr_hypercalls; i++)
		if (hypercalls[i].number == number)
			return !strcmp(hypercalls[i].name, name);
	return false;
}

static bool feature_known(u64 bit, const char *name)
{
	for (size_t i = 0; i < cpuid_nr_kvm_features; i++)
		if (CPUID_FEATURE_BIT(cpuid_kvm_features[i].feature) == bit)
			return !strcmp(cpuid_kvm_features[i].name, name);
	return false;
}

static bool msr_known(u64 msr, const char *name)
{
	char known[40];
	u64 value;

	for (size_t i = 0; i < ARRAY_SIZE(unlisted); i++)
		if (msr >= unlisted[i].first && msr <= unlisted[i].last)
			return !strcmp(unlisted[i].name, name);
	if (guest_msr_get(&fake->vcpu[0]->vcpu, (u32)msr, &value) != FIRN_OK)
		return false;
	guest_msr_name((u32)msr, known, sizeof(known));
	known[strcspn(known, "+")] = '\0';
	return !strcmp(known, name);
}

enum section {
	OTHER,
	FEATURES,
	HYPERCALLS,
	MSRS,
	NR_SECTIONS
};

static const struct {
	const char *title;
	bool (*known)(u64 number, const char *name);
} sections[NR_SECTIONS] = {
	[FEATURES] = { "KVM features", feature_known },
	[HYPERCALLS] = { "Hypercalls", hypercall_known },
	[MSRS] = { "MSRs", msr_known },
};

struct check {
	enum section section;
	unsigned last_section;
	unsigned rows[NR_SECTIONS]; /* numbers documented; ranges count each */
	u64 last_number;
};

static const char *check_heading(struct check *c, const char *line)
{
	char title[80];
	unsigned number;

	if (sscanf(line, "## %u. %79[^\n]", &number, title) != 2)
		return "heading without number";
	if (number != c->last_section + 1)
		return "section numbers are not consecutive";
	c->last_section = number;
	c->section = OTHER;
	c->last_number = 0;
	for (enum section s = FEATURES; s < NR_SECTIONS; s++)
		if (!strcmp(title, sections[s].title))
			c->section = s;
	return NULL;
}

static const char *check_row(struct check *c, const char *line)
{
	char numbers[40], name[40], *end;
	u64 first, last;

	if (sscanf(line, "| %39[0-9a-fx-] | %39[A-Z0-9_] |", numbers, name) != 2)
		return NULL; /* the table's head */
	first = last = strtoull(numbers, &end, 0);
	if (*end == '-')
		last = strtoull(end + 1, &end, 0);
	if (*end || last < first)
		return "bad number";
	if (c->rows[c->section] && first <= c->last_number)
		return "rows are not ascending";
	for (u64 n = first; n <= last; n++, c->rows[c->section]++)
		if (!sections[c->section].known(n, name))
			return "documented, but not in the code";
	c->last_number = last;
	return NULL;
}

static size_t msrs_in_code(void)
{
	size_t n = guest_msr_list(&fake->vcpu[0]->vcpu, NULL, 0);

	for (size_t i = 0; i < ARRAY_SIZE(unlisted); i++)
		n += unlisted[i].last - unlisted[i].first + 1;
	return n;
}

/* What is wrong with the document, or NULL. Rows are unique: equal numbers mean equal sets. */
static const char *check_document(const char *text)
{
	struct check c = { 0 };
	const char *why = NULL;

	for (const char *line = text; line && *line && !why; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, "## ", 3))
			why = check_heading(&c, line);
		else if (line[0] == '|' && c.section != OTHER)
			why = check_row(&c, line);
	}
	if (why)
		return why;
	if (c.rows[FEATURES] != cpuid_nr_kvm_features)
		return "features are missing";
	if (c.rows[HYPERCALLS] != nr_hypercalls)
		return "hypercalls are missing";
	return c.rows[MSRS] == msrs_in_code() ? NULL : "MSRs are missing";
}

/* As many counters as there can be; only CPUs of Intel have them. */
static void add_counters(struct cpuid_image *image)
{
	image->leaf[image->count++] = (struct cpuid_leaf){ .leaf = CPUID_PERFMON,
							   .eax = 2 | PMU_MAX_GP << 8 | 48 << 16,
							   .edx = PMU_MAX_FIXED | 48 << 5 };
	cpuid_image_index(image);
}

static int setup(void **state)
{
	FILE *f = fopen(DOCUMENT, "r");

	(void)state;
	if (!f)
		return -1;
	document[fread(document, 1, sizeof(document) - 1, f)] = '\0';
	fclose(f);
	host_full();
	host.amd = true; /* what Intel CPUs have, and more */
	fake = guest_create(1);
	add_counters(&fake->vm.arch.cpuid);
	/* So that IA32_XSS and the MSRs of CET are listed. */
	guest_feature(fake, X86_FEATURE_XSAVES, true);
	guest_feature(fake, X86_FEATURE_SHSTK, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

static void test_document(void **state)
{
	const char *why = check_document(document);

	(void)state;
	if (why)
		fail_msg("%s: %s", DOCUMENT, why);
}

/* Each edit of the document must be found. */
static void test_mistakes_are_found(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} edits[] = {
		{ "## 6. ", "## 5. ", "section numbers are not consecutive" },
		{ "## 6. ", "## 7. ", "section numbers are not consecutive" },
		{ "## 11. ", "## 10. ", "section numbers are not consecutive" },
		{ "## 1. ", "## ", "heading without number" },
		{ "| 1 | VAPIC_POLL_IRQ", "| 2 | VAPIC_POLL_IRQ",
		  "documented, but not in the code" },
		{ "| 1 | VAPIC_POLL_IRQ", "| 1 | KICK_CPU", "documented, but not in the code" },
		{ "| 1 | VAPIC_POLL_IRQ", "1, VAPIC_POLL_IRQ", "hypercalls are missing" },
		{ "| 1 | VAPIC_POLL_IRQ", "| 1 | VAPIC_POLL_IRQ |\n| 12 | MAP_GPA_RANGE",
		  "documented, but not in the code" },
		{ "| 10 | SEND_IPI |", "| 9 | SEND_IPI |", "rows are not ascending" },
		{ "| 10 | SEND_IPI |", "| 11 | SCHED_YIELD |", "rows are not ascending" },
		{ "| 1 | VAPIC_POLL_IRQ", "| 1 | VAPIC_POLL_IRQ |\n| 1 | VAPIC_POLL_IRQ",
		  "rows are not ascending" },
		{ "| 3 | CLOCKSOURCE2 |", "", "features are missing" },
		{ "| 3 | CLOCKSOURCE2 |", "| 4 | ASYNC_PF |", "documented, but not in the code" },
		{ "| 5 | STEAL_TIME |", "| 5 | PV_EOI |", "documented, but not in the code" },
		{ "| 0x277 | IA32_PAT |", "", "MSRs are missing" },
		{ "| 0x277 | IA32_PAT |", "| 0x278 | IA32_PAT |",
		  "documented, but not in the code" },
		{ "| 0x277 | IA32_PAT |", "| 0x277 | PAT |", "documented, but not in the code" },
		{ "| 0x200-0x20f |", "| 0x200-0x20e |", "MSRs are missing" },
		{ "| 0x200-0x20f |", "| 0x200-0x210 |", "documented, but not in the code" },
		{ "| 0x200-0x20f |", "| 0x20f-0x200 |", "bad number" },
	};
	static char edited[MAX_TEXT + 200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		const char *at = strstr(document, edits[i].from);
		const char *why;

		assert_non_null(at);
		snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - document), document,
			 edits[i].to, at + strlen(edits[i].from));
		why = check_document(edited);
		if (!why)
			fail_msg("edit %zu was not found", i);
		assert_string_equal(why, edits[i].why);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_document),
		TEST(test_mistakes_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

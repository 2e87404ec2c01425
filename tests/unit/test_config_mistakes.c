/* SPDX-License-Identifier: MIT */
/* Mistakes in firn.conf: what people get wrong, the whole answer, and what starts all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/config_fixture.h"

/*
 * In a [vm] with a kernel unless the text has a section of its own: the whole
 * answer. NULL = it is no mistake.
 */
#define MEMORY "expected a size from 16M to 4096G in whole megabytes, as in 512M or 2G"
#define NAME                                                                                 \
	"expected [vm NAME], NAME being up to 31 of a-z 0-9 - _ . that begin with a letter " \
	"or digit"
#define A_FILE "expected a file name without folders, blanks or any of \\ : * ? \" < > |"
#define OWN    " (comments have lines of their own)"
#define A_LINE "expected 'key = value', '[section]' or a comment (#)"

static void test_common_mistakes(void **state)
{
	static const struct {
		const char *text, *answer;
	} cases[] = {
		{ "memory = 512MB", "memory = 512MB: " MEMORY },
		{ "memory = 512MiB", "memory = 512MiB: " MEMORY },
		{ "memory = 512 M", "memory = 512 M: " MEMORY },
		{ "memory = 0.5G", "memory = 0.5G: " MEMORY },
		{ "memory = 512", "memory = 512: " MEMORY },
		{ "memory = 1T", "memory = 1T: " MEMORY },
		{ "memory = 1G # enough", "memory = 1G # enough: " MEMORY OWN },
		{ "cpus = 2 ; two", "cpus = 2 ; two: expected a number from 1 to 64" OWN },
		{ "cpus = two", "cpus = two: expected a number from 1 to 64" },
		{ "cpus == 2", "cpus = = 2: expected a number from 1 to 64" },
		{ "cpus: 2", "'cpus: 2': " A_LINE },
		{ "cpus 2", "'cpus 2': " A_LINE },
		{ "weight = 50%", "weight = 50%: expected a number from 1 to 10000" },
		{ "cap = 50%", "cap = 50%: expected a number from 1 to 6400" },
		{ "cap = 6401", "cap = 6401: expected a number from 1 to 6400" },
		{ "pin = all", "pin = all: expected numbers and ranges of CPUs from 0 to 255, as "
			       "in 0,2,4-5" },
		{ "pin = 0-1, 1", "pin: CPU 1 is named twice" },
		{ "initrd = boot/initrd.gz", "initrd = boot/initrd.gz: " A_FILE },
		{ "initrd = \"initrd.gz\"", "initrd = \"initrd.gz\": " A_FILE },
		{ "initrd = initrd.gz # big", "initrd = initrd.gz # big: " A_FILE OWN },
		{ "cet = on", "cet = on: expected yes or no (did you mean 'yes'?)" },
		{ "rng = off", "rng = off: expected yes or no (did you mean 'no'?)" },
		{ "rng = false", "rng = false: expected yes or no (did you mean 'no'?)" },
		{ "autostart = 1", "autostart = 1: expected yes or no (did you mean 'yes'?)" },
		{ "autostart = Yes", "autostart = Yes: expected yes or no (did you mean 'yes'?)" },
		{ "autostart = maybe", "autostart = maybe: expected yes or no" },
		{ "disk = a.img readonly", "disk = a.img readonly: expected a file name, then ro "
					   "for a disk that can't be "
					   "written" },
		{ "net = lan mac=01:00:00:00:00:01", "net: mac=01:00:00:00:00:01: expected the "
						     "address of one station, as in "
						     "02:00:00:12:34:56" },
		{ "console = serial0", "key 'console' belongs in a [firn] section, this is [vm]" },
		{ "kernel = other", "kernel is given twice in this section, first in line 2" },
		{ "[VM b]", "unknown section [VM]: expected [firn] or [vm NAME] (did you mean "
			    "'vm'?)" },
		{ "[vm my vm]", "VM name 'my vm': " NAME },
		{ "[vm \"b\"]", "VM name '\"b\"': " NAME },
		{ "[vm Web]", "VM name 'Web': " NAME },
		{ "[vm a]", "VM name 'a' is taken by the section in line 1" },
		{ "[vm b", "'[vm b': the section header has no closing ]" },
		{ "[firn]\nloglevel = warn", "loglevel = warn: expected error, warning, info or "
					     "debug (did you mean 'warning'?)" },
		{ "[firn]\nconsole = serial", "console = serial: expected serial0, framebuffer or "
					      "both, separated by a comma (did "
					      "you mean 'serial0'?)" },
		{ "\tcpus\t=\t2\t\r", NULL },
		{ "cmdline = console=ttyS0 # no comment", NULL },
		{ "# \xc3\xa4", NULL },
		{ "; cpus = 99", NULL },
	};
	char text[256];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		/* with and without a newline at the end */
		for (unsigned n = 0; n < 2; n++) {
			snprintf(text, sizeof(text), "[vm a]\nkernel=k\n%s%s", cases[i].text,
				 n ? "\n" : "");
			parse(text);
			assert_int_equal(errors.count, cases[i].answer ? 1 : 0);
			if (cases[i].answer)
				assert_string_equal(errors.error[0].text, cases[i].answer);
		}
	}
}

static void test_utf16_is_told_once(void **state)
{
	static const char little[] = "\xff\xfe[\0v\0m\0\n\0", big[] = "\xfe\xff\0[\0v\0m\0\n";

	(void)state;
	parse_bytes(little, sizeof(little) - 1);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.error[0].line, 1);
	assert_string_equal(errors.error[0].text, "the file is UTF-16 text: expected UTF-8 or "
						  "plain "
						  "ASCII");
	assert_true(errors.of_machine);
	parse_bytes(big, sizeof(big) - 1);
	assert_int_equal(errors.count, 1);
	parse_bytes("\xff", 1);
	assert_non_null(strstr(errors.error[0].text, A_LINE));
}

/* Shown in part, and what stands behind it still counts. */
static void test_a_very_long_line(void **state)
{
	static char text[80 * KiB];
	size_t n = sprintf(text, "[vm a]\nkernel = k\ncmdline = ");

	(void)state;
	memset(text + n, 'x', 64 * KiB);
	strcpy(text + n + 64 * KiB, "\n[vm b]\nkernel = k\n");
	parse(text);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.error[0].text, "cmdline: the text has 65536 bytes, at most 2047 "
						  "fit");
	assert_int_equal(cfg.nr_vms, 2);
	assert_false(cfg.vm[1].wrong);
}

/* What an error keeps from being started: its VM, or all of them ("*"). "-": it is not there. */
static void test_what_an_error_stops(void **state)
{
	static const char other[] = "[vm other]\nkernel = k\n";
	static const struct {
		const char *text, *stops;
	} cases[] = {
		{ "[vm bad]\nkernel = k\ncpus = 0\n", "bad" },
		{ "[vm bad]\nkernel = k\ncolor = blue\n", "bad" },
		{ "[vm bad]\nkernel = k\nkernel = k\n", "bad" },
		{ "[vm bad]\nkernel = k\nnonsense\n", "bad" },
		{ "[vm bad]\nkernel = k\ncpus = 1\x01\n", "bad" },
		{ "[vm bad]\nkernel = k\nconsole = serial0\n", "bad" },
		{ "[vm bad]\nkernel = k\nmax-cpus = 1\ncpus = 2\n", "bad" },
		{ "[vm bad]\n", "bad" },
		{ "[vm bad]\nkernel = k\npin = 3-1\n", "bad" },
		{ "[vm bad]\nkernel = k\nnet = LAN\n", "bad" },
		{ "[vm bad]\nkernel = missing\n", "bad" },
		{ "[vm bad]\nkernel = k\ndisk = missing\n", "bad" },
		{ "[vm bad]\nkernel = k\nnet = l mac=02:00:00:00:00:01\nnet = l "
		  "mac=02:00:00:00:00:01\n",
		  "bad" },
		{ "[vm Bad]\nkernel = k\ncpus = 0\n", "-" },
		{ "[vm]\nkernel = k\n", "-" },
		{ "[vm bad\nkernel = k\n", "-" },
		{ "[vm bad] x\nkernel = k\n", "-" },
		{ "[firn]\nmitigations = fource\n", "*" },
		{ "[firn]\nmemory = 1G\n", "*" },
		{ "[firn\nmitigations = force\n", "*" },
		{ "[network]\n", "*" },
		{ "[vms bad]\nkernel = k\n", "*" },
		{ "memory = 1G\n", "*" },
		{ "[\n", "*" },
	};
	char text[256];
	unsigned asked = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const char *stops = cases[i / 2].stops;

		/* before it and behind it */
		snprintf(text, sizeof(text), "%s%s%s", i % 2 ? other : "", cases[i / 2].text,
			 i % 2 ? "" : other);
		if (i % 2 && strchr(cases[i / 2].text, '[') == NULL)
			continue;
		parse(text);
		config_check_files(&cfg, is_there, &asked, &errors);
		assert_true(errors.count > 0);
		if (errors.of_machine != (*stops == '*'))
			fail_msg("%s", text);
		assert_int_equal(cfg.nr_vms, strcmp(stops, "bad") == 0 ? 2 : 1);
		config_drop_wrong(&cfg);
		assert_int_equal(cfg.nr_vms, 1);
		assert_string_equal(cfg.vm[0].name, "other");
		assert_false(cfg.vm[0].wrong);
	}
}

static void test_two_vms_of_one_name(void **state)
{
	(void)state;
	parse("[vm a]\nkernel = k\ncpus = 3\n[vm a]\nkernel = k\ncpus = 99\n");
	assert_int_equal(errors.count, 1);
	assert_false(errors.of_machine);
	config_drop_wrong(&cfg);
	assert_int_equal(cfg.nr_vms, 1);
	assert_int_equal(cfg.vm[0].cpus, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common_mistakes),
		cmocka_unit_test(test_utf16_is_told_once),
		cmocka_unit_test(test_a_very_long_line),
		cmocka_unit_test(test_what_an_error_stops),
		cmocka_unit_test(test_two_vms_of_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

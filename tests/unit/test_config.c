/* SPDX-License-Identifier: MIT */
/* firn.conf: every key, every error text, limits of each value, and what the documentation says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/config.h"
#include "core/config_parser.h"
#include "core/paravirt.h"
#include "tests/unit/config_fixture.h"

#define DOCUMENTATION "docs/configuration.md"

static void test_empty_files_are_fine(void **state)
{
	static const char *const files[] = {
		"", "\n", "\r\n", "# c", "; c\n", " \t\n\n", "\xef\xbb\xbf", "\xef\xbb\xbf# c\r\n"
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(parse(files[i]), FIRN_OK);
		assert_int_equal(cfg.nr_vms, 0);
		assert_int_equal(cfg.consoles, CONSOLE_SERIAL0 | CONSOLE_FRAMEBUFFER);
		assert_int_equal(cfg.loglevel, LOG_INFO);
		assert_false(cfg.shutdown_when_idle);
		assert_false(cfg.software_lapic);
	}
}

static void test_defaults_of_a_vm(void **state)
{
	const struct vm_config *vm = &cfg.vm[0];

	(void)state;
	assert_int_equal(parse("\n[vm a]\nkernel=k"), FIRN_OK);
	assert_int_equal(cfg.nr_vms, 1);
	assert_string_equal(vm->name, "a");
	assert_int_equal(vm->line, 2);
	assert_int_equal(vm->memory_line, 2);
	assert_int_equal(vm->abi, ABI_NEWEST);
	assert_int_equal(vm->cpus, 1);
	assert_int_equal(vm->max_cpus, 1);
	assert_int_equal(vm->weight, CONFIG_WEIGHT_DEFAULT);
	assert_int_equal(vm->cap, 0);
	assert_int_equal(cpu_set_count(&vm->pin), 0);
	assert_int_equal(vm->memory, 256 * MiB);
	assert_string_equal(vm->kernel.name, "k");
	assert_int_equal(vm->kernel.line, 3);
	assert_string_equal(vm->initrd.name, "");
	assert_int_equal(vm->nr_modules, 0);
	assert_string_equal(vm->cmdline, "");
	assert_true(vm->autostart);
	assert_false(vm->test_devices);
	assert_int_equal(vm->on_triple_fault, VM_ACTION_RESET);
	assert_int_equal(vm->on_reboot, VM_ACTION_RESET);
	assert_int_equal(vm->on_panic, VM_ACTION_KEEP);
}

static void test_every_key(void **state)
{
	const struct vm_config *vm = &cfg.vm[1];

	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf[vm first]\r\n"
			       "kernel = k\r\n"
			       "  [firn]  \r\n"
			       "\tconsole\t=\tserial0 \r\n"
			       "loglevel = debug\r\n"
			       "when-idle = shutdown\r\n"
			       "[ vm  web-2.x_y ]\r\n"
			       "cpus = 64\r\n"
			       "memory = 4096g\r\n"
			       "kernel = vmlinuz-6.1+deb_12.elf\r\n"
			       "initrd = initrd.gz\r\n"
			       "module = one   a=1  b # c  \r\n"
			       "module = two\r\n"
			       "cmdline =  console=ttyS0 # not ; a comment \xc3\xa4 \r\n"
			       "autostart = no\r\n"
			       "test-devices = yes\r\n"
			       "on-triple-fault = stop\r\n"
			       "on-reboot = stop\r\n"
			       "on-panic = reset\r\n"
			       "abi = 1\r\n"),
			 FIRN_OK);
	assert_int_equal(cfg.nr_vms, 2);
	assert_int_equal(cfg.consoles, CONSOLE_SERIAL0);
	assert_int_equal(cfg.loglevel, LOG_DEBUG);
	assert_true(cfg.shutdown_when_idle);
	assert_string_equal(vm->name, "web-2.x_y");
	assert_int_equal(vm->line, 7);
	assert_int_equal(vm->cpus, 64);
	assert_int_equal(vm->memory, 4096 * GiB);
	assert_int_equal(vm->memory_line, 9);
	assert_string_equal(vm->kernel.name, "vmlinuz-6.1+deb_12.elf");
	assert_string_equal(vm->initrd.name, "initrd.gz");
	assert_int_equal(vm->initrd.line, 11);
	assert_int_equal(vm->nr_modules, 2);
	assert_string_equal(vm->module[0].name, "one");
	assert_string_equal(vm->module[0].args, "a=1  b # c");
	assert_string_equal(vm->module[1].name, "two");
	assert_string_equal(vm->module[1].args, "");
	assert_int_equal(vm->module[1].line, 13);
	assert_string_equal(vm->cmdline, "console=ttyS0 # not ; a comment \xc3\xa4");
	assert_false(vm->autostart);
	assert_true(vm->test_devices);
	assert_int_equal(vm->on_triple_fault, VM_ACTION_STOP);
	assert_int_equal(vm->on_reboot, VM_ACTION_STOP);
	assert_int_equal(vm->on_panic, VM_ACTION_RESET);
	assert_int_equal(vm->abi, ABI_1);
}

/* max-cpus is as many as cpus unless it is given, in whatever order. */
static void test_max_cpus(void **state)
{
	(void)state;
	assert_int_equal(parse("[vm a]\nkernel=k\ncpus=3"), FIRN_OK);
	assert_int_equal(cfg.vm[0].max_cpus, 3);
	assert_int_equal(parse("[vm a]\nmax-cpus=4\nkernel=k\ncpus=2\n[vm b]\nkernel=k"), FIRN_OK);
	assert_int_equal(cfg.vm[0].cpus, 2);
	assert_int_equal(cfg.vm[0].max_cpus, 4);
	assert_int_equal(cfg.vm[1].max_cpus, 1);
	assert_int_equal(parse("[vm a]\nmax-cpus=2\nkernel=k\ncpus=2"), FIRN_OK);
	assert_int_equal(parse("[vm a]\nmax-cpus=2\nkernel=k\ncpus=3\n"), ERR_FORMAT);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.error[0].line, 2);
	assert_string_equal(errors.error[0].text, "max-cpus = 2: expected at least as many as cpus "
						  "= 3");
}

/* The message has the valid profiles. */
static void test_unknown_profile(void **state)
{
	(void)state;
	assert_int_equal(parse("[vm a]\nkernel=k\nabi = 2\n"), ERR_FORMAT);
	assert_string_equal(errors.error[0].text, "abi = 2: expected 1");
}

/* A value of a key: accepted, or refused with one error in its line. */
struct value_case {
	const char *setting;
	bool ok;
};

static void check_values(const char *section, const struct value_case *cases)
{
	char text[512];

	for (; cases->setting; cases++) {
		snprintf(text, sizeof(text), "%s\n%s\n", section, cases->setting);
		parse(text);
		if (errors.count != !cases->ok)
			fail_msg("%s: %u errors, %s", cases->setting, errors.count,
				 errors.count ? errors.error[0].text : "");
		if (!cases->ok)
			assert_int_equal(errors.error[0].line, strcmp(section, "[firn]") ? 3 : 2);
	}
}

static void test_paravirt(void **state)
{
	static const struct {
		const char *value;
		u32 bits;
	} cases[] = {
		{ "all", PARAVIRT_ALL },
		{ "none", 0 },
		{ "steal-time", PARAVIRT_STEAL_TIME },
		{ "pv-eoi,pv-unhalt", PARAVIRT_PV_EOI | PARAVIRT_PV_UNHALT },
		{ "pv-eoi , pv-eoi", PARAVIRT_PV_EOI },
		{ "all,-pv-eoi", PARAVIRT_ALL & ~(u32)PARAVIRT_PV_EOI },
		{ "-pv-eoi, all", PARAVIRT_ALL },
		{ "all, -all, clocksource2", PARAVIRT_CLOCKSOURCE2 },
	};
	static const struct value_case values[] = {
		{ "paravirt=", false },		{ "paravirt=steal_time", false },
		{ "paravirt=-", false },	{ "paravirt=all,", false },
		{ "paravirt=,all", false },	{ "paravirt=--pv-eoi", false },
		{ "paravirt=STEAL", false },	{ "paravirt=all none", false },
		{ "paravirt=- pv-eoi", false }, { NULL, false },
	};
	char text[256];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "[vm a]\nkernel=k\nparavirt=%s\n", cases[i].value);
		assert_int_equal(parse(text), FIRN_OK);
		assert_int_equal(cfg.vm[0].paravirt, cases[i].bits);
	}
	assert_int_equal(parse("[vm a]\nkernel=k\n"), FIRN_OK);
	assert_int_equal(cfg.vm[0].paravirt, PARAVIRT_ALL);
	assert_int_equal(PARAVIRT_ALL, 0x1003aeb);
	check_values("[vm a]\nkernel=k", values);
}

static void test_values_of_firn(void **state)
{
	static const struct value_case cases[] = {
		{ "console=serial0", true },
		{ "console=framebuffer", true },
		{ "console=framebuffer,serial0", true },
		{ "console= serial0 ,\tframebuffer", true },
		{ "console=serial0,serial0", false },
		{ "console=serial0,", false },
		{ "console=,serial0", false },
		{ "console=,", false },
		{ "console=", false },
		{ "console=serial0 framebuffer", false },
		{ "console=serial1", false },
		{ "console=SERIAL0", false },
		{ "loglevel=error", true },
		{ "loglevel=warning", true },
		{ "loglevel=info", true },
		{ "loglevel=warn", false },
		{ "loglevel=3", false },
		{ "loglevel=info,debug", false },
		{ "lapic=auto", true },
		{ "lapic=software", true },
		{ "lapic=hardware", false },
		{ "lapic=", false },
		{ "mitigations=auto", true },
		{ "mitigations=off", true },
		{ "mitigations=force", true },
		{ "mitigations=on", false },
		{ "mitigations=", false },
		{ "vmscape=auto", true },
		{ "vmscape=off", true },
		{ "vmscape=ibpb", true },
		{ "vmscape=bhb", true },
		{ "vmscape=force", true },
		{ "vmscape=on", false },
		{ "vmscape=ibpb,bhb", false },
		{ "cet-host=auto", true },
		{ "cet-host=off", true },
		{ "cet-host=on", false },
		{ "kaslr=auto", true },
		{ "kaslr=off", true },
		{ "kaslr=on", false },
		{ "when-idle=prompt", true },
		{ "when-idle=", false },
		{ "when-idle=reboot", false },
		{ "when_idle=prompt", false },
		{ "loglevel", false },
		{ "=info", false },
		{ "=", false },
		{ "log level=info", false },
		{ "cpus=1", false },
		{ NULL, false },
	};

	(void)state;
	check_values("[firn]", cases);
}

/* A key sets its field to what its value stands for, and nothing else. */
static void test_fields_of_keys(void **state)
{
#define FIELD(field) offsetof(struct firn_config, field), sizeof(cfg.field)
	static const struct {
		const char *section, *line;
		size_t offset, size;
		unsigned value;
	} cases[] = {
		{ "[firn]\n", "loglevel=debug", FIELD(loglevel), LOG_DEBUG },
		{ "[firn]\n", "lapic=software", FIELD(software_lapic), true },
		{ "[firn]\n", "when-idle=shutdown", FIELD(shutdown_when_idle), true },
		{ "[firn]\n", "mitigations=force", FIELD(mitigations), CONFIG_MITIGATIONS_FORCE },
		{ "[firn]\n", "vmscape=bhb", FIELD(vmscape), CONFIG_VMSCAPE_BHB },
		{ "[firn]\n", "cet-host=off", FIELD(no_cet_host), true },
		{ "[firn]\n", "kaslr=off", FIELD(kaslr_off), true },
		{ "", "weight=7", FIELD(vm[0].weight), 7 },
		{ "", "cap=70", FIELD(vm[0].cap), 70 },
		{ "", "autostart=no", FIELD(vm[0].autostart), false },
		{ "", "rng=no", FIELD(vm[0].rng), false },
		{ "", "virtio-console=yes", FIELD(vm[0].virtio_console), true },
		{ "", "pmu=yes", FIELD(vm[0].pmu), true },
		{ "", "test-devices=yes", FIELD(vm[0].test_devices), true },
		{ "", "force-emulation=yes", FIELD(vm[0].force_emulation), true },
		{ "", "cet=yes", FIELD(vm[0].cet), true },
		{ "", "on-triple-fault=stop", FIELD(vm[0].on_triple_fault), VM_ACTION_STOP },
		{ "", "on-reboot=stop", FIELD(vm[0].on_reboot), VM_ACTION_STOP },
		{ "", "on-panic=reset", FIELD(vm[0].on_panic), VM_ACTION_RESET },
	};
#undef FIELD
	static struct firn_config before;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[100];
		unsigned value = 0;

		snprintf(text, sizeof(text), "[vm a]\nkernel=k\n%s", cases[i].section);
		assert_int_equal(parse(text), FIRN_OK);
		before = cfg;
		strcat(text, cases[i].line);
		assert_int_equal(parse(text), FIRN_OK);
		memcpy(&value, (char *)&cfg + cases[i].offset, cases[i].size);
		if (value != cases[i].value)
			fail_msg("%s: %u", cases[i].line, value);
		memcpy((char *)&cfg + cases[i].offset, (char *)&before + cases[i].offset,
		       cases[i].size);
		if (memcmp(&cfg, &before, sizeof(cfg)) != 0)
			fail_msg("%s: sets something else, too", cases[i].line);
	}
}

static void test_values_of_vm(void **state)
{
	static const struct value_case cases[] = {
		{ "cpus=1", true },
		{ "cpus=0064", true },
		{ "cpus=0", false },
		{ "cpus=65", false },
		{ "cpus=-1", false },
		{ "cpus=+1", false },
		{ "cpus=1.0", false },
		{ "cpus=0x1", false },
		{ "cpus=1 2", false },
		{ "cpus=", false },
		{ "cpus=18446744073709551617", false }, /* 2^64 + 1 */
		{ "memory=16M", true },
		{ "memory=16777216", true },
		{ "memory=16384k", true },
		{ "memory=4096G", true },
		{ "memory=15M", false },
		{ "memory=4097G", false },
		{ "memory=4194305M", false },
		{ "memory=16777217", false },
		{ "memory=16385K", false },
		{ "memory=M", false },
		{ "memory=", false },
		{ "memory=16 M", false },
		{ "memory=16MB", false },
		{ "memory=16MM", false },
		{ "memory=1T", false },
		{ "memory=-16M", false },
		{ "memory=0x1000000", false },
		{ "memory=17179869185G", false }, /* 2^64 + 1G */
		{ "memory=99999999999999999999", false },
		{ "initrd=a", true },
		{ "initrd=a b", false },
		{ "initrd=/a", false },
		{ "initrd=..\\a", false },
		{ "initrd=a:b", false },
		{ "initrd=\xc3\xa4", false },
		{ "initrd=", false },
		{ "module=", false },
		{ "module=a/b c", false },
		{ "module=a b/c", true },
		{ "cmdline=", true },
		{ "autostart=yes", true },
		{ "autostart=no", true },
		{ "autostart=true", false },
		{ "autostart=1", false },
		{ "autostart=Yes", false },
		{ "test-devices=on", false },
		{ "on-triple-fault=reset", true },
		{ "on-triple-fault=crash", false },
		{ "on-reboot=stop", true },
		{ "on-reboot=halt", false },
		{ "on-reboot=keep", false },
		{ "on-panic=keep", true },
		{ "on-panic=stop", true },
		{ "on-panic=reset", true },
		{ "on-panic=crash", false },
		{ "abi=1", true },
		{ "abi=0", false },
		{ "abi=2", false },
		{ "abi=newest", false },
		{ "max-cpus=1", true },
		{ "max-cpus=64", true },
		{ "max-cpus=65", false },
		{ "max-cpus=0", false },
		{ "max-cpus=", false },
		{ "kernel=again", false },
		{ "loglevel=info", false },
		{ NULL, false },
	};

	(void)state;
	check_values("[vm a]\nkernel=k", cases);
}

static void test_lengths(void **state)
{
	static const struct {
		const char *key;
		size_t max;
	} cases[] = {
		{ "initrd = ", CONFIG_FILE_MAX - 1 },
		{ "module = ", CONFIG_FILE_MAX - 1 },
		{ "module = m ", CONFIG_FILE_MAX * 2 - 1 },
		{ "cmdline = ", CONFIG_TEXT_MAX - 1 },
	};
	char text[CONFIG_TEXT_MAX * 2];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t len = cases[i].max - 1; len <= cases[i].max + 2; len++) {
			size_t n = sprintf(text, "[vm a]\nkernel = k\n%s", cases[i].key);

			memset(text + n, 'x', len);
			parse_bytes(text, n + len);
			assert_int_equal(errors.count, len > cases[i].max);
		}
	}
	assert_int_equal(parse("[vm a]\nkernel=k\n[vm a23456789012345678901234567890]\nkernel=k"),
			 FIRN_OK);
	assert_string_equal(cfg.vm[1].name, "a23456789012345678901234567890");
	assert_int_equal(parse("[vm a234567890123456789012345678901]\nkernel=k"), FIRN_OK);
	assert_int_equal(parse("[vm a2345678901234567890123456789012]\nkernel=k"), ERR_FORMAT);
}

static void test_vm_names(void **state)
{
	static const char *const bad[] = { "",	   "A",	   "-a",   "_a", ".",	 "a b",
					   "a/b",  "a\tb", "\xc3", "a$", "vm,2", "a[",
					   "a\\b", "..",   "*",	   "a'", "aA" };
	char text[128];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		sprintf(text, "[vm %s]\nkernel = k\nnonsense\n", bad[i]);
		assert_int_equal(parse(text), ERR_FORMAT);
		assert_int_equal(errors.count, 1); /* the rest of the section is not judged */
		assert_int_equal(errors.error[0].line, 1);
		assert_non_null(strstr(errors.error[0].text, "VM name"));
		assert_int_equal(cfg.nr_vms, 0);
	}
	assert_int_equal(parse("[vm 0]\nkernel = k\n[vm a-b_c.d]\nkernel = k\n"), FIRN_OK);
}

static void test_sections(void **state)
{
	static const struct {
		const char *text, *error;
		unsigned line;
	} cases[] = {
		{ "[", "no closing ]", 1 },
		{ "[firn", "no closing ]", 1 },
		{ "[]", "unknown section []", 1 },
		{ "[firn] x", "expected the end of the line", 1 },
		{ "[firn]]", "expected the end of the line", 1 },
		{ "[firn main]", "it takes no name", 1 },
		{ "[Firn]", "did you mean 'firn'?", 1 },
		{ "[vms]", "did you mean 'vm'?", 1 },
		{ "[network]", "unknown section [network]: expected [firn] or [vm NAME]", 1 },
		{ "[firn]\n\n[firn]", "first in line 1", 3 },
		{ "[vm a]\nkernel=k\n[vm a]", "taken by the section in line 1", 3 },
		{ "\n[vm a]", "VM 'a' has no kernel", 2 },
		{ "[vm a]\n[vm b]\nkernel=k", "VM 'a' has no kernel", 1 },
		{ "a = b", "before the first section", 1 },
		{ "hello", "expected 'key = value'", 1 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].text), ERR_FORMAT);
		assert_int_equal(errors.count, 1);
		assert_int_equal(errors.error[0].line, cases[i].line);
		if (!strstr(errors.error[0].text, cases[i].error))
			fail_msg("%s: %s", cases[i].text, errors.error[0].text);
	}
}

static void test_disks(void **state)
{
	char text[512] = "[vm a]\nkernel=k\ndisk = a.img\ndisk = b.img ro\n";

	(void)state;
	assert_int_equal(parse(text), FIRN_OK);
	assert_int_equal(cfg.vm[0].nr_disks, 2);
	assert_string_equal(cfg.vm[0].disk[0].file.name, "a.img");
	assert_false(cfg.vm[0].disk[0].readonly);
	assert_string_equal(cfg.vm[0].disk[1].file.name, "b.img");
	assert_true(cfg.vm[0].disk[1].readonly);
	assert_int_equal(parse("[vm a]\nkernel=k\ndisk = d.img rw\n"), ERR_FORMAT);
	assert_non_null(strstr(errors.error[0].text, "disk = d.img rw: expected a file name"));
	for (unsigned i = 2; i < CONFIG_MAX_DISKS; i++)
		strcat(text, "disk = a.img\n");
	assert_int_equal(parse(text), FIRN_OK);
	strcat(text, "disk = a.img\n");
	assert_int_equal(parse(text), ERR_FORMAT);
	assert_non_null(strstr(errors.error[0].text, "at most 8 disks"));
}

static void test_control_bytes(void **state)
{
	char text[] = "[firn]\nloglevel = i?nfo\n";
	char *spot = strchr(text, '?');

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool control = (c < ' ' && c != '\t' && c != '\n') || c == 0x7f;

		*spot = c;
		parse_bytes(text, sizeof(text) - 1);
		assert_true(errors.count > 0);
		assert_int_equal(!!strstr(errors.error[0].text, "expected plain text"), control);
		/* Whatever was in the file, a message is printable. */
		for (unsigned i = 0; i < errors.count; i++)
			for (const char *s = errors.error[i].text; *s; s++)
				assert_in_range(*s, ' ', '~');
	}
	assert_int_equal(parse("[firn]\rloglevel = info\n"), ERR_FORMAT);
	assert_int_equal(parse("[firn]\r\r\n"), ERR_FORMAT);
	assert_int_equal(parse_bytes("\0", 1), ERR_FORMAT);
	assert_string_equal(errors.error[0].text, "byte 0x00 in column 1: expected plain text");
}

static void test_messages_fit(void **state)
{
	const struct config_key *key;
	const char *last = NULL;
	char text[1200];
	size_t n, len = 0;

	(void)state;
	/* The longest message there is: unknown key with a suggestion, in the larger section. */
	assert_int_equal(parse("[vm a]\nkernel=k\non-triple-faultxxxx = 1\n"), ERR_FORMAT);
	assert_non_null(strstr(errors.error[0].text, "(did you mean 'on-triple-fault'?)"));
	/* It lists all of the section's keys, and ends with the last one. */
	for (unsigned i = 0; (key = config_key(i)); i++)
		if (strcmp(key->section, "vm") == 0) {
			last = strstr(errors.error[0].text, key->name);
			assert_non_null(last);
			len = strlen(key->name);
		}
	assert_string_equal(last + len, "");
	/* Long input is quoted in part. */
	n = sprintf(text, "[firn]\n");
	memset(text + n, 'k', 1000);
	strcpy(text + n + 1000, " = 1");
	assert_int_equal(parse(text), ERR_FORMAT);
	assert_non_null(strstr(errors.error[0].text, "kkk...' in [firn]; keys: console, "
						     "loglevel, lapic, when-idle, mitigations, "
						     "vmscape, cet-host, kaslr"));
}

/* What is looked up before the file is parsed. */
static void test_text_sets(void **state)
{
	static const struct {
		const char *file;
		bool expected;
	} cases[] = {
		{ "[firn]\nkaslr=off", true },
		{ "[firn]\n \tkaslr \t=  off \r\n[vm x]\n", true },
		{ "kaslr = auto\nkaslr = off\n", true },
		{ "", false },
		{ "kaslr", false },
		{ "kaslr =", false },
		{ "kaslr = auto\n", false },
		{ "kaslr = offf\n", false },
		{ "# kaslr = off\n", false },
		{ "xkaslr = off\n", false },
		{ "cmdline = kaslr = off\n", false },
		{ "kaslr = off = off\n", false },
		{ "kaslr\n= off\n", false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = strlen(cases[i].file);
		char *copy = len ? memcpy(malloc(len), cases[i].file, len) : NULL;

		assert_int_equal(text_sets((struct text){ copy, len }, "kaslr", "off"),
				 cases[i].expected);
		free(copy);
	}
}

static void test_all_errors_are_counted(void **state)
{
	char text[4096] = "";
	unsigned n;

	(void)state;
	for (n = 0; n < CONFIG_MAX_ERRORS + 5; n++)
		strcat(text, "bad line\n");
	assert_int_equal(parse(text), ERR_FORMAT);
	assert_int_equal(errors.count, CONFIG_MAX_ERRORS + 5);
	for (n = 0; n < CONFIG_MAX_ERRORS; n++)
		assert_int_equal(errors.error[n].line, n + 1);
}

static void test_too_many(void **state)
{
	static char text[64 * 1024];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < CONFIG_MAX_VMS; i++)
		n += sprintf(text + n, "[vm v%u]\nkernel=k\n", i);
	assert_int_equal(parse(text), FIRN_OK);
	assert_int_equal(cfg.nr_vms, CONFIG_MAX_VMS);
	strcpy(text + n, "[vm more]\nkernel=k\nnonsense");
	assert_int_equal(parse(text), ERR_FORMAT);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.error[0].text, "VM 'more': at most 64 VMs fit");
	assert_int_equal(cfg.nr_vms, CONFIG_MAX_VMS);

	n = sprintf(text, "[vm a]\nkernel=k\n");
	for (unsigned i = 0; i < CONFIG_MAX_MODULES; i++)
		n += sprintf(text + n, "module=m%u\n", i);
	assert_int_equal(parse(text), FIRN_OK);
	assert_int_equal(cfg.vm[0].nr_modules, CONFIG_MAX_MODULES);
	strcpy(text + n, "module=more");
	assert_int_equal(parse(text), ERR_FORMAT);
	assert_string_equal(errors.error[0].text, "module more: a VM can have at most 8 modules");
}

static void test_good_parts_survive_bad_ones(void **state)
{
	(void)state;
	assert_int_equal(parse("[firn]\nloglevel = loud\nconsole = serial0\n"
			       "[vm a]\ncpus = 99\nkernel = k\nmemory = 32M\n"),
			 ERR_FORMAT);
	assert_int_equal(errors.count, 2);
	assert_int_equal(cfg.loglevel, LOG_INFO);
	assert_int_equal(cfg.consoles, CONSOLE_SERIAL0);
	assert_int_equal(cfg.nr_vms, 1);
	assert_int_equal(cfg.vm[0].cpus, 1);
	assert_int_equal(cfg.vm[0].memory, 32 * MiB);
}

static void test_files_are_looked_up(void **state)
{
	unsigned asked = 0;

	(void)state;
	assert_int_equal(parse("[vm a]\nkernel=k\ninitrd=i\nmodule=m\nmodule=n\n[vm b]\nkernel=k"),
			 FIRN_OK);
	assert_int_equal(config_check_files(&cfg, is_there, &asked, &errors), FIRN_OK);
	assert_int_equal(asked, 5);
	assert_int_equal(errors.count, 0);

	assert_int_equal(parse("[vm a]\nkernel=missing1\ninitrd=missing2\nmodule=m\n"
			       "module=missing3 x\n[vm b]\nkernel=k"),
			 FIRN_OK);
	assert_int_equal(config_check_files(&cfg, is_there, &asked, &errors), ERR_NOENT);
	assert_int_equal(errors.count, 3);
	assert_int_equal(errors.error[0].line, 2);
	assert_string_equal(errors.error[0].text, "kernel of VM 'a': there is no file 'missing1'");
	assert_int_equal(errors.error[1].line, 3);
	assert_int_equal(errors.error[2].line, 5);
	assert_string_equal(errors.error[2].text, "module of VM 'a': there is no file 'missing3'");
}

/* Documentation: rows of the tables are those of the parser, examples do what the text says. */
static char *documentation(void)
{
	static char text[64 * 1024];
	FILE *f = fopen(DOCUMENTATION, "r");

	if (!f)
		fail_msg("run in the project's root: there is no " DOCUMENTATION);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void parse_vm_key(const char *key, const char *value)
{
	char text[256];

	snprintf(text, sizeof(text), "[vm a]\nkernel = k\n%s = %s\n", key, value);
	parse(text);
}

static void test_weight_and_cap(void **state)
{
	static const struct {
		const char *key, *value;
		unsigned good; /* 0 = refused */
	} cases[] = {
		{ "weight", "1", 1 },	  { "weight", "10000", 10000 }, { "weight", "0", 0 },
		{ "weight", "10001", 0 }, { "weight", "-1", 0 },	{ "weight", "1.5", 0 },
		{ "cap", "1", 1 },	  { "cap", "6400", 6400 },	{ "cap", "0", 0 },
		{ "cap", "6401", 0 },	  { "cap", "50%", 0 },		{ "cap", "none", 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		parse_vm_key(cases[i].key, cases[i].value);
		assert_int_equal(errors.count, cases[i].good ? 0 : 1);
		if (cases[i].good && cases[i].key[0] == 'w')
			assert_int_equal(cfg.vm[0].weight, cases[i].good);
		else if (cases[i].good)
			assert_int_equal(cfg.vm[0].cap, cases[i].good);
	}
}

static void test_nets(void **state)
{
	static const char *const bad[] = {
		"Lan",
		"-x",
		"lan x",
		"lan mac=",
		"lan mac=02:00:00:00:00",
		"lan mac=01:00:00:00:00:01",
		"lan mac=00:00:00:00:00:00",
		"lan mac=02-00-00-00-00-01",
		"lan mac=02:00:00:00:00:0g",
		"lan mac=02:00:00:00:00:011",
		"lan mac 1",
		"lan mtu=9000",
		"a123456789012345678901234567890x",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		parse_vm_key("net", bad[i]);
		assert_int_equal(errors.count, 1);
		assert_int_equal(cfg.vm[0].nr_nets, 0);
	}
	parse_vm_key("net", "lan # of the office");
	assert_string_equal(errors.error[0].text, "net = # of the office: expected the name of a "
						  "switch, then "
						  "mac=XX:XX:XX:XX:XX:XX if wanted (comments have "
						  "lines of their own)");
	parse_vm_key("net", "lan.1  mac=0A:bC:00:00:00:9f");
	assert_int_equal(errors.count, 0);
	assert_string_equal(cfg.vm[0].net[0].network, "lan.1");
	assert_memory_equal(cfg.vm[0].net[0].mac, "\x0a\xbc\0\0\0\x9f", 6);
	parse("[vm a]\nkernel = k\nnet = x\nnet = x\nnet = y\nnet = y\nnet = z\n");
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.error[0].line, 7);
}

/* Made from the VM's name and the interface's number, whatever else the file says. */
static void test_addresses_of_nets(void **state)
{
	u8 first[6];

	(void)state;
	parse("[vm a]\nkernel = k\nnet = x\nnet = x\n[vm b]\nkernel = k\nnet = x\n");
	assert_int_equal(errors.count, 0);
	memcpy(first, cfg.vm[1].net[0].mac, sizeof(first));
	assert_int_equal(first[0] & 3, 2);
	assert_memory_not_equal(cfg.vm[0].net[0].mac, cfg.vm[0].net[1].mac, 6);
	assert_memory_not_equal(cfg.vm[0].net[0].mac, first, 6);
	parse("[vm c]\nkernel = k\n[vm b]\nkernel = k\nnet = other\ncpus = 3\n");
	assert_memory_equal(cfg.vm[1].net[0].mac, first, 6);
}

static void test_addresses_twice(void **state)
{
	char text[256];
	const u8 *m;

	(void)state;
	parse("[vm a]\nkernel = k\nnet = x mac=02:00:00:00:00:01\n"
	      "[vm b]\nkernel = k\nnet = y mac=02:00:00:00:00:01\n");
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.error[0].line, 6);
	assert_non_null(strstr(errors.error[0].text, "of VM 'a' in line 3"));
	/* one that is given, another that is made */
	parse_vm_key("net", "x");
	m = cfg.vm[0].net[0].mac;
	snprintf(text, sizeof(text),
		 "[vm b]\nkernel = k\nnet = x mac=%02x:%02x:%02x:%02x:%02x:%02x\n"
		 "[vm a]\nkernel = k\nnet = x\n",
		 m[0], m[1], m[2], m[3], m[4], m[5]);
	parse(text);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.error[0].line, 6);
}

static void test_pin(void **state)
{
	static const struct {
		const char *value;
		unsigned count, first, last; /* count 0: refused */
	} cases[] = {
		{ "0", 1, 0, 0 },	{ "255", 1, 255, 255 },
		{ "0-3", 4, 0, 3 },	{ "0,2,4-5", 4, 0, 5 },
		{ "7 , 3-3", 2, 3, 7 }, { "0-255", 256, 0, 255 },
		{ "8-9,0-1", 4, 0, 9 }, { "1 - 2", 2, 1, 2 },
		{ "256", 0, 0, 0 },	{ "3-1", 0, 0, 0 },
		{ "0-256", 0, 0, 0 },	{ "1,", 0, 0, 0 },
		{ ",1", 0, 0, 0 },	{ "1-", 0, 0, 0 },
		{ "-1", 0, 0, 0 },	{ "1-2-3", 0, 0, 0 },
		{ "a", 0, 0, 0 },	{ "1 2", 0, 0, 0 },
		{ "0-2,1", 0, 0, 0 },	{ "4,4", 0, 0, 0 },
		{ "all", 0, 0, 0 },	{ "18446744073709551616", 0, 0, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct cpu_set *pin = &cfg.vm[0].pin;

		parse_vm_key("pin", cases[i].value);
		assert_int_equal(errors.count, cases[i].count ? 0 : 1);
		assert_int_equal(cpu_set_count(pin), cases[i].count);
		if (!cases[i].count)
			continue;
		assert_int_equal(cpu_set_member(pin, 0), cases[i].first);
		assert_int_equal(cpu_set_member(pin, cases[i].count - 1), cases[i].last);
		assert_int_equal(cpu_set_member(pin, cases[i].count), CPU_SET_SIZE);
		assert_int_equal(cfg.vm[0].pin_line, 3);
	}
	parse_vm_key("pin", "0-2,1");
	assert_string_equal(errors.error[0].text, "pin: CPU 1 is named twice");
}

static void test_documentation_has_every_key(void **state)
{
	const char *doc = documentation();
	const struct config_key *key;
	char row[64], end[256];
	unsigned rows = 0, n;

	(void)state;
	for (n = 0; (key = config_key(n)); n++) {
		const char *line;

		snprintf(row, sizeof(row), "\n| `%s` | ", key->name);
		snprintf(end, sizeof(end), " | %s | %s |\n", key->fallback ?: "*required*",
			 key->text);
		line = strstr(doc, row);
		if (!line)
			fail_msg("%s is not documented", key->name);
		if (strncmp(strchr(line + 1, '\n') + 1 - strlen(end), end, strlen(end)) != 0)
			fail_msg("the row of %s does not end with%s", key->name, end);
	}
	assert_true(n > 0);
	for (const char *line = strstr(doc, "\n| `"); line; line = strstr(line + 1, "\n| `"))
		rows++;
	assert_int_equal(rows, n);
}

static void format_errors(char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < MIN(errors.count, CONFIG_MAX_ERRORS); i++)
		n += snprintf(out + n, size - n, "firn.conf:%u: %s\n", errors.error[i].line,
			      errors.error[i].text);
}

static void test_documentation_examples(void **state)
{
	static const char begin[] = "```ini\n", answer[] = "gets these answers:\n\n```\n";
	unsigned examples = 0, answered = 0, asked = 0;
	char shown[8192];

	(void)state;
	for (char *at = strstr(documentation(), begin), *end; at; at = strstr(end + 3, begin)) {
		at += strlen(begin);
		end = strstr(at, "```");
		parse_bytes(at, end - at);
		config_check_files(&cfg, is_there, &asked, &errors);
		format_errors(shown, sizeof(shown));
		examples++;
		if (errors.count == 0)
			continue;
		answered++;
		at = strstr(end, answer);
		assert_non_null(at);
		at += strlen(answer);
		if (strncmp(at, shown, strlen(shown)) != 0 || strncmp(at + strlen(shown), "```", 3))
			fail_msg("answers should be\n%s", shown);
	}
	assert_int_equal(examples, 3);
	assert_int_equal(answered, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_files_are_fine),
		cmocka_unit_test(test_defaults_of_a_vm),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_max_cpus),
		cmocka_unit_test(test_unknown_profile),
		cmocka_unit_test(test_paravirt),
		cmocka_unit_test(test_values_of_firn),
		cmocka_unit_test(test_fields_of_keys),
		cmocka_unit_test(test_values_of_vm),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_vm_names),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_messages_fit),
		cmocka_unit_test(test_text_sets),
		cmocka_unit_test(test_all_errors_are_counted),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_good_parts_survive_bad_ones),
		cmocka_unit_test(test_files_are_looked_up),
		cmocka_unit_test(test_weight_and_cap),
		cmocka_unit_test(test_nets),
		cmocka_unit_test(test_addresses_of_nets),
		cmocka_unit_test(test_addresses_twice),
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_documentation_has_every_key),
		cmocka_unit_test(test_documentation_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

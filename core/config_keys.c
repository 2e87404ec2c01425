/* SPDX-License-Identifier: MIT */
/* The keys of firn.conf: where each may stand, what it takes and what it sets. */
#include <string.h>

#include "core/config_parser.h"
#include "core/paravirt.h"

#define MEMORY_UNIT MiB
#define MEMORY_MIN  (16 * MiB)
#define MEMORY_MAX  (4096 * GiB)

/* Each ends with a NULL word. */
static const struct choice consoles[] = {
	{ "serial0", CONSOLE_SERIAL0 },
	{ "framebuffer", CONSOLE_FRAMEBUFFER },
	{ NULL, 0 },
};
static const struct choice levels[] = {
	{ "error", LOG_ERROR },
	{ "warning", LOG_WARN },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
	{ NULL, 0 },
};
static const struct choice lapics[] = { { "auto", 0 }, { "software", 1 }, { NULL, 0 } };
static const struct choice cet_host[] = { { "auto", 0 }, { "off", 1 }, { NULL, 0 } };
static const struct choice idle_actions[] = { { "prompt", 0 }, { "shutdown", 1 }, { NULL, 0 } };
static const struct choice mitigations[] = {
	{ "auto", CONFIG_MITIGATIONS_AUTO },
	{ "off", CONFIG_MITIGATIONS_OFF },
	{ "force", CONFIG_MITIGATIONS_FORCE },
	{ NULL, 0 },
};
static const struct choice vmscape[] = {
	{ "auto", CONFIG_VMSCAPE_AUTO },   { "off", CONFIG_VMSCAPE_OFF },
	{ "ibpb", CONFIG_VMSCAPE_IBPB },   { "bhb", CONFIG_VMSCAPE_BHB },
	{ "force", CONFIG_VMSCAPE_FORCE }, { NULL, 0 },
};
static const struct choice kaslr[] = { { "auto", false }, { "off", true }, { NULL, 0 } };
static const struct choice yes_no[] = { { "yes", 1 }, { "no", 0 }, { NULL, 0 } };
static const struct choice vm_actions[] = {
	{ "reset", VM_ACTION_RESET },
	{ "stop", VM_ACTION_STOP },
	{ NULL, 0 },
};

static const struct choice panic_actions[] = {
	{ "keep", VM_ACTION_KEEP },
	{ "reset", VM_ACTION_RESET },
	{ "stop", VM_ACTION_STOP },
	{ NULL, 0 },
};
#define PARAVIRT_CHOICE(bit, name, text) { text, PARAVIRT_##name },
static const struct choice paravirt_features[] = {
	{ "all", PARAVIRT_ALL },
	{ "none", 0 },
	PARAVIRT_FEATURES(PARAVIRT_CHOICE){ NULL, 0 },
};

/* A blank and a comment's sign: other formats have comments behind values. */
static bool has_comment(struct text t)
{
	for (size_t i = 1; i < t.len; i++)
		if ((t.s[i] == '#' || t.s[i] == ';') && (t.s[i - 1] == ' ' || t.s[i - 1] == '\t'))
			return true;
	return false;
}

void config_bad_value(const struct setting *s, struct text found, const struct suggestion *best)
{
	parser_fail(s->p, "%s = %s: expected %s%s%s", s->key->doc.name, text_quote(found).s,
		    s->key->doc.value, best ? suggestion_hint(best).s : "",
		    has_comment(s->value) ? " (comments have lines of their own)" : "");
}

static bool choose(const struct setting *s, const struct choice *choices, struct text found,
		   unsigned *value)
{
	struct suggestion best = { 0 };

	for (; choices->word; choices++) {
		if (text_is(found, choices->word)) {
			*value = choices->value;
			return true;
		}
		suggest(&best, found.s, found.len, choices->word);
	}
	config_bad_value(s, found, &best);
	return false;
}

static void store(const struct setting *s, unsigned value)
{
	const struct parser_key *key = s->key;
	u8 *to = key->section == SECTION_VM ? (u8 *)s->p->vm : (u8 *)s->p->cfg;

	if (key->is_flag)
		*(bool *)(to + key->offset) = value;
	else
		*(unsigned *)(to + key->offset) = value;
}

static void set_choice(const struct setting *s)
{
	unsigned value;

	if (choose(s, s->key->choices, s->value, &value))
		store(s, value);
}

/* 1..max */
static void set_number(const struct setting *s)
{
	u64 value;

	if (text_to_u64(s->value, &value) && value >= 1 && value <= s->key->max)
		store(s, (unsigned)value);
	else
		config_bad_value(s, s->value, NULL);
}

/* Reserved on common file systems or by this format's own separators. */
static bool is_file_char(char c)
{
	return c > ' ' && c <= '~' && !memchr("/\\:*?\"<>|", c, 9);
}

static bool set_file_name(const struct setting *s, struct text name, struct config_file_ref *ref)
{
	size_t n = 0;

	if (name.len >= sizeof(ref->name)) {
		parser_fail(s->p, "%s: file name %s has %zu characters, at most %zu fit",
			    s->key->doc.name, text_quote(name).s, name.len, sizeof(ref->name) - 1);
		return false;
	}
	while (n < name.len && is_file_char(name.s[n]))
		n++;
	if (n < name.len) {
		config_bad_value(s, s->value, NULL);
		return false;
	}
	memcpy(ref->name, name.s, name.len);
	ref->name[name.len] = '\0';
	ref->line = s->p->line;
	return true;
}

static bool set_text(const struct setting *s, struct text from, char *to, size_t size)
{
	if (from.len >= size) {
		parser_fail(s->p, "%s: the text has %zu bytes, at most %zu fit", s->key->doc.name,
			    from.len, size - 1);
		return false;
	}
	if (from.len)
		memcpy(to, from.s, from.len);
	to[from.len] = '\0';
	return true;
}

/* From left to right; "-" before a word takes it away from what is there. */
static void set_paravirt(const struct setting *s)
{
	struct text rest = s->value, word;
	unsigned all = 0, one;
	bool more, take;

	do {
		more = text_split(&rest, ',', &word);
		word = text_trim(more ? word : rest);
		take = word.len && word.s[0] == '-';
		word.s += take;
		word.len -= take;
		if (!choose(s, paravirt_features, word, &one))
			return;
		all = take ? all & ~one : all | one;
	} while (more);
	s->p->vm->paravirt = all;
}

static void set_console(const struct setting *s)
{
	struct text rest = s->value, word;
	unsigned all = 0, one;
	bool more;

	do {
		more = text_split(&rest, ',', &word);
		word = text_trim(more ? word : rest);
		if (!choose(s, consoles, word, &one))
			return;
		if (all & one) {
			parser_fail(s->p, "console: %s is named twice", text_quote(word).s);
			return;
		}
		all |= one;
	} while (more);
	s->p->cfg->consoles = all;
}

static void set_abi(const struct setting *s)
{
	u64 abi;

	if (!text_to_u64(s->value, &abi) || abi < ABI_1 || abi > ABI_NEWEST)
		config_bad_value(s, s->value, NULL);
	else
		s->p->vm->abi = abi;
}

static void set_max_cpus(const struct setting *s)
{
	s->p->vm->max_cpus_line = s->p->line;
	set_number(s);
}

/* N or N-M */
static bool parse_cpu_range(struct text range, u64 *first, u64 *last)
{
	struct text begin;

	if (!text_split(&range, '-', &begin)) {
		*last = 0;
		return text_to_u64(text_trim(range), first) && (*last = *first) < CPU_SET_SIZE;
	}
	return text_to_u64(text_trim(begin), first) && text_to_u64(text_trim(range), last) &&
	       *first <= *last && *last < CPU_SET_SIZE;
}

static void set_pin(const struct setting *s)
{
	struct text rest = s->value, range;
	struct cpu_set set = { { 0 } };
	u64 first, last;
	bool more;

	do {
		more = text_split(&rest, ',', &range);
		range = text_trim(more ? range : rest);
		if (!parse_cpu_range(range, &first, &last)) {
			config_bad_value(s, range, NULL);
			return;
		}
		for (u64 cpu = first; cpu <= last; cpu++) {
			if (cpu_set_has(&set, (unsigned)cpu)) {
				parser_fail(s->p, "pin: CPU %u is named twice", (unsigned)cpu);
				return;
			}
			cpu_set_add(&set, (unsigned)cpu);
		}
	} while (more);
	s->p->vm->pin = set;
	s->p->vm->pin_line = s->p->line;
}

static void set_memory(const struct setting *s)
{
	u64 bytes;

	s->p->vm->memory_line = s->p->line;
	if (!text_to_size(s->value, &bytes) || bytes < MEMORY_MIN || bytes > MEMORY_MAX ||
	    !IS_ALIGNED(bytes, MEMORY_UNIT))
		config_bad_value(s, s->value, NULL);
	else
		s->p->vm->memory = bytes;
}

static void set_kernel(const struct setting *s)
{
	set_file_name(s, s->value, &s->p->vm->kernel);
}

static void set_initrd(const struct setting *s)
{
	set_file_name(s, s->value, &s->p->vm->initrd);
}

static void set_module(const struct setting *s)
{
	struct vm_config *vm = s->p->vm;
	struct config_file_ref ref = { .name = "" };
	struct text args = s->value;
	struct text name = text_take_word(&args);

	if (vm->nr_modules == CONFIG_MAX_MODULES)
		parser_fail(s->p, "module %s: a VM can have at most %d modules", text_quote(name).s,
			    CONFIG_MAX_MODULES);
	else if (set_file_name(s, name, &ref) && set_text(s, args, ref.args, sizeof(ref.args)))
		vm->module[vm->nr_modules++] = ref;
}

static void set_disk(const struct setting *s)
{
	struct vm_config *vm = s->p->vm;
	struct config_disk disk = { .readonly = false };
	struct text mode = s->value;
	struct text name = text_take_word(&mode);

	disk.readonly = text_is(mode, "ro");
	if (vm->nr_disks == CONFIG_MAX_DISKS)
		parser_fail(s->p, "disk %s: a VM can have at most %d disks", text_quote(name).s,
			    CONFIG_MAX_DISKS);
	else if (mode.len && !disk.readonly)
		config_bad_value(s, s->value, NULL);
	else if (set_file_name(s, name, &disk.file))
		vm->disk[vm->nr_disks++] = disk;
}

static void set_cmdline(const struct setting *s)
{
	set_text(s, s->value, s->p->vm->cmdline, sizeof(s->p->vm->cmdline));
}

static void set_yes_no(const struct setting *s)
{
	/* By its letters, "on" would be nearer to "no". */
	static const struct {
		const char *word, *meant;
	} others[] = { { "on", "yes" }, { "true", "yes" }, { "1", "yes" },
		       { "off", "no" }, { "false", "no" }, { "0", "no" } };

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		if (text_is(s->value, others[i].word)) {
			config_bad_value(s, s->value, &(struct suggestion){ 0, others[i].meant });
			return;
		}
	set_choice(s);
}

/* Rows' ends: the setter, what it takes, and the field that it is for, whose type it must know. */
/* clang-format off */
#define FIELD(structure, name)                    \
	.offset = offsetof(struct structure, name), \
	.is_flag = _Generic(((struct structure *)0)->name, bool: true, unsigned: false)
/* clang-format on */
#define CHOICE(words, structure, name) .set = set_choice, .choices = (words), FIELD(structure, name)
#define YES_NO(name)		       .set = set_yes_no, .choices = yes_no, FIELD(vm_config, name)
#define NUMBER(most, name)	       .set = set_number, .max = (most), FIELD(vm_config, name)

#define FILE_EXPECTED "a file name without folders, blanks or any of \\ : * ? \" < > |"

const struct parser_key config_keys[] = {
	{ .doc = { "firn", "console", "serial0, framebuffer or both, separated by a comma",
		   "all there are", "Where Firn's log and prompt appear." },
	  .section = SECTION_FIRN,
	  .set = set_console },
	{ .doc = { "firn", "loglevel", "error, warning, info or debug", "info",
		   "The least important lines that consoles show; the log in memory keeps all." },
	  .section = SECTION_FIRN,
	  CHOICE(levels, firn_config, loglevel) },
	{ .doc = { "firn", "lapic", "auto or software", "auto",
		   "Where guests' local APICs are: in the CPU if it has virtual-interrupt "
		   "delivery, or in Firn." },
	  .section = SECTION_FIRN,
	  CHOICE(lapics, firn_config, software_lapic) },
	{ .doc = { "firn", "when-idle", "prompt or shutdown", "prompt",
		   "What follows when the last VM has stopped." },
	  .section = SECTION_FIRN,
	  CHOICE(idle_actions, firn_config, shutdown_when_idle) },
	{ .doc = { "firn", "mitigations", "auto, off or force", "auto",
		   "Measures against speculation attacks: those that the processor needs, none, or "
		   "all that it can." },
	  .section = SECTION_FIRN,
	  CHOICE(mitigations, firn_config, mitigations) },
	{ .doc = { "firn", "vmscape", "auto, off, ibpb, bhb or force", "auto",
		   "What is done to branch predictors before code that VMs share." },
	  .section = SECTION_FIRN,
	  CHOICE(vmscape, firn_config, vmscape) },
	{ .doc = { "firn", "cet-host", "auto or off", "auto",
		   "Control-flow enforcement of the processor for Firn itself." },
	  .section = SECTION_FIRN,
	  CHOICE(cet_host, firn_config, no_cet_host) },
	{ .doc = { "firn", "kaslr", "auto or off", "auto",
		   "Whether Firn's code is at other addresses at each boot, or where it was "
		   "linked." },
	  .section = SECTION_FIRN,
	  CHOICE(kaslr, firn_config, kaslr_off) },
	{ .doc = { "vm", "abi", "1", "1",
		   "The profile: what machine the guest sees, whatever the version of Firn. The "
		   "newest one by default." },
	  .section = SECTION_VM,
	  .set = set_abi },
	{ .doc = { "vm", "cpus", "a number from 1 to 64", "1", "Virtual CPUs at the start." },
	  .section = SECTION_VM,
	  NUMBER(CONFIG_MAX_VCPUS, cpus) },
	{ .doc = { "vm", "max-cpus", "a number from 1 to 64", "as many as cpus",
		   "Virtual CPUs that the VM may have; more are added while it runs." },
	  .section = SECTION_VM,
	  .set = set_max_cpus,
	  .max = CONFIG_MAX_VCPUS,
	  FIELD(vm_config, max_cpus) },
	{ .doc = { "vm", "memory", "a size from 16M to 4096G in whole megabytes, as in 512M or 2G",
		   "256M", "Guest memory. K, M and G are powers of 1024." },
	  .section = SECTION_VM,
	  .set = set_memory },
	{ .doc = { "vm", "weight", "a number from 1 to 10000", "100",
		   "How much of a busy CPU each of its vCPUs gets, in proportion to the weights of "
		   "others there." },
	  .section = SECTION_VM,
	  NUMBER(CONFIG_WEIGHT_MAX, weight) },
	{ .doc = { "vm", "cap", "a number from 1 to 6400", "none",
		   "Percent of one CPU that all its vCPUs together may use at most." },
	  .section = SECTION_VM,
	  NUMBER(CONFIG_CAP_MAX, cap) },
	{ .doc = { "vm", "pin", "numbers and ranges of CPUs from 0 to 255, as in 0,2,4-5", "all",
		   "CPUs that its vCPUs run on. They are its own if there is one for each vCPU and "
		   "no other VM is pinned to them." },
	  .section = SECTION_VM,
	  .set = set_pin },
	{ .doc = { "vm", "kernel", FILE_EXPECTED, NULL,
		   "What the VM starts: Linux bzImage, PVH ELF or multiboot 1." },
	  .section = SECTION_VM,
	  .set = set_kernel },
	{ .doc = { "vm", "initrd", FILE_EXPECTED, "none", "Linux initial RAM disk." },
	  .section = SECTION_VM,
	  .set = set_initrd },
	{ .doc = { "vm", "module", FILE_EXPECTED, "none",
		   "Multiboot 1 module: file name, then its arguments. May be given up to 8 "
		   "times." },
	  .section = SECTION_VM,
	  .repeatable = true,
	  .set = set_module },
	{ .doc = { "vm", "disk", "a file name, then ro for a disk that can't be written", "none",
		   "Disk image: a virtio block device. May be given up to 8 times." },
	  .section = SECTION_VM,
	  .repeatable = true,
	  .set = set_disk },
	{ .doc = { "vm", "net", "the name of a switch, then mac=XX:XX:XX:XX:XX:XX if wanted",
		   "none",
		   "Network interface (virtio) at a switch; a switch is made by naming it. May be "
		   "given up to 4 times." },
	  .section = SECTION_VM,
	  .repeatable = true,
	  .set = config_set_net },
	{ .doc = { "vm", "cmdline", "up to 2047 bytes of text", "empty",
		   "The kernel's command line, taken as it stands." },
	  .section = SECTION_VM,
	  .may_be_empty = true,
	  .set = set_cmdline },
	{ .doc = { "vm", "autostart", "yes or no", "yes",
		   "Start the VM when Firn has booted. Its memory is set aside in any case." },
	  .section = SECTION_VM,
	  YES_NO(autostart) },
	{ .doc = { "vm", "rng", "yes or no", "yes", "Virtio entropy device." },
	  .section = SECTION_VM,
	  YES_NO(rng) },
	{ .doc = { "vm", "virtio-console", "yes or no", "no",
		   "Virtio console (hvc0), a second way to the VM's console besides its UART." },
	  .section = SECTION_VM,
	  YES_NO(virtio_console) },
	{ .doc = { "vm", "pmu", "yes or no", "no",
		   "Performance counters, if the CPU has them and can switch them (Intel)." },
	  .section = SECTION_VM,
	  YES_NO(pmu) },
	{ .doc = { "vm", "test-devices", "yes or no", "no",
		   "Debug exit port 0xf4 and debug console port 0xe9, for test guests." },
	  .section = SECTION_VM,
	  YES_NO(test_devices) },
	{ .doc = { "vm", "force-emulation", "yes or no", "no",
		   "Instructions behind UD2 and the letters kvm are emulated, for tests of the "
		   "emulator." },
	  .section = SECTION_VM,
	  YES_NO(force_emulation) },
	{ .doc = { "vm", "on-triple-fault", "reset or stop", "reset",
		   "After a guest's triple fault." },
	  .section = SECTION_VM,
	  CHOICE(vm_actions, vm_config, on_triple_fault) },
	{ .doc = { "vm", "on-reboot", "reset or stop", "reset",
		   "When the guest asks for a reset." },
	  .section = SECTION_VM,
	  CHOICE(vm_actions, vm_config, on_reboot) },
	{ .doc = { "vm", "on-panic", "keep, reset or stop", "keep",
		   "When the guest's kernel says that it panicked. keep: stopped as after a crash, "
		   "with memory and registers kept for inspection." },
	  .section = SECTION_VM,
	  CHOICE(panic_actions, vm_config, on_panic) },
	{ .doc = { "vm", "paravirt", "all, none, or features separated by commas", "all",
		   "Which features of KVM's paravirtual interface the VM is offered." },
	  .section = SECTION_VM,
	  .set = set_paravirt },
	{ .doc = { "vm", "cet", "yes or no", "no",
		   "Shadow stacks and indirect-branch tracking for the guest, as the CPU has "
		   "them." },
	  .section = SECTION_VM,
	  YES_NO(cet) },
};

const unsigned config_nr_keys = ARRAY_SIZE(config_keys);

_Static_assert(ARRAY_SIZE(config_keys) <= CONFIG_MAX_KEYS, "parser.seen has room for every key");
_Static_assert(ABI_NEWEST == 1, "the profiles that abi's texts name");
_Static_assert(CONFIG_MAX_VCPUS == 64 && CONFIG_TEXT_MAX == 2048 && CONFIG_MAX_MODULES == 8 &&
		       CONFIG_MAX_DISKS == 8 && CONFIG_MAX_NETS == 4 &&
		       CONFIG_WEIGHT_DEFAULT == 100 && CONFIG_WEIGHT_MAX == 10000 &&
		       CONFIG_CAP_MAX == 6400 && CPU_SET_SIZE == 256,
	       "limits that texts of keys name");
_Static_assert(VM_MEMORY_DEFAULT == 256 * MiB && MEMORY_MIN == 16 * MiB, "sizes in those texts");
_Static_assert(MEMORY_MAX == 4096 * GiB, "sizes in those texts");

const struct config_key *config_key(unsigned index)
{
	return index < ARRAY_SIZE(config_keys) ? &config_keys[index].doc : NULL;
}

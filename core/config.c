/* SPDX-License-Identifier: MIT */
/* Parser of firn.conf: lines, sections and settings; the keys are in config_keys.c. */
#include <stdio.h>
#include <string.h>

#include "core/config_parser.h"
#include "core/paravirt.h"

static void add_error(struct config_errors *errors, unsigned line, const char *fmt, va_list ap)
{
	if (errors->count < CONFIG_MAX_ERRORS) {
		struct config_error *e = &errors->error[errors->count];

		e->line = line;
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
	}
	errors->count++;
}

void config_add_error(struct config_errors *errors, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(errors, line, fmt, ap);
	va_end(ap);
}

void parser_fail(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	if (p->section == SECTION_VM)
		p->vm->wrong = true;
	p->errors->of_machine |= !p->in_vm;
	va_start(ap, fmt);
	add_error(p->errors, p->line, fmt, ap);
	va_end(ap);
}

static void unknown_key(struct parser *p, struct text name)
{
	struct suggestion best = { 0 }, elsewhere = { 0 };
	const char *where = p->section == SECTION_VM ? "vm" : "firn";
	char valid[CONFIG_KEYS_TEXT] = "";
	size_t n = 0;

	for (unsigned i = 0; i < config_nr_keys; i++) {
		if (config_keys[i].section == p->section) {
			suggest(&best, name.s, name.len, config_keys[i].doc.name);
			n += snprintf(valid + n, sizeof(valid) - n, "%s%s", n ? ", " : "",
				      config_keys[i].doc.name);
			n = MIN(n, sizeof(valid) - 1);
		} else if (text_is(name, config_keys[i].doc.name)) {
			elsewhere.word = config_keys[i].doc.section;
		}
	}
	if (elsewhere.word)
		parser_fail(p, "key '%s' belongs in a [%s] section, this is [%s]",
			    text_quote(name).s, elsewhere.word, where);
	else
		parser_fail(p, "unknown key '%s' in [%s]%s; keys: %s", text_quote(name).s, where,
			    suggestion_hint(&best).s, valid);
}

static void set_key(struct parser *p, unsigned index, struct text value)
{
	const struct parser_key *key = &config_keys[index];
	struct setting s = { p, key, value };

	if (p->seen[index] && !key->repeatable) {
		parser_fail(p, "%s is given twice in this section, first in line %u", key->doc.name,
			    p->seen[index]);
		return;
	}
	p->seen[index] = p->line;
	if (value.len == 0 && !key->may_be_empty)
		parser_fail(p, "%s has no value: expected %s", key->doc.name, key->doc.value);
	else
		key->set(&s);
}

static void parse_setting(struct parser *p, struct text line)
{
	struct text name, value = line;

	if (p->section == SECTION_SKIP)
		return;
	if (!text_split(&value, '=', &name)) {
		parser_fail(p, "'%s': expected 'key = value', '[section]' or a comment (#)",
			    text_quote(line).s);
		return;
	}
	name = text_trim(name);
	value = text_trim(value);
	if (p->section == SECTION_NONE) {
		parser_fail(p,
			    "key '%s' stands before the first section; expected [firn] or [vm "
			    "NAME]",
			    text_quote(name).s);
		return;
	}
	for (unsigned i = 0; i < config_nr_keys; i++) {
		if (config_keys[i].section == p->section &&
		    text_is(name, config_keys[i].doc.name)) {
			set_key(p, i, value);
			return;
		}
	}
	unknown_key(p, name);
}

bool config_is_name(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		char c = t.s[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || !memchr("-_.", c, 3)))
			return false;
	}
	return t.len > 0 && t.len < CONFIG_NAME_MAX;
}

static const struct vm_config *find_vm(const struct firn_config *cfg, struct text name)
{
	for (unsigned i = 0; i < cfg->nr_vms; i++)
		if (text_is(name, cfg->vm[i].name))
			return &cfg->vm[i];
	return NULL;
}

static void begin_vm(struct parser *p, struct text name)
{
	const struct vm_config *other = find_vm(p->cfg, name);
	struct vm_config *vm = &p->cfg->vm[p->cfg->nr_vms];

	p->section = SECTION_SKIP;
	if (p->cfg->nr_vms == CONFIG_MAX_VMS) {
		parser_fail(p, "VM '%s': at most %d VMs fit", text_quote(name).s, CONFIG_MAX_VMS);
		return;
	}
	if (!config_is_name(name)) {
		parser_fail(p,
			    "VM name '%s': expected [vm NAME], NAME being up to %d of a-z 0-9 - _ "
			    ". that begin with a letter or digit",
			    text_quote(name).s, CONFIG_NAME_MAX - 1);
		return;
	}
	if (other) {
		parser_fail(p, "VM name '%s' is taken by the section in line %u", other->name,
			    other->line);
		return;
	}
	*vm = (struct vm_config){
		.line = p->line,
		.memory_line = p->line,
		.abi = ABI_NEWEST,
		.cpus = 1,
		.weight = CONFIG_WEIGHT_DEFAULT,
		.memory = VM_MEMORY_DEFAULT,
		.autostart = true,
		.rng = true,
		.paravirt = PARAVIRT_ALL,
		.on_triple_fault = VM_ACTION_RESET,
		.on_reboot = VM_ACTION_RESET,
		.on_panic = VM_ACTION_KEEP,
	};
	memcpy(vm->name, name.s, name.len);
	p->vm = vm;
	p->cfg->nr_vms++;
	p->section = SECTION_VM;
}

static void begin_firn(struct parser *p, struct text rest)
{
	p->section = SECTION_SKIP;
	if (rest.len) {
		parser_fail(p, "[firn %s]: expected [firn], it takes no name", text_quote(rest).s);
		return;
	}
	if (p->firn_line) {
		parser_fail(p, "section [firn] is given twice, first in line %u", p->firn_line);
		return;
	}
	p->firn_line = p->line;
	p->section = SECTION_FIRN;
}

/* The largest number of vCPUs is that of the start unless it is given. */
static void check_max_cpus(struct parser *p)
{
	struct vm_config *vm = p->vm;

	if (vm->max_cpus && vm->max_cpus < vm->cpus) {
		config_add_error(p->errors, vm->max_cpus_line,
				 "max-cpus = %u: expected at least as many as cpus = %u",
				 vm->max_cpus, vm->cpus);
		vm->wrong = true;
	}
	vm->max_cpus = MAX(vm->max_cpus, vm->cpus);
}

/* Required keys, and keys that depend on others; before the next section begins and at the end. */
static void end_section(struct parser *p)
{
	if (p->section != SECTION_VM)
		return;
	check_max_cpus(p);
	for (unsigned i = 0; i < config_nr_keys; i++)
		if (config_keys[i].section == SECTION_VM && !config_keys[i].doc.fallback &&
		    !p->seen[i]) {
			config_add_error(p->errors, p->vm->line,
					 "VM '%s' has no %s: expected '%s = ...'", p->vm->name,
					 config_keys[i].doc.name, config_keys[i].doc.name);
			p->vm->wrong = true;
		}
}

static void parse_section(struct parser *p, struct text line)
{
	struct text rest = { line.s + 1, line.len - 1 }, inside = rest, word;
	bool closed = text_split(&rest, ']', &inside);
	struct suggestion best = { 0 };

	end_section(p);
	memset(p->seen, 0, sizeof(p->seen));
	p->section = SECTION_SKIP;
	word = text_take_word(&inside);
	p->in_vm = text_is(word, "vm");
	if (!closed) {
		parser_fail(p, "'%s': the section header has no closing ]", text_quote(line).s);
		return;
	}
	if (rest.len) {
		parser_fail(p, "'%s' after the section header: expected the end of the line",
			    text_quote(rest).s);
		return;
	}
	if (p->in_vm) {
		begin_vm(p, inside);
	} else if (text_is(word, "firn")) {
		begin_firn(p, inside);
	} else {
		suggest(&best, word.s, word.len, "firn");
		suggest(&best, word.s, word.len, "vm");
		parser_fail(p, "unknown section [%s]: expected [firn] or [vm NAME]%s",
			    text_quote(word).s, suggestion_hint(&best).s);
	}
}

static bool is_plain_text(struct parser *p, struct text line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = line.s[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			parser_fail(p, "byte 0x%02x in column %zu: expected plain text", c, i + 1);
			return false;
		}
	}
	return true;
}

static void parse_line(struct parser *p, struct text line)
{
	if (line.len > 0 && line.s[line.len - 1] == '\r')
		line.len--;
	if (!is_plain_text(p, line))
		return;
	line = text_trim(line);
	if (line.len == 0 || line.s[0] == '#' || line.s[0] == ';')
		return;
	if (line.s[0] == '[')
		parse_section(p, line);
	else
		parse_setting(p, line);
}

/* Some editors' "Unicode": every second byte would be an error. */
static bool is_utf16(const char *text, size_t len)
{
	return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

enum firn_err config_parse(const char *text, size_t len, struct firn_config *cfg,
			   struct config_errors *errors)
{
	static const char bom[] = { 0xef, 0xbb, 0xbf };
	struct parser p = { .cfg = cfg, .errors = errors };
	struct text rest = { text, len }, line;

	memset(cfg, 0, sizeof(*cfg));
	errors->count = 0;
	errors->of_machine = false;
	cfg->consoles = CONSOLE_SERIAL0 | CONSOLE_FRAMEBUFFER;
	cfg->loglevel = LOG_INFO;

	if (len >= sizeof(bom) && memcmp(text, bom, sizeof(bom)) == 0) {
		rest.s += sizeof(bom);
		rest.len -= sizeof(bom);
	}
	if (is_utf16(text, len)) {
		p.line = 1;
		parser_fail(&p, "the file is UTF-16 text: expected UTF-8 or plain ASCII");
		return ERR_FORMAT;
	}
	while (rest.len > 0) {
		p.line++;
		if (!text_split(&rest, '\n', &line)) {
			line = rest;
			rest.len = 0;
		}
		parse_line(&p, line);
	}
	end_section(&p);
	config_finish_nets(&p);
	return errors->count == 0 ? FIRN_OK : ERR_FORMAT;
}

struct file_check {
	bool (*exists)(void *ctx, const char *name);
	void *ctx;
	struct config_errors *errors;
	enum firn_err err;
};

static void check_file(struct file_check *check, struct vm_config *vm, const char *key,
		       const struct config_file_ref *ref)
{
	if (ref->name[0] == '\0' || check->exists(check->ctx, ref->name))
		return;
	config_add_error(check->errors, ref->line, "%s of VM '%s': there is no file '%s'", key,
			 vm->name, ref->name);
	vm->wrong = true;
	check->err = ERR_NOENT;
}

enum firn_err config_check_files(struct firn_config *cfg,
				 bool (*exists)(void *ctx, const char *name), void *ctx,
				 struct config_errors *errors)
{
	struct file_check check = { exists, ctx, errors, FIRN_OK };

	for (unsigned i = 0; i < cfg->nr_vms; i++) {
		struct vm_config *vm = &cfg->vm[i];

		check_file(&check, vm, "kernel", &vm->kernel);
		check_file(&check, vm, "initrd", &vm->initrd);
		for (unsigned m = 0; m < vm->nr_modules; m++)
			check_file(&check, vm, "module", &vm->module[m]);
		for (unsigned d = 0; d < vm->nr_disks; d++)
			check_file(&check, vm, "disk", &vm->disk[d].file);
	}
	return check.err;
}

void config_drop_wrong(struct firn_config *cfg)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < cfg->nr_vms; i++) {
		if (cfg->vm[i].wrong)
			continue;
		if (kept != i)
			cfg->vm[kept] = cfg->vm[i];
		kept++;
	}
	cfg->nr_vms = kept;
}

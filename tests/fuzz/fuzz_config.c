/* SPDX-License-Identifier: MIT */
/* firn.conf with any bytes: what is accepted keeps the promises of core/config.h. */
#include <stdlib.h>
#include <string.h>

#include "core/config.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static void check_file(const struct config_file_ref *ref)
{
	check(ends(ref->name, sizeof(ref->name)) && ends(ref->args, sizeof(ref->args)));
	check(!strpbrk(ref->name, "/\\ "));
}

static void check_vm(const struct firn_config *cfg, unsigned index)
{
	const struct vm_config *vm = &cfg->vm[index];

	check(ends(vm->name, sizeof(vm->name)) && vm->name[0]);
	for (unsigned i = 0; i < index; i++)
		check(strcmp(vm->name, cfg->vm[i].name) != 0);
	check(vm->line > 0);
	check(vm->cpus >= 1 && vm->cpus <= CONFIG_MAX_VCPUS);
	check(vm->max_cpus >= vm->cpus && vm->max_cpus <= CONFIG_MAX_VCPUS);
	check(vm->memory >= 16 * MiB && IS_ALIGNED(vm->memory, MiB));
	check(vm->nr_modules <= CONFIG_MAX_MODULES);
	check(vm->nr_disks <= CONFIG_MAX_DISKS);
	check(ends(vm->cmdline, sizeof(vm->cmdline)));
	check_file(&vm->kernel);
	check_file(&vm->initrd);
	for (unsigned i = 0; i < vm->nr_modules; i++)
		check_file(&vm->module[i]);
	for (unsigned i = 0; i < vm->nr_disks; i++)
		check_file(&vm->disk[i].file);
}

static bool no_file(void *ctx, const char *name)
{
	(void)ctx;
	check(name[0] != '\0');
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct firn_config cfg, startable;
	static struct config_errors errors;
	enum firn_err err = config_parse((const char *)data, size, &cfg, &errors);

	check(err == (errors.count ? ERR_FORMAT : FIRN_OK));
	check(cfg.nr_vms <= CONFIG_MAX_VMS);
	check(cfg.consoles != 0 && cfg.loglevel < LOG_LEVELS);
	for (unsigned i = 0; i < cfg.nr_vms; i++) {
		check_vm(&cfg, i);
		check(err != FIRN_OK || cfg.vm[i].kernel.name[0]);
	}
	check(err != FIRN_OK || !errors.of_machine);
	startable = cfg;
	config_drop_wrong(&startable);
	check(err != FIRN_OK || startable.nr_vms == cfg.nr_vms);
	for (unsigned i = 0; i < startable.nr_vms; i++)
		check(!startable.vm[i].wrong && startable.vm[i].kernel.name[0]);
	config_check_files(&cfg, no_file, NULL, &errors);
	for (unsigned i = 0; i < MIN(errors.count, CONFIG_MAX_ERRORS); i++)
		check(ends(errors.error[i].text, sizeof(errors.error[i].text)) &&
		      errors.error[i].text[0]);
	return 0;
}

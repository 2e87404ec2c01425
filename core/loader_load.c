/* SPDX-License-Identifier: MIT */
/* Carries out a load plan: the only part of the loaders that touches guest memory. */
#include <stdlib.h>

#include "core/guest_memory.h"
#include "core/loader.h"
#include "core/loader/plan.h"
#include "core/vm.h"

static enum firn_err write_range(struct memslots *ms, const struct plan_range *r)
{
	enum firn_err err = guest_load(ms, r->gpa, r->data, r->data_len);

	if (err == FIRN_OK && r->zero_rest)
		err = guest_zero(ms, r->gpa + r->data_len, r->len - r->data_len);
	return err;
}

static enum firn_err write_plan(struct vm *vm, struct load_plan *plan)
{
	for (unsigned i = 0; i < plan->nr_ranges; i++) {
		const struct plan_range *r = &plan->range[i];
		enum firn_err err = write_range(&vm->memory, r);

		if (err != FIRN_OK)
			return plan_fail(plan, err, "cannot write %s to guest memory at 0x%llx: %s",
					 r->what, (unsigned long long)r->gpa, firn_strerror(err));
	}
	return FIRN_OK;
}

enum firn_err loader_load(struct vm *vm, const struct loader_images *img, struct boot_state *out,
			  struct load_error *err)
{
	struct load_plan *plan;
	enum firn_err ret = loader_plan(img, vm->config->memory, &plan, err);

	if (ret == FIRN_OK)
		ret = write_plan(vm, plan);
	if (ret == FIRN_OK)
		*out = plan->boot;
	free(plan);
	return ret;
}

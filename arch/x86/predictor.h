/* SPDX-License-Identifier: MIT */
/* What a CPU knows about its branch predictors: did a guest train them since they were flushed? */
#ifndef FIRN_X86_PREDICTOR_H
#define FIRN_X86_PREDICTOR_H

#include "core/types.h"

/* In struct cpu at PREDICTOR_OFFSET (patch_site.h). Written by its CPU, from assembly too. */
struct predictor {
	u8 pending;	  /* a guest ran, and no shared code since */
	u8 unbarriered;	  /* a guest ran, and no IBPB since */
	u16 unused;	  /* exits write 0 here, with both flags in one store */
	u64 flush_needed; /* shared code was entered after a guest ran, */
	u64 flush_done;	  /* and the predictors were flushed before */
	u64 barriers;	  /* IBPBs between vCPUs */
};

/* Another vCPU than the last one, or one that was elsewhere, is about to run. On its CPU. */
void predictor_switch(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Double and triple faults (SDM 3A table 6-5, APM vol. 2 table 8-3). */
#include "arch/x86/exception.h"

enum fault_class {
	BENIGN,
	CONTRIBUTORY,
	PAGE_FAULT,
	DOUBLE_FAULT
};

static enum fault_class class_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DE:
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
	case VECTOR_CP:
		return CONTRIBUTORY;
	case VECTOR_PF:
		return PAGE_FAULT;
	case VECTOR_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

bool exception_sets_rf(unsigned vector)
{
	/* Traps and aborts, and NMI, which is no exception. */
	const u64 without = BIT(VECTOR_DB) | BIT(VECTOR_NMI) | BIT(VECTOR_BP) | BIT(VECTOR_OF) |
			    BIT(VECTOR_DF) | BIT(VECTOR_MC);

	return !(without & BIT(vector));
}

enum exception_pair exception_combine(unsigned first, unsigned second)
{
	enum fault_class a = class_of(first), b = class_of(second);

	if (a == DOUBLE_FAULT && b != BENIGN)
		return EXCEPTION_SHUTDOWN;
	if ((a == CONTRIBUTORY && b == CONTRIBUTORY) ||
	    (a == PAGE_FAULT && (b == CONTRIBUTORY || b == PAGE_FAULT)))
		return EXCEPTION_DOUBLE_FAULT;
	return EXCEPTION_SECOND;
}

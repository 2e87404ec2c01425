/* SPDX-License-Identifier: MIT */
/* Pairs of exceptions, all of them, against SDM 3A table 6-5 written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/exception.h"

#define CONTRIBUTORY                                                                          \
	(BIT(VECTOR_DE) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) | \
	 BIT(VECTOR_CP))

static bool contributory(unsigned vector)
{
	return CONTRIBUTORY & BIT(vector);
}

static enum exception_pair expected(unsigned first, unsigned second)
{
	if (first == VECTOR_DF)
		return contributory(second) || second == VECTOR_PF || second == VECTOR_DF
			       ? EXCEPTION_SHUTDOWN
			       : EXCEPTION_SECOND;
	if (contributory(first) && contributory(second))
		return EXCEPTION_DOUBLE_FAULT;
	if (first == VECTOR_PF && (contributory(second) || second == VECTOR_PF))
		return EXCEPTION_DOUBLE_FAULT;
	return EXCEPTION_SECOND;
}

static void all_pairs(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 32; first++)
		for (unsigned second = 0; second < 32; second++)
			assert_int_equal(exception_combine(first, second), expected(first, second));
}

static void known_pairs(void **state)
{
	(void)state;
	assert_int_equal(exception_combine(VECTOR_GP, VECTOR_NP), EXCEPTION_DOUBLE_FAULT);
	assert_int_equal(exception_combine(VECTOR_PF, VECTOR_PF), EXCEPTION_DOUBLE_FAULT);
	/* A page fault while a #GP is delivered is handled first. */
	assert_int_equal(exception_combine(VECTOR_GP, VECTOR_PF), EXCEPTION_SECOND);
	assert_int_equal(exception_combine(VECTOR_UD, VECTOR_GP), EXCEPTION_SECOND);
	assert_int_equal(exception_combine(VECTOR_DF, VECTOR_GP), EXCEPTION_SHUTDOWN);
	assert_int_equal(exception_combine(VECTOR_DF, VECTOR_UD), EXCEPTION_SECOND);
}

static void other_vectors_are_benign(void **state)
{
	(void)state;
	for (unsigned vector = 32; vector < 256; vector++) {
		assert_int_equal(exception_combine(vector, VECTOR_GP), EXCEPTION_SECOND);
		assert_int_equal(exception_combine(VECTOR_DF, vector), EXCEPTION_SECOND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_pairs),
		cmocka_unit_test(known_pairs),
		cmocka_unit_test(other_vectors_are_benign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

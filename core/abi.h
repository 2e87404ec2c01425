/* SPDX-License-Identifier: MIT */
/*
 * Profiles: the machine as a guest sees it, by a number that the VM keeps for life, so that it is
 * the same machine on a newer Firn. docs/guest-abi.md says what belongs to a profile and how long
 * one is kept; tests/golden/abi-1 holds it byte by byte.
 */
#ifndef FIRN_CORE_ABI_H
#define FIRN_CORE_ABI_H

enum abi_profile {
	ABI_1 = 1,
	ABI_NEWEST = ABI_1
};

#endif

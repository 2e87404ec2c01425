/* SPDX-License-Identifier: MIT */
/* Which network there is. */
#include "core/network.h"

static const struct network_ops *registered;

#define NAME(name, text) text,
const char *const net_counter_name[NET_NR_COUNTERS] = { NET_COUNTERS(NAME) };
#undef NAME

void network_register(const struct network_ops *ops)
{
	registered = ops;
}

const struct network_ops *network(void)
{
	return registered;
}

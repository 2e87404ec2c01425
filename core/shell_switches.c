/* SPDX-License-Identifier: MIT */
/* The command switches: the network interfaces of VMs, where they are plugged in, and their traffic. */
#include <string.h>

#include "core/network.h"
#include "core/shell.h"

#define NAME_WIDTH 12

#define MAC_FORMAT   "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_BYTES(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]

static unsigned long long value(const struct network_port *port, enum net_counter what)
{
	return __atomic_load_n(&port->nic->counter[what], __ATOMIC_RELAXED);
}

static void print_json(const struct network_port *port, bool first)
{
	shell_print("%s\n{\"switch\":", first ? "" : ",");
	shell_json_string(port->network);
	shell_print(",\"vm\":");
	shell_json_string(port->nic->vm);
	shell_print(",\"net\":%u,\"mac\":\"" MAC_FORMAT "\",\"up\":%s,\"learned\":%u",
		    port->nic->index, MAC_BYTES(port->nic->mac), port->up ? "true" : "false",
		    port->learned);
	for (unsigned i = 0; i < NET_NR_COUNTERS; i++)
		shell_print(",\"%s\":%llu", net_counter_name[i], value(port, i));
	shell_print("}");
}

static void print_row(const struct network_port *port, int switch_width, int vm_width)
{
	unsigned long long lost = value(port, NET_LOST_NO_BUFFER) + value(port, NET_LOST_DOWN);
	unsigned long long refused = value(port, NET_SENT_MALFORMED) + value(port, NET_SENT_FORGED);

	shell_print("%-*s %-*s %3u  " MAC_FORMAT "  %-4s %7u %10llu %14llu %10llu %14llu %8llu "
		    "%8llu\n",
		    switch_width, port->network, vm_width, port->nic->vm, port->nic->index,
		    MAC_BYTES(port->nic->mac), port->up ? "up" : "down", port->learned,
		    value(port, NET_SENT_FRAMES), value(port, NET_SENT_BYTES),
		    value(port, NET_RECEIVED_FRAMES), value(port, NET_RECEIVED_BYTES), refused,
		    lost);
}

static int switch_width(void)
{
	struct network_port port;
	size_t width = NAME_WIDTH;

	for (unsigned i = 0; network()->port(i, &port); i++)
		width = MAX(width, strlen(port.network));
	return (int)width;
}

static void print_table(void)
{
	const int network_width = switch_width(), vm_width = shell_vm_width(NAME_WIDTH);
	struct network_port port;

	shell_print("%-*s %-*s %3s  %-17s  %-4s %7s %10s %14s %10s %14s %8s %8s\n", network_width,
		    "SWITCH", vm_width, "VM", "NET", "ADDRESS", "LINK", "LEARNED", "SENT", "BYTES",
		    "RECEIVED", "BYTES", "REFUSED", "LOST");
	for (unsigned i = 0; network()->port(i, &port); i++)
		print_row(&port, network_width, vm_width);
}

enum shell_result shell_switches(const struct shell_line *line)
{
	struct network_port port;
	bool any = network() && network()->port(0, &port);

	if (line->json) {
		shell_print("[");
		for (unsigned i = 0; any && network()->port(i, &port); i++)
			print_json(&port, i == 0);
		shell_print("\n]\n");
	} else if (any) {
		print_table();
	} else {
		shell_print("No VM has a network interface.\n");
	}
	return SHELL_DONE;
}

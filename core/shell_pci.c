/* SPDX-License-Identifier: MIT */
/* The command pci: the machine's PCI functions, their BARs, interrupts and drivers. */
#include "core/host_pci.h"
#include "core/shell.h"

static const char *const bar_type_name[] = {
	[PCI_BAR_PORTS] = "ports",
	[PCI_BAR_MEMORY_32] = "memory, 32 bits",
	[PCI_BAR_MEMORY_64] = "memory, 64 bits",
};

static void print_size(u64 size)
{
	if (!size)
		shell_print("%12s", "-");
	else if (size < KiB)
		shell_print("%8llu B  ", (unsigned long long)size);
	else if (size < MiB)
		shell_print("%8llu KiB", (unsigned long long)(size / KiB));
	else
		shell_print("%8llu MiB", (unsigned long long)(size / MiB));
}

static void print_bars(const struct host_pci *fn)
{
	for (unsigned i = 0; i < HOST_PCI_BARS; i++) {
		const struct host_bar *bar = &fn->bar[i];

		if (bar->type == PCI_BAR_ABSENT)
			continue;
		shell_print("  BAR %u  0x%012llx", i, (unsigned long long)bar->address);
		print_size(bar->size);
		shell_print("  %s%s%s\n", bar_type_name[bar->type],
			    bar->prefetchable ? ", prefetchable" : "",
			    bar->address ? "" : ", not assigned");
	}
}

static void print_function(const struct host_pci *fn)
{
	const char *owner = __atomic_load_n(&fn->owner, __ATOMIC_RELAXED);

	shell_print(PCI_ADDRESS_FORMAT "  %04x:%04x  %4u  %5u  %-10s  %s", PCI_ADDRESS(fn->address),
		    fn->vendor_id, fn->device_id, fn->msi_vectors, fn->msix_vectors,
		    owner ? owner : "-", pci_class_name(fn->class_code));
	if (fn->secondary_bus)
		shell_print(" to buses %02x-%02x", fn->secondary_bus, fn->subordinate_bus);
	shell_print("\n");
}

static void bars_json(const struct host_pci *fn)
{
	bool first = true;

	for (unsigned i = 0; i < HOST_PCI_BARS; i++) {
		const struct host_bar *bar = &fn->bar[i];

		if (bar->type == PCI_BAR_ABSENT)
			continue;
		shell_print(
			"%s{\"bar\":%u,\"address\":%llu,\"size\":%llu,\"type\":", first ? "" : ",",
			i, (unsigned long long)bar->address, (unsigned long long)bar->size);
		shell_json_string(bar_type_name[bar->type]);
		shell_print(",\"prefetchable\":%s}", bar->prefetchable ? "true" : "false");
		first = false;
	}
}

static void function_json(const struct host_pci *fn)
{
	const char *owner = __atomic_load_n(&fn->owner, __ATOMIC_RELAXED);

	shell_print("{\"address\":\"" PCI_ADDRESS_FORMAT "\",\"vendor\":%u,\"device\":%u,"
		    "\"class_code\":%u,\"class\":",
		    PCI_ADDRESS(fn->address), fn->vendor_id, fn->device_id, fn->class_code);
	shell_json_string(pci_class_name(fn->class_code));
	shell_print(",\"secondary_bus\":%u,\"subordinate_bus\":%u,\"msi\":%u,\"msix\":%u,"
		    "\"owner\":",
		    fn->secondary_bus, fn->subordinate_bus, fn->msi_vectors, fn->msix_vectors);
	shell_json_string(owner ? owner : "");
	shell_print(",\"bars\":[");
	bars_json(fn);
	shell_print("]}");
}

static void print_json(void)
{
	shell_print("[");
	for (const struct host_pci *fn = pci_first(); fn; fn = fn->next) {
		shell_print("%s\n", fn == pci_first() ? "" : ",");
		function_json(fn);
	}
	shell_print("\n]\n");
}

static void print_table(void)
{
	if (!pci_first()) {
		shell_print("There are no PCI functions.\n");
		return;
	}
	shell_print("ADDRESS       ID          MSI  MSI-X  OWNER       CLASS\n");
	for (const struct host_pci *fn = pci_first(); fn; fn = fn->next) {
		print_function(fn);
		print_bars(fn);
	}
}

enum shell_result shell_pci(const struct shell_line *line)
{
	if (line->json)
		print_json();
	else
		print_table();
	return SHELL_DONE;
}

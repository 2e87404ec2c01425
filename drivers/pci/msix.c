/* SPDX-License-Identifier: MIT */
/* MSI-X: the table in a BAR and the control register. */
#include "drivers/pci/msix.h"

#include <stdlib.h>

#include "core/vdev/msix.h"
#include "core/vdev/pci_regs.h"

#define TABLE_FIELD(f) (offsetof(struct msix_entry, f) / sizeof(u32))
#define ENTRY_WORDS    (sizeof(struct msix_entry) / sizeof(u32))
#define CONTROL	       offsetof(struct pci_cap_msix, control)
#define TABLE	       offsetof(struct pci_cap_msix, table)

static volatile u32 *entry_of(const struct pci_msix *msix, unsigned entry)
{
	return msix->table + entry * ENTRY_WORDS;
}

/* The read waits until the function has seen the write; messages sent before have arrived then. */
static void set_mask(const struct pci_msix *msix, unsigned entry, bool masked)
{
	volatile u32 *e = entry_of(msix, entry);
	u32 control = e[TABLE_FIELD(control)] & ~(u32)MSIX_ENTRY_MASKED;

	e[TABLE_FIELD(control)] = control | (masked ? MSIX_ENTRY_MASKED : 0);
	(void)e[TABLE_FIELD(control)];
}

/* The entry is masked: only then may it change (PCI 3.0 6.8.3.5). */
static void set_message(const struct pci_msix *msix, unsigned entry, struct msi_message message)
{
	volatile u32 *e = entry_of(msix, entry);

	e[TABLE_FIELD(address)] = message.address;
	e[TABLE_FIELD(address) + 1] = message.address >> 32;
	e[TABLE_FIELD(data)] = message.data;
}

static void set_control(const struct pci_msix *msix, u16 clear, u16 set)
{
	struct pci_address a = msix->fn->address;
	u16 control = pci_read16(a, msix->fn->msix + CONTROL);

	pci_write16(a, msix->fn->msix + CONTROL, (control & ~clear) | set);
}

static enum firn_err map_table(struct pci_msix *msix)
{
	u32 table = pci_read32(msix->fn->address, msix->fn->msix + TABLE);
	u64 size = (u64)msix->count * sizeof(struct msix_entry), offset = MSIX_TABLE_OFFSET(table);
	const struct host_bar *bar;

	if (MSIX_TABLE_BAR(table) >= HOST_PCI_BARS)
		return ERR_FORMAT;
	bar = &msix->fn->bar[MSIX_TABLE_BAR(table)];
	if (bar->type < PCI_BAR_MEMORY_32 || !bar->address || offset > bar->size ||
	    size > bar->size - offset)
		return ERR_FORMAT;
	msix->table = mmio_map(bar->address + offset, size, MMIO_UC);
	return msix->table ? FIRN_OK : ERR_NOMEM;
}

static void mask_all(const struct pci_msix *msix)
{
	for (unsigned i = 0; i < msix->count; i++)
		set_mask(msix, i, true);
}

static bool table_answers(const struct pci_msix *msix)
{
	return (entry_of(msix, 0)[TABLE_FIELD(control)] & ~0xfffeu) == MSIX_ENTRY_MASKED;
}

static void turn_intx_off(struct host_pci *fn)
{
	u16 command = pci_read16(fn->address, offsetof(struct pci_header, command));

	pci_write16(fn->address, offsetof(struct pci_header, command),
		    command | PCI_COMMAND_INTX_DISABLE);
}

enum firn_err pci_msix_enable(struct pci_msix *msix, struct host_pci *fn)
{
	enum firn_err err;

	*msix = (struct pci_msix){ .fn = fn, .count = fn->msix_vectors };
	if (!fn->msix)
		return ERR_UNSUPPORTED;
	err = map_table(msix);
	if (err)
		return err;
	msix->vector = calloc(msix->count, sizeof(*msix->vector));
	if (!msix->vector)
		return ERR_NOMEM;
	/* Enabled, so that the table may be used, but silent until all of it is masked. */
	set_control(msix, 0, MSIX_CONTROL_ENABLE | MSIX_CONTROL_FUNCTION_MASK);
	mask_all(msix);
	if (!table_answers(msix)) {
		set_control(msix, MSIX_CONTROL_ENABLE, 0);
		free(msix->vector);
		msix->vector = NULL;
		return ERR_IO;
	}
	turn_intx_off(fn);
	set_control(msix, MSIX_CONTROL_FUNCTION_MASK, 0);
	return FIRN_OK;
}

static void free_old(struct pci_vector *v)
{
	if (v->old_vector)
		vector_free(v->old_cpu, v->old_vector);
	v->old_vector = 0;
}

enum firn_err pci_msix_request(struct pci_msix *msix, unsigned entry, unsigned cpu,
			       struct interrupt *interrupt)
{
	struct pci_vector *v;
	enum firn_err err;

	if (entry >= msix->count)
		return ERR_RANGE;
	v = &msix->vector[entry];
	if (v->interrupt)
		return ERR_STATE;
	err = vector_alloc(cpu, interrupt, &v->vector);
	if (err)
		return err;
	v->interrupt = interrupt;
	v->cpu = cpu;
	set_message(msix, entry, vector_message(cpu, v->vector));
	set_mask(msix, entry, false);
	return FIRN_OK;
}

void pci_msix_release(struct pci_msix *msix, unsigned entry)
{
	struct pci_vector *v;

	if (entry >= msix->count || !msix->vector[entry].interrupt)
		return;
	v = &msix->vector[entry];
	set_mask(msix, entry, true);
	free_old(v);
	vector_free(v->cpu, v->vector);
	v->interrupt = NULL;
}

/* The vector before stays allocated for one move: its messages may still wait at that CPU. */
enum firn_err pci_msix_move(struct pci_msix *msix, unsigned entry, unsigned cpu)
{
	struct pci_vector *v;
	enum firn_err err;
	bool masked;
	u8 vector;

	if (entry >= msix->count || !msix->vector[entry].interrupt)
		return ERR_RANGE;
	v = &msix->vector[entry];
	err = vector_alloc(cpu, v->interrupt, &vector);
	if (err)
		return err;
	masked = entry_of(msix, entry)[TABLE_FIELD(control)] & MSIX_ENTRY_MASKED;
	set_mask(msix, entry, true);
	set_message(msix, entry, vector_message(cpu, vector));
	set_mask(msix, entry, masked);
	free_old(v);
	v->old_cpu = v->cpu;
	v->old_vector = v->vector;
	v->cpu = cpu;
	v->vector = vector;
	return FIRN_OK;
}

void pci_msix_mask(struct pci_msix *msix, unsigned entry, bool masked)
{
	if (entry < msix->count && msix->vector[entry].interrupt)
		set_mask(msix, entry, masked);
}

void pci_msix_disable(struct pci_msix *msix)
{
	for (unsigned i = 0; i < msix->count; i++)
		pci_msix_release(msix, i);
	set_control(msix, MSIX_CONTROL_ENABLE, MSIX_CONTROL_FUNCTION_MASK);
	free(msix->vector);
	msix->vector = NULL;
	msix->count = 0;
}

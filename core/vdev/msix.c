/* SPDX-License-Identifier: MIT */
/* MSI-X: table, pending bits, and the moments at which a message leaves. */
#include "core/vdev/msix.h"

#include <stdlib.h>
#include <string.h>

#include "core/vdev/pci_regs.h"
#include "core/vm.h"

#define BITS_PER_WORD 64

static bool is_pending(const struct msix *msix, unsigned vector)
{
	return msix->pending[vector / BITS_PER_WORD] >> vector % BITS_PER_WORD & 1;
}

/* A message that could not be sent because of masks leaves when the last mask goes. Lock held. */
static void send_if_possible(struct msix *msix, unsigned vector)
{
	const struct msix_entry *e = &msix->entry[vector];

	if (!is_pending(msix, vector) || (msix->control & MSIX_CONTROL_FUNCTION_MASK) ||
	    (e->control & MSIX_ENTRY_MASKED))
		return;
	msix->pending[vector / BITS_PER_WORD] &= ~BIT(vector % BITS_PER_WORD);
	vm_send_msi(msix->vm, e->address, e->data);
}

void msix_send(struct msix *msix, unsigned vector)
{
	spin_lock(&msix->lock);
	if (vector < msix->count && msix->bus_master && (msix->control & MSIX_CONTROL_ENABLE)) {
		msix->pending[vector / BITS_PER_WORD] |= BIT(vector % BITS_PER_WORD);
		send_if_possible(msix, vector);
	}
	spin_unlock(&msix->lock);
}

void msix_set_control(struct msix *msix, u16 control, bool bus_master)
{
	spin_lock(&msix->lock);
	__atomic_store_n(&msix->control, control, __ATOMIC_RELAXED);
	msix->bus_master = bus_master;
	if (!(control & MSIX_CONTROL_ENABLE))
		memset(msix->pending, 0, sizeof(msix->pending));
	for (unsigned i = 0; bus_master && i < msix->count; i++)
		send_if_possible(msix, i);
	spin_unlock(&msix->lock);
}

bool msix_enabled(struct msix *msix)
{
	return __atomic_load_n(&msix->control, __ATOMIC_RELAXED) & MSIX_CONTROL_ENABLE;
}

/* Table and pending bits as software sees them: dwords. Lock held. */
static u32 read_dword(const struct msix *msix, u64 offset)
{
	u32 value = 0;

	if (offset < msix->count * sizeof(struct msix_entry))
		memcpy(&value, (const char *)msix->entry + offset, sizeof(value));
	else if (offset >= MSIX_PBA && offset - MSIX_PBA < sizeof(msix->pending))
		memcpy(&value, (const char *)msix->pending + (offset - MSIX_PBA), sizeof(value));
	return value;
}

static void write_dword(struct msix *msix, u64 offset, u32 value)
{
	unsigned vector = offset / sizeof(struct msix_entry);

	if (vector >= msix->count)
		return;
	if (offset % sizeof(struct msix_entry) == offsetof(struct msix_entry, control))
		value &= MSIX_ENTRY_MASKED;
	memcpy((char *)msix->entry + offset, &value, sizeof(value));
	if (msix->bus_master)
		send_if_possible(msix, vector);
}

/* Aligned dwords and qwords only: the rest is undefined by PCI 3.0 6.8.2, and does nothing here. */
static bool access_allowed(u64 offset, unsigned width)
{
	return (width == sizeof(u32) || width == sizeof(u64)) && IS_ALIGNED(offset, width);
}

static u64 bar_read(void *dev, u64 offset, unsigned width)
{
	struct msix *msix = dev;
	u64 value;

	if (!access_allowed(offset, width))
		return ~0ull;
	spin_lock(&msix->lock);
	value = read_dword(msix, offset);
	if (width == sizeof(u64))
		value |= (u64)read_dword(msix, offset + sizeof(u32)) << 32;
	spin_unlock(&msix->lock);
	return value;
}

static void bar_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct msix *msix = dev;

	if (!access_allowed(offset, width))
		return;
	spin_lock(&msix->lock);
	write_dword(msix, offset, value);
	if (width == sizeof(u64))
		write_dword(msix, offset + sizeof(u32), value >> 32);
	spin_unlock(&msix->lock);
}

const struct iodev_ops msix_ops = {
	.name = "msi-x",
	.read = bar_read,
	.write = bar_write,
};

enum firn_err msix_init(struct msix *msix, struct vm *vm, unsigned count)
{
	if (count == 0 || count > MSIX_MAX_VECTORS)
		return ERR_RANGE;
	memset(msix, 0, sizeof(*msix));
	msix->entry = calloc(count, sizeof(*msix->entry));
	if (!msix->entry)
		return ERR_NOMEM;
	msix->vm = vm;
	msix->count = count;
	msix_reset(msix);
	return FIRN_OK;
}

void msix_destroy(struct msix *msix)
{
	free(msix->entry);
	msix->entry = NULL;
	msix->count = 0;
}

void msix_reset(struct msix *msix)
{
	spin_lock(&msix->lock);
	__atomic_store_n(&msix->control, 0, __ATOMIC_RELAXED);
	msix->bus_master = false;
	memset(msix->pending, 0, sizeof(msix->pending));
	for (unsigned i = 0; i < msix->count; i++)
		msix->entry[i] = (struct msix_entry){ .control = MSIX_ENTRY_MASKED };
	spin_unlock(&msix->lock);
}

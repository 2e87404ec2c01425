/* SPDX-License-Identifier: MIT */
/* Virtual IOAPIC (82093AA section 3; EOI register as in version 0x20). Lines are logical: no polarity. */
#include "arch/x86/ioapic.h"

#include <string.h>

#include "arch/x86/ioapic_regs.h"
#include "arch/x86/lapic.h"
#include "core/vm.h"

#define IOAPIC_ID_MASK 0x0f000000u
#define IOAPIC_VERSION (0x20u | (IOAPIC_PINS - 1) << IOAPICVER_MAX_PIN_SHIFT)
/* Vector, delivery mode, destination mode, polarity, trigger, mask, destination */
#define RTE_WRITABLE (0xff00000000000000ull | 0x1afffull)

/* The mode decides: NMI, INIT, SMI and ExtINT have no EOI, so they are always edges. */
static bool is_level(u64 rte)
{
	unsigned mode = rte >> RTE_DELIVERY_SHIFT & RTE_DELIVERY_MASK;

	return (rte & RTE_LEVEL) && mode <= DELIVERY_LOWEST;
}

static unsigned deliver(struct ioapic *ioapic, u64 rte)
{
	return lapic_deliver(ioapic->vm, NULL, rte >> RTE_DEST_SHIFT, rte & RTE_LOGICAL,
			     rte >> RTE_DELIVERY_SHIFT & RTE_DELIVERY_MASK, rte & RTE_VECTOR,
			     is_level(rte), true);
}

/* A level-triggered pin sends when its line is high and no earlier message waits for its EOI. */
static void evaluate_level(struct ioapic *ioapic, unsigned pin)
{
	u64 *rte = &ioapic->redirection[pin];

	if (!is_level(*rte) || !(ioapic->level & BIT(pin)) ||
	    (*rte & (RTE_MASKED | RTE_REMOTE_IRR)))
		return;
	/* Before sending: another CPU may take the interrupt and end it at once. */
	*rte |= RTE_REMOTE_IRR;
	if (!deliver(ioapic, *rte))
		*rte &= ~RTE_REMOTE_IRR;
}

static void write_redirection(struct ioapic *ioapic, unsigned pin, u64 value)
{
	u64 *rte = &ioapic->redirection[pin];

	value = (value & RTE_WRITABLE) | (*rte & RTE_REMOTE_IRR);
	/* Software without an EOI register clears remote IRR by switching to edge and back. */
	if (!is_level(value))
		value &= ~RTE_REMOTE_IRR;
	*rte = value;
	__atomic_add_fetch(&ioapic->generation, 1, __ATOMIC_RELEASE);
	evaluate_level(ioapic, pin);
}

static u32 read_register(const struct ioapic *ioapic)
{
	u32 index = ioapic->select - IOREDTBL(0);

	switch (ioapic->select) {
	case IOAPICID:
	case IOAPICARB:
		return ioapic->id;
	case IOAPICVER:
		return IOAPIC_VERSION;
	default:
		break;
	}
	if (ioapic->select < IOREDTBL(0) || index >= 2 * IOAPIC_PINS)
		return 0;
	return ioapic->redirection[index / 2] >> (index % 2 * 32);
}

static void write_register(struct ioapic *ioapic, u32 value)
{
	u32 index = ioapic->select - IOREDTBL(0);
	u64 rte;

	if (ioapic->select == IOAPICID)
		ioapic->id = value & IOAPIC_ID_MASK;
	if (ioapic->select < IOREDTBL(0) || index >= 2 * IOAPIC_PINS)
		return;
	rte = ioapic->redirection[index / 2];
	rte = index % 2 ? (u32)rte | (u64)value << 32 : (rte & ~0xffffffffull) | value;
	write_redirection(ioapic, index / 2, rte);
}

static void end_of_interrupt(struct ioapic *ioapic, u8 vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *rte = &ioapic->redirection[pin];

		if ((*rte & RTE_VECTOR) != vector || !(*rte & RTE_REMOTE_IRR))
			continue;
		*rte &= ~RTE_REMOTE_IRR;
		evaluate_level(ioapic, pin);
	}
}

/* Registers are 32 bits wide; software may use the low byte of IOREGSEL and IOEOIR alone. */
static u64 mmio_read(void *dev, u64 offset, unsigned width)
{
	struct ioapic *ioapic = dev;
	u64 value = 0;

	spin_lock(&ioapic->lock);
	if (offset == IOREGSEL)
		value = ioapic->select;
	else if (offset == IOWIN)
		value = read_register(ioapic);
	spin_unlock(&ioapic->lock);
	return width < 4 ? value & (BIT(width * 8) - 1) : value;
}

static void mmio_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct ioapic *ioapic = dev;

	spin_lock(&ioapic->lock);
	if (offset == IOREGSEL)
		ioapic->select = value & 0xff;
	else if (offset == IOWIN && width == 4)
		write_register(ioapic, value);
	else if (offset == IOEOIR)
		end_of_interrupt(ioapic, value);
	spin_unlock(&ioapic->lock);
}

const struct iodev_ops ioapic_ops = {
	.name = "ioapic",
	.read = mmio_read,
	.write = mmio_write,
};

void ioapic_init(struct ioapic *ioapic, struct vm *vm)
{
	memset(ioapic, 0, sizeof(*ioapic));
	ioapic->vm = vm;
	ioapic_reset(ioapic);
	__atomic_store_n(&ioapic->ready, true, __ATOMIC_RELEASE);
}

/* Input lines belong to the devices, which lower them when they are reset themselves. */
void ioapic_reset(struct ioapic *ioapic)
{
	spin_lock(&ioapic->lock);
	ioapic->select = 0;
	ioapic->id = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->redirection[pin] = RTE_MASKED;
	__atomic_add_fetch(&ioapic->generation, 1, __ATOMIC_RELEASE);
	spin_unlock(&ioapic->lock);
}

void ioapic_set_pin(struct ioapic *ioapic, unsigned pin, bool level)
{
	u64 rte;
	bool was_high;

	spin_lock(&ioapic->lock);
	was_high = ioapic->level & BIT(pin);
	ioapic->level = level ? ioapic->level | BIT(pin) : ioapic->level & ~(u32)BIT(pin);
	rte = ioapic->redirection[pin];
	if (is_level(rte))
		evaluate_level(ioapic, pin);
	else if (level && !was_high && !(rte & RTE_MASKED))
		deliver(ioapic, rte); /* an edge at a masked pin is lost, as in the chip */
	spin_unlock(&ioapic->lock);
}

void ioapic_eoi(struct ioapic *ioapic, u8 vector)
{
	spin_lock(&ioapic->lock);
	end_of_interrupt(ioapic, vector);
	spin_unlock(&ioapic->lock);
}

void ioapic_level_vectors(struct ioapic *ioapic, u64 bitmap[4])
{
	memset(bitmap, 0, 4 * sizeof(bitmap[0]));
	spin_lock(&ioapic->lock);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 rte = ioapic->redirection[pin];
		u8 vector = rte & RTE_VECTOR;

		/* A masked pin counts while an interrupt that it sent is not ended yet. */
		if (is_level(rte) && (rte & (RTE_MASKED | RTE_REMOTE_IRR)) != RTE_MASKED)
			bitmap[vector / 64] |= BIT(vector % 64);
	}
	spin_unlock(&ioapic->lock);
}

void vm_set_irq(struct vm *vm, unsigned gsi, bool level)
{
	struct ioapic *ioapic = &vm->arch.ioapic;

	if (gsi < IOAPIC_PINS && __atomic_load_n(&ioapic->ready, __ATOMIC_ACQUIRE))
		ioapic_set_pin(ioapic, gsi, level);
}

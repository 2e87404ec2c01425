/* SPDX-License-Identifier: MIT */
/* The accessors of drivers/pci/config.c for a fake: over its read() and write(), defined above the include. */
u8 pci_read8(struct pci_address a, unsigned offset)
{
	return read(a, offset, 1);
}
u16 pci_read16(struct pci_address a, unsigned offset)
{
	return read(a, offset, 2);
}
u32 pci_read32(struct pci_address a, unsigned offset)
{
	return read(a, offset, 4);
}
void pci_write8(struct pci_address a, unsigned offset, u8 value)
{
	write(a, offset, value, 1);
}
void pci_write16(struct pci_address a, unsigned offset, u16 value)
{
	write(a, offset, value, 2);
}
void pci_write32(struct pci_address a, unsigned offset, u32 value)
{
	write(a, offset, value, 4);
}

/* SPDX-License-Identifier: MIT */
/* Classes in words (PCI code and ID assignment specification): those that machines usually have. */
#include "core/host_pci.h"
#include "core/vdev/pci_regs.h"

#define ANY 0xff

static const struct {
	u8 base, sub;
	const char *name;
} classes[] = {
	{ 0x01, 0x01, "IDE controller" },
	{ 0x01, 0x04, "RAID controller" },
	{ 0x01, 0x06, "SATA controller" },
	{ 0x01, 0x07, "SAS controller" },
	{ 0x01, 0x08, "NVMe controller" },
	{ 0x01, ANY, "storage controller" },
	{ 0x02, 0x00, "Ethernet controller" },
	{ 0x02, ANY, "network controller" },
	{ 0x03, 0x00, "VGA controller" },
	{ 0x03, ANY, "display controller" },
	{ 0x04, ANY, "multimedia device" },
	{ 0x05, ANY, "memory controller" },
	{ 0x06, 0x00, "host bridge" },
	{ 0x06, 0x01, "ISA bridge" },
	{ 0x06, 0x04, "PCI bridge" },
	{ 0x06, ANY, "bridge" },
	{ 0x07, 0x00, "serial port" },
	{ 0x07, ANY, "communication controller" },
	{ 0x08, 0x06, "IOMMU" },
	{ 0x08, ANY, "system peripheral" },
	{ 0x09, ANY, "input device" },
	{ 0x0b, ANY, "processor" },
	{ 0x0c, 0x03, "USB controller" },
	{ 0x0c, 0x05, "SMBus controller" },
	{ 0x0c, ANY, "serial bus controller" },
	{ 0x0d, ANY, "wireless controller" },
	{ 0x10, ANY, "encryption controller" },
	{ 0x11, ANY, "signal processing controller" },
	{ 0x12, ANY, "accelerator" },
};

const char *pci_class_name(u32 code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (classes[i].base == PCI_CLASS_BASE(code) &&
		    (classes[i].sub == ANY || classes[i].sub == PCI_CLASS_SUB(code)))
			return classes[i].name;
	return "other";
}

/* SPDX-License-Identifier: MIT */
/*
 * Configuration space, of guests' functions and of the machine's (PCI local bus spec 3.0 chapter 6,
 * PCI-to-PCI bridge spec 1.2 chapter 3, PCIe base spec 7.5 to 7.9).
 */
#ifndef FIRN_VDEV_PCI_REGS_H
#define FIRN_VDEV_PCI_REGS_H

#include "core/types.h"

#define PCI_CONFIG_SIZE 256 /* behind it are extended capabilities: none */

/* Configuration mechanism 1, PCI 3.0 3.2.2.3.2 */
#define PCI_CONFIG_ADDRESS	  0xcf8
#define PCI_CONFIG_DATA		  0xcfc
#define PCI_CONFIG_PORTS	  8 /* of both together */
#define PCI_CONFIG_ENABLE	  BIT(31)
#define PCI_CONFIG_BUS_SHIFT	  16
#define PCI_CONFIG_DEVICE_SHIFT	  11
#define PCI_CONFIG_FUNCTION_SHIFT 8
/* ECAM, PCIe 7.2.2 */
#define PCI_ECAM_BUS_SHIFT	20
#define PCI_ECAM_DEVICE_SHIFT	15
#define PCI_ECAM_FUNCTION_SHIFT 12

struct pci_header {
	u16 vendor_id, device_id;
	u16 command, status;
	u8 revision_id;
	u8 class_code[3]; /* interface, subclass, class */
	u8 cache_line_size, latency_timer, header_type, bist;
	u32 bar[6];
	u32 cardbus_cis;
	u16 subsystem_vendor_id, subsystem_id;
	u32 expansion_rom;
	u8 capabilities, reserved[7];
	u8 interrupt_line, interrupt_pin, min_gnt, max_lat;
};
_Static_assert(sizeof(struct pci_header) == 64, "PCI 3.0 figure 6-1");
_Static_assert(offsetof(struct pci_header, bar) == 0x10, "PCI 3.0 figure 6-1");
_Static_assert(offsetof(struct pci_header, capabilities) == 0x34, "PCI 3.0 figure 6-1");

/* Type 1: what differs from type 0. */
struct pci_bridge_header {
	u8 type0[16];
	u32 bar[2];
	u8 primary_bus, secondary_bus, subordinate_bus, secondary_latency_timer;
};
_Static_assert(offsetof(struct pci_bridge_header, secondary_bus) == 0x19, "bridge spec figure 3-2");

#define PCI_VENDOR_ABSENT	     0xffff /* what a read gives where nothing answers */
#define PCI_HEADER_TYPE_MASK	     0x7f
#define PCI_HEADER_TYPE_DEVICE	     0
#define PCI_HEADER_TYPE_BRIDGE	     1
#define PCI_HEADER_MULTIFUNCTION     BIT(7)
#define PCI_COMMAND_IO		     BIT(0)
#define PCI_COMMAND_MEMORY	     BIT(1)
#define PCI_COMMAND_BUS_MASTER	     BIT(2)
#define PCI_COMMAND_PARITY	     BIT(6)
#define PCI_COMMAND_SERR	     BIT(8)
#define PCI_COMMAND_INTX_DISABLE     BIT(10)
#define PCI_STATUS_CAPABILITIES	     BIT(4)
#define PCI_BAR_IO		     BIT(0)
#define PCI_BAR_IO_FLAGS	     0x3u
#define PCI_BAR_64BIT		     BIT(2)
#define PCI_BAR_TYPE		     0x6u
#define PCI_BAR_TYPE_RESERVED	     0x6u
#define PCI_BAR_PREFETCHABLE	     BIT(3)
#define PCI_BAR_FLAGS		     0xfu
#define PCI_CLASS(class, sub, iface) ((u32)(class) << 16 | (u32)(sub) << 8 | (iface))

#define PCI_CLASS_BASE(code) ((code) >> 16 & 0xff)
#define PCI_CLASS_SUB(code)  ((code) >> 8 & 0xff)

#define PCI_CAP_FIRST	   0x40 /* capabilities are behind the header */
#define PCI_CAP_ID_MSI	   0x05
#define PCI_CAP_ID_VENDOR  0x09
#define PCI_CAP_ID_EXPRESS 0x10
#define PCI_CAP_ID_MSIX	   0x11

struct pci_capability {
	u8 id, next;
};

/* PCI 3.0 6.8.1. Data and mask follow the address, which has 32 or 64 bits. */
struct pci_cap_msi {
	struct pci_capability header;
	u16 control;
	u32 address;
};
_Static_assert(sizeof(struct pci_cap_msi) == 8, "PCI 3.0 figure 6-9");
#define MSI_CONTROL_ENABLE	BIT(0)
#define MSI_CONTROL_CAPABLE(c)	((c) >> 1 & 7) /* log2 of the vectors */
#define MSI_CONTROL_CAPABLE_MAX 5
#define MSI_CONTROL_VECTORS	(7 << 4) /* log2 of those in use */
#define MSI_CONTROL_64BIT	BIT(7)
#define MSI_ADDRESS_HIGH	8
#define MSI_DATA(is_64bit)	((is_64bit) ? 12 : 8)

/* PCI 3.0 6.8.2 */
struct pci_cap_msix {
	struct pci_capability header;
	u16 control;
	u32 table, pba; /* BAR number in bits 2:0 */
};
_Static_assert(sizeof(struct pci_cap_msix) == 12, "PCI 3.0 figure 6-12");
#define MSIX_CONTROL_COUNT(c)	    (((c)&0x7ff) + 1)
#define MSIX_TABLE_BAR(register)    ((register) & 7)
#define MSIX_TABLE_OFFSET(register) ((register) & ~7u)
#define MSIX_CONTROL_ENABLE	    BIT(15)
#define MSIX_CONTROL_FUNCTION_MASK  BIT(14)

/* PCIe 7.8; the link, slot and root parts are zero in a root complex integrated endpoint. */
struct pci_cap_express {
	struct pci_capability header;
	u16 capabilities;
	u32 device_capabilities;
	u16 device_control, device_status;
	u8 absent[48];
};
_Static_assert(sizeof(struct pci_cap_express) == 60, "PCIe figure 7-10");
#define PCIE_TYPE(capabilities)	   ((capabilities) >> 4 & 0xf)
#define PCIE_ROOT_PORT		   4
#define PCIE_DOWNSTREAM_PORT	   6
#define PCIE_VERSION_2		   2
#define PCIE_TYPE_RC_ENDPOINT	   (9 << 4)
#define PCIE_ROLE_BASED_ERRORS	   BIT(15)
#define PCIE_RELAXED_ORDERING	   BIT(4)
#define PCIE_NO_SNOOP		   BIT(11)
#define PCIE_MAX_READ_512	   (2 << 12)
#define PCIE_DEVICE_CONTROL_WRITES 0x79ff /* all but phantom functions, aux power and reset */

/* PCIe 7.9: extended capabilities, each begins with id (15:0), version (19:16), next (31:20). */
#define PCIE_CONFIG_SIZE	4096
#define PCIE_EXT_CAP_FIRST	0x100
#define PCIE_EXT_CAP_ID(header) ((header)&0xffff)
#define PCIE_EXT_CAP_NEXT(h)	((h) >> 20 & 0xffc)
#define PCIE_EXT_CAP_ID_SRIOV	0x10

#endif

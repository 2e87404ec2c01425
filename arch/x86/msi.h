/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts: address and data (SDM 3A 10.11). */
#ifndef FIRN_X86_MSI_H
#define FIRN_X86_MSI_H

#include "core/types.h"

/* Message address, SDM 3A 10.11.1. Bits 11:4 are reserved and ignored. */
#define MSI_ADDRESS_BASE 0xfee00000ull
#define MSI_ADDRESS_MASK 0xfffffffffff00000ull
#define MSI_DEST_SHIFT	 12
#define MSI_REDIRECTION	 BIT(3)
#define MSI_LOGICAL	 BIT(2)
/* Without interrupt remapping a destination has 8 bits, and 0xff is every CPU, in x2APIC mode too. */
#define MSI_DEST_MAX 0xfe

/* Message data, SDM 3A 10.11.2 */
#define MSI_DELIVERY_SHIFT 8
#define MSI_DELIVERY_MASK  7u
#define MSI_ASSERT	   BIT(14)
#define MSI_LEVEL	   BIT(15)

struct msi_message {
	u64 address;
	u32 data;
};

#endif

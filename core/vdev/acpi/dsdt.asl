/* SPDX-License-Identifier: MIT */
/*
 * The guest's DSDT (hardware-reduced ACPI). Addresses are those of core/guest_layout.h and of the
 * devices in core/vdev; a unit test compares them. CPUs are in the MADT only.
 */
DefinitionBlock ("", "DSDT", 2, "FIRN", "FIRNDSDT", 0x00000001)
{
	/* Soft-off: POWER_SLEEP_TYPE_S5 for the sleep control register */
	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)

			/* Functions interrupt by MSI only. */
			Name (_PRT, Package () {})

			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0x0000, 0x0000, 0x0000, 0x0000, 0x0001)
				IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0x00000000, 0xC0000000, 0xDFFFFFFF, 0x00000000, 0x20000000)
			})
		}

		/* Reserves what belongs to no other device: ECAM, the interrupt controllers, power. */
		Device (RSVD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000)
				Memory32Fixed (ReadWrite, 0xFEC00000, 0x00001000)
				Memory32Fixed (ReadWrite, 0xFEE00000, 0x00001000)
				IO (Decode16, 0x0600, 0x0600, 0x01, 0x02)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		/* No interrupt: alarms and periodic ticks are not provided. */
		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
			})
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The guest's DSDT (hardware-reduced ACPI). Addresses are those of core/guest_layout.h and of the
 * devices in core/vdev; a unit test compares them. The table is the same for all VMs: it has as many
 * CPUs as a VM may have, and those that this one has not are never there.
 */

/* The preprocessor writes out what each CPU needs; its number is the vCPU's, in hexadecimal. */
#define CPU_OBJECTS(n)                                     \
	Name (_HID, "ACPI0007")                            \
	Name (_UID, 0x##n)                                 \
	Method (_STA) { Return (CSTA (0x##n)) }            \
	Method (_MAT) { Return (CMAT (0x##n)) }            \
	Method (_OST, 3) { COST (0x##n, Arg0, Arg1) }
#define CPU(n)                                             \
	Device (C0##n)                                     \
	{                                                  \
		CPU_OBJECTS (n)                            \
		Method (_EJ0, 1) { CEJ (0x##n) }           \
	}
#define CPU_NOTIFY(n) If (Arg0 == 0x##n) { Notify (C0##n, Arg1) }
#define ROW_BUT_FIRST(f, r)                                           \
	f (r##1) f (r##2) f (r##3) f (r##4) f (r##5) f (r##6) f (r##7) \
	f (r##8) f (r##9) f (r##A) f (r##B) f (r##C) f (r##D) f (r##E) f (r##F)
#define ROW(f, r) f (r##0) ROW_BUT_FIRST (f, r)
#define ALL_BUT_FIRST(f) ROW_BUT_FIRST (f, 0) ROW (f, 1) ROW (f, 2) ROW (f, 3)

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
				IO (Decode16, 0x0604, 0x0604, 0x01, 0x04)
				IO (Decode16, 0x0CD8, 0x0CD8, 0x01, 0x0C)
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

		/* The power button as a device: hardware-reduced ACPI has no fixed one. */
		Device (PWRB)
		{
			Name (_HID, EisaId ("PNP0C0C"))
		}

		Device (PEVT)
		{
			Name (_HID, "QEMU0001")
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0505, 0x0505, 0x01, 0x01)
			})
		}

		/* Events: enum ged_event of core/vdev/ged.h. Reading them lowers the interrupt. */
		Device (GED)
		{
			Name (_HID, "ACPI0013")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 16 }
			})
			OperationRegion (EREG, SystemIO, 0x0604, 0x04)
			Field (EREG, DWordAcc, NoLock, WriteAsZeros) { EVTS, 32 }
			Method (_EVT, 1, Serialized)
			{
				Local0 = EVTS
				If (Local0 & 0x01) { \_SB.CPUS.CSCN () }
				If (Local0 & 0x02) { Notify (\_SB.PWRB, 0x80) }
			}
		}

		/* Registers: core/vdev/cpu_hotplug.c. */
		Device (CPUS)
		{
			Name (_HID, "ACPI0010")
			Name (_CID, EisaId ("PNP0A05"))
			Mutex (CLCK, 0)
			OperationRegion (CREG, SystemIO, 0x0CD8, 0x0C)
			Field (CREG, ByteAcc, NoLock, WriteAsZeros)
			{
				Offset (4),
				CPEN, 1, /* it is there */
				CINS, 1, /* it came; 1 clears */
				CRMV, 1, /* it is to go; 1 clears */
				CEJ0, 1, /* 1 ejects */
				Offset (5),
				CCMD, 8
			}
			Field (CREG, DWordAcc, NoLock, Preserve)
			{
				CSEL, 32,
				Offset (8),
				CDAT, 32
			}

			Method (CSTA, 1, Serialized)
			{
				Acquire (CLCK, 0xFFFF)
				CSEL = Arg0
				Local0 = 0
				If (CPEN) { Local0 = 0x0F }
				Release (CLCK)
				Return (Local0)
			}

			/* Its entry of the MADT, enabled: nobody asks for that of a CPU that is not there. */
			Method (CMAT, 1, Serialized)
			{
				Local0 = Buffer () { 0, 8, 0, 0, 1, 0, 0, 0 }
				Local0 [2] = Arg0
				Local0 [3] = Arg0
				Return (Local0)
			}

			Method (CEJ, 1, Serialized)
			{
				Acquire (CLCK, 0xFFFF)
				CSEL = Arg0
				CEJ0 = 1
				Release (CLCK)
			}

			/* CPU, event, status */
			Method (COST, 3, Serialized)
			{
				Acquire (CLCK, 0xFFFF)
				CSEL = Arg0
				CCMD = 1
				CDAT = Arg1
				CCMD = 2
				CDAT = Arg2
				Release (CLCK)
			}

			/* Tells of each CPU with an event: 1 = look at it, 3 = eject it. */
			Method (CSCN, 0, Serialized)
			{
				Acquire (CLCK, 0xFFFF)
				CSEL = 0
				Local0 = 1
				While (Local0)
				{
					Local0 = 0
					CCMD = 0
					If (CINS)
					{
						CTFY (CDAT, 1)
						CINS = 1
						Local0 = 1
					}
					ElseIf (CRMV)
					{
						CTFY (CDAT, 3)
						CRMV = 1
						Local0 = 1
					}
				}
				Release (CLCK)
			}

			/* The boot CPU can't be ejected. */
			Device (C000)
			{
				CPU_OBJECTS (00)
			}
			ALL_BUT_FIRST (CPU)

			/* CPU, notification */
			Method (CTFY, 2, Serialized)
			{
				ALL_BUT_FIRST (CPU_NOTIFY)
			}
		}
	}
}

/* SPDX-License-Identifier: MIT */
/* The processors' APIC ids from MP services (PI specification, volume 2, 13.4). */
#include "boot/efi/loader.h"

#include "boot/handover_build.h"

/* GNU-EFI does not declare this protocol; these are its first members. */
struct mp_location {
	UINT32 package, core, thread;
};
struct mp_processor {
	UINT64 id; /* APIC id */
	UINT32 status;
	struct mp_location location;
	struct mp_location extended[2];
};
_Static_assert(sizeof(struct mp_processor) == 48, "EFI_PROCESSOR_INFORMATION");
#define MP_STATUS_ENABLED BIT(1)

struct mp_services {
	EFI_STATUS(EFIAPI *get_number)
	(struct mp_services *this, UINTN *total, UINTN *enabled);
	EFI_STATUS(EFIAPI *get_info)
	(struct mp_services *this, UINTN number, struct mp_processor *processor);
};

/* No protocol is fine: then there are ACPI tables, or there is only the boot processor. */
void cpus_read(struct loader *l)
{
	static EFI_GUID guid = {
		0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 }
	};
	struct mp_services *mp;
	UINTN total, enabled;

	if (EFI_ERROR(BS->LocateProtocol(&guid, NULL, (void **)&mp)) ||
	    EFI_ERROR(mp->get_number(mp, &total, &enabled)))
		return;
	for (UINTN i = 0; i < total; i++) {
		struct mp_processor processor = { 0 };

		if (EFI_ERROR(mp->get_info(mp, i, &processor)) ||
		    !(processor.status & MP_STATUS_ENABLED))
			continue;
		if (l->h->nr_cpus == HANDOVER_MAX_CPUS) {
			handover_note(l->h, "processors", "too many, the last ones are not used");
			break;
		}
		l->h->cpu_apic_id[l->h->nr_cpus++] = (u32)processor.id;
	}
}

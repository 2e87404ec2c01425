/* SPDX-License-Identifier: MIT */
/* What firmware says about the machine: the ACPI tables as read at boot. */
#ifndef FIRN_X86_PLATFORM_H
#define FIRN_X86_PLATFORM_H

#include "boot/handover.h"
#include "drivers/acpi/acpi.h"

/* Reads the ACPI tables; none or broken ones leave the defaults, with a log line. Boot CPU. */
void platform_init(const struct handover *h);

/* Constant after platform_init(). Never NULL; acpi->present tells whether there are tables. */
const struct acpi_info *platform_acpi(void);

#endif

/* SPDX-License-Identifier: MIT */
/* The registers of CPU hotplug, as ACPI's methods use them (core/vdev/cpu_hotplug.c). */
#ifndef FIRN_GUEST_HOTPLUG_H
#define FIRN_GUEST_HOTPLUG_H

#define HOTPLUG_SELECTOR 0xcd8
#define HOTPLUG_CONTROL	 0xcdc
#define HOTPLUG_EJECT	 BIT(3)

#endif

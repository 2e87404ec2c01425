/* SPDX-License-Identifier: MIT */
/*
 * INIT and start-up by IPI to groups, and messages to processors that can't take them: not started
 * yet, LAPIC disabled, not there, taken away. Four processors; the VM may have more than it has.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hotplug.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/targets.h"

#define CPUS   4
#define ALL    0xfull
#define OTHERS 0xeull
#define LAST   3
#define ABSENT 4 /* first id that is not there */
#define NOBODY 0x20

#define PATIENCE (10000 * guest_tsc_khz())

#define FIXED (ICR_ASSERT | VECTOR_HIT)
#define NMI   (ICR_NMI | ICR_ASSERT)
#define INIT  (ICR_INIT | ICR_ASSERT)

#define IVT_NMI	      (*(volatile u32 *)(VECTOR_NMI * 4ull))
#define NMI_STUB      0x8000u
#define NMI_STUB_USES 0x80 /* of its segment: a counter */

static void check_started(const char *mode, const char *what, u64 wants)
{
	char name[80];

	guest_snprintf(name, sizeof(name), "%s: %s", mode, what);
	check_eq(name, targets_started(wants), wants);
}

/* who: the processors that it resets. When they wait for a SIPI, their LAPICs are disabled by software. */
static void send_init(u32 dest, u32 icr, u64 who)
{
	targets_clear();
	smp_send(dest, INIT | icr);
	targets_wait_disabled(who);
}

/* Logical ids are bits. By INIT xAPIC mode loses them, and x2APIC mode stays, with its own. */
static void check_groups(const char *mode, void (*set_up)(unsigned id))
{
	targets_do(set_up);
	send_init(NOBODY, ICR_ALL_BUT_SELF, OTHERS);
	smp_send(NOBODY, ICR_STARTUP | ICR_ALL_BUT_SELF);
	check_started(mode, "INIT and SIPI to all but self", OTHERS);
	targets_do(set_up);
	send_init(0x6, ICR_LOGICAL, 0x6);
	check_started(mode, "INIT by logical id: they wait", 0);
	smp_send(0xe, ICR_STARTUP | ICR_LOGICAL);
	check_started(mode, "SIPI by logical id", apic_in_x2apic_mode() ? 0x6 : 0);
	smp_send(NOBODY, ICR_STARTUP | ICR_ALL_BUT_SELF);
	check_started(mode, "SIPI to all starts only those that wait for it", 0x6);
	targets_do(set_up);
}

static void check_no_reset(const char *mode)
{
	targets_clear();
	smp_send(1, ICR_INIT | ICR_LEVEL);
	smp_send(NOBODY, ICR_INIT | ICR_LEVEL | ICR_ALL_BUT_SELF);
	smp_send(NOBODY, INIT);
	smp_send(NOBODY, INIT | ICR_SELF);
	smp_send(NOBODY, ICR_STARTUP);
	smp_send(NOBODY, ICR_STARTUP | ICR_SELF);
	smp_send(NOBODY, ICR_STARTUP | ICR_ALL_BUT_SELF);
	check_started(mode, "INIT de-assert, INIT to nobody or itself, SIPI without INIT", 0);
	check_send("all others go on", NOBODY, ICR_ALL_BUT_SELF | FIXED, OTHERS);
}

/* In real mode: lock incw %cs:NMI_STUB_USES; iret */
static const u8 nmi_stub[] = { 0xf0, 0x2e, 0xff, 0x06, NMI_STUB_USES, 0, 0xcf };

/*
 * Until its SIPI a processor takes no interrupt, which is lost, and no NMI, which is kept: the state
 * blocks it (SDM 3C 26.6.2).
 */
static void check_waiting(void)
{
	volatile u16 *count = (void *)(u64)(NMI_STUB + NMI_STUB_USES);

	memcpy((void *)(u64)NMI_STUB, nmi_stub, sizeof(nmi_stub));
	*count = 0;
	IVT_NMI = NMI_STUB << 12; /* segment:0 */
	send_init(LAST, 0, BIT(LAST));
	smp_send(LAST, FIXED);
	smp_send(LAST, NMI);
	smp_send(NOBODY, ICR_ALL_BUT_SELF | FIXED);
	check_eq("waiting for SIPI: nothing runs", targets_started(0), 0);
	smp_send(LAST, ICR_STARTUP);
	check_eq("waiting for SIPI: starts", targets_started(BIT(LAST)), BIT(LAST));
	check_eq("waiting for SIPI: the interrupts were lost, all others got theirs", targets_hit(),
		 OTHERS & ~BIT(LAST));
	check("waiting for SIPI: the NMI was kept", *count == 1 && target[LAST].nmis == 0,
	      "%u in real mode, %u later", *count, target[LAST].nmis);
	check_send("started: an interrupt", LAST, FIXED, BIT(LAST));
	send_init(LAST, 0, BIT(LAST));
	smp_send(LAST, ICR_STARTUP);
	smp_send(LAST, ICR_SIPI | ICR_ASSERT | NMI_STUB >> 12);
	check_eq("two SIPIs: the first counts", targets_started(BIT(LAST)), BIT(LAST));
}

/* Reads as not there, and is not a SIPI's either. */
static void check_nobody_there(const char *what, unsigned id, u64 there)
{
	char name[80];

	targets_clear();
	smp_send(id, FIXED);
	smp_send(id, NMI);
	smp_send(id, INIT);
	spin_ticks(late_ticks());
	smp_send(id, ICR_STARTUP);
	smp_send(id, ICR_STARTUP);
	guest_snprintf(name, sizeof(name), "%s: can't be started", what);
	check_eq(name, targets_started(0), 0);
	guest_snprintf(name, sizeof(name), "%s: no interrupt, no NMI", what);
	check(name, targets_hit() == 0 && targets_nmi() == 0, "hits %u, NMIs %u", target[id].hits,
	      target[id].nmis);
	outl(HOTPLUG_SELECTOR, id);
	guest_snprintf(name, sizeof(name), "%s: still not there", what);
	check_eq(name, inb(HOTPLUG_CONTROL) & 1, 0);
	guest_snprintf(name, sizeof(name), "%s: all are those that are there", what);
	check_send(name, NOBODY, ICR_ALL | FIXED, there);
	guest_snprintf(name, sizeof(name), "%s: broadcast is to those that are there", what);
	check_send(name, apic_in_x2apic_mode() ? ~0u : 0xff, NMI, there);
}

static void hold_back(unsigned id)
{
	apic_put(APIC_TPR, id == LAST ? TPR_HOLDS_WEAK : 0);
}

static void check_pending_at_init(void)
{
	targets_do(hold_back);
	targets_clear();
	smp_send(LAST, ICR_ASSERT | VECTOR_WEAK);
	check_eq("INIT: an interrupt is held back", targets_hit(), 0);
	smp_start(LAST);
	check_eq("INIT: starts", targets_started(BIT(LAST)), BIT(LAST));
	check_eq("INIT: the interrupt is gone", targets_hit(), 0);
}

/* The others' TPRs are higher. */
static void disable_last(unsigned id)
{
	apic_put(APIC_TPR, id == LAST ? 0 : 0x10);
	if (id == LAST)
		apic_put(APIC_SVR, APIC_SPURIOUS);
}

/* SDM 3A 10.4.7.2: NMI, INIT and SIPI come through. It can't do jobs. */
static void check_software_disabled(void)
{
	u64 got;

	targets_do(disable_last);
	targets = LAST;
	check_send("software-disabled: no fixed interrupt", NOBODY, ICR_ALL | FIXED, 0x7);
	targets_clear();
	smp_send(0xff, ICR_LOWEST | ICR_LOGICAL | FIXED);
	got = targets_hit();
	check("software-disabled: no candidate for lowest priority",
	      got == BIT(0) || got == BIT(1) || got == BIT(2), "0x%llx", (unsigned long long)got);
	smp_send(LAST, NMI);
	check("software-disabled: NMI comes", wait_count(&target[LAST].nmis, 1, PATIENCE), "no");
	targets = CPUS;
	targets_clear();
	smp_start(LAST);
	check_eq("software-disabled: INIT and SIPI come", targets_started(BIT(LAST)), BIT(LAST));
}

static volatile unsigned disabled, enable;

static void start_disabled(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE);

	wrmsr(MSR_IA32_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE);
	disabled = 1;
	while (!enable)
		cpu_relax();
	wrmsr(MSR_IA32_APIC_BASE, base);
	target_main();
}

/* SDM 3A 10.4.3: as if it had no APIC. */
static void check_disabled(void)
{
	smp_prepare(start_disabled);
	smp_start(LAST);
	check("disabled: it is there", wait_count(&disabled, 1, PATIENCE), "no");
	targets = LAST;
	check_send("disabled: no fixed interrupt", LAST, FIXED, 0);
	check_send("disabled: all are the others", NOBODY, ICR_ALL | FIXED, 0x7);
	targets_clear();
	smp_send(LAST, NMI);
	smp_send(NOBODY, ICR_ALL_BUT_SELF | NMI);
	enable = 1;
	targets = CPUS;
	check_eq("disabled: starts when enabled", targets_started(BIT(LAST)), BIT(LAST));
	check_eq("disabled: no NMI", targets_nmi(), OTHERS & ~BIT(LAST));
	smp_prepare(target_main);
	check_send("enabled: an interrupt", LAST, FIXED, BIT(LAST));
}

GUEST_TEST(init)
{
	if (!smp_count(CPUS))
		return;
	apic_init();
	if (!targets_start(CPUS))
		return;
	check_groups("xAPIC", to_flat);
	check_no_reset("xAPIC");
	check_waiting();
	check_pending_at_init();
	check_software_disabled();
	check_disabled();
	check_nobody_there("absent", ABSENT, ALL);
	targets_do(to_x2apic);
	check_groups("x2APIC", NULL);
	check_no_reset("x2APIC");
	check_nobody_there("x2APIC, absent", ABSENT, ALL);
	targets_do(to_xapic);
	targets_do(to_flat);
	target_remove(LAST);
	check_nobody_there("removed", LAST, ALL & ~BIT(LAST));
}

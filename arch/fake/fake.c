/* SPDX-License-Identifier: MIT */
/* core/arch.h on the build machine: CPUs are threads, physical memory is a host buffer. */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/entropy.h"
#include "core/guest_frames.h"
#include "core/log.h"

_Thread_local jmp_buf *fake_panic_target;
_Thread_local char fake_panic_text[256];

bool (*fake_hw_random)(u64 *value);

static _Thread_local unsigned this_cpu;
static unsigned online = 1;
static u64 tsc, tsc_step, tsc_khz = 1000000;
static s64 wall_seconds;
static u32 wall_ns;
static u64 ram_base, ram_size;
static char *ram;
static u64 guest_memory, guest_memory_limit = ~0ull;
static unsigned kicks[MAX_CPUS];
static u64 wakeup[MAX_CPUS];

#define get(var)	__atomic_load_n(&(var), __ATOMIC_RELAXED)
#define set(var, value) __atomic_store_n(&(var), value, __ATOMIC_RELAXED)

static void check(bool ok, const char *what, u64 value)
{
	if (ok)
		return;
	fprintf(stderr, "fake: %s: 0x%llx\n", what, (unsigned long long)value);
	abort();
}

void fake_reset(void)
{
	free(ram);
	ram = NULL;
	ram_base = ram_size = 0;
	guest_memory = 0;
	guest_memory_limit = ~0ull;
	fake_set_cpu(0);
	fake_set_nr_cpus(1);
	fake_set_tsc(0);
	fake_set_tsc_step(0);
	fake_set_tsc_khz(1000000);
	fake_set_wall_seconds(0);
	fake_hw_random = NULL;
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		set(kicks[i], 0);
		set(wakeup[i], ~0ull);
	}
}

void fake_set_cpu(unsigned cpu)
{
	check(cpu < MAX_CPUS, "no such CPU", cpu);
	this_cpu = cpu;
}

void fake_set_nr_cpus(unsigned count)
{
	check(count >= 1 && count <= MAX_CPUS, "bad number of CPUs", count);
	set(online, count);
}

void fake_set_tsc(u64 value)
{
	set(tsc, value);
}

void fake_set_tsc_step(u64 ticks)
{
	set(tsc_step, ticks);
}

void fake_add_tsc(u64 ticks)
{
	__atomic_fetch_add(&tsc, ticks, __ATOMIC_RELAXED);
}

void fake_set_tsc_khz(u64 khz)
{
	check(khz > 0, "bad frequency", khz);
	set(tsc_khz, khz);
}

void fake_set_clock_ns(u64 ns)
{
	set(tsc, clock_ns_to_tsc(ns));
}

void fake_set_wall(s64 seconds, u32 ns)
{
	set(wall_seconds, seconds);
	set(wall_ns, ns);
}

void fake_set_wall_seconds(s64 seconds)
{
	fake_set_wall(seconds, 0);
}

void *fake_set_ram(u64 base, u64 size)
{
	void *mem = NULL;

	free(ram);
	check(posix_memalign(&mem, PAGE_SIZE, size) == 0, "out of host memory", size);
	ram = mem;
	__builtin_memset(ram, 0, size);
	ram_base = base;
	ram_size = size;
	return ram;
}

unsigned fake_kicks(unsigned cpu)
{
	return get(kicks[cpu]);
}

u64 fake_wakeup(unsigned cpu)
{
	return get(wakeup[cpu]);
}

void *phys_to_virt(u64 pa)
{
	check(pa >= ram_base && pa - ram_base < ram_size, "no RAM at physical address", pa);
	return ram + (pa - ram_base);
}

u64 virt_to_phys(const void *va)
{
	u64 offset = (const char *)va - ram;

	check(offset < ram_size, "not in the direct map", (u64)va);
	return ram_base + offset;
}

enum firn_err guest_memory_take(u64 hpa, u64 size)
{
	(void)hpa;
	if (size > guest_memory_limit - guest_memory)
		return ERR_NOMEM;
	guest_memory += size;
	return FIRN_OK;
}

void guest_memory_return(u64 hpa, u64 size)
{
	check(size <= guest_memory, "a VM returns more than it had", size);
	(void)hpa;
	guest_memory -= size;
}

u64 fake_guest_memory(void)
{
	return guest_memory;
}

void fake_limit_guest_memory(u64 bytes)
{
	guest_memory_limit = bytes;
}

unsigned cpu_index(void)
{
	return this_cpu;
}

unsigned nr_cpus(void)
{
	return get(online);
}

void cpu_kick(unsigned cpu)
{
	check(cpu < MAX_CPUS, "kick of no CPU", cpu);
	__atomic_fetch_add(&kicks[cpu], 1, __ATOMIC_RELAXED);
}

u64 clock_tsc(void)
{
	return __atomic_fetch_add(&tsc, get(tsc_step), __ATOMIC_RELAXED);
}

u64 clock_tsc_khz(void)
{
	return get(tsc_khz);
}

u64 clock_tsc_to_ns(u64 ticks)
{
	return (unsigned __int128)ticks * 1000000 / get(tsc_khz);
}

u64 clock_ns_to_tsc(u64 ns)
{
	return (unsigned __int128)ns * get(tsc_khz) / 1000000;
}

u64 clock_ns(void)
{
	return clock_tsc_to_ns(get(tsc));
}

s64 clock_wall(u32 *ns)
{
	s64 start = get(wall_seconds);
	u64 since = get(wall_ns) + clock_ns();

	*ns = (u32)(since % NS_PER_S);
	return start ? start + (s64)(since / NS_PER_S) : 0;
}

/* splitmix64 */
bool arch_hw_random(u64 *value)
{
	static u64 state;
	u64 z;

	if (fake_hw_random)
		return fake_hw_random(value);
	z = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	*value = z ^ z >> 31;
	return true;
}

void arch_set_wakeup(u64 tsc_deadline)
{
	set(wakeup[this_cpu], tsc_deadline);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, ap);
	va_end(ap);
	if (fake_panic_target)
		longjmp(*fake_panic_target, 1);
	fprintf(stderr, "panic: %s\n", fake_panic_text);
	abort();
}

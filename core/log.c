/* SPDX-License-Identifier: MIT */
/* The log: a ring of the last lines, and the sinks that show them. */
#include "core/log.h"

#include <stdio.h>
#include <string.h>

#include "core/arch.h"
#include "core/spinlock.h"

#define SCREEN_WIDTH 80 /* no console is narrower */

static const char cut_mark[] = "...";

static const char *const level_prefix[LOG_LEVELS] = {
	[LOG_ERROR] = "error: ",
	[LOG_WARN] = "warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "",
};

_Static_assert((LOG_RING_SIZE & (LOG_RING_SIZE - 1)) == 0, "ring positions are masked");

static struct {
	struct spinlock lock;
	u32 owner; /* cpu_index() + 1 of the CPU that holds the lock, 0 = none */
	u32 panic;
	enum log_level level;
	struct log_sink *sinks;
	bool mid_line; /* the sinks show a line that has not ended */
	size_t prompt_len;
	char prompt[LOG_PROMPT_MAX];
	u64 head; /* bytes ever written; the ring holds the last LOG_RING_SIZE of them */
} log_state = { .level = LOG_INFO };

/* Apart from log_state, which has a value in the image: zeros take no room there. */
static char log_ring[LOG_RING_SIZE];

static bool in_panic(void)
{
	return __atomic_load_n(&log_state.panic, __ATOMIC_RELAXED);
}

/*
 * False when this CPU is inside the log already (a sink logs) or the machine is going down: the
 * caller goes on without the lock then. Ring positions are masked at each use, so whatever a
 * stopped CPU left half done cannot lead outside the ring.
 */
static bool log_lock(void)
{
	u32 self = cpu_index() + 1;

	if (in_panic() || __atomic_load_n(&log_state.owner, __ATOMIC_RELAXED) == self)
		return false;
	while (!spin_trylock(&log_state.lock)) {
		if (in_panic())
			return false;
		__builtin_ia32_pause();
	}
	__atomic_store_n(&log_state.owner, self, __ATOMIC_RELAXED);
	return true;
}

static void log_unlock(bool locked)
{
	if (!locked)
		return;
	__atomic_store_n(&log_state.owner, 0, __ATOMIC_RELAXED);
	spin_unlock(&log_state.lock);
}

static void ring_append(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		log_ring[log_state.head++ & (LOG_RING_SIZE - 1)] = text[i];
}

static u64 ring_oldest(void)
{
	return log_state.head > LOG_RING_SIZE ? log_state.head - LOG_RING_SIZE : 0;
}

static size_t ring_read(u64 *pos, char *buf, size_t len)
{
	size_t n = 0;

	*pos = MAX(*pos, ring_oldest());
	while (n < len && *pos < log_state.head)
		buf[n++] = log_ring[(*pos)++ & (LOG_RING_SIZE - 1)];
	return n;
}

static void sinks_write(const char *text, size_t len)
{
	bool sync = in_panic();

	for (struct log_sink *s = __atomic_load_n(&log_state.sinks, __ATOMIC_ACQUIRE); s;
	     s = __atomic_load_n(&s->next, __ATOMIC_ACQUIRE)) {
		if (sync && s->write_sync)
			s->write_sync(s, text, len);
		else if (!sync && s->write && !s->hidden)
			s->write(s, text, len);
	}
}

/* The prompt's place is taken by the line, if it is on one line of the screen for sure. */
static void leave_prompt(void)
{
	char blank[SCREEN_WIDTH];

	if (log_state.prompt_len >= SCREEN_WIDTH) {
		sinks_write("\n", 1);
		return;
	}
	memset(blank, ' ', log_state.prompt_len);
	sinks_write("\r", 1);
	sinks_write(blank, log_state.prompt_len);
	sinks_write("\r", 1);
}

/* A line of the log never starts in the middle of what a guest or the prompt wrote. */
static void show_line(const char *line, size_t len)
{
	if (log_state.mid_line && log_state.prompt_len && !in_panic())
		leave_prompt();
	else if (log_state.mid_line)
		sinks_write("\n", 1);
	sinks_write(line, len);
	log_state.mid_line = !in_panic() && log_state.prompt_len > 0;
	if (log_state.mid_line)
		sinks_write(log_state.prompt, log_state.prompt_len);
}

/* Text may come from outside (file names, guests): nothing in it may steer a terminal. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if ((c < ' ' && c != '\t') || c == 0x7f)
			*text = '?';
	}
}

/* Formats into line[LOG_LINE_MAX + 2]; returns the length including the newline. */
static size_t format_line(char *line, enum log_level level, const char *fmt, va_list ap)
{
	u64 ns = clock_ns();
	size_t size = LOG_LINE_MAX + 1;
	size_t len = snprintf(line, size, "[%5lu.%03lu] %s", (unsigned long)(ns / NS_PER_S),
			      (unsigned long)(ns % NS_PER_S / NS_PER_MS), level_prefix[level]);
	char *text = line + len;
	int n = vsnprintf(text, size - len, fmt, ap);

	if (n < 0) {
		*text = '\0';
		n = 0;
	}
	len += n;
	if (len > LOG_LINE_MAX) {
		len = LOG_LINE_MAX;
		memcpy(line + len - strlen(cut_mark), cut_mark, strlen(cut_mark));
	} else if (n > 0 && line[len - 1] == '\n') {
		line[--len] = '\0';
	}
	make_printable(text);
	line[len] = '\n';
	return len + 1;
}

void log_vprintf(enum log_level level, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX + 2];
	size_t len;
	bool locked;

	if ((unsigned)level >= LOG_LEVELS)
		level = LOG_ERROR;
	len = format_line(line, level, fmt, ap);

	locked = log_lock();
	ring_append(line, len);
	/* A line from within a sink goes to the ring only: its sink is busy with another one. */
	if ((locked || in_panic()) && level <= log_get_level())
		show_line(line, len);
	log_unlock(locked);
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

static void raw_write(const char *text, size_t len)
{
	if (!len)
		return;
	sinks_write(text, len);
	log_state.mid_line = text[len - 1] != '\n';
}

void log_write_raw(const char *text, size_t len)
{
	bool locked = log_lock();

	if (locked)
		raw_write(text, len);
	log_unlock(locked);
}

void log_fresh_line(void)
{
	bool locked = log_lock();

	if (locked && log_state.mid_line)
		raw_write("\n", 1);
	log_unlock(locked);
}

void log_set_prompt(const char *prompt, const char *text, size_t len)
{
	bool locked = log_lock();

	if (locked) {
		log_state.prompt_len = MIN(strlen(prompt), (size_t)LOG_PROMPT_MAX);
		memcpy(log_state.prompt, prompt, log_state.prompt_len);
		raw_write(text, len);
	}
	log_unlock(locked);
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&log_state.level, level, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
	return __atomic_load_n(&log_state.level, __ATOMIC_RELAXED);
}

/* Takes one line from the ring; what is left of an overwritten line is skipped. */
static size_t ring_read_line(u64 *pos, char *line, size_t size)
{
	size_t n;

	if (ring_oldest() > 0 && *pos <= ring_oldest()) {
		*pos = ring_oldest();
		while (*pos < log_state.head && log_ring[(*pos)++ & (LOG_RING_SIZE - 1)] != '\n')
			;
	}
	for (n = 0; n < size && ring_read(pos, line + n, 1) == 1;)
		if (line[n++] == '\n')
			break;
	return n;
}

static void replay(struct log_sink *sink)
{
	char line[LOG_LINE_MAX + 1];
	u64 pos = 0, end = log_state.head;
	size_t len;

	while (pos < end && (len = ring_read_line(&pos, line, sizeof(line))) > 0)
		if (sink->write)
			sink->write(sink, line, len);
}

void log_add_sink(struct log_sink *sink)
{
	bool locked = log_lock();
	struct log_sink **link = &log_state.sinks;

	while (*link && *link != sink)
		link = &(*link)->next;
	if (!*link) {
		sink->next = NULL;
		replay(sink);
		__atomic_store_n(link, sink, __ATOMIC_RELEASE);
	}
	log_unlock(locked);
}

void log_hide_sink(const char *name)
{
	bool locked = log_lock();

	for (struct log_sink *s = log_state.sinks; s; s = s->next)
		if (strcmp(s->name, name) == 0)
			s->hidden = true;
	log_unlock(locked);
}

void log_enter_panic(void)
{
	__atomic_store_n(&log_state.panic, 1, __ATOMIC_SEQ_CST);
}

size_t log_read(u64 *pos, char *buf, size_t len)
{
	bool locked = log_lock();
	size_t n = ring_read(pos, buf, len);

	log_unlock(locked);
	return n;
}

bool log_ratelimit_ok(struct log_ratelimit *rl)
{
	static struct spinlock lock; /* held for a few instructions; one for all call sites */
	u64 now = clock_ns();
	u32 dropped = 0;
	bool ok = false;

	spin_lock(&lock);
	if (!rl->used || (s64)(now - rl->last_ns) >= (s64)NS_PER_S) {
		rl->used = true;
		rl->last_ns = now;
		dropped = rl->dropped;
		rl->dropped = 0;
		ok = true;
	} else if (rl->dropped < UINT32_MAX) {
		rl->dropped++;
	}
	spin_unlock(&lock);

	if (dropped)
		log_warn("%u lines like the next one were dropped", dropped);
	return ok;
}

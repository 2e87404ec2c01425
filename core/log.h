/* SPDX-License-Identifier: MIT */
/* Log: levels, ring in memory, sinks (consoles), panic. */
#ifndef FIRN_CORE_LOG_H
#define FIRN_CORE_LOG_H

#include <stdarg.h>

#include "core/types.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
	LOG_LEVELS
};

/*
 * Writes one line (a newline is appended) to the ring and to every sink. Any CPU, any context
 * but NMI; lines of different CPUs never mix. Lines longer than LOG_LINE_MAX are cut, visibly.
 */
void log_printf(enum log_level level, const char *fmt, ...) __printf(2, 3);
void log_vprintf(enum log_level level, const char *fmt, va_list ap);

#define log_error(...) log_printf(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_printf(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(LOG_DEBUG, __VA_ARGS__)

#define LOG_LINE_MAX  256
#define LOG_RING_SIZE (64 * 1024)

/* Lines above this level go to the ring only. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/*
 * A sink is a place that shows text: serial port, framebuffer. write() gets whole lines (or, for
 * console output, any bytes), must not log itself, and is called under the log lock.
 * write_sync() is for panic: polled, must work from any state and take no lock.
 */
struct log_sink {
	const char *name;
	void (*write)(struct log_sink *sink, const char *text, size_t len);
	void (*write_sync)(struct log_sink *sink, const char *text, size_t len);
	bool hidden; /* shows nothing but a panic; log_hide_sink() */
	struct log_sink *next;
};
/* Registers a sink and replays the ring into it, so that a late console shows everything. */
void log_add_sink(struct log_sink *sink);
/* The configuration leaves these sinks out; text that was shown before stays. Boot CPU. */
void log_hide_sink(const char *name);
/* After this, log lines use write_sync only and no locks: the machine is going down. */
void log_enter_panic(void);

/*
 * Console output that is not the log: the prompt and guests. Goes to the sinks as it is, not to
 * the ring. A log line in the middle of it starts in a line of its own. Any CPU, not from a sink.
 */
void log_write_raw(const char *text, size_t len);
/* Ends the line that raw output is in the middle of, if it is. */
void log_fresh_line(void);
#define LOG_PROMPT_MAX 256
/*
 * Writes text raw; from now on prompt (cut to LOG_PROMPT_MAX bytes) is what the last line shows:
 * log lines take its place and it is shown again behind them. "" = no prompt.
 */
void log_set_prompt(const char *prompt, const char *text, size_t len);

/* Reads the ring from byte position *pos (0 = oldest kept); returns bytes copied, advances *pos. */
size_t log_read(u64 *pos, char *buf, size_t len);

/* One line per second and call site at most; says how many were dropped since. */
struct log_ratelimit {
	u64 last_ns;
	u32 dropped;
	bool used;
};
bool log_ratelimit_ok(struct log_ratelimit *rl);
#define log_ratelimited(level, ...)                     \
	do {                                            \
		static struct log_ratelimit rl_;        \
		if (log_ratelimit_ok(&rl_))             \
			log_printf(level, __VA_ARGS__); \
	} while (0)

/* Host bug: prints message, registers, back-trace and the last log lines, stops every CPU. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn __cold;
#define BUG_ON(cond)                                                   \
	do {                                                           \
		if (unlikely(cond))                                    \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

#endif

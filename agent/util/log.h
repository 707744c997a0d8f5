/*
 * Log lines on stderr, one per call: "<N>message key=value" when the journal reads us
 * ($JOURNAL_STREAM), "time level role: message" on a terminal. Repeating messages are limited per
 * call site with a count of what was suppressed. Any thread; one write(2) per line.
 */
#ifndef SLUICE_UTIL_LOG_H
#define SLUICE_UTIL_LOG_H

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 3, /* needs a person; numbers are syslog's (RFC 5424 6.2.1) */
	LOG_LEVEL_WARN = 4,  /* lost something */
	LOG_LEVEL_INFO = 6,  /* changed state */
	LOG_LEVEL_DEBUG = 7,
};

/* log_init - @role is borrowed for ever (a literal); lines above @level are dropped. */
void log_init(const char *role, enum log_level level);
/* log_set_role - in a process forked from one that logs; the level stays as it was configured. */
void log_set_role(const char *role);
void log_set_level(enum log_level level);

/* Parse DEBUG, INFO, WARNING or ERROR (any case). Returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One call site's limiter: 5 lines per 10 s, then one line saying how many were left out. */
struct log_limit {
	int64_t window_start_ns;
	unsigned int in_window;
	unsigned int suppressed;
};

void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

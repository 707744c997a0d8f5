/*
 * Where every log line of a role leaves it. A line is built in memory and written at once, so that
 * roles that share stderr do not mix; what came from outside cannot forge a second line.
 */
#include "agent/util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/clock.h"

#define LINE_MAX_BYTES 2048 /* what RFC 5424 6.1 asks every syslog receiver to take */
#define LIMIT_LINES    5
#define LIMIT_NS       (10 * (int64_t)NS_PER_S)

static struct {
	const char *role;
	atomic_int level;
	bool is_journal;
	pthread_mutex_t limit_lock; /* of every struct log_limit */
} state = { "sluice", LOG_LEVEL_INFO, false, PTHREAD_MUTEX_INITIALIZER };

/* True when stderr is the stream that $JOURNAL_STREAM names (systemd.exec(5)). */
static bool is_journal_on_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	(void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

void log_init(const char *role, enum log_level level)
{
	state.role = role;
	state.is_journal = is_journal_on_stderr();
	log_set_level(level);
}

void log_set_role(const char *role)
{
	state.role = role;
}

void log_set_level(enum log_level level)
{
	atomic_store(&state.level, (int)level);
}

static const struct {
	const char *name;
	enum log_level level;
} level_names[] = {
	{ "ERROR", LOG_LEVEL_ERROR },
	{ "WARNING", LOG_LEVEL_WARN },
	{ "INFO", LOG_LEVEL_INFO },
	{ "DEBUG", LOG_LEVEL_DEBUG },
};
#define LEVEL_COUNT (sizeof(level_names) / sizeof(level_names[0]))

int log_level_parse(const char *text, enum log_level *level)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (strcasecmp(text, level_names[i].name) == 0) {
			*level = level_names[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *level_name(enum log_level level)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (level_names[i].level == level)
			return level_names[i].name;
	}
	return "?";
}

/* What stands before the message. */
static size_t write_head(char *line, size_t size, enum log_level level)
{
	char now[CLOCK_TEXT_MAX];
	int len;

	if (state.is_journal)
		len = snprintf(line, size, "<%d>", (int)level);
	else
		len = snprintf(line, size, "%s %s %s: ", clock_format(clock_unix_ms(), now),
			       level_name(level), state.role);
	if (len < 0)
		return 0;
	return (size_t)len < size ? (size_t)len : size - 1;
}

static void write_line(enum log_level level, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];
	size_t room = sizeof(line) - 1; /* the line feed */
	size_t head = write_head(line, room, level);
	int len = vsnprintf(line + head, room - head, format, args);
	size_t end = head + (len < 0 ? 0 : (size_t)len);

	if (end > room - 1)
		end = room - 1; /* cut */
	for (size_t i = head; i < end; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < 0x20 || c == 0x7f)
			line[i] = '?';
	}
	line[end++] = '\n';
	while (write(STDERR_FILENO, line, end) < 0 && errno == EINTR)
		; /* any other failure: there is nowhere left to say it */
}

static bool is_wanted(enum log_level level)
{
	return (int)level <= atomic_load(&state.level);
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno; /* callers log and then return it */
	va_list args;

	if (!is_wanted(level))
		return;
	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
	errno = saved;
}

/* Whether this line goes out; @left_out is what the window before it held back. */
static bool admit(struct log_limit *limit, int64_t now_ns, unsigned int *left_out)
{
	bool is_admitted;

	*left_out = 0;
	(void)pthread_mutex_lock(&state.limit_lock); /* a default mutex, never held by us here */
	if (limit->window_start_ns == 0 || now_ns - limit->window_start_ns >= LIMIT_NS) {
		*left_out = limit->suppressed;
		*limit = (struct log_limit){ .window_start_ns = now_ns };
	}
	is_admitted = limit->in_window < LIMIT_LINES;
	if (is_admitted)
		limit->in_window++;
	else
		limit->suppressed++;
	(void)pthread_mutex_unlock(&state.limit_lock); /* ours */
	return is_admitted;
}

void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	int saved = errno;
	unsigned int left_out;
	va_list args;

	if (!is_wanted(level) || !admit(limit, (int64_t)clock_monotonic_ns(), &left_out))
		return;
	if (left_out > 0)
		log_write(level, "lines like the next were left out count=%u", left_out);
	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
	errno = saved;
}

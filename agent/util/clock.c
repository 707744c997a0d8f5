/*
 * The three clocks, and times, durations and sizes as people and RFC 3339 write them. Text is read
 * strictly: what is not fully understood is refused.
 */
#include "agent/util/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* 0000-01-01 and 9999-12-31T23:59:59.999, the years RFC 3339 1 can write (by date -u -d ... +%s).
 */
#define UNIX_MS_MIN (-62167219200000LL)
#define UNIX_MS_MAX 253402300799999LL

static uint64_t read_clock_ns(clockid_t id)
{
	struct timespec now = { 0 };

	(void)clock_gettime(id, &now); /* cannot fail for these clocks (clock_gettime(2), ERRORS) */
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ns(void)
{
	return read_clock_ns(CLOCK_BOOTTIME);
}

int64_t clock_unix_ms(void)
{
	return (int64_t)(read_clock_ns(CLOCK_REALTIME) / NS_PER_MS);
}

const char *clock_format(int64_t unix_ms, char text[static CLOCK_TEXT_MAX])
{
	int64_t clamped = unix_ms < UNIX_MS_MIN ? UNIX_MS_MIN : unix_ms;
	int milliseconds;
	time_t seconds;
	struct tm tm;

	if (clamped > UNIX_MS_MAX)
		clamped = UNIX_MS_MAX;
	milliseconds = (int)(clamped % 1000);
	seconds = clamped / 1000;
	if (milliseconds < 0) { /* before 1970: round towards the past */
		milliseconds += 1000;
		seconds--;
	}
	if (!gmtime_r(&seconds, &tm)) {
		text[0] = '\0';
		return text;
	}
	/* Every field is within its width because of the clamp; % 10000 tells the compiler. */
	(void)snprintf(text, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		       (unsigned int)(tm.tm_year + 1900) % 10000,
		       (unsigned int)(tm.tm_mon + 1) % 100, (unsigned int)tm.tm_mday % 100,
		       (unsigned int)tm.tm_hour % 100, (unsigned int)tm.tm_min % 100,
		       (unsigned int)tm.tm_sec % 100, (unsigned int)milliseconds % 1000);
	return text;
}

/* Exactly @digits digits at *@at, which moves past them; the value is in [@min, @max]. */
static bool read_field(const char **at, unsigned int digits, int min, int max, int *value)
{
	int sum = 0;

	for (unsigned int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)(*at)[i]))
			return false;
		sum = sum * 10 + ((*at)[i] - '0');
	}
	*at += digits;
	*value = sum;
	return sum >= min && sum <= max;
}

static bool read_char(const char **at, const char *allowed)
{
	if (**at == '\0' || !strchr(allowed, **at))
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

/* ".5", ".123456": milliseconds, the rest cut; nothing there is 0. */
static bool read_fraction(const char **at, int *milliseconds)
{
	int scale = 100;

	*milliseconds = 0;
	if (**at != '.')
		return true;
	(*at)++;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++) {
		*milliseconds += (**at - '0') * scale;
		scale /= 10;
	}
	return true;
}

/* "Z", "+02:00", "-23:59": seconds east of UTC. */
static bool read_offset(const char **at, int *seconds)
{
	int hours, minutes;
	bool is_west = **at == '-';

	*seconds = 0;
	if (read_char(at, "Zz"))
		return true;
	if (!read_char(at, "+-") || !read_field(at, 2, 0, 23, &hours) || !read_char(at, ":") ||
	    !read_field(at, 2, 0, 59, &minutes))
		return false;
	*seconds = (hours * 60 + minutes) * 60 * (is_west ? -1 : 1);
	return true;
}

int clock_parse(const char *text, int64_t *unix_ms)
{
	int year, month, day, hour, minute, second, milliseconds, offset;
	const char *at = text;
	struct tm tm;

	/* Second 60 is a leap second (RFC 3339 5.6); POSIX time gives it the next second's number.
	 */
	if (!read_field(&at, 4, 0, 9999, &year) || !read_char(&at, "-") ||
	    !read_field(&at, 2, 1, 12, &month) || !read_char(&at, "-") ||
	    !read_field(&at, 2, 1, 31, &day) || !read_char(&at, "Tt ") ||
	    !read_field(&at, 2, 0, 23, &hour) || !read_char(&at, ":") ||
	    !read_field(&at, 2, 0, 59, &minute) || !read_char(&at, ":") ||
	    !read_field(&at, 2, 0, 60, &second) || !read_fraction(&at, &milliseconds) ||
	    !read_offset(&at, &offset) || *at != '\0' || day > days_in_month(year, month))
		return -EINVAL;
	tm = (struct tm){
		.tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second,
	};
	*unix_ms = ((int64_t)timegm(&tm) - offset) * 1000 + milliseconds;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits and one of @units. Returns 0, -EINVAL, or -ERANGE when the result is above @max. */
static int parse_with_unit(const char *text, const struct unit *units, uint64_t max,
			   uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	const struct unit *unit = units;
	uint64_t sum = 0;
	bool is_large = false;

	while (unit->name && strcmp(unit->name, text + digits) != 0)
		unit++;
	if (digits == 0 || !unit->name)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++) {
		is_large |= __builtin_mul_overflow(sum, 10, &sum);
		is_large |= __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum);
	}
	is_large |= __builtin_mul_overflow(sum, unit->factor, &sum);
	if (is_large || sum > max)
		return -ERANGE;
	*value = sum;
	return 0;
}

int duration_parse(const char *text, int64_t *seconds)
{
	static const struct unit units[] = {
		{ "s", 1 },	{ "m", 60 },	 { "h", 3600 },
		{ "d", 86400 }, { "w", 604800 }, { NULL, 0 },
	};
	uint64_t value;
	int err = parse_with_unit(text, units, INT64_MAX, &value);

	if (err)
		return err;
	*seconds = (int64_t)value;
	return 0;
}

int size_parse(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "KiB", 1ULL << 10 },
		{ "MiB", 1ULL << 20 },
		{ "GiB", 1ULL << 30 },
		{ "TiB", 1ULL << 40 },
		{ "kB", 1000 },
		{ "MB", 1000000 },
		{ "GB", 1000000000 },
		{ "TB", 1000000000000 },
		{ NULL, 0 },
	};

	return parse_with_unit(text, units, UINT64_MAX, bytes);
}

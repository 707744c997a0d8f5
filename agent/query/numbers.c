/*
 * Sizes, counts, durations and times as people write them in a search.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"
#include "agent/util/clock.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits with at most three decimals, and a unit of the table, in any case. */
static int parse_with_unit(const char *text, const struct unit *units, uint64_t *value)
{
	uint64_t whole = 0, thousandths = 0, scale = 100, part;
	size_t digits = strspn(text, "0123456789");
	const struct unit *unit = units;
	const char *at = text + digits;

	if (!digits)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(text[i] - '0'), &whole))
			return -ERANGE;
	if (*at == '.' && isdigit((unsigned char)at[1]))
		for (at++; isdigit((unsigned char)*at); at++, scale /= 10)
			thousandths += (uint64_t)(*at - '0') * scale; /* more digits add nothing */
	while (unit->name && strcasecmp(unit->name, at) != 0)
		unit++;
	if (!unit->name)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit->factor, &whole) ||
	    __builtin_mul_overflow(thousandths, unit->factor, &part) ||
	    __builtin_add_overflow(whole, part / 1000, &whole))
		return -ERANGE;
	*value = whole;
	return 0;
}

int number_parse_size(const char *text, uint64_t *value)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "k", 1000 },
		{ "kB", 1000 },
		{ "M", 1000000 },
		{ "MB", 1000000 },
		{ "G", 1000000000 },
		{ "GB", 1000000000 },
		{ "T", 1000000000000 },
		{ "TB", 1000000000000 },
		{ "KiB", 1ULL << 10 },
		{ "MiB", 1ULL << 20 },
		{ "GiB", 1ULL << 30 },
		{ "TiB", 1ULL << 40 },
		{ NULL, 0 },
	};

	return parse_with_unit(text, units, value);
}

int number_parse_duration_ms(const char *text, uint64_t *ms)
{
	static const struct unit units[] = {
		{ "", 1000 },	   { "ms", 1 },	       { "s", 1000 },
		{ "m", 60000 },	   { "min", 60000 },   { "h", 3600000 },
		{ "d", 86400000 }, { "w", 604800000 }, { NULL, 0 },
	};

	return parse_with_unit(text, units, ms);
}

/* "2026-11-24" and "2026-11-24T13:45" are their first millisecond, UTC. */
static int parse_date(const char *text, int64_t *unix_ms)
{
	static const char *const rests[] = { "", "T00:00:00Z", ":00Z", "Z" };
	static const size_t lengths[] = { 0, 10, 16, 19 };
	char whole[40];

	if (!clock_parse(text, unix_ms))
		return 0;
	for (size_t i = 1; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		if (strlen(text) == lengths[i]) {
			(void)snprintf(whole, sizeof(whole), "%s%s", text, rests[i]);
			return clock_parse(whole, unix_ms);
		}
	return -EINVAL;
}

int number_parse_time(const char *text, int64_t now_unix_ms, int64_t *unix_ms)
{
	const int64_t day_ms = 86400000;
	uint64_t back_ms;

	if (!*text)
		return -EINVAL;
	if (!strcasecmp(text, "now"))
		*unix_ms = now_unix_ms;
	else if (!strcasecmp(text, "today"))
		*unix_ms = now_unix_ms - now_unix_ms % day_ms;
	else if (!strcasecmp(text, "yesterday"))
		*unix_ms = now_unix_ms - now_unix_ms % day_ms - day_ms;
	else if (!parse_date(text, unix_ms))
		return 0;
	else if (isdigit((unsigned char)text[strlen(text) - 1]) ||
		 number_parse_duration_ms(text, &back_ms))
		return -EINVAL; /* a plain number could mean seconds or a time of day */
	else
		*unix_ms = back_ms > (uint64_t)now_unix_ms ? 0 : now_unix_ms - (int64_t)back_ms;
	return 0;
}

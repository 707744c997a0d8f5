/*
 * TZif: version 1 block with 32-bit times, then, from version 2 on, the same with 64-bit times.
 */
#include "agent/util/zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/file.h"

#define ZONE_DIR	"/usr/share/zoneinfo/"
#define ZONE_HOST	"/etc/localtime"
#define ZONE_FILE_MAX	(64U << 10) /* the largest of tzdata 2024 has 4 KB */
#define ZONE_NAME_MAX	47
#define HEADER_BYTES	44 /* RFC 8536 3.1 */
#define CHANGES_MAX	2000
#define TYPES_MAX	256
#define OFFSET_MAX_S	(26 * 3600) /* RFC 8536 3.2: should be within -25 h and 26 h */
#define SECONDS_PER_DAY 86400

struct zone {
	int32_t first_offset_s;
	size_t count;
	struct {
		int64_t unix_s;
		int32_t offset_s;
	} changes[];
};

struct header {
	uint32_t isut, isstd, leap, changes, types, chars;
};

static uint64_t big_endian(const uint8_t *data, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | data[i];
	return value;
}

static int read_header(const uint8_t *data, size_t len, struct header *out)
{
	uint32_t *const fields[] = { &out->isut,    &out->isstd, &out->leap,
				     &out->changes, &out->types, &out->chars };

	if (len < HEADER_BYTES || memcmp(data, "TZif", 4) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < 6; i++)
		*fields[i] = (uint32_t)big_endian(data + 20 + i * 4, 4);
	if (out->changes > CHANGES_MAX || !out->types || out->types > TYPES_MAX ||
	    out->isut > TYPES_MAX || out->isstd > TYPES_MAX || out->leap > CHANGES_MAX ||
	    out->chars > ZONE_FILE_MAX)
		return -EBADMSG;
	return 0;
}

static size_t block_bytes(const struct header *header, size_t time_bytes)
{
	return header->changes * (time_bytes + 1) + header->types * (size_t)6 + header->chars +
	       header->leap * (time_bytes + 4) + header->isstd + header->isut;
}

static int read_block(const uint8_t *block, const struct header *header, size_t time_bytes,
		      struct zone **out)
{
	CLEANUP(zone_free)
	struct zone *zone = calloc(1, sizeof(*zone) + header->changes * sizeof(zone->changes[0]));
	const uint8_t *indices = block + header->changes * time_bytes;
	const uint8_t *types = indices + header->changes;

	if (!zone)
		return -ENOMEM;
	zone->count = header->changes;
	zone->first_offset_s = (int32_t)big_endian(types, 4);
	for (size_t i = 0; i < header->changes; i++) {
		uint64_t at = big_endian(block + i * time_bytes, time_bytes);
		int32_t offset_s;

		if (indices[i] >= header->types)
			return -EBADMSG;
		offset_s = (int32_t)big_endian(types + (size_t)indices[i] * 6, 4);
		if (offset_s > OFFSET_MAX_S || offset_s < -OFFSET_MAX_S)
			return -EBADMSG;
		zone->changes[i].unix_s = time_bytes == 8 ? (int64_t)at : (int32_t)at;
		zone->changes[i].offset_s = offset_s;
		if (i && zone->changes[i].unix_s <= zone->changes[i - 1].unix_s)
			return -EBADMSG;
	}
	*out = TAKE(zone);
	return 0;
}

int zone_parse(const void *data, size_t len, struct zone **out)
{
	const uint8_t *at = data;
	struct header header = { 0 };
	size_t time_bytes = 4;
	int error = read_header(at, len, &header);

	if (error)
		return error;
	if (at[4] >= '2') {
		size_t skip = HEADER_BYTES + block_bytes(&header, 4);

		if (skip > len)
			return -EBADMSG;
		at += skip;
		len -= skip;
		time_bytes = 8;
		error = read_header(at, len, &header);
		if (error)
			return error;
	}
	if (HEADER_BYTES + block_bytes(&header, time_bytes) > len)
		return -EBADMSG;
	return read_block(at + HEADER_BYTES, &header, time_bytes, out);
}

/* Letters, digits and what stands in names of zones; no way out of the folder. */
static bool is_name(const char *name)
{
	if (strlen(name) > ZONE_NAME_MAX || strstr(name, "..") || *name == '/')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("/_+-.", *name))
			return false;
	return true;
}

int zone_load(const char *name, struct zone **out)
{
	CLEANUP(free) char *data = NULL;
	char path[sizeof(ZONE_DIR) + ZONE_NAME_MAX];
	size_t len;
	int error;

	if (!is_name(name))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), ZONE_DIR "%s", name);
	error = file_read(*name ? path : ZONE_HOST, ZONE_FILE_MAX, &data, &len);
	if (error && (!*name || !strcmp(name, "UTC"))) {
		*out = calloc(1, sizeof(**out)); /* no changes: UTC */
		return *out ? 0 : -ENOMEM;
	}
	if (error)
		return error == -ENOMEM ? error : -ENOENT;
	return zone_parse(data, len, out);
}

void zone_free(struct zone *zone)
{
	free(zone);
}

int32_t zone_offset_s(const struct zone *zone, int64_t unix_s)
{
	size_t low = 0, high = zone ? zone->count : 0;

	if (!zone)
		return 0;
	while (low < high) { /* the first change after @unix_s */
		size_t middle = (low + high) / 2;

		if (zone->changes[middle].unix_s <= unix_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? zone->changes[low - 1].offset_s : zone->first_offset_s;
}

/* Days since 1970 of a civil date. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil. */
static int64_t days_of(int64_t year, int month, int day)
{
	year += (month - 1) / 12;
	month = (month - 1) % 12 + 1;
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void zone_local(const struct zone *zone, int64_t unix_s, struct zone_time *out)
{
	int64_t local = unix_s + zone_offset_s(zone, unix_s);
	int64_t days = local / SECONDS_PER_DAY - (local % SECONDS_PER_DAY < 0);
	int second = (int)(local - days * SECONDS_PER_DAY);
	/* civil_from_days of the same source */
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (int)((5 * of_year + 2) / 153);

	out->day = (int)(of_year - (153 * month + 2) / 5) + 1;
	out->month = month < 10 ? month + 3 : month - 9;
	out->year = (int)(year + era * 400 + (out->month <= 2));
	out->hour = second / 3600;
	out->minute = second / 60 % 60;
	out->second = second % 60;
	out->weekday = (int)(((days % 7) + 10) % 7); /* 1970-01-01 was a Thursday: 3 */
}

int64_t zone_unix_s(const struct zone *zone, const struct zone_time *local)
{
	int64_t wall = days_of(local->year, local->month, local->day) * SECONDS_PER_DAY +
		       local->hour * 3600LL + local->minute * 60LL + local->second;
	/* With the offset of a day before, then of where that leads: right unless within a gap. */
	int32_t before = zone_offset_s(zone, wall - SECONDS_PER_DAY);
	int64_t first = wall - before;
	int32_t there = zone_offset_s(zone, first);

	if (there == before || zone_offset_s(zone, wall - there) != there)
		return first;
	return wall - there;
}

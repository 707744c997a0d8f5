/*
 * Local time of a zone at any moment, from its TZif file (RFC 8536), without the process-wide
 * state of tzset(3). Immutable once loaded; any thread.
 */
#ifndef SLUICE_UTIL_ZONE_H
#define SLUICE_UTIL_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

struct zone;

/*
 * zone_load - @name as "Europe/Berlin", "UTC", or "" for this host's own (/etc/localtime; UTC where
 * there is none).
 * Returns 0, -EINVAL for a name that is none, -ENOENT, -EBADMSG for a damaged file, -ENOMEM.
 */
int zone_load(const char *name, struct zone **out);
void zone_free(struct zone *zone); /* accepts NULL */
DEFINE_CLEANUP(zone_free, struct zone)
/* zone_parse - @len bytes of a TZif file. As above. */
int zone_parse(const void *data, size_t len, struct zone **out);

/* zone_offset_s - seconds east of UTC at @unix_s. After the file's last change the last one
 * stays: Debian's files name every change up to 2037. NULL is UTC. */
int32_t zone_offset_s(const struct zone *zone, int64_t unix_s);

struct zone_time {
	int year, month, day; /* 1..12, 1..31 */
	int hour, minute, second;
	int weekday; /* 0 = Monday */
};

/* zone_local - what a clock on the wall shows there. */
void zone_local(const struct zone *zone, int64_t unix_s, struct zone_time *out);
/* zone_unix_s - the first moment whose wall clock shows it, or, in the hour that a change leaves
 * out, as much later. Day and month may be over their end. */
int64_t zone_unix_s(const struct zone *zone, const struct zone_time *local);

#endif

/*
 * Country and network of addresses, out of the user's own .mmdb files (libmaxminddb, which only
 * this module sees). A file is copied before it is mapped: whoever cuts the original short while it
 * is read does no harm. A file that is missing or broken leaves what was known, and says why.
 * Look-ups from any thread; geo_refresh from one at a time.
 */
#ifndef SLUICE_GEO_GEO_H
#define SLUICE_GEO_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/geo.h"

struct addr;
struct geo;

/* The largest city database of today has 130 MiB (DB-IP, 2026). */
#define GEO_FILE_BYTES_MAX (512UL << 20)

/* geo_new - nothing is loaded yet. @dir: where copies are mapped from, without a name; borrowed
 * never. Returns 0, -ENOMEM, -E2BIG for more than GEO_FILES_MAX or a path too long. */
int geo_new(const char *const *paths, size_t count, const char *dir, struct geo **out);
void geo_free(struct geo *geo); /* accepts NULL; nobody looks up any more */
DEFINE_CLEANUP(geo_free, struct geo)

/* geo_is_stale - a file is another one than at the last refresh. Some stat(2) calls. */
bool geo_is_stale(struct geo *geo);
/* geo_refresh - loads what is new or has changed; slow: reads files whole. */
void geo_refresh(struct geo *geo);
/* geo_find - what the files say, the first that knows; false: nothing. @out is whole anyway. */
bool geo_find(struct geo *geo, const struct addr *addr, struct geo_place *out);
/* geo_states - of each file. Returns the count. */
size_t geo_states(struct geo *geo, struct geo_state out[static GEO_FILES_MAX]);

#endif

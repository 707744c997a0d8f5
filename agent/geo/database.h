/*
 * One .mmdb file behind libmaxminddb. Only agent/geo includes it.
 */
#ifndef SLUICE_GEO_DATABASE_H
#define SLUICE_GEO_DATABASE_H

#include "agent/geo/geo.h"
#include "include/addr.h"

struct database;

/* database_open - a copy of @path below @dir; fills kind and built of @state, or its error. Returns
 * 0 or -errno. */
int database_open(const char *path, const char *dir, struct geo_state *state,
		  struct database **out);
void database_close(struct database *database); /* accepts NULL */

/* database_find - fills in what @out does not have yet. Any thread. */
void database_find(const struct database *database, const struct addr *addr, struct geo_place *out);

#endif

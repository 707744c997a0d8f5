/*
 * What sections of the configuration say together, beyond one value's type: [Export], [Mail],
 * [Geo]. Asked by `sluice check` and before a service starts.
 */
#ifndef SLUICE_APP_SECTIONS_H
#define SLUICE_APP_SECTIONS_H

struct config;

/* @section: "Mail"; @reason: a sentence. */
typedef void (*sections_tell_fn)(void *arg, const char *section, const char *reason);

/* sections_check - what would keep a service from starting, and geography files that cannot be
 * used. Returns how many were told. */
int sections_check(const struct config *config, sections_tell_fn tell, void *arg);

#endif

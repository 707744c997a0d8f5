/*
 * What is known of addresses beside their traffic: names that devices gave themselves, and the
 * user's geography. Learned on the pipeline thread, read by any, kept in the store by the service
 * thread. Bounded: of a set of addresses that is full the one that was silent longest gives way.
 */
#ifndef SLUICE_APP_FACTS_H
#define SLUICE_APP_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/device.h"

struct config;
struct facts;
struct geo;
struct store;

/* facts_new - @dir: the state directory. What the store knows is read at once, geography with the
 * first facts_refresh. Returns 0, -ENOMEM, -EINVAL for [Geo] databases that are no paths. */
int facts_new(const struct config *config, const char *dir, struct store *store,
	      struct facts **out);
void facts_free(struct facts *facts); /* accepts NULL; what was not kept is kept */
DEFINE_CLEANUP(facts_free, struct facts)

/* facts_open_geo - the files of [Geo], not read yet. -EINVAL with a sentence in @reason (256
 * bytes): not absolute, or too many; -ENOMEM. */
int facts_open_geo(const struct config *config, const char *dir, struct geo **out, char *reason);

/* facts_learn - only of addresses of this house: a name is others' word. */
void facts_learn(struct facts *facts, const struct device_name *device);
/* facts_of - @out is whole, also where nothing is known. */
void facts_of(struct facts *facts, const struct addr *addr, struct addr_facts *out);
/* facts_keep - some of what is new, to the store. Service thread, every few seconds. */
void facts_keep(struct facts *facts);

/* facts_is_inside - by its address: private, or of [Capture] local_networks. */
bool facts_is_inside(const struct facts *facts, const struct addr *addr);

struct geo *facts_geo(struct facts *facts);

#endif

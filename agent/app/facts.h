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

#define FACTS_RESOLVERS_MAX 3 /* as resolv.conf(5) has */

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
/* [Geo] resolvers. */
struct facts_resolvers {
	bool is_system; /* those of resolv.conf(5) instead of @addrs */
	size_t count;
	struct addr addrs[FACTS_RESOLVERS_MAX];
};

/* facts_read_resolvers - -EINVAL with a sentence in @reason (256 bytes). */
int facts_read_resolvers(const struct config *config, struct facts_resolvers *out, char *reason);
/* facts_is_asking - resolvers are set: addresses of this house that have no name are kept for
 * facts_take_nameless. */
bool facts_is_asking(const struct facts *facts);
/* facts_see - @addr was seen; pipeline thread, for each new flow. */
void facts_see(struct facts *facts, const struct addr *addr);
/* facts_take_nameless - some that were seen and have no name, or one of a look-up, which may be
 * another by now; each once. Service thread. */
size_t facts_take_nameless(struct facts *facts, struct addr *out, size_t max);

/* facts_of - @out is whole, also where nothing is known. */
void facts_of(struct facts *facts, const struct addr *addr, struct addr_facts *out);
/* facts_keep - some of what is new, to the store. Service thread, every few seconds. */
void facts_keep(struct facts *facts);

/* facts_is_inside - by its address: private, or of [Capture] local_networks. */
bool facts_is_inside(const struct facts *facts, const struct addr *addr);

struct geo *facts_geo(struct facts *facts);

#endif

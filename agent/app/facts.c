/*
 * A set-associative table of names, and the geography files.
 */
#include "agent/app/facts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agent/app/places.h"
#include "agent/config/config.h"
#include "agent/geo/geo.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"
#include "include/learning.h"

#define SETS 1024UL /* with WAYS names each: STORE_DEVICES_MAX */
#define WAYS 8UL
_Static_assert(SETS *WAYS == STORE_DEVICES_MAX, "what is in memory is what is kept");

#define KEPT_AT_ONCE 64 /* rows of one transaction: a flood of names costs the disk little */
#define TRUSTED_S    (7 * 86400LL) /* a lesser source does not replace a better one for so long */
#define REWRITTEN_S  86400LL	   /* the time of a name that did not change */

#define NAMELESS_MAX 256 /* between two ticks; of two in one place the first stays */

struct entry {
	struct device_name device; /* addr.family ADDR_NONE = free */
	bool is_new;		   /* not kept yet */
};

struct facts {
	pthread_mutex_t lock; /* of entries, fresh and nameless */
	struct store *store;
	struct geo *geo;
	struct places *places; /* read only */
	uint64_t seed;
	size_t fresh; /* entries that are not kept yet, at most */
	bool is_asking;
	struct addr nameless[NAMELESS_MAX]; /* ADDR_NONE = free */
	struct entry entries[SETS * WAYS];
};

/* ---- the table --------------------------------------------------------------------------------
 */

static struct entry *set_of(struct facts *facts, const struct addr *addr)
{
	return &facts->entries[addr_hash(addr, facts->seed) % SETS * WAYS];
}

static struct entry *find(struct facts *facts, const struct addr *addr)
{
	struct entry *set = set_of(facts, addr);

	for (size_t i = 0; i < WAYS; i++)
		if (addr_is_equal(&set[i].device.addr, addr))
			return &set[i];
	return NULL;
}

static struct entry *room_for(struct facts *facts, const struct addr *addr)
{
	struct entry *set = set_of(facts, addr), *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].device.addr.family == ADDR_NONE)
			return &set[i];
		if (set[i].device.last_unix_s < oldest->device.last_unix_s)
			oldest = &set[i];
	}
	return oldest;
}

static void put(struct facts *facts, const struct device_name *device, bool is_new)
{
	struct entry *entry = find(facts, &device->addr);
	int64_t silent_s = entry ? device->last_unix_s - entry->device.last_unix_s : 0;

	if (entry && entry->device.source > device->source && silent_s < TRUSTED_S)
		return;
	if (entry && entry->device.source == device->source && silent_s >= 0 &&
	    silent_s < REWRITTEN_S && !strcmp(entry->device.name, device->name))
		return;
	if (!entry)
		entry = room_for(facts, &device->addr);
	facts->fresh += is_new && !entry->is_new;
	*entry = (struct entry){ .device = *device, .is_new = is_new };
}

bool facts_is_inside(const struct facts *facts, const struct addr *addr)
{
	return places_of(facts->places, addr) != LEARNING_REMOTE;
}

void facts_learn(struct facts *facts, const struct device_name *device)
{
	struct device_name now = *device;

	if (!facts_is_inside(facts, &device->addr))
		return;
	now.last_unix_s = clock_unix_ms() / 1000;
	(void)pthread_mutex_lock(&facts->lock); /* fails for a broken lock only */
	put(facts, &now, true);
	(void)pthread_mutex_unlock(&facts->lock);
}

void facts_of(struct facts *facts, const struct addr *addr, struct addr_facts *out)
{
	const struct entry *entry;

	memset(out, 0, sizeof(*out));
	if (addr->family == ADDR_NONE)
		return;
	(void)geo_find(facts->geo, addr, &out->place);
	(void)pthread_mutex_lock(&facts->lock);
	entry = find(facts, addr);
	if (entry) {
		memcpy(out->name, entry->device.name, sizeof(out->name));
		out->source = entry->device.source;
	}
	(void)pthread_mutex_unlock(&facts->lock);
}

/* ---- who has no name ---------------------------------------------------------------------------
 */

bool facts_is_asking(const struct facts *facts)
{
	return facts->is_asking;
}

/* A link's own addresses mean nothing to a resolver. */
static bool has_zone(const struct addr *addr)
{
	const uint8_t *bytes = addr->family == ADDR_IPV4 ? addr->bytes + 12 : addr->bytes;

	return addr->family == ADDR_IPV4 ? bytes[0] == 169 && bytes[1] == 254
					 : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

void facts_see(struct facts *facts, const struct addr *addr)
{
	struct addr *place = &facts->nameless[addr_hash(addr, facts->seed) % NAMELESS_MAX];
	const struct entry *entry;

	if (!facts->is_asking || !facts_is_inside(facts, addr) || has_zone(addr))
		return;
	(void)pthread_mutex_lock(&facts->lock); /* as above */
	entry = find(facts, addr);
	if (place->family == ADDR_NONE && (!entry || entry->device.source == DEVICE_DNS))
		*place = *addr;
	(void)pthread_mutex_unlock(&facts->lock);
}

size_t facts_take_nameless(struct facts *facts, struct addr *out, size_t max)
{
	size_t count = 0;

	(void)pthread_mutex_lock(&facts->lock);
	for (size_t i = 0; i < NAMELESS_MAX && count < max; i++) {
		if (facts->nameless[i].family == ADDR_NONE)
			continue;
		out[count++] = facts->nameless[i];
		facts->nameless[i].family = ADDR_NONE;
	}
	(void)pthread_mutex_unlock(&facts->lock);
	return count;
}

int facts_read_resolvers(const struct config *config, struct facts_resolvers *out, char *reason)
{
	char text[64];

	*out = (struct facts_resolvers){ 0 };
	for (size_t i = 0; config_list_item(config, CONFIG_GEO_RESOLVERS, i, text, sizeof(text));
	     i++) {
		if (!i && !strcmp(text, "system")) {
			out->is_system = true;
			continue;
		}
		if (out->is_system || out->count == FACTS_RESOLVERS_MAX ||
		    addr_parse(text, &out->addrs[out->count])) {
			(void)snprintf(reason, 256,
				       "resolvers is the word system, or at most %d addresses, not "
				       "%.60s",
				       FACTS_RESOLVERS_MAX, text);
			return -EINVAL;
		}
		out->count++;
	}
	return 0;
}

/* ---- over restarts ----------------------------------------------------------------------------
 */

static size_t take_fresh(struct facts *facts, struct device_name *out, size_t max)
{
	size_t count = 0;

	(void)pthread_mutex_lock(&facts->lock);
	for (size_t i = 0; i < SETS * WAYS && facts->fresh && count < max; i++) {
		if (!facts->entries[i].is_new)
			continue;
		facts->entries[i].is_new = false;
		out[count++] = facts->entries[i].device;
	}
	facts->fresh = count < max ? 0 : facts->fresh - count;
	(void)pthread_mutex_unlock(&facts->lock);
	return count;
}

void facts_keep(struct facts *facts)
{
	struct device_name rows[KEPT_AT_ONCE];
	size_t count = take_fresh(facts, rows, KEPT_AT_ONCE);
	int error = store_device_put(facts->store, rows, count);

	if (error)
		log_warn("names of devices are not kept error=%s", strerror(-error));
}

static int load(struct facts *facts)
{
	CLEANUP(free) struct device_name *rows = calloc(STORE_DEVICES_MAX, sizeof(*rows));
	int count = rows ? store_device_list(facts->store, rows, STORE_DEVICES_MAX) : -ENOMEM;

	for (int i = 0; i < count; i++)
		put(facts, &rows[i], false);
	return count < 0 ? count : 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

int facts_open_geo(const struct config *config, const char *dir, struct geo **out, char *reason)
{
	char texts[GEO_FILES_MAX + 1][GEO_PATH_MAX];
	const char *paths[GEO_FILES_MAX + 1];
	size_t count = 0;
	int error;

	reason[0] = '\0';
	while (count <= GEO_FILES_MAX && config_list_item(config, CONFIG_GEO_DATABASES, count,
							  texts[count], sizeof(texts[count]))) {
		if (texts[count][0] != '/')
			(void)snprintf(reason, 256, "databases: %.120s is no absolute path",
				       texts[count]);
		paths[count] = texts[count];
		count++;
	}
	if (*reason)
		return -EINVAL;
	error = geo_new(paths, count, dir, out);
	if (error)
		(void)snprintf(reason, 256, "databases are at most %d files", GEO_FILES_MAX);
	return error == -E2BIG ? -EINVAL : error;
}

int facts_new(const struct config *config, const char *dir, struct store *store, struct facts **out)
{
	CLEANUP(facts_free) struct facts *facts = calloc(1, sizeof(*facts));
	struct facts_resolvers resolvers;
	char reason[256]; /* app_prepare said it */
	int error;

	if (!facts)
		return -ENOMEM;
	error = -pthread_mutex_init(&facts->lock, NULL);
	crypto_random(&facts->seed, sizeof(facts->seed));
	if (!error)
		error = facts_open_geo(config, dir, &facts->geo, reason);
	if (!error)
		error = places_new(config, &facts->places);
	if (error)
		return error;
	facts->store = store;
	facts->is_asking = !facts_read_resolvers(config, &resolvers, reason) &&
			   (resolvers.is_system || resolvers.count);
	error = load(facts);
	if (error)
		log_warn("names of devices cannot be read error=%s", strerror(-error));
	*out = TAKE(facts);
	return 0;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	while (facts->store && facts->fresh)
		facts_keep(facts);
	geo_free(facts->geo);
	places_free(facts->places);
	(void)pthread_mutex_destroy(&facts->lock); /* nobody holds it */
	free(facts);
}

struct geo *facts_geo(struct facts *facts)
{
	return facts->geo;
}

/*
 * Names once per hour, found again by 64 bits of a hash with a secret seed: that two of 65,536
 * combinations share them has a probability of 2^-33 (birthday bound).
 */
#include "agent/store/hour_names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/crypto.h"
#include "agent/util/sketch_hash.h"

#define SLOTS	    (2UL * HOUR_NAMES_MAX)
#define SLOTS_FIRST 1024

struct name_slot {
	uint64_t hash;
	uint32_t id; /* 0: empty */
};

struct hour_names {
	struct sqlite3_stmt *insert;
	struct name_slot *slots;
	uint32_t mask, count;
	uint32_t last_id;
	uint64_t seed;
};

/* Everything that makes a combination. */
struct combination {
	const char *sni, *host, *ja4; /* "" = unknown */
	int64_t rule_id, incident_id;
};

static uint64_t hash_combination(const struct hour_names *names, const struct combination *of)
{
	uint64_t hash = hash_bytes(of->sni, strlen(of->sni), names->seed);

	hash = hash_bytes(of->host, strlen(of->host), hash);
	hash = hash_bytes(of->ja4, strlen(of->ja4), hash);
	hash = hash_pair(hash, (uint64_t)of->rule_id);
	return hash_pair(hash, (uint64_t)of->incident_id);
}

static struct name_slot *find_slot(const struct hour_names *names, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & names->mask;

	while (names->slots[at].id && names->slots[at].hash != hash)
		at = (at + 1) & names->mask;
	return &names->slots[at];
}

static int set_room(struct hour_names *names, uint32_t slots)
{
	CLEANUP(free) struct name_slot *old = names->slots;
	uint32_t old_slots = old ? names->mask + 1 : 0;

	names->slots = calloc(slots, sizeof(*names->slots));
	if (!names->slots) {
		names->slots = TAKE(old);
		return -ENOMEM;
	}
	names->mask = slots - 1;
	for (uint32_t i = 0; i < old_slots; i++)
		if (old[i].id)
			*find_slot(names, old[i].hash) = old[i];
	return 0;
}

static int remember(struct hour_names *names, uint64_t hash, uint32_t id)
{
	if (names->count == HOUR_NAMES_MAX) {
		memset(names->slots, 0, SLOTS * sizeof(*names->slots));
		names->count = 0;
	}
	if (names->count > names->mask / 2) {
		int error = set_room(names, 2 * (names->mask + 1));
		if (error)
			return error;
	}
	*find_slot(names, hash) = (struct name_slot){ hash, id };
	names->count++;
	return 0;
}

static const char *text_of(struct query *query, int column, char text[NAME_STORED_MAX])
{
	query_text(query, column, text, NAME_STORED_MAX);
	return text;
}

static int load(struct hour_names *names, struct db *db, const char *hour_text)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	char sql[160], sni[NAME_STORED_MAX], host[NAME_STORED_MAX], ja4[NAME_STORED_MAX];
	int found;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT id, sni, host, ja4, rule_id, incident_id FROM names_%s"
		       " ORDER BY id DESC LIMIT %d",
		       hour_text, HOUR_NAMES_MAX / 2);
	int error = db_prepare(db, sql, &select);
	if (error)
		return error;
	query_init_own(&query, db, select);
	while ((found = query_next(&query)) > 0) {
		const struct combination of = { text_of(&query, 1, sni), text_of(&query, 2, host),
						text_of(&query, 3, ja4), query_int(&query, 4),
						query_int(&query, 5) };
		uint32_t id = (uint32_t)query_int(&query, 0);
		uint64_t hash = hash_combination(names, &of);

		if (id > names->last_id)
			names->last_id = id;
		if (!find_slot(names, hash)->id && remember(names, hash, id))
			return -ENOMEM;
	}
	return found;
}

int hour_names_open(struct db *db, const char *hour_text, struct hour_names **out)
{
	CLEANUP(hour_names_free) struct hour_names *names = calloc(1, sizeof(*names));
	char sql[96];

	if (!names)
		return -ENOMEM;
	crypto_random(&names->seed, sizeof(names->seed));
	(void)snprintf(sql, sizeof(sql), "INSERT INTO names_%s VALUES (?,?,?,?,?,?,?,?,?,?)",
		       hour_text);
	int error = set_room(names, SLOTS_FIRST);
	if (!error)
		error = db_prepare(db, sql, &names->insert);
	if (!error)
		error = load(names, db, hour_text);
	if (error)
		return error;
	*out = TAKE(names);
	return 0;
}

void hour_names_free(struct hour_names *names)
{
	if (!names)
		return;
	db_finalize(names->insert);
	free(names->slots);
	free(names);
}

static void bind_text(struct query *query, const char *text)
{
	query_bind_text(query, *text ? text : NULL);
}

static void bind_number(struct query *query, int64_t value)
{
	if (value)
		query_bind_int(query, value);
	else
		query_bind_null(query);
}

static int insert(struct hour_names *names, struct db *db, const struct combination *of,
		  uint32_t id)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init_own(&query, db, names->insert);
	query_bind_int(&query, id);
	bind_text(&query, of->sni);
	bind_text(&query, of->host);
	bind_text(&query, of->ja4);
	bind_number(&query, of->rule_id);
	bind_number(&query, of->incident_id);
	return query_run(&query); /* what belongs to processes is not bound: NULL */
}

/* What is longer than a name can be is cut (FLOW_NAME_MAX). */
static const char *cut(const char *text, char buffer[NAME_STORED_MAX])
{
	if (strnlen(text, NAME_STORED_MAX) < NAME_STORED_MAX)
		return text;
	(void)snprintf(buffer, NAME_STORED_MAX, "%.*s", NAME_STORED_MAX - 1, text);
	return buffer;
}

int hour_names_put(struct hour_names *names, struct db *db, const struct flow_row *row,
		   uint32_t *id)
{
	struct combination of = { "", "", "", row->rule_id, row->incident_id };
	char sni[NAME_STORED_MAX], host[NAME_STORED_MAX], ja4[NAME_STORED_MAX];

	if (row->names) {
		of.sni = cut(row->names->sni, sni);
		of.host = cut(row->names->host, host);
		of.ja4 = cut(row->names->ja4, ja4);
	}
	*id = 0;
	if (!*of.sni && !*of.host && !*of.ja4 && !of.rule_id && !of.incident_id)
		return 0;
	uint64_t hash = hash_combination(names, &of);
	uint32_t known = find_slot(names, hash)->id;
	if (known) {
		*id = known;
		return 0;
	}
	if (names->last_id == UINT32_MAX)
		return 0; /* 4 billion names in an hour: the next ones go without */
	int error = insert(names, db, &of, names->last_id + 1);
	if (!error)
		error = remember(names, hash, names->last_id + 1);
	if (!error)
		*id = ++names->last_id;
	return error;
}

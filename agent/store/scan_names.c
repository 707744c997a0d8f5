/*
 * Names of the records at hand: each is read once an hour, unless so many are needed that memory
 * would not hold them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/scan_internal.h"

/* A block needs 8192 at most; kept for the next blocks of the hour are as many. */
#define CACHE_MAX   (2 * FILTER_BLOCK_ROWS)
#define CACHE_SLOTS (2 * CACHE_MAX)
/* Texts are cut when written; a changed file may hold longer ones. */
#define TEXT_MAX 512
#define TEXTS	 5

struct cached {
	uint32_t name; /* 0: empty */
	uint32_t rule_id, pid, uid;
	int64_t incident_id;
	struct record_names names; /* into @text */
	char *text;
};

struct name_cache {
	int64_t hour;
	uint32_t count;
	struct cached slots[CACHE_SLOTS];
};

int name_cache_new(struct name_cache **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void clear(struct name_cache *cache)
{
	for (uint32_t i = 0; cache->count && i < CACHE_SLOTS; i++)
		free(cache->slots[i].text);
	if (cache->count)
		memset(cache->slots, 0, sizeof(cache->slots));
	cache->count = 0;
}

void name_cache_free(struct name_cache *cache)
{
	if (!cache)
		return;
	clear(cache);
	free(cache);
}

/* The slot of @name, or the empty one where it belongs. */
static uint32_t find(const struct name_cache *cache, uint32_t name)
{
	uint32_t at = name * 0x9e3779b1U & (CACHE_SLOTS - 1);

	while (cache->slots[at].name && cache->slots[at].name != name)
		at = (at + 1) & (CACHE_SLOTS - 1);
	return at;
}

/* The texts of a row, one behind the other. */
static char *copy_texts(struct query *query, struct record_names *names)
{
	const char **const fields[TEXTS] = { &names->sni, &names->host, &names->ja4,
					     &names->process, &names->unit };
	static const int columns[TEXTS] = { 0, 1, 2, 7, 8 };
	char texts[TEXTS][TEXT_MAX];
	size_t lens[TEXTS], size = 0;

	for (int i = 0; i < TEXTS; i++) {
		query_text(query, columns[i], texts[i], TEXT_MAX);
		lens[i] = strlen(texts[i]) + 1;
		size += lens[i];
	}
	char *text = malloc(size), *at = text;
	for (int i = 0; i < TEXTS && text; i++) {
		memcpy(at, texts[i], lens[i]);
		*fields[i] = at;
		at += lens[i];
	}
	return text;
}

static int read_one(struct name_cache *cache, struct query *query, uint32_t name)
{
	struct cached *slot = &cache->slots[find(cache, name)];
	static const char none[] = "";

	query_bind_int(query, name);
	int found = query_next(query);
	if (found < 0)
		return found;
	*slot = (struct cached){ .names = { none, none, none, none, none } };
	if (found) { /* else a name that is not there: a changed file */
		slot->text = copy_texts(query, &slot->names);
		if (!slot->text)
			return -ENOMEM;
		slot->rule_id = (uint32_t)query_int(query, 3);
		slot->incident_id = query_int(query, 4);
		slot->pid = (uint32_t)query_int(query, 5);
		slot->uid = (uint32_t)query_int(query, 6);
	}
	slot->name = name;
	cache->count++;
	return 0;
}

static int load_missing(struct name_cache *cache, struct db *db, struct sqlite3_stmt *select,
			const struct flow_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP(query_done) struct query query = { 0 };
		uint32_t name = records[i].name;

		if (!name || cache->slots[find(cache, name)].name)
			continue;
		query_init_own(&query, db, select);
		int error = read_one(cache, &query, name);
		if (error)
			return error;
	}
	return 0;
}

int name_cache_load(struct name_cache *cache, struct db *db, struct flow_record *records,
		    size_t count)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	char sql[160], text[FLOWS_HOUR_TEXT_MAX];
	int error = 0;

	if (!count)
		return 0;
	if (cache->hour != records[0].hour || cache->count > CACHE_MAX - FILTER_BLOCK_ROWS)
		clear(cache);
	cache->hour = records[0].hour;
	flows_hour_text(cache->hour, text);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT sni, host, ja4, rule_id, incident_id, pid, uid, process, unit"
		       " FROM names_%s WHERE id = ?",
		       text);
	error = db_prepare(db, sql, &select);
	if (error)
		return error == -EINVAL ? 0 : error; /* an hour of version 1 has no names */
	error = load_missing(cache, db, select, records, count);
	if (error == -EINVAL) /* the hour was dropped in between: its records go without names */
		error = 0;
	for (size_t i = 0; i < count && !error; i++) {
		const struct cached *known = &cache->slots[find(cache, records[i].name)];

		records[i].rule_id = known->rule_id;
		records[i].incident_id = known->incident_id;
		records[i].pid = known->pid;
		records[i].uid = known->uid;
	}
	return error;
}

const struct record_names *name_cache_get(const struct name_cache *cache, uint32_t name)
{
	static const struct record_names unknown = { "", "", "", "", "" };
	const struct cached *known = name ? &cache->slots[find(cache, name)] : NULL;

	return known && known->name ? &known->names : &unknown;
}

/*
 * Filters of addresses. A filter is cut in 16 parts by the upper bits of the hash, and the table
 * lies in order of parts, so that a question about one address reads a few neighbouring pages an
 * hour: for 10 million records 1/16 of 11 MB.
 */
#include "agent/store/hour_filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/sketch_bloom.h"
#include "agent/util/sketch_hash.h"

#define PARTS	   16
#define PART_SHIFT 60
/* 1.3 % false "may be there" (sketch_bloom.h): of 1220 blocks of 10 million records 16 are read
 * for nothing, 1 ms each. */
#define BITS_PER_ADDR 10
/* Two addresses a record at most, half full at most. */
#define SLOTS (4UL * FILTER_BLOCK_ROWS)

struct hour_filter {
	int64_t hour, rows; /* inserted so far */
	unsigned int counts[PARTS];
	uint64_t slots[SLOTS]; /* hashes of the open block's addresses; 0: empty */
};

/* Of the blocks of an hour, what their filters say. */
#define BLOCK_HAS_FILTER 1
#define BLOCK_MAY_HOLD	 2
struct block_states {
	uint8_t *of;
	size_t count;
};

static unsigned int part_of(uint64_t hash)
{
	return (unsigned int)(hash >> PART_SHIFT);
}

/* The hash again, as its upper bits are the same all over a part. */
static uint64_t inner_hash(uint64_t hash)
{
	return hash_mix(hash);
}

static void note(struct hour_filter *filter, const void *bytes, size_t len)
{
	uint64_t hash = addr_set_hash(bytes, len);

	hash = hash ? hash : 1;
	size_t at = (size_t)hash & (SLOTS - 1);
	while (filter->slots[at] && filter->slots[at] != hash)
		at = (at + 1) & (SLOTS - 1);
	if (filter->slots[at])
		return;
	filter->slots[at] = hash;
	filter->counts[part_of(hash)]++;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int write_part(struct db *db, const struct hour_filter *filter, unsigned int part,
		      const uint32_t *words, size_t blocks)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "INSERT OR REPLACE INTO filters VALUES (?,?,?,?)");
	query_bind_int(&query, filter->hour);
	query_bind_int(&query, part);
	query_bind_int(&query, filter->rows / FILTER_BLOCK_ROWS - 1);
	query_bind_blob(&query, words, blocks * BLOOM_BLOCK_BYTES);
	return query_run(&query);
}

/* Where each part's filter begins in the words of all, in blocks of a filter; [PARTS] is the end.
 */
static void lay_out(const struct hour_filter *filter, size_t begins[PARTS + 1])
{
	begins[0] = 0;
	for (unsigned int part = 0; part < PARTS; part++)
		begins[part + 1] = begins[part] + bloom_blocks(filter->counts[part], BITS_PER_ADDR);
}

static int seal(struct hour_filter *filter, struct db *db)
{
	size_t begins[PARTS + 1];
	int error = 0;

	lay_out(filter, begins);
	CLEANUP(free) uint32_t *words = calloc(begins[PARTS], BLOOM_BLOCK_BYTES);
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < SLOTS; i++) {
		unsigned int part = part_of(filter->slots[i]);

		if (filter->slots[i])
			(void)bloom_add(words + begins[part] * BLOOM_WORDS,
					begins[part + 1] - begins[part],
					inner_hash(filter->slots[i]));
	}
	for (unsigned int part = 0; part < PARTS && !error; part++)
		error = write_part(db, filter, part, words + begins[part] * BLOOM_WORDS,
				   begins[part + 1] - begins[part]);
	memset(filter->slots, 0, sizeof(filter->slots));
	memset(filter->counts, 0, sizeof(filter->counts));
	return error;
}

static int take_open_block(struct hour_filter *filter, struct db *db, const char *hour_text)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	char sql[160];
	int found;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT src, dst FROM flows_%s WHERE rowid >"
		       " (SELECT ifnull(max(rowid), 0) / %d * %d FROM flows_%s)",
		       hour_text, FILTER_BLOCK_ROWS, FILTER_BLOCK_ROWS, hour_text);
	int error = db_prepare(db, sql, &select);
	if (error)
		return error;
	query_init_own(&query, db, select);
	while ((found = query_next(&query)) > 0)
		for (int column = 0; column < 2; column++) {
			size_t len;
			const void *bytes = query_blob(&query, column, &len);

			note(filter, bytes, len);
		}
	return found;
}

static int count_rows(struct db *db, const char *hour_text, int64_t *rows)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "SELECT max(rowid) FROM flows_%s", hour_text);
	int error = db_prepare(db, sql, &select);
	if (error)
		return error;
	query_init_own(&query, db, select);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -EBADMSG;
	*rows = query_int(&query, 0); /* NULL, no record yet, is 0 */
	return 0;
}

int hour_filter_open(struct db *db, int64_t hour, struct hour_filter **out)
{
	CLEANUP(hour_filter_free) struct hour_filter *filter = calloc(1, sizeof(*filter));
	char text[FLOWS_HOUR_TEXT_MAX];

	if (!filter)
		return -ENOMEM;
	flows_hour_text(hour, text);
	filter->hour = hour;
	int error = count_rows(db, text, &filter->rows);
	if (!error)
		error = take_open_block(filter, db, text);
	if (error)
		return error;
	*out = TAKE(filter);
	return 0;
}

void hour_filter_free(struct hour_filter *filter)
{
	free(filter);
}

int hour_filter_add(struct hour_filter *filter, struct db *db, const struct flow_row *row)
{
	size_t len;
	const uint8_t *bytes = flow_row_src(row, &len);

	note(filter, bytes, len);
	bytes = flow_row_dst(row, &len);
	note(filter, bytes, len);
	if (++filter->rows % FILTER_BLOCK_ROWS)
		return 0;
	return seal(filter, db);
}

int hour_filter_drop(struct db *db, int64_t hour)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "DELETE FROM filters WHERE hour = ?");
	query_bind_int(&query, hour);
	return query_run(&query);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Whether a part's filter may hold one of the addresses of that part. */
static bool part_has(const struct addr_set *set, unsigned int part, const uint32_t *words,
		     size_t blocks)
{
	size_t count;
	const uint64_t *hashes = addr_set_hashes(set, &count);

	for (size_t i = 0; i < count; i++) {
		uint64_t hash = hashes[i] ? hashes[i] : 1;

		if (part_of(hash) == part && bloom_has(words, blocks, inner_hash(hash)))
			return true;
	}
	return false;
}

/* A blob of SQLite lies at any address. */
static bool cell_has(struct query *query, const struct addr_set *set, unsigned int part)
{
	size_t len;
	const void *data = query_blob(query, 1, &len);
	size_t blocks = len / BLOOM_BLOCK_BYTES;

	if (!blocks || len % BLOOM_BLOCK_BYTES)
		return true; /* damaged: read the block */
	CLEANUP(free) uint32_t *words = malloc(len);
	if (!words)
		return true;
	memcpy(words, data, len);
	return part_has(set, part, words, blocks);
}

static int read_part(struct db *db, int64_t hour, unsigned int part, const struct addr_set *set,
		     struct block_states *states)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	query_init(&query, db, "SELECT block, bits FROM filters WHERE hour = ? AND part = ?");
	query_bind_int(&query, hour);
	query_bind_int(&query, part);
	while ((found = query_next(&query)) > 0) {
		uint64_t block = (uint64_t)query_int(&query, 0);

		if (block >= states->count)
			continue;
		states->of[block] |= BLOCK_HAS_FILTER;
		if (cell_has(&query, set, part))
			states->of[block] |= BLOCK_MAY_HOLD;
	}
	return found;
}

int hour_filter_find(struct db *db, int64_t hour, const struct addr_set *set, uint8_t *wanted,
		     size_t blocks)
{
	struct block_states states = { calloc(blocks + 1, 1), blocks };
	CLEANUP(free) uint8_t *guard = states.of;
	unsigned int parts = 0;
	size_t count;
	const uint64_t *hashes = addr_set_hashes(set, &count);
	int error = guard ? 0 : -ENOMEM;

	for (size_t i = 0; i < count; i++)
		parts |= 1U << part_of(hashes[i] ? hashes[i] : 1);
	for (unsigned int part = 0; part < PARTS && !error; part++)
		if (parts & 1U << part)
			error = read_part(db, hour, part, set, &states);
	for (size_t b = 0; b < blocks && !error; b++)
		if (states.of[b] == BLOCK_HAS_FILTER)
			wanted[b / 8] &= (uint8_t) ~(1U << b % 8);
	return error;
}

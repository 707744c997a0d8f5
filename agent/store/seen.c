/*
 * First and last times in memory, on their way to flows.db.
 */
#include "agent/store/seen.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/sketch_hash.h"

/* Keys in memory: those of the last minutes of a busy host; 0.9 MB with names. */
#define NOTES_MAX 8192
#define SLOTS	  (2 * NOTES_MAX)
/* A transaction touches two pages a key in the worst case: 2 MB of WAL, four times a second. */
#define WRITE_MAX    256
#define WRITE_GAP_NS (250 * NS_PER_MS)
#define LAST_EVERY_S 600
/* Keys of a kind in the file: 160 bytes each with its index, so 21 MB of one kind. */
#define WRITE_MIN     16
#define WRITE_SHARE   (64ULL * 8192) /* of the budget: an eighth of its WAL (retention.c) */
#define KEYS_MAX      131072
#define KEYS_MIN      1024
#define KEY_BYTES     160
#define BUDGET_SHARE  16
#define PRUNE_OLDER_S (7LL * 86400)
#define PRUNE_MAX     512
#define PRUNE_GAP_NS  (60 * NS_PER_S)

/* What was noted in the present minute, by 24 bits of a seeded hash: one in 16 million is taken for
 * another until the next minute. 256 KB when all of it is used. */
#define RECENT_SLOTS 65536
#define RECENT_S     64
#define RECENT_S     64

#define KEY_INLINE 20

struct note {
	uint64_t hash;
	int64_t first_unix_s, last_unix_s;
	int64_t written_unix_s; /* the last time in the file; 0 = not known */
	union {
		uint8_t bytes[KEY_INLINE];
		uint8_t *memory; /* longer ones */
	} key;
	uint16_t len;
	uint8_t kind;
	bool is_dirty;
};

struct seen_notes {
	pthread_mutex_t lock; /* of notes, slots, counts below it */
	struct note notes[NOTES_MAX];
	uint16_t slots[SLOTS]; /* index and one; 0 = empty */
	unsigned int count, dirty_count, next_dirty;
	uint64_t seed;
	atomic_uint_fast64_t full;

	/* the writer thread's own */
	struct seen_entry pending[WRITE_MAX]; /* handed to a transaction that is not committed */
	unsigned int pending_count;
	unsigned int write_max;
	int64_t keys_max, keys[SEEN_KIND_COUNT]; /* in the file */
	bool has_keys;
	uint64_t written_ns, pruned_ns[SEEN_KIND_COUNT];
	uint32_t recent[RECENT_SLOTS];
};

int seen_notes_new(uint64_t max_bytes, struct seen_notes **out)
{
	struct seen_notes *notes = calloc(1, sizeof(*notes));
	uint64_t keys = max_bytes / BUDGET_SHARE / KEY_BYTES / SEEN_KIND_COUNT;

	if (!notes)
		return -ENOMEM;
	(void)pthread_mutex_init(&notes->lock, NULL);	  /* cannot fail with default attributes */
	crypto_random(&notes->seed, sizeof(notes->seed)); /* outside chooses the keys */
	notes->keys_max = KEYS_MAX;
	notes->write_max = WRITE_MAX;
	if (max_bytes && max_bytes / WRITE_SHARE < WRITE_MAX)
		notes->write_max = max_bytes / WRITE_SHARE > WRITE_MIN
					   ? (unsigned int)(max_bytes / WRITE_SHARE)
					   : WRITE_MIN;
	if (max_bytes && keys < KEYS_MAX)
		notes->keys_max = keys > KEYS_MIN ? (int64_t)keys : KEYS_MIN;
	*out = notes;
	return 0;
}

static void free_key(const struct note *note)
{
	if (note->len > KEY_INLINE)
		free(note->key.memory);
}

void seen_notes_free(struct seen_notes *notes)
{
	if (!notes)
		return;
	for (unsigned int i = 0; i < notes->count; i++)
		free_key(&notes->notes[i]);
	(void)pthread_mutex_destroy(&notes->lock);
	free(notes);
}

uint64_t seen_full(const struct seen_notes *notes)
{
	return atomic_load(&notes->full);
}

/* ---- notes ----------------------------------------------------------------------------------- */

static const uint8_t *bytes_of(const struct note *note)
{
	return note->len > KEY_INLINE ? note->key.memory : note->key.bytes;
}

static void place(struct seen_notes *notes, unsigned int index)
{
	unsigned int at = (unsigned int)notes->notes[index].hash % SLOTS;

	while (notes->slots[at])
		at = (at + 1) % SLOTS;
	notes->slots[at] = (uint16_t)(index + 1);
}

static struct note *find(struct seen_notes *notes, const struct seen_key *key, uint64_t hash)
{
	unsigned int at = (unsigned int)hash % SLOTS;

	for (; notes->slots[at]; at = (at + 1) % SLOTS) {
		struct note *note = &notes->notes[notes->slots[at] - 1];

		if (note->hash == hash && note->kind == key->kind && note->len == key->len &&
		    !memcmp(bytes_of(note), key->bytes, key->len))
			return note;
	}
	return NULL;
}

/* What is written may go; it is read again from the file when it comes back. */
static void make_room(struct seen_notes *notes)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < notes->count; i++) {
		if (notes->notes[i].is_dirty)
			notes->notes[kept++] = notes->notes[i];
		else
			free_key(&notes->notes[i]);
	}
	notes->count = kept;
	notes->next_dirty = 0;
	memset(notes->slots, 0, sizeof(notes->slots));
	for (unsigned int i = 0; i < kept; i++)
		place(notes, i);
}

static struct note *add(struct seen_notes *notes, const struct seen_key *key, uint64_t hash)
{
	struct note *note;

	if (notes->count == NOTES_MAX && notes->dirty_count < NOTES_MAX - NOTES_MAX / 8)
		make_room(notes);
	if (notes->count == NOTES_MAX)
		return NULL;
	note = &notes->notes[notes->count];
	*note = (struct note){ .hash = hash, .kind = key->kind, .len = key->len };
	if (key->len > KEY_INLINE)
		note->key.memory = malloc(key->len);
	if (key->len > KEY_INLINE && !note->key.memory)
		return NULL;
	memcpy(key->len > KEY_INLINE ? note->key.memory : note->key.bytes, key->bytes, key->len);
	place(notes, notes->count++);
	return note;
}

static void mark(struct seen_notes *notes, struct note *note)
{
	notes->dirty_count += !note->is_dirty;
	note->is_dirty = true;
}

static void note_locked(struct seen_notes *notes, const struct seen_key *key, int64_t unix_s)
{
	uint64_t hash = hash_pair(hash_bytes(key->bytes, key->len, notes->seed), key->kind);
	struct note *note = find(notes, key, hash);
	bool is_new = !note;

	if (!note)
		note = add(notes, key, hash);
	if (!note) {
		(void)atomic_fetch_add(&notes->full, 1);
		return;
	}
	if (is_new)
		note->first_unix_s = note->last_unix_s = unix_s;
	bool is_earlier = unix_s < note->first_unix_s;
	if (is_earlier)
		note->first_unix_s = unix_s;
	if (unix_s > note->last_unix_s)
		note->last_unix_s = unix_s;
	if (is_new || is_earlier || note->last_unix_s >= note->written_unix_s + LAST_EVERY_S)
		mark(notes, note);
}

void seen_note(struct seen_notes *notes, const struct seen_key *key, int64_t unix_s)
{
	if (!key->len || key->len > SEEN_KEY_MAX || key->kind >= SEEN_KIND_COUNT)
		return;
	(void)pthread_mutex_lock(&notes->lock);
	note_locked(notes, key, unix_s > 0 ? unix_s : 0);
	(void)pthread_mutex_unlock(&notes->lock);
}

/* ---- records --------------------------------------------------------------------------------- */

/* ASCII letters in lower case, as names are compared (RFC 4343). */
static void note_name(struct seen_notes *notes, enum seen_kind kind, const char *text,
		      int64_t unix_s)
{
	struct seen_key key = { .kind = (uint8_t)kind };

	for (; key.len < SEEN_KEY_MAX && text[key.len]; key.len++) {
		char c = text[key.len];

		key.bytes[key.len] = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	seen_note(notes, &key, unix_s);
}

static bool is_recent(struct seen_notes *notes, uint64_t hash, int64_t unix_s)
{
	uint32_t tag = (uint32_t)(hash >> 32) << 8 | (uint32_t)(unix_s / RECENT_S & 0xff);
	uint32_t *slot = &notes->recent[hash % RECENT_SLOTS];
	bool is_same = *slot == tag;

	*slot = tag;
	return is_same;
}

static void note_names(struct seen_notes *notes, const struct flow_row *row, int64_t unix_s)
{
	if (is_recent(notes, hash_pair(row->name ^ notes->seed, (uint64_t)flows_row_hour(row)),
		      unix_s))
		return;
	note_name(notes, SEEN_DOMAIN, *row->names->sni ? row->names->sni : row->names->host,
		  unix_s);
	note_name(notes, SEEN_JA4, row->names->ja4, unix_s);
}

static void note_destination(struct seen_notes *notes, const struct flow_row *row, int64_t unix_s)
{
	struct seen_key key = { .kind = SEEN_DESTINATION };
	uint64_t words[2];
	size_t len;
	const uint8_t *dst = flow_row_dst(row, &len);

	memcpy(words, row->dst, sizeof(words));
	if (is_recent(notes, hash_pair(words[0] ^ notes->seed, words[1]), unix_s))
		return;
	memcpy(key.bytes, dst, len);
	key.len = (uint16_t)len;
	seen_note(notes, &key, unix_s);
}

void seen_note_row(struct seen_notes *notes, const struct flow_row *row)
{
	int64_t unix_s = row->end_unix_ms / 1000;

	if (row->flags & FLOW_ROW_DROPPED) /* it came to nothing */
		return;
	note_destination(notes, row, unix_s);
	if (row->names && row->name)
		note_names(notes, row, unix_s);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void hand_over(struct seen_notes *notes, struct note *note)
{
	struct seen_entry *out = &notes->pending[notes->pending_count++];

	out->key.kind = note->kind;
	out->key.len = note->len;
	memcpy(out->key.bytes, bytes_of(note), note->len);
	out->first_unix_s = note->first_unix_s;
	out->last_unix_s = note->last_unix_s;
	note->written_unix_s = note->last_unix_s;
	note->is_dirty = false;
	notes->dirty_count--;
}

static void take_dirty(struct seen_notes *notes)
{
	(void)pthread_mutex_lock(&notes->lock);
	for (unsigned int looked = 0;
	     looked < notes->count && notes->dirty_count && notes->pending_count < notes->write_max;
	     looked++) {
		unsigned int at = notes->next_dirty++ % notes->count;

		if (notes->notes[at].is_dirty)
			hand_over(notes, &notes->notes[at]);
	}
	(void)pthread_mutex_unlock(&notes->lock);
}

static int count_keys(struct seen_notes *notes, struct db *db)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	if (notes->has_keys)
		return 0;
	memset(notes->keys, 0, sizeof(notes->keys));
	query_init(&query, db, "SELECT kind, count(*) FROM seen GROUP BY kind");
	while ((found = query_next(&query)) > 0) {
		int64_t kind = query_int(&query, 0);

		if (kind >= 0 && kind < SEEN_KIND_COUNT)
			notes->keys[kind] = query_int(&query, 1);
	}
	notes->has_keys = !found;
	return found;
}

/* Those not seen for a week, longest first. */
static int prune(struct seen_notes *notes, struct db *db, const struct seen_entry *newer)
{
	CLEANUP(query_done) struct query query = { 0 };
	uint64_t now_ns = clock_monotonic_ns();
	uint8_t kind = newer->key.kind;

	if (notes->pruned_ns[kind] && now_ns < notes->pruned_ns[kind] + PRUNE_GAP_NS)
		return 0;
	notes->pruned_ns[kind] = now_ns;
	query_init(&query, db,
		   "DELETE FROM seen WHERE kind = ?1 AND key IN (SELECT key FROM seen"
		   " WHERE kind = ?1 AND last_s < ?2 ORDER BY last_s LIMIT ?3)");
	query_bind_int(&query, kind);
	query_bind_int(&query, newer->last_unix_s - PRUNE_OLDER_S);
	query_bind_int(&query, PRUNE_MAX);
	int error = query_run(&query);
	if (!error)
		notes->keys[kind] -= db_changes(db);
	return error;
}

static int update(struct db *db, const struct seen_entry *seen)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db,
		   "UPDATE seen SET first_s = min(first_s, ?3), last_s = max(last_s, ?4)"
		   " WHERE kind = ?1 AND key = ?2");
	query_bind_int(&query, seen->key.kind);
	query_bind_blob(&query, seen->key.bytes, seen->key.len);
	query_bind_int(&query, seen->first_unix_s);
	query_bind_int(&query, seen->last_unix_s);
	int error = query_run(&query);
	return error ? error : db_changes(db) > 0;
}

static int insert(struct seen_notes *notes, struct db *db, const struct seen_entry *seen)
{
	CLEANUP(query_done) struct query query = { 0 };
	uint8_t kind = seen->key.kind;
	int error = notes->keys[kind] < notes->keys_max ? 0 : prune(notes, db, seen);

	if (error)
		return error;
	if (notes->keys[kind] >= notes->keys_max) {
		(void)atomic_fetch_add(&notes->full, 1);
		return 0;
	}
	query_init(&query, db, "INSERT INTO seen VALUES (?,?,?,?)");
	query_bind_int(&query, kind);
	query_bind_blob(&query, seen->key.bytes, seen->key.len);
	query_bind_int(&query, seen->first_unix_s);
	query_bind_int(&query, seen->last_unix_s);
	error = query_run(&query);
	notes->keys[kind] += !error;
	return error;
}

int seen_write(struct seen_notes *notes, struct db *db, bool at_once)
{
	uint64_t now_ns = clock_monotonic_ns();
	int error = 0;

	if (!at_once && now_ns < notes->written_ns + WRITE_GAP_NS)
		return 0;
	notes->written_ns = now_ns;
	if (!notes->pending_count)
		take_dirty(notes);
	if (!notes->pending_count)
		return 0;
	error = count_keys(notes, db);
	for (unsigned int i = 0; i < notes->pending_count && error >= 0; i++) {
		error = update(db, &notes->pending[i]);
		if (!error)
			error = insert(notes, db, &notes->pending[i]);
	}
	return error < 0 ? error : 0;
}

void seen_written(struct seen_notes *notes)
{
	notes->pending_count = 0;
}

bool seen_is_waiting(struct seen_notes *notes)
{
	(void)pthread_mutex_lock(&notes->lock);
	bool is_waiting = notes->pending_count || notes->dirty_count;
	(void)pthread_mutex_unlock(&notes->lock);
	return is_waiting;
}

void seen_finish(struct seen_notes *notes)
{
	(void)pthread_mutex_lock(&notes->lock);
	for (unsigned int i = 0; i < notes->count; i++)
		if (notes->notes[i].last_unix_s > notes->notes[i].written_unix_s)
			mark(notes, &notes->notes[i]);
	(void)pthread_mutex_unlock(&notes->lock);
}

void seen_forget(struct seen_notes *notes)
{
	notes->has_keys = false;
}

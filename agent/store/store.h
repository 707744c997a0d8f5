/*
 * The store: main.db (users, sessions, incidents, blocks, safe list, settings, audit;
 * synchronous=FULL) and flows.db (hourly tables and totals; disposable). One writer thread behind
 * a bounded counted queue owns both for writing; readers have their own connections with a
 * deadline. The one place that knows sqlite3 and holds SQL. Also the vault: sealed details.
 */
#ifndef SLUICE_STORE_STORE_H
#define SLUICE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/feeds.h"
#include "agent/store/groups.h"
#include "agent/store/incidents.h"
#include "agent/store/reports.h"
#include "agent/store/reputation.h"
#include "agent/util/cleanup.h"
#include "include/block.h"
#include "include/flow.h"
#include "include/history.h"
#include "include/incident.h"
#include "include/snapshot.h"
#include "include/user.h"

struct prefix_set;
struct store;

struct store_options {
	const char *dir;      /* state directory, exists, ours alone (0700) */
	const char *key_file; /* vault key ring, 0600; made at first start only; the service
			       * manager's $CREDENTIALS_DIRECTORY/secret.key goes before it */
	uint64_t flows_max_bytes;
	int64_t flows_max_age_s;
	uint64_t free_floor_bytes;
	bool is_demo; /* its own file names (demo-main.db, demo-flows.db), relaxed sync */
	const char
		*backup_dir; /* looked into for the advice about a corrupt file; NULL: DIR/backups
			      */
};

/*
 * store_open - open or create, migrate, check the vault's key, start the writer thread.
 * @error: at least 256 bytes, one sentence with the remedy.
 * Returns 0; -ESTALE: database newer than the program; -EBADMSG: main.db corrupt (never touched);
 * -ENOKEY: sealed rows exist whose key is missing or wrong; other -errno. A corrupt flows.db is
 * renamed aside and begun again (store_flows_was_reset), also when damage is met later.
 */
int store_open(const struct store_options *options, struct store **out, char *error);
/* store_close - writes what is queued, stops the writer. Accepts NULL. */
void store_close(struct store *store);
DEFINE_CLEANUP(store_close, struct store)

/* store_set_patience - how long one read of the calling thread may take from now on, all stores; 1
 * s unless said. For a thread that nobody waits for; it pins the WAL that long. */
void store_set_patience(uint64_t ns);

bool store_flows_was_reset(const struct store *store);
/* store_flows_resets - how often, since it was opened. Any thread. */
unsigned int store_flows_resets(const struct store *store);
uint64_t store_db_bytes(struct store *store);

/* ---- flows.db: never waits ---------------------------------------------------------------- */

/*
 * store_flow_add - one record: the counters since the last cut, in the hour of end_unix_ms. Copies.
 * On disk within 2 s. -EAGAIN: 131,072 rows wait already; -ENOMEM; both are counted as lost.
 * @extra: names, verdict, rule and incident; may be NULL
 */
int store_flow_add(struct store *store, const struct flow *flow, const struct flow_extra *extra);
/* store_iface_set - what the interface @index of the datapath is called from now on; records keep
 * the name. Cheap: call it as often as you like. @index: < COVERAGE_IFACES_MAX */
void store_iface_set(struct store *store, uint8_t index, const char *name);
/* store_totals_add - one second; up to an hour of them waits while the disk is full. -EAGAIN. */
int store_totals_add(struct store *store, const struct totals *totals);
/* store_totals_add_many - sums of whole minutes (unix_s is rounded down to one), all or nothing:
 * the demo's back-fill. Waits until they are written. */
int store_totals_add_many(struct store *store, const struct totals *totals, size_t count);
uint64_t store_rows_lost(struct store *store);
/* store_next_flow_id - when opened, the first id not used by any flow ever stored here. */
uint64_t store_next_flow_id(struct store *store);

struct totals_range {
	int64_t from_unix_s, to_unix_s, step_s; /* from <= to, which is not in it; step > 0 */
};

/*
 * store_totals_sum - sums per step over the range, oldest first, at most @max: every step from
 * from_unix_s on, also empty ones. After a day seconds are kept as minutes, which are shared evenly
 * over shorter steps; sums stay exact.
 * Any thread; own connection, deadline 1 s (-ETIMEDOUT). Returns the count or -errno.
 */
int store_totals_sum(struct store *store, const struct totals_range *range, struct totals *out,
		     size_t max);

/* ---- searching the history: any thread, own connections (search.c) ------------------------- */

struct flow_query;
struct flow_record;
struct flow_ends;
struct flow_texts;
struct indicator_set;

#define HISTORY_IFACES 256

/* What to look at, newest first. */
struct history_search {
	const struct flow_query *query;	  /* NULL = everything; read only */
	int64_t from_unix_ms, to_unix_ms; /* from <= end < to, beside the query's own times */
	/* of HISTORY_IFACES interfaces, for records that have no name of their own; or NULL */
	const char (*ifaces)[16];
	int64_t after_hour, after_row; /* go on behind this record; 0, 0 = from the newest */
	uint64_t deadline_ns;	       /* monotonic; 0 = none */
	/* NULL = all; asked of what the query takes */
	bool (*is_in_view)(void *arg, const struct flow_record *record);
	void *view_arg;
	const struct flow_ends *(*ends)(void *arg, const struct flow_record *record); /* or NULL */
	void *ends_arg;
	/* enum flow_need: all that store_search's visitor reads of a record; 0 = everything */
	unsigned int needs;
};

/* How far it came. */
struct history_reach {
	bool is_complete; /* to the end; else the deadline or the visitor ended it */
	int64_t hour, row;
	int64_t unix_ms; /* all newer than this was looked at */
	uint64_t looked_at;
};

/* One match; both borrowed. Returns false to stop: the reach is then just behind this record. */
typedef bool (*history_visit_fn)(void *arg, const struct flow_record *record,
				 const struct flow_texts *texts);

/* store_search - Returns 0 also when the deadline came; -EBADMSG (history is set aside), -errno. */
int store_search(struct store *store, const struct history_search *search, history_visit_fn visit,
		 void *arg, struct history_reach *reach);

/* store_search_top - sums per group over every match; the first @max in order. -ENOMEM as above. */
int store_search_top(struct store *store, const struct history_search *search,
		     const struct history_grouping *grouping, struct history_top *top,
		     struct history_reach *reach);

#define HISTORY_HOSTS_MAX 64

/* Where one indicator was seen. */
struct history_sighting {
	uint64_t count; /* records */
	int64_t first_unix_ms, last_unix_ms;
	/* the hosts that talked with it: the other end, or who used the name or fingerprint */
	unsigned int host_count; /* at most HISTORY_HOSTS_MAX are told apart */
	struct addr hosts[HISTORY_HOSTS_MAX];
};

/* store_hunt - every indicator of @set; @sightings: one each, zeroed. As store_search. */
int store_hunt(struct store *store, const struct history_search *search,
	       const struct indicator_set *set, struct history_sighting *sightings,
	       struct history_reach *reach);

/* Sums of whole hours: @from is rounded down to one, @to up. */
struct top_query {
	int64_t from_unix_ms, to_unix_ms; /* from <= to */
	enum top_by by;
};

/*
 * store_top - the keys with the most bytes over the hours, most first, then one row of all others
 * (is_others), so that the sums of all rows are those of the records. From the hourly sums alone,
 * also of hours whose records were dropped; the last few seconds are not in them yet.
 * @max: rows of @out, at least 1
 * Any thread; deadline 1 s (-ETIMEDOUT). Returns the count, -EINVAL, -ENOMEM, other -errno.
 */
int store_top(struct store *store, const struct top_query *query, struct top_row *out, size_t max);

/* ---- the history as a whole (facts.c) -------------------------------------------------------- */

struct store_history_facts {
	uint64_t max_bytes;  /* 0 = no bound */
	int64_t max_age_s;   /* 0 = no bound */
	uint64_t used_bytes; /* of flows.db, pages in use */
	uint64_t file_bytes; /* of flows.db with what is free in it */
	uint64_t records;
	int64_t oldest_unix_s; /* begin of the oldest hour with records; -1 = none */
	int64_t bytes_per_day; /* at the rate of the last day; -1 = not known yet */
	int64_t holds_s;       /* how far back it will reach at that rate, when it is full; -1 = not
				* known, or no bound */
};

/* store_history_facts - any thread; deadline 1 s (-ETIMEDOUT). Returns 0 or -errno. */
int store_history_facts(struct store *store, int64_t now_unix_s, struct store_history_facts *out);

struct store_rebuilt {
	uint64_t hours, records;
	uint64_t changed;  /* hours whose sums were not those of their records */
	int64_t next_hour; /* since 1970: go on from it; -1 = all done */
};

/*
 * store_rebuild_sums - the hourly sums of every hour from @from_hour on anew from its records, an
 * hour at a time between other work. Hours whose records were dropped keep theirs. Not on the
 * writer's thread. @deadline_ns: monotonic, looked at between hours; 0 = none. Returns 0 or -errno.
 */
int store_rebuild_sums(struct store *store, int64_t from_hour, uint64_t deadline_ns,
		       struct store_rebuilt *out);

/* ---- what was ever seen (seen.c) ------------------------------------------------------------ */

/*
 * store_seen_note - @key was seen at @unix_s. Destinations, domains and JA4 of records are noted by
 * the store itself. Never waits; written within seconds, the last time every ten minutes.
 */
void store_seen_note(struct store *store, const struct seen_key *key, int64_t unix_s);
/* store_seen_full - notes for which there was no room. */
uint64_t store_seen_full(struct store *store);

struct seen_query {
	enum seen_kind kind;
	const struct seen_entry *after; /* go on behind this one; NULL = from the newest */
	bool (*has)(void *arg, const struct seen_key *key); /* NULL = all */
	void *arg;
};

/* store_seen_list - by first time, newest first. Any thread; deadline 1 s (-ETIMEDOUT). Returns the
 * count or -errno. */
int store_seen_list(struct store *store, const struct seen_query *query, struct seen_entry *out,
		    size_t max);

/* ---- main.db: each write returns when it is on disk ------------------------------------------ */

/* store_changes - grows with each write to main.db by this process, before the write returns: what
 * was read since the number was taken stands while it is the same. Never waits. */
uint64_t store_changes(const struct store *store);

int store_user_insert(struct store *store, struct user *user); /* sets id; -EEXIST: name or email */
int store_user_update(struct store *store, const struct user *user); /* -ENOENT */
/* store_user_by_name - exactly as written, although 'Admin' cannot be added beside 'admin'. */
int store_user_by_name(struct store *store, const char *name, struct user *out);
int store_user_by_id(struct store *store, int64_t id, struct user *out);
int store_user_list(struct store *store, struct user *out, size_t max);

/* Sessions end with their user. -ENOENT: no such user, or no such session. */
int store_session_insert(struct store *store, const struct session *session);
int store_session_by_hash(struct store *store, const uint8_t id_hash[32], struct session *out);
int store_session_touch(struct store *store, const uint8_t id_hash[32], int64_t seen_unix_ms);
int store_session_delete(struct store *store, const uint8_t id_hash[32]);
int store_session_delete_user(struct store *store, int64_t user_id);
/* store_session_list - of all users; Returns the count. */
int store_session_list(struct store *store, struct session *out, size_t max);

/* Second factors and recovery codes (totp.c). Secrets are sealed; codes come hashed. */
int store_totp_get(struct store *store, int64_t user_id, struct totp *out); /* -ENOENT, -EBADMSG */
int store_totp_set(struct store *store, const struct totp *totp);
/* store_totp_spend - the code of @step is used up. -ENOENT: it was, or a newer one. */
int store_totp_spend(struct store *store, int64_t user_id, int64_t step);
int store_totp_delete(struct store *store, int64_t user_id); /* with its codes; -ENOENT */
int store_codes_set(struct store *store, int64_t user_id, const uint8_t (*hashes)[32],
		    size_t count);
int store_code_spend(struct store *store, int64_t user_id, const uint8_t hash[32]); /* -ENOENT */
int store_codes_left(struct store *store, int64_t user_id);			    /* the count */

/* API tokens, found by the hash of their text (tokens.c). -EEXIST: the name; -ENOENT. */
int store_token_insert(struct store *store, struct api_token *token); /* sets id */
int store_token_by_hash(struct store *store, const uint8_t id_hash[32], struct api_token *out);
int store_token_touch(struct store *store, int64_t id, int64_t used_unix_ms);
int store_token_delete(struct store *store, int64_t id);
int store_token_list(struct store *store, struct api_token *out, size_t max); /* the count */

/* store_block_insert - sets id. -EEXIST: an active block of the same rule id or the same target,
 * direction, protocol and port. */
int store_block_insert(struct store *store, struct block *block);
/* store_block_set_state - of a row in force (active, off, pending); -ENOENT. */
int store_block_set_state(struct store *store, int64_t id, enum block_state state,
			  int64_t confirm_by_unix_ms);
/* store_block_end - state and ended time; -ENOENT when not active. */
int store_block_end(struct store *store, int64_t id, enum block_state state, int64_t at_unix_ms);
int store_block_get(struct store *store, int64_t id, struct block *out);
/* store_block_list - newest first, ids below @before (0 = from the newest); all or active only. */
int store_block_list(struct store *store, bool active_only, int64_t before, struct block *out,
		     size_t max);
/* store_block_of_list - the newest row of the list @name, in force or ended. -ENOENT. */
int store_block_of_list(struct store *store, const char *name, struct block *out);
/*
 * store_list_write - state, end, reason and facts of a list's row, and @set (may be NULL) as its
 * @version; sets of other versions than the facts name go. One transaction. -ENOENT, -ENOMEM.
 */
int store_list_write(struct store *store, const struct block *block, const struct prefix_set *set,
		     uint32_t version);
/* store_list_read - the set of one version; caller unrefs. -ENOENT, -EINVAL when damaged. */
int store_list_read(struct store *store, int64_t block_id, uint32_t version,
		    struct prefix_set **out);
/* store_block_save_hits - last known hits, so that they survive a reboot. */
int store_block_save_hits(struct store *store, int64_t id, const struct block_hits *hits);

/* store_safe_insert - sets id. -EEXIST. */
int store_safe_insert(struct store *store, struct safe_entry *entry, const char *author);
int store_safe_delete(struct store *store, int64_t id);
int store_safe_list(struct store *store, struct safe_entry *out, size_t max);

struct audit_entry {
	const char *who;	 /* user name, or "unix:USER" */
	const struct addr *peer; /* may be NULL */
	const char *action;	 /* "block.add" */
	const char *target;	 /* may be NULL */
	const char *detail;	 /* one JSON object; may be NULL */
};

/* store_audit_write - append-only, hash-chained, its newest row sealed (audit.c). */
int store_audit_write(struct store *store, const struct audit_entry *entry);

struct audit_record {
	int64_t id, time_unix_ms;
	char who[USER_NAME_MAX + 8];
	struct addr peer; /* ADDR_NONE: none */
	char action[48];
	char target[256];
	char *detail; /* JSON text */
};

struct audit_filter {
	int64_t before_id;  /* keyset: ids below; 0 = newest */
	const char *who;    /* NULL or "" = anybody */
	const char *action; /* begin of it: "block." ; NULL or "" = any */
};

/* store_audit_list - newest first. Returns the count or -errno; end with store_audit_records_done.
 */
int store_audit_list(struct store *store, const struct audit_filter *filter,
		     struct audit_record *out, size_t max);
void store_audit_records_done(struct audit_record *records, size_t count);

#define AUDIT_PROBLEMS_MAX 20

struct audit_problem {
	int64_t row; /* 0: the log as a whole */
	char text[120];
};

struct audit_verdict {
	uint64_t rows;
	int64_t head;	     /* id of the newest row */
	int64_t sealed_from; /* rows before this one are of a version without seals */
	uint8_t head_hash[32];
	uint64_t problems_found;
	unsigned int problem_count; /* of them here */
	struct audit_problem problems[AUDIT_PROBLEMS_MAX];
};

/*
 * store_audit_check - every row against its hash, the row before and the seal. Own connection, no
 * deadline: about a second for a million rows. Returns 0 also with problems, or -errno.
 */
int store_audit_check(struct store *store, struct audit_verdict *verdict);

/* ---- the vault's keys ---------------------------------------------------------------------- */

#define STORE_KEYS_MAX 32

struct store_vault_facts {
	uint32_t write_key;
	unsigned int key_count;
	struct {
		uint32_t id;
		int64_t created_unix_ms;
	} keys[STORE_KEYS_MAX]; /* oldest first */
	uint64_t left;		/* incidents that older keys sealed */
	bool has_recovery;
};

int store_vault_facts(struct store *store, struct store_vault_facts *out);

struct store_rotation {
	uint32_t key_id;
	bool is_resumed;      /* no new key: an unfinished rotation was ended */
	uint64_t resealed;    /* incidents */
	unsigned int damaged; /* did not open, and were left as they are */
};

/* Asked after every few rows; false stops it (-ECANCELED). */
struct store_rotate_guide {
	bool (*go_on)(void *arg, uint64_t resealed);
	void *arg;
};

/*
 * store_rotate_key - a new key, and everything sealed again with it; or the end of a rotation that
 * was cut off. Not on the writer's thread; others go on. @guide may be NULL. @error: 256 bytes.
 */
int store_rotate_key(struct store *store, const struct store_rotate_guide *guide,
		     struct store_rotation *out, char *error);
/* store_rotation_is_unfinished - the last one was cut off. */
bool store_rotation_is_unfinished(struct store *store);

/* store_recovery_set - backups and the key ring open with the secret of @public_key from now on; a
 * former one opens what was before. */
int store_recovery_set(struct store *store, const uint8_t public_key[static 32]);

/* ---- backups (backup.c, restore.c): files of their own, no open store needed ------------------
 */

/* What a backup is locked with, or opened. NULL members are not there; all NULL: in clear. */
struct store_backup_key {
	const char *passphrase;
	const uint8_t *public_key; /* of the recovery key, 32 bytes: to lock */
	const uint8_t *secret;	   /* its other half: to open */
};

#define STORE_BACKUP_CONFIGS_MAX 64

struct store_backup {
	const char *dir; /* the state directory, in use or not */
	bool is_demo;
	bool with_flows;
	const char *file;
	const char *const *configs; /* paths, kept under the names of the files */
	size_t config_count;
	const struct store_backup_key *key; /* NULL: in clear */
	const char *version;		    /* of the program */
};

/*
 * store_backup_make - one file with main.db, flows.db if wanted and configuration, each as it was
 * at one moment. Needs room for two copies for a while. @bytes: of the file. @error: 256 bytes.
 * Returns 0 or -errno; then nothing is left, and an older file of that name stays.
 */
int store_backup_make(const struct store_backup *order, uint64_t *bytes, char *error);

/* store_backup_public_key - of the recovery key that was made for the state directory. -ENOENT. */
int store_backup_public_key(const struct store_options *options, uint8_t out[static 32]);

/* A folder of backups by time: sluice-20261124T214500Z.backup. */
#define STORE_BACKUP_NAME_MAX 64
#define STORE_BACKUPS_MAX     1000

struct store_backup_entry {
	char name[STORE_BACKUP_NAME_MAX];
	uint64_t bytes;
	int64_t unix_ms;
};

void store_backup_name(int64_t unix_ms, char out[static 40]);
/* store_backups_list - newest first. Returns the count, 0 without the folder, or -errno. */
int store_backups_list(const char *dir, struct store_backup_entry *out, size_t max);
/* store_backups_prune - the newest @keep stay; what was cut off goes. Returns 0 or -errno. */
int store_backups_prune(const char *dir, size_t keep);

struct store_restore {
	const char *dir;      /* locked by the caller */
	const char *key_file; /* as in struct store_options */
	bool is_demo;
	bool with_flows; /* as far as the backup has them */
	bool only_check; /* change nothing */
	const char *file;
	const struct store_backup_key *key; /* NULL: in clear */
};

struct store_restored {
	char created[32], version[32]; /* of the backup, as it says */
	bool has_flows, has_key_ring;  /* restored, too */
	unsigned int users, blocks, incidents;
	char aside[256]; /* where the former files are; "" when there were none */
};

/*
 * store_restore_run - check all of a backup, then replace the state by it; the former one is moved
 * into a folder below @dir. Sessions are not restored. A key ring that lacks keys is replaced by
 * the one in the backup, with the recovery key's secret. @error: 256 bytes, what to do. Returns 0;
 * -ENOKEY, -EKEYREJECTED, -EBADMSG, -EINVAL, -ESTALE as backup_file.h says; -errno.
 */
int store_restore_run(const struct store_restore *order, struct store_restored *out, char *error);

/* -ENOBUFS: the value is longer than @size. */
int store_setting_get(struct store *store, const char *key, char *out, size_t size); /* -ENOENT */
int store_setting_set(struct store *store, const char *key, const char *value);

#endif

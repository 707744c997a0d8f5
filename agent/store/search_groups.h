/*
 * Sums per group, in a table of bounded size: when it is full, the half that has the least is given
 * up into "others", so the sums of all stay exact and the largest groups stay told apart. One
 * thread each. Only agent/store/search_*.c include it.
 */
#ifndef SLUICE_STORE_SEARCH_GROUPS_H
#define SLUICE_STORE_SEARCH_GROUPS_H

#include "agent/query/query.h"
#include "agent/store/store.h"
#include "include/history.h"

#define KEY_INLINE 16
#define NOTHING	   UINT32_MAX
#define LINE	   64 /* of the cache, on the processors of DESIGN 2 */

/* One line of the cache: a table of full size is larger than caches are, and each record of a busy
 * day touches another group. */
struct group {
	union {
		uint8_t bytes[KEY_INLINE];
		uint32_t text; /* a key longer than KEY_INLINE: where in the texts */
	} key;
	uint64_t records : 48, key_len : 16;
	uint64_t packets, bytes_out, bytes_in;
	int64_t first_unix_ms, last_unix_ms;
};

_Static_assert(sizeof(struct group) == LINE, "a group is one line");
_Static_assert(FLOW_GROUP_KEY_MAX < 1 << 16, "lengths of keys have 16 bits");

/* A part of the hash beside the place spares looks at groups of other keys. */
struct slot {
	uint32_t group; /* NOTHING: empty */
	uint32_t tag;
};

/* What records are grouped by; behind a short key are zeros up to KEY_INLINE. */
struct key {
	const uint8_t *bytes;
	size_t len;
	uint64_t hash;
};

struct history_groups {
	struct history_grouping grouping;
	uint32_t room, mask; /* groups told apart; slots, twice as many, less one */
	struct group *groups;
	struct slot *slots;
	uint8_t *texts;
	uint32_t count, text_used;
	struct history_sums others;
	uint64_t given_up;
	int error;
};

/* groups_init - an empty table. Returns 0 or -ENOMEM; groups_done after either. */
int groups_init(struct history_groups *table, const struct history_grouping *grouping);
void groups_done(struct history_groups *table);
/* key_make - of one record, in @bytes (FLOW_GROUP_KEY_MAX of them) as long as they last. @texts:
 * only groups that are texts need them. */
struct key key_make(enum flow_group by, const struct flow_record *record,
		    const struct flow_texts *texts, uint8_t *bytes);
/* groups_add - Returns 0 or -ENOMEM, which stays in @table->error. */
int groups_add(struct history_groups *table, const struct flow_record *record,
	       const struct key *key);
/* groups_take - the first of them; the caller frees top->groups. Returns 0 or -ENOMEM. */
int groups_take(struct history_groups *table, struct history_top *top);

#endif

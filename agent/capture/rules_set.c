/*
 * Rows of rules that share a target (rule_sets): the same rules are the same row, counted by the
 * entries that name it. A row nobody names rests before it may mean something else, so that a
 * packet which still holds its number reads the old rules or none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/rules_state.h"
#include "agent/util/clock.h"

/* A program runs for less than a millisecond, an RCU grace period lasts some; with room to spare.
 */
#define REST_MS	    1000
#define ROW_BUCKETS 16384

struct rules_rows {
	uint32_t used, hand;
	uint32_t refs[RULE_SETS_MAX];
	uint32_t next[RULE_SETS_MAX];	 /* in the same bucket: number + 1; 0 = last */
	uint64_t free_ms[RULE_SETS_MAX]; /* when the last entry left it; 0: never used */
	bool is_linked[RULE_SETS_MAX];
	uint32_t buckets[ROW_BUCKETS];
};

static uint32_t bucket_of(const uint32_t rule[RULE_SET_WAYS])
{
	uint64_t sum = 0;

	for (int i = 0; i < RULE_SET_WAYS; i++)
		sum = (sum ^ rule[i]) * 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio, TAOCP 6.4 */
	return (uint32_t)(sum >> 50);
}
_Static_assert(ROW_BUCKETS == 1 << (64 - 50), "all bits of the shift are used");

static struct rules_rows *rows_of(struct rules *rules)
{
	if (!rules->rows)
		rules->rows = calloc(1, sizeof(*rules->rows));
	return rules->rows;
}

static void row_link(struct rules *rules, uint32_t row)
{
	uint32_t *bucket = &rules->rows->buckets[bucket_of(rules->tables.rule_sets[row].rule)];

	rules->rows->next[row] = *bucket;
	*bucket = row + 1;
	rules->rows->is_linked[row] = true;
}

static void row_unlink(struct rules *rules, uint32_t row)
{
	struct rules_rows *rows = rules->rows;
	uint32_t *link = &rows->buckets[bucket_of(rules->tables.rule_sets[row].rule)];

	if (!rows->is_linked[row])
		return;
	while (*link != row + 1)
		link = &rows->next[*link - 1];
	*link = rows->next[row];
	rows->is_linked[row] = false;
}

static void row_hold(struct rules_rows *rows, uint32_t row)
{
	rows->used += !rows->refs[row];
	rows->refs[row]++;
}

/* A row that rested long enough, or -ENOSPC. */
static int row_free_find(struct rules_rows *rows)
{
	uint64_t now_ms = clock_monotonic_ns() / NS_PER_MS;

	for (uint32_t i = 0; i < RULE_SETS_MAX; i++) {
		uint32_t row = (rows->hand + i) % RULE_SETS_MAX;

		if (rows->refs[row] ||
		    (rows->free_ms[row] && now_ms - rows->free_ms[row] < REST_MS))
			continue;
		rows->hand = (row + 1) % RULE_SETS_MAX;
		return (int)row;
	}
	return -ENOSPC;
}

int rules_row_get(struct rules *rules, const struct rules_owners *owners)
{
	struct rules_rows *rows = rows_of(rules);
	struct rule_set *sets = rules->tables.rule_sets;
	int row;

	if (!rows)
		return -ENOMEM;
	for (uint32_t at = rows->buckets[bucket_of(owners->rule)]; at; at = rows->next[at - 1]) {
		if (memcmp(sets[at - 1].rule, owners->rule, sizeof(owners->rule)) != 0)
			continue;
		row_hold(rows, at - 1);
		return (int)at - 1;
	}
	row = row_free_find(rows);
	if (row < 0)
		return row;
	row_unlink(rules, (uint32_t)row);
	for (int i = 0; i < RULE_SET_WAYS; i++)
		__atomic_store_n(&sets[row].rule[i], owners->rule[i], __ATOMIC_RELEASE);
	row_link(rules, (uint32_t)row);
	row_hold(rows, (uint32_t)row);
	return row;
}

void rules_row_put(struct rules *rules, uint32_t row)
{
	struct rules_rows *rows = rules->rows;

	if (!rows || row >= RULE_SETS_MAX || !rows->refs[row] || --rows->refs[row])
		return;
	rows->used--;
	rows->free_ms[row] = clock_monotonic_ns() / NS_PER_MS;
}

int rules_row_learn(struct rules *rules, uint32_t row)
{
	struct rules_rows *rows = rows_of(rules);

	if (!rows)
		return -ENOMEM;
	if (row >= RULE_SETS_MAX)
		return 0; /* nobody's: the entry is written anew or goes */
	row_hold(rows, row);
	if (!rows->is_linked[row])
		row_link(rules, row);
	return 0;
}

bool rules_row_is(const struct rules *rules, uint32_t row, const struct rules_owners *owners)
{
	return row < RULE_SETS_MAX &&
	       !memcmp(rules->tables.rule_sets[row].rule, owners->rule, sizeof(owners->rule));
}

size_t rules_rows_count(const struct rules *rules)
{
	return rules->rows ? rules->rows->used : 0;
}

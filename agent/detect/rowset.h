/*
 * The bounded table under the detectors: rows of one size in sets of eight, allocated at the
 * beginning, found by a seeded 64-bit hash of what they are about. When a set is full the lightest
 * row makes room, so that made-up sources displace each other and not an attack in progress. Only
 * agent/detect includes it.
 */
#ifndef SLUICE_DETECT_ROWSET_H
#define SLUICE_DETECT_ROWSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct detect_moment;

/* What each row begins with. */
struct row {
	uint64_t key;	 /* 0: free */
	uint32_t number; /* in the set */
	bool is_dirty;	 /* waits to be judged */
};

/* What decides who makes room; of a set's rows together, so that they are one cache line. */
struct row_claim {
	uint32_t used_s; /* when it was taken last */
	uint32_t weight; /* the detector's: how much would be lost with it */
};

struct rowset {
	uint8_t *rows;	  /* in the order of their first use */
	uint32_t *places; /* of each number among them, once it has a key */
	uint32_t placed;
	uint64_t *keys; /* of each row, together as well */
	struct row_claim *claims;
	uint32_t *dirty; /* numbers of rows to judge, in the order they became so */
	uint32_t dirty_count, set_count;
	size_t row_size, clear_size;
	uint64_t keep_ns; /* a row not used for so long is free */
	uint64_t seed;
	uint64_t full; /* living rows that had to make room */
};

/* A row as it was before the next tick. Returns true when it is to be judged again then. */
typedef bool (*rowset_judge_fn)(void *state, void *row, const struct detect_moment *moment);

/* What a row is like: a struct whose first member is struct row. */
struct row_shape {
	size_t size;
	size_t clear_size; /* bytes to be zero in a row just made; 0: all */
	uint64_t keep_ns;
};

/* rowset_init - returns 0 or -ENOMEM; rowset_done is due either way. */
int rowset_init(struct rowset *table, unsigned int max, const struct row_shape *shape);
void rowset_done(struct rowset *table);

/* rowset_key - of two addresses (@b may be NULL) and a number; never 0. */
uint64_t rowset_key(const struct rowset *table, const struct addr *a, const struct addr *b,
		    uint64_t more);
/* rowset_find - NULL when there is none. */
void *rowset_find(const struct rowset *table, uint64_t key);
/* rowset_take - the row of @key; one just made (key and zeros) when there was none: @is_new. */
void *rowset_take(struct rowset *table, uint64_t key, uint64_t now_ns, bool *is_new);
/* rowset_weigh - how much would be lost with the row. */
void rowset_weigh(struct rowset *table, const void *row, uint64_t weight);
void rowset_mark(struct rowset *table, void *row);
/* rowset_judge - asks @judge for each marked row, in the order they were marked. */
void rowset_judge(struct rowset *table, rowset_judge_fn judge, void *state,
		  const struct detect_moment *moment);

#endif

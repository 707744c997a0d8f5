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
	uint64_t key;	  /* 0: free */
	uint64_t used_ns; /* when it was taken last */
	uint32_t weight;  /* the detector's: how much would be lost with it */
	bool is_dirty;	  /* waits to be judged */
};

struct rowset {
	uint8_t *rows;
	uint64_t *keys;	 /* of each row, together, so that a set is one cache line */
	uint32_t *dirty; /* numbers of rows to judge, in the order they became so */
	uint32_t dirty_count, set_count;
	size_t row_size;
	uint64_t keep_ns; /* a row not used for so long is free */
	uint64_t seed;
	uint64_t full; /* living rows that had to make room */
};

/* A row as it was before the next tick. Returns true when it is to be judged again then. */
typedef bool (*rowset_judge_fn)(void *state, void *row, const struct detect_moment *moment);

/* rowset_init - @row_size: of a struct whose first member is struct row. Returns 0 or -ENOMEM;
 * rowset_done is due either way. */
int rowset_init(struct rowset *table, unsigned int max, size_t row_size, uint64_t keep_ns);
void rowset_done(struct rowset *table);

/* rowset_key - of two addresses (@b may be NULL) and a number; never 0. */
uint64_t rowset_key(const struct rowset *table, const struct addr *a, const struct addr *b,
		    uint64_t more);
/* rowset_find - NULL when there is none. */
void *rowset_find(const struct rowset *table, uint64_t key);
/* rowset_take - the row of @key; one just made (key and zeros) when there was none: @is_new. */
void *rowset_take(struct rowset *table, uint64_t key, uint64_t now_ns, bool *is_new);
void rowset_mark(struct rowset *table, void *row);
/* rowset_judge - asks @judge for each marked row, in the order they were marked. */
void rowset_judge(struct rowset *table, rowset_judge_fn judge, void *state,
		  const struct detect_moment *moment);

#endif

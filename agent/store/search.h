/*
 * What a search, sums by group and a hunt share: blocks of records through the query's conditions,
 * until the end, the deadline, or enough. One thread per search.
 */
#ifndef SLUICE_STORE_SEARCH_H
#define SLUICE_STORE_SEARCH_H

#include "agent/query/query.h"
#include "agent/store/scan.h"
#include "agent/store/store.h"

struct search;

/* One match; texts are asked with search_texts. Returns false to stop behind it. */
typedef bool (*search_match_fn)(void *arg, struct search *search, const struct flow_record *record);

struct search {
	const struct history_search *options;
	struct scan *scan;
	struct flow_texts texts; /* of the record looked at */
};

/* search_texts - of the record being looked at. */
const struct flow_texts *search_texts(struct search *search, const struct flow_record *record);

/* One run: what, and what with each match. */
struct search_run {
	struct store *store;
	const struct history_search *options;
	unsigned int columns;	  /* enum scan_column, beside what conditions need */
	const struct addr *addrs; /* every match has one of these; when the query has none itself */
	size_t addr_count;
	search_match_fn match;
	/* before each record, with those behind it in the block (@left of them, itself the first):
	 * may look at what comes and fetch memory; NULL = none */
	void (*fetch)(void *arg, const struct flow_record *records, int left);
	void *arg;
};

/* search_run - Returns 0 at the end, the deadline or a stop; else -errno of the scan. */
int search_run(const struct search_run *run, struct history_reach *reach);

#endif

/*
 * Nouns of feeds: lists that are fetched again and again, from a server or from a file.
 */
#ifndef SLUICE_INCLUDE_FEED_H
#define SLUICE_INCLUDE_FEED_H

#include <stdint.h>

#include "include/block.h"

enum feed_state {
	FEED_NEW = 0,	  /* not fetched yet */
	FEED_OK = 1,	  /* what is in force is what was fetched last */
	FEED_FAILED = 2,  /* the last try; what was fetched before stays in force */
	FEED_HELD = 3,	  /* it changed by more than half: a person has to accept it */
	FEED_EXPIRED = 4, /* not fetched for its lifetime: nothing of it is in force */
	FEED_STATE_COUNT
};

#define FEED_URL_MAX   512
#define FEED_TAG_MAX   200
#define FEED_ERROR_MAX 200

#define FEED_COLUMN_MAX 64

struct feed {
	int64_t id;
	char name[BLOCK_LIST_MAX]; /* of its list, too */
	char url[FEED_URL_MAX];	   /* http, https, or file:///PATH */
	char author[73];
	uint8_t action; /* enum block_action */
	uint8_t state;	/* enum feed_state */
	uint8_t column; /* of CSV, from 1; 0: the first address of a line */
	int64_t every_s;
	int64_t lifetime_s; /* of an entry after it was seen in the feed; 0: as long as it holds */
	int64_t seen_unix_ms; /* all entries, in the last good answer, "unchanged" among them */
	int64_t created_unix_ms, checked_unix_ms, changed_unix_ms;
	int64_t entries, refused;	  /* lines that became entries, and that did not */
	char etag[FEED_TAG_MAX];	  /* RFC 9110 8.8.3; "" none */
	char last_modified[FEED_TAG_MAX]; /* RFC 9110 8.8.2 */
	char error[FEED_ERROR_MAX];	  /* a sentence; "" while all is well */
};

#endif

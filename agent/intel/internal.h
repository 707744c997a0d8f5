/*
 * The parts of feeds and what they share. Only agent/intel includes it.
 *   feeds.c      when they are due, what becomes of them
 *   feeds_orders.c what people ask for
 *   feeds_work.c fetching and turning into lines, on a thread of its own
 *   fetch.c      the fetch role
 *   reverse.c    which addresses are asked about, and when
 *   reverse_ask.c the fetch role's part of it
 *   convert.c    one line of any format -> one line of a list
 */
#ifndef SLUICE_INTEL_INTERNAL_H
#define SLUICE_INTEL_INTERNAL_H

#include <stdatomic.h>

#include "agent/intel/intel.h"
#include "agent/util/buffer.h"

/* 64 MiB of text are a million of the longest lines (block.h: BLOCK_LIST_BYTES_MAX). */
#define FEED_BYTES_MAX (64U << 20)

/* The one under way. The jobs thread has it between run and done. */
struct feed_work {
	struct feed_service *service;
	struct feed feed;
	int fetch; /* socket of the fetch process; -1 = none */
	bool is_accepted, is_deleted;
	bool is_preview; /* nothing of it is kept but the preview */
	atomic_bool is_cancelled;
	/* out */
	int error;
	bool is_unchanged;
	struct buffer lines;
	uint64_t line_count;
};

struct exchange;
struct json;

/* reverse_serve - ask the order's "resolvers" for the names of its "addrs"; what they said back:
 * {"items":[{"addr","name","ttl_s"}],"error"}. */
int reverse_serve(const struct exchange *exchange, const struct json *order);

/* feeds_work - fetch, convert; the feed's tags and error, lines. */
void feeds_work(void *work);

/*
 * convert_line - the address, prefix, range or name of @line (NUL-terminated, changed) in any of
 * the formats: plain, hosts file, CSV with the value in its first or second column, URL, JSON
 * object with "cidr" or "ip", filter of an ad blocker that is only a name. Comments and what is
 * none of these stay as they are: the list's reader says what is wrong with them.
 * Returns the text to keep, within @line, or NULL for nothing.
 */
const char *convert_line(char *line);
/* convert_column - of CSV (cells between commas, semicolons or tabs, quoted or not; RFC 4180) the
 * @column-th, from 1, as a line; NULL: it has none. */
const char *convert_column(char *line, unsigned int column);

#endif

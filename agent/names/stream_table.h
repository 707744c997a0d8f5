/*
 * Between stream_table.c, which finds and keeps directions of TCP connections, and stream.c, which
 * knows what to do with a segment.
 */
#ifndef SLUICE_NAMES_STREAM_TABLE_H
#define SLUICE_NAMES_STREAM_TABLE_H

#include "agent/names/internal.h"
#include "agent/names/pieces.h"
#include "agent/names/slots.h"

#define STREAM_NONE UINT32_MAX

enum stream_state {
	STREAM_FRESH,  /* nothing read yet */
	STREAM_IDLE,   /* between messages: waits for a beginning */
	STREAM_OPEN,   /* some of a message is in pieces */
	STREAM_CLOSED, /* said all that it says in clear */
};

struct stream {
	struct five_tuple tuple;
	uint8_t state, kind;
	uint8_t direction, iface;
	bool has_read;	    /* a message of this connection was read before next */
	uint32_t next;	    /* sequence number of the first byte not read */
	uint32_t rule_id;   /* that dropped a packet of the open message */
	uint32_t slot;	    /* memory of pieces, SLOT_NONE without */
	uint64_t last_ns;   /* a packet came */
	uint64_t since_ns;  /* the open message began */
	uint32_t hash_next; /* chain of the bucket; of the free list */
	uint32_t newer, older;
	struct pieces pieces;
};

struct stream_table {
	struct stream_options options;
	struct stream_counters counters;
	struct slots *slots;
	struct stream *streams;
	uint32_t *buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t free, newest, oldest, touched;
};

struct stream *stream_table_find(struct stream_table *table, const struct five_tuple *tuple);
/* stream_table_add - NULL when all are in use: remove the oldest first. */
struct stream *stream_table_add(struct stream_table *table, const struct payload *payload);
void stream_table_remove(struct stream_table *table, struct stream *stream);
/* stream_table_renew - it becomes the newest. */
void stream_table_renew(struct stream_table *table, struct stream *stream);
struct stream *stream_table_oldest(struct stream_table *table);

#endif

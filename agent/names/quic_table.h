/*
 * The connections that quic.c knows: found by tuple, aged by last use, each with the CRYPTO bytes
 * it has so far. For quic.c only (and the fuzz target, which cannot seal packets); the pipeline
 * thread.
 */
#ifndef SLUICE_NAMES_QUIC_TABLE_H
#define SLUICE_NAMES_QUIC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/names/cursor.h"
#include "agent/names/quic.h"
#include "agent/util/quic_keys.h"

struct quic_conn {
	struct five_tuple tuple; /* src is the client */
	struct quic_keys keys;
	uint32_t version;
	unsigned int initials; /* opened so far */
	uint64_t largest;      /* packet number opened */
	uint64_t last_ns;
	bool is_done;	/* hello read, or given up */
	uint8_t *bytes; /* room of them, then one bit for each that is there */
	size_t room;
	size_t ready;	       /* from the beginning without a gap */
	uint32_t next;	       /* in its chain; index + 1, 0 = the end */
	uint32_t older, newer; /* by last use; the same */
};

/* Returns NULL when unknown. */
struct quic_conn *quic_table_find(const struct quic_table *table, const struct five_tuple *tuple);
/* A new one with nothing but its tuple; the oldest goes when there is no room. */
struct quic_conn *quic_table_add(struct quic_table *table, const struct five_tuple *tuple);
/* Heard of just now. */
void quic_table_touch(struct quic_table *table, struct quic_conn *conn, uint64_t now_ns);
/* The hello is there or will not be: its bytes are given back. */
void quic_table_settle(struct quic_table *table, struct quic_conn *conn);
/* As if nothing had been received; keys and tuple stay. */
void quic_table_restart(struct quic_table *table, struct quic_conn *conn);
/*
 * Bytes at @offset of the CRYPTO stream; what is there already stays. Returns 0, -EFBIG beyond
 * HELLO_BYTES_MAX, -ENOMEM.
 */
int quic_table_put(struct quic_table *table, struct quic_conn *conn, uint64_t offset,
		   const uint8_t *data, size_t len);
/* Room for one opened packet, UINT16_MAX bytes. */
uint8_t *quic_table_scratch(struct quic_table *table);

/*
 * quic_frames_take - what one opened Initial of @conn holds. Returns as quic_take. In quic.c.
 */
int quic_frames_take(struct quic_table *table, struct quic_conn *conn, struct cursor frames,
		     struct hello *out);

#endif

/*
 * Reads the ClientHello out of a client's QUIC Initial packets: opens them, puts CRYPTO frames
 * together, over several packets and in any order. Owned by the pipeline thread; takes time as
 * input. Bounded: connections by the caller, bytes being put together by QUIC_PENDING_BYTES_MAX;
 * memory is taken when it is needed.
 */
#ifndef SLUICE_NAMES_QUIC_H
#define SLUICE_NAMES_QUIC_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/name.h"
#include "include/payload.h"

/* Of all connections together; whoever was not heard of for longest loses its bytes. */
#define QUIC_PENDING_BYTES_MAX (2U << 20)
/* Initials looked at until the hello is there. Clients of today send two or three; a hello cut into
 * more than this is given up. */
#define QUIC_INITIALS_MAX 64

struct quic_table;

/* quic_table_new - for up to @max connections. Returns 0, -EINVAL or -ENOMEM. */
int quic_table_new(unsigned int max, struct quic_table **out);
void quic_table_free(struct quic_table *table); /* accepts NULL */
DEFINE_CLEANUP(quic_table_free, struct quic_table)

/*
 * quic_take - one UDP datagram, which may hold several packets.
 * @out:    written on 1
 * @client: written on 1: the tuple with the client as src
 *
 * Returns 1 when a hello is complete; 0 when not yet, or when the datagram belongs to a connection
 * that is known and says nothing new; -EBADMSG when it is no QUIC Initial, or none that opens (also
 * a server's, of a connection whose beginning was not seen); -ENOMEM.
 * Source: RFC 9000 17.2 and 19, RFC 9001 5, RFC 9369 3.
 */
int quic_take(struct quic_table *table, const struct payload *payload, struct hello *out,
	      struct five_tuple *client);

/* quic_expire - forget connections not heard of for 30 s. */
void quic_expire(struct quic_table *table, uint64_t now_ns);

/* quic_pending_bytes - what is being put together now, for tests and counters. */
size_t quic_pending_bytes(const struct quic_table *table);

#endif

/*
 * Reads a TLS ClientHello: over TCP out of its records, or alone as QUIC carries it. Pure functions
 * of bytes; any thread.
 */
#ifndef SLUICE_NAMES_TLS_H
#define SLUICE_NAMES_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/name.h"

/* A ClientHello with its four bytes of header. Clients of today send up to about 2,000 bytes (one
 * post-quantum key share is 1,216); longer ones are refused. */
#define HELLO_BYTES_MAX 16384

/* The longest stream of records that tls_records_parse may ask for: each of a hello's bytes in a
 * record of its own. */
#define HELLO_STREAM_MAX (6 * HELLO_BYTES_MAX)

/*
 * tls_records_parse - the ClientHello at the beginning of a TCP stream, or the second one that a
 * server asked for (behind a change_cipher_spec record or not).
 * @data: from the first byte of a record on; may end anywhere
 * @out:  of it only quic_version is left to the caller (0 here); counts when > 0 is returned
 *
 * Returns the bytes of the stream up to the hello's last, 0 when more are needed, -EBADMSG when it
 * is none (also: an SSLv2-compatible hello). What follows the hello is not looked at.
 * Source: RFC 8446 5.1 and 4.1.2, RFC 5246 6.2.1.
 */
ssize_t tls_records_parse(const uint8_t *data, size_t len, struct hello *out);

/*
 * tls_hello_parse - the handshake message alone, beginning with its type.
 * Returns as tls_records_parse. An extension whose content is not well formed counts in the
 * fingerprints and says nothing else.
 * Source: RFC 8446 4.1.2, RFC 6066 3 (SNI), RFC 7301 3.1 (ALPN).
 */
ssize_t tls_hello_parse(const uint8_t *message, size_t len, struct hello *out);

#endif

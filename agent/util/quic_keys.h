/*
 * What opens a client's QUIC Initial packets: keys that everybody on the path can derive from the
 * connection id it chose (RFC 9001 5.2), so nothing here is secret. GnuTLS is known here only. Any
 * thread.
 */
#ifndef SLUICE_UTIL_QUIC_KEYS_H
#define SLUICE_UTIL_QUIC_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QUIC_CID_MAX	  20 /* RFC 9000 17.2 */
#define QUIC_SAMPLE_BYTES 16 /* RFC 9001 5.4.2 */
#define QUIC_MASK_BYTES	  5  /* RFC 9001 5.4.1: the first byte's and the packet number's */
#define QUIC_TAG_BYTES	  16 /* AES-128-GCM, RFC 9001 5.3 */

enum quic_version {
	QUIC_VERSION_1 = 0x00000001,	    /* RFC 9000 15 */
	QUIC_VERSION_2 = 0x6b3343cf,	    /* RFC 9369 3 */
	QUIC_VERSION_DRAFT_22 = 0xff000016, /* the first with today's headers */
	QUIC_VERSION_DRAFT_23 = 0xff000017,
	QUIC_VERSION_DRAFT_28 = 0xff00001c, /* 23 to 28 have one salt */
	QUIC_VERSION_DRAFT_29 = 0xff00001d,
	QUIC_VERSION_DRAFT_32 = 0xff000020, /* the last with that salt */
	QUIC_VERSION_DRAFT_34 = 0xff000022, /* 33 and 34 have version 1's */
	QUIC_VERSION_MVFST_22 = 0xfaceb001, /* Facebook's, after those drafts */
	QUIC_VERSION_MVFST_27 = 0xfaceb002,
	QUIC_VERSION_MVFST_NEXT = 0xfaceb00e,
};

struct quic_keys {
	uint8_t key[16];
	uint8_t iv[12];
	uint8_t header[16]; /* header protection */
};

/* One protected packet: where its parts lie. */
struct quic_box {
	uint64_t number;       /* packet number */
	const uint8_t *header; /* without protection, up to and with the packet number */
	size_t header_len;
	const uint8_t *sealed; /* ciphertext and tag */
	size_t sealed_len;
};

/*
 * quic_keys_derive - "client in" keys of @version from the first Destination Connection ID.
 * Returns 0, -EPROTONOSUPPORT for another version, -EINVAL for more than QUIC_CID_MAX bytes, -EIO
 * when GnuTLS fails. Source: RFC 9001 5.1 and 5.2, RFC 9369 3.3.1 and 3.3.2.
 */
int quic_keys_derive(uint32_t version, const uint8_t *cid, size_t cid_len, struct quic_keys *out);

/* quic_keys_mask - AES-ECB of the sample (RFC 9001 5.4.3). Returns 0 or -EIO. */
int quic_keys_mask(const struct quic_keys *keys, const uint8_t sample[static QUIC_SAMPLE_BYTES],
		   uint8_t mask[static QUIC_MASK_BYTES]);

/*
 * quic_keys_open - AES-128-GCM (RFC 9001 5.3). @out: box->sealed_len bytes.
 * Returns the bytes of plain text, or -EBADMSG when it was not sealed with these keys.
 */
ssize_t quic_keys_open(const struct quic_keys *keys, const struct quic_box *box, uint8_t *out);

#endif

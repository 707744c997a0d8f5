/*
 * MD5 and SHA-256 of bytes that come in pieces, for fingerprints that others defined with these
 * functions (JA3, JA4); nothing is secured by them. GnuTLS is known here only. Any thread.
 */
#ifndef SLUICE_UTIL_DIGEST_H
#define SLUICE_UTIL_DIGEST_H

#include <stddef.h>

#include "agent/util/cleanup.h"

enum digest_kind {
	DIGEST_MD5,    /* RFC 1321 */
	DIGEST_SHA256, /* FIPS 180-4 */
};

/* Hex digits of the longest, and the end. */
#define DIGEST_TEXT_MAX 65

struct digest;

/* digest_new - returns 0, -EINVAL for an unknown kind, or -EIO when GnuTLS fails (a machine in FIPS
 * mode may refuse MD5). */
int digest_new(enum digest_kind kind, struct digest **out);
void digest_free(struct digest *digest); /* accepts NULL */
DEFINE_CLEANUP(digest_free, struct digest)

/* digest_add - a failure is remembered for digest_finish. */
void digest_add(struct digest *digest, const void *data, size_t len);
/* digest_finish - lower case hex of the whole digest; it begins anew. Returns 0 or -EIO. */
int digest_finish(struct digest *digest, char text[static DIGEST_TEXT_MAX]);

#endif

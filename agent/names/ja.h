/*
 * Fingerprints of a TLS client: JA3, and JA4's BSD-licensed part (its client fingerprint only).
 * Pure functions of what a ClientHello holds; any thread.
 */
#ifndef SLUICE_NAMES_JA_H
#define SLUICE_NAMES_JA_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/names/cursor.h"
#include "include/name.h"

enum tls_extension { /* IANA, TLS ExtensionType Values */
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_GROUPS = 10,
	EXTENSION_POINT_FORMATS = 11,
	EXTENSION_SIGNATURES = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_VERSIONS = 43,
	EXTENSION_ECH = 0xfe0d, /* RFC 9849 */
};

/* The parts of a ClientHello as they lie in it; an absent one is empty. */
struct ja_parts {
	uint16_t legacy_version;
	uint16_t version;	  /* highest offered, GREASE left out */
	struct cursor ciphers;	  /* two bytes each */
	struct cursor extensions; /* whole, known to be well formed */
	struct cursor groups;	  /* two bytes each */
	struct cursor formats;	  /* one byte each */
	struct cursor signatures; /* two bytes each */
	struct cursor alpn;	  /* the first protocol's name */
};

/* ja_is_grease - one of the sixteen values 0x0a0a, 0x1a1a, ... 0xfafa (RFC 8701 2). */
bool ja_is_grease(uint16_t value);

/*
 * ja3_write - the text (cut at its size, the MD5 is of all of it) and its MD5.
 * Returns 0 or -EIO (both empty then). Source: github.com/salesforce/ja3, GREASE left out.
 */
int ja3_write(const struct ja_parts *parts, char text[static JA3_TEXT_MAX], char md5[static 33]);

/*
 * ja4_write - "t..." as over TCP; a hello over QUIC differs in this character only ("q").
 * Returns 0 or -EIO (empty then). Source: FoxIO, technical_details/JA4.md. One thing is as FoxIO's
 * programs do it and not as the text says: an ALPN byte above 127 counts as '9'.
 */
int ja4_write(const struct ja_parts *parts, char out[static JA4_TEXT_MAX]);

#endif

/*
 * Keys of QUIC Initial packets by GnuTLS: agent/names/quic.c opens what a client sent with them.
 */
#include "agent/util/quic_keys.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define SALT_BYTES   20
#define SECRET_BYTES 32 /* SHA-256 */
#define LABEL_MAX    32

/* What differs between versions. */
struct scheme {
	uint8_t salt[SALT_BYTES];
	const char *key, *iv, *header; /* labels */
};

/* RFC 9001 5.2 and 5.1, 5.4.1 */
static const struct scheme scheme_v1 = {
	{ 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
	"quic key",
	"quic iv",
	"quic hp",
};
/* RFC 9369 3.3.1, 3.3.2 */
static const struct scheme scheme_v2 = {
	{ 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	  0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 },
	"quicv2 key",
	"quicv2 iv",
	"quicv2 hp",
};
/* draft-ietf-quic-tls-22 5.2, -23, -29 */
static const struct scheme scheme_draft_22 = {
	{ 0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a,
	  0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a },
	"quic key",
	"quic iv",
	"quic hp",
};
static const struct scheme scheme_draft_23 = {
	{ 0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
	  0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02 },
	"quic key",
	"quic iv",
	"quic hp",
};
static const struct scheme scheme_draft_29 = {
	{ 0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
	  0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99 },
	"quic key",
	"quic iv",
	"quic hp",
};

static const struct scheme *find_scheme(uint32_t version)
{
	static const struct {
		uint32_t first, last;
		const struct scheme *scheme;
	} known[] = {
		{ QUIC_VERSION_1, QUIC_VERSION_1, &scheme_v1 },
		{ QUIC_VERSION_2, QUIC_VERSION_2, &scheme_v2 },
		{ QUIC_VERSION_DRAFT_22, QUIC_VERSION_DRAFT_22, &scheme_draft_22 },
		{ QUIC_VERSION_DRAFT_23, QUIC_VERSION_DRAFT_28, &scheme_draft_23 },
		{ QUIC_VERSION_DRAFT_29, QUIC_VERSION_DRAFT_32, &scheme_draft_29 },
		{ QUIC_VERSION_DRAFT_32 + 1, QUIC_VERSION_DRAFT_34, &scheme_v1 },
		{ QUIC_VERSION_MVFST_22, QUIC_VERSION_MVFST_22, &scheme_draft_22 },
		{ QUIC_VERSION_MVFST_27, QUIC_VERSION_MVFST_27, &scheme_draft_23 },
		{ QUIC_VERSION_MVFST_NEXT, QUIC_VERSION_MVFST_NEXT, &scheme_draft_23 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (version >= known[i].first && version <= known[i].last)
			return known[i].scheme;
	}
	return NULL;
}

/* HKDF-Expand-Label with an empty context (RFC 8446 7.1). */
static int expand(const uint8_t secret[static SECRET_BYTES], const char *label, uint8_t *out,
		  size_t len)
{
	static const char prefix[] = "tls13 ";
	const size_t prefix_len = sizeof(prefix) - 1;
	const size_t label_len = strlen(label);
	uint8_t info[2 + 1 + sizeof(prefix) + LABEL_MAX + 1] = { 0 };
	const gnutls_datum_t key = { (unsigned char *)secret, SECRET_BYTES };
	gnutls_datum_t text = { info, 0 };

	if (label_len > LABEL_MAX)
		return -EINVAL;
	info[1] = (uint8_t)len;
	info[2] = (uint8_t)(prefix_len + label_len);
	memcpy(info + 3, prefix, prefix_len);
	/* its end is what follows it: the context's length, 0 */
	memcpy(info + 3 + prefix_len, label, label_len + 1);
	text.size = (unsigned int)(3 + prefix_len + label_len + 1);
	return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &text, out, len) ? -EIO : 0;
}

int quic_keys_derive(uint32_t version, const uint8_t *cid, size_t cid_len, struct quic_keys *out)
{
	const struct scheme *scheme = find_scheme(version);
	uint8_t initial[SECRET_BYTES], client[SECRET_BYTES];
	struct quic_keys keys;
	gnutls_datum_t id, salt;

	if (!scheme)
		return -EPROTONOSUPPORT;
	if (cid_len > QUIC_CID_MAX)
		return -EINVAL;
	id = (gnutls_datum_t){ (unsigned char *)cid, (unsigned int)cid_len };
	salt = (gnutls_datum_t){ (unsigned char *)scheme->salt, SALT_BYTES };
	if (gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &id, &salt, initial) ||
	    expand(initial, "client in", client, sizeof(client)) ||
	    expand(client, scheme->key, keys.key, sizeof(keys.key)) ||
	    expand(client, scheme->iv, keys.iv, sizeof(keys.iv)) ||
	    expand(client, scheme->header, keys.header, sizeof(keys.header)))
		return -EIO;
	*out = keys;
	return 0;
}

int quic_keys_mask(const struct quic_keys *keys, const uint8_t sample[static QUIC_SAMPLE_BYTES],
		   uint8_t mask[static QUIC_MASK_BYTES])
{
	/* GnuTLS has no ECB; CBC of one block after a zero block is the same. */
	uint8_t zero[QUIC_SAMPLE_BYTES] = { 0 }, block[QUIC_SAMPLE_BYTES];
	const gnutls_datum_t key = { (unsigned char *)keys->header, sizeof(keys->header) };
	const gnutls_datum_t iv = { zero, sizeof(zero) };
	gnutls_cipher_hd_t cipher = NULL;
	int error;

	if (gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_CBC, &key, &iv))
		return -EIO;
	error = gnutls_cipher_encrypt2(cipher, sample, QUIC_SAMPLE_BYTES, block, sizeof(block));
	gnutls_cipher_deinit(cipher);
	if (error)
		return -EIO;
	memcpy(mask, block, QUIC_MASK_BYTES);
	return 0;
}

ssize_t quic_keys_open(const struct quic_keys *keys, const struct quic_box *box, uint8_t *out)
{
	const gnutls_datum_t key = { (unsigned char *)keys->key, sizeof(keys->key) };
	gnutls_aead_cipher_hd_t cipher = NULL;
	uint8_t nonce[sizeof(keys->iv)];
	size_t len = box->sealed_len;
	unsigned int i;
	int error;

	if (box->sealed_len < QUIC_TAG_BYTES)
		return -EBADMSG;
	memcpy(nonce, keys->iv, sizeof(nonce));
	for (i = 0; i < 8; i++)
		nonce[sizeof(nonce) - 1 - i] ^= (uint8_t)(box->number >> (8 * i));
	if (gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key))
		return -EBADMSG;
	error = gnutls_aead_cipher_decrypt(cipher, nonce, sizeof(nonce), box->header,
					   box->header_len, QUIC_TAG_BYTES, box->sealed,
					   box->sealed_len, out, &len);
	gnutls_aead_cipher_deinit(cipher);
	return error ? -EBADMSG : (ssize_t)len;
}

/*
 * ClientHello → struct hello: records put together, extensions read, fingerprints by ja.c.
 */
#include "agent/names/tls.h"

#include <errno.h>
#include <string.h>

#include "agent/names/cursor.h"
#include "agent/names/internal.h"
#include "agent/names/ja.h"

#define RECORD_HANDSHAKE    22 /* RFC 8446 5.1 */
#define RECORD_HEADER_BYTES 5
#define RECORD_BYTES_MAX    (1 << 14) /* RFC 8446 5.1 */
#define CLIENT_HELLO	    1	      /* RFC 8446 4 */
#define MESSAGE_HEADER	    4
#define RANDOM_BYTES	    32
#define SESSION_ID_MAX	    32 /* RFC 8446 4.1.2 */
#define HOST_NAME	    0  /* RFC 6066 3 */

/* ---- extensions -------------------------------------------------------------------------------
 */

/* The first counts, also of several such extensions, as in the kernel (RFC 8446 4.2 allows one). */
static void read_sni(struct cursor content, struct hello *out)
{
	struct cursor list = cursor_vector(&content, 2);

	while (list.left && !out->sni[0]) {
		const bool is_host = cursor_number(&list, 1) == HOST_NAME;
		struct cursor name = cursor_vector(&list, 2);
		struct text text;

		if (!is_host || name.has_failed)
			continue;
		text_start(&text, out->sni, sizeof(out->sni));
		text_put_bytes(&text, name.at, name.left);
		return;
	}
}

static void read_alpn(struct cursor content, struct ja_parts *parts, struct hello *out)
{
	struct cursor list = cursor_vector(&content, 2);

	while (list.left) {
		struct cursor name = cursor_vector(&list, 1);
		struct text text;

		if (name.has_failed)
			return;
		if (!parts->alpn.at)
			parts->alpn = name;
		if (out->alpn_count == ALPN_MAX)
			return;
		text_start(&text, out->alpn[out->alpn_count], ALPN_TEXT_MAX);
		text_put_bytes(&text, name.at, name.left);
		out->alpn_count++;
	}
}

static void read_versions(struct cursor content, struct ja_parts *parts)
{
	struct cursor list = cursor_vector(&content, 1);
	uint16_t highest = 0;

	while (list.left >= 2) {
		const uint16_t version = (uint16_t)cursor_number(&list, 2);

		if (!ja_is_grease(version) && version > highest)
			highest = version;
	}
	if (highest)
		parts->version = highest;
}

static void read_extension(uint16_t type, struct cursor content, struct ja_parts *parts,
			   struct hello *out)
{
	switch (type) {
	case EXTENSION_SERVER_NAME:
		read_sni(content, out);
		break;
	case EXTENSION_GROUPS:
		parts->groups = cursor_vector(&content, 2);
		break;
	case EXTENSION_POINT_FORMATS:
		parts->formats = cursor_vector(&content, 1);
		break;
	case EXTENSION_SIGNATURES:
		parts->signatures = cursor_vector(&content, 2);
		break;
	case EXTENSION_ALPN:
		read_alpn(content, parts, out);
		break;
	case EXTENSION_VERSIONS:
		read_versions(content, parts);
		break;
	case EXTENSION_ECH:
		out->has_ech = true;
		break;
	default:
		break;
	}
}

static int read_extensions(struct ja_parts *parts, struct hello *out)
{
	struct cursor extensions = parts->extensions;

	while (extensions.left) {
		const uint16_t type = (uint16_t)cursor_number(&extensions, 2);
		struct cursor content = cursor_vector(&extensions, 2);

		if (extensions.has_failed)
			return -EBADMSG;
		read_extension(type, content, parts, out);
	}
	return 0;
}

/* ---- the message ------------------------------------------------------------------------------
 */

static void clear_hello(struct hello *out)
{
	out->sni[0] = out->ja3[0] = out->ja3_text[0] = out->ja4[0] = '\0';
	out->version = 0;
	out->alpn_count = 0;
	out->has_ech = false;
	out->quic_version = 0;
}

static int read_body(struct cursor body, struct hello *out)
{
	struct ja_parts parts = { 0 };
	struct cursor session, compressions;

	parts.legacy_version = (uint16_t)cursor_number(&body, 2);
	parts.version = parts.legacy_version;
	(void)cursor_take(&body, RANDOM_BYTES); /* says nothing */
	session = cursor_vector(&body, 1);
	parts.ciphers = cursor_vector(&body, 2);
	compressions = cursor_vector(&body, 1);
	if (body.has_failed || session.left > SESSION_ID_MAX || parts.ciphers.left % 2 ||
	    !parts.ciphers.left || !compressions.left)
		return -EBADMSG;
	if (body.left) /* before TLS 1.2 there may be no extensions at all */
		parts.extensions = cursor_vector(&body, 2);
	if (body.has_failed || body.left)
		return -EBADMSG;
	if (read_extensions(&parts, out))
		return -EBADMSG;
	out->version = parts.version;
	/* A fingerprint that cannot be made is empty; the name counts all the same. */
	(void)ja3_write(&parts, out->ja3_text, out->ja3);
	(void)ja4_write(&parts, out->ja4);
	return 0;
}

/* The whole length of the message that begins here; 0: too little of it, or -EBADMSG. */
static ssize_t message_length(const uint8_t *message, size_t len)
{
	size_t whole;

	if (len && message[0] != CLIENT_HELLO)
		return -EBADMSG;
	if (len < MESSAGE_HEADER)
		return 0;
	whole = MESSAGE_HEADER +
		((size_t)message[1] << 16 | (size_t)message[2] << 8 | (size_t)message[3]);
	return whole > HELLO_BYTES_MAX ? -EBADMSG : (ssize_t)whole;
}

ssize_t tls_hello_parse(const uint8_t *message, size_t len, struct hello *out)
{
	const ssize_t whole = message_length(message, len);

	if (whole <= 0)
		return whole;
	if (len < (size_t)whole)
		return 0;
	clear_hello(out);
	if (read_body(cursor_over(message + MESSAGE_HEADER, (size_t)whole - MESSAGE_HEADER), out))
		return -EBADMSG;
	return whole;
}

/* ---- records ----------------------------------------------------------------------------------
 */

/* The length of the record's content; 0: its header is not all there; or -EBADMSG. */
static ssize_t record_length(const uint8_t *record, size_t len)
{
	size_t content;

	/* Every version so far has major 3 in it (RFC 8446 D); SSLv2 has its length here. */
	if ((len > 0 && record[0] != RECORD_HANDSHAKE) || (len > 1 && record[1] != 3))
		return -EBADMSG;
	if (len < RECORD_HEADER_BYTES)
		return 0;
	content = (size_t)record[3] << 8 | record[4];
	return content == 0 || content > RECORD_BYTES_MAX ? -EBADMSG : (ssize_t)content;
}

/* The hello in several records: their content one after the other. */
static ssize_t parse_across(const uint8_t *data, size_t len, struct hello *out)
{
	uint8_t message[HELLO_BYTES_MAX];
	size_t used = 0, have = 0;

	for (;;) {
		const ssize_t content = record_length(data + used, len - used);
		size_t there, whole, take;
		ssize_t parsed;

		if (content <= 0)
			return content;
		there = len - used - RECORD_HEADER_BYTES;
		take = (size_t)content < there ? (size_t)content : there;
		take = take < sizeof(message) - have ? take : sizeof(message) - have;
		memcpy(message + have, data + used + RECORD_HEADER_BYTES, take);
		have += take;
		parsed = tls_hello_parse(message, have, out);
		if (parsed < 0)
			return parsed;
		if (parsed > 0) /* its last byte is in this record */
			return (ssize_t)(used + RECORD_HEADER_BYTES + take -
					 (have - (size_t)parsed));
		whole = RECORD_HEADER_BYTES + (size_t)content;
		if (len - used <= whole)
			return 0;
		used += whole;
	}
}

static ssize_t parse_records(const uint8_t *data, size_t len, struct hello *out)
{
	const ssize_t content = record_length(data, len);
	size_t there;
	ssize_t whole;

	if (content <= 0)
		return content;
	there = len - RECORD_HEADER_BYTES;
	there = there < (size_t)content ? there : (size_t)content;
	whole = message_length(data + RECORD_HEADER_BYTES, there);
	if (whole < 0)
		return whole;
	if (whole == 0 || whole > content) /* goes on in the next record */
		return parse_across(data, len, out);
	whole = tls_hello_parse(data + RECORD_HEADER_BYTES, there, out);
	return whole > 0 ? whole + RECORD_HEADER_BYTES : whole;
}

ssize_t tls_records_parse(const uint8_t *data, size_t len, struct hello *out)
{
	/* A client that was asked for another hello may say this first (RFC 8446 D.4). */
	static const uint8_t change[] = { 20, 3, 3, 0, 1, 1 };
	const size_t there = len < sizeof(change) ? len : sizeof(change);
	ssize_t used;

	if (there == 0)
		return 0;
	if (memcmp(data, change, there) != 0)
		return parse_records(data, len, out);
	if (len <= sizeof(change))
		return 0;
	used = parse_records(data + sizeof(change), len - sizeof(change), out);
	return used > 0 ? used + (ssize_t)sizeof(change) : used;
}

/*
 * JA3 and JA4 out of the parts of a ClientHello that tls.c found.
 */
#include "agent/names/ja.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/tls.h"
#include "agent/util/digest.h"

#define JA4_COUNT_MAX 99 /* two digits */
#define JA4_HASH_LEN  12
#define CODES_MAX     (HELLO_BYTES_MAX / 2)

bool ja_is_grease(uint16_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

/* The next value of a list that is no GREASE; false at its end. */
static bool next_code(struct cursor *list, unsigned int bytes, uint16_t *code)
{
	while (list->left >= bytes) {
		*code = (uint16_t)cursor_number(list, bytes);
		if (bytes == 1 || !ja_is_grease(*code))
			return true;
	}
	return false;
}

static bool next_extension(struct cursor *extensions, uint16_t *type)
{
	while (extensions->left >= 4) {
		*type = (uint16_t)cursor_number(extensions, 2);
		(void)cursor_vector(extensions, 2); /* its content says nothing here */
		if (!ja_is_grease(*type))
			return true;
	}
	return false;
}

/* ---- JA3 --------------------------------------------------------------------------------------
 */

struct ja3_writer {
	struct digest *digest;
	char *text;
	size_t len;
};

static void ja3_put(struct ja3_writer *writer, const char *words)
{
	const size_t len = strlen(words);

	digest_add(writer->digest, words, len);
	if (writer->len + len < JA3_TEXT_MAX) {
		memcpy(writer->text + writer->len, words, len + 1);
		writer->len += len;
	}
}

static void ja3_put_number(struct ja3_writer *writer, unsigned int number, bool is_first)
{
	char words[16];

	(void)snprintf(words, sizeof(words), "%s%u", is_first ? "" : "-", number); /* always fits */
	ja3_put(writer, words);
}

static void ja3_put_list(struct ja3_writer *writer, struct cursor list, unsigned int bytes)
{
	bool is_first = true;
	uint16_t code;

	ja3_put(writer, ",");
	for (; next_code(&list, bytes, &code); is_first = false)
		ja3_put_number(writer, code, is_first);
}

static void ja3_put_extensions(struct ja3_writer *writer, struct cursor extensions)
{
	bool is_first = true;
	uint16_t type;

	ja3_put(writer, ",");
	for (; next_extension(&extensions, &type); is_first = false)
		ja3_put_number(writer, type, is_first);
}

int ja3_write(const struct ja_parts *parts, char text[static JA3_TEXT_MAX], char md5[static 33])
{
	CLEANUP(digest_free) struct digest *digest = NULL;
	struct ja3_writer writer = { NULL, text, 0 };
	char hex[DIGEST_TEXT_MAX];

	text[0] = md5[0] = '\0';
	if (digest_new(DIGEST_MD5, &digest))
		return -EIO;
	writer.digest = digest;
	ja3_put_number(&writer, parts->legacy_version, true);
	ja3_put_list(&writer, parts->ciphers, 2);
	ja3_put_extensions(&writer, parts->extensions);
	ja3_put_list(&writer, parts->groups, 2);
	ja3_put_list(&writer, parts->formats, 1);
	if (digest_finish(digest, hex)) {
		text[0] = '\0';
		return -EIO;
	}
	memcpy(md5, hex, 33); /* 32 digits and the end */
	return 0;
}

/* ---- JA4 --------------------------------------------------------------------------------------
 */

/* Codes of one list, to be sorted. */
struct codes {
	unsigned int count;
	uint16_t at[CODES_MAX];
};

static int compare_codes(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static void add_codes(struct digest *digest, const struct codes *codes)
{
	char words[8];
	unsigned int i;

	for (i = 0; i < codes->count; i++) {
		(void)snprintf(words, sizeof(words), "%s%04x", i ? "," : "", codes->at[i]);
		digest_add(digest, words, i ? 5 : 4);
	}
}

/* The first digits of the hash of what was added, or zeros when there was nothing to hash. */
static int finish_hash(struct digest *digest, bool is_empty, char out[static JA4_HASH_LEN + 1])
{
	char hex[DIGEST_TEXT_MAX];

	if (digest_finish(digest, hex))
		return -EIO;
	if (is_empty)
		memset(hex, '0', JA4_HASH_LEN);
	memcpy(out, hex, JA4_HASH_LEN);
	out[JA4_HASH_LEN] = '\0';
	return 0;
}

static const char *version_text(uint16_t version)
{
	switch (version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	default:
		return "00";
	}
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A byte above 127 is shown as '9'. */
static char alpn_char(uint8_t c)
{
	if (is_alphanumeric(c))
		return (char)c;
	return '9';
}

static void alpn_text(const struct cursor *alpn, char out[static 3])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t first, last;

	memcpy(out, "00", 3);
	if (!alpn->left)
		return;
	first = alpn->at[0];
	last = alpn->at[alpn->left - 1];
	if (first > 127 || last > 127) {
		out[0] = alpn_char(first);
		out[1] = alpn_char(last);
	} else if (is_alphanumeric(first) && is_alphanumeric(last)) {
		out[0] = (char)first;
		out[1] = (char)last;
	} else {
		out[0] = digits[first >> 4];
		out[1] = digits[last & 0xf];
	}
}

/* Sorted ciphers. Returns how many there are, or -EIO. */
static int hash_ciphers(struct digest *digest, struct cursor ciphers, struct codes *codes,
			char out[static JA4_HASH_LEN + 1])
{
	codes->count = 0;
	while (codes->count < CODES_MAX && next_code(&ciphers, 2, &codes->at[codes->count]))
		codes->count++;
	qsort(codes->at, codes->count, sizeof(codes->at[0]), compare_codes);
	add_codes(digest, codes);
	return finish_hash(digest, codes->count == 0, out) ? -EIO : (int)codes->count;
}

/* What is said of the extensions: how many, and whether a server name is among them. */
struct extensions {
	unsigned int count;
	bool has_sni;
};

/* Sorted extensions without SNI and ALPN, then the signatures in their order. */
static int hash_extensions(struct digest *digest, const struct ja_parts *parts, struct codes *codes,
			   struct extensions *said, char out[static JA4_HASH_LEN + 1])
{
	struct cursor extensions = parts->extensions, signatures = parts->signatures;
	uint16_t type;
	bool is_empty;

	codes->count = 0;
	while (codes->count < CODES_MAX && next_extension(&extensions, &type)) {
		said->count++;
		said->has_sni |= type == EXTENSION_SERVER_NAME;
		if (type != EXTENSION_SERVER_NAME && type != EXTENSION_ALPN)
			codes->at[codes->count++] = type;
	}
	is_empty = codes->count == 0;
	qsort(codes->at, codes->count, sizeof(codes->at[0]), compare_codes);
	add_codes(digest, codes);
	codes->count = 0;
	while (codes->count < CODES_MAX && next_code(&signatures, 2, &codes->at[codes->count]))
		codes->count++;
	if (codes->count)
		digest_add(digest, "_", 1);
	add_codes(digest, codes);
	return finish_hash(digest, is_empty, out);
}

static unsigned int at_most(unsigned int count, unsigned int max)
{
	return count < max ? count : max;
}

int ja4_write(const struct ja_parts *parts, char out[static JA4_TEXT_MAX])
{
	char ciphers[JA4_HASH_LEN + 1], extensions[JA4_HASH_LEN + 1], alpn[3];
	CLEANUP(digest_free) struct digest *digest = NULL;
	struct extensions said = { 0, false };
	struct codes codes;
	int count;

	out[0] = '\0';
	if (digest_new(DIGEST_SHA256, &digest))
		return -EIO;
	count = hash_ciphers(digest, parts->ciphers, &codes, ciphers);
	if (count < 0 || hash_extensions(digest, parts, &codes, &said, extensions))
		return -EIO;
	alpn_text(&parts->alpn, alpn);
	(void)snprintf(out, JA4_TEXT_MAX, "t%s%c%02u%02u%s_%s_%s", version_text(parts->version),
		       said.has_sni ? 'd' : 'i', at_most((unsigned int)count, JA4_COUNT_MAX),
		       at_most(said.count, JA4_COUNT_MAX), alpn, ciphers, extensions);
	return 0;
}

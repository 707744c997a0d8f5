/*
 * JSON text (RFC 8259) straight into a buffer: events are many, and a tree for each would cost more
 * than the event.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "agent/export/internal.h"
#include "agent/util/clock.h"
#include "agent/util/utf8.h"

/* The bytes from @text on that need no escape. */
static size_t plain_len(const char *text)
{
	size_t len = 0;

	while ((unsigned char)text[len] >= 0x20 && (unsigned char)text[len] < 0x7f &&
	       text[len] != '"' && text[len] != '\\')
		len++;
	return len;
}

/* One character that is not plain. Returns its bytes. */
static size_t escape(struct buffer *out, const char *text)
{
	unsigned char c = (unsigned char)*text;
	bool is_valid;
	size_t len;

	if (c == '"' || c == '\\') {
		const char pair[2] = { '\\', *text };

		buffer_append(out, pair, sizeof(pair));
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		buffer_append_format(out, "\\u%04x", c);
		return 1;
	}
	len = utf8_sequence_len(text, strnlen(text, 4), &is_valid);
	if (is_valid)
		buffer_append(out, text, len);
	else
		buffer_append_text(out, "\\ufffd");
	return len;
}

void text_string(struct buffer *out, const char *text)
{
	buffer_append(out, "\"", 1);
	while (*text) {
		size_t len = plain_len(text);

		buffer_append(out, text, len);
		text += len;
		if (*text)
			text += escape(out, text);
	}
	buffer_append(out, "\"", 1);
}

/* "\\DDD" of a byte beyond ASCII. */
static bool is_foreign(const char *text)
{
	return text[0] == '\\' && text[1] >= '1' && text[1] <= '2' && text[2] >= '0' &&
	       text[2] <= '9' && text[3] >= '0' && text[3] <= '9' &&
	       (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0') >= 128;
}

void text_name(struct buffer *out, const char *name)
{
	buffer_append(out, "\"", 1);
	while (*name) {
		size_t len = plain_len(name);

		buffer_append(out, name, len);
		name += len;
		if (is_foreign(name)) {
			buffer_append_text(out, "\\ufffd");
			name += 4;
		} else if (*name) {
			name += escape(out, name);
		}
	}
	buffer_append(out, "\"", 1);
}

void text_comma(struct buffer *out)
{
	int last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		buffer_append(out, ",", 1);
}

static void text_key(struct buffer *out, const char *key)
{
	text_comma(out);
	buffer_append(out, "\"", 1);
	buffer_append_text(out, key);
	buffer_append(out, "\":", 2);
}

void text_member(struct buffer *out, const char *key, const char *text)
{
	text_key(out, key);
	text_string(out, text);
}

void text_member_name(struct buffer *out, const char *key, const char *name)
{
	text_key(out, key);
	text_name(out, name);
}

void text_number(struct buffer *out, const char *key, uint64_t value)
{
	char digits[20]; /* of 2^64 */
	size_t at = sizeof(digits);

	text_key(out, key);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buffer_append(out, digits + at, sizeof(digits) - at);
}

void text_truth(struct buffer *out, const char *key, bool value)
{
	text_key(out, key);
	buffer_append_text(out, value ? "true" : "false");
}

void text_open(struct buffer *out, const char *key, char bracket)
{
	text_key(out, key);
	buffer_append(out, &bracket, 1);
}

void text_close(struct buffer *out, char bracket)
{
	buffer_append(out, &bracket, 1);
}

void text_time(struct buffer *out, const char *key, int64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / (int64_t)NS_PER_S);
	struct tm tm;

	text_key(out, key);
	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	buffer_append_format(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06" PRId64 "+0000\"",
			     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			     tm.tm_sec, unix_ns % (int64_t)NS_PER_S / 1000);
}

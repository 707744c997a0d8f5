/*
 * JSON text (RFC 8259) straight into a buffer: events are many, and a tree for each would cost more
 * than the event.
 */
#include <string.h>

#include "agent/export/internal.h"
#include "agent/util/utf8.h"

#define KEY_MAX		40
#define TIME_CHARACTERS 33 /* with its quotes */

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
	char text[KEY_MAX + 4];
	size_t at = 0;
	int last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		text[at++] = ',';
	text[at++] = '"';
	for (; *key && at < KEY_MAX + 2; key++) /* our own words: none is longer */
		text[at++] = *key;
	text[at++] = '"';
	text[at++] = ':';
	buffer_append(out, text, at);
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

/* @value in @digits decimal digits, what is larger cut off above. */
static char *put_digits(char *at, uint32_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + digits;
}

/* Year, month and day of a day since 1970, by Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", civil_from_days: three moments a line are too many for gmtime and printf. */
static char *put_date(char *at, int64_t days)
{
	int64_t shifted = days + 719468; /* since 0000-03-01 */
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	uint32_t day = (uint32_t)(shifted - era * 146097);
	uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint32_t of_year = day - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153; /* 0 = March */
	int64_t whole = (int64_t)year + era * 400 + (month >= 10);

	at = put_digits(at, whole < 0 || whole > 9999 ? 0 : (uint32_t)whole, 4);
	*at++ = '-';
	at = put_digits(at, month < 10 ? month + 3 : month - 9, 2);
	*at++ = '-';
	return put_digits(at, of_year - (153 * month + 2) / 5 + 1, 2);
}

void text_time(struct buffer *out, const char *key, int64_t unix_ns)
{
	int64_t us = unix_ns / 1000, day_us = 86400LL * 1000000;
	int64_t days = us / day_us - (us % day_us < 0);
	uint64_t rest = (uint64_t)(us - days * day_us);
	uint32_t seconds = (uint32_t)(rest / 1000000);
	char text[TIME_CHARACTERS], *at = text;

	*at++ = '"';
	at = put_date(at, days);
	*at++ = 'T';
	at = put_digits(at, seconds / 3600, 2);
	*at++ = ':';
	at = put_digits(at, seconds / 60 % 60, 2);
	*at++ = ':';
	at = put_digits(at, seconds % 60, 2);
	*at++ = '.';
	at = put_digits(at, (uint32_t)(rest % 1000000), 6);
	memcpy(at, "+0000\"", 6);
	text_key(out, key);
	buffer_append(out, text, sizeof(text));
}

void text_hex(struct buffer *out, const char *key, uint8_t value)
{
	static const char digits[] = "0123456789abcdef";
	const char text[4] = { '"', digits[value >> 4], digits[value & 15], '"' };

	text_key(out, key);
	buffer_append(out, text, sizeof(text));
}

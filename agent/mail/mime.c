/*
 * A message as bytes. Bodies are base64, so nothing in them can be a header, a boundary or a lone
 * dot; headers are ASCII without line ends, or encoded words.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/mail/internal.h"
#include "agent/util/utf8.h"

#define LINE_BYTES 57 /* 76 characters of base64, RFC 2045 6.8 */
#define WORD_BYTES \
	39	     /* 52 of them and 12 around: below RFC 2047's 75, and the name fits its line */
#define PLAIN_MAX 60 /* a subject that needs no second line */

static void append_base64(const void *data, size_t len, struct buffer *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t b1 = i + 1 < len ? bytes[i + 1] : 0, b2 = i + 2 < len ? bytes[i + 2] : 0;
		uint32_t bits = (uint32_t)bytes[i] << 16 | b1 << 8 | b2;
		const uint8_t four[4] = { (uint8_t)digits[bits >> 18],
					  (uint8_t)digits[bits >> 12 & 63],
					  i + 1 < len ? (uint8_t)digits[bits >> 6 & 63] : '=',
					  i + 2 < len ? (uint8_t)digits[bits & 63] : '=' };

		buffer_append(out, four, sizeof(four));
	}
}

static void append_body(const void *data, size_t len, struct buffer *out)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i += LINE_BYTES) {
		append_base64(bytes + i, len - i < LINE_BYTES ? len - i : LINE_BYTES, out);
		buffer_append_text(out, "\r\n");
	}
}

/* ---- headers --------------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len <= PLAIN_MAX && !strstr(text, "=?");
}

/* Words end between characters, RFC 2047 5. */
static size_t word_len(const char *text, size_t len)
{
	size_t word = 0;

	while (word < len) {
		bool is_valid;
		size_t step = utf8_sequence_len(text + word, len - word, &is_valid);

		if (word + step > WORD_BYTES)
			break;
		word += step;
	}
	return word;
}

static void append_subject(const char *text, struct buffer *out)
{
	size_t len = strlen(text);

	buffer_append_text(out, "Subject:");
	if (is_plain(text)) {
		buffer_append_format(out, " %s\r\n", text);
		return;
	}
	while (len) {
		size_t word = word_len(text, len);

		buffer_append_text(out, " =?UTF-8?B?");
		append_base64(text, word, out);
		buffer_append_text(out, "?=\r\n");
		text += word;
		len -= word;
	}
}

/* RFC 5322 3.3, in UTC; names of days and months by the standard, not by a locale. */
static void append_date(int64_t unix_ms, struct buffer *out)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return;
	buffer_append_format(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
			     tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
			     tm.tm_min, tm.tm_sec);
}

static void append_headers(const struct mime_message *message, struct buffer *out)
{
	char address[MAIL_ADDRESS_MAX];

	append_date(message->unix_ms, out);
	buffer_append_format(out, "From: sluice <%s>\r\nTo:", message->from);
	for (size_t i = 0; mail_address(message->to, i, address); i++)
		buffer_append_format(out, "%s <%s>", i ? ",\r\n" : "", address);
	buffer_append_text(out, "\r\n");
	append_subject(message->subject, out);
	/* RFC 3834 5: nobody's holiday note is to answer it */
	buffer_append_format(out,
			     "Message-ID: <%s@sluice.invalid>\r\n"
			     "Auto-Submitted: auto-generated\r\n"
			     "MIME-Version: 1.0\r\n",
			     message->id);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* '_' is in no base64: what is inside cannot end a part. */
static void begin_part(const struct mime_message *message, char level, struct buffer *out)
{
	buffer_append_format(out, "--_%c_%s\r\n", level, message->id);
}

static void append_text_part(const char *type, const char *text, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer lines;

	buffer_init(&lines, 2 * MAIL_TEXT_MAX);
	for (; *text; text++) /* RFC 2046 4.1.1: lines of text end with CR LF */
		buffer_append(&lines, *text == '\n' ? "\r\n" : text, *text == '\n' ? 2 : 1);
	buffer_append_format(out,
			     "Content-Type: text/%s; charset=UTF-8\r\n"
			     "Content-Transfer-Encoding: base64\r\n\r\n",
			     type);
	append_body(lines.data, lines.len, out);
	if (lines.error)
		out->error = lines.error;
}

static void append_alternatives(const struct mime_message *message, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer html;

	buffer_init(&html, 2 * MAIL_TEXT_MAX);
	mime_html(message->text, &html);
	if (html.error) {
		out->error = html.error;
		return;
	}
	buffer_append_format(out,
			     "Content-Type: multipart/alternative;\r\n boundary=\"_t_%s\"\r\n\r\n",
			     message->id);
	begin_part(message, 't', out);
	append_text_part("plain", message->text, out);
	begin_part(message, 't', out);
	append_text_part("html", (const char *)html.data, out);
	buffer_append_format(out, "--_t_%s--\r\n", message->id);
}

static void append_file(const struct mime_message *message, struct buffer *out)
{
	char name[MAIL_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s", message->file_name);
	for (char *at = name; *at; at++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-",
			    *at))
			*at = '_';
	buffer_append_format(out,
			     "Content-Type: %s\r\n"
			     "Content-Transfer-Encoding: base64\r\n"
			     "Content-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n",
			     message->file_type, name);
	append_body(message->file, message->file_len, out);
}

void mime_write(const struct mime_message *message, struct buffer *out)
{
	append_headers(message, out);
	if (!message->file_name) {
		append_alternatives(message, out);
		return;
	}
	buffer_append_format(out, "Content-Type: multipart/mixed;\r\n boundary=\"_m_%s\"\r\n\r\n",
			     message->id);
	begin_part(message, 'm', out);
	append_alternatives(message, out);
	begin_part(message, 'm', out);
	append_file(message, out);
	buffer_append_format(out, "--_m_%s--\r\n", message->id);
}

static void append_escaped(char c, struct buffer *out)
{
	switch (c) {
	case '&':
		buffer_append_text(out, "&amp;");
		break;
	case '<':
		buffer_append_text(out, "&lt;");
		break;
	case '>':
		buffer_append_text(out, "&gt;");
		break;
	case '"':
		buffer_append_text(out, "&quot;");
		break;
	default:
		buffer_append(out, &c, 1);
	}
}

void mime_html(const char *text, struct buffer *out)
{
	bool is_first_line = true;

	buffer_append_text(out, "<!doctype html>\n<html lang=\"en\"><body style=\"font-family:"
				"sans-serif\">\n<p><b>");
	for (; *text; text++) {
		bool ends_paragraph = text[0] == '\n' && text[1] == '\n';

		if (*text != '\n') {
			append_escaped(*text, out);
			continue;
		}
		if (!text[1])
			break; /* the last line's end */
		if (is_first_line)
			buffer_append_text(out, "</b>");
		buffer_append_text(out, ends_paragraph ? "</p>\n<p><b>" : "<br>\n");
		is_first_line = ends_paragraph;
		text += ends_paragraph;
	}
	buffer_append_text(out,
			   is_first_line ? "</b></p>\n</body></html>\n" : "</p>\n</body></html>\n");
}

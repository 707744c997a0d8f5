/*
 * Letters about hostile names: whatever an incident's reason, a host or a subject says, a message
 * is 7 bit, its lines end with CR LF and have at most 78 characters, and its headers are ours.
 * Secrets as base32 come along: their text is what they were.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mail/internal.h"
#include "agent/util/totp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_CHARS 78 /* RFC 5322 2.1.1 */
#define WRITTEN_MAX    (8U << 20)
#define SECRET_MAX     64
/* Date From To Subject Message-ID Auto-Submitted MIME-Version Content-Type */
#define HEADERS 8

static void check_lines(const struct buffer *out)
{
	size_t column = 0;

	for (size_t i = 0; i < out->len; i++) {
		uint8_t byte = out->data[i];

		if (byte == '\r' || byte == '\n') {
			if (byte == '\n' || i + 1 == out->len || out->data[++i] != '\n')
				abort();
			column = 0;
			continue;
		}
		if (byte < 0x20 || byte > 0x7e || ++column > LINE_MAX_CHARS)
			abort();
	}
	if (column)
		abort(); /* the last line has an end, too */
}

/* Lines before the first empty one that do not go on with a space: as many as are written. */
static void check_headers(const struct buffer *out)
{
	const char *at = (const char *)out->data, *end = at + out->len;
	unsigned int count = 0;

	while (at < end && *at != '\r') {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		count += *at != ' ';
		at = next ? next + 1 : end;
	}
	if (count != HEADERS)
		abort();
}

static void check_letter(const struct mail_letter *letter, const uint8_t *data, size_t size)
{
	CLEANUP(buffer_done) struct buffer out;
	struct mime_message message = { .from = "sluice@example.org",
					.to = "a@example.org",
					.subject = letter->subject,
					.text = letter->text,
					.id = letter->id,
					.unix_ms = letter->made_unix_ms };

	if (size && data[0] & 1) {
		message.file_name = letter->subject;
		message.file_type = "application/pdf";
		message.file = data;
		message.file_len = size;
	}
	buffer_init(&out, WRITTEN_MAX);
	mime_write(&message, &out);
	if (out.error)
		abort();
	check_lines(&out);
	check_headers(&out);
}

static void check_base32(const uint8_t *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648 6 */
	const size_t len = size < SECRET_MAX ? size : SECRET_MAX;
	char text[SECRET_MAX * 8 / 5 + 2];
	uint32_t bits = 0, have = 0;
	size_t byte = 0;

	totp_base32(data, len, text);
	if (strlen(text) != (len * 8 + 4) / 5)
		abort();
	for (const char *at = text; *at; at++) {
		const char *digit = strchr(digits, *at);

		if (!digit)
			abort();
		bits = bits << 5 | (uint32_t)(digit - digits);
		have += 5;
		if (have < 8)
			continue;
		have -= 8;
		if ((uint8_t)(bits >> have) != data[byte++])
			abort();
	}
	if (byte != len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mail_note note;
	struct mail_letter *letters[2];
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&note, 0, sizeof(note));
	if (size)
		memcpy(note.reason, data,
		       size < sizeof(note.reason) ? size : sizeof(note.reason) - 1);
	note.incident.severity = SEVERITY_HIGH;
	letters[0] = compose_incidents(text, &note, 1, size);
	letters[1] = compose_test(text, text);
	for (int i = 0; i < 2; i++) {
		if (letters[i])
			check_letter(letters[i], data, size);
		mail_letter_free(letters[i]);
	}
	check_base32(data, size);
	free(text);
	return 0;
}

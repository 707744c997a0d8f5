/*
 * Messages as RFC 5322, 2045 to 2047 have them; expected base64 by base64(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mail/internal.h"

static struct mime_message message(void)
{
	return (struct mime_message){ .from = "sluice@example.org",
				      .to = "a@example.org, b@example.net",
				      .subject = "[sluice h] Test",
				      .text = "One\nTwo\n",
				      .id = "00ff",
				      .unix_ms = 1796022000123 };
}

static char *write_it(const struct mime_message *from)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	mime_write(from, &out);
	char *text = buffer_take(&out, NULL);
	assert_non_null(text);
	return text;
}

/* Every line ends with CR LF and has at most 78 characters, all of them ASCII. */
static void check_lines(const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\r\n");

		assert_non_null(end);
		assert_true(end - text <= 78);
		for (; text < end; text++)
			assert_true(*text >= 0x20 && *text < 0x7f);
		text = end + 2;
	}
}

static void a_plain_message_is_text_and_html(void **state)
{
	static const char head[] = "Date: Mon, 30 Nov 2026 07:00:00 +0000\r\n"
				   "From: sluice <sluice@example.org>\r\n"
				   "To: <a@example.org>,\r\n <b@example.net>\r\n"
				   "Subject: [sluice h] Test\r\n"
				   "Message-ID: <00ff@sluice.invalid>\r\n"
				   "Auto-Submitted: auto-generated\r\n"
				   "MIME-Version: 1.0\r\n"
				   "Content-Type: multipart/alternative;\r\n"
				   " boundary=\"_t_00ff\"\r\n\r\n--_t_00ff\r\n";
	const struct mime_message one = message();
	CLEANUP(free) char *text = write_it(&one);

	(void)state;
	check_lines(text);
	assert_memory_equal(text, head, sizeof(head) - 1);
	/* printf 'One\r\nTwo\r\n' | base64 */
	assert_non_null(strstr(text, "\r\n\r\nT25lDQpUd28NCg==\r\n--_t_00ff\r\n"));
	assert_string_equal(text + strlen(text) - 15, "\r\n--_t_00ff--\r\n");
}

static void an_attachment_is_whole_and_its_name_harmless(void **state)
{
	struct mime_message one = message();

	(void)state;
	one.file_name = "r\"\r\nX: y/../\xc3\xa4.pdf";
	one.file_type = "application/pdf";
	one.file = "%PDF\0\xff";
	one.file_len = 6;
	CLEANUP(free) char *text = write_it(&one);
	check_lines(text);
	assert_non_null(
		strstr(text, "filename=\"r___X__y_..___.pdf\"\r\n\r\nJVBERgD/\r\n--_m_00ff--\r\n"));
	assert_null(strstr(text, "\nX:"));
}

static void a_hostile_subject_stays_one_header(void **state)
{
	struct mime_message one = message();

	(void)state;
	one.subject = "x\r\nBcc: e@example.com\r\n\r\nbody";
	CLEANUP(free) char *text = write_it(&one);
	check_lines(text);
	assert_null(strstr(text, "Bcc"));
	/* printf 'x\r\nBcc: e@example.com\r\n\r\nbody' | base64 */
	assert_non_null(
		strstr(text, "Subject: =?UTF-8?B?eA0KQmNjOiBlQGV4YW1wbGUuY29tDQoNCmJvZHk=?=\r\n"));
}

static void long_subjects_break_between_characters(void **state)
{
	struct mime_message one = message();

	(void)state;
	/* 20 characters of three bytes: 13 of them fit 39 bytes */
	one.subject = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
		      "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
		      "a\xe2\x82\xac\xe2\x82\xac";
	CLEANUP(free) char *text = write_it(&one);
	check_lines(text);
	assert_non_null(strstr(text, "4oKsYQ==?=\r\n =?UTF-8?B?4oKs4oKs?=\r\n"));
}

static void an_encoded_word_in_plain_letters_is_encoded(void **state)
{
	struct mime_message one = message();

	(void)state;
	one.subject = "=?UTF-8?Q?x?=";
	CLEANUP(free) char *text = write_it(&one);
	assert_null(strstr(text, "?Q?"));
}

static void html_shows_markup_as_text(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 4096);
	mime_html("<a href=\"x\">&\nnext\n\nother\n", &out);
	assert_non_null(strstr((const char *)out.data,
			       "<p><b>&lt;a href=&quot;x&quot;&gt;&amp;</b><br>\nnext</p>\n"
			       "<p><b>other</b></p>\n</body>"));
	buffer_done(&out);
}

static struct mail_note note(uint8_t severity, const char *reason)
{
	struct mail_note out = { .incident = { .id = 7,
					       .detector = DETECTOR_PORT_SCAN,
					       .severity = severity,
					       .first_unix_ms = 1796022000123 } };

	(void)snprintf(out.reason, sizeof(out.reason), "%s", reason);
	return out;
}

static void names_in_letters_cannot_steer(void **state)
{
	const struct mail_note one = note(SEVERITY_HIGH, "a\r\nb\xe2\x80\xae\xff");

	(void)state;
	struct mail_letter *letter = compose_incidents("h\r\nx", &one, 1, 0);
	assert_non_null(letter);
	assert_string_equal(letter->subject, "[sluice h\\u{D}\\u{A}x] High: Vertical port scan");
	assert_non_null(strstr(letter->text, "\na\\u{D}\\u{A}b\\u{202E}\xef\xbf\xbd\n"));
	assert_non_null(strstr(letter->text, "High, 2026-11-30T07:00:00.123Z, incident 7\n"));
	mail_letter_free(letter);
}

static void a_digest_of_the_longest_reasons_is_written(void **state)
{
	CLEANUP(free) struct mail_note *notes = calloc(MAIL_NOTES_MAX, sizeof(*notes));
	char reason[FINDING_REASON_MAX];
	struct buffer out;

	(void)state;
	memset(reason, 0x1f, sizeof(reason) - 1); /* each becomes \u{1F} */
	reason[sizeof(reason) - 1] = '\0';
	for (int i = 0; i < MAIL_NOTES_MAX; i++)
		notes[i] = note(SEVERITY_LOW, reason);
	struct mail_letter *letter = compose_incidents("h", notes, MAIL_NOTES_MAX, 3);
	assert_non_null(letter);
	assert_string_equal(letter->subject, "[sluice h] 103 new incidents");
	assert_non_null(strstr(letter->text, "\nAnd 3 more, not listed here.\n"));
	struct mime_message whole = message();
	whole.text = letter->text;
	buffer_init(&out, MAIL_BYTES_MAX);
	mime_write(&whole, &out);
	assert_int_equal(out.error, 0);
	buffer_done(&out);
	mail_letter_free(letter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_message_is_text_and_html),
		cmocka_unit_test(an_attachment_is_whole_and_its_name_harmless),
		cmocka_unit_test(a_hostile_subject_stays_one_header),
		cmocka_unit_test(long_subjects_break_between_characters),
		cmocka_unit_test(an_encoded_word_in_plain_letters_is_encoded),
		cmocka_unit_test(html_shows_markup_as_text),
		cmocka_unit_test(names_in_letters_cannot_steer),
		cmocka_unit_test(a_digest_of_the_longest_reasons_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

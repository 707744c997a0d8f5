/*
 * The words of letters. Reasons hold names from the network: they are cleaned before they are kept.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mail/internal.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/utf8.h"

static const char *const titles[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) [DETECTOR_##id] = (title),
#include "include/detectors.def"
#undef DETECTOR
};

void mail_letter_free(struct mail_letter *letter)
{
	if (!letter)
		return;
	free(letter->text);
	free(letter->to);
	free(letter);
}

void mail_clean(const char *text, bool keeps_lines, struct buffer *out)
{
	size_t len = strlen(text);

	while (len) {
		bool is_valid;
		size_t step = utf8_sequence_len(text, len, &is_valid);
		uint32_t code = is_valid ? utf8_decode(text, step) : 0xfffd;

		if (!is_valid)
			buffer_append_text(out, "\xef\xbf\xbd");
		else if (code == '\n' && keeps_lines)
			buffer_append_text(out, "\n");
		else if (utf8_is_steering(code))
			buffer_append_format(out, "\\u{%X}", (unsigned int)code);
		else
			buffer_append(out, text, step);
		text += step;
		len -= step;
	}
}

static void set_subject(struct mail_letter *letter, const char *host, const char *text)
{
	CLEANUP(buffer_done) struct buffer clean;
	size_t len;

	buffer_init(&clean, MAIL_TEXT_MAX);
	buffer_append_text(&clean, "[sluice ");
	mail_clean(host, false, &clean);
	buffer_append_text(&clean, "] ");
	mail_clean(text, false, &clean);
	len = clean.error ? 0 : clean.len;
	if (len >= MAIL_SUBJECT_MAX) {
		len = MAIL_SUBJECT_MAX - 1;
		while (len && (clean.data[len] & 0xc0) == 0x80)
			len--; /* not within a character */
	}
	if (len)
		memcpy(letter->subject, clean.data, len);
}

static struct mail_letter *seal(struct mail_letter *letter, const char *host, struct buffer *text)
{
	uint8_t random[(MAIL_ID_MAX - 1) / 2];

	buffer_append_text(text, "\nSent by sluice on ");
	mail_clean(host, false, text);
	buffer_append_text(text, ". [Mail] in sluice.conf says what is sent, and to whom.\n");
	letter->text = buffer_take(text, NULL);
	if (!letter->text) {
		mail_letter_free(letter);
		return NULL;
	}
	crypto_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(letter->id + 2 * i, 3, "%02x", random[i]);
	letter->made_ns = clock_monotonic_ns();
	letter->made_unix_ms = clock_unix_ms();
	return letter;
}

/* "Port scan from A to B port 22" */
static void describe(const struct incident *incident, char *out, size_t size)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], port[16] = "";
	bool has_src = incident->src.family != ADDR_NONE,
	     has_dst = incident->dst.family != ADDR_NONE;

	if (incident->dst_port)
		(void)snprintf(port, sizeof(port), " port %u", incident->dst_port);
	(void)snprintf(out, size, "%s%s%s%s%s%s",
		       incident->detector < DETECTOR_COUNT ? titles[incident->detector]
							   : "Incident",
		       has_src ? " from " : "", has_src ? addr_format(&incident->src, src) : "",
		       has_dst ? " to " : "", has_dst ? addr_format(&incident->dst, dst) : "",
		       has_dst ? port : "");
}

static void append_note(const struct mail_note *note, struct buffer *out)
{
	static const char *const severities[] = { "Low", "Medium", "High" };
	const struct incident *incident = &note->incident;
	char line[256], when[CLOCK_TEXT_MAX];

	describe(incident, line, sizeof(line));
	buffer_append_format(out, "%s\n%s, %s, incident %" PRId64 "\n", line,
			     incident->severity <= SEVERITY_HIGH ? severities[incident->severity]
								 : "",
			     clock_format(incident->first_unix_ms, when), incident->id);
	if (*note->reason) {
		mail_clean(note->reason, false, out);
		buffer_append_text(out, "\n");
	}
}

struct mail_letter *compose_incidents(const char *host, const struct mail_note *notes, size_t count,
				      uint64_t left_out)
{
	CLEANUP(mail_letter_free) struct mail_letter *letter = calloc(1, sizeof(*letter));
	CLEANUP(buffer_done) struct buffer text;
	char line[256], subject[300];

	buffer_init(&text, MAIL_TEXT_MAX);
	if (!letter)
		return NULL;
	describe(&notes[0].incident, line, sizeof(line));
	(void)snprintf(subject, sizeof(subject), "%s%s",
		       notes[0].incident.severity == SEVERITY_HIGH ? "High: " : "", line);
	if (count > 1)
		(void)snprintf(subject, sizeof(subject), "%" PRIu64 " new incidents",
			       (uint64_t)count + left_out);
	set_subject(letter, host, subject);
	for (size_t i = 0; i < count; i++) {
		buffer_append_text(&text, i ? "\n" : "");
		append_note(&notes[i], &text);
	}
	if (left_out)
		buffer_append_format(&text, "\nAnd %" PRIu64 " more, not listed here.\n", left_out);
	return seal(TAKE(letter), host, &text);
}

struct mail_letter *compose_report(const char *host, const struct report *report, const char *title)
{
	CLEANUP(mail_letter_free) struct mail_letter *letter = calloc(1, sizeof(*letter));
	CLEANUP(buffer_done) struct buffer text;
	char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX], subject[300];

	buffer_init(&text, MAIL_TEXT_MAX);
	if (!letter)
		return NULL;
	(void)clock_format(report->from_unix_ms, from);
	(void)clock_format(report->to_unix_ms, to);
	(void)snprintf(subject, sizeof(subject), "%s, %.10s to %.10s", title, from, to);
	set_subject(letter, host, subject);
	buffer_append_format(&text, "%s\n%.16sZ to %.16sZ, report %" PRId64 "\n", title, from, to,
			     report->id);
	if (report->size_bytes > (int64_t)MAIL_FILE_MAX)
		buffer_append_format(&text,
				     "Its file of %" PRId64 " bytes is too large for a mail: "
				     "it is on the reports page.\n",
				     report->size_bytes);
	else
		letter->report = *report;
	return seal(TAKE(letter), host, &text);
}

struct mail_letter *compose_test(const char *host, const char *who)
{
	CLEANUP(mail_letter_free) struct mail_letter *letter = calloc(1, sizeof(*letter));
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, MAIL_TEXT_MAX);
	if (!letter)
		return NULL;
	set_subject(letter, host, "Test");
	buffer_append_text(&text, "This is a test\nAsked for by ");
	mail_clean(who, false, &text);
	buffer_append_text(&text, ". Mail arrives.\n");
	letter->is_test = true;
	return seal(TAKE(letter), host, &text);
}

/*
 * The parts of mail and what they share. Only agent/mail includes it.
 *   settings.c what the configuration may say
 *   service.c  the queue: what is sent when, and what is given up
 *   compose.c  the words of letters
 *   mime.c     a letter -> a message
 *   wire.c     a message to the mail role and its answer back; the role itself
 */
#ifndef SLUICE_MAIL_INTERNAL_H
#define SLUICE_MAIL_INTERNAL_H

#include <stdatomic.h>

#include "agent/mail/mail.h"
#include "agent/util/buffer.h"
#include "include/incident.h"
#include "include/report.h"

#define MAIL_SUBJECT_MAX 200
#define MAIL_TEXT_MAX	 (512UL << 10) /* MAIL_NOTES_MAX of the longest reasons, all escaped */
#define MAIL_NAME_MAX	 64
#define MAIL_ID_MAX	 33
/* A file of MAIL_FILE_MAX in base64 with its line ends, and the text twice. */
#define MAIL_BYTES_MAX (24U << 20)
#define MAIL_NOTES_MAX 100

/* What a digest keeps of an incident. */
struct mail_note {
	struct incident incident;
	char reason[FINDING_REASON_MAX];
};

struct mail_letter {
	char subject[MAIL_SUBJECT_MAX];
	char *text;	      /* paragraphs, an empty line between; safe to show */
	char *to;	      /* addresses; NULL = those of [Mail] to */
	struct report report; /* to attach; id 0 = none */
	bool is_test;
	uint64_t made_ns;
	int64_t made_unix_ms;
	char id[MAIL_ID_MAX]; /* random: the same in every try, so that a receiver can tell */
};

void mail_letter_free(struct mail_letter *letter);
DEFINE_CLEANUP(mail_letter_free, struct mail_letter)

/* Letters of their kinds, or NULL without memory. Names in them may be hostile. */
struct mail_letter *compose_incidents(const char *host, const struct mail_note *notes, size_t count,
				      uint64_t left_out);
struct mail_letter *compose_report(const char *host, const struct report *report,
				   const char *title);
struct mail_letter *compose_test(const char *host, const char *who);

/* mail_clean - UTF-8 without characters that steer; line ends only where @keeps_lines. */
void mail_clean(const char *text, bool keeps_lines, struct buffer *out);

/* A message to write. Texts are UTF-8, already clean; headers hold no line end whatever they say.
 */
struct mime_message {
	const char *from, *to; /* addresses, checked */
	const char *subject;
	const char *text;
	const char *id; /* letters and digits: Message-ID and boundaries */
	int64_t unix_ms;
	const char *file_name, *file_type; /* NULL: nothing is attached */
	const void *file;
	size_t file_len;
};

/* mime_write - by RFC 5322, 2045, 2046, 2047: 7 bit, CRLF, lines of at most 78. A failure sticks in
 * @out. */
void mime_write(const struct mime_message *message, struct buffer *out);
/* mime_html - paragraphs as HTML, the first line of each in bold. */
void mime_html(const char *text, struct buffer *out);

/* The one under way. The jobs thread has it between run and done. */
struct mail_work {
	struct mail_service *service;
	struct mail_letter *letter;
	const struct mail_settings *settings;
	struct buffer file; /* the attachment */
	int process;	    /* socket; -1 = none */
	atomic_bool is_cancelled;
	/* out */
	int error;
	char reason[MAIL_ERROR_MAX];
};

/* mail_work - write the message, hand it over, take the answer. */
void mail_work(void *work);

#endif

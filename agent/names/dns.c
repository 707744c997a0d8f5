/*
 * DNS messages (RFC 1035 4): header, questions and the answer section. Every length is checked
 * against the message, every name against 255 bytes, and a compression pointer must lead to
 * before the lowest place the name was read from, so that reading ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "agent/names/dns_record.h"
#include "agent/names/internal.h"

#define HEADER_BYTES 12	 /* RFC 1035 4.1.1 */
#define NAME_BYTES   255 /* RFC 1035 2.3.4 */
#define LABEL_BYTES  63
#define POINTER	     0xc0 /* RFC 1035 4.1.4: the two top bits of a length */

#define FLAG_ANSWER 0x8000
#define FLAG_CUT    0x0200

/* One step of a name that is neither its end nor a pointer. */
static bool put_next_label(struct dns_cursor *at, struct text *text, size_t *bytes)
{
	uint8_t len = at->data[at->pos];

	*bytes += len + 1u;
	if (len > LABEL_BYTES || *bytes > NAME_BYTES || len >= at->len - at->pos)
		return false;
	if (text->len > 0)
		text_put(text, ".");
	text_put_label(text, at->data + at->pos + 1, len);
	at->pos += len + 1u;
	return true;
}

/* The place a pointer leads to; the end when it is not before @lowest. */
static size_t follow(const struct dns_cursor *at, size_t lowest)
{
	size_t target;

	if (at->len - at->pos < 2)
		return at->len;
	target = (size_t)(at->data[at->pos] & ~POINTER) << 8 | at->data[at->pos + 1];
	return target < lowest ? target : at->len;
}

bool dns_read_name(struct dns_cursor *at, char *out, size_t size)
{
	struct dns_cursor in = *at;
	struct text text;
	size_t lowest = at->pos, behind = 0;
	size_t bytes = 1; /* the root's */

	text_start(&text, out, size);
	while (in.pos < in.len && in.data[in.pos] != 0) {
		if ((in.data[in.pos] & POINTER) != POINTER) {
			if (!put_next_label(&in, &text, &bytes))
				return false;
			continue;
		}
		if (behind == 0)
			behind = in.pos + 2;
		lowest = in.pos = follow(&in, lowest);
	}
	if (in.pos >= in.len)
		return false;
	at->pos = behind ? behind : in.pos + 1;
	return true;
}

bool dns_read_u16(struct dns_cursor *at, uint16_t *out)
{
	if (at->len - at->pos < 2)
		return false;
	*out = (uint16_t)(at->data[at->pos] << 8 | at->data[at->pos + 1]);
	at->pos += 2;
	return true;
}

static bool read_u32(struct dns_cursor *at, uint32_t *out)
{
	uint16_t high, low;

	if (!dns_read_u16(at, &high) || !dns_read_u16(at, &low))
		return false;
	*out = (uint32_t)high << 16 | low;
	return true;
}

static bool read_question(struct dns_cursor *at, struct dns_question *question)
{
	uint16_t class;

	return dns_read_name(at, question->name, sizeof(question->name)) &&
	       dns_read_u16(at, &question->type) && dns_read_u16(at, &class);
}

static bool read_record(struct dns_cursor *at, struct dns_record *record)
{
	struct dns_cursor rdata;
	uint16_t class, len;

	if (!dns_read_name(at, record->name, sizeof(record->name)) ||
	    !dns_read_u16(at, &record->type) || !dns_read_u16(at, &class) ||
	    !read_u32(at, &record->ttl_s) || !dns_read_u16(at, &len) || len > at->len - at->pos)
		return false;
	rdata = (struct dns_cursor){ .data = at->data, .pos = at->pos, .len = at->pos + len };
	at->pos += len;
	return dns_read_rdata(&rdata, record);
}

/* All questions, of which the first few are kept. */
static bool read_questions(struct dns_cursor *at, unsigned int count, struct dns_message *out)
{
	struct dns_question beyond;

	for (unsigned int i = 0; i < count; i++) {
		bool is_kept = out->question_count < DNS_QUESTIONS_MAX;

		if (!read_question(at, is_kept ? &out->questions[out->question_count] : &beyond))
			return false;
		out->question_count += is_kept;
	}
	return true;
}

/* @count records of one section; of others than the answers only addresses are kept (glue). */
static bool read_section(struct dns_cursor *at, unsigned int count, bool is_answer,
			 struct dns_message *out)
{
	for (unsigned int i = 0; i < count; i++) {
		struct dns_record *record = &out->answers[out->answer_count];

		if (out->answer_count == DNS_ANSWERS_MAX || !read_record(at, record))
			return false;
		out->answer_count += is_answer || record->addr.family != ADDR_NONE;
	}
	return true;
}

ssize_t dns_parse(const uint8_t *data, size_t len, struct dns_message *out)
{
	struct dns_cursor at = { .data = data, .len = len };
	uint16_t questions, answers, authorities, additional;

	if (len < HEADER_BYTES || !dns_read_u16(&at, &out->id) || !dns_read_u16(&at, &out->flags) ||
	    !dns_read_u16(&at, &questions) || !dns_read_u16(&at, &answers) ||
	    !dns_read_u16(&at, &authorities) || !dns_read_u16(&at, &additional))
		return -EBADMSG;
	out->is_answer = (out->flags & FLAG_ANSWER) != 0;
	out->rcode = out->flags & 0xf;
	out->latency_ns = 0;
	out->question_count = 0;
	out->answer_count = 0;
	if (!read_questions(&at, questions, out))
		return -EBADMSG;
	out->is_cut = (out->flags & FLAG_CUT) || !read_section(&at, answers, true, out) ||
		      !read_section(&at, authorities, false, out) ||
		      !read_section(&at, additional, false, out);
	return (ssize_t)at.pos;
}

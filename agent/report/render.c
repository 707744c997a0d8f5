/*
 * The render role: one document in, one PDF out, then it is gone. It trusts the document to be from
 * core and nothing of what stands in it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/draw.h"
#include "agent/report/subset.h"

#define JSON_DEPTH_MAX 32 /* of json_parse */

/* Where a walk through the tree is: a value, and its member or element that comes next. */
struct place {
	const struct json *value;
	size_t next;
};

static const struct json *child_of(const struct place *place)
{
	const char *key = json_key(place->value, place->next);

	return key ? json_get(place->value, key) : json_array_get(place->value, place->next);
}

/* Every character of every text, keys left out: those are not drawn. */
static void collect(const struct json *document, struct characters *set)
{
	struct place path[JSON_DEPTH_MAX + 1] = { { document, 0 } };
	size_t depth = 1;

	while (depth) {
		struct place *here = &path[depth - 1];
		const struct json *child = child_of(here);
		const char *text;

		here->next++;
		if (!child && !json_key(here->value, here->next - 1) &&
		    here->next > json_array_len(here->value))
			depth--; /* that was the last */
		else if (child && !json_string(child, &text))
			characters_add_text(set, text);
		else if ((json_is_array(child) || json_is_object(child)) && depth <= JSON_DEPTH_MAX)
			path[depth++] = (struct place){ child, 0 };
	}
}

static void collect_all(const struct json *document, struct characters *set)
{
	for (uint32_t code = ' '; code < 0x7f; code++) /* titles and numbers */
		characters_add(set, code);
	characters_add(set, 0x2026); /* what is cut off ends so */
	characters_add(set, 0xfffd);
	collect(document, set);
}

static void read_clock(const struct json *document, struct clock_face *out)
{
	const struct json *changes = json_get(document, "zone_changes");

	*out = (struct clock_face){ .offset_s = (int32_t)draw_number(document, "zone_offset_s") };
	for (size_t i = 0; i < json_array_len(changes) && i < CLOCK_CHANGES_MAX; i++) {
		const struct json *change = json_array_get(changes, i);

		out->changes[i].at_unix_s = draw_moment(change, "at");
		out->changes[i].offset_s = (int32_t)draw_number(change, "offset_s");
		out->count++;
	}
}

int render_document(const struct json *document, const struct render_progress *progress,
		    struct buffer *out)
{
	CLEANUP(paper_free) struct paper *paper = NULL;
	struct draw draw = { .document = document,
			     .from_unix_s = draw_moment(document, "from"),
			     .to_unix_s = draw_moment(document, "to"),
			     .progress = progress };
	char period[160], subtitle[320];
	struct characters characters = { 0 };
	struct paper_facts facts = { .title = draw_text(document, "title"),
				     .subtitle = subtitle,
				     .author = draw_text(document, "host"),
				     .product = draw_text(document, "product"),
				     .characters = &characters,
				     .unix_s = draw.to_unix_s };

	(void)json_get_bool(document, "demo", &facts.is_demo); /* absent: no */
	read_clock(document, &draw.clock);
	draw_period(&draw, period);
	(void)snprintf(subtitle, sizeof(subtitle), "%.64s%s%s", facts.author,
		       *facts.author ? ", " : "", period);
	collect_all(document, &characters);
	int error = paper_new(&facts, &paper);
	if (error)
		return error;
	draw.paper = paper;
	draw_first_page(&draw);
	draw_second_page(&draw);
	if (progress)
		progress->tell(progress->arg, 30);
	draw_tables(&draw);
	if (progress)
		progress->tell(progress->arg, 90);
	return paper_finish(paper, out);
}

/* ---- the role -------------------------------------------------------------------------------- */

static int read_document(const struct exchange *exchange, struct packet *packet, struct json **out)
{
	CLEANUP(buffer_done) struct buffer text;
	char reason[128];
	int error;

	buffer_init(&text, DOCUMENT_MAX);
	do {
		error = packet_receive(exchange, packet);
		if (!error && packet->kind == PACKET_DATA)
			buffer_append(&text, packet->data, packet->len);
		if (!error)
			error = text.error;
	} while (!error && packet->kind == PACKET_DATA);
	if (!error && packet->kind != PACKET_END)
		error = -EPROTO;
	return error ? error : json_parse((const char *)text.data, text.len, out, reason);
}

static void tell(void *arg, unsigned int percent)
{
	const uint8_t byte = (uint8_t)percent;

	(void)packet_send(arg, PACKET_PROGRESS, &byte, 1); /* who does not read gets no file */
}

static int send_pdf(const struct exchange *exchange, const struct buffer *pdf)
{
	int error = 0;

	for (size_t at = 0; at < pdf->len && !error; at += PACKET_MAX)
		error = packet_send(exchange, PACKET_DATA, pdf->data + at,
				    pdf->len - at < PACKET_MAX ? pdf->len - at : PACKET_MAX);
	return error ? error : packet_send(exchange, PACKET_END, NULL, 0);
}

int report_render(int fd)
{
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	CLEANUP(json_free) struct json *document = NULL;
	CLEANUP(buffer_done) struct buffer pdf;
	struct exchange exchange = { .fd = fd };
	const struct render_progress progress = { tell, &exchange };
	int error;

	buffer_init(&pdf, PDF_MAX);
	error = packet ? read_document(&exchange, packet, &document) : -ENOMEM;
	if (!error)
		error = render_document(document, &progress, &pdf);
	if (!error)
		error = send_pdf(&exchange, &pdf);
	return error;
}

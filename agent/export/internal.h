/*
 * The parts of the EVE writer and what they share. Only agent/export includes it.
 *   eve.c       lines: common fields, flows, stats
 *   eve_name.c  dns, tls, quic, http, ssh
 *   eve_alert.c alerts
 *   text.c      JSON text into a buffer
 */
#ifndef SLUICE_EXPORT_INTERNAL_H
#define SLUICE_EXPORT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/export/export.h"
#include "agent/util/buffer.h"

struct eve {
	struct eve_options options;
	struct buffer text;
	int error; /* the first one */
};

/* What every line but stats begins with. */
struct eve_head {
	const char *event_type;
	int64_t unix_ns;
	const struct five_tuple *tuple;
	uint16_t vlan;	       /* 0 = none */
	const char *app_proto; /* NULL = unknown */
};

/* eve_begin, eve_end - a line; between them members, each behind a comma. */
void eve_begin(struct eve *eve, const struct eve_head *head);
void eve_end(struct eve *eve);

/* ---- text.c ---- */

/* text_string - quoted; hostile bytes escaped, broken UTF-8 as U+FFFD. */
void text_string(struct buffer *out, const char *text);
/* text_name - as text_string, of what agent/names wrote: its \DDD of bytes beyond ASCII become
 * U+FFFD, as Suricata and tshark show them; other escapes stay. */
void text_name(struct buffer *out, const char *name);
/* text_member - @key is our own word; written behind a comma unless the object just began. */
void text_member(struct buffer *out, const char *key, const char *text);
void text_member_name(struct buffer *out, const char *key, const char *name);
void text_number(struct buffer *out, const char *key, uint64_t value);
/* text_hex - "1b". */
void text_hex(struct buffer *out, const char *key, uint8_t value);
void text_truth(struct buffer *out, const char *key, bool value);
/* text_open - "key":{ or "key":[, by @bracket. */
void text_open(struct buffer *out, const char *key, char bracket);
void text_close(struct buffer *out, char bracket);
/* text_comma - unless an object or array just began. */
void text_comma(struct buffer *out);
/* text_time - quoted, 2023-09-18T06:13:41.532140+0000. */
void text_time(struct buffer *out, const char *key, int64_t unix_ns);

#endif

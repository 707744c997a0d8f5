/*
 * What was ever seen, newest first: domains, destinations, fingerprints, listening ports, devices.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/proto.h"

#define SEEN_LIMIT_DEFAULT 100
#define SEEN_LIMIT_MAX	   1000
#define LISTENER_ADDR	   3 /* where a key of SEEN_LISTENER has its address */

static const char *const kinds[SEEN_KIND_COUNT] = {
	[SEEN_DOMAIN] = "domain", [SEEN_DESTINATION] = "destination",
	[SEEN_JA4] = "ja4",	  [SEEN_LISTENER] = "listener",
	[SEEN_MAC] = "mac",
};

/* What a key reads like. */
struct seen_text {
	char value[SEEN_KEY_MAX + 1];
	char proto[PROTO_TEXT_MAX];
	int port; /* -1: it has none */
};

/* What is asked for. */
struct seen_ask {
	enum seen_kind kind;
	char text[PARAM_MAX]; /* lower case; part of the value */
	bool is_prefix;	      /* it is an address or prefix */
	struct prefix prefix;
	bool has_after;
	struct seen_entry after;
};

static bool addr_of_key(const uint8_t *bytes, size_t len, struct addr *addr)
{
	if (len == 4)
		*addr = addr_from_ipv4(bytes);
	else if (len == 16)
		*addr = addr_from_ipv6(bytes);
	return len == 4 || len == 16;
}

/* Where a key has its address, if it has one. */
static bool key_addr(const struct seen_key *key, struct addr *addr)
{
	if (key->kind == SEEN_DESTINATION)
		return addr_of_key(key->bytes, key->len, addr);
	if (key->kind == SEEN_LISTENER && key->len > LISTENER_ADDR)
		return addr_of_key(key->bytes + LISTENER_ADDR, key->len - LISTENER_ADDR, addr);
	return false;
}

static void text_of_key(const struct seen_key *key, struct seen_text *text)
{
	struct addr addr;

	*text = (struct seen_text){ .port = -1 };
	if (key_addr(key, &addr)) {
		(void)addr_format(&addr, text->value);
	} else if (key->kind == SEEN_MAC && key->len == 6) {
		for (int i = 0; i < 6; i++)
			(void)snprintf(text->value + (ptrdiff_t)3 * i, 4, i < 5 ? "%02x:" : "%02x",
				       key->bytes[i]);
	} else {
		memcpy(text->value, key->bytes, key->len);
		text->value[key->len] = '\0';
	}
	if (key->kind == SEEN_LISTENER && key->len > LISTENER_ADDR) {
		text->port = key->bytes[1] << 8 | key->bytes[2];
		(void)proto_format(key->bytes[0], text->proto);
	}
}

static bool is_asked_for(void *arg, const struct seen_key *key)
{
	const struct seen_ask *ask = arg;
	struct seen_text text;
	char port[8];
	struct addr addr;

	if (ask->is_prefix && key_addr(key, &addr))
		return prefix_has_addr(&ask->prefix, &addr);
	text_of_key(key, &text);
	(void)snprintf(port, sizeof(port), "%d", text.port);
	return strstr(text.value, ask->text) || (text.port >= 0 && !strcmp(port, ask->text));
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void append_entry(struct buffer *out, const struct seen_entry *entry)
{
	struct seen_text text;

	text_of_key(&entry->key, &text);
	buffer_append_text(out, "{\"value\":");
	append_json_text(out, text.value);
	if (text.port >= 0)
		buffer_append_format(out, ",\"proto\":\"%s\",\"port\":%d", text.proto, text.port);
	buffer_append_text(out, ",\"first\":");
	append_time(out, entry->first_unix_s * 1000, "\"");
	buffer_append_text(out, ",\"last\":");
	append_time(out, entry->last_unix_s * 1000, "\"");
	buffer_append_text(out, "}");
}

static void append_next(struct buffer *out, const struct seen_entry *last)
{
	buffer_append_format(out, "\"%lld.", (long long)last->first_unix_s);
	for (size_t i = 0; i < last->key.len; i++)
		buffer_append_format(out, "%02x", last->key.bytes[i]);
	buffer_append_text(out, "\"");
}

static int list_seen(struct search_job *job)
{
	struct store *store = job->call.api->options.store;
	const struct seen_ask *ask = job->more;
	const struct seen_query query = { .kind = ask->kind,
					  .after = ask->has_after ? &ask->after : NULL,
					  .has = *ask->text ? is_asked_for : NULL,
					  .arg = job->more };
	CLEANUP(free)
	struct seen_entry *entries = calloc((size_t)job->limit, sizeof(*entries));
	struct buffer *body = &job->body;
	int count = entries ? store_seen_list(store, &query, entries, (size_t)job->limit) : -ENOMEM;

	if (count < 0)
		return count;
	buffer_append_format(body, "{\"kind\":\"%s\",\"items\":[", kinds[ask->kind]);
	for (int i = 0; i < count; i++) {
		buffer_append_text(body, i ? "," : "");
		append_entry(body, &entries[i]);
	}
	buffer_append_text(body, "],\"next\":");
	if (count == job->limit)
		append_next(body, &entries[count - 1]);
	else
		buffer_append_text(body, "null");
	buffer_append_format(body, ",\"full\":%llu}", (unsigned long long)store_seen_full(store));
	return 0;
}

/* ---- the question ---------------------------------------------------------------------------- */

static int read_kind(struct call *call, struct seen_ask *ask)
{
	char text[PARAM_MAX];

	if (!param_text(call->request->query, "kind", text))
		for (int i = 0; i < SEEN_KIND_COUNT; i++)
			if (!strcmp(text, kinds[i])) {
				ask->kind = (enum seen_kind)i;
				return 0;
			}
	answer_error(call, 422, "invalid", "kind",
		     "kind is domain, destination, ja4, listener or mac.");
	return -EINVAL;
}

static int read_text(struct call *call, struct seen_ask *ask)
{
	if (param_text(call->request->query, "q", ask->text)) {
		answer_error(call, 422, "invalid", "q", "q is plain text.");
		return -EINVAL;
	}
	for (char *c = ask->text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	ask->is_prefix = !prefix_parse(ask->text, true, &ask->prefix);
	return 0;
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* FIRST "." KEY in hexadecimal, as append_next writes it. */
static int parse_after(const char *text, struct seen_entry *after)
{
	char *at;
	long long first = strtoll(text, &at, 10);

	if (at == text || *at != '.' || strlen(++at) % 2 || strlen(at) > 2UL * SEEN_KEY_MAX)
		return -EINVAL;
	after->first_unix_s = first;
	for (; *at; at += 2) {
		int high = digit_of(at[0]), low = digit_of(at[1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		after->key.bytes[after->key.len++] = (uint8_t)(high << 4 | low);
	}
	return after->key.len ? 0 : -EINVAL;
}

static int read_after(struct call *call, struct seen_ask *ask)
{
	char text[PARAM_MAX];

	if (!param_text(call->request->query, "after", text) && !*text)
		return 0;
	ask->has_after = true;
	if (!parse_after(text, &ask->after))
		return 0;
	answer_error(call, 422, "invalid", "after", "after is the next of a former answer.");
	return -EINVAL;
}

void handle_seen(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = NULL;
	int64_t limit = SEEN_LIMIT_DEFAULT;

	if (param_int(call, "limit", 1, SEEN_LIMIT_MAX, &limit))
		return;
	job = search_job_bare(call);
	if (!job)
		return;
	job->limit = limit;
	job->more = calloc(1, sizeof(struct seen_ask));
	if (!job->more) {
		answer_failure(call, -ENOMEM);
		return;
	}
	if (read_kind(call, job->more) || read_text(call, job->more) || read_after(call, job->more))
		return;
	search_job_start(TAKE(job), list_seen);
}

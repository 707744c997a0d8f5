/*
 * The words that filter the flow list: key:value, or a plain text found in addresses, ports and
 * the protocol. All words must match.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/api/internal.h"
#include "agent/util/addr.h"
#include "agent/util/proto.h"

enum word_type {
	WORD_PREFIX,
	WORD_PORT,
	WORD_PROTO,
	WORD_STATE,
	WORD_NAME
};

static const struct {
	const char *key;
	enum word_type type;
} keys[] = {
	{ "src", WORD_PREFIX },	 { "dst", WORD_PREFIX },  { "ip", WORD_PREFIX },
	{ "sport", WORD_PORT },	 { "dport", WORD_PORT },  { "port", WORD_PORT },
	{ "proto", WORD_PROTO }, { "state", WORD_STATE }, { "sni", WORD_NAME },
	{ "host", WORD_NAME },	 { "ja4", WORD_NAME },
};

static int parse_value(struct flow_query_word *word, enum word_type type)
{
	uint8_t proto;
	char *end;

	switch (type) {
	case WORD_PREFIX:
		return prefix_parse(word->text, true, &word->prefix);
	case WORD_PORT:
		word->number = strtol(word->text, &end, 10);
		return *end || end == word->text || word->number < 0 || word->number > 65535
			       ? -EINVAL
			       : 0;
	case WORD_PROTO:
		if (proto_parse(word->text, &proto))
			return -EINVAL;
		word->number = proto;
		return 0;
	case WORD_STATE:
		for (enum flow_state state = FLOW_NEW; state <= FLOW_EXPIRED; state++)
			if (!strcasecmp(word->text, flow_state_name((uint8_t)state))) {
				word->number = state;
				return 0;
			}
		return -EINVAL;
	case WORD_NAME:
		return *word->text ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static int parse_keyed(struct flow_query_word *word, const char *key, size_t key_len)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].key) == key_len && !strncasecmp(keys[i].key, key, key_len)) {
			(void)snprintf(word->key, sizeof(word->key), "%s", keys[i].key);
			return parse_value(word, keys[i].type);
		}
	return -ENOENT;
}

static int parse_word(const char *text, size_t len, struct flow_query_word *word)
{
	const char *colon = memchr(text, ':', len);
	struct prefix address;
	char whole[sizeof(word->text)];
	int error;

	if (len >= sizeof(whole))
		return -E2BIG;
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)len, text);
	*word = (struct flow_query_word){ 0 };
	if (!colon || !prefix_parse(whole, true, &address)) { /* an IPv6 address has colons */
		memcpy(word->text, whole, sizeof(whole));
		return 0;
	}
	(void)snprintf(word->text, sizeof(word->text), "%.*s", (int)(text + len - colon - 1),
		       colon + 1);
	error = parse_keyed(word, text, (size_t)(colon - text));
	return error;
}

int flow_query_parse(const char *text, struct flow_query *query, char *reason)
{
	const char *at = text;

	query->count = 0;
	for (;;) {
		size_t len;
		int error;

		at += strspn(at, " \t");
		len = strcspn(at, " \t");
		if (!len)
			return 0;
		error = query->count == FLOW_QUERY_WORDS_MAX
				? -E2BIG
				: parse_word(at, len, &query->words[query->count]);
		if (error) {
			(void)snprintf(reason, 160, "%s \"%.*s\" at character %d%s",
				       error == -E2BIG	  ? "Too much:"
				       : error == -ENOENT ? "Unknown word"
							  : "Wrong value in",
				       len > 48 ? 48 : (int)len, at, (int)(at - text) + 1,
				       error == -ENOENT ? "; known: src dst ip sport dport port "
							  "proto state sni host ja4"
							: ".");
			return -EINVAL;
		}
		query->count++;
		at += len;
	}
}

/* "*.example.com" is every name below it, "*" any at all, else a part of the name. */
static bool matches_name(const char *pattern, const char *name)
{
	size_t len = strlen(name), tail;

	if (!strcmp(pattern, "*"))
		return len > 0;
	if (strncmp(pattern, "*.", 2) != 0)
		return strcasestr(name, pattern) != NULL;
	tail = strlen(pattern + 1);
	return len > tail && !strcasecmp(name + len - tail, pattern + 1);
}

static bool matches_text(const char *text, const struct flow *flow, const struct flow_names *names)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX], ports[16];

	(void)snprintf(ports, sizeof(ports), "%u %u", flow->tuple.src_port, flow->tuple.dst_port);
	return strstr(addr_format(&flow->tuple.src, src), text) ||
	       strstr(addr_format(&flow->tuple.dst, dst), text) || strstr(ports, text) ||
	       !strcasecmp(proto_format(flow->tuple.proto, proto), text) ||
	       (names && (strcasestr(names->sni, text) || strcasestr(names->host, text)));
}

static bool matches_naming(const struct flow_query_word *word, const struct flow_names *names)
{
	if (!names)
		return false;
	if (!strcmp(word->key, "sni"))
		return matches_name(word->text, names->sni);
	if (!strcmp(word->key, "host"))
		return matches_name(word->text, names->host);
	return matches_name(word->text, names->ja4);
}

static bool matches_word(const struct flow_query_word *word, const struct flow *flow,
			 const struct flow_names *names)
{
	const struct five_tuple *tuple = &flow->tuple;

	if (!*word->key)
		return matches_text(word->text, flow, names);
	if (!strcmp(word->key, "src"))
		return prefix_has_addr(&word->prefix, &tuple->src);
	if (!strcmp(word->key, "dst"))
		return prefix_has_addr(&word->prefix, &tuple->dst);
	if (!strcmp(word->key, "ip"))
		return prefix_has_addr(&word->prefix, &tuple->src) ||
		       prefix_has_addr(&word->prefix, &tuple->dst);
	if (!strcmp(word->key, "sport"))
		return tuple->src_port == word->number;
	if (!strcmp(word->key, "dport"))
		return tuple->dst_port == word->number;
	if (!strcmp(word->key, "port"))
		return tuple->src_port == word->number || tuple->dst_port == word->number;
	if (!strcmp(word->key, "proto"))
		return tuple->proto == word->number;
	if (!strcmp(word->key, "state"))
		return flow->state == word->number;
	return matches_naming(word, names);
}

bool flow_query_matches(const struct flow_query *query, const struct flow *flow,
			const struct flow_names *names)
{
	for (size_t i = 0; i < query->count; i++)
		if (!matches_word(&query->words[i], flow, names))
			return false;
	return true;
}

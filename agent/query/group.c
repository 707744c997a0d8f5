/*
 * What records are grouped by: the key's bytes, and its text for people.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"
#include "agent/util/addr.h"
#include "agent/util/proto.h"
#include "include/device.h"
#include "include/flow.h"
#include "include/history.h"

static const char *const names[FLOW_GROUP_COUNT] = {
	[FLOW_GROUP_SRC] = "src",	  [FLOW_GROUP_DST] = "dst",
	[FLOW_GROUP_SPORT] = "sport",	  [FLOW_GROUP_DPORT] = "dport",
	[FLOW_GROUP_PROTO] = "proto",	  [FLOW_GROUP_SNI] = "sni",
	[FLOW_GROUP_HOST] = "dns",	  [FLOW_GROUP_DOMAIN] = "domain",
	[FLOW_GROUP_JA4] = "ja4",	  [FLOW_GROUP_IFACE] = "iface",
	[FLOW_GROUP_VLAN] = "vlan",	  [FLOW_GROUP_STATE] = "state",
	[FLOW_GROUP_VERDICT] = "verdict", [FLOW_GROUP_RULE] = "rule",
	[FLOW_GROUP_DIR] = "dir",	  [FLOW_GROUP_PROCESS] = "proc",
	[FLOW_GROUP_UNIT] = "unit",	  [FLOW_GROUP_COUNTRY] = "country",
	[FLOW_GROUP_ASN] = "asn",
};

const char *flow_state_name(uint8_t state)
{
	static const char *const states[] = { [FLOW_NEW] = "new",
					      [FLOW_ESTABLISHED] = "established",
					      [FLOW_CLOSED] = "closed",
					      [FLOW_EXPIRED] = "expired" };

	return state < sizeof(states) / sizeof(states[0]) ? states[state] : "";
}

const char *flow_verdict_name(uint8_t verdict)
{
	static const char *const verdicts[] = { "pass", "drop" };

	return verdict < sizeof(verdicts) / sizeof(verdicts[0]) ? verdicts[verdict] : "";
}

int flow_group_parse(const char *text, enum flow_group *group)
{
	if (!strcasecmp(text, "port")) /* what people mean by the busiest ports */
		text = "dport";
	if (!strcasecmp(text, "host"))
		text = "dns";
	for (int i = 0; i < FLOW_GROUP_COUNT; i++)
		if (!strcasecmp(names[i], text)) {
			*group = (enum flow_group)i;
			return 0;
		}
	return -EINVAL;
}

const char *flow_group_name(enum flow_group group)
{
	return names[group];
}

bool flow_group_is_text(enum flow_group group)
{
	switch (group) {
	case FLOW_GROUP_SNI:
	case FLOW_GROUP_HOST:
	case FLOW_GROUP_DOMAIN:
	case FLOW_GROUP_JA4:
	case FLOW_GROUP_IFACE:
	case FLOW_GROUP_PROCESS:
	case FLOW_GROUP_UNIT:
	case FLOW_GROUP_COUNTRY:
	case FLOW_GROUP_ASN:
		return true;
	default:
		return false;
	}
}

unsigned int flow_group_needs(enum flow_group group)
{
	switch (group) {
	case FLOW_GROUP_SRC:
		return FLOW_NEED_SRC;
	case FLOW_GROUP_DST:
		return FLOW_NEED_DST;
	case FLOW_GROUP_SPORT:
	case FLOW_GROUP_DPORT:
		return FLOW_NEED_PORTS;
	case FLOW_GROUP_PROTO:
		return FLOW_NEED_PROTO;
	case FLOW_GROUP_VLAN:
		return FLOW_NEED_VLAN;
	case FLOW_GROUP_IFACE:
	case FLOW_GROUP_STATE:
	case FLOW_GROUP_DIR:
		return FLOW_NEED_STATE;
	case FLOW_GROUP_VERDICT:
		return 0;
	case FLOW_GROUP_COUNTRY:
	case FLOW_GROUP_ASN:
		return FLOW_NEED_ADDRS;
	default:
		return FLOW_NEED_NAMES;
	}
}

static size_t addr_key(const struct addr *addr, uint8_t *key)
{
	if (addr->family == ADDR_IPV4) {
		memcpy(key, addr->bytes + 12, 4);
		return 4;
	}
	memcpy(key, addr->bytes, 16);
	return addr->family == ADDR_NONE ? 0 : 16;
}

static size_t number_key(uint64_t number, uint8_t *key)
{
	memcpy(key, &number, sizeof(number));
	return sizeof(number);
}

static size_t text_key(const char *text, uint8_t *key)
{
	size_t len = 0;

	for (; text && text[len] && len < FLOW_GROUP_KEY_MAX; len++)
		key[len] = (uint8_t)text[len];
	return len;
}

static const char *text_of(enum flow_group group, const struct flow_texts *texts)
{
	switch (group) {
	case FLOW_GROUP_SNI:
		return texts->sni;
	case FLOW_GROUP_HOST:
		return texts->host;
	case FLOW_GROUP_DOMAIN:
		return texts->sni && *texts->sni ? texts->sni : texts->host;
	case FLOW_GROUP_JA4:
		return texts->ja4;
	case FLOW_GROUP_IFACE:
		return texts->iface;
	case FLOW_GROUP_PROCESS:
		return texts->process;
	default:
		return texts->unit;
	}
}

/* The other end is mostly the one that is somewhere; of a guest from outside it is the source. */
static size_t place_key(enum flow_group group, const struct flow_record *record,
			const struct flow_texts *texts, uint8_t *key)
{
	const struct flow_ends *ends =
		texts && texts->ends ? texts->ends(texts->ends_arg, record) : NULL;
	const struct geo_place *place = ends ? &ends->dst.place : NULL;
	char text[GEO_OWNER_MAX + 16];

	if (!place)
		return 0;
	if (group == FLOW_GROUP_COUNTRY)
		return text_key(*place->country ? place->country : ends->src.place.country, key);
	if (!place->asn)
		place = &ends->src.place;
	if (!place->asn)
		return 0;
	(void)snprintf(text, sizeof(text), "AS%u%s%s", place->asn, *place->owner ? " " : "",
		       place->owner);
	return text_key(text, key);
}

size_t flow_group_key(enum flow_group group, const struct flow_record *record,
		      const struct flow_texts *texts, uint8_t key[static FLOW_GROUP_KEY_MAX])
{
	switch (group) {
	case FLOW_GROUP_SRC:
		return addr_key(&record->tuple.src, key);
	case FLOW_GROUP_DST:
		return addr_key(&record->tuple.dst, key);
	case FLOW_GROUP_SPORT:
		return number_key(record->tuple.src_port, key);
	case FLOW_GROUP_DPORT:
		return number_key(record->tuple.dst_port, key);
	case FLOW_GROUP_PROTO:
		return number_key(record->tuple.proto, key);
	case FLOW_GROUP_VLAN:
		return record->vlan ? number_key(record->vlan, key) : 0;
	case FLOW_GROUP_STATE:
		return number_key(record->state, key);
	case FLOW_GROUP_VERDICT:
		return number_key(record->verdict, key);
	case FLOW_GROUP_RULE:
		return record->rule_id ? number_key(record->rule_id, key) : 0;
	case FLOW_GROUP_DIR:
		return number_key(record->ingress ? DIRECTION_INGRESS : DIRECTION_EGRESS, key);
	case FLOW_GROUP_COUNTRY:
	case FLOW_GROUP_ASN:
		return place_key(group, record, texts, key);
	default:
		return texts ? text_key(text_of(group, texts), key) : 0;
	}
}

static const char *format_number(enum flow_group group, uint64_t number, char *text)
{
	char proto[PROTO_TEXT_MAX];

	switch (group) {
	case FLOW_GROUP_PROTO:
		(void)snprintf(text, FLOW_GROUP_KEY_MAX, "%s",
			       proto_format((uint8_t)number, proto));
		return text;
	case FLOW_GROUP_STATE:
		(void)snprintf(text, FLOW_GROUP_KEY_MAX, "%s", flow_state_name((uint8_t)number));
		return text;
	case FLOW_GROUP_VERDICT:
		(void)snprintf(text, FLOW_GROUP_KEY_MAX, "%s", flow_verdict_name((uint8_t)number));
		return text;
	case FLOW_GROUP_DIR:
		(void)snprintf(text, FLOW_GROUP_KEY_MAX, "%s",
			       number == DIRECTION_INGRESS ? "in" : "out");
		return text;
	default:
		(void)snprintf(text, FLOW_GROUP_KEY_MAX, "%llu", (unsigned long long)number);
		return text;
	}
}

const char *flow_group_format(enum flow_group group, const uint8_t *key, size_t len,
			      char text[static FLOW_GROUP_KEY_MAX + 1])
{
	struct addr addr;
	uint64_t number;

	text[0] = '\0';
	if (!len)
		return text;
	if (group == FLOW_GROUP_SRC || group == FLOW_GROUP_DST) {
		addr = len == 4 ? addr_from_ipv4(key) : addr_from_ipv6(key);
		return addr_format(&addr, text);
	}
	if (!flow_group_is_text(group)) {
		memcpy(&number, key, sizeof(number));
		return format_number(group, number, text);
	}
	memcpy(text, key, len);
	text[len] = '\0';
	return text;
}

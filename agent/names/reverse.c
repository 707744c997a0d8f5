/*
 * Reverse look-ups: the question that is sent, and what its answer says. Names below in-addr.arpa
 * (RFC 1035 3.5) and ip6.arpa (RFC 3596 2.5), led on by CNAME where a part of them is delegated
 * (RFC 2317).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/names/devices.h"
#include "agent/names/internal.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

#define FLAG_RECURSION 0x0100 /* RFC 1035 4.1.1: RD */
#define TYPE_CNAME     5      /* RFC 1035 3.2.2 */
#define TYPE_PTR       12
#define CLASS_IN       1
#define RCODE_NO_NAME  3 /* NXDOMAIN */
#define ALIASES_MAX    8

static size_t put_label(uint8_t *out, const char *label)
{
	size_t len = strlen(label);

	out[0] = (uint8_t)len;
	memcpy(out + 1, label, len);
	return len + 1;
}

static size_t put_name(uint8_t *out, const struct addr *addr)
{
	char label[4];
	size_t len = 0;

	for (int i = 15; i >= (addr->family == ADDR_IPV4 ? 12 : 0); i--) {
		if (addr->family == ADDR_IPV4) {
			(void)snprintf(label, sizeof(label), "%u", addr->bytes[i]);
			len += put_label(out + len, label);
			continue;
		}
		(void)snprintf(label, sizeof(label), "%x", addr->bytes[i] & 0xf);
		len += put_label(out + len, label);
		(void)snprintf(label, sizeof(label), "%x", addr->bytes[i] >> 4);
		len += put_label(out + len, label);
	}
	len += put_label(out + len, addr->family == ADDR_IPV4 ? "in-addr" : "ip6");
	len += put_label(out + len, "arpa");
	out[len] = 0;
	return len + 1;
}

size_t names_reverse_query(const struct addr *addr, uint16_t id,
			   uint8_t out[static NAMES_QUERY_MAX])
{
	const uint8_t tail[4] = { 0, TYPE_PTR, 0, CLASS_IN };
	size_t len = 12;

	memset(out, 0, len);
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	out[2] = FLAG_RECURSION >> 8;
	out[5] = 1; /* question */
	len += put_name(out + len, addr);
	memcpy(out + len, tail, sizeof(tail));
	return len + sizeof(tail);
}

static const struct dns_record *find(const struct dns_message *message, const char *name,
				     uint16_t type)
{
	for (unsigned int i = 0; i < message->answer_count; i++)
		if (message->answers[i].type == type && !strcasecmp(message->answers[i].name, name))
			return &message->answers[i];
	return NULL;
}

static void read_name(const struct dns_message *message, struct names_reverse *out)
{
	const char *name = message->questions[0].name;
	const struct dns_record *record = find(message, name, TYPE_PTR);
	uint32_t ttl_s = UINT32_MAX;

	for (int i = 0; !record && i < ALIASES_MAX; i++) {
		const struct dns_record *alias = find(message, name, TYPE_CNAME);

		if (!alias)
			return;
		name = alias->rdata;
		ttl_s = alias->ttl_s < ttl_s ? alias->ttl_s : ttl_s;
		record = find(message, name, TYPE_PTR);
	}
	if (!record || strlen(record->rdata) >= sizeof(out->name))
		return; /* a longer one is nobody's */
	memcpy(out->name, record->rdata, strlen(record->rdata) + 1);
	out->ttl_s = record->ttl_s < ttl_s ? record->ttl_s : ttl_s;
}

int names_reverse_answer(const uint8_t *data, size_t len, const struct addr *addr, uint16_t id,
			 struct names_reverse *out)
{
	CLEANUP(free) struct dns_message *message = malloc(sizeof(*message));
	struct addr asked;

	if (!message)
		return -ENOMEM;
	if (dns_parse(data, len, message) <= 0 || !message->is_answer || message->id != id ||
	    message->question_count != 1 || message->questions[0].type != TYPE_PTR ||
	    !devices_reverse(message->questions[0].name, &asked) || !addr_is_equal(&asked, addr))
		return -EAGAIN;
	if (message->rcode && message->rcode != RCODE_NO_NAME)
		return -EREMOTEIO;
	*out = (struct names_reverse){ 0 };
	if (!message->rcode)
		read_name(message, out);
	return 0;
}

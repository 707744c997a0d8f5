/*
 * From messages to names of devices. Everything here is others' word.
 */
#include "agent/names/devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/names/dhcp.h"
#include "agent/names/dhcp6.h"
#include "agent/util/addr.h"

#define TYPE_PTR 12 /* RFC 1035 3.2.2 */

static void tell(const struct devices_heard *heard, const struct addr *addr,
		 enum device_source source, const char *name)
{
	struct device_name device = { .addr = *addr, .source = (uint8_t)source };
	size_t len = strlen(name);

	if (len && name[len - 1] == '.')
		len--;
	if (!heard->on_device || !len || len >= sizeof(device.name) || addr->family == ADDR_NONE)
		return; /* a longer one is nobody's */
	memcpy(device.name, name, len);
	heard->on_device(heard->arg, &device);
}

/* ---- DHCP ------------------------------------------------------------------------------------ */

static const char *host_asked(const struct devices_heard *heard, uint8_t family, uint32_t xid)
{
	for (unsigned int i = 0; i < DHCP_ASKED_MAX; i++)
		if (heard->asked[i].family == family && heard->asked[i].xid == xid)
			return heard->asked[i].host;
	return "";
}

static void remember(struct devices_heard *heard, uint8_t family, uint32_t xid,
		     const char host[static DEVICE_NAME_MAX])
{
	heard->asked[heard->next].xid = xid;
	heard->asked[heard->next].family = family;
	memcpy(heard->asked[heard->next].host, host, DEVICE_NAME_MAX);
	heard->next = (heard->next + 1) % DHCP_ASKED_MAX;
}

/* No router passes that on (RFC 919 7). */
static bool is_to_all(const struct addr *addr)
{
	static const uint8_t all[4] = { 255, 255, 255, 255 };
	const struct addr broadcast = addr_from_ipv4(all);

	return addr_is_equal(addr, &broadcast);
}

int devices_take_dhcp(struct devices_heard *heard, const struct payload *payload)
{
	const struct five_tuple *tuple = &payload->tuple;
	bool is_near = is_to_all(&tuple->dst);
	struct dhcp_message message;

	if (dhcp_parse(payload->data, payload->len, &message) < 0)
		return -EBADMSG;
	if (message.is_reply && message.type == DHCP_ACK) {
		const char *asked = host_asked(heard, ADDR_IPV4, message.xid);

		/* servers give back what was asked by, or not */
		if (is_near || *asked)
			tell(heard, &message.addr, DEVICE_DHCP,
			     *message.host ? message.host : asked);
	} else if (!message.is_reply && message.type == DHCP_REQUEST && *message.host &&
		   (is_near || addr_is_equal(&tuple->src, &message.addr))) {
		remember(heard, ADDR_IPV4, message.xid, message.host);
		/* the answer may go past this machine: what was asked for is mostly given */
		tell(heard, &message.addr, DEVICE_DHCP, message.host);
	}
	return 0;
}

/* fe80::/10, or a group of the link: ff02::/16 (RFC 4291 2.4 and 2.7). */
static bool is_of_link(const struct addr *addr)
{
	return addr->family == ADDR_IPV6 &&
	       ((addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80) ||
		(addr->bytes[0] == 0xff && addr->bytes[1] == 0x02));
}

int devices_take_dhcp6(struct devices_heard *heard, const struct payload *payload)
{
	const struct five_tuple *tuple = &payload->tuple;
	struct dhcp6_message message;
	const char *host;

	if (dhcp6_parse(payload->data, payload->len, &message) < 0)
		return -EBADMSG;
	if (!is_of_link(&tuple->src) || !is_of_link(&tuple->dst))
		return 0;
	host = message.host;
	if (message.is_question && *host) {
		remember(heard, ADDR_IPV6, message.xid, message.host);
		tell(heard, &tuple->src, DEVICE_DHCP, host);
	} else if (message.is_reply && !*host) {
		host = host_asked(heard, ADDR_IPV6, message.xid);
	}
	for (unsigned int i = 0; i < message.addr_count; i++)
		tell(heard, &message.addrs[i], DEVICE_DHCP, host);
	return 0;
}

/* ---- mDNS ------------------------------------------------------------------------------------ */

bool devices_is_mdns_group(const struct addr *addr)
{
	static const uint8_t four[4] = { 224, 0, 0, 251 };
	static const uint8_t six[16] = { 0xff, 0x02, [15] = 0xfb };
	const struct addr group4 = addr_from_ipv4(four), group6 = addr_from_ipv6(six);

	return addr_is_equal(addr, &group4) || addr_is_equal(addr, &group6);
}

static const char *name_of(const struct dns_message *message, const struct addr *addr)
{
	for (unsigned int i = 0; i < message->answer_count; i++)
		if (addr_is_equal(&message->answers[i].addr, addr))
			return message->answers[i].name;
	return NULL;
}

void devices_take_mdns(const struct devices_heard *heard, const struct addr *src,
		       const struct dns_message *message)
{
	const char *name = message->is_answer ? name_of(message, src) : NULL;
	char host[NAME_TEXT_MAX];
	size_t len;

	if (!name)
		return;
	(void)snprintf(host, sizeof(host), "%s", name);
	len = strlen(host);
	if (len > 6 && !strcasecmp(host + len - 6, ".local"))
		host[len - 6] = '\0';
	for (unsigned int i = 0; i < message->answer_count; i++)
		if (message->answers[i].addr.family != ADDR_NONE &&
		    !strcasecmp(message->answers[i].name, name))
			tell(heard, &message->answers[i].addr, DEVICE_MDNS, host);
}

/* ---- reverse look-ups ------------------------------------------------------------------------ */

static int hex_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return c >= '0' && at ? (int)(at - digits) : -1;
}

static bool reverse_ipv6(const char *name, size_t len, struct addr *out)
{
	uint8_t bytes[16] = { 0 };

	if (len != 63) /* 32 digits and the dots between them */
		return false;
	for (size_t i = 0; i < 32; i++) {
		int digit = hex_of(name[2 * i]);

		if (digit < 0 || (i < 31 && name[2 * i + 1] != '.'))
			return false;
		bytes[15 - i / 2] |= (uint8_t)(i % 2 ? digit << 4 : digit);
	}
	*out = addr_from_ipv6(bytes);
	return true;
}

static bool reverse_ipv4(const char *name, size_t len, struct addr *out)
{
	uint8_t bytes[4];
	size_t at = 0;

	for (int i = 3; i >= 0; i--) {
		unsigned int part = 0, digits = 0;

		for (; at < len && name[at] >= '0' && name[at] <= '9' && digits < 4; at++, digits++)
			part = part * 10 + (unsigned int)(name[at] - '0');
		if (!digits || part > 255 || (i && (at >= len || name[at++] != '.')))
			return false;
		bytes[i] = (uint8_t)part;
	}
	*out = addr_from_ipv4(bytes);
	return at == len;
}

bool devices_reverse(const char *name, struct addr *out)
{
	static const char four[] = ".in-addr.arpa", six[] = ".ip6.arpa";
	size_t len = strlen(name);

	if (len && name[len - 1] == '.')
		len--;
	if (len > sizeof(four) - 1 &&
	    !strncasecmp(name + len - (sizeof(four) - 1), four, sizeof(four) - 1))
		return reverse_ipv4(name, len - (sizeof(four) - 1), out);
	if (len > sizeof(six) - 1 &&
	    !strncasecmp(name + len - (sizeof(six) - 1), six, sizeof(six) - 1))
		return reverse_ipv6(name, len - (sizeof(six) - 1), out);
	return false;
}

void devices_take_dns(const struct devices_heard *heard, const struct dns_message *message)
{
	struct addr addr;

	if (message->question_count == 0)
		return;
	for (unsigned int i = 0; i < message->answer_count; i++) {
		const struct dns_record *record = &message->answers[i];

		if (record->type == TYPE_PTR &&
		    !strcasecmp(record->name, message->questions[0].name) &&
		    devices_reverse(record->name, &addr)) {
			tell(heard, &addr, DEVICE_DNS, record->rdata);
			return;
		}
	}
}

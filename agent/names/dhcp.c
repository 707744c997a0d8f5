/*
 * DHCP: which device gets which address, and what it calls itself. Layout: RFC 2131 2; options: RFC
 * 2132, RFC 4702.
 */
#include "agent/names/dhcp.h"

#include <errno.h>
#include <string.h>

#include "agent/names/cursor.h"
#include "agent/names/dns_record.h"
#include "agent/names/internal.h"
#include "agent/util/addr.h"

#define MAGIC	    0x63825363u /* RFC 2131 3 */
#define NAMES_BYTES 192		/* sname and file */
#define OPTIONS_MAX 128		/* a message of 1500 bytes has far fewer that mean anything */

enum {
	OPTION_PAD = 0,
	OPTION_HOST = 12,
	OPTION_WANTED = 50,
	OPTION_TYPE = 53,
	OPTION_FQDN = 81,
	OPTION_END = 255,
};

#define FQDN_IS_WIRE 0x04 /* RFC 4702 2.1, the E bit */

/* Up to a NUL, which some devices send behind it (RFC 2132 2). */
static void put_host(char *out, const uint8_t *data, size_t len)
{
	struct text text;

	text_start(&text, out, DEVICE_NAME_MAX);
	text_put_bytes(&text, data, strnlen((const char *)data, len));
}

static void read_fqdn(struct cursor *value, struct dhcp_message *out)
{
	uint8_t flags = (uint8_t)cursor_number(value, 1);
	struct dns_cursor wire;
	char name[NAME_TEXT_MAX];

	(void)cursor_number(value, 2); /* results, no more used */
	if (value->has_failed || !value->left || *out->host)
		return;
	if (!(flags & FQDN_IS_WIRE)) {
		put_host(out->host, value->at, value->left);
		return;
	}
	wire = (struct dns_cursor){ .data = value->at, .len = value->left };
	if (dns_read_name(&wire, name, sizeof(name)) && strlen(name) < DEVICE_NAME_MAX)
		memcpy(out->host, name, strlen(name) + 1);
}

static void read_option(uint8_t code, struct cursor *value, struct dhcp_message *out)
{
	switch (code) {
	case OPTION_TYPE:
		out->type = (uint8_t)cursor_number(value, 1);
		break;
	case OPTION_HOST:
		if (value->left)
			put_host(out->host, value->at, value->left);
		break;
	case OPTION_FQDN:
		read_fqdn(value, out);
		break;
	case OPTION_WANTED:
		if (value->left == 4 && out->type != DHCP_ACK)
			out->addr = addr_from_ipv4(value->at);
		break;
	default:
		break;
	}
}

static void read_options(struct cursor *at, struct dhcp_message *out)
{
	for (int i = 0; i < OPTIONS_MAX && at->left; i++) {
		uint8_t code = (uint8_t)cursor_number(at, 1);
		struct cursor value;

		if (code == OPTION_PAD)
			continue;
		if (code == OPTION_END)
			return;
		value = cursor_vector(at, 1);
		if (value.has_failed)
			return; /* cut: what came before counts */
		read_option(code, &value, out);
	}
}

static bool is_some(const uint8_t ip[static 4])
{
	return ip[0] | ip[1] | ip[2] | ip[3];
}

ssize_t dhcp_parse(const uint8_t *data, size_t len, struct dhcp_message *out)
{
	struct cursor at = cursor_over(data, len), client, given;

	*out = (struct dhcp_message){ 0 };
	out->is_reply = cursor_number(&at, 1) == 2;
	(void)cursor_number(&at, 3); /* hardware type and length, hops */
	out->xid = (uint32_t)cursor_number(&at, 4);
	(void)cursor_number(&at, 4); /* seconds, flags */
	client = cursor_take(&at, 4);
	given = cursor_take(&at, 4);
	(void)cursor_take(&at, 8); /* next server, relay */
	(void)cursor_take(&at, 16 + NAMES_BYTES);
	if (cursor_number(&at, 4) != MAGIC || at.has_failed)
		return -EBADMSG;
	if (is_some(client.at))
		out->addr = addr_from_ipv4(client.at);
	read_options(&at, out);
	if (out->type == DHCP_ACK)
		out->addr = is_some(given.at) ? addr_from_ipv4(given.at)
					      : (struct addr){ .family = ADDR_NONE };
	return out->type ? (ssize_t)len : -EBADMSG;
}

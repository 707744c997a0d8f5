/*
 * DHCP over IPv6: which device gets which addresses, and what it calls itself. Messages and
 * options: RFC 8415 7.3, 8 and 21; the name: RFC 4704.
 */
#include "agent/names/dhcp6.h"

#include <errno.h>
#include <string.h>

#include "agent/names/cursor.h"
#include "agent/names/dns_record.h"
#include "agent/names/internal.h"
#include "agent/util/addr.h"

/* Options of one level; a message of 1500 bytes has far fewer that mean anything. */
#define OPTIONS_MAX 64
#define FQDN_BYTES  255 /* RFC 1035 2.3.4 */

enum {
	MESSAGE_SOLICIT = 1,
	MESSAGE_REQUEST = 3,
	MESSAGE_RENEW = 5,
	MESSAGE_REBIND = 6,
	MESSAGE_REPLY = 7,
};

enum {
	OPTION_IA_NA = 3,
	OPTION_IA_TA = 4,
	OPTION_IAADDR = 5,
	OPTION_FQDN = 39,
};

/* RFC 4704 4.2: as on the wire, without compression; a partial name has no end of its own. */
static void read_fqdn(struct cursor value, struct dhcp6_message *out)
{
	uint8_t wire[FQDN_BYTES + 1] = { 0 };
	struct dns_cursor at = { .data = wire };
	char name[NAME_TEXT_MAX];

	(void)cursor_number(&value, 1); /* flags: who is to tell the DNS */
	if (value.has_failed || value.left > FQDN_BYTES)
		return;
	memcpy(wire, value.at, value.left);
	at.len = value.left + 1; /* the end it may lack */
	if (dns_read_name(&at, name, sizeof(name)) && strlen(name) < sizeof(out->host))
		memcpy(out->host, name, strlen(name) + 1);
}

/* One that has no lifetime left is taken away, not given (RFC 8415 18.2.10.1). */
static void read_addr(struct cursor value, struct dhcp6_message *out)
{
	struct cursor bytes = cursor_take(&value, 16);
	uint64_t valid_s;

	(void)cursor_number(&value, 4); /* preferred lifetime */
	valid_s = cursor_number(&value, 4);
	if (value.has_failed || (out->is_reply && !valid_s) || out->addr_count == DHCP6_ADDRS_MAX)
		return;
	out->addrs[out->addr_count++] = addr_from_ipv6(bytes.at);
}

static void read_association(struct cursor value, size_t head, struct dhcp6_message *out)
{
	(void)cursor_take(&value, head);
	for (int i = 0; i < OPTIONS_MAX && value.left; i++) {
		uint16_t code = (uint16_t)cursor_number(&value, 2);
		struct cursor inner = cursor_vector(&value, 2);

		if (!inner.has_failed && code == OPTION_IAADDR)
			read_addr(inner, out);
	}
}

static void read_option(uint16_t code, struct cursor value, struct dhcp6_message *out)
{
	switch (code) {
	case OPTION_IA_NA:
		read_association(value, 12, out); /* its id and two times */
		break;
	case OPTION_IA_TA:
		read_association(value, 4, out);
		break;
	case OPTION_FQDN:
		read_fqdn(value, out);
		break;
	default:
		break;
	}
}

ssize_t dhcp6_parse(const uint8_t *data, size_t len, struct dhcp6_message *out)
{
	struct cursor at = cursor_over(data, len);
	uint8_t type = (uint8_t)cursor_number(&at, 1);

	*out = (struct dhcp6_message){ 0 };
	out->xid = (uint32_t)cursor_number(&at, 3);
	if (at.has_failed)
		return -EBADMSG;
	out->is_reply = type == MESSAGE_REPLY;
	out->is_question = type == MESSAGE_SOLICIT || type == MESSAGE_REQUEST ||
			   type == MESSAGE_RENEW || type == MESSAGE_REBIND;
	for (int i = 0; i < OPTIONS_MAX && at.left && (out->is_reply || out->is_question); i++) {
		uint16_t code = (uint16_t)cursor_number(&at, 2);
		struct cursor value = cursor_vector(&at, 2);

		if (value.has_failed)
			break; /* cut: what came before counts */
		read_option(code, value, out);
	}
	return (ssize_t)len;
}

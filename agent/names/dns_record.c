/*
 * What DNS records hold, as text: addresses, names, and the service bindings that announce HTTP/3
 * and address hints (RFC 9460). Types that nobody above asks for stay empty.
 */
#include <string.h>

#include "agent/names/dns_record.h"
#include "agent/names/internal.h"
#include "agent/util/addr.h"

enum {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_DNAME = 39,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
};

/* RFC 9460 14.3.2 */
enum {
	PARAM_ALPN = 1,
	PARAM_PORT = 3,
	PARAM_IPV4HINT = 4,
	PARAM_IPV6HINT = 6,
};
static const char *const param_names[] = {
	"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint",
};

static size_t left(const struct dns_cursor *at)
{
	return at->len - at->pos;
}

static bool read_addr(struct dns_cursor *at, struct dns_record *record)
{
	if (left(at) != (record->type == TYPE_A ? 4 : 16))
		return false;
	record->addr = record->type == TYPE_A ? addr_from_ipv4(at->data + at->pos)
					      : addr_from_ipv6(at->data + at->pos);
	return true;
}

/* @count numbers, then a name: MX (RFC 1035 3.3.9), SRV (RFC 2782), the head of SVCB. */
static bool put_numbers_and_name(struct dns_cursor *at, unsigned int count, struct text *text)
{
	char name[NAME_TEXT_MAX];
	uint16_t number;

	for (unsigned int i = 0; i < count; i++) {
		if (!dns_read_u16(at, &number))
			return false;
		text_put_number(text, number);
		text_put(text, " ");
	}
	if (!dns_read_name(at, name, sizeof(name)))
		return false;
	text_put(text, name[0] || count == 0 ? name : ".");
	return true;
}

/* Character-strings, each behind its length: TXT (RFC 1035 3.3.14) and alpn. */
static bool put_strings(struct dns_cursor *at, const char *between, struct text *text)
{
	for (bool first = true; left(at) > 0; first = false) {
		size_t len = at->data[at->pos];

		if (len >= left(at))
			return false;
		if (!first)
			text_put(text, between);
		text_put_bytes(text, at->data + at->pos + 1, len);
		at->pos += len + 1;
	}
	return true;
}

static bool put_hints(struct dns_cursor *at, size_t width, struct text *text)
{
	char words[ADDR_TEXT_MAX];

	if (left(at) == 0 || left(at) % width != 0)
		return false;
	for (bool first = true; left(at) > 0; first = false) {
		struct addr addr = width == 4 ? addr_from_ipv4(at->data + at->pos)
					      : addr_from_ipv6(at->data + at->pos);

		if (!first)
			text_put(text, ",");
		text_put(text, addr_format(&addr, words));
		at->pos += width;
	}
	return true;
}

static bool put_param_value(struct dns_cursor *at, uint16_t key, struct text *text)
{
	uint16_t port;

	if (left(at) == 0)
		return true;
	text_put(text, "=");
	switch (key) {
	case PARAM_ALPN:
		return put_strings(at, ",", text);
	case PARAM_PORT:
		if (left(at) != 2 || !dns_read_u16(at, &port))
			return false;
		text_put_number(text, port);
		return true;
	case PARAM_IPV4HINT:
		return put_hints(at, 4, text);
	case PARAM_IPV6HINT:
		return put_hints(at, 16, text);
	default:
		text_put_bytes(text, at->data + at->pos, left(at));
		return true;
	}
}

static bool put_params(struct dns_cursor *at, struct text *text)
{
	while (left(at) > 0) {
		struct dns_cursor value = { .data = at->data };
		uint16_t key, len;

		if (!dns_read_u16(at, &key) || !dns_read_u16(at, &len) || len > left(at))
			return false;
		value.pos = at->pos;
		value.len = at->pos + len;
		at->pos += len;
		text_put(text, " ");
		if (key < sizeof(param_names) / sizeof(param_names[0])) {
			text_put(text, param_names[key]);
		} else {
			text_put(text, "key");
			text_put_number(text, key);
		}
		if (!put_param_value(&value, key, text))
			return false;
	}
	return true;
}

bool dns_read_rdata(struct dns_cursor *at, struct dns_record *record)
{
	struct text text;

	record->addr = (struct addr){ .family = ADDR_NONE };
	text_start(&text, record->rdata, sizeof(record->rdata));
	switch (record->type) {
	case TYPE_A:
	case TYPE_AAAA:
		return read_addr(at, record);
	case TYPE_CNAME:
	case TYPE_DNAME:
	case TYPE_NS:
	case TYPE_PTR:
		return put_numbers_and_name(at, 0, &text);
	case TYPE_MX:
		return put_numbers_and_name(at, 1, &text);
	case TYPE_SRV:
		return put_numbers_and_name(at, 3, &text);
	case TYPE_TXT:
		return put_strings(at, "", &text);
	case TYPE_SVCB:
	case TYPE_HTTPS:
		return put_numbers_and_name(at, 1, &text) && put_params(at, &text);
	default:
		return true;
	}
}

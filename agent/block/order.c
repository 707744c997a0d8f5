/*
 * From the words of a request to a canonical order: target, scope, life, reason. Nothing here
 * changes state; whoever asks gets a sentence and the field that is wrong.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/config/config.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

/*
 * The widest prefix one order may name. The registries hand out IPv4 by /8 and IPv6 to a network
 * up to /19 (IANA IPv4 address space registry; RFC 6177 and the RIRs' largest allocations): wider
 * is never one network, but a slip of the hand.
 */
#define WIDEST_IPV4 8
#define WIDEST_IPV6 19

/* Ten years; longer is "never", said plainly. Keeps every sum of times far from overflow. */
#define TTL_MAX_S (3650LL * 86400)

int outcome_fail(struct block_outcome *outcome, int error, const char *field, const char *format,
		 ...)
{
	va_list args;

	outcome->error = error;
	outcome->field = field;
	va_start(args, format);
	(void)vsnprintf(outcome->message, sizeof(outcome->message), format, args); /* may cut */
	va_end(args);
	return error;
}

int order_require_admin(const struct principal *who, struct block_outcome *outcome)
{
	if (who->role >= ROLE_ADMIN)
		return 0;
	return outcome_fail(outcome, -EACCES, "", "only an admin may block or keep the safe list");
}

/* A copy without spaces around it; false when longer than any prefix. */
static bool copy_trimmed(const char *text, char out[static PREFIX_TEXT_MAX])
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	if (len >= PREFIX_TEXT_MAX)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

int order_parse_target(const char *text, const char *field, struct prefix *target,
		       struct block_outcome *outcome)
{
	char trimmed[PREFIX_TEXT_MAX], fixed[PREFIX_TEXT_MAX];
	struct prefix prefix;
	int error = -EINVAL;

	if (text && copy_trimmed(text, trimmed))
		error = prefix_parse(trimmed, false, &prefix);
	if (error == -ERANGE && prefix_parse(trimmed, true, &prefix) == 0)
		return outcome_fail(outcome, -EINVAL, field,
				    "%s has bits set behind its length: did you mean %s?", trimmed,
				    prefix_format(&prefix, fixed));
	if (error)
		return outcome_fail(outcome, -EINVAL, field,
				    "not an address or prefix, such as 192.0.2.7, 192.0.2.0/24 or "
				    "2001:db8::/64");
	if (order_check_width(&prefix, field, outcome) != 0)
		return outcome->error;
	*target = prefix;
	return 0;
}

int order_check_width(const struct prefix *prefix, const char *field, struct block_outcome *outcome)
{
	unsigned int widest = prefix->addr.family == ADDR_IPV4 ? WIDEST_IPV4 : WIDEST_IPV6;
	char text[PREFIX_TEXT_MAX];

	if (prefix->len == 0)
		return outcome_fail(outcome, -EINVAL, field, "%s is every address: refused",
				    prefix_format(prefix, text));
	if (prefix->len < widest)
		return outcome_fail(outcome, -EINVAL, field,
				    "%s is too wide: the widest allowed is /%u",
				    prefix_format(prefix, text), widest);
	return 0;
}

/* A word of a name table; the empty word is the first one. Returns its index or -EINVAL. */
static int parse_word(const char *word, const char *(*name)(uint8_t), uint8_t count)
{
	if (!word || !*word)
		return 0;
	for (uint8_t i = 0; i < count; i++) {
		if (strcmp(word, name(i)) == 0)
			return i;
	}
	return -EINVAL;
}

/* "icmp" means the one of the target's own family: a person blocking pings means these. */
static int parse_proto(const char *word, uint8_t family)
{
	char *end;
	unsigned long number;

	if (!word || !*word || strcmp(word, "any") == 0)
		return 0;
	if (strcmp(word, "tcp") == 0)
		return IPPROTO_TCP;
	if (strcmp(word, "udp") == 0)
		return IPPROTO_UDP;
	if (strcmp(word, "icmp") == 0)
		return family == ADDR_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	if (strspn(word, "0123456789") != strlen(word) || strlen(word) > 3)
		return -EINVAL;
	number = strtoul(word, &end, 10);
	return *end || number > 255 ? -EINVAL : (int)number;
}

static bool has_ports(uint8_t proto)
{
	return proto == 0 || proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static int parse_scope(const struct block_request *request, struct block *block,
		       struct block_outcome *outcome)
{
	int action = parse_word(request->action, block_action_name, BLOCK_REFUSE + 1);
	int direction = parse_word(request->direction, block_direction_name, BLOCK_OUT + 1);
	int proto = parse_proto(request->proto, block->target.addr.family);

	if (action < 0 || (action == BLOCK_REFUSE && !block->domain[0] && !block->list[0]))
		return outcome_fail(outcome, -EINVAL, "action",
				    "the action is drop or count; for names and lists also refuse");
	if (direction < 0)
		return outcome_fail(outcome, -EINVAL, "direction",
				    "the direction is both, in or out");
	if (proto < 0)
		return outcome_fail(outcome, -EINVAL, "proto",
				    "the protocol is tcp, udp, icmp or a number from 0 to 255");
	if (request->port < 0 || request->port > UINT16_MAX)
		return outcome_fail(outcome, -EINVAL, "port", "a port is a number up to 65535");
	if (block->domain[0] && proto != 0 && proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return outcome_fail(outcome, -EINVAL, "proto",
				    "names are seen in tcp and udp only");
	if (request->port && !has_ports(proto))
		return outcome_fail(outcome, -EINVAL, "port", "this protocol has no ports");
	block->action = action;
	block->direction = direction;
	block->proto = proto;
	block->port = request->port;
	return 0;
}

static int parse_life(const struct block_service *service, const struct block_request *request,
		      struct block *block, struct block_outcome *outcome)
{
	int64_t ttl_s = request->ttl_s;

	if (ttl_s == -1)
		ttl_s = config_int(service->options.config, CONFIG_BLOCK_DEFAULT_TTL);
	if (ttl_s < 0 || ttl_s > TTL_MAX_S)
		return outcome_fail(outcome, -EINVAL, "ttl",
				    "the lifetime is from 1 second to 10 years, or 0 for no end");
	block->created_unix_ms = service->unix_ms();
	block->expires_unix_ms = ttl_s ? block->created_unix_ms + ttl_s * 1000 : 0;
	return 0;
}

static int parse_reason(const struct block_request *request, struct block *block,
			struct block_outcome *outcome)
{
	const char *reason = request->reason ? request->reason : "";

	if (strlen(reason) >= sizeof(block->reason))
		return outcome_fail(outcome, -EINVAL, "reason", "the reason is at most %zu bytes",
				    sizeof(block->reason) - 1);
	for (const char *c = reason; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return outcome_fail(outcome, -EINVAL, "reason",
					    "the reason is one line without control characters");
	}
	memcpy(block->reason, reason, strlen(reason) + 1);
	return 0;
}

static int parse_list_name(const char *name, struct block *block, struct block_outcome *outcome)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strlen(name);

	if (len == 0 || len >= sizeof(block->list) || strspn(name, allowed) != len)
		return outcome_fail(outcome, -EINVAL, "list",
				    "a list's name has 1 to %zu letters, digits, dots, - and _",
				    sizeof(block->list) - 1);
	memcpy(block->list, name, len + 1);
	return 0;
}

static int parse_what(const struct block_service *service, const struct block_request *request,
		      struct block *block, struct block_outcome *outcome)
{
	if (request->list)
		return parse_list_name(request->list, block, outcome);
	if (domain_is_meant(request->value))
		return domain_parse(service, request->value, block->domain, outcome);
	return order_parse_target(request->value, "value", &block->target, outcome);
}

int order_parse(const struct block_service *service, const struct block_request *request,
		struct block *block, struct block_outcome *outcome)
{
	int error = parse_what(service, request, block, outcome);

	if (!error)
		error = parse_scope(request, block, outcome);
	if (!error)
		error = parse_life(service, request, block, outcome);
	if (!error)
		error = parse_reason(request, block, outcome);
	if (error)
		return error;
	if (request->incident_id < 0)
		return outcome_fail(outcome, -EINVAL, "incident_id", "no such incident");
	block->incident_id = request->incident_id;
	block->source = request->incident_id ? BLOCK_BY_INCIDENT : BLOCK_BY_PERSON;
	if (request->automatic)
		block->source = BLOCK_BY_RESPONSE;
	block->state = BLOCK_ACTIVE;
	return 0;
}

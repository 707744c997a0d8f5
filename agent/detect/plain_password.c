/*
 * Passwords in plain text: that somebody logged in over telnet, FTP, POP3 or HTTP Basic without
 * encryption. Only the fact is kept; what was said is looked at and forgotten.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/payload.h"

#define LOGINS	    2048
#define MEMORY_NS   (3600 * NS_PER_S) /* one connection's, and how often the same is said */
#define PORT_FTP    21		      /* IANA registry */
#define PORT_TELNET 23
#define PORT_POP3   110

struct login {
	struct row row;
	struct addr client, server;
	uint16_t port;
	const char *how;
	bool was_asked;	   /* telnet: the server said "password:" */
	bool is_anonymous; /* FTP: the password is none (RFC 1635) */
	uint64_t at_ns;
	uint32_t count;
	uint64_t said_ns;
};

struct plain_password {
	struct rowset logins;
};

static const struct row_shape login_shape = { .size = sizeof(struct login), .keep_ns = MEMORY_NS };

static void plain_password_close(void *state)
{
	struct plain_password *plain = state;

	if (!plain)
		return;
	rowset_done(&plain->logins);
	free(plain);
}

static int plain_password_open(unsigned int hosts_max, void **state)
{
	struct plain_password *plain = calloc(1, sizeof(*plain));
	int error;

	(void)hosts_max; /* logins are few */
	if (!plain)
		return -ENOMEM;
	error = rowset_init(&plain->logins, LOGINS, &login_shape);
	if (error)
		plain_password_close(plain);
	else
		*state = plain;
	return error;
}

static uint64_t plain_password_full(const void *state)
{
	const struct plain_password *plain = state;

	return plain->logins.full;
}

/* ---- looking at bytes -------------------------------------------------------------------------
 */

static bool begins(const struct payload *payload, const char *word)
{
	size_t len = strlen(word);

	return payload->len >= len && !strncasecmp((const char *)payload->data, word, len);
}

/* @word is in lower case. */
static bool holds(const struct payload *payload, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= payload->len; i++)
		if (tolower(payload->data[i]) == word[0] &&
		    !strncasecmp((const char *)payload->data + i, word, len))
			return true;
	return false;
}

static bool has_text(const struct payload *payload)
{
	for (size_t i = 0; i < payload->len; i++)
		if (payload->data[i] > ' ' && payload->data[i] < 0x7f)
			return true;
	return false;
}

/* ---- per protocol -----------------------------------------------------------------------------
 */

static struct login *take_login(struct plain_password *plain, const struct payload *payload,
				bool is_client)
{
	const struct five_tuple *tuple = &payload->tuple;
	const struct addr *client = is_client ? &tuple->src : &tuple->dst;
	const struct addr *server = is_client ? &tuple->dst : &tuple->src;
	uint16_t port = is_client ? tuple->dst_port : tuple->src_port;
	bool is_new;
	struct login *login =
		rowset_take(&plain->logins, rowset_key(&plain->logins, client, server, port),
			    payload->at_ns, &is_new);

	login->client = *client;
	login->server = *server;
	login->port = port;
	return login;
}

static void note(struct plain_password *plain, struct login *login, const char *how, uint64_t at_ns)
{
	login->how = how;
	login->at_ns = at_ns;
	rowset_weigh(&plain->logins, login, ++login->count);
	rowset_mark(&plain->logins, login);
}

static void look_ftp(struct plain_password *plain, const struct payload *payload)
{
	struct login *login;

	if (begins(payload, "USER ")) {
		login = take_login(plain, payload, true);
		login->is_anonymous =
			begins(payload, "USER anonymous") || begins(payload, "USER ftp\r");
	} else if (begins(payload, "PASS ")) {
		login = take_login(plain, payload, true);
		if (!login->is_anonymous)
			note(plain, login, "FTP", payload->at_ns);
	}
}

/* Its options begin with 255 (RFC 854); what is typed comes letter by letter. */
static void look_telnet(struct plain_password *plain, const struct payload *payload, bool is_client)
{
	struct login *login;

	if (!is_client && holds(payload, "assword:")) {
		take_login(plain, payload, false)->was_asked = true;
		return;
	}
	if (!is_client || payload->data[0] == 0xff || !has_text(payload))
		return;
	login = take_login(plain, payload, true);
	if (login->was_asked)
		note(plain, login, "telnet", payload->at_ns);
	login->was_asked = false;
}

static void plain_password_payload(void *state, const struct payload *payload)
{
	struct plain_password *plain = state;
	const struct five_tuple *tuple = &payload->tuple;

	if (tuple->proto != IPPROTO_TCP || payload->is_fragment || !payload->len)
		return;
	if (tuple->dst_port == PORT_FTP)
		look_ftp(plain, payload);
	else if (tuple->dst_port == PORT_TELNET || tuple->src_port == PORT_TELNET)
		look_telnet(plain, payload, tuple->dst_port == PORT_TELNET);
	else if (tuple->dst_port == PORT_POP3 && begins(payload, "PASS "))
		note(plain, take_login(plain, payload, true), "POP3", payload->at_ns);
	else if (payload->data[0] != 0x16 && holds(payload, "\r\nauthorization: basic "))
		note(plain, take_login(plain, payload, true), "HTTP Basic", payload->at_ns);
}

/* ---- saying -----------------------------------------------------------------------------------
 */

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct login *login = row;
	char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];
	struct finding finding = {
		.detector = DETECTOR_PLAIN_PASSWORD,
		.severity = detect_severity(DETECTOR_PLAIN_PASSWORD),
		.score = 1, /* it was so */
		.src = login->client,
		.dst = login->server,
		.dst_port = login->port,
		.proto = IPPROTO_TCP,
		.first_unix_ms = detect_unix_ms(moment, login->at_ns),
		.last_unix_ms = detect_unix_ms(moment, login->at_ns),
		.count = login->count,
	};

	(void)state;
	if (login->said_ns && moment->now_ns < login->said_ns + MEMORY_NS)
		return false;
	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "%s sent a password to %s port %u by %s without encryption; whoever is on "
		       "the way can read it. Normal is 0.",
		       addr_format(&login->client, client), addr_format(&login->server, server),
		       login->port, login->how);
	moment->on_finding(moment->arg, &finding);
	login->said_ns = moment->now_ns;
	return false;
}

static void plain_password_tick(void *state, const struct detect_moment *moment)
{
	struct plain_password *plain = state;

	rowset_judge(&plain->logins, judge, plain, moment);
}

const struct detector_ops plain_password_detector = {
	.open = plain_password_open,
	.close = plain_password_close,
	.payload = plain_password_payload,
	.tick = plain_password_tick,
	.full = plain_password_full,
};

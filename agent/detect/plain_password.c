/*
 * Passwords in plain text: that somebody logged in over telnet, FTP, POP3, IMAP, SMTP or HTTP Basic
 * without encryption. Only the fact is kept; what was said is looked at and forgotten.
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
#define PORT_SMTP   25
#define PORT_POP3   110
#define PORT_IMAP   143
#define PORT_SUBMIT 587 /* RFC 6409 */
#define LINES_MAX   64	/* of one payload, looked at */

struct login {
	struct row row;
	struct addr client, server;
	uint16_t port;
	const char *how;
	bool is_asking;	   /* mail: the client began AUTH, what is secret comes later */
	bool was_asked;	   /* the server said "password:", or what means go on */
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

/* A piece of a payload without its end of line. */
struct line {
	const char *text;
	size_t len;
};

static bool line_begins(const struct line *line, const char *word)
{
	size_t len = strlen(word);

	return line->len >= len && !strncasecmp(line->text, word, len);
}

/* Takes the next line off @rest; false when nothing is left. */
static bool next_line(struct line *rest, struct line *line)
{
	const char *end;

	if (!rest->len)
		return false;
	end = memchr(rest->text, '\n', rest->len);
	line->text = rest->text;
	line->len = end ? (size_t)(end - rest->text) : rest->len;
	rest->text += line->len + (end != NULL);
	rest->len -= line->len + (end != NULL);
	if (line->len && line->text[line->len - 1] == '\r')
		line->len--;
	return true;
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

static void look_ftp(struct plain_password *plain, const struct payload *payload,
		     const struct line *line)
{
	struct login *login;

	if (line_begins(line, "USER ")) {
		login = take_login(plain, payload, true);
		login->is_anonymous = line_begins(line, "USER anonymous") ||
				      (line->len == 8 && line_begins(line, "USER ftp"));
	} else if (line_begins(line, "PASS ")) {
		login = take_login(plain, payload, true);
		if (!login->is_anonymous)
			note(plain, login, "FTP", payload->at_ns);
	}
}

/* Behind the tag of an IMAP command (RFC 9051 2.2.1). */
static struct line behind_tag(const struct line *line)
{
	const char *space = memchr(line->text, ' ', line->len);
	size_t tag = space ? (size_t)(space - line->text) + 1 : line->len;

	return (struct line){ line->text + tag, line->len - tag };
}

/*
 * SASL PLAIN and LOGIN (RFC 4954, 5034, 9051 6.2.2) say the password in base64, which hides
 * nothing: with the command, or when the server said to go on.
 */
static void look_sasl(struct plain_password *plain, const struct payload *payload,
		      const struct line *line, const char *how)
{
	static const char *const words[] = { "AUTH PLAIN", "AUTH LOGIN", "AUTHENTICATE PLAIN",
					     "AUTHENTICATE LOGIN" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!line_begins(line, words[i]))
			continue;
		if (line->len > strlen(words[i]) + 1)
			note(plain, take_login(plain, payload, true), how, payload->at_ns);
		else
			take_login(plain, payload, true)->is_asking = true;
	}
}

static void look_mail_client(struct plain_password *plain, const struct payload *payload,
			     const struct line *line, const char *how)
{
	struct login *login = take_login(plain, payload, true);
	const struct line command = payload->tuple.dst_port == PORT_IMAP ? behind_tag(line) : *line;
	bool is_cancel = line->len == 1 && *line->text == '*';

	if (login->was_asked) {
		login->was_asked = login->is_asking = false;
		if (line->len && !is_cancel)
			note(plain, login, how, payload->at_ns);
		return;
	}
	if ((payload->tuple.dst_port == PORT_POP3 && line_begins(line, "PASS ")) ||
	    (payload->tuple.dst_port == PORT_IMAP && line_begins(&command, "LOGIN ")))
		note(plain, login, how, payload->at_ns);
	else
		look_sasl(plain, payload, &command, how);
}

/* 334 (RFC 4954 4), + (RFC 5034 4, RFC 9051 2.2.1): go on. */
static void look_mail_server(struct plain_password *plain, const struct payload *payload,
			     const struct line *line)
{
	struct login *login;

	if (!line_begins(line, "334") && !line_begins(line, "+ ") &&
	    !(line->len == 1 && *line->text == '+'))
		return;
	login = take_login(plain, payload, false);
	login->was_asked = login->is_asking;
}

static const char *mail_name(uint16_t port)
{
	switch (port) {
	case PORT_SMTP:
	case PORT_SUBMIT:
		return "SMTP";
	case PORT_POP3:
		return "POP3";
	case PORT_IMAP:
		return "IMAP";
	default:
		return NULL;
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

static void look_lines(struct plain_password *plain, const struct payload *payload)
{
	struct line rest = { (const char *)payload->data, payload->len }, line;
	const char *asked = mail_name(payload->tuple.dst_port);
	const char *answers = mail_name(payload->tuple.src_port);

	for (int i = 0; i < LINES_MAX && next_line(&rest, &line); i++) {
		if (payload->tuple.dst_port == PORT_FTP)
			look_ftp(plain, payload, &line);
		else if (asked)
			look_mail_client(plain, payload, &line, asked);
		else if (answers)
			look_mail_server(plain, payload, &line);
	}
}

static void plain_password_payload(void *state, const struct payload *payload)
{
	struct plain_password *plain = state;
	const struct five_tuple *tuple = &payload->tuple;
	bool is_tls = payload->len && payload->data[0] == 0x16; /* RFC 8446 5.1 */

	if (tuple->proto != IPPROTO_TCP || payload->is_fragment || !payload->len || is_tls)
		return;
	if (tuple->dst_port == PORT_TELNET || tuple->src_port == PORT_TELNET)
		look_telnet(plain, payload, tuple->dst_port == PORT_TELNET);
	else if (tuple->dst_port == PORT_FTP || mail_name(tuple->dst_port) ||
		 mail_name(tuple->src_port))
		look_lines(plain, payload);
	else if (holds(payload, "\r\nauthorization: basic "))
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
	say_number(&finding,
		   &(struct say_number){ "logins in plain text", "logins", login->count, 0, 0 });
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

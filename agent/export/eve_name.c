/*
 * EVE lines of what flows call themselves: dns (version 3), tls, quic, http, ssh.
 */
#include <stdio.h>
#include <string.h>

#include "agent/export/internal.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

/* ---- dns: RFC 1035 4.1.1 names the flags ---- */

#define DNS_QR	   0x8000
#define DNS_OPCODE 0x7800
#define DNS_AA	   0x0400
#define DNS_TC	   0x0200
#define DNS_RD	   0x0100
#define DNS_RA	   0x0080
#define DNS_Z	   0x0040

static void write_dns_flags(struct buffer *out, const struct dns_message *dns)
{
	static const struct {
		const char *key;
		uint16_t bit;
	} bits[] = {
		{ "qr", DNS_QR }, { "aa", DNS_AA }, { "tc", DNS_TC },
		{ "rd", DNS_RD }, { "ra", DNS_RA }, { "z", DNS_Z },
	};
	char text[DNS_TYPE_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%x", dns->flags);
	text_member(out, "flags", text);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (dns->flags & bits[i].bit)
			text_truth(out, bits[i].key, true);
	text_number(out, "opcode", (dns->flags & DNS_OPCODE) >> 11);
	if (dns->is_answer)
		text_member(out, "rcode", dns_rcode_name(dns->rcode, text));
}

static void write_record(struct buffer *out, const struct dns_record *record)
{
	char type[DNS_TYPE_TEXT_MAX], addr[ADDR_TEXT_MAX];

	text_comma(out);
	buffer_append(out, "{", 1);
	text_member(out, "rrname", record->name);
	text_member(out, "rrtype", dns_type_name(record->type, type));
	text_number(out, "ttl", record->ttl_s);
	if (record->addr.family != ADDR_NONE)
		text_member(out, "rdata", addr_format(&record->addr, addr));
	else if (*record->rdata)
		text_member(out, "rdata", record->rdata);
	text_close(out, '}');
}

static void write_dns(struct buffer *out, const struct dns_message *dns)
{
	char type[DNS_TYPE_TEXT_MAX];

	text_open(out, "dns", '{');
	text_number(out, "version", 3);
	text_member(out, "type", dns->is_answer ? "response" : "request");
	text_number(out, "id", dns->id);
	write_dns_flags(out, dns);
	if (dns->question_count)
		text_open(out, "queries", '[');
	for (unsigned int i = 0; i < dns->question_count; i++) {
		text_comma(out);
		buffer_append(out, "{", 1);
		text_member(out, "rrname", dns->questions[i].name);
		text_member(out, "rrtype", dns_type_name(dns->questions[i].type, type));
		text_close(out, '}');
	}
	if (dns->question_count)
		text_close(out, ']');
	if (dns->answer_count)
		text_open(out, "answers", '[');
	for (unsigned int i = 0; i < dns->answer_count; i++)
		write_record(out, &dns->answers[i]);
	if (dns->answer_count)
		text_close(out, ']');
	text_close(out, '}');
}

/* ---- tls and quic ---- */

static void write_version(struct buffer *out, uint16_t version)
{
	static const char *const names[] = { "SSLv3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3" };
	char hex[8];
	unsigned int minor = version - 0x0300U; /* RFC 8446 4.1.2 */

	(void)snprintf(hex, sizeof(hex), "0x%04x", version);
	text_member(out, "version", minor < sizeof(names) / sizeof(names[0]) ? names[minor] : hex);
}

static void write_fingerprints(struct buffer *out, const struct hello *hello)
{
	if (*hello->sni)
		text_member(out, "sni", hello->sni);
	if (*hello->ja4)
		text_member(out, "ja4", hello->ja4);
	if (*hello->ja3) {
		text_open(out, "ja3", '{');
		text_member(out, "hash", hello->ja3);
		text_member(out, "string", hello->ja3_text);
		text_close(out, '}');
	}
}

static void write_tls(struct buffer *out, const struct hello *hello)
{
	text_open(out, "tls", '{');
	write_version(out, hello->version);
	write_fingerprints(out, hello);
	text_open(out, "client_alpns", '['); /* also empty: none was offered */
	for (unsigned int i = 0; i < hello->alpn_count; i++) {
		text_comma(out);
		text_name(out, hello->alpn[i]);
	}
	text_close(out, ']');
	text_close(out, '}');
}

static void write_quic_version(struct buffer *out, uint32_t version)
{
	char text[16];

	if (version == 1) /* RFC 9000 */
		(void)snprintf(text, sizeof(text), "1");
	else if (version == 0x6b3343cfU) /* RFC 9369 3.1 */
		(void)snprintf(text, sizeof(text), "2");
	else if (version >> 8 == 0xff0000U) /* RFC 9000 15: drafts */
		(void)snprintf(text, sizeof(text), "draft-%u", version & 0xff);
	else
		(void)snprintf(text, sizeof(text), "0x%08x", version);
	text_member(out, "version", text);
}

/* Suricata's quic object is closed and has no place for ALPN. */
static void write_quic(struct buffer *out, const struct hello *hello)
{
	text_open(out, "quic", '{');
	write_quic_version(out, hello->quic_version);
	write_fingerprints(out, hello);
	text_close(out, '}');
	if (!hello->alpn_count)
		return;
	text_open(out, "metadata", '{');
	text_open(out, "flowvars", '[');
	for (unsigned int i = 0; i < hello->alpn_count; i++) {
		text_comma(out);
		buffer_append(out, "{", 1);
		text_member_name(out, "quic_alpn", hello->alpn[i]);
		text_close(out, '}');
	}
	text_close(out, ']');
	text_close(out, '}');
}

/* ---- http and ssh ---- */

static void write_http(struct buffer *out, const struct http_message *http, bool is_request)
{
	text_open(out, "http", '{');
	if (is_request) {
		if (*http->host)
			text_member_name(out, "hostname", http->host);
		if (http->port)
			text_number(out, "http_port", http->port);
		text_member(out, "http_method", http->method);
		text_member(out, "url", http->path);
		if (*http->agent)
			text_member(out, "http_user_agent", http->agent);
	} else {
		text_number(out, "status", http->status);
	}
	text_close(out, '}');
}

/* "SSH-protoversion-softwareversion SP comments" (RFC 4253 4.2) */
static void write_ssh(struct buffer *out, const char *banner, bool is_server)
{
	const char *proto = strchr(banner, '-'), *software = proto ? strchr(proto + 1, '-') : NULL;
	char version[SSH_TEXT_MAX];

	text_open(out, "ssh", '{');
	text_open(out, is_server ? "server" : "client", '{');
	if (software) {
		(void)snprintf(version, sizeof(version), "%.*s", (int)(software - proto - 1),
			       proto + 1);
		text_member(out, "proto_version", version);
		(void)snprintf(version, sizeof(version), "%.*s", (int)strcspn(software + 1, " "),
			       software + 1);
		text_member(out, "software_version", version);
	}
	text_close(out, '}');
	text_close(out, '}');
}

/* ---- all of them ---- */

static const char *kind_name(enum name_kind kind)
{
	static const char *const names[NAME_KIND_COUNT] = {
		[NAME_DNS_QUERY] = "dns",     [NAME_DNS_ANSWER] = "dns",
		[NAME_TLS_HELLO] = "tls",     [NAME_QUIC_HELLO] = "quic",
		[NAME_HTTP_REQUEST] = "http", [NAME_HTTP_RESPONSE] = "http",
		[NAME_SSH_BANNER] = "ssh",
	};

	return names[kind];
}

/* A banner's source is who sent it: a server's port is the lower one (RFC 6335 6). */
static bool is_from_server(const struct name_event *event)
{
	return event->kind == NAME_SSH_BANNER && event->tuple.src_port < event->tuple.dst_port;
}

void eve_name(struct eve *eve, const struct name_event *event)
{
	const bool is_server = is_from_server(event);
	struct five_tuple tuple = event->tuple;
	const struct eve_head head = {
		.event_type = kind_name(event->kind),
		.unix_ns = eve->options.unix_ns + (int64_t)event->at_ns,
		.tuple = &tuple,
	};

	if (is_server) {
		tuple.src = event->tuple.dst;
		tuple.dst = event->tuple.src;
		tuple.src_port = event->tuple.dst_port;
		tuple.dst_port = event->tuple.src_port;
	}
	eve_begin(eve, &head);
	if (event->kind == NAME_DNS_QUERY || event->kind == NAME_DNS_ANSWER)
		write_dns(&eve->text, event->dns);
	else if (event->kind == NAME_TLS_HELLO)
		write_tls(&eve->text, event->hello);
	else if (event->kind == NAME_QUIC_HELLO)
		write_quic(&eve->text, event->hello);
	else if (event->kind == NAME_SSH_BANNER)
		write_ssh(&eve->text, event->ssh, is_server);
	else
		write_http(&eve->text, event->http, event->kind == NAME_HTTP_REQUEST);
	eve_end(eve);
}

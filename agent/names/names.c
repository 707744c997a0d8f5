/*
 * Where payload events come in: each goes to what puts pieces together or straight to its parser;
 * what parsers find goes up as name events, and teaches which names addresses are seen under.
 */
#include "agent/names/names.h"

#include <errno.h>
#include <string.h>

#include "agent/names/devices.h"
#include "agent/names/internal.h"
#include "agent/names/quic.h"
#include "agent/names/tls.h"
#include "agent/util/crypto.h"

#define PORT_DNS   53
#define PORT_DHCP  67  /* the server; the client is the next one */
#define PORT_DHCP6 546 /* the client; the server is the next one */
#define PORT_MDNS  5353
#define PROTO_TCP  6
#define PROTO_UDP  17
#define QUIC_LONG  0x80 /* RFC 8999 5.1 */
#define QUIC_MAX   1024 /* connections whose hello is awaited */
#define DATAGRAMS  32	/* in fragments at once; 2 MiB */
#define DNS_PREFIX 2	/* length in front of a message over TCP: RFC 1035 4.2.2 */

struct names {
	struct names_options options;
	struct names_counters counters;
	struct stream_table *streams;
	struct fragment_table *fragments;
	struct quic_table *quic;
	struct addrs *addrs;
	struct latency *latency;
	struct devices_heard devices;
	/* What was parsed last; lent to on_name. */
	struct dns_message dns;
	struct hello hello;
	struct http_message http;
	char ssh[SSH_TEXT_MAX];
};

/* ---- events ------------------------------------------------------------------------------------
 */

static struct name_event event_of(enum name_kind kind, const struct stream_bytes *bytes)
{
	const struct payload *payload = bytes->payload;

	return (struct name_event){
		.kind = kind,
		.tuple = payload->tuple,
		.iface = payload->iface,
		.ingress = payload->direction == DIRECTION_INGRESS,
		.is_pieced = bytes->is_pieced,
		.rule_id = bytes->rule_id,
		.at_ns = payload->at_ns,
	};
}

/* The server sent it: turn the tuple round. */
static void turn(struct name_event *event)
{
	struct five_tuple sent = event->tuple;

	event->tuple.src = sent.dst;
	event->tuple.dst = sent.src;
	event->tuple.src_port = sent.dst_port;
	event->tuple.dst_port = sent.src_port;
	event->ingress = !event->ingress;
}

static void emit(struct names *names, const struct name_event *event)
{
	names->counters.events[event->kind]++;
	if (names->options.on_name)
		names->options.on_name(names->options.arg, event);
}

/* ---- one message -------------------------------------------------------------------------------
 */

/* Whoever asks is the client, whatever the ports. Only answers to a question teach addresses:
 * anybody can send what looks like one. */
static ssize_t read_dns(struct names *names, const struct stream_bytes *bytes)
{
	struct dns_message *dns = &names->dns;
	ssize_t used = dns_parse(bytes->data, bytes->len, dns);
	struct name_event event;

	if (used <= 0)
		return used;
	event = event_of(dns->is_answer ? NAME_DNS_ANSWER : NAME_DNS_QUERY, bytes);
	event.dns = dns;
	if (bytes->is_last)
		dns->is_cut = true;
	if (!dns->is_answer) {
		latency_ask(names->latency, &event.tuple, dns, event.at_ns);
	} else {
		turn(&event);
		dns->latency_ns = latency_answer(names->latency, &event.tuple, dns, event.at_ns);
		if (dns->latency_ns) {
			addrs_learn_answer(names->addrs, &event.tuple.src, dns, event.at_ns);
			devices_take_dns(&names->devices, dns);
		}
	}
	emit(names, &event);
	return used;
}

static ssize_t read_dns_stream(struct names *names, const struct stream_bytes *bytes)
{
	struct stream_bytes message = *bytes;
	size_t len;
	ssize_t used;

	if (bytes->len < DNS_PREFIX)
		return 0;
	len = (size_t)bytes->data[0] << 8 | bytes->data[1];
	message.data += DNS_PREFIX;
	message.len -= DNS_PREFIX;
	if (message.len < len && !bytes->is_last)
		return 0;
	message.is_last = message.len < len;
	if (message.len > len)
		message.len = len;
	used = read_dns(names, &message);
	return used < 0 ? used : (ssize_t)(DNS_PREFIX + len);
}

static ssize_t read_tls(struct names *names, const struct stream_bytes *bytes)
{
	struct name_event event = event_of(NAME_TLS_HELLO, bytes);
	ssize_t used = tls_records_parse(bytes->data, bytes->len, &names->hello);

	if (used <= 0)
		return used;
	event.hello = &names->hello;
	if (names->hello.sni[0])
		addrs_learn_flow(names->addrs, &event.tuple, names->hello.sni, event.at_ns);
	emit(names, &event);
	return used;
}

static ssize_t read_request(struct names *names, const struct stream_bytes *bytes)
{
	struct name_event event = event_of(NAME_HTTP_REQUEST, bytes);
	struct http_message *http = &names->http;
	ssize_t used = http_parse_request(bytes->data, bytes->len, bytes->is_last, http);

	if (used <= 0)
		return used;
	event.http = http;
	/* a proxy is asked for other targets than paths: its address is not the host's */
	if (http->host[0] && http->path[0] == '/')
		addrs_learn_flow(names->addrs, &event.tuple, http->host, event.at_ns);
	emit(names, &event);
	return used;
}

static ssize_t read_response(struct names *names, const struct stream_bytes *bytes)
{
	struct name_event event = event_of(NAME_HTTP_RESPONSE, bytes);
	ssize_t used = http_parse_response(bytes->data, bytes->len, &names->http);

	if (used <= 0)
		return used;
	event.http = &names->http;
	turn(&event);
	emit(names, &event);
	return used;
}

static ssize_t read_ssh(struct names *names, const struct stream_bytes *bytes)
{
	struct name_event event = event_of(NAME_SSH_BANNER, bytes);
	ssize_t used = ssh_parse(bytes->data, bytes->len, names->ssh);

	if (used <= 0)
		return used;
	event.ssh = names->ssh;
	emit(names, &event);
	return used;
}

static ssize_t read_stream(void *arg, const struct stream_bytes *bytes)
{
	struct names *names = arg;

	switch (bytes->kind) {
	case STREAM_DNS:
		return read_dns_stream(names, bytes);
	case STREAM_TLS:
		return read_tls(names, bytes);
	case STREAM_HTTP_REQUEST:
		return read_request(names, bytes);
	case STREAM_HTTP_RESPONSE:
		return read_response(names, bytes);
	case STREAM_SSH:
		return read_ssh(names, bytes);
	default:
		return -EBADMSG;
	}
}

/* ---- datagrams ---------------------------------------------------------------------------------
 */

static void take_dns(struct names *names, const struct payload *payload, bool is_pieced)
{
	struct stream_bytes bytes = {
		.kind = STREAM_DNS,
		.payload = payload,
		.data = payload->data,
		.len = payload->len,
		.rule_id = payload->rule_id,
		.is_pieced = is_pieced,
		.is_last = payload->whole > payload->len,
	};

	names->counters.cut += bytes.is_last;
	names->counters.malformed += read_dns(names, &bytes) < 0;
}

/* The kernel never reads a QUIC hello, however many packets it took: is_pieced. */
static void take_quic(struct names *names, const struct payload *payload)
{
	struct stream_bytes bytes = { .payload = payload,
				      .rule_id = payload->rule_id,
				      .is_pieced = true };
	struct name_event event = event_of(NAME_QUIC_HELLO, &bytes);
	struct five_tuple client;
	int result = quic_take(names->quic, payload, &names->hello, &client);

	names->counters.undecrypted += result == -EBADMSG;
	names->counters.full += result == -ENOMEM;
	if (result != 1)
		return;
	event.tuple = client;
	event.hello = &names->hello;
	if (names->hello.sni[0])
		addrs_learn_flow(names->addrs, &client, names->hello.sni, event.at_ns);
	emit(names, &event);
}

/* Names of devices: not said of a flow, so no name event. RFC 6762 6: answers come from that port;
 * to a group of this link, for what was sent to one address may come from any network. */
static void take_mdns(struct names *names, const struct payload *payload)
{
	if (payload->tuple.src_port != PORT_MDNS || !devices_is_mdns_group(&payload->tuple.dst))
		return;
	if (dns_parse(payload->data, payload->len, &names->dns) < 0)
		names->counters.malformed++;
	else
		devices_take_mdns(&names->devices, &payload->tuple.src, &names->dns);
}

static void take_dhcp(struct names *names, const struct payload *payload)
{
	int error = payload->tuple.dst_port < PORT_DHCP6
			    ? devices_take_dhcp(&names->devices, payload)
			    : devices_take_dhcp6(&names->devices, payload);

	names->counters.malformed += error < 0;
}

static void take_datagram(struct names *names, const struct payload *payload, bool is_pieced)
{
	const struct five_tuple *tuple = &payload->tuple;

	if (tuple->src_port == PORT_DNS || tuple->dst_port == PORT_DNS)
		take_dns(names, payload, is_pieced);
	else if (tuple->dst_port == PORT_MDNS)
		take_mdns(names, payload);
	else if (tuple->dst_port == PORT_DHCP || tuple->dst_port == PORT_DHCP + 1 ||
		 tuple->dst_port == PORT_DHCP6 || tuple->dst_port == PORT_DHCP6 + 1)
		take_dhcp(names, payload);
	else if (payload->data[0] & QUIC_LONG)
		take_quic(names, payload);
}

static void take_fragment(struct names *names, const struct payload *payload)
{
	struct payload whole;

	if (fragment_take(names->fragments, payload, &whole) != 1)
		return;
	if (whole.tuple.proto == PROTO_TCP)
		stream_take(names->streams, &whole);
	else
		take_datagram(names, &whole, true);
}

void names_take(struct names *names, const struct payload *payload)
{
	names->counters.payloads++;
	if (payload->len == 0)
		return;
	if (payload->is_fragment)
		take_fragment(names, payload);
	else if (payload->tuple.proto == PROTO_TCP)
		stream_take(names->streams, payload);
	else if (payload->tuple.proto == PROTO_UDP)
		take_datagram(names, payload, false);
}

/* ---- the rest of the face ----------------------------------------------------------------------
 */

int names_new(const struct names_options *options, struct names **out)
{
	CLEANUP(names_free) struct names *names = NULL;
	struct stream_options streams = { .max = options->streams, .read = read_stream };
	uint64_t seed;
	int error;

	if (options->streams == 0 || options->addrs == 0)
		return -EINVAL;
	crypto_random(&seed, sizeof(seed));
	names = calloc(1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	names->options = *options;
	names->devices.arg = options->arg;
	names->devices.on_device = options->on_device;
	streams.arg = names;
	streams.seed = seed;
	error = stream_table_new(&streams, &names->streams);
	if (!error)
		error = fragment_table_new(DATAGRAMS, &names->fragments);
	if (!error)
		error = quic_table_new(QUIC_MAX, &names->quic);
	if (!error)
		error = addrs_new(options->addrs, seed, &names->addrs);
	if (!error)
		error = latency_new(seed, &names->latency);
	if (error)
		return error;
	*out = TAKE(names);
	return 0;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	latency_free(names->latency);
	addrs_free(names->addrs);
	quic_table_free(names->quic);
	fragment_table_free(names->fragments);
	stream_table_free(names->streams);
	free(names);
}

void names_expire(struct names *names, uint64_t now_ns)
{
	stream_expire(names->streams, now_ns);
	fragment_expire(names->fragments, now_ns);
	quic_expire(names->quic, now_ns);
	addrs_expire(names->addrs, now_ns);
}

void names_count(const struct names *names, struct names_counters *out)
{
	const struct stream_counters *streams = stream_count(names->streams);
	const struct fragment_counters *fragments = fragment_count(names->fragments);

	*out = names->counters;
	out->malformed += streams->malformed + fragments->malformed;
	out->cut += streams->cut + fragments->cut;
	out->full += streams->full + fragments->full;
}

const char *names_of_addr(struct names *names, const struct addr *client, const struct addr *addr,
			  uint64_t now_ns)
{
	return addrs_find(names->addrs, client, addr, now_ns);
}

bool names_is_shared(struct names *names, struct name_addr *about)
{
	return addrs_is_shared(names->addrs, about);
}

size_t names_addrs_of(struct names *names, const char *domain, struct name_addr *out, size_t max)
{
	return addrs_list(names->addrs, domain, out, max);
}

/*
 * Flow records to an IPFIX collector over UDP: two records a flow, one per direction. Source: RFC
 * 7011 (message, sets, templates), RFC 7012 and IANA's registry (elements).
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"

#define VERSION	      10
#define HEADER_BYTES  16
#define SET_TEMPLATES 2
#define TEMPLATE_IPV4 256
#define TEMPLATE_IPV6 257
#define PACKET_BYTES  1400 /* below the MTU of Ethernet, tunnels taken off */
#define TEMPLATES_S   60   /* a collector that was started again is blind at most so long */
#define IS_MAPPED     12   /* an IPv4 address is the last four of the sixteen bytes */

struct element {
	uint16_t id, len;
};

/* Where IPv4 and IPv6 differ: 8 and 12, or 27 and 28. */
static const struct element elements[] = {
	{ 152, 8 }, /* flowStartMilliseconds */
	{ 153, 8 }, /* flowEndMilliseconds */
	{ 8, 4 },   /* sourceIPv4Address */
	{ 12, 4 },  /* destinationIPv4Address */
	{ 7, 2 },   /* sourceTransportPort */
	{ 11, 2 },  /* destinationTransportPort */
	{ 4, 1 },   /* protocolIdentifier */
	{ 6, 2 },   /* tcpControlBits */
	{ 10, 4 },  /* ingressInterface */
	{ 61, 1 },  /* flowDirection */
	{ 2, 8 },   /* packetDeltaCount */
	{ 1, 8 },   /* octetDeltaCount */
	{ 136, 1 }, /* flowEndReason */
};
#define ELEMENT_COUNT (sizeof(elements) / sizeof(elements[0]))
#define RECORD_MAX    80

struct writer {
	uint8_t *packet;
	size_t len;
};

static void put(struct writer *writer, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		writer->packet[writer->len + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	writer->len += bytes;
}

static void begin(struct sink *sink, struct writer *writer)
{
	writer->packet = sink->ipfix.packet;
	writer->len = HEADER_BYTES;
}

/* @records: data records in it, which the next message's sequence counts. */
static int finish(struct sink *sink, struct writer *writer, uint32_t records)
{
	struct writer head = { .packet = writer->packet };

	put(&head, VERSION, 2);
	put(&head, writer->len, 2);
	put(&head, (uint64_t)(clock_unix_ms() / 1000), 4);
	put(&head, sink->ipfix.sequence, 4);
	put(&head, sink->ipfix.domain, 4);
	sink->ipfix.sequence += records;
	return sink_write(sink, writer->packet, writer->len);
}

static void put_template(struct writer *writer, bool is_ipv6)
{
	put(writer, is_ipv6 ? TEMPLATE_IPV6 : TEMPLATE_IPV4, 2);
	put(writer, ELEMENT_COUNT, 2);
	for (size_t i = 0; i < ELEMENT_COUNT; i++) {
		bool is_address = elements[i].id == 8 || elements[i].id == 12;

		put(writer,
		    elements[i].id + (!is_ipv6 || !is_address ? 0U
				      : elements[i].id == 8   ? 19U
							      : 16U),
		    2);
		put(writer, is_ipv6 && is_address ? 16 : elements[i].len, 2);
	}
}

static int send_templates(struct sink *sink)
{
	struct writer writer;

	begin(sink, &writer);
	put(&writer, SET_TEMPLATES, 2);
	put(&writer, 4 + 2 * (4 + 4 * ELEMENT_COUNT), 2);
	put_template(&writer, false);
	put_template(&writer, true);
	sink->ipfix.templates_s = (int64_t)(clock_monotonic_ns() / NS_PER_S);
	return finish(sink, &writer, 0);
}

static void put_addr(struct writer *writer, const struct addr *addr)
{
	size_t skip = addr->family == ADDR_IPV4 ? IS_MAPPED : 0;

	memcpy(writer->packet + writer->len, addr->bytes + skip, 16 - skip);
	writer->len += 16 - skip;
}

/* RFC 5102 5.11.3: idle, active (it goes on), end of flow seen. */
static uint8_t end_reason(const struct flow *flow)
{
	const uint8_t flags = flow->tcp_flags_out | flow->tcp_flags_in;

	if (!flow->is_final)
		return 2;
	return flags & (TCP_FLAG_FIN | TCP_FLAG_RST) ? 3 : 1;
}

static void put_record(struct writer *writer, const struct flow *flow, bool is_reverse)
{
	const struct five_tuple *tuple = &flow->tuple;

	put(writer, (uint64_t)flow->start_unix_ms, 8);
	put(writer, (uint64_t)flow->end_unix_ms, 8);
	put_addr(writer, is_reverse ? &tuple->dst : &tuple->src);
	put_addr(writer, is_reverse ? &tuple->src : &tuple->dst);
	put(writer, is_reverse ? tuple->dst_port : tuple->src_port, 2);
	put(writer, is_reverse ? tuple->src_port : tuple->dst_port, 2);
	put(writer, tuple->proto, 1);
	put(writer, is_reverse ? flow->tcp_flags_in : flow->tcp_flags_out, 2);
	put(writer, flow->iface, 4);
	put(writer, flow->ingress != is_reverse ? 0 : 1, 1);
	put(writer,
	    is_reverse ? flow->packets_in - flow->cut_packets_in
		       : flow->packets_out - flow->cut_packets_out,
	    8);
	put(writer,
	    is_reverse ? flow->bytes_in - flow->cut_bytes_in
		       : flow->bytes_out - flow->cut_bytes_out,
	    8);
	put(writer, end_reason(flow), 1);
}

/* The set's own header, then the message. */
static int finish_set(struct sink *sink, struct writer *writer, uint16_t template, uint32_t records)
{
	struct writer head = { .packet = writer->packet, .len = HEADER_BYTES };

	put(&head, template, 2);
	put(&head, writer->len - HEADER_BYTES, 2);
	return finish(sink, writer, records);
}

static void begin_set(struct sink *sink, struct writer *writer)
{
	begin(sink, writer);
	writer->len += 4;
}

/* Flows of one family, as many packets as they need. */
static int send_family(struct sink *sink, const struct output_message *message, uint8_t family)
{
	struct writer writer;
	const uint16_t template = family == ADDR_IPV4 ? TEMPLATE_IPV4 : TEMPLATE_IPV6;
	size_t count = message->len / sizeof(struct flow);
	uint32_t records = 0;
	int error = 0;

	begin_set(sink, &writer);
	for (size_t i = 0; i < 2 * count && !error; i++) {
		struct flow flow;

		memcpy(&flow, message->data + i / 2 * sizeof(flow), sizeof(flow));
		if (flow.tuple.src.family != family ||
		    (i % 2 ? flow.packets_in == flow.cut_packets_in
			   : flow.packets_out == flow.cut_packets_out))
			continue;
		put_record(&writer, &flow, i % 2);
		records++;
		if (writer.len + RECORD_MAX < PACKET_BYTES)
			continue;
		error = finish_set(sink, &writer, template, records);
		begin_set(sink, &writer);
		records = 0;
	}
	if (error || !records)
		return error;
	return finish_set(sink, &writer, template, records);
}

static int open_ipfix(struct sink *sink)
{
	int error;

	if (!sink->ipfix.packet)
		sink->ipfix.packet = malloc(PACKET_BYTES + RECORD_MAX);
	if (!sink->ipfix.packet)
		return -ENOMEM;
	error = sink_connect(sink, sink->settings->ipfix, SOCK_DGRAM);
	return error ? error : send_templates(sink);
}

static int send_ipfix(struct sink *sink, const struct output_message *message)
{
	int error = send_family(sink, message, ADDR_IPV4);

	if (!error)
		error = send_family(sink, message, ADDR_IPV6);
	return error ? error : (int)output_count(message);
}

static int repeat_templates(struct sink *sink)
{
	int64_t now_s = (int64_t)(clock_monotonic_ns() / NS_PER_S);

	return now_s - sink->ipfix.templates_s < TEMPLATES_S ? 0 : send_templates(sink);
}

const struct sink_type sink_ipfix = { .name = "ipfix",
				      .takes = OUTPUT_FLOWS,
				      .open = open_ipfix,
				      .send = send_ipfix,
				      .idle = repeat_templates };

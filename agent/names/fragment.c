/*
 * UDP datagrams and TCP segments out of IP fragments (RFC 791 3.2, RFC 8200 4.5). Fragments that
 * overlap end the datagram (RFC 5722, here for both families): nobody honest sends them, and who
 * does wants two readers to see two texts. A copy of what is there already is passed over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/internal.h"
#include "agent/names/pieces.h"
#include "agent/util/addr.h"

#define DATAGRAM_BYTES 65535	    /* RFC 791: total length */
#define UDP_BYTES      8	    /* RFC 768 */
#define WAIT_NS	       30000000000u /* Linux: ipfrag_time, 30 s; RFC 8200 says 60 */
#define PORT_DNS       53
#define QUIC_LONG      0x80 /* RFC 9000 17.2 */
#define PROTO_TCP      6
#define PROTO_UDP      17
#define TCP_BYTES      20 /* RFC 9293 3.1 */
#define TCP_SEQ_AT     4
#define TCP_LENGTH_AT  12 /* words of its header, in the upper half */
#define TCP_FLAGS_AT   13

struct datagram {
	bool is_used, is_dead; /* dead: remembered so that its other fragments begin nothing new */
	struct addr src, dst;
	uint8_t proto;
	uint32_t id;
	uint32_t whole; /* 0 until the last fragment came */
	uint32_t rule_id;
	uint64_t since_ns;
	struct pieces pieces;
};

struct fragment_table {
	struct fragment_counters counters;
	unsigned int max;
	uint8_t *memory;
	struct datagram datagrams[];
};

int fragment_table_new(unsigned int max, struct fragment_table **out)
{
	CLEANUP(fragment_table_free) struct fragment_table *table = NULL;

	table = calloc(1, sizeof(*table) + max * sizeof(table->datagrams[0]));
	if (!table)
		return -ENOMEM;
	table->max = max;
	table->memory = calloc(max, DATAGRAM_BYTES);
	if (!table->memory)
		return -ENOMEM;
	*out = TAKE(table);
	return 0;
}

void fragment_table_free(struct fragment_table *table)
{
	if (table)
		free(table->memory);
	free(table);
}

static bool is_of(const struct datagram *datagram, const struct payload *payload)
{
	return datagram->is_used && datagram->id == payload->seq &&
	       datagram->proto == payload->tuple.proto &&
	       addr_is_equal(&datagram->src, &payload->tuple.src) &&
	       addr_is_equal(&datagram->dst, &payload->tuple.dst);
}

static void end(struct fragment_table *table, struct datagram *datagram)
{
	if (datagram->is_used && !datagram->is_dead)
		table->counters.full++;
	datagram->is_used = false;
}

/* The datagram of a fragment; the oldest makes room for a new one. */
static struct datagram *datagram_of(struct fragment_table *table, const struct payload *payload)
{
	struct datagram *place = &table->datagrams[0];

	for (unsigned int i = 0; i < table->max; i++) {
		struct datagram *datagram = &table->datagrams[i];

		if (is_of(datagram, payload))
			return datagram;
		if (place->is_used && (!datagram->is_used || datagram->since_ns < place->since_ns))
			place = datagram;
	}
	end(table, place);
	*place = (struct datagram){
		.is_used = true,
		.src = payload->tuple.src,
		.dst = payload->tuple.dst,
		.proto = payload->tuple.proto,
		.id = payload->seq,
		.since_ns = payload->at_ns,
		.pieces = { .data = table->memory +
				    (size_t)(place - table->datagrams) * DATAGRAM_BYTES,
			    .size = DATAGRAM_BYTES },
	};
	return place;
}

static uint16_t read_u16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

/* Returns 0, -EBADMSG when the fragments contradict each other, -ENOSPC, -EMSGSIZE when cut. */
static int add(struct datagram *datagram, const struct payload *payload)
{
	uint32_t to = (uint32_t)payload->offset + (uint32_t)payload->len;
	int result;

	if (payload->whole > payload->len)
		return -EMSGSIZE;
	if (to > DATAGRAM_BYTES)
		return -EBADMSG;
	if (!payload->more && datagram->whole && datagram->whole != to)
		return -EBADMSG;
	if (!payload->more)
		datagram->whole = to;
	if (datagram->whole &&
	    (to > datagram->whole || pieces_end(&datagram->pieces) > datagram->whole))
		return -EBADMSG;
	result = pieces_add(&datagram->pieces, payload->offset, payload->data,
			    (uint32_t)payload->len);
	if (payload->rule_id)
		datagram->rule_id = payload->rule_id;
	if (result == PIECES_OVERLAP)
		return -EBADMSG;
	return result < 0 ? result : 0;
}

/* TCP, DNS, or the long header of QUIC's first packets. */
static bool is_wanted(const struct payload *datagram)
{
	const struct five_tuple *tuple = &datagram->tuple;

	return tuple->proto == PROTO_TCP || tuple->src_port == PORT_DNS ||
	       tuple->dst_port == PORT_DNS || (datagram->len > 0 && datagram->data[0] & QUIC_LONG);
}

/* Bytes of the transport header in front of @len bytes of payload; 0: not all there, or broken. */
static uint32_t header_of(uint8_t proto, const uint8_t *data, uint32_t len)
{
	uint32_t header = UDP_BYTES;

	if (proto == PROTO_TCP)
		header = len < TCP_BYTES ? TCP_BYTES : (data[TCP_LENGTH_AT] >> 4) * 4u;
	if (proto == PROTO_TCP && header < TCP_BYTES)
		return 0;
	return header <= len ? header : 0;
}

/* The datagram's first @len of @whole bytes as one packet would have carried them; false when
 * nobody reads it. */
static bool unfold(const struct payload *payload, const uint8_t *data, uint32_t len, uint32_t whole,
		   struct payload *out)
{
	uint32_t header = header_of(payload->tuple.proto, data, len);

	if (!header)
		return false;
	*out = *payload;
	out->tuple.src_port = read_u16(data);
	out->tuple.dst_port = read_u16(data + 2);
	out->is_fragment = out->more = false;
	out->offset = 0;
	out->seq = 0;
	if (payload->tuple.proto == PROTO_TCP) {
		out->seq = (uint32_t)read_u16(data + TCP_SEQ_AT) << 16 |
			   read_u16(data + TCP_SEQ_AT + 2);
		out->tcp_flags = data[TCP_FLAGS_AT];
	}
	out->data = data + header;
	out->len = len - header;
	out->whole = whole - header;
	return is_wanted(out);
}

static bool finish(const struct datagram *datagram, const struct payload *payload,
		   struct payload *out)
{
	const uint8_t *data = datagram->pieces.data;
	uint32_t len = datagram->whole;

	if (datagram->proto == PROTO_UDP && len >= UDP_BYTES && read_u16(data + 4) >= UDP_BYTES &&
	    read_u16(data + 4) < len)
		len = read_u16(data + 4);
	if (!unfold(payload, data, len, len, out))
		return false;
	out->rule_id = datagram->rule_id;
	return true;
}

/* A first fragment that the capture did not keep whole: its message is read as far as it goes, for
 * there will never be more of it. */
static bool finish_cut(const struct payload *payload, struct payload *out)
{
	return !payload->offset &&
	       unfold(payload, payload->data, (uint32_t)payload->len, payload->whole, out);
}

int fragment_take(struct fragment_table *table, const struct payload *payload, struct payload *out)
{
	struct datagram *datagram;
	int error;

	if ((payload->tuple.proto != PROTO_UDP && payload->tuple.proto != PROTO_TCP) ||
	    payload->len == 0)
		return 0;
	datagram = datagram_of(table, payload);
	if (datagram->is_dead)
		return 0;
	error = add(datagram, payload);
	table->counters.malformed += error == -EBADMSG;
	table->counters.full += error == -ENOSPC;
	datagram->is_dead = error != 0;
	if (error == -EMSGSIZE && finish_cut(payload, out))
		return 1;
	table->counters.cut += error == -EMSGSIZE;
	if (error || datagram->whole == 0 || pieces_front(&datagram->pieces) < datagram->whole)
		return 0;
	datagram->is_dead = true; /* done: a late copy of a fragment begins nothing */
	return finish(datagram, payload, out);
}

void fragment_expire(struct fragment_table *table, uint64_t now_ns)
{
	for (unsigned int i = 0; i < table->max; i++) {
		if (table->datagrams[i].since_ns + WAIT_NS <= now_ns)
			end(table, &table->datagrams[i]);
	}
}

const struct fragment_counters *fragment_count(const struct fragment_table *table)
{
	return &table->counters;
}

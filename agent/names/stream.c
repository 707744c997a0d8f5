/*
 * TCP segments put together. Most messages are whole in one segment and are read where they lie;
 * of others the pieces wait in a slot, in any order, until the message is whole. A direction is
 * remembered for a while behind its last message, so that a retransmission is not a second one.
 */
#include <errno.h>
#include <string.h>

#include "agent/names/stream_table.h"

/* Servers wait so long for a head (nginx client_header_timeout, 60 s): who sends a name in two
 * pieces, far apart, is read all the same. */
#define IDLE_NS	     60000000000u
#define NEAR	     65536     /* bytes within which a segment belongs to what is being read */
#define FAR	     (1 << 20) /* bytes beyond which an old number is another connection's */
#define PORT_DNS     53
#define CHANGE_BYTES 6 /* RFC 8446 5, D.4: a change_cipher_spec */

/* What is left to read of one segment. */
struct segment {
	const struct payload *payload;
	const uint8_t *data;
	uint32_t len;
	uint32_t seq;
};

static int32_t distance(uint32_t from, uint32_t to)
{
	return (int32_t)(to - from);
}

static void skip(struct segment *segment, uint32_t bytes)
{
	segment->data += bytes;
	segment->len -= bytes;
	segment->seq += bytes;
}

/* Also a beginning of one. */
static bool is_change(const uint8_t *data, size_t len)
{
	static const uint8_t change[CHANGE_BYTES] = { 0x14, 3, 3, 0, 1, 1 };

	return memcmp(data, change, len < CHANGE_BYTES ? len : CHANGE_BYTES) == 0;
}

/* A TLS record of the handshake with a ClientHello (RFC 8446 5.1); after a HelloRetryRequest a
 * change_cipher_spec stands in front (RFC 8446 D.4). */
static bool is_hello(const uint8_t *data, size_t len)
{
	if (is_change(data, len)) {
		if (len <= CHANGE_BYTES)
			return true;
		data += CHANGE_BYTES;
		len -= CHANGE_BYTES;
	}
	return data[0] == 0x16 && (len < 2 || data[1] == 3) && (len < 3 || data[2] <= 4) &&
	       (len < 6 || data[5] == 1);
}

/* What these first bytes begin. */
static enum stream_kind guess(const struct five_tuple *tuple, const uint8_t *data, size_t len)
{
	if (tuple->src_port == PORT_DNS || tuple->dst_port == PORT_DNS)
		return STREAM_DNS;
	if (len == 0)
		return STREAM_UNKNOWN;
	if (is_hello(data, len))
		return STREAM_TLS;
	if (memcmp(data, "SSH-", len < 4 ? len : 4) == 0)
		return STREAM_SSH;
	switch (http_guess(data, len)) {
	case HTTP_REQUEST:
		return STREAM_HTTP_REQUEST;
	case HTTP_RESPONSE:
		return STREAM_HTTP_RESPONSE;
	default:
		return STREAM_UNKNOWN;
	}
}

static void drop_pieces(struct stream_table *table, struct stream *stream)
{
	if (stream->slot != SLOT_NONE)
		slots_give(table->slots, stream->slot);
	stream->slot = SLOT_NONE;
	stream->pieces = (struct pieces){ .count = 0 };
	stream->rule_id = 0;
}

/* Between messages again; what is there of the open one is passed over. */
static void make_idle(struct stream_table *table, struct stream *stream)
{
	stream->next += pieces_end(&stream->pieces);
	drop_pieces(table, stream);
	stream->state = STREAM_IDLE;
	stream->has_read = true;
}

static ssize_t read_pieces(struct stream_table *table, const struct stream *stream,
			   const struct payload *payload, bool is_last)
{
	struct stream_bytes bytes = {
		.kind = stream->kind,
		.payload = payload,
		.data = stream->pieces.data,
		.len = pieces_front(&stream->pieces),
		.rule_id = stream->rule_id,
		.is_pieced = true,
		.is_last = is_last,
	};

	return table->options.read(table->options.arg, &bytes);
}

/* No more of the open message is waited for; a request is taken as far as it came. */
static void give_up(struct stream_table *table, struct stream *stream)
{
	struct payload last = { .tuple = stream->tuple,
				.direction = stream->direction,
				.iface = stream->iface,
				.at_ns = stream->last_ns };

	if (stream->state != STREAM_OPEN)
		return;
	if (stream->kind != STREAM_UNKNOWN) {
		table->counters.full++;
		if (pieces_front(&stream->pieces) > 0)
			(void)read_pieces(table, stream, &last, true); /* counted as full already */
	}
	make_idle(table, stream);
}

/* A slot for @stream; who has held one for longest makes room. */
static uint32_t take_slot(struct stream_table *table, const struct stream *stream, bool big,
			  uint64_t now_ns)
{
	uint32_t owner = (uint32_t)(stream - table->streams);
	uint32_t slot = slots_take(table->slots, big, owner, now_ns);
	uint32_t oldest;

	if (slot != SLOT_NONE)
		return slot;
	oldest = slots_oldest(table->slots, big);
	if (oldest == SLOT_NONE || oldest == owner)
		return SLOT_NONE;
	give_up(table, &table->streams[oldest]);
	return slots_take(table->slots, big, owner, now_ns);
}

static bool grow(struct stream_table *table, struct stream *stream, uint64_t now_ns)
{
	uint32_t slot;

	if (stream->pieces.size == SLOT_BIG_BYTES)
		return false;
	slot = take_slot(table, stream, true, now_ns);
	if (slot == SLOT_NONE)
		return false;
	memcpy(slots_data(table->slots, slot), stream->pieces.data, pieces_end(&stream->pieces));
	slots_give(table->slots, stream->slot);
	stream->slot = slot;
	stream->pieces.data = slots_data(table->slots, slot);
	stream->pieces.size = slots_size(slot);
	return true;
}

/* Put a segment @at bytes behind stream->next; false when it does not fit. */
static bool add_piece(struct stream_table *table, struct stream *stream,
		      const struct segment *segment, uint32_t at)
{
	int result = pieces_add(&stream->pieces, at, segment->data, segment->len);

	if (result == -ENOSPC && grow(table, stream, segment->payload->at_ns))
		result = pieces_add(&stream->pieces, at, segment->data, segment->len);
	if (segment->payload->rule_id)
		stream->rule_id = segment->payload->rule_id;
	return result >= 0;
}

static void open_pieces(struct stream_table *table, struct stream *stream,
			const struct segment *segment, uint32_t at)
{
	uint64_t now_ns = segment->payload->at_ns;
	uint32_t slot = take_slot(table, stream, false, now_ns);

	if (slot == SLOT_NONE) {
		table->counters.full++;
		stream->state = STREAM_IDLE;
		return;
	}
	stream->slot = slot;
	stream->pieces =
		(struct pieces){ .data = slots_data(table->slots, slot), .size = slots_size(slot) };
	stream->since_ns = now_ns;
	stream->state = STREAM_OPEN;
	if (!add_piece(table, stream, segment, at))
		give_up(table, stream);
}

/* Behind one message: false when nothing more is to be read of this direction now. */
static bool is_talking(struct stream *stream)
{
	stream->has_read = true;
	stream->state = STREAM_IDLE;
	if (stream->kind == STREAM_TLS || stream->kind == STREAM_SSH)
		stream->state = STREAM_CLOSED;
	return stream->state == STREAM_IDLE;
}

static ssize_t read_segment(struct stream_table *table, const struct stream *stream,
			    const struct segment *segment)
{
	const struct payload *payload = segment->payload;
	struct stream_bytes bytes = {
		.kind = stream->kind,
		.payload = payload,
		.data = segment->data,
		.len = segment->len,
		.rule_id = payload->rule_id,
		.is_last = payload->whole > payload->len,
	};

	return table->options.read(table->options.arg, &bytes);
}

/* A beginning that is at hand: read it where it lies. */
static void read_here(struct stream_table *table, struct stream *stream, struct segment *segment)
{
	const struct payload *payload = segment->payload;

	while (segment->len > 0) {
		ssize_t used;

		stream->next = segment->seq;
		stream->kind = (uint8_t)guess(&payload->tuple, segment->data, segment->len);
		if (stream->kind == STREAM_UNKNOWN)
			break;
		used = read_segment(table, stream, segment);
		if (used == 0 && payload->whole <= payload->len) {
			open_pieces(table, stream, segment, 0);
			return;
		}
		table->counters.cut += used == 0;
		table->counters.malformed += used < 0;
		if (used <= 0)
			break;
		stream->next += (uint32_t)used;
		if (!is_talking(stream) || used >= segment->len)
			return;
		skip(segment, (uint32_t)used);
	}
	stream->next = segment->seq + segment->len;
	make_idle(table, stream);
}

/* Messages in the pieces, as long as there are whole ones. */
static void read_on(struct stream_table *table, struct stream *stream,
		    const struct payload *payload)
{
	while (pieces_front(&stream->pieces) > 0) {
		ssize_t used = read_pieces(table, stream, payload, false);

		if (used == 0)
			return;
		/* behind a change_cipher_spec most often no hello comes */
		table->counters.malformed += used < 0 && !is_change(stream->pieces.data, 1);
		if (used < 0)
			break;
		if (used >= pieces_end(&stream->pieces)) {
			stream->next += (uint32_t)used;
			drop_pieces(table, stream);
			(void)is_talking(stream); /* nothing is left to read */
			return;
		}
		pieces_shift(&stream->pieces, (uint32_t)used);
		stream->next += (uint32_t)used;
		stream->since_ns = payload->at_ns;
		if (!is_talking(stream)) {
			drop_pieces(table, stream);
			return;
		}
		stream->kind = (uint8_t)guess(&payload->tuple, stream->pieces.data,
					      pieces_front(&stream->pieces));
		if (stream->kind == STREAM_UNKNOWN)
			break;
		stream->state = STREAM_OPEN;
	}
	if (stream->state != STREAM_OPEN || pieces_front(&stream->pieces) > 0)
		make_idle(table, stream);
}

static void take_fresh(struct stream_table *table, struct stream *stream, struct segment *segment)
{
	stream->next = segment->seq;
	stream->kind = (uint8_t)guess(&stream->tuple, segment->data, segment->len);
	if (stream->kind == STREAM_UNKNOWN)
		open_pieces(table, stream, segment, 0);
	else
		read_here(table, stream, segment);
}

static void take_idle(struct stream_table *table, struct stream *stream, struct segment *segment)
{
	int32_t ahead = distance(stream->next, segment->seq);
	enum stream_kind kind;

	if (ahead < 0 && -(int64_t)ahead >= segment->len)
		return; /* seen */
	if (ahead < 0)
		skip(segment, (uint32_t)-ahead);
	kind = guess(&stream->tuple, segment->data, segment->len);
	stream->kind = (uint8_t)kind;
	if (kind == STREAM_DNS && ahead > 0 && ahead < NEAR)
		open_pieces(table, stream, segment, (uint32_t)ahead);
	else if (kind != STREAM_UNKNOWN)
		read_here(table, stream, segment);
}

/* A segment from before what is there may be the true beginning. Returns false to leave it out. */
static bool take_earlier(struct stream_table *table, struct stream *stream, struct segment *segment)
{
	uint32_t missing = stream->next - segment->seq;
	enum stream_kind kind = guess(&stream->tuple, segment->data, segment->len);
	/* one byte in front of what was sent is a keep-alive probe (RFC 9293 3.8.4), unless it
	 * alone begins something */
	bool begins = kind != STREAM_UNKNOWN && stream->kind == STREAM_UNKNOWN;
	bool is_probe = missing == 1 && segment->len == 1 && !begins;

	if (stream->has_read || is_probe ||
	    (kind == STREAM_UNKNOWN && stream->kind != STREAM_UNKNOWN)) {
		if (missing >= segment->len)
			return false;
		skip(segment, missing);
		return true;
	}
	if (pieces_make_room(&stream->pieces, missing) != 0 &&
	    (!grow(table, stream, segment->payload->at_ns) ||
	     pieces_make_room(&stream->pieces, missing) != 0)) {
		give_up(table, stream);
		return false;
	}
	stream->next = segment->seq;
	stream->kind = (uint8_t)kind;
	return true;
}

static void take_open(struct stream_table *table, struct stream *stream, struct segment *segment)
{
	enum stream_kind kind = guess(&stream->tuple, segment->data, segment->len);

	if (stream->kind == STREAM_UNKNOWN && kind != STREAM_UNKNOWN &&
	    distance(stream->next, segment->seq) > 0) {
		make_idle(table, stream);
		read_here(table, stream, segment);
		return;
	}
	if (distance(stream->next, segment->seq) < 0 && !take_earlier(table, stream, segment))
		return;
	if (!add_piece(table, stream, segment, segment->seq - stream->next)) {
		give_up(table, stream);
		return;
	}
	if (stream->kind != STREAM_UNKNOWN)
		read_on(table, stream, segment->payload);
}

/* The same tuple, but nothing of the connection that is known: ports were used again. */
static bool is_another(const struct stream *stream, const struct segment *segment)
{
	int32_t ahead = distance(stream->next, segment->seq);
	bool is_near = ahead > -NEAR && ahead < NEAR;

	if (segment->payload->tcp_flags & TCP_FLAG_SYN)
		return !is_near;
	if (guess(&stream->tuple, segment->data, segment->len) == STREAM_UNKNOWN)
		return false;
	switch (stream->state) {
	case STREAM_CLOSED:
		return ahead >= 0 || !is_near;
	case STREAM_OPEN:
		return !is_near;
	default:
		return ahead < -FAR;
	}
}

static void remove_stream(struct stream_table *table, struct stream *stream)
{
	give_up(table, stream);
	stream_table_remove(table, stream);
}

/* The direction that a segment belongs to, made when it is not known. */
static struct stream *stream_of(struct stream_table *table, const struct segment *segment)
{
	const struct payload *payload = segment->payload;
	struct stream *stream = stream_table_find(table, &payload->tuple);

	if (stream && is_another(stream, segment)) {
		remove_stream(table, stream);
		stream = NULL;
	}
	if (stream) {
		stream_table_renew(table, stream);
		return stream;
	}
	stream = stream_table_add(table, payload);
	if (!stream) {
		remove_stream(table, stream_table_oldest(table));
		stream = stream_table_add(table, payload);
	}
	return stream;
}

void stream_take(struct stream_table *table, const struct payload *payload)
{
	struct segment segment = { .payload = payload,
				   .data = payload->data,
				   .len = (uint32_t)payload->len,
				   .seq = payload->seq };
	struct stream *stream;

	if (payload->len == 0 || payload->len > NEAR)
		return;
	if (payload->tcp_flags & TCP_FLAG_SYN)
		segment.seq++; /* the SYN has a number of its own: RFC 9293 3.4 */
	stream = stream_of(table, &segment);
	stream->last_ns = payload->at_ns;
	if (stream->state == STREAM_OPEN && payload->at_ns > stream->since_ns + IDLE_NS)
		give_up(table, stream);
	if (stream->state == STREAM_FRESH)
		take_fresh(table, stream, &segment);
	else if (stream->state == STREAM_IDLE)
		take_idle(table, stream, &segment);
	else if (stream->state == STREAM_OPEN)
		take_open(table, stream, &segment);
}

void stream_expire(struct stream_table *table, uint64_t now_ns)
{
	struct stream *oldest = stream_table_oldest(table);

	while (oldest && oldest->last_ns + IDLE_NS <= now_ns) {
		remove_stream(table, oldest);
		oldest = stream_table_oldest(table);
	}
}

const struct stream_counters *stream_count(const struct stream_table *table)
{
	return &table->counters;
}

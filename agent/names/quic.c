/*
 * UDP datagram → QUIC packets → Initials opened → CRYPTO frames → ClientHello (tls.c).
 */
#include "agent/names/quic.h"

#include <errno.h>
#include <string.h>

#include "agent/names/cursor.h"
#include "agent/names/quic_table.h"
#include "agent/names/tls.h"

#define LONG_HEADER	 0x80 /* RFC 9000 17.2 */
#define LONG_PROTECTED	 0x0f /* bits of the first byte under protection, RFC 9001 5.4.1 */
#define TYPE_INITIAL	 0
#define TYPE_RETRY	 3
#define NUMBER_BYTES_MAX 4
#define FRAME_PADDING	 0x00 /* RFC 9000 19 */
#define FRAME_PING	 0x01
#define FRAME_ACK	 0x02
#define FRAME_ACK_ECN	 0x03
#define FRAME_CRYPTO	 0x06
#define FRAME_CLOSE	 0x1c
/* Header of an Initial with everything short: 7 bytes, connection ids, token, number. What is
 * longer than this before its packet number is no client's. */
#define HEADER_MAX 2048

/* One long-header packet inside a datagram. */
struct packet {
	const uint8_t *data; /* from its first byte */
	uint32_t version;
	unsigned int type; /* numbered as in version 1 */
	struct cursor cid; /* destination */
	size_t number_at;  /* where its packet number is */
	size_t len;	   /* all of it */
};

/* ---- headers ----------------------------------------------------------------------------------
 */

static uint64_t take_varint(struct cursor *cursor) /* RFC 9000 16 */
{
	const unsigned int bytes = cursor->left ? 1U << (cursor->at[0] >> 6) : 1;
	const uint64_t number = cursor_number(cursor, bytes);

	return number & (UINT64_MAX >> (64 - 8 * bytes + 2));
}

/* The type numbered as in version 1; version 2 turns them by one (RFC 9369 3.2). */
static unsigned int type_of(uint8_t first, uint32_t version)
{
	const unsigned int type = first >> 4 & 3;

	return version == QUIC_VERSION_2 ? (type + 3) & 3 : type;
}

/* The packet at the beginning of @datagram, which is moved behind it. 0 or -EBADMSG. */
static int take_packet(struct cursor *datagram, struct packet *out)
{
	struct cursor at = *datagram;
	struct cursor source;
	uint64_t len;
	uint8_t first;

	out->data = datagram->at;
	first = (uint8_t)cursor_number(&at, 1);
	if (at.has_failed || !(first & LONG_HEADER))
		return -EBADMSG;
	out->version = (uint32_t)cursor_number(&at, 4);
	out->cid = cursor_vector(&at, 1);
	source = cursor_vector(&at, 1);
	if (at.has_failed || out->version == 0 || out->cid.left > QUIC_CID_MAX ||
	    source.left > QUIC_CID_MAX)
		return -EBADMSG;
	out->type = type_of(first, out->version);
	if (out->type == TYPE_RETRY) /* has no length and ends the datagram */
		return -EBADMSG;
	if (out->type == TYPE_INITIAL) {
		const uint64_t token = take_varint(&at);

		(void)cursor_take(&at, token < SIZE_MAX ? (size_t)token : SIZE_MAX);
	}
	len = take_varint(&at);
	if (at.has_failed || len > at.left)
		return -EBADMSG;
	out->number_at = (size_t)(at.at - datagram->at);
	out->len = out->number_at + (size_t)len;
	(void)cursor_take(datagram, out->len); /* it is all there */
	return 0;
}

/* RFC 9000 A.3: the number nearest to the one expected that ends with these bits. */
static uint64_t whole_number(uint64_t expected, uint64_t cut, unsigned int bytes)
{
	const uint64_t window = 1ULL << (8 * bytes);
	const uint64_t candidate = (expected & ~(window - 1)) | cut;

	if (candidate + window / 2 <= expected && candidate < (1ULL << 62) - window)
		return candidate + window;
	if (candidate > expected + window / 2 && candidate >= window)
		return candidate - window;
	return candidate;
}

/*
 * Opens @packet into @plain. @expected is the packet number awaited; @number the one found.
 * Returns the bytes, or -EBADMSG.
 */
static ssize_t open_packet(const struct packet *packet, const struct quic_keys *keys,
			   uint64_t expected, uint64_t *number, uint8_t *plain)
{
	uint8_t header[HEADER_MAX + NUMBER_BYTES_MAX], mask[QUIC_MASK_BYTES];
	struct quic_box box = { .header = header };
	uint64_t cut = 0;
	unsigned int bytes, i;

	if (packet->number_at > HEADER_MAX ||
	    packet->len < packet->number_at + NUMBER_BYTES_MAX + QUIC_SAMPLE_BYTES ||
	    quic_keys_mask(keys, packet->data + packet->number_at + NUMBER_BYTES_MAX, mask))
		return -EBADMSG;
	memcpy(header, packet->data, packet->number_at + NUMBER_BYTES_MAX);
	header[0] ^= mask[0] & LONG_PROTECTED;
	bytes = (header[0] & 3U) + 1;
	for (i = 0; i < bytes; i++) {
		header[packet->number_at + i] ^= mask[1 + i];
		cut = cut << 8 | header[packet->number_at + i];
	}
	box.number = whole_number(expected, cut, bytes);
	box.header_len = packet->number_at + bytes;
	box.sealed = packet->data + box.header_len;
	box.sealed_len = packet->len - box.header_len;
	*number = box.number;
	return quic_keys_open(keys, &box, plain);
}

/* ---- frames -----------------------------------------------------------------------------------
 */

static void skip_ack(struct cursor *frames, bool has_ecn) /* RFC 9000 19.3 */
{
	uint64_t ranges;

	(void)take_varint(frames); /* largest */
	(void)take_varint(frames); /* delay */
	ranges = take_varint(frames);
	(void)take_varint(frames); /* first range */
	for (; ranges && !frames->has_failed; ranges--) {
		(void)take_varint(frames);
		(void)take_varint(frames);
	}
	for (ranges = has_ecn ? 3 : 0; ranges; ranges--)
		(void)take_varint(frames);
}

/* 0; 1 when nothing behind counts any more; negative as quic_table_put and -EBADMSG. */
static int take_frame(struct quic_table *table, struct quic_conn *conn, struct cursor *frames)
{
	const uint64_t type = take_varint(frames);
	struct cursor data;
	uint64_t offset;

	switch (type) {
	case FRAME_PADDING:
	case FRAME_PING:
		return 0;
	case FRAME_ACK:
	case FRAME_ACK_ECN:
		skip_ack(frames, type == FRAME_ACK_ECN);
		return frames->has_failed ? -EBADMSG : 0;
	case FRAME_CRYPTO:
		offset = take_varint(frames);
		data = cursor_take(frames, (size_t)take_varint(frames));
		if (data.has_failed)
			return -EBADMSG;
		return quic_table_put(table, conn, offset, data.at, data.left);
	case FRAME_CLOSE:
		return 1;
	default: /* may not be in an Initial, RFC 9000 12.4 */
		return -EBADMSG;
	}
}

int quic_frames_take(struct quic_table *table, struct quic_conn *conn, struct cursor frames,
		     struct hello *out)
{
	ssize_t parsed;
	int taken = 0;

	if (conn->is_done)
		return 0;
	while (frames.left && !taken)
		taken = take_frame(table, conn, &frames);
	if (taken < 0) {
		quic_table_settle(table, conn);
		return taken == -ENOMEM ? taken : -EBADMSG;
	}
	parsed = tls_hello_parse(conn->bytes, conn->ready, out);
	if (parsed != 0 || ++conn->initials >= QUIC_INITIALS_MAX)
		quic_table_settle(table, conn);
	if (parsed <= 0)
		return (int)parsed;
	out->quic_version = conn->version;
	if (out->ja4[0])
		out->ja4[0] = 'q'; /* all that differs from a hello over TCP */
	return 1;
}

/* ---- connections ------------------------------------------------------------------------------
 */

static ssize_t open_known(struct quic_conn *conn, const struct packet *packet, uint8_t *plain)
{
	uint64_t number;
	ssize_t len;

	if (conn->version != packet->version)
		return -EBADMSG;
	len = open_packet(packet, &conn->keys, conn->largest + 1, &number, plain);
	if (len >= 0 && number > conn->largest)
		conn->largest = number;
	return len;
}

/*
 * With keys of the packet's own connection id: a client's first, its first after a Retry (RFC 9001
 * 5.2), or the first of another connection between the same ports. Each begins its CRYPTO stream
 * again, so @conn forgets what it has.
 */
static ssize_t open_new(struct quic_table *table, const struct packet *packet,
			const struct five_tuple *tuple, struct quic_conn **conn)
{
	uint8_t *plain = quic_table_scratch(table);
	struct quic_keys keys;
	uint64_t number;
	ssize_t len;

	if (quic_keys_derive(packet->version, packet->cid.at, packet->cid.left, &keys))
		return -EBADMSG;
	len = open_packet(packet, &keys, 0, &number, plain);
	if (len < 0)
		return len;
	if (*conn)
		quic_table_restart(table, *conn);
	else
		*conn = quic_table_add(table, tuple);
	(*conn)->keys = keys;
	(*conn)->version = packet->version;
	(*conn)->largest = number;
	return len;
}

/* Returns as quic_take. */
static int take_initial(struct quic_table *table, const struct payload *payload,
			const struct packet *packet, struct hello *out)
{
	struct quic_conn *conn = quic_table_find(table, &payload->tuple);
	ssize_t len = -EBADMSG;

	if (conn)
		len = open_known(conn, packet, quic_table_scratch(table));
	if (len < 0)
		len = open_new(table, packet, &payload->tuple, &conn);
	if (len < 0)
		return -EBADMSG;
	quic_table_touch(table, conn, payload->at_ns);
	return quic_frames_take(table, conn, cursor_over(quic_table_scratch(table), (size_t)len),
				out);
}

static bool is_known(const struct quic_table *table, const struct five_tuple *tuple)
{
	const struct five_tuple back = { tuple->dst, tuple->src, tuple->dst_port, tuple->src_port,
					 tuple->proto };

	return quic_table_find(table, tuple) || quic_table_find(table, &back);
}

int quic_take(struct quic_table *table, const struct payload *payload, struct hello *out,
	      struct five_tuple *client)
{
	struct cursor datagram = cursor_over(payload->data, payload->len);
	struct packet packet;
	int taken = -EBADMSG;

	if (payload->len > UINT16_MAX)
		return -EBADMSG;
	while (datagram.left && !take_packet(&datagram, &packet)) {
		if (packet.type != TYPE_INITIAL)
			continue;
		taken = take_initial(table, payload, &packet, out);
		if (taken == -ENOMEM)
			return taken;
		if (taken > 0) {
			*client = payload->tuple;
			return 1;
		}
	}
	return taken < 0 && is_known(table, &payload->tuple) ? 0 : taken;
}

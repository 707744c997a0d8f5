/*
 * Where quic.c keeps connections and their CRYPTO bytes between datagrams.
 */
#include "agent/names/quic_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/tls.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"

#define IDLE_NS	  (30ULL * 1000000000) /* of the order of common idle timeouts; RFC 9000 10.1 */
#define ROOM_MIN  2048		       /* most hellos fit */
#define SLOTS_MAX (1U << 20)

struct quic_table {
	unsigned int max, bucket_count;
	unsigned int unused;	 /* slots never given out begin here */
	uint32_t free;		 /* slots given back, chained by next; index + 1 */
	uint32_t oldest, newest; /* index + 1 */
	uint64_t seed;		 /* so that nobody outside can choose the chain */
	size_t pending;
	uint32_t *buckets; /* index + 1 */
	struct quic_conn *conns;
	uint8_t *scratch;
};

static struct quic_conn *at(const struct quic_table *table, uint32_t ref)
{
	return ref ? &table->conns[ref - 1] : NULL;
}

/* @ref is one of the table's own links that leads somewhere. */
static struct quic_conn *known(const struct quic_table *table, uint32_t ref)
{
	assert(ref);
	return &table->conns[ref - 1];
}

static uint32_t ref_of(const struct quic_table *table, const struct quic_conn *conn)
{
	return (uint32_t)(conn - table->conns) + 1;
}

static uint32_t *bucket_of(const struct quic_table *table, const struct five_tuple *tuple)
{
	uint64_t hash = addr_hash(&tuple->src, table->seed);

	hash = addr_hash(&tuple->dst, hash ^ ((uint64_t)tuple->src_port << 16 | tuple->dst_port));
	return &table->buckets[hash % table->bucket_count];
}

static bool is_same(const struct five_tuple *a, const struct five_tuple *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port && a->proto == b->proto &&
	       addr_is_equal(&a->src, &b->src) && addr_is_equal(&a->dst, &b->dst);
}

int quic_table_new(unsigned int max, struct quic_table **out)
{
	CLEANUP(quic_table_free) struct quic_table *table = NULL;

	if (max == 0 || max > SLOTS_MAX)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->max = max;
	table->bucket_count = max;
	crypto_random(&table->seed, sizeof(table->seed));
	/* Pages of these come with their first use. */
	table->buckets = calloc(max, sizeof(*table->buckets));
	table->conns = calloc(max, sizeof(*table->conns));
	table->scratch = malloc(UINT16_MAX);
	if (!table->buckets || !table->conns || !table->scratch)
		return -ENOMEM;
	*out = TAKE(table);
	return 0;
}

void quic_table_free(struct quic_table *table)
{
	unsigned int i;

	if (!table)
		return;
	for (i = 0; table->conns && i < table->unused; i++)
		free(table->conns[i].bytes);
	free(table->conns);
	free(table->buckets);
	free(table->scratch);
	free(table);
}

size_t quic_pending_bytes(const struct quic_table *table)
{
	return table->pending;
}

uint8_t *quic_table_scratch(struct quic_table *table)
{
	return table->scratch;
}

struct quic_conn *quic_table_find(const struct quic_table *table, const struct five_tuple *tuple)
{
	struct quic_conn *conn = at(table, *bucket_of(table, tuple));

	while (conn && !is_same(&conn->tuple, tuple))
		conn = at(table, conn->next);
	return conn;
}

/* ---- by age -----------------------------------------------------------------------------------
 */

static void age_unlink(struct quic_table *table, struct quic_conn *conn)
{
	struct quic_conn *older = at(table, conn->older), *newer = at(table, conn->newer);

	if (older)
		older->newer = conn->newer;
	else
		table->oldest = conn->newer;
	if (newer)
		newer->older = conn->older;
	else
		table->newest = conn->older;
	conn->older = conn->newer = 0;
}

static void age_append(struct quic_table *table, struct quic_conn *conn)
{
	const uint32_t ref = ref_of(table, conn);

	conn->older = table->newest;
	conn->newer = 0;
	if (table->newest)
		known(table, table->newest)->newer = ref;
	else
		table->oldest = ref;
	table->newest = ref;
}

void quic_table_touch(struct quic_table *table, struct quic_conn *conn, uint64_t now_ns)
{
	conn->last_ns = now_ns;
	age_unlink(table, conn);
	age_append(table, conn);
}

/* ---- in and out -------------------------------------------------------------------------------
 */

static void drop_bytes(struct quic_table *table, struct quic_conn *conn)
{
	table->pending -= conn->room + conn->room / 8;
	free(conn->bytes);
	conn->bytes = NULL;
	conn->room = conn->ready = 0;
}

static void remove_conn(struct quic_table *table, struct quic_conn *conn)
{
	const uint32_t ref = ref_of(table, conn);
	uint32_t *link = bucket_of(table, &conn->tuple);

	while (*link != ref)
		link = &known(table, *link)->next;
	*link = conn->next;
	age_unlink(table, conn);
	drop_bytes(table, conn);
	conn->next = table->free;
	table->free = ref;
}

struct quic_conn *quic_table_add(struct quic_table *table, const struct five_tuple *tuple)
{
	struct quic_conn *conn;
	uint32_t *bucket = bucket_of(table, tuple);

	if (!table->free && table->unused == table->max)
		remove_conn(table, known(table, table->oldest));
	if (table->free) {
		conn = known(table, table->free);
		table->free = conn->next;
	} else {
		conn = &table->conns[table->unused++];
	}
	*conn = (struct quic_conn){ .tuple = *tuple, .next = *bucket };
	*bucket = ref_of(table, conn);
	age_append(table, conn);
	return conn;
}

void quic_table_settle(struct quic_table *table, struct quic_conn *conn)
{
	drop_bytes(table, conn);
	conn->is_done = true;
}

void quic_table_restart(struct quic_table *table, struct quic_conn *conn)
{
	drop_bytes(table, conn);
	conn->is_done = false;
	conn->initials = 0;
	conn->largest = 0;
}

void quic_expire(struct quic_table *table, uint64_t now_ns)
{
	struct quic_conn *conn = at(table, table->oldest);

	while (conn && now_ns > conn->last_ns && now_ns - conn->last_ns > IDLE_NS) {
		remove_conn(table, conn);
		conn = at(table, table->oldest);
	}
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

/* Others give their bytes back, the oldest first, until @more fit. */
static void make_room(struct quic_table *table, const struct quic_conn *keep, size_t more)
{
	struct quic_conn *conn = at(table, table->oldest);

	for (; conn && table->pending + more > QUIC_PENDING_BYTES_MAX;
	     conn = at(table, conn->newer)) {
		if (conn != keep && conn->bytes)
			quic_table_settle(table, conn);
	}
}

static int grow(struct quic_table *table, struct quic_conn *conn, size_t end)
{
	size_t room = conn->room ? conn->room : ROOM_MIN;
	uint8_t *bytes;

	while (room < end)
		room *= 2;
	if (room == conn->room)
		return 0;
	make_room(table, conn, room + room / 8);
	bytes = calloc(1, room + room / 8);
	if (!bytes)
		return -ENOMEM;
	if (conn->bytes) {
		memcpy(bytes, conn->bytes, conn->room);
		memcpy(bytes + room, conn->bytes + conn->room, conn->room / 8);
	}
	free(conn->bytes);
	table->pending += room + room / 8 - (conn->room + conn->room / 8);
	conn->bytes = bytes;
	conn->room = room;
	return 0;
}

int quic_table_put(struct quic_table *table, struct quic_conn *conn, uint64_t offset,
		   const uint8_t *data, size_t len)
{
	uint8_t *bits;
	size_t i;
	int error;

	if (offset > HELLO_BYTES_MAX || len > HELLO_BYTES_MAX - offset)
		return -EFBIG;
	if (!len)
		return 0;
	error = grow(table, conn, (size_t)offset + len);
	if (error)
		return error;
	bits = conn->bytes + conn->room;
	for (i = (size_t)offset; i < offset + len; i++) {
		if (bits[i / 8] & 1U << i % 8)
			continue;
		bits[i / 8] |= (uint8_t)(1U << i % 8);
		conn->bytes[i] = data[i - offset];
	}
	while (conn->ready < conn->room && bits[conn->ready / 8] & 1U << conn->ready % 8)
		conn->ready++;
	return 0;
}

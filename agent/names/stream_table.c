/*
 * Directions of TCP connections by their tuple: a hash of chains over one array, and a list from
 * the newest to the oldest.
 */
#include "agent/names/stream_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/addr.h"

int stream_table_new(const struct stream_options *options, struct stream_table **out)
{
	CLEANUP(stream_table_free) struct stream_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->options = *options;
	table->bucket_count = 1;
	while (table->bucket_count < options->max)
		table->bucket_count *= 2;
	table->slots = slots_new();
	table->streams = calloc(options->max, sizeof(*table->streams));
	table->buckets = malloc(table->bucket_count * sizeof(*table->buckets));
	if (!table->slots || !table->streams || !table->buckets)
		return -ENOMEM;
	memset(table->buckets, 0xff, table->bucket_count * sizeof(*table->buckets));
	table->free = table->newest = table->oldest = STREAM_NONE;
	*out = TAKE(table);
	return 0;
}

void stream_table_free(struct stream_table *table)
{
	if (!table)
		return;
	slots_free(table->slots);
	free(table->streams);
	free(table->buckets);
	free(table);
}

static uint32_t *bucket_of(struct stream_table *table, const struct five_tuple *tuple)
{
	uint64_t ports = (uint64_t)tuple->src_port << 16 | tuple->dst_port;
	uint64_t hash = addr_hash(&tuple->src, table->options.seed ^ ports);

	return &table->buckets[addr_hash(&tuple->dst, hash) & (table->bucket_count - 1)];
}

static bool is_same(const struct five_tuple *a, const struct five_tuple *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       addr_is_equal(&a->src, &b->src) && addr_is_equal(&a->dst, &b->dst);
}

struct stream *stream_table_find(struct stream_table *table, const struct five_tuple *tuple)
{
	uint32_t at = *bucket_of(table, tuple);

	while (at != STREAM_NONE && !is_same(&table->streams[at].tuple, tuple))
		at = table->streams[at].hash_next;
	return at == STREAM_NONE ? NULL : &table->streams[at];
}

static void unlink_age(struct stream_table *table, const struct stream *stream)
{
	uint32_t *newer = stream->newer == STREAM_NONE ? &table->newest
						       : &table->streams[stream->newer].older;
	uint32_t *older = stream->older == STREAM_NONE ? &table->oldest
						       : &table->streams[stream->older].newer;

	*newer = stream->older;
	*older = stream->newer;
}

static void link_newest(struct stream_table *table, struct stream *stream)
{
	uint32_t index = (uint32_t)(stream - table->streams);

	stream->newer = STREAM_NONE;
	stream->older = table->newest;
	if (table->newest == STREAM_NONE)
		table->oldest = index;
	else
		table->streams[table->newest].newer = index;
	table->newest = index;
}

struct stream *stream_table_add(struct stream_table *table, const struct payload *payload)
{
	uint32_t *bucket = bucket_of(table, &payload->tuple);
	uint32_t index = table->free;
	struct stream *stream;

	if (index != STREAM_NONE)
		table->free = table->streams[index].hash_next;
	else if (table->touched < table->options.max)
		index = table->touched++;
	else
		return NULL;
	stream = &table->streams[index];
	*stream = (struct stream){ .tuple = payload->tuple,
				   .state = STREAM_FRESH,
				   .direction = payload->direction,
				   .iface = payload->iface,
				   .slot = SLOT_NONE,
				   .hash_next = *bucket };
	*bucket = index;
	link_newest(table, stream);
	return stream;
}

void stream_table_remove(struct stream_table *table, struct stream *stream)
{
	uint32_t index = (uint32_t)(stream - table->streams);
	uint32_t *at = bucket_of(table, &stream->tuple);

	while (*at != index)
		at = &table->streams[*at].hash_next;
	*at = stream->hash_next;
	unlink_age(table, stream);
	stream->hash_next = table->free;
	table->free = index;
}

void stream_table_renew(struct stream_table *table, struct stream *stream)
{
	unlink_age(table, stream);
	link_newest(table, stream);
}

struct stream *stream_table_oldest(struct stream_table *table)
{
	return table->oldest == STREAM_NONE ? NULL : &table->streams[table->oldest];
}

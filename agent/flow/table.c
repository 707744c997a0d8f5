/*
 * The flow table's face: a delta finds or makes its flow; flows end when idle or closed, long ones
 * are cut. Everything is allocated at the beginning; nothing per packet, delta or flow.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/flow/internal.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define CUT_NS (60 * NS_PER_S) /* DESIGN 6 */

#define CAPACITY_MAX (1U << 24) /* keeps the index's size in 32 bits; 4 GB of flows */

int flow_table_new(const struct flow_options *options, struct flow_table **out)
{
	CLEANUP(flow_table_free) struct flow_table *table = NULL;
	unsigned int kept = options->ended_kept;
	int error;

	if (!options->capacity || options->capacity > CAPACITY_MAX || kept > CAPACITY_MAX)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->options = *options;
	table->next_id = options->first_id ? options->first_id : 1;
	table->free = NONE;
	table->scan = 1;
	wheel_init(&table->wheel);
	crypto_random(&table->seed, sizeof(table->seed));
	table->entries = memory_new(options->capacity * sizeof(*table->entries));
	table->ended = kept ? calloc(kept, sizeof(*table->ended)) : NULL;
	if (!table->entries || (kept && !table->ended))
		return -ENOMEM;
	error = index_init(&table->index, options->capacity);
	if (!error)
		error = hosts_init(&table->hosts);
	if (!error && naming_init(&table->naming))
		error = -ENOMEM;
	if (error)
		return error;
	*out = TAKE(table);
	return 0;
}

void flow_table_free(struct flow_table *table)
{
	if (!table)
		return;
	naming_done(&table->naming);
	hosts_done(&table->hosts);
	index_done(&table->index);
	free(table->ended);
	memory_free(table->entries, table->options.capacity * sizeof(*table->entries));
	free(table);
}

unsigned int flow_table_len(const struct flow_table *table)
{
	return table->len;
}

/* ---- records --------------------------------------------------------------------------------- */

static bool has_uncut(const struct flow *flow)
{
	return flow->packets_out != flow->cut_packets_out ||
	       flow->packets_in != flow->cut_packets_in || flow->bytes_out != flow->cut_bytes_out ||
	       flow->bytes_in != flow->cut_bytes_in;
}

static void write_record(struct flow_table *table, struct entry *entry)
{
	struct flow *flow = &entry->flow;

	if (table->options.sink.on_record)
		table->options.sink.on_record(table->options.sink.arg, flow);
	flow->cut_packets_out = flow->packets_out;
	flow->cut_bytes_out = flow->bytes_out;
	flow->cut_packets_in = flow->packets_in;
	flow->cut_bytes_in = flow->bytes_in;
	entry->is_fixed = true; /* what is written has its direction */
}

/* The entry is out of the wheel already. */
static void end_flow(struct flow_table *table, uint32_t number)
{
	struct entry *entry = &table->entries[number];

	if (entry->flow.state != FLOW_CLOSED)
		entry->flow.state = FLOW_EXPIRED;
	entry->flow.is_final = true;
	write_record(table, entry);
	if (table->options.ended_kept) {
		struct flow *place =
			&table->ended[table->ended_count++ % table->options.ended_kept];

		naming_drop(&table->naming, place->name);
		naming_keep(&table->naming, entry->flow.name);
		*place = entry->flow;
	}
	naming_drop(&table->naming, entry->flow.name);
	entry->flow.name = 0;
	index_remove(&table->index, entry->hash, number);
	entry->flow.id = 0;
	entry->next = table->free;
	table->free = number;
	table->len--;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static uint64_t due_ns(const struct entry *entry)
{
	uint64_t idle = entry->flow.last_ns + merge_idle_ns(entry);
	uint64_t cut = entry->cut_ns + CUT_NS;

	return idle < cut ? idle : cut;
}

static uint32_t take_entry(struct flow_table *table)
{
	uint32_t number = table->free;

	if (number != NONE)
		table->free = table->entries[number].next;
	else if (table->high < table->options.capacity)
		number = table->high++;
	return number;
}

uint64_t flow_table_take_id(struct flow_table *table)
{
	return table->next_id++;
}

static uint32_t begin_flow(struct flow_table *table, const struct flow_delta *delta, uint32_t hash,
			   uint64_t floor_ns)
{
	uint32_t number = take_entry(table);

	if (number == NONE)
		return NONE;
	merge_begin(&table->entries[number], delta, floor_ns);
	table->entries[number].hash = hash;
	table->entries[number].flow.id = table->next_id++;
	index_add(&table->index, hash, number);
	table->len++;
	table->second.new_flows++;
	return number;
}

static void count_second(struct totals *second, const struct flow_delta *delta)
{
	if (delta->direction == DIRECTION_INGRESS) {
		second->packets_in += delta->packets;
		second->bytes_in += delta->bytes;
	} else {
		second->packets_out += delta->packets;
		second->bytes_out += delta->bytes;
	}
}

uint32_t table_find(const struct flow_table *table, const struct five_tuple *tuple, uint8_t iface)
{
	const struct flow_delta delta = { .tuple = *tuple, .iface = iface };
	uint32_t hash = hash_flow(&table->seed, tuple, iface, hash_addr(&table->seed, &tuple->src),
				  hash_addr(&table->seed, &tuple->dst));

	return index_find(&table->index, table->entries, hash, &delta);
}

const struct flow *flow_table_find(const struct flow_table *table, const struct five_tuple *tuple,
				   uint8_t iface)
{
	uint32_t number = table_find(table, tuple, iface);

	return number == NONE ? NULL : &table->entries[number].flow;
}

/* The flow that @delta belongs to, or NONE: it begins one. A closed one may end here. */
static uint32_t find_flow(struct flow_table *table, const struct flow_delta *delta, uint32_t hash,
			  uint64_t *floor_ns)
{
	uint32_t number = index_find(&table->index, table->entries, hash, delta);
	struct entry *entry;

	if (number == NONE)
		return NONE;
	entry = &table->entries[number];
	if (!merge_is_reopened(entry, delta))
		return number;
	if (*floor_ns <= entry->flow.last_ns)
		*floor_ns = entry->flow.last_ns + 1;
	wheel_remove(&table->wheel, table->entries, number);
	end_flow(table, number);
	return NONE;
}

int flow_table_add(struct flow_table *table, const struct flow_delta *delta,
		   int64_t unix_minus_mono_ms)
{
	const uint64_t ends[2] = { hash_addr(&table->seed, &delta->tuple.src),
				   hash_addr(&table->seed, &delta->tuple.dst) };
	uint32_t hash = hash_flow(&table->seed, &delta->tuple, delta->iface, ends[0], ends[1]);
	uint64_t floor_ns = table->floor_ns;
	uint32_t number;
	bool is_new;
	struct entry *entry;

	index_expect(&table->index, hash);
	count_second(&table->second, delta);
	hosts_add(&table->hosts, delta, ends,
		  (int64_t)(delta->last_ns / NS_PER_MS) + unix_minus_mono_ms);
	number = find_flow(table, delta, hash, &floor_ns);
	is_new = number == NONE;
	if (is_new)
		number = begin_flow(table, delta, hash, floor_ns);
	if (number == NONE) {
		table->full++;
		return -ENOSPC;
	}
	entry = &table->entries[number];
	merge_delta(entry, delta, unix_minus_mono_ms, table->scan);
	if (is_new) {
		entry->cut_ns = entry->flow.first_ns;
		wheel_add(&table->wheel, table->entries, number, due_ns(entry));
	} else if (entry->flow.state == FLOW_CLOSED) {
		wheel_sooner(&table->wheel, table->entries, number, due_ns(entry));
	}
	if (table->options.sink.on_change)
		table->options.sink.on_change(table->options.sink.arg, &entry->flow, is_new);
	return 0;
}

/* ---- ageing ---------------------------------------------------------------------------------- */

static void age_flow(struct flow_table *table, uint32_t number, uint64_t now_ns)
{
	struct entry *entry = &table->entries[number];

	if (entry->flow.last_ns + merge_idle_ns(entry) <= now_ns) {
		end_flow(table, number);
		return;
	}
	if (entry->cut_ns + CUT_NS <= now_ns) {
		if (has_uncut(&entry->flow))
			write_record(table, entry);
		entry->cut_ns = now_ns;
	}
	wheel_add(&table->wheel, table->entries, number, due_ns(entry));
}

void flow_table_expire(struct flow_table *table, uint64_t now_ns)
{
	uint64_t span = wheel_span(&table->wheel, now_ns);
	uint64_t from = table->wheel.tick;

	if (now_ns <= table->now_ns)
		return;
	naming_settle(table, now_ns);
	table->floor_ns = table->now_ns;
	table->now_ns = now_ns;
	table->scan++;
	table->wheel.tick = now_ns >> WHEEL_SHIFT;
	hosts_advance(&table->hosts, now_ns);
	for (uint64_t i = 0; i < span; i++) {
		uint32_t number = wheel_take(&table->wheel, from + i);

		while (number != NONE) {
			uint32_t next = table->entries[number].next;

			age_flow(table, number, now_ns);
			number = next;
		}
	}
}

void flow_table_flush(struct flow_table *table)
{
	for (uint32_t i = 0; i < table->high; i++)
		if (table->entries[i].flow.id && has_uncut(&table->entries[i].flow))
			write_record(table, &table->entries[i]);
}

void flow_table_second(struct flow_table *table, int64_t unix_s, struct totals *totals)
{
	*totals = table->second;
	totals->unix_s = unix_s;
	table->second = (struct totals){ 0 };
}

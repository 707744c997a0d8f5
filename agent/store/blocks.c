/*
 * Blocks in main.db: a row before the kernel hears of it, kept after its end for the history.
 */
#include <errno.h>

#include "agent/store/internal.h"

#define BLOCK_COLUMNS                                                                    \
	"rule_id, addr, prefix_len, action, direction, proto, port, state, source,"      \
	" created_unix_ms, expires_unix_ms, ended_unix_ms, incident_id, author, reason," \
	" hit_packets, hit_bytes, hit_last_unix_ms, domain, list, confirm_by_unix_ms,"   \
	" parent_id, hit_dns, hit_tls, hit_http, hit_quic"
#define LIST_COLUMNS                                                                \
	"coalesce(version, 0), coalesce(entries, 0), coalesce(pending_version, 0)," \
	" coalesce(pending_entries, 0), coalesce(pending_rule_id, 0),"              \
	" coalesce(updated_unix_ms, 0)"
#define SELECT_BLOCKS                                 \
	"SELECT id, " BLOCK_COLUMNS ", " LIST_COLUMNS \
	" FROM blocks LEFT JOIN lists ON block_id = id "

_Static_assert(HIT_DNS == 1 && HIT_LAYER_COUNT == 5, "a column for each layer but addresses");

/* What no name's layer counted. */
static uint64_t address_hits(const struct block_hits *hits)
{
	uint64_t left = hits->packets;

	for (int i = HIT_DNS; i < HIT_LAYER_COUNT; i++)
		left -= hits->layers[i] < left ? hits->layers[i] : left;
	return left;
}

static int block_read(struct query *query, struct block *block)
{
	*block = (struct block){ 0 };
	block->id = query_int(query, 0);
	block->rule_id = (uint32_t)query_int(query, 1);
	query_addr(query, 2, &block->target.addr);
	block->target.len = (uint8_t)query_int(query, 3);
	block->action = (uint8_t)query_int(query, 4);
	block->direction = (uint8_t)query_int(query, 5);
	block->proto = (uint8_t)query_int(query, 6);
	block->port = (uint16_t)query_int(query, 7);
	block->state = (uint8_t)query_int(query, 8);
	block->source = (uint8_t)query_int(query, 9);
	block->created_unix_ms = query_int(query, 10);
	block->expires_unix_ms = query_int(query, 11);
	block->ended_unix_ms = query_int(query, 12);
	block->incident_id = query_int(query, 13);
	query_text(query, 14, block->author, sizeof(block->author));
	query_text(query, 15, block->reason, sizeof(block->reason));
	block->hits.packets = (uint64_t)query_int(query, 16);
	block->hits.bytes = (uint64_t)query_int(query, 17);
	block->hits.last_unix_ms = query_int(query, 18);
	query_text(query, 19, block->domain, sizeof(block->domain));
	query_text(query, 20, block->list, sizeof(block->list));
	block->confirm_by_unix_ms = query_int(query, 21);
	block->parent_id = query_int(query, 22);
	for (int i = HIT_DNS; i < HIT_LAYER_COUNT; i++)
		block->hits.layers[i] = (uint64_t)query_int(query, 22 + i);
	block->hits.layers[HIT_ADDRESS] = address_hits(&block->hits);
	block->facts.version = (uint32_t)query_int(query, 27);
	block->facts.entries = (uint64_t)query_int(query, 28);
	block->facts.pending_version = (uint32_t)query_int(query, 29);
	block->facts.pending_entries = (uint64_t)query_int(query, 30);
	block->facts.pending_rule_id = (uint32_t)query_int(query, 31);
	block->facts.updated_unix_ms = query_int(query, 32);
	return query->error;
}

static int block_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct block *block = arg;

	query_init(&query, main,
		   "INSERT INTO blocks (" BLOCK_COLUMNS
		   ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	query_bind_int(&query, block->rule_id);
	if (block->target.addr.family == ADDR_NONE)
		query_bind_blob(&query, "", 0);
	else
		query_bind_addr(&query, &block->target.addr);
	query_bind_int(&query, block->target.len);
	query_bind_int(&query, block->action);
	query_bind_int(&query, block->direction);
	query_bind_int(&query, block->proto);
	query_bind_int(&query, block->port);
	query_bind_int(&query, block->state);
	query_bind_int(&query, block->source);
	query_bind_int(&query, block->created_unix_ms);
	query_bind_int(&query, block->expires_unix_ms);
	query_bind_int(&query, block->ended_unix_ms);
	query_bind_int(&query, block->incident_id);
	query_bind_text(&query, block->author);
	query_bind_text(&query, block->reason);
	query_bind_int(&query, (int64_t)block->hits.packets);
	query_bind_int(&query, (int64_t)block->hits.bytes);
	query_bind_int(&query, block->hits.last_unix_ms);
	query_bind_text(&query, block->domain);
	query_bind_text(&query, block->list);
	query_bind_int(&query, block->confirm_by_unix_ms);
	query_bind_int(&query, block->parent_id);
	for (int i = HIT_DNS; i < HIT_LAYER_COUNT; i++)
		query_bind_int(&query, (int64_t)block->hits.layers[i]);
	int error = query_run(&query);
	if (!error)
		block->id = db_last_id(main);
	return error;
}

int store_block_insert(struct store *store, struct block *block)
{
	struct block copy = *block;
	int error = writer_order(store->writer, block_insert, &copy);

	if (!error)
		block->id = copy.id;
	return error;
}

struct block_end {
	int64_t id;
	enum block_state state;
	int64_t at_unix_ms;
};

static int block_end(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct block_end *end = arg;

	query_init(&query, main,
		   "UPDATE blocks SET state = ?, ended_unix_ms = ?, confirm_by_unix_ms = 0"
		   " WHERE id = ? AND state IN (0, 3, 4)");
	query_bind_int(&query, end->state);
	query_bind_int(&query, end->at_unix_ms);
	query_bind_int(&query, end->id);
	return store_run_changed(&query);
}

int store_block_end(struct store *store, int64_t id, enum block_state state, int64_t at_unix_ms)
{
	struct block_end end = { id, state, at_unix_ms };

	return writer_order(store->writer, block_end, &end);
}

struct block_change {
	int64_t id;
	enum block_state state;
	int64_t confirm_by_unix_ms;
};

static int block_set_state(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct block_change *change = arg;

	query_init(&query, main,
		   "UPDATE blocks SET state = ?, confirm_by_unix_ms = ?"
		   " WHERE id = ? AND state IN (0, 3, 4)");
	query_bind_int(&query, change->state);
	query_bind_int(&query, change->confirm_by_unix_ms);
	query_bind_int(&query, change->id);
	return store_run_changed(&query);
}

int store_block_set_state(struct store *store, int64_t id, enum block_state state,
			  int64_t confirm_by_unix_ms)
{
	struct block_change change = { id, state, confirm_by_unix_ms };

	return writer_order(store->writer, block_set_state, &change);
}

static int read_one(struct query *query, struct block *out)
{
	struct block block;
	int found = query_next(query), error;

	if (found <= 0)
		return found ? found : -ENOENT;
	error = block_read(query, &block);
	if (!error)
		*out = block;
	return error;
}

int store_block_get(struct store *store, int64_t id, struct block *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db, SELECT_BLOCKS "WHERE id = ?");
	query_bind_int(&query, id);
	return read_one(&query, out);
}

int store_block_of_list(struct store *store, const char *name, struct block *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db,
		   SELECT_BLOCKS "WHERE list = ? AND list <> '' ORDER BY id DESC LIMIT 1");
	query_bind_text(&query, name);
	return read_one(&query, out);
}

/* The literal states let the list of what is in force use an index of these rows. */
static const char LIST_ALL[] = SELECT_BLOCKS "WHERE id < ? ORDER BY id DESC LIMIT ?";
static const char LIST_ACTIVE[] =
	SELECT_BLOCKS "WHERE id < ? AND state IN (0, 3, 4) ORDER BY id DESC LIMIT ?";

int store_block_list(struct store *store, bool active_only, int64_t before, struct block *out,
		     size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db, active_only ? LIST_ACTIVE : LIST_ALL);
	query_bind_int(&query, before > 0 ? before : INT64_MAX);
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		int error = block_read(&query, &out[count++]);

		if (error)
			return error;
	}
	return found < 0 ? found : (int)count;
}

struct block_hits_order {
	int64_t id;
	const struct block_hits *hits;
};

static int block_save_hits(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct block_hits_order *order = arg;

	query_init(&query, main,
		   "UPDATE blocks SET hit_packets = ?, hit_bytes = ?, hit_last_unix_ms = ?,"
		   " hit_dns = ?, hit_tls = ?, hit_http = ?, hit_quic = ? WHERE id = ?");
	query_bind_int(&query, (int64_t)order->hits->packets);
	query_bind_int(&query, (int64_t)order->hits->bytes);
	query_bind_int(&query, order->hits->last_unix_ms);
	for (int i = HIT_DNS; i < HIT_LAYER_COUNT; i++)
		query_bind_int(&query, (int64_t)order->hits->layers[i]);
	query_bind_int(&query, order->id);
	return store_run_changed(&query);
}

int store_block_save_hits(struct store *store, int64_t id, const struct block_hits *hits)
{
	struct block_hits_order order = { id, hits };

	return writer_order(store->writer, block_save_hits, &order);
}

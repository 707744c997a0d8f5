/*
 * Traffic of the last minute by address and by protocol, in six buckets of ten seconds. Bounded:
 * 4096 addresses in sets of eight; a new one takes the place of the coolest of its set, so a flood
 * of made-up sources displaces itself. Protocols are exact.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flow/internal.h"

#define PORTS	    65536
#define PORTS_BYTES (PORTS / 8)

int hosts_init(struct hosts *hosts)
{
	hosts->sets = calloc(HOST_SETS, sizeof(*hosts->sets));
	hosts->ranked = calloc((size_t)HOST_SETS * HOST_WAYS, sizeof(*hosts->ranked));
	hosts->ports = calloc(SNAPSHOT_HOSTS_MAX, PORTS_BYTES);
	hosts->epoch = MINUTE_BUCKETS; /* so that empty minutes (epoch 0) are past */
	return hosts->sets && hosts->ranked && hosts->ports ? 0 : -ENOMEM;
}

void hosts_done(struct hosts *hosts)
{
	free(hosts->sets);
	free(hosts->ranked);
	free(hosts->ports);
}

void hosts_advance(struct hosts *hosts, uint64_t now_ns)
{
	uint64_t epoch = now_ns / BUCKET_NS + MINUTE_BUCKETS;

	if (epoch > hosts->epoch)
		hosts->epoch = epoch;
}

/* ---- one minute -------------------------------------------------------------------------------
 */

static void minute_add(struct minute *minute, uint64_t epoch, uint64_t packets, uint64_t bytes)
{
	unsigned int now = epoch % MINUTE_BUCKETS;

	if (epoch - minute->epoch >= MINUTE_BUCKETS)
		memset(minute, 0, sizeof(*minute));
	else
		for (uint64_t e = minute->epoch + 1; e <= epoch; e++)
			minute->packets[e % MINUTE_BUCKETS] = minute->bytes[e % MINUTE_BUCKETS] = 0;
	minute->epoch = epoch;
	minute->packets[now] += packets;
	minute->bytes[now] += bytes;
}

/* The sums of what is not older than the window. */
static void minute_sum(const struct minute *minute, uint64_t epoch, uint64_t *packets,
		       uint64_t *bytes)
{
	*packets = *bytes = 0;
	for (unsigned int back = 0; back < MINUTE_BUCKETS; back++) {
		uint64_t e = minute->epoch - back;

		if (epoch - e >= MINUTE_BUCKETS)
			return;
		*packets += minute->packets[e % MINUTE_BUCKETS];
		*bytes += minute->bytes[e % MINUTE_BUCKETS];
	}
}

static uint64_t minute_bytes(const struct minute *minute, uint64_t epoch)
{
	uint64_t packets, bytes;

	minute_sum(minute, epoch, &packets, &bytes);
	return bytes;
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static unsigned int find_way(const struct host_set *set, const struct addr *addr, uint64_t hash)
{
	unsigned int i = 0;

	while (i < HOST_WAYS &&
	       !(set->tag[i] == tag_of(hash) && set->way[i].addr.family == addr->family &&
		 memcmp(set->way[i].addr.bytes, addr->bytes, 16) == 0))
		i++;
	return i;
}

static void cool(struct host_set *set, uint64_t epoch)
{
	uint64_t halvings = epoch - set->epoch;

	if (!halvings)
		return;
	for (unsigned int i = 0; i < HOST_WAYS; i++)
		set->heat[i] = halvings < 64 ? set->heat[i] >> halvings : 0;
	set->epoch = epoch;
}

static unsigned int make_way(struct host_set *set, const struct addr *addr, uint64_t hash)
{
	unsigned int coolest = 0;

	for (unsigned int i = 1; i < HOST_WAYS; i++)
		if (set->heat[i] < set->heat[coolest])
			coolest = i;
	set->tag[coolest] = tag_of(hash);
	set->heat[coolest] = 0;
	set->way[coolest] = (struct host){ .addr = *addr };
	return coolest;
}

static void add_host(struct hosts *hosts, const struct addr *addr, uint64_t hash,
		     const struct flow_delta *delta, int64_t last_unix_ms)
{
	struct host_set *set = &hosts->sets[hash % HOST_SETS];
	unsigned int way = find_way(set, addr, hash);
	struct host *host;

	cool(set, hosts->epoch);
	if (way == HOST_WAYS)
		way = make_way(set, addr, hash);
	host = &set->way[way];
	set->heat[way] += delta->bytes;
	minute_add(&host->minute, hosts->epoch, delta->packets, delta->bytes);
	if (last_unix_ms > host->last_unix_ms)
		host->last_unix_ms = last_unix_ms;
}

void hosts_add(struct hosts *hosts, const struct flow_delta *delta, const uint64_t hash[2],
	       int64_t last_unix_ms)
{
	const struct five_tuple *tuple = &delta->tuple;

	hosts_advance(hosts, delta->last_ns);
	minute_add(&hosts->protos[tuple->proto], hosts->epoch, delta->packets, delta->bytes);
	add_host(hosts, &tuple->src, hash[0], delta, last_unix_ms);
	if (hash[0] != hash[1])
		add_host(hosts, &tuple->dst, hash[1], delta, last_unix_ms);
}

/* ---- into the snapshot ------------------------------------------------------------------------
 */

/* Most bytes first; equal ones by place, so that the order is stable between seconds. */
static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return x->way < y->way ? -1 : x->way > y->way;
}

static size_t rank_hosts(const struct hosts *hosts, struct ranked *ranked)
{
	size_t count = 0;

	for (uint32_t s = 0; s < HOST_SETS; s++)
		for (uint32_t w = 0; w < HOST_WAYS; w++) {
			const struct host *host = &hosts->sets[s].way[w];
			uint64_t bytes;

			if (!hosts->sets[s].tag[w])
				continue;
			bytes = minute_bytes(&host->minute, hosts->epoch);
			if (bytes)
				ranked[count++] = (struct ranked){ bytes, s, w };
		}
	qsort(ranked, count, sizeof(*ranked), compare_ranked);
	return count;
}

static void fill_protos(const struct hosts *hosts, struct snapshot *snapshot)
{
	for (unsigned int proto = 0; proto < 256; proto++) {
		struct proto_total total = { .proto = (uint8_t)proto };
		unsigned int at = snapshot->proto_count;

		minute_sum(&hosts->protos[proto], hosts->epoch, &total.packets, &total.bytes);
		if (!total.packets)
			continue;
		while (at && snapshot->protos[at - 1].bytes < total.bytes)
			at--;
		if (at == SNAPSHOT_PROTOS_MAX)
			continue;
		if (snapshot->proto_count < SNAPSHOT_PROTOS_MAX)
			snapshot->proto_count++;
		memmove(&snapshot->protos[at + 1], &snapshot->protos[at],
			(snapshot->proto_count - at - 1) * sizeof(total));
		snapshot->protos[at] = total;
	}
}

void hosts_fill(struct hosts *hosts, struct snapshot *snapshot)
{
	struct ranked *ranked = hosts->ranked;
	size_t count = rank_hosts(hosts, ranked);

	snapshot->host_count =
		(unsigned int)(count < SNAPSHOT_HOSTS_MAX ? count : SNAPSHOT_HOSTS_MAX);
	for (unsigned int i = 0; i < snapshot->host_count; i++) {
		struct host *host = &hosts->sets[ranked[i].set].way[ranked[i].way];
		struct host_total *total = &snapshot->hosts[i];

		host->rank = (uint16_t)(i + 1);
		total->addr = host->addr;
		total->last_unix_ms = host->last_unix_ms;
		minute_sum(&host->minute, hosts->epoch, &total->packets, &total->bytes);
	}
	fill_protos(hosts, snapshot);
}

/* Its place in the snapshot from 1 on; 0: not in it. */
static unsigned int rank_of(const struct hosts *hosts, const struct flow_seed *seed,
			    const struct addr *addr)
{
	uint64_t hash = hash_addr(seed, addr);
	const struct host_set *set = &hosts->sets[hash % HOST_SETS];
	unsigned int way = find_way(set, addr, hash);

	return way < HOST_WAYS ? set->way[way].rank : 0;
}

static void add_port(struct hosts *hosts, struct snapshot *snapshot, unsigned int rank,
		     uint16_t port)
{
	struct host_total *host = &snapshot->hosts[rank - 1];
	uint8_t *byte = &hosts->ports[(size_t)(rank - 1) * PORTS_BYTES + port / 8];
	uint8_t bit = (uint8_t)(1U << (port % 8));

	if (!(*byte & bit) && host->ports < UINT16_MAX)
		host->ports++;
	*byte |= bit;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

void hosts_fill_flow(struct hosts *hosts, const struct flow_seed *seed, const struct flow *flow,
		     struct snapshot *snapshot)
{
	const struct five_tuple *tuple = &flow->tuple;
	unsigned int src, dst;

	if (hosts->epoch - (flow->last_ns / BUCKET_NS + MINUTE_BUCKETS) >= MINUTE_BUCKETS)
		return;
	src = rank_of(hosts, seed, &tuple->src);
	dst = rank_of(hosts, seed, &tuple->dst);
	if (src)
		snapshot->hosts[src - 1].flows++;
	if (dst && dst != src)
		snapshot->hosts[dst - 1].flows++;
	if (src && has_ports(tuple->proto))
		add_port(hosts, snapshot, src, tuple->dst_port);
	for (unsigned int i = 0; i < snapshot->proto_count; i++)
		if (snapshot->protos[i].proto == tuple->proto)
			snapshot->protos[i].flows++;
}

void hosts_fill_end(struct hosts *hosts, const struct snapshot *snapshot)
{
	for (unsigned int i = 0; i < snapshot->host_count; i++) {
		struct ranked *ranked = &hosts->ranked[i];

		hosts->sets[ranked->set].way[ranked->way].rank = 0;
		if (snapshot->hosts[i].ports)
			memset(&hosts->ports[(size_t)i * PORTS_BYTES], 0, PORTS_BYTES);
	}
}

/*
 * Counts in half octaves: 64 of them hold every 32-bit number, and a limit is at most 41 % off,
 * which is little against the factor of two that it gets.
 */
#include "agent/detect/learned.h"

#include "agent/util/clock.h"

#define BUCKETS	    64
#define WINDOWS_MIN 1000 /* a quantile of 99.9 % needs them */
#define BEYOND	    1000 /* one window in so many may lie beyond the quantile */
#define COUNTS_MAX  60000
#define NOTE_GAP_NS (10 * NS_PER_S)
#define MEMORY_NS   (7ULL * 24 * 3600 * NS_PER_S)
#define FACTOR	    2

struct host {
	struct row row;
	uint64_t noted_ns;
	uint32_t windows;
	uint16_t count[BUCKETS];
};

static const struct row_shape host_shape = { .size = sizeof(struct host), .keep_ns = MEMORY_NS };

int learned_init(struct learned *learned, unsigned int hosts_max)
{
	return rowset_init(&learned->hosts, hosts_max, &host_shape);
}

void learned_done(struct learned *learned)
{
	rowset_done(&learned->hosts);
}

/* 0, 1, then two for each octave. */
static unsigned int bucket_of(uint32_t value)
{
	unsigned int top;

	if (value < 2)
		return value;
	top = 31 - (unsigned int)__builtin_clz(value);
	return 2 * top + (value >> (top - 1) & 1);
}

static uint64_t bucket_end(unsigned int bucket)
{
	if (bucket < 2)
		return bucket;
	return bucket & 1 ? (2ULL << (bucket / 2)) - 1 : (3ULL << (bucket / 2 - 1)) - 1;
}

static void halve(struct host *host)
{
	host->windows = 0;
	for (unsigned int i = 0; i < BUCKETS; i++) {
		host->count[i] /= 2;
		host->windows += host->count[i];
	}
}

void learned_note(struct learned *learned, const struct addr *addr, uint32_t value, uint64_t now_ns)
{
	uint64_t key = rowset_key(&learned->hosts, addr, NULL, 0);
	bool is_new;
	struct host *host = rowset_take(&learned->hosts, key, now_ns, &is_new);

	if (!is_new && now_ns < host->noted_ns + NOTE_GAP_NS)
		return;
	host->noted_ns = now_ns;
	host->count[bucket_of(value)]++;
	rowset_weigh(&learned->hosts, host, ++host->windows);
	if (host->windows >= COUNTS_MAX)
		halve(host);
}

uint32_t learned_limit(const struct learned *learned, const struct addr *addr, uint32_t floor)
{
	const struct host *host =
		rowset_find(&learned->hosts, rowset_key(&learned->hosts, addr, NULL, 0));
	uint32_t beyond = 0;
	uint64_t limit;
	unsigned int i = BUCKETS;

	if (!host || host->windows < WINDOWS_MIN)
		return floor;
	while (i-- > 0) {
		beyond += host->count[i];
		if (beyond > host->windows / BEYOND)
			break;
	}
	limit = FACTOR * bucket_end(i);
	if (limit > UINT32_MAX)
		return UINT32_MAX;
	return limit > floor ? (uint32_t)limit : floor;
}

/*
 * The bitmaps in front of the keyed maps (include/abi.h), kept a superset of the targets in force.
 */
#include "agent/capture/rules_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "agent/util/addr.h"
#include "bpf/hash.h"

#define NETS16_WORDS (NETS16 / sizeof(uint64_t))
#define WORDS_PER_16 8			   /* words of bits24 for each /16: 256 * 2 bits */
#define EXACT_BITS   0x5555555555555555ULL /* the lower bit of each pair in bits24 */
#define STALE_MIN    64 /* removals before a rebuild, which costs about a millisecond */
/* Targets of a list: some 25 us, several times that where memory is slow. */
#define MARKED_AT_ONCE 4096

struct bits {
	uint8_t *nets16;
	uint64_t *bits24, *bits48;
};

static void word_or(uint64_t *word, uint64_t bits)
{
	__atomic_fetch_or(word, bits, __ATOMIC_RELEASE);
}

static uint32_t host_order(const struct prefix *target)
{
	uint32_t addr;

	memcpy(&addr, target->addr.bytes + 12, sizeof(addr));
	return ntohl(addr);
}

/* /24s first to last: one bit of each pair. Whole words at once: a /0 has half a million. */
static void bits24_mark(uint64_t *bits24, uint32_t first, uint32_t last, bool is_prefix)
{
	for (uint32_t word = first / 32; word <= last / 32; word++) {
		uint64_t bits = is_prefix ? EXACT_BITS << 1 : EXACT_BITS;

		if (word == first / 32)
			bits &= ~0ULL << 2 * (first % 32);
		if (word == last / 32)
			bits &= ~0ULL >> (62 - 2 * (last % 32));
		word_or(&bits24[word], bits);
	}
}

/* Of the /16 with the number @net in host order. */
static uint8_t *net16_of(const struct bits *bits, uint32_t net)
{
	return &bits->nets16[net16_index(htonl(net << 16))];
}

static void bits4_mark(const struct bits *bits, const struct prefix *target)
{
	uint32_t host = host_order(target);
	uint32_t first = host >> 8;
	uint32_t last = target->len < 24 ? first | ((1U << (24 - target->len)) - 1) : first;

	bits24_mark(bits->bits24, first, last, !prefix_is_exact(target));
	for (uint32_t net = first >> 8; net <= last >> 8; net++)
		__atomic_store_n(net16_of(bits, net), 1, __ATOMIC_RELEASE);
}

/* Prefixes shorter than /48 have a control flag instead. */
static void bits6_mark(const struct bits *bits, const struct prefix *target)
{
	uint64_t first;
	uint32_t bit;

	if (target->len < 48)
		return;
	memcpy(&first, target->addr.bytes, sizeof(first));
	bit = bits48_index(first);
	word_or(&bits->bits48[bit / 64], 1ULL << bit % 64);
}

static void bits_mark(const struct bits *bits, const struct prefix *target)
{
	if (target->addr.family == ADDR_IPV4)
		bits4_mark(bits, target);
	else
		bits6_mark(bits, target);
}

static struct bits job_bits(const struct bits_job *job)
{
	return (struct bits){
		.nets16 = (uint8_t *)job->words,
		.bits48 = job->words + NETS16_WORDS,
		.bits24 = job->words + NETS16_WORDS + BITS48_WORDS,
	};
}

static struct bits live_bits(const struct rules *rules)
{
	return (struct bits){ rules->tables.nets16, rules->tables.bits24, rules->tables.bits48 };
}

void rules_bits_set(struct rules *rules, const struct prefix *target)
{
	const struct bits live = live_bits(rules);
	struct bits want;

	bits_mark(&live, target);
	if (!rules->bits.words)
		return;
	want = job_bits(&rules->bits);
	bits_mark(&want, target);
}

void rules_bits_left(struct rules *rules, const struct prefix *target)
{
	bool is_wide = target->addr.family == ADDR_IPV4 && target->len < 24;

	rules->stale++;
	if (!is_wide && rules->stale < STALE_MIN + rules_entry_count(rules) / 4)
		return;
	/* without memory for it the bits stay stale, and the next removal tries again */
	(void)rules_bits_rebuild(rules);
}

static void words_copy(uint64_t *to, const uint64_t *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (to[i] != from[i])
			__atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
}

/*
 * Only those /16s that have or should have their byte: the others' words are never asked, and 4 MiB
 * of the map need not become resident. A word goes from old to new in one store, so a target in
 * force is never without its bit.
 */
static void bits_apply(const struct bits *live, const struct bits *want)
{
	for (uint32_t net = 0; net < NETS16; net++)
		if (*net16_of(live, net) | *net16_of(want, net))
			words_copy(&live->bits24[(size_t)net * WORDS_PER_16],
				   &want->bits24[(size_t)net * WORDS_PER_16], WORDS_PER_16);
	/* as words: it is a map's own pages, and the beginning of the job's */
	words_copy((uint64_t *)(void *)live->nets16, (uint64_t *)(void *)want->nets16,
		   NETS16_WORDS);
	words_copy(live->bits48, want->bits48, BITS48_WORDS);
}

void rules_bits_abort(struct rules *rules)
{
	if (!rules->bits.words)
		return;
	free(rules->bits.words);
	rules->bits = (struct bits_job){ 0 };
	rules->bits_due = true;
}

static int job_begin(struct rules *rules)
{
	struct bits want;
	/* zero pages: what no target touches costs nothing */
	uint64_t *words = calloc(NETS16_WORDS + BITS24_WORDS + BITS48_WORDS, sizeof(*words));

	if (!words)
		return -ENOMEM;
	rules->bits = (struct bits_job){ .words = words };
	want = job_bits(&rules->bits);
	for (uint32_t id = 1; id < RULES_MAX; id++)
		if (rules->slots[id].is_used)
			bits_mark(&want, &rules->slots[id].target);
	return 0;
}

static void job_end(struct rules *rules)
{
	const struct bits live = live_bits(rules), want = job_bits(&rules->bits);

	bits_apply(&live, &want);
	free(rules->bits.words);
	rules->bits = (struct bits_job){ 0 };
	rules->bits_due = false;
	rules->stale = 0;
}

int rules_bits_step(struct rules *rules)
{
	struct bits_job *job = &rules->bits;
	const struct prefix_set *set;
	struct bits want;

	if (rules->is_inherited) { /* entries whose bits nobody would set */
		rules->bits_due = false;
		return 1;
	}
	if (!job->words)
		return job_begin(rules) ? -ENOMEM : 1;
	if (!rules->lists || job->list == rules->lists->count) {
		job_end(rules);
		return 1;
	}
	want = job_bits(job);
	set = rules->lists->at[job->list]->set;
	for (int i = 0; i < MARKED_AT_ONCE && job->index < prefix_set_len(set); i++) {
		struct prefix target = prefix_set_at(set, job->index++);

		bits_mark(&want, &target);
	}
	if (job->index == prefix_set_len(set)) {
		job->list++;
		job->index = 0;
	}
	return 1;
}

int rules_bits_rebuild(struct rules *rules)
{
	int err;

	rules_bits_abort(rules);
	rules->bits_due = true;
	if (rules->lists)
		return 0;
	do
		err = rules_bits_step(rules);
	while (err > 0 && rules->bits_due);
	return err < 0 ? err : 0;
}

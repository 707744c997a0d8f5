/*
 * Three brakes on guessing. A pair of account and address slows from its 5th failure, an address
 * from its 20th (one NAT or tunnel is many people), both doubling up to 15 minutes. An account has
 * a budget of 30 guesses an hour for addresses that never logged in to it, which bounds a botnet.
 * Together: at most 30 + 30 from strangers and 17 from each known address in any hour, below 100
 * (goal S7) with two known addresses under attack; loopback counts as known.
 */
#include "agent/auth/throttle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"

#define PAIR_FREE    5
#define ADDRESS_FREE 20
#define DELAY_MAX_S  900 /* 15 min */
#define FORGET_S     3600
#define SLOTS	     4096
#define BUCKETS	     1024
#define BUDGET	     30
#define REFILL_S     (3600 / BUDGET)

/* Failures of one pair or address. */
struct slot {
	uint64_t key; /* 0 = free */
	uint64_t last_s, until_s;
	uint32_t failures;
	bool is_known; /* logged in before; kept longest */
};

/* What is left of one account's budget. */
struct bucket {
	uint64_t key;	 /* 0 = free */
	uint64_t full_s; /* when it will be full again; each guess moves it by REFILL_S */
};

struct throttle {
	uint8_t secret[16]; /* nobody can aim at a slot */
	struct slot pairs[SLOTS], addresses[SLOTS];
	/* names that are no user have their own, so that a flood of them evicts no user's */
	struct bucket users[BUCKETS], strangers[BUCKETS];
};

struct throttle *throttle_new(void)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));

	if (throttle)
		crypto_random(throttle->secret, sizeof(throttle->secret));
	return throttle;
}

void throttle_free(struct throttle *throttle)
{
	free(throttle);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* One subscriber has a whole IPv6 /64 to guess from. */
static struct addr network_of(const struct addr *peer)
{
	struct addr network = *peer;

	if (network.family == ADDR_IPV6)
		memset(network.bytes + 8, 0, 8);
	return network;
}

static uint64_t make_key(const struct throttle *throttle, char kind, const char *name,
			 const struct addr *peer)
{
	struct {
		uint8_t secret[16];
		char name[USER_NAME_MAX];
		uint8_t addr[16];
		uint8_t family;
		char kind;
	} input;
	uint8_t hash[CRYPTO_HASH_BYTES];
	uint64_t key;

	memset(&input, 0, sizeof(input));
	memcpy(input.secret, throttle->secret, sizeof(input.secret));
	memcpy(input.name, name, strnlen(name, sizeof(input.name)));
	if (peer) {
		struct addr network = network_of(peer);

		memcpy(input.addr, network.bytes, sizeof(input.addr));
		input.family = network.family;
	}
	input.kind = kind;
	crypto_digest(&input, sizeof(input), hash);
	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

struct throttle_attempt throttle_attempt_of(const struct throttle *throttle, const char *name,
					    int64_t user_id, const struct addr *peer)
{
	struct throttle_attempt attempt = { .address = make_key(throttle, 'i', "", peer) };

	if (!name)
		return attempt;
	attempt.pair = make_key(throttle, 'p', name, peer);
	attempt.account = make_key(throttle, 'a', name, NULL);
	attempt.is_user = user_id != 0;
	attempt.is_local = auth_addr_is_loopback(peer);
	return attempt;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static struct slot *find_slot(struct slot *slots, uint64_t key)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].key == key)
			return &slots[i];
	}
	return NULL;
}

/* A free slot, else the one used longest ago, of those not known if there are any. */
static struct slot *take_slot(struct slot *slots, uint64_t key, uint64_t now_s)
{
	struct slot *victim = &slots[0];
	struct slot *found = find_slot(slots, key);

	if (found && !found->is_known && now_s - found->last_s > FORGET_S)
		found->failures = 0;
	if (found)
		return found;
	for (size_t i = 0; i < SLOTS && victim->key; i++) {
		const struct slot *slot = &slots[i];

		if (!slot->key || slot->is_known < victim->is_known ||
		    (slot->is_known == victim->is_known && slot->last_s < victim->last_s))
			victim = &slots[i];
	}
	*victim = (struct slot){ .key = key, .last_s = now_s };
	return victim;
}

static void fail_slot(struct slot *slot, unsigned int free_failures, uint64_t now_s)
{
	unsigned int over;
	uint64_t delay_s;

	slot->failures++;
	slot->last_s = now_s;
	if (slot->failures < free_failures)
		return;
	over = slot->failures - free_failures;
	delay_s = over < 10 ? 1ULL << over : DELAY_MAX_S; /* 2^10 s is past the most */
	slot->until_s = now_s + delay_s;
}

static void forgive_slot(struct slot *slots, uint64_t key)
{
	struct slot *slot = find_slot(slots, key);

	if (!slot)
		return;
	if (slot->failures > 0)
		slot->failures--;
	slot->until_s = 0; /* it was admitted, so nothing held it before */
}

/* Seconds until @key may try again; 0 = now. */
static uint64_t slot_wait(struct slot *slots, uint64_t key, uint64_t now_s)
{
	const struct slot *slot = find_slot(slots, key);

	return slot && slot->until_s > now_s ? slot->until_s - now_s : 0;
}

/* ---- buckets --------------------------------------------------------------------------------- */

/* An absent bucket is full; so the one that is full soonest makes room. */
static struct bucket *take_bucket(struct bucket *buckets, uint64_t key)
{
	struct bucket *victim = &buckets[0];

	for (size_t i = 0; i < BUCKETS; i++) {
		if (buckets[i].key == key)
			return &buckets[i];
		if (buckets[i].full_s < victim->full_s)
			victim = &buckets[i];
	}
	*victim = (struct bucket){ .key = key };
	return victim;
}

static uint64_t bucket_wait(const struct bucket *bucket, uint64_t now_s)
{
	uint64_t limit = now_s + (uint64_t)(BUDGET - 1) * REFILL_S;

	return bucket->full_s > limit ? bucket->full_s - limit : 0;
}

static void bucket_spend(struct bucket *bucket, uint64_t now_s)
{
	if (bucket->full_s < now_s)
		bucket->full_s = now_s;
	bucket->full_s += REFILL_S;
}

static struct bucket *bucket_of(struct throttle *throttle, const struct throttle_attempt *attempt)
{
	return take_bucket(attempt->is_user ? throttle->users : throttle->strangers,
			   attempt->account);
}

/* ---- attempts -------------------------------------------------------------------------------- */

static bool is_known(struct throttle *throttle, const struct throttle_attempt *attempt)
{
	const struct slot *slot = find_slot(throttle->pairs, attempt->pair);

	return attempt->is_local || (slot && slot->is_known);
}

int throttle_admit(struct throttle *throttle, const struct throttle_attempt *attempt,
		   uint64_t now_s, int64_t *retry_after_s)
{
	uint64_t wait_s = slot_wait(throttle->addresses, attempt->address, now_s);
	struct bucket *bucket = NULL;

	if (attempt->pair) {
		uint64_t pair_s = slot_wait(throttle->pairs, attempt->pair, now_s);

		bucket = bucket_of(throttle, attempt);
		if (pair_s > wait_s)
			wait_s = pair_s;
		if (wait_s == 0 && !is_known(throttle, attempt))
			wait_s = bucket_wait(bucket, now_s);
	}
	if (wait_s) {
		*retry_after_s = (int64_t)wait_s;
		return -EAGAIN;
	}
	fail_slot(take_slot(throttle->addresses, attempt->address, now_s), ADDRESS_FREE, now_s);
	if (bucket) {
		fail_slot(take_slot(throttle->pairs, attempt->pair, now_s), PAIR_FREE, now_s);
		if (bucket_wait(bucket, now_s) == 0)
			bucket_spend(bucket, now_s);
	}
	return 0;
}

void throttle_cancel(struct throttle *throttle, const struct throttle_attempt *attempt,
		     uint64_t now_s)
{
	struct bucket *bucket;

	forgive_slot(throttle->addresses, attempt->address);
	if (!attempt->pair)
		return;
	forgive_slot(throttle->pairs, attempt->pair);
	bucket = bucket_of(throttle, attempt);
	if (bucket->full_s >= now_s + REFILL_S)
		bucket->full_s -= REFILL_S;
}

void throttle_know(struct throttle *throttle, const struct throttle_attempt *attempt,
		   uint64_t now_s)
{
	struct slot *slot = take_slot(throttle->pairs, attempt->pair, now_s);

	slot->last_s = now_s;
	slot->until_s = 0;
	slot->failures = 0;
	slot->is_known = true;
}

void throttle_succeed(struct throttle *throttle, const struct throttle_attempt *attempt,
		      uint64_t now_s)
{
	throttle_cancel(throttle, attempt, now_s);
	if (attempt->pair)
		throttle_know(throttle, attempt, now_s);
}

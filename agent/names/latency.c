/*
 * Questions that wait for their answers, for the time between them, and so that only an answer that
 * was asked for is believed. A fixed table; the oldest of a bucket makes room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/internal.h"
#include "agent/util/addr.h"

#define BUCKETS 512
#define WAYS	4
/* dig and glibc's resolver wait 5 s and try again (resolv.conf(5)); later answers are late. */
#define WAIT_NS 30000000000u

/* A question: who asked whom, by which port and number, and its text. */
struct question {
	struct addr client, server;
	uint16_t port, id;
	uint64_t name_hash;
	uint64_t at_ns; /* 0: free */
};

struct latency {
	uint64_t seed;
	struct question buckets[BUCKETS][WAYS];
};

int latency_new(uint64_t seed, struct latency **out)
{
	struct latency *latency = calloc(1, sizeof(*latency));

	if (!latency)
		return -ENOMEM;
	latency->seed = seed;
	*out = latency;
	return 0;
}

void latency_free(struct latency *latency)
{
	free(latency);
}

/* FNV-1a over the name in lower case: servers may change the case (or not: "0x20"). */
static uint64_t hash_name(const struct dns_message *message)
{
	uint64_t hash = 0xcbf29ce484222325u;
	const char *name = message->question_count ? message->questions[0].name : "";

	for (; *name; name++) {
		uint8_t byte = (uint8_t)*name;

		if (byte >= 'A' && byte <= 'Z')
			byte |= 0x20;
		hash = (hash ^ byte) * 0x100000001b3u;
	}
	return hash;
}

static struct question make(const struct five_tuple *tuple, const struct dns_message *message)
{
	return (struct question){ .client = tuple->src,
				  .server = tuple->dst,
				  .port = tuple->src_port,
				  .id = message->id,
				  .name_hash = hash_name(message) };
}

static struct question *bucket_of(struct latency *latency, const struct question *question)
{
	uint64_t hash = addr_hash(&question->client, latency->seed);

	hash = addr_hash(&question->server, hash ^ ((uint64_t)question->port << 16 | question->id));
	return latency->buckets[hash % BUCKETS];
}

static bool is_same(const struct question *a, const struct question *b)
{
	return a->at_ns && a->id == b->id && a->port == b->port &&
	       addr_is_equal(&a->client, &b->client) && addr_is_equal(&a->server, &b->server);
}

void latency_ask(struct latency *latency, const struct five_tuple *tuple,
		 const struct dns_message *question, uint64_t now_ns)
{
	struct question asked = make(tuple, question);
	struct question *bucket = bucket_of(latency, &asked);
	struct question *place = bucket;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (is_same(&bucket[i], &asked)) {
			place = &bucket[i];
			break;
		}
		if (bucket[i].at_ns < place->at_ns)
			place = &bucket[i];
	}
	*place = asked;
	place->at_ns = now_ns ? now_ns : 1;
}

uint64_t latency_answer(struct latency *latency, const struct five_tuple *tuple,
			const struct dns_message *answer, uint64_t now_ns)
{
	struct question asked = make(tuple, answer);
	struct question *bucket = bucket_of(latency, &asked);

	for (unsigned int i = 0; i < WAYS; i++) {
		uint64_t since = now_ns - bucket[i].at_ns;

		if (!is_same(&bucket[i], &asked) || bucket[i].name_hash != asked.name_hash)
			continue;
		bucket[i].at_ns = 0;
		if (since == 0)
			return 1;
		return since <= WAIT_NS ? since : 0;
	}
	return 0;
}

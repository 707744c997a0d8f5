/*
 * Random searches over random records: the parsed, sorted and compiled search says the same as a
 * plain evaluation of the tree it was written from; and its plan never leaves out a match.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/query/query.h"
#include "agent/util/addr.h"
#include "include/flow.h"
#include "include/history.h"

#define NOW_MS	1795521600000LL
#define ROUNDS	20000
#define RECORDS 24

static uint64_t next_random(uint64_t *state)
{
	/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014) */
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static unsigned int below(uint64_t *state, unsigned int bound)
{
	return (unsigned int)(next_random(state) % bound);
}

/* A record as plain values: few of each, so that conditions often hold. */
struct plain {
	unsigned int src, dst; /* last octet of 10.0.0.x */
	unsigned int sport, dport, proto;
	unsigned long long bytes;
	long long age_s;
	const char *name;
};

static const char *const names[] = {
	"", "a.example.com", "b.example.com", "example.com", "notexample.com", "c.test"
};

static struct plain random_plain(uint64_t *state)
{
	return (struct plain){ .src = below(state, 6),
			       .dst = below(state, 6),
			       .sport = below(state, 8),
			       .dport = below(state, 8),
			       .proto = below(state, 2) ? 6 : 17,
			       .bytes = below(state, 5) * 500,
			       .age_s = below(state, 10) * 10,
			       .name = names[below(state, 6)] };
}

static struct flow_record record_of(const struct plain *plain)
{
	const uint8_t src[4] = { 10, 0, 0, (uint8_t)plain->src };
	const uint8_t dst[4] = { 10, 0, 0, (uint8_t)plain->dst };
	struct flow_record record = { .end_unix_ms = NOW_MS - plain->age_s * 1000,
				      .bytes_out = plain->bytes / 2,
				      .bytes_in = plain->bytes - plain->bytes / 2 };

	record.start_unix_ms = record.end_unix_ms;
	record.tuple.src = addr_from_ipv4(src);
	record.tuple.dst = addr_from_ipv4(dst);
	record.tuple.src_port = (uint16_t)plain->sport;
	record.tuple.dst_port = (uint16_t)plain->dport;
	record.tuple.proto = (uint8_t)plain->proto;
	return record;
}

static const struct flow_texts *texts_of(void *arg, const struct flow_record *record)
{
	(void)record;
	return arg;
}

/* ---- the tree, written down and evaluated ---------------------------------------------------- */

enum kind {
	LEAF_SRC,
	LEAF_IP_SET,
	LEAF_PORT,
	LEAF_DPORT_RANGE,
	LEAF_BYTES,
	LEAF_PROTO,
	LEAF_SNI,
	LEAF_BELOW,
	LEAF_SINCE,
	LEAF_UNTIL,
	LEAF_COUNT,
	TREE_NOT = LEAF_COUNT,
	TREE_AND,
	TREE_OR
};

struct tree {
	enum kind kind;
	unsigned int a, b;
	struct tree *left, *right;
};

static struct tree pool[128];
static size_t pool_used;

static struct tree *grow(uint64_t *state, unsigned int depth)
{
	struct tree *tree = &pool[pool_used++];
	unsigned int kind = below(state, depth ? TREE_OR + 4 : LEAF_COUNT);

	*tree = (struct tree){ .kind = kind > TREE_OR ? (kind % 2 ? TREE_AND : TREE_OR) : kind };
	tree->a = below(state, 8);
	tree->b = below(state, 8);
	if (tree->kind >= TREE_NOT)
		tree->left = grow(state, depth - 1);
	if (tree->kind > TREE_NOT)
		tree->right = grow(state, depth - 1);
	return tree;
}

static void write_leaf(const struct tree *tree, char *out)
{
	switch (tree->kind) {
	case LEAF_SRC:
		sprintf(out, "src:10.0.0.%u", tree->a);
		return;
	case LEAF_IP_SET:
		sprintf(out, "ip:10.0.0.%u,10.0.0.%u", tree->a, tree->b);
		return;
	case LEAF_PORT:
		sprintf(out, "port:%u", tree->a);
		return;
	case LEAF_DPORT_RANGE:
		sprintf(out, "dport:%u..%u", tree->a < tree->b ? tree->a : tree->b,
			tree->a < tree->b ? tree->b : tree->a);
		return;
	case LEAF_BYTES:
		sprintf(out, "bytes>=%u", tree->a * 300);
		return;
	case LEAF_PROTO:
		sprintf(out, "proto%sudp", tree->a % 2 ? ":" : "!=");
		return;
	case LEAF_SNI:
		sprintf(out, "sni=\"%s\"", names[tree->a % 6]);
		return;
	case LEAF_BELOW:
		sprintf(out, "domain:example.com");
		return;
	case LEAF_SINCE:
		sprintf(out, "since:%us", tree->a * 10 + 5);
		return;
	default:
		sprintf(out, "until:%us", tree->a * 10 + 5);
	}
}

static void write_tree(const struct tree *tree, char *out)
{
	if (tree->kind < LEAF_COUNT) {
		write_leaf(tree, out);
		return;
	}
	strcpy(out, tree->kind == TREE_NOT ? "-(" : "(");
	write_tree(tree->left, out + strlen(out));
	if (tree->right) {
		strcat(out, tree->kind == TREE_OR ? " OR " : " ");
		write_tree(tree->right, out + strlen(out));
	}
	strcat(out, ")");
}

static bool holds_leaf(const struct tree *tree, const struct plain *p)
{
	unsigned int low = tree->a < tree->b ? tree->a : tree->b;
	unsigned int high = tree->a + tree->b - low;
	long long limit_s = (long long)tree->a * 10 + 5;

	switch (tree->kind) {
	case LEAF_SRC:
		return p->src == tree->a;
	case LEAF_IP_SET:
		return p->src == tree->a || p->src == tree->b || p->dst == tree->a ||
		       p->dst == tree->b;
	case LEAF_PORT:
		return p->sport == tree->a || p->dport == tree->a;
	case LEAF_DPORT_RANGE:
		return p->dport >= low && p->dport <= high;
	case LEAF_BYTES:
		return p->bytes >= (unsigned long long)tree->a * 300;
	case LEAF_PROTO:
		return tree->a % 2 ? p->proto == 17 : p->proto != 17;
	case LEAF_SNI:
		return !strcmp(p->name, names[tree->a % 6]);
	case LEAF_BELOW:
		return !strcmp(p->name, "example.com") || strstr(p->name, ".example.com");
	case LEAF_SINCE:
		return p->age_s < limit_s;
	default:
		return p->age_s > limit_s;
	}
}

static bool holds(const struct tree *tree, const struct plain *p)
{
	switch (tree->kind) {
	case TREE_NOT:
		return !holds(tree->left, p);
	case TREE_AND:
		return holds(tree->left, p) && holds(tree->right, p);
	case TREE_OR:
		return holds(tree->left, p) || holds(tree->right, p);
	default:
		return holds_leaf(tree, p);
	}
}

static bool is_planned(const struct flow_query_plan *plan, const struct flow_record *record)
{
	if (record->end_unix_ms < plan->from_unix_ms || record->end_unix_ms >= plan->to_unix_ms)
		return false;
	for (size_t i = 0; i < plan->addr_count; i++)
		if (addr_is_equal(&plan->addrs[i], &record->tuple.src) ||
		    addr_is_equal(&plan->addrs[i], &record->tuple.dst))
			return true;
	return !plan->addr_count;
}

static void check_search(uint64_t *state, const struct tree *tree, const char *text)
{
	CLEANUP(flow_query_free) struct flow_query *query = NULL;
	struct flow_query_error error;

	if (flow_query_parse(text, NOW_MS, &query, &error))
		fail_msg("\"%s\": %s", text, error.text);
	for (int i = 0; i < RECORDS; i++) {
		const struct plain plain = random_plain(state);
		const struct flow_record record = record_of(&plain);
		struct flow_texts texts = { .sni = plain.name };
		bool is_match = flow_query_matches(query, &record, texts_of, &texts);

		if (is_match != holds(tree, &plain))
			fail_msg("\"%s\": src %u dst %u sport %u dport %u proto %u bytes %llu "
				 "age %lld name \"%s\" %s",
				 text, plain.src, plain.dst, plain.sport, plain.dport, plain.proto,
				 plain.bytes, plain.age_s, plain.name, is_match ? "matches" : "no");
		if (is_match && !is_planned(flow_query_plan(query), &record))
			fail_msg("\"%s\": a match is left out by the plan", text);
	}
}

static void a_search_says_what_its_tree_says(void **unused)
{
	uint64_t state = 4;
	char text[8192];

	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		pool_used = 0;
		const struct tree *tree = grow(&state, below(&state, 5));

		write_tree(tree, text);
		if (strlen(text) <= FLOW_QUERY_TEXT_MAX)
			check_search(&state, tree, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_says_what_its_tree_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A block service on a real store in a temporary folder, a datapath that is a table, and clocks
 * that stand still until a test moves them.
 */
#ifndef SLUICE_TESTS_UNIT_BLOCK_FIXTURE_H
#define SLUICE_TESTS_UNIT_BLOCK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"
#include "agent/util/prefix_set.h"
#include "include/name.h"

#define HOUR_S 3600

static uint64_t now_boot_ns;
static int64_t now_unix_ms;

static inline uint64_t fake_boot_ns(void)
{
	return now_boot_ns;
}

static inline int64_t fake_unix_ms(void)
{
	return now_unix_ms;
}

static inline void pass_s(int64_t seconds)
{
	now_boot_ns += (uint64_t)seconds * NS_PER_S;
	now_unix_ms += seconds * 1000;
}

struct fixture {
	char dir[64];
	struct store *store;
	struct config *config;
	struct block_service *service;
	/* the datapath */
	struct block_rule rules[16];
	struct block_hits hits[16];
	size_t rule_count;
	struct prefix safe[64];
	size_t safe_count;
	/* lists by rule */
	struct block_rule list_rules[8];
	struct prefix_set *sets[8];
	size_t set_count;
	bool is_busy;
	struct name_addr addrs[4];
	size_t addr_count;
	int fail; /* what block() answers */
	/* events */
	int changes;
	struct block last_change;
};

static inline struct block_rule *fake_find(struct fixture *f, uint32_t rule_id)
{
	for (size_t i = 0; i < f->rule_count; i++) {
		if (f->rules[i].rule_id == rule_id)
			return &f->rules[i];
	}
	return NULL;
}

static inline int fake_block(void *arg, const struct block_rule *rule)
{
	struct fixture *f = arg;

	if (f->fail)
		return f->fail;
	assert_null(fake_find(f, rule->rule_id));
	assert_true(f->rule_count < 16);
	f->hits[f->rule_count] = (struct block_hits){ 0 };
	f->rules[f->rule_count++] = *rule;
	return 0;
}

static inline int fake_unblock(void *arg, uint32_t rule_id)
{
	struct fixture *f = arg;
	struct block_rule *rule = fake_find(f, rule_id);

	if (!rule)
		return -ENOENT;
	f->rule_count--;
	f->hits[rule - f->rules] = f->hits[f->rule_count];
	*rule = f->rules[f->rule_count];
	return 0;
}

static inline int fake_hits(void *arg, uint32_t rule_id, struct block_hits *hits)
{
	struct fixture *f = arg;
	struct block_rule *rule = fake_find(f, rule_id);

	if (!rule)
		return -ENOENT;
	*hits = f->hits[rule - f->rules];
	return 0;
}

/* Hits of rules that stay are kept, as capture_block_sync promises. */
static inline int fake_sync(void *arg, const struct block_rule *rules, size_t count)
{
	struct fixture *f = arg;
	struct block_hits hits[16] = { { 0 } };

	assert_true(count <= 16);
	for (size_t i = 0; i < count; i++)
		(void)fake_hits(f, rules[i].rule_id, &hits[i]);
	memcpy(f->hits, hits, sizeof(hits));
	memcpy(f->rules, rules, count * sizeof(*rules));
	f->rule_count = count;
	return 0;
}

static inline int fake_safe_set(void *arg, const struct prefix *prefixes, size_t count)
{
	struct fixture *f = arg;

	assert_true(count <= 64);
	memcpy(f->safe, prefixes, count * sizeof(*prefixes));
	f->safe_count = count;
	return 0;
}

static inline int fake_find_list(const struct fixture *f, uint32_t rule_id)
{
	for (size_t i = 0; i < f->set_count; i++) {
		if (f->list_rules[i].rule_id == rule_id)
			return (int)i;
	}
	return -1;
}

static inline int fake_list_set(void *arg, const struct block_rule *rule, struct prefix_set *set)
{
	struct fixture *f = arg;
	int at = fake_find_list(f, rule->rule_id);

	if (f->fail)
		return f->fail;
	if (at < 0) {
		assert_true(f->set_count < 8);
		at = (int)f->set_count++;
		f->sets[at] = NULL;
	}
	prefix_set_unref(f->sets[at]);
	f->sets[at] = prefix_set_ref(set);
	f->list_rules[at] = *rule;
	return 0;
}

static inline int fake_list_remove(void *arg, uint32_t rule_id)
{
	struct fixture *f = arg;
	int at = fake_find_list(f, rule_id);

	if (at < 0)
		return -ENOENT;
	prefix_set_unref(f->sets[at]);
	f->set_count--;
	f->sets[at] = f->sets[f->set_count];
	f->list_rules[at] = f->list_rules[f->set_count];
	return 0;
}

static inline bool fake_is_busy(void *arg)
{
	const struct fixture *f = arg;

	return f->is_busy;
}

static inline int fake_rule_set(void *arg, const struct block_rule *rule)
{
	struct fixture *f = arg;
	struct block_rule *found = fake_find(f, rule->rule_id);
	int at = fake_find_list(f, rule->rule_id);

	if (f->fail)
		return f->fail;
	if (found)
		*found = *rule;
	else if (at >= 0)
		f->list_rules[at] = *rule;
	return found || at >= 0 ? 0 : -ENOENT;
}

static inline int fake_target_hits(void *arg, const struct prefix *target, struct block_hits *hits)
{
	(void)arg;
	(void)target;
	*hits = (struct block_hits){ .packets = 3 };
	return 0;
}

static inline int fake_name_hits(void *arg, const char *name, struct block_hits *hits)
{
	(void)arg;
	*hits = (struct block_hits){ .packets = strlen(name), .layers = { [HIT_DNS] = 1 } };
	return 0;
}

static inline int fake_list_hits(void *arg, uint32_t rule_id, struct block_hits *hits)
{
	if (fake_find_list(arg, rule_id) < 0)
		return -ENOENT;
	*hits = (struct block_hits){ .packets = rule_id };
	return 0;
}

static inline int fake_addrs_of(void *arg, const char *domain, struct name_addr *out, size_t max)
{
	const struct fixture *f = arg;

	(void)domain;
	assert_true(f->addr_count <= max);
	memcpy(out, f->addrs, f->addr_count * sizeof(*out));
	return (int)f->addr_count;
}

/* Shared is what is among the addresses of names as such. */
static inline int fake_is_shared(void *arg, struct name_addr *about)
{
	const struct fixture *f = arg;

	for (size_t i = 0; i < f->addr_count; i++)
		if (addr_is_equal(&f->addrs[i].addr, &about->addr))
			*about = f->addrs[i];
	return about->is_shared;
}

static inline void fake_change(void *arg, const struct block *block)
{
	struct fixture *f = arg;

	f->changes++;
	f->last_change = *block;
}

static inline void fixture_start(struct fixture *f)
{
	struct block_options options = {
		.store = f->store,
		.config = f->config,
		.datapath = { .arg = f,
			      .block = fake_block,
			      .unblock = fake_unblock,
			      .hits = fake_hits,
			      .sync = fake_sync,
			      .safe_set = fake_safe_set,
			      .list_set = fake_list_set,
			      .list_remove = fake_list_remove,
			      .is_busy = fake_is_busy,
			      .rule_set = fake_rule_set,
			      .target_hits = fake_target_hits,
			      .name_hits = fake_name_hits,
			      .list_hits = fake_list_hits,
			      .addrs_of = fake_addrs_of,
			      .is_shared = fake_is_shared },
		.on_change = fake_change,
		.arg = f,
	};

	assert_int_equal(block_service_new(&options, &f->service), 0);
	f->service->boot_ns = fake_boot_ns;
	f->service->unix_ms = fake_unix_ms;
	assert_int_equal(block_start(f->service), 0);
}

/* As a restart of the process: a new service on the same store; @reboot empties the datapath. */
static inline void fixture_restart(struct fixture *f, bool reboot)
{
	block_service_free(f->service);
	f->service = NULL;
	if (reboot) {
		f->rule_count = 0;
		while (f->set_count)
			(void)fake_list_remove(f, f->list_rules[0].rule_id);
		now_boot_ns = 30 * NS_PER_S;
	}
	fixture_start(f);
}

static inline void open_store(struct fixture *f)
{
	char key[96], error[256];
	struct store_options options = {
		.dir = f->dir,
		.key_file = key,
		.flows_max_bytes = 16777216,
		.flows_max_age_s = 86400,
		.is_demo = true, /* relaxed sync: tests need no durability */
	};

	(void)snprintf(key, sizeof(key), "%s/secret.key", f->dir);
	if (store_open(&options, &f->store, error) != 0)
		fail_msg("store: %s", error);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	log_init("test", LOG_LEVEL_ERROR);
	assert_int_equal(crypto_init(), 0);
	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-block-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->config = config_new();
	assert_non_null(f->config);
	open_store(f);
	now_boot_ns = 1000 * NS_PER_S;
	now_unix_ms = 1764000000000; /* 2025-11-24T16:00:00Z */
	fixture_start(f);
	*state = f;
	return 0;
}

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	block_service_free(f->service);
	while (f->set_count)
		(void)fake_list_remove(f, f->list_rules[0].rule_id);
	store_close(f->store);
	config_free(f->config);
	assert_int_equal(nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static const struct principal admin = { .user_id = 1, .role = ROLE_ADMIN, .name = "root" };

static inline int add(struct fixture *f, const char *value, int64_t ttl_s,
		      struct block_outcome *outcome)
{
	struct block_request request = { .value = value, .ttl_s = ttl_s, .reason = "test" };

	return block_add(f->service, &admin, &request, outcome);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif

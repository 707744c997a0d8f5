/*
 * The bookkeeping of rules over maps of user space that outlive it.
 */
#ifndef SLUICE_TESTS_CAPTURE_RULES_FIXTURE_H
#define SLUICE_TESTS_CAPTURE_RULES_FIXTURE_H

#include "agent/capture/rules.h"
#include "agent/capture/usermaps.h"
#include "tests/unit/capture/user_fixture.h"

/* Maps of their own, so that a second struct rules finds what the first left. */
struct world {
	struct usermaps *maps;
	struct rules_tables tables;
	struct rules *rules;
};

static inline struct usermap *map_of(void *arg, enum rules_map map)
{
	struct usermaps *maps = arg;
	struct usermap *const by_name[RULES_MAP_COUNT] = { &maps->block4,  &maps->block6,
							   &maps->lpm4,	   &maps->lpm6,
							   &maps->safe4,   &maps->safe6,
							   &maps->domains, &maps->flow_blocks };

	return by_name[map];
}

static inline int lookup(void *arg, enum rules_map map, const void *key, void *value)
{
	const void *found = usermap_lookup(map_of(arg, map), key);

	if (!found)
		return -ENOENT;
	memcpy(value, found, map_of(arg, map)->value_size);
	return 0;
}

static inline int update(void *arg, enum rules_map map, const void *key, const void *value)
{
	return usermap_update(map_of(arg, map), key, value);
}

static inline int remove_key(void *arg, enum rules_map map, const void *key)
{
	return usermap_remove(map_of(arg, map), key);
}

static inline int next_key(void *arg, enum rules_map map, const void *key, void *next)
{
	return usermap_next_key(map_of(arg, map), key, next);
}

static inline void world_open(struct world *world)
{
	static const struct rules_map_ops ops = {
		.lookup = lookup, .update = update, .remove = remove_key, .next_key = next_key
	};

	assert_int_equal(usermaps_new(1, 16, &world->maps), 0);
	world->tables = (struct rules_tables){
		.ops = &ops,
		.arg = world->maps,
		.control = world->maps->control.at,
		.rules = world->maps->rules.at,
		.nets16 = world->maps->nets16.at,
		.bits24 = world->maps->bits24.at,
		.bits48 = world->maps->bits48.at,
		.bits_names = world->maps->bits_names.at,
		.rule_sets = world->maps->rule_sets.at,
		.safe_max = 8,
		.block_max = USER_BLOCK_ENTRIES,
	};
	assert_int_equal(rules_new(&world->tables, 77, &world->rules), 0);
}

/* Core dies and comes back: the maps stay. */
static inline void world_restart(struct world *world)
{
	rules_free(world->rules);
	assert_int_equal(rules_new(&world->tables, 99, &world->rules), 0);
}

static inline void world_close(struct world *world)
{
	rules_free(world->rules);
	usermaps_free(world->maps);
}

static inline struct block_rule rule_of(uint32_t id, const char *target)
{
	return (struct block_rule){ .rule_id = id, .target = prefix_of(target) };
}

static inline int block(struct world *world, uint32_t id, const char *target)
{
	struct block_rule rule = rule_of(id, target);

	return rules_block(world->rules, &rule);
}

/* Lists and what is left of an earlier core, until nothing is left to do. */
static inline void steps(struct world *world)
{
	int left;

	do
		left = rules_list_step(world->rules);
	while (left > 0);
	assert_int_equal(left, 0);
}

#endif

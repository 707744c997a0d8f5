/*
 * Lists: rules with many targets.
 */
#include <errno.h>

#include "agent/capture/rules_state.h"

int rules_list_set(struct rules *rules, const struct block_rule *rule, struct prefix_set *set)
{
	(void)rules;
	(void)rule;
	(void)set;
	return -EOPNOTSUPP;
}

int rules_list_step(struct rules *rules)
{
	(void)rules;
	return 0;
}

int rules_list_remove(struct rules *rules, uint32_t rule_id)
{
	(void)rules;
	(void)rule_id;
	return -EOPNOTSUPP;
}

int rules_list_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits)
{
	(void)rules;
	(void)rule_id;
	(void)clock;
	(void)hits;
	return -EOPNOTSUPP;
}

int rules_target_hits(const struct rules *rules, const struct prefix *target,
		      const struct drain_clock *clock, struct block_hits *hits)
{
	(void)rules;
	(void)target;
	(void)clock;
	(void)hits;
	return -EOPNOTSUPP;
}

int rules_rule_set(struct rules *rules, const struct block_rule *rule)
{
	if (!rule->rule_id || rule->rule_id >= RULES_MAX)
		return -EINVAL;
	if (!rules->slots[rule->rule_id].is_used && !rules->slots[rule->rule_id].name)
		return -ENOENT;
	(void)rules_store(rules, rule); /* whether anything changed matters to sync only */
	return 0;
}

int rules_settle(struct rules *rules)
{
	(void)rules;
	return 0;
}

void rules_lists_free(struct rules *rules)
{
	(void)rules;
}

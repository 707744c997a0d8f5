/*
 * Calls of core go through the source's table of operations, whichever source it is.
 */
#include "agent/capture/capture.h"

int capture_drain(struct capture *capture, bool scan, const struct capture_sink *sink)
{
	return capture->ops->drain(capture, scan, sink);
}

int capture_block(struct capture *capture, const struct block_rule *rule)
{
	return capture->ops->block(capture, rule);
}

int capture_unblock(struct capture *capture, uint32_t rule_id)
{
	return capture->ops->unblock(capture, rule_id);
}

int capture_block_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	return capture->ops->block_hits(capture, rule_id, hits);
}

int capture_block_sync(struct capture *capture, const struct block_rule *rules, size_t count)
{
	return capture->ops->block_sync(capture, rules, count);
}

int capture_block_settle(struct capture *capture)
{
	return capture->ops->block_settle(capture);
}

int capture_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count)
{
	return capture->ops->safe_set(capture, prefixes, count);
}

int capture_event_fd(const struct capture *capture)
{
	return capture->ops->event_fd(capture);
}

int capture_list_set(struct capture *capture, const struct block_rule *rule, struct prefix_set *set)
{
	return capture->ops->list_set(capture, rule, set);
}

int capture_list_step(struct capture *capture)
{
	return capture->ops->list_step(capture);
}

int capture_rule_set(struct capture *capture, const struct block_rule *rule)
{
	return capture->ops->rule_set(capture, rule);
}

int capture_list_remove(struct capture *capture, uint32_t rule_id)
{
	return capture->ops->list_remove(capture, rule_id);
}

int capture_target_hits(struct capture *capture, const struct prefix *target,
			struct block_hits *hits)
{
	return capture->ops->target_hits(capture, target, hits);
}

int capture_name_hits(struct capture *capture, const char *name, struct block_hits *hits)
{
	return capture->ops->name_hits(capture, name, hits);
}

int capture_list_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	return capture->ops->list_hits(capture, rule_id, hits);
}

uint32_t capture_domain_find(struct capture *capture, const char *name)
{
	return capture->ops->domain_find(capture, name, false);
}

uint32_t capture_domain_counted(struct capture *capture, const char *name)
{
	return capture->ops->domain_find(capture, name, true);
}

int capture_flow_block(struct capture *capture, const struct five_tuple *tuple, uint32_t rule_id,
		       uint8_t layer, uint64_t until_boot_ns)
{
	return capture->ops->flow_block(capture, tuple, rule_id, layer, until_boot_ns);
}

int capture_lease(struct capture *capture, uint64_t until_boot_ns)
{
	return capture->ops->lease(capture, until_boot_ns);
}

bool capture_is_panicked(struct capture *capture)
{
	return capture->ops->is_panicked(capture);
}

int capture_coverage(struct capture *capture, struct coverage *coverage)
{
	return capture->ops->coverage(capture, coverage);
}

uint64_t capture_now_ns(struct capture *capture)
{
	return capture->ops->now_ns(capture);
}

void capture_close(struct capture *capture)
{
	if (capture)
		capture->ops->close(capture);
}

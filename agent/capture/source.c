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

int capture_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count)
{
	return capture->ops->safe_set(capture, prefixes, count);
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

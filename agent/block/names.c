/* Words people read for the enums of blocking; also what requests may say. */
#include "agent/block/block.h"

#define LOOKUP(table, value) ((value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : "?")

const char *block_action_name(uint8_t action)
{
	static const char *const names[] = {
		[BLOCK_DROP] = "drop", [BLOCK_COUNT] = "count", [BLOCK_REFUSE] = "refuse"
	};

	return LOOKUP(names, action);
}

const char *block_direction_name(uint8_t direction)
{
	static const char *const names[] = {
		[BLOCK_BOTH] = "both",
		[BLOCK_IN] = "in",
		[BLOCK_OUT] = "out",
	};

	return LOOKUP(names, direction);
}

const char *block_state_name(uint8_t state)
{
	static const char *const names[] = {
		[BLOCK_ACTIVE] = "active",   [BLOCK_EXPIRED] = "expired",
		[BLOCK_REMOVED] = "removed", [BLOCK_OFF] = "off",
		[BLOCK_PENDING] = "pending", [BLOCK_ROLLED_BACK] = "rolled_back",
	};

	return LOOKUP(names, state);
}

const char *block_source_name(uint8_t source)
{
	static const char *const names[] = {
		[BLOCK_BY_PERSON] = "person",
		[BLOCK_BY_INCIDENT] = "incident",
		[BLOCK_BY_RESPONSE] = "response",
	};

	return LOOKUP(names, source);
}

const char *block_safe_kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[SAFE_MANUAL] = "manual",   [SAFE_LOOPBACK] = "loopback", [SAFE_OWN] = "own",
		[SAFE_GATEWAY] = "gateway", [SAFE_RESOLVER] = "resolver", [SAFE_ADMIN] = "admin",
		[SAFE_SSH] = "ssh",	    [SAFE_SPECIAL] = "special",	  [SAFE_CONFIG] = "config",
	};

	return LOOKUP(names, kind);
}

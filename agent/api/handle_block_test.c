/*
 * What would happen to an address or a name, and why.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/api/internal.h"
#include "agent/block/block.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"

static struct json *encode_match(const struct block_match *match, bool decides)
{
	char entry[PREFIX_TEXT_MAX];
	struct json *item = json_new_object();

	json_set(item, "block", encode_block(&match->block));
	json_set_string(item, "entry",
			match->entry.addr.family != ADDR_NONE ? prefix_format(&match->entry, entry)
			: match->entry_name[0]		      ? match->entry_name
							      : NULL);
	json_set_bool(item, "applies", match->applies);
	json_set_bool(item, "decides", decides);
	json_set_string(item, "note", match->why);
	return item;
}

static const char *verdict_word(const struct block_verdict *verdict)
{
	static const char *const words[] = { "drop", "count", "refuse" };
	uint8_t action;

	if (verdict->outcome.error == -EPERM)
		return "safe";
	if (verdict->decides < 0)
		return "pass";
	action = verdict->matches[verdict->decides].block.action;
	return words[action <= BLOCK_REFUSE ? action : BLOCK_DROP];
}

static void answer(struct call *call, const char *value, const struct block_verdict *verdict)
{
	struct json *body = json_new_object(), *matches = json_new_array();

	json_set_string(body, "value", value);
	json_set_string(body, "verdict", verdict_word(verdict));
	json_set_string(body, "reason", verdict->outcome.message);
	/* "on", or why nothing is dropped at all */
	json_set_string(body, "enforcement", encode_enforcement(call->api));
	if (verdict->decides >= 0)
		json_set(body, "block", encode_block(&verdict->matches[verdict->decides].block));
	else
		json_set_null(body, "block");
	for (size_t i = 0; i < verdict->match_count; i++)
		json_add(matches, encode_match(&verdict->matches[i], (int)i == verdict->decides));
	json_set(body, "matches", matches);
	answer_json(call, 200, body);
}

void handle_block_test(struct call *call)
{
	CLEANUP(free) struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	char value[PARAM_MAX], direction[PARAM_MAX], proto[PARAM_MAX];
	struct block_question question = { .value = value, .direction = direction, .proto = proto };
	const char *query = call->request->query;

	if (!verdict) {
		answer_failure(call, -ENOMEM);
		return;
	}
	if (param_int(call, "port", 0, UINT16_MAX, &question.port))
		return;
	/* what cannot be decoded is empty, and refused by name */
	if (param_text(query, "value", value))
		value[0] = '\0';
	if (param_text(query, "direction", direction))
		direction[0] = '\0';
	if (param_text(query, "proto", proto))
		proto[0] = '\0';
	(void)block_test(call->api->options.block, &question, verdict);
	if (verdict->outcome.error == -EINVAL)
		answer_error(call, 422, "invalid", verdict->outcome.field,
			     verdict->outcome.message);
	else
		answer(call, value, verdict);
}

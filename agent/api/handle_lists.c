/*
 * Lists: a file comes in parts, then becomes a list or its next version; its entries by page.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/block/block.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

#define ENTRIES_DEFAULT 100
#define ENTRIES_MAX	1000

void handle_list_part(struct call *call)
{
	const struct request *request = call->request;
	struct block_list_part part = { .name = call->part,
					.data = request->body,
					.len = request->body_len };
	struct block_outcome outcome;

	if (param_int(call, "offset", 0, BLOCK_LIST_BYTES_MAX, &part.offset))
		return;
	if (!block_list_part(call->api->options.block, &call->who, &part, &outcome))
		answer_empty(call, 204);
	else
		answer_outcome(call, 200, &outcome);
}

/* The request is gone when the answer comes: what it needs of it. */
struct later {
	struct call call;
	struct request request;
	char request_id[PATH_PART_MAX];
};

static struct json *encode_notes(const struct block_list_report *report)
{
	struct json *items = json_new_array();

	for (size_t i = 0; i < report->note_count; i++) {
		const struct block_line_note *note = &report->notes[i];
		struct json *item = json_new_object();

		json_set_int(item, "line", note->line);
		json_set_string(item, "level", note->is_warning ? "warning" : "refused");
		json_set_string(item, "text", note->text);
		json_set_string(item, "reason", note->reason);
		json_add(items, item);
	}
	return items;
}

static void answer_report(void *arg, const struct block_outcome *outcome,
			  const struct block_list_report *report)
{
	CLEANUP(free) struct later *later = arg;
	struct call *call = &later->call;
	struct json *body;

	/* wrong lines are told also when they kept everything from being applied */
	if (outcome->error && !report->note_count) {
		answer_outcome(call, 200, outcome);
		return;
	}
	body = json_new_object();
	json_set_bool(body, "applied", report->is_applied);
	json_set_string(body, "message", *outcome->message ? outcome->message : NULL);
	if (report->is_applied)
		json_set(body, "block", encode_block(&outcome->block));
	else
		json_set_null(body, "block");
	json_set_uint(body, "lines", report->lines);
	json_set_uint(body, "names", name_set_len(prefix_set_names(report->set)));
	json_set_uint(body, "refused", report->refused);
	json_set_uint(body, "warned", report->warned);
	json_set_uint(body, "duplicates", report->duplicates);
	json_set_uint(body, "added", report->added);
	json_set_uint(body, "removed", report->removed);
	json_set(body, "notes", encode_notes(report));
	answer_json(call, report->is_applied ? 201 : 200, body);
}

static struct later *keep(const struct call *call)
{
	struct later *later = calloc(1, sizeof(*later));

	if (!later)
		return NULL;
	(void)snprintf(later->request_id, sizeof(later->request_id), "%s",
		       call->request->request_id); /* cut when longer */
	later->request = (struct request){ .method = "POST",
					   .path = "/api/v1/lists",
					   .query = "",
					   .request_id = later->request_id,
					   .body = "" };
	later->call = *call;
	later->call.request = &later->request;
	return later;
}

void handle_list_apply(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct block_list_order order = { .request.list = call->part, .done = answer_report };

	if (body_json(call, &body) || read_order(call, body, &order.request))
		return;
	if (json_get_bool(body, "all_or_nothing", &order.is_all_or_nothing) == -EINVAL) {
		answer_error(call, 422, "invalid", "all_or_nothing", "This is true or false.");
		return;
	}
	order.arg = keep(call);
	if (!order.arg)
		answer_failure(call, -ENOMEM);
	else
		block_list_apply(call->api->options.block, &call->who, &order);
}

void handle_list_entries(struct call *call)
{
	int64_t id, from = 0, limit = ENTRIES_DEFAULT;
	CLEANUP(free) struct block_list_entry *entries = NULL;
	char text[PREFIX_TEXT_MAX];
	struct json *items;
	int count;

	if (part_id(call, &id) ||
	    param_int(call, "from", 0, BLOCK_LIST_ENTRIES_MAX + BLOCK_LIST_NAMES_MAX, &from) ||
	    param_int(call, "limit", 1, ENTRIES_MAX, &limit))
		return;
	entries = calloc((size_t)limit, sizeof(*entries));
	count = entries ? block_list_entries(call->api->options.block, id, (size_t)from, entries,
					     (size_t)limit)
			: -ENOMEM;
	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count; i++) {
		struct json *item = json_new_object();

		json_set_string(item, "value",
				entries[i].name[0] ? entries[i].name
						   : prefix_format(&entries[i].prefix, text));
		encode_hits(item, &entries[i].hits);
		json_add(items, item);
	}
	answer_list(call, items, count == limit ? from + count : 0);
}

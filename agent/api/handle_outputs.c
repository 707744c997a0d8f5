/*
 * What goes out: state and counters of each output.
 */
#include "agent/api/internal.h"
#include "agent/export/export.h"

void handle_outputs(struct call *call)
{
	struct outputs *outputs = call->api->options.outputs;
	struct output_state states[OUTPUTS_MAX];
	size_t count = outputs_states(outputs, states);
	struct json *body = json_new_object(), *items = json_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json *item = json_new_object();

		json_set_string(item, "name", states[i].name);
		json_set_string(item, "state", states[i].is_up ? "up" : "down");
		json_set_uint(item, "sent", states[i].sent);
		json_set_uint(item, "dropped", states[i].dropped);
		json_set_uint(item, "failures", states[i].failures);
		json_set_string(item, "error", *states[i].error ? states[i].error : NULL);
		json_add(items, item);
	}
	json_set(body, "items", items);
	json_set_null(body, "next");
	json_set_bool(body, "configured", outputs != NULL);
	json_set_uint(body, "dropped", outputs_dropped(outputs));
	answer_json(call, 200, body);
}

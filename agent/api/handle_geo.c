/*
 * The user's geography files: which are in use, and why not.
 */
#include "agent/api/internal.h"
#include "include/geo.h"

void handle_geo(struct call *call)
{
	const struct api_options *options = &call->api->options;
	struct geo_state states[GEO_FILES_MAX];
	size_t count = options->geography ? options->geography(options->arg, states) : 0;
	struct json *items = json_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json *item = json_new_object();

		json_set_string(item, "path", states[i].path);
		json_set_string(item, "kind", *states[i].kind ? states[i].kind : NULL);
		json_set_time(item, "built", states[i].built_unix_ms);
		json_set_string(item, "error", *states[i].error ? states[i].error : NULL);
		json_add(items, item);
	}
	answer_list(call, items, 0);
}

/*
 * Traffic: status, coverage, the last minute, series. All from the snapshot but the series, which
 * the store keeps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"

#define SERIES_ITEMS_MAX   3600
#define SERIES_SECONDS_MAX (730 * 86400LL) /* two years, as long as hours are kept */

struct snapshot *snapshot_or_answer(struct call *call)
{
	struct snapshot *snapshot = api_snapshot(call->api);

	if (!snapshot)
		answer_error(call, 503, "starting", NULL,
			     "The first second is not over yet. Try again.");
	return snapshot;
}

void handle_status(struct call *call)
{
	const struct api_options *options = &call->api->options;
	CLEANUP(snapshot_unref) struct snapshot *snapshot = api_snapshot(call->api);
	struct json *body = json_new_object();

	json_set_string(body, "status", analyzer_word(call->api));
	json_set_string(body, "mode", options->mode);
	json_set_string(body, "version", options->version);
	json_set_int(body, "uptime_s", (clock_unix_ms() - options->started_unix_ms) / 1000);
	json_set_time(body, "started", options->started_unix_ms);
	json_set_uint(body, "processed_packets", snapshot ? snapshot->processed_packets : 0);
	json_set_string(body, "enforcement", encode_enforcement(call->api));
	json_set(body, "ifaces", snapshot ? encode_ifaces(&snapshot->coverage) : json_new_array());
	json_set_string(body, "view_filter",
			options->is_in_view ? config_text(options->config, CONFIG_SNIFFER_FILTER)
					    : NULL);
	call->is_live = true;
	json_set_uint(body, "db_bytes", store_db_bytes(options->store));
	json_set_uint(body, "rows_lost", store_rows_lost(options->store));
	answer_json(call, 200, body);
}

static struct json *encode_direction(const struct coverage_iface *iface, int direction)
{
	static const char *const reasons[] = {
#define NOT_FLOW(id, name, help) name,
#include "include/not_flow.def"
#undef NOT_FLOW
	};
	const struct coverage_direction *counts = &iface->dir[direction];
	struct json *item = json_new_object();
	struct json *not_flow = json_new_object();

	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		json_set_uint(not_flow, reasons[i], counts->not_flow[i]);
	json_set_string(item, "name", iface->name);
	json_set_string(item, "mode", attach_mode_name(iface->mode));
	json_set_string(item, "note", *iface->note ? iface->note : NULL);
	json_set_string(item, "direction", direction == DIRECTION_INGRESS ? "ingress" : "egress");
	json_set_uint(item, "seen", counts->seen);
	json_set_uint(item, "in_flows", counts->in_flows);
	json_set_uint(item, "dropped", counts->dropped);
	json_set(item, "not_flow", not_flow);
	json_set_uint(item, "unattributed", counts->unattributed);
	json_set_uint(item, "bytes", counts->bytes);
	json_set_uint(item, "wire_bytes", counts->wire_bytes);
	json_set_uint(item, "dropped_bytes", counts->dropped_bytes);
	return item;
}

static struct json *encode_names(const struct coverage_names *names)
{
	struct json *item = json_new_object();

	json_set_uint(item, "payloads", names->payloads);
	json_set_uint(item, "malformed", names->malformed);
	json_set_uint(item, "cut", names->cut);
	json_set_uint(item, "full", names->full);
	json_set_uint(item, "undecrypted", names->undecrypted);
	json_set_uint(item, "unplaced", names->unplaced);
	json_set_uint(item, "unblocked", names->unblocked);
	return item;
}

void handle_coverage(struct call *call)
{
	CLEANUP(snapshot_unref) struct snapshot *snapshot = snapshot_or_answer(call);
	struct json *body, *ifaces, *maps;

	if (!snapshot)
		return;
	body = json_new_object();
	ifaces = json_new_array();
	maps = json_new_array();
	for (unsigned int i = 0; i < snapshot->coverage.iface_count; i++)
		for (int d = 0; d < 2; d++)
			json_add(ifaces, encode_direction(&snapshot->coverage.ifaces[i], d));
	for (unsigned int i = 0; i < snapshot->coverage.map_count; i++) {
		const struct coverage_map *map = &snapshot->coverage.maps[i];
		struct json *item = json_new_object();

		json_set_string(item, "name", map->name);
		json_set_uint(item, "entries", map->entries);
		json_set_uint(item, "capacity", map->capacity);
		json_add(maps, item);
	}
	json_set(body, "ifaces", ifaces);
	json_set_uint(body, "events_lost", snapshot->coverage.events_lost);
	json_set_uint(body, "events_skipped", snapshot->coverage.events_skipped);
	json_set_uint(body, "hits_unrecorded", snapshot->coverage.hits_unrecorded);
	json_set(body, "maps", maps);
	call->is_live = true;
	json_set(body, "names", encode_names(&snapshot->coverage.names));
	json_set_bool(body, "complete", snapshot->coverage.complete);
	answer_json(call, 200, body);
}

void answer_live_hosts(struct call *call)
{
	CLEANUP(snapshot_unref) struct snapshot *snapshot = snapshot_or_answer(call);
	int64_t limit = 100;
	struct json *items;

	if (!snapshot || param_int(call, "limit", 1, SNAPSHOT_HOSTS_MAX, &limit))
		return;
	items = json_new_array();
	for (unsigned int i = 0; i < snapshot->host_count && i < limit; i++)
		json_add(items, encode_host(call->api, &snapshot->hosts[i]));
	call->is_live = true;
	answer_list(call, items, 0);
}

void answer_live_protos(struct call *call)
{
	CLEANUP(snapshot_unref) struct snapshot *snapshot = snapshot_or_answer(call);
	struct json *items;

	if (!snapshot)
		return;
	items = json_new_array();
	for (unsigned int i = 0; i < snapshot->proto_count; i++)
		json_add(items, encode_proto(&snapshot->protos[i]));
	call->is_live = true;
	answer_list(call, items, 0);
}

void handle_hosts(struct call *call)
{
	answer_live_hosts(call);
}

static struct json *encode_totals(const struct totals *totals)
{
	struct json *item = json_new_object();

	json_set_time(item, "time", totals->unix_s * 1000);
	json_set_uint(item, "packets_in", totals->packets_in);
	json_set_uint(item, "bytes_in", totals->bytes_in);
	json_set_uint(item, "packets_out", totals->packets_out);
	json_set_uint(item, "bytes_out", totals->bytes_out);
	json_set_uint(item, "dropped_packets", totals->dropped_packets);
	json_set_uint(item, "dropped_bytes", totals->dropped_bytes);
	json_set_uint(item, "new_flows", totals->new_flows);
	return item;
}

void handle_series(struct call *call)
{
	int64_t seconds = 3600, step = 10, ago = 0, end_s;
	struct totals_range range;
	CLEANUP(free) struct totals *totals = NULL;
	struct json *body, *items;
	int count;

	if (param_int(call, "seconds", 1, SERIES_SECONDS_MAX, &seconds) ||
	    param_int(call, "step", 1, 86400, &step) ||
	    param_int(call, "ago", 0, SERIES_SECONDS_MAX, &ago))
		return;
	end_s = clock_unix_ms() / 1000 - ago;
	if (seconds / step > SERIES_ITEMS_MAX) {
		answer_error(call, 422, "invalid", "step",
			     "That is more than 3600 points; ask for a larger step.");
		return;
	}
	totals = calloc((size_t)(seconds / step) + 1, sizeof(*totals));
	if (!totals) {
		answer_failure(call, -ENOMEM);
		return;
	}
	range.step_s = step;
	range.to_unix_s = end_s - end_s % step;
	if (range.to_unix_s < 0)
		range.to_unix_s = 0;
	range.from_unix_s = range.to_unix_s - seconds / step * step;
	if (range.from_unix_s < 0) /* a clock that says 1970 */
		range.from_unix_s = 0;
	count = store_totals_sum(call->api->options.store, &range, totals,
				 (size_t)(seconds / step) + 1);
	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	body = json_new_object();
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_totals(&totals[i]));
	json_set_int(body, "step", step);
	json_set(body, "items", items);
	answer_json(call, 200, body);
}

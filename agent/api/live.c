/*
 * Bodies of live events, and the original's analyzer status: the same encoders as the answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"
#include "agent/util/snapshot.h"

#define LIVE_HOSTS_MAX	     10
#define STATISTICS_HOSTS_MAX 50
#define RECENT_MAX	     10

static char *print_and_free(struct json *json)
{
	char *text = json_print(json, NULL);

	json_free(json);
	return text;
}

static struct json *encode_rates(const struct totals *totals)
{
	struct json *rates = json_new_object();

	json_set_uint(rates, "packets_in", totals->packets_in);
	json_set_uint(rates, "bytes_in", totals->bytes_in);
	json_set_uint(rates, "packets_out", totals->packets_out);
	json_set_uint(rates, "bytes_out", totals->bytes_out);
	json_set_uint(rates, "dropped_packets", totals->dropped_packets);
	json_set_uint(rates, "dropped_bytes", totals->dropped_bytes);
	json_set_uint(rates, "new_flows", totals->new_flows);
	return rates;
}

static uint64_t sum_unattributed(const struct coverage *coverage)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < coverage->iface_count; i++)
		sum += coverage->ifaces[i].dir[0].unattributed +
		       coverage->ifaces[i].dir[1].unattributed;
	return sum;
}

/* Lately ended flows stand in the snapshot, too. */
static uint64_t count_active(const struct snapshot *snapshot)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < snapshot->flow_count; i++)
		count += !snapshot->flows[i].is_final;
	return count;
}

char *api_encode_live(struct api *api, const struct snapshot *snapshot)
{
	struct json *body = json_new_object();
	struct json *hosts = json_new_array();
	struct json *protocols = json_new_array();

	for (unsigned int i = 0; i < snapshot->host_count && i < LIVE_HOSTS_MAX; i++)
		json_add(hosts, encode_host(api, &snapshot->hosts[i]));
	for (unsigned int i = 0; i < snapshot->proto_count; i++)
		json_add(protocols, encode_proto(&snapshot->protos[i]));
	json_set_time(body, "time", snapshot->unix_ms);
	json_set_uint(body, "seq", snapshot->seq);
	json_set(body, "rates", encode_rates(&snapshot->last));
	json_set_uint(body, "flow_count", count_active(snapshot));
	json_set_uint(body, "flow_capacity", snapshot->flow_capacity);
	json_set_uint(body, "processed_packets", snapshot->processed_packets);
	json_set_bool(body, "complete", snapshot->coverage.complete);
	json_set_uint(body, "unattributed", sum_unattributed(&snapshot->coverage));
	json_set_uint(body, "events_lost", snapshot->coverage.events_lost);
	json_set(body, "ifaces", encode_ifaces(&snapshot->coverage));
	json_set(body, "hosts", hosts);
	json_set(body, "protocols", protocols);
	json_set_string(body, "enforcement", encode_enforcement(api));
	json_set_string(body, "mode", api->options.mode);
	return print_and_free(body);
}

char *api_encode_statistics(struct api *api, const struct snapshot *snapshot)
{
	struct json *body = json_new_object();
	struct json *stats = json_new_array();

	(void)api;
	for (unsigned int i = 0; i < snapshot->host_count && i < STATISTICS_HOSTS_MAX; i++) {
		const struct host_total *host = &snapshot->hosts[i];
		struct json *item = json_new_object();

		encode_addr(item, "ip_address", &host->addr);
		json_set_uint(item, "packet_count", host->packets);
		json_set_uint(item, "byte_count", host->bytes);
		json_set_uint(item, "port_count", host->ports);
		json_set_time(item, "timestamp", host->last_unix_ms);
		json_add(stats, item);
	}
	json_set(body, "stats", stats);
	return print_and_free(body);
}

const char *analyzer_word(const struct api *api)
{
	return api->options.is_paused(api->options.arg) ? "stopped" : "running";
}

char *api_encode_status(struct api *api)
{
	struct json *body = json_new_object();

	json_set_string(body, "status", analyzer_word(api));
	return print_and_free(body);
}

char *api_encode_incidents(struct api *api)
{
	const struct incident_filter filter = { .severity = -1, .state = -1, .detector = -1 };
	struct incident rows[RECENT_MAX];
	int count = store_incident_list(api->options.store, &filter, rows, RECENT_MAX);
	struct json *items = json_new_array();

	for (int i = 0; i < count; i++)
		json_add(items, incident_to_legacy_json(&rows[i], NULL));
	return print_and_free(items);
}

static char *encode_update(const struct incident *incident)
{
	struct json *body = json_new_object();

	json_set_int(body, "id", incident->id);
	json_set_uint(body, "count", incident->count);
	json_set_string(body, "state", incident_state_name(incident->state));
	json_set_time(body, "last_seen", incident->last_unix_ms);
	return print_and_free(body);
}

char *api_encode_incident(struct api *api, const struct incident *incident, const char *reason,
			  bool is_new)
{
	char proto[PROTO_TEXT_MAX];
	struct json *body;

	(void)api;
	if (!is_new)
		return encode_update(incident);
	/* the original's keys beside the contract's, one object for both kinds of listener */
	body = incident_to_json(incident, reason);
	json_set_time(body, "timestamp", incident->first_unix_ms);
	json_set_string(body, "protocol", proto_format(incident->proto, proto));
	json_set_string(body, "details", reason);
	json_set_bool(body, "resolved", incident->state >= INCIDENT_RESOLVED);
	return print_and_free(body);
}

char *api_encode_block(struct api *api, const struct block *block)
{
	(void)api;
	return print_and_free(encode_block(block));
}

/* H:MM:SS.ffffff, as Python prints a timedelta; the original's shape. */
static void format_uptime(int64_t ms, char *text, size_t size)
{
	int64_t days = ms / 86400000, rest = ms % 86400000;
	int used = 0;

	if (days)
		used = snprintf(text, size, "%lld day%s, ", (long long)days, days == 1 ? "" : "s");
	(void)snprintf(text + used, size - (size_t)used, "%lld:%02lld:%02lld.%06lld",
		       (long long)(rest / 3600000), (long long)(rest / 60000 % 60),
		       (long long)(rest / 1000 % 60), (long long)(rest % 1000 * 1000));
}

void handle_analyzer_status(struct call *call)
{
	const struct api_options *options = &call->api->options;
	CLEANUP(snapshot_unref) struct snapshot *snapshot = api_snapshot(call->api);
	int64_t uptime_ms = clock_unix_ms() - options->started_unix_ms;
	struct json *body = json_new_object();
	char uptime[64];

	format_uptime(uptime_ms > 0 ? uptime_ms : 0, uptime, sizeof(uptime));
	json_set_string(body, "status", analyzer_word(call->api));
	json_set_string(body, "uptime", uptime);
	json_set_int(body, "uptime_seconds", uptime_ms / 1000);
	json_set_uint(body, "processed_packets", snapshot ? snapshot->processed_packets : 0);
	json_set_string(body, "mode", options->mode);
	json_set(body, "interfaces",
		 snapshot ? encode_ifaces(&snapshot->coverage) : json_new_array());
	json_set_string(body, "version", options->version);
	answer_json(call, 200, body);
}

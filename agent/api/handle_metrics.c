/*
 * /metrics in the text format of Prometheus, version 0.0.4. Labels are interfaces, directions,
 * reasons and the like, never addresses or names: those would grow without end.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/api/internal.h"
#include "agent/config/config.h"
#include "agent/export/export.h"
#include "agent/mail/mail.h"
#include "agent/store/store.h"
#include "agent/util/buffer.h"
#include "agent/util/cleanup.h"
#include "agent/util/file.h"
#include "agent/util/snapshot.h"

#define METRICS_MAX (1U << 20)
#define BLOCKS_MAX  1024

static const char *const directions[] = { [DIRECTION_INGRESS] = "in", [DIRECTION_EGRESS] = "out" };

static void family(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buffer *out, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	family(out, name, type, help);
	buffer_append_format(out, "%s %" PRIu64 "\n", name, value);
}

/* A label's value: interface and map names are short, but not all of them are ours. */
static const char *escape(const char *text, char out[static 64])
{
	size_t len = 0;

	for (; *text && len + 3 < 64; text++) {
		if (*text == '\\' || *text == '"')
			out[len++] = '\\';
		out[len++] = (char)(*text == '\n' ? ' ' : *text);
	}
	out[len] = '\0';
	return out;
}

/* ---- interfaces ------------------------------------------------------------------------------ */

struct counter {
	const char *name, *help;
	size_t offset;
};

static const struct counter counters[] = {
	{ "sluice_packets_total", "Packets seen.", offsetof(struct coverage_direction, seen) },
	{ "sluice_packets_in_flows_total", "Of them, counted into flows.",
	  offsetof(struct coverage_direction, in_flows) },
	{ "sluice_packets_unattributed_total", "Of them, counted but without a flow.",
	  offsetof(struct coverage_direction, unattributed) },
	{ "sluice_bytes_total", "IP bytes counted into flows.",
	  offsetof(struct coverage_direction, bytes) },
	{ "sluice_wire_bytes_total", "Bytes of frames.",
	  offsetof(struct coverage_direction, wire_bytes) },
	{ "sluice_dropped_packets_total", "Packets dropped by blocks.",
	  offsetof(struct coverage_direction, dropped) },
	{ "sluice_dropped_bytes_total", "Their IP bytes.",
	  offsetof(struct coverage_direction, dropped_bytes) },
};

static uint64_t value_of(const struct coverage_direction *counts, const struct counter *counter)
{
	uint64_t value;

	memcpy(&value, (const char *)counts + counter->offset, sizeof(value));
	return value;
}

static void append_counter(struct buffer *out, const struct coverage *coverage,
			   const struct counter *counter)
{
	char name[64];

	family(out, counter->name, "counter", counter->help);
	for (unsigned int i = 0; i < coverage->iface_count; i++)
		for (int dir = 0; dir < 2; dir++)
			buffer_append_format(out, "%s{iface=\"%s\",dir=\"%s\"} %" PRIu64 "\n",
					     counter->name, escape(coverage->ifaces[i].name, name),
					     directions[dir],
					     value_of(&coverage->ifaces[i].dir[dir], counter));
}

static void append_not_flow(struct buffer *out, const struct coverage *coverage)
{
	static const char *const reasons[] = {
#define NOT_FLOW(id, name, help) name,
#include "include/not_flow.def"
#undef NOT_FLOW
	};
	char name[64];

	family(out, "sluice_not_flow_packets_total", "counter", "Packets that are no flow.");
	for (unsigned int i = 0; i < coverage->iface_count; i++)
		for (int at = 0; at < 2 * NOT_FLOW_COUNT; at++)
			buffer_append_format(out,
					     "sluice_not_flow_packets_total{iface=\"%s\",dir=\"%"
					     "s\",reason=\"%s\"} "
					     "%" PRIu64 "\n",
					     escape(coverage->ifaces[i].name, name),
					     directions[at / NOT_FLOW_COUNT],
					     reasons[at % NOT_FLOW_COUNT],
					     coverage->ifaces[i]
						     .dir[at / NOT_FLOW_COUNT]
						     .not_flow[at % NOT_FLOW_COUNT]);
}

static void append_maps(struct buffer *out, const struct coverage *coverage)
{
	char name[64];

	family(out, "sluice_map_entries", "gauge", "Entries of a map of the datapath.");
	for (unsigned int i = 0; i < coverage->map_count; i++)
		buffer_append_format(out, "sluice_map_entries{map=\"%s\"} %" PRIu64 "\n",
				     escape(coverage->maps[i].name, name),
				     coverage->maps[i].entries);
	family(out, "sluice_map_capacity", "gauge", "Entries that it has room for.");
	for (unsigned int i = 0; i < coverage->map_count; i++)
		buffer_append_format(out, "sluice_map_capacity{map=\"%s\"} %" PRIu64 "\n",
				     escape(coverage->maps[i].name, name),
				     coverage->maps[i].capacity);
}

static void append_datapath(struct buffer *out, const struct snapshot *snapshot)
{
	const struct coverage *coverage = &snapshot->coverage;

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		append_counter(out, coverage, &counters[i]);
	append_not_flow(out, coverage);
	append_maps(out, coverage);
	single(out, "sluice_events_lost_total", "counter", "Events the kernel could not hand over.",
	       coverage->events_lost);
	single(out, "sluice_events_skipped_total", "counter",
	       "Events over their budget, sampled out on purpose.", coverage->events_skipped);
	single(out, "sluice_names_malformed_total", "counter",
	       "First bytes of a name's protocol that were not well formed.",
	       coverage->names.malformed);
	single(out, "sluice_coverage_complete", "gauge",
	       "1 while nothing is unattributed and no event is lost.", coverage->complete);
	single(out, "sluice_flows_active", "gauge", "Flows in the table.", snapshot->flow_count);
	single(out, "sluice_flows_full_total", "counter", "Flows the table could not take.",
	       snapshot->flows_full);
}

/* ---- store, blocks, the process ----------------------------------------------------------------
 */

static void append_incidents(struct buffer *out, struct store *store)
{
	static const char *const names[] = { "low", "medium", "high" };
	uint64_t severities[3], protos[256];

	if (store_incident_counts(store, severities, protos))
		return; /* absent, as Prometheus wants what is not known */
	family(out, "sluice_incidents_open", "gauge", "Open incidents.");
	for (int i = 0; i < 3; i++)
		buffer_append_format(out, "sluice_incidents_open{severity=\"%s\"} %" PRIu64 "\n",
				     names[i], severities[i]);
}

static void append_blocks(struct buffer *out, struct store *store)
{
	CLEANUP(free) struct block *rows = calloc(BLOCKS_MAX, sizeof(*rows));
	int count = rows ? store_block_list(store, true, 0, rows, BLOCKS_MAX) : -1;
	uint64_t single_blocks = 0;
	char name[64];

	if (count < 0)
		return;
	family(out, "sluice_list_entries", "gauge", "Entries in force of a list.");
	for (int i = 0; i < count; i++) {
		if (*rows[i].list)
			buffer_append_format(out, "sluice_list_entries{list=\"%s\"} %" PRIu64 "\n",
					     escape(rows[i].list, name), rows[i].facts.entries);
		else
			single_blocks++;
	}
	single(out, "sluice_blocks_active", "gauge", "Blocks in force that are no list.",
	       single_blocks);
}

static void append_mail(struct buffer *out, const struct mail_service *mail)
{
	struct mail_state state;

	if (!mail_state(mail, &state))
		return;
	single(out, "sluice_mail_sent_total", "counter", "Mails that the server took.", state.sent);
	single(out, "sluice_mail_dropped_total", "counter", "Mails that were given up.",
	       state.dropped);
	single(out, "sluice_mail_waiting", "gauge", "Mails that wait for the server.",
	       state.waiting);
	single(out, "sluice_mail_up", "gauge", "1 unless the last try failed.", state.is_up);
}

static void append_outputs(struct buffer *out, struct outputs *outputs)
{
	struct output_state states[OUTPUTS_MAX];
	size_t count = outputs_states(outputs, states);

	if (!outputs)
		return;
	family(out, "sluice_export_sent_total", "counter",
	       "Lines, messages or flows that went out.");
	for (size_t i = 0; i < count; i++)
		buffer_append_format(out, "sluice_export_sent_total{sink=\"%s\"} %" PRIu64 "\n",
				     states[i].name, states[i].sent);
	family(out, "sluice_export_dropped_total", "counter", "Those that could not.");
	for (size_t i = 0; i < count; i++)
		buffer_append_format(out, "sluice_export_dropped_total{sink=\"%s\"} %" PRIu64 "\n",
				     states[i].name, states[i].dropped);
	family(out, "sluice_export_up", "gauge", "1 while the output works.");
	for (size_t i = 0; i < count; i++)
		buffer_append_format(out, "sluice_export_up{sink=\"%s\"} %u\n", states[i].name,
				     states[i].is_up);
	single(out, "sluice_export_refused_total", "counter",
	       "Messages to the export role that it did not take in time.",
	       outputs_dropped(outputs));
}

/* The @index-th number of a line of words, from 0; 0 when there is none. */
static uint64_t number_at(const char *text, int index)
{
	while (index-- > 0 && *text) {
		text += strcspn(text, " ");
		text += *text == ' ';
	}
	return strtoull(text, NULL, 10);
}

static void append_process(struct buffer *out, int64_t started_unix_ms)
{
	CLEANUP(free) char *statm = NULL;
	CLEANUP(free) char *stat = NULL;
	const char *after;
	long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

	if (!file_read("/proc/self/statm", 4096, &statm, NULL))
		single(out, "process_resident_memory_bytes", "gauge", "Memory of the core process.",
		       number_at(statm, 1) * (uint64_t)page);
	/* proc(5): fields 14 and 15; the name before may hold anything but a last ')' */
	if (!file_read("/proc/self/stat", 4096, &stat, NULL) && (after = strrchr(stat, ')'))) {
		family(out, "process_cpu_seconds_total", "counter",
		       "Time of processors the core process took.");
		buffer_append_format(out, "process_cpu_seconds_total %.2f\n",
				     (double)(number_at(after, 12) + number_at(after, 13)) /
					     (double)ticks);
	}
	family(out, "process_start_time_seconds", "gauge", "When the service was started.");
	buffer_append_format(out, "process_start_time_seconds %.3f\n",
			     (double)started_unix_ms / 1000.0);
}

static void append_all(struct buffer *out, const struct api *api)
{
	const struct api_options *options = &api->options;
	CLEANUP(snapshot_unref) struct snapshot *snapshot = api_snapshot(api);
	char text[64];

	family(out, "sluice_build_info", "gauge", "1, with the version and what it runs on.");
	buffer_append_format(out, "sluice_build_info{version=\"%s\",mode=\"%s\"} 1\n",
			     escape(options->version, text), options->mode);
	single(out, "sluice_up", "gauge", "1 while it counts.", snapshot != NULL);
	if (snapshot)
		append_datapath(out, snapshot);
	append_incidents(out, options->store);
	append_blocks(out, options->store);
	append_outputs(out, options->outputs);
	append_mail(out, options->mail);
	single(out, "sluice_db_bytes", "gauge", "Size of the databases.",
	       store_db_bytes(options->store));
	single(out, "sluice_rows_lost_total", "counter", "Flow records that were not stored.",
	       store_rows_lost(options->store));
	append_process(out, options->started_unix_ms);
}

static bool is_loopback_peer(const struct addr *peer)
{
	static const uint8_t six[16] = { [15] = 1 };

	if (peer->family == ADDR_IPV4)
		return peer->bytes[12] == 127;
	return peer->family == ADDR_IPV6 && memcmp(peer->bytes, six, sizeof(six)) == 0;
}

static bool may_read(const struct principal *who)
{
	return who->role >= ROLE_VIEWER && !who->must_change &&
	       (!who->scopes || (who->scopes & SCOPE_READ));
}

void handle_metrics(struct call *call)
{
	const struct config *config = call->api->options.config;
	CLEANUP(buffer_done) struct buffer body;

	buffer_init(&body, METRICS_MAX);
	if (!may_read(&call->who) && !(config_bool(config, CONFIG_EXPORT_METRICS_FREE) &&
				       is_loopback_peer(&call->request->peer))) {
		answer_error(call, 401, "login_required", NULL,
			     "This needs a token with the scope read.");
		return;
	}
	append_all(&body, call->api);
	if (body.error) {
		answer_failure(call, body.error);
		return;
	}
	answer_part(call, &(struct part){ .type = "text/plain; version=0.0.4; charset=utf-8",
					  .disposition = "",
					  .next = "",
					  .body = &body });
}

/*
 * status, coverage, top, flows: what the service sees.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"
#include "agent/util/units.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* One GET whose list is a table for people. */
static int show_list(const struct args *args, const char *path, const struct column *columns,
		     size_t count, const char *empty)
{
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", path, NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, count, empty);
	return CLI_OK;
}

static void print_ifaces(const struct json *body)
{
	const struct json *ifaces = json_get(body, "ifaces");

	for (size_t i = 0; ifaces && i < json_array_len(ifaces); i++) {
		const struct json *iface = json_array_get(ifaces, i);
		const char *note = text_of(iface, "note");

		say("interface %-12s %s%s%s\n", text_of(iface, "name"), text_of(iface, "mode"),
		    *note ? ": " : "", note);
	}
}

/* Nothing is said while there is nothing to tell a rate by. */
static void print_budget(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char used[32], max[32];
	const struct json *flows;
	int64_t holds_s;

	if (client_call(args, "GET", "/api/v1/store", NULL, &body))
		return;
	flows = json_get(body, "flows");
	if (!number_of(flows, "max_bytes") || json_get_int(flows, "holds_s", &holds_s))
		return;
	units_format_bytes((uint64_t)number_of(flows, "used_bytes"), used, sizeof(used));
	units_format_bytes((uint64_t)number_of(flows, "max_bytes"), max, sizeof(max));
	say("flows use %s of %s, which holds ", used, max);
	if (holds_s >= INT64_C(2) * 86400)
		say("%lld days at the present rate\n", (long long)(holds_s / 86400));
	else
		say("%lld hours at the present rate\n", (long long)(holds_s / 3600));
}

int command_status(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/status", NULL, &body);
	char bytes[32];
	int64_t up;

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	up = number_of(body, "uptime_s");
	units_format_bytes((uint64_t)number_of(body, "db_bytes"), bytes, sizeof(bytes));
	say("sluice %s is %s (%s), up %lld h %lld min %lld s\n", text_of(body, "version"),
	    text_of(body, "status"), text_of(body, "mode"), (long long)(up / 3600),
	    (long long)(up / 60 % 60), (long long)(up % 60));
	say("enforcement %s, %lld packets counted, history %s\n", text_of(body, "enforcement"),
	    (long long)number_of(body, "processed_packets"), bytes);
	print_budget(args);
	print_ifaces(body);
	return CLI_OK;
}

static const struct column coverage_columns[] = {
	{ "INTERFACE", "name", COLUMN_TEXT },
	{ "MODE", "mode", COLUMN_TEXT },
	{ "DIRECTION", "direction", COLUMN_TEXT },
	{ "SEEN", "seen", COLUMN_COUNT },
	{ "IN FLOWS", "in_flows", COLUMN_COUNT },
	{ "DROPPED", "dropped", COLUMN_COUNT },
	{ "NOT FLOW", "not_flow_sum", COLUMN_COUNT },
	{ "UNATTRIBUTED", "unattributed", COLUMN_COUNT },
};

static struct json *coverage_row(const struct json *iface)
{
	const struct json *reasons = json_get(iface, "not_flow");
	struct json *row = json_new_object();
	int64_t sum = 0;

	for (size_t k = 0; reasons && json_key(reasons, k); k++)
		sum += number_of(reasons, json_key(reasons, k));
	for (size_t c = 0; c < LENGTH(coverage_columns); c++) {
		const char *key = coverage_columns[c].key;

		if (coverage_columns[c].kind == COLUMN_TEXT)
			json_set_string(row, key, text_of(iface, key));
		else
			json_set_int(row, key, number_of(iface, key));
	}
	json_set_int(row, "not_flow_sum", sum);
	return row;
}

/* Why an interface is not watched in the best way; each has a row for either direction. */
static void print_notes(const struct json *ifaces)
{
	for (size_t i = 0; ifaces && i < json_array_len(ifaces); i++) {
		const struct json *iface = json_array_get(ifaces, i);
		const char *note = text_of(iface, "note");

		if (*note && !strcmp(text_of(iface, "direction"), "ingress"))
			say("%s: %s\n", text_of(iface, "name"), note);
	}
}

/* How full the datapath's tables are. */
static void print_maps(const struct json *maps)
{
	static const struct column columns[] = {
		{ "TABLE", "name", COLUMN_TEXT },
		{ "ENTRIES", "entries", COLUMN_COUNT },
		{ "CAPACITY", "capacity", COLUMN_COUNT },
		{ "FULL", "full", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *rows = json_new_array();

	for (size_t i = 0; maps && i < json_array_len(maps); i++) {
		const struct json *map = json_array_get(maps, i);
		double entries = (double)number_of(map, "entries");
		double capacity = (double)number_of(map, "capacity");
		struct json *row = json_new_object();
		char full[32];

		(void)snprintf(full, sizeof(full), "%.1f %%",
			       capacity > 0 ? 100 * entries / capacity : 0);
		json_set_string(row, "name", text_of(map, "name"));
		json_set_int(row, "entries", number_of(map, "entries"));
		json_set_int(row, "capacity", number_of(map, "capacity"));
		json_set_string(row, "full", full);
		json_add(rows, row);
	}
	table_print(rows, columns, LENGTH(columns), "no table is open");
}

/* What was not read of names, and why; nothing is said of what did not happen. */
static void print_names(const struct json *names)
{
	static const struct {
		const char *key, *text;
	} reasons[] = {
		{ "malformed", "not well formed" },
		{ "cut", "too little of it was handed up" },
		{ "full", "pieces given up, for want of room or of the rest" },
		{ "undecrypted", "QUIC whose keys did not fit" },
		{ "unplaced", "read, but without a flow to write them on" },
		{ "unblocked", "blocked, but too many at once to cut their flows" },
	};

	if (!names)
		return;
	say("names read from %lld first bytes of flows\n", (long long)number_of(names, "payloads"));
	for (size_t i = 0; i < LENGTH(reasons); i++)
		if (number_of(names, reasons[i].key))
			say("  %lld: %s\n", (long long)number_of(names, reasons[i].key),
			    reasons[i].text);
}

int command_coverage(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	CLEANUP(json_free) struct json *rows = NULL;
	const struct json *ifaces;
	int status = client_call(args, "GET", "/api/v1/coverage", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	rows = json_new_array();
	ifaces = json_get(body, "ifaces");
	for (size_t i = 0; ifaces && i < json_array_len(ifaces); i++)
		json_add(rows, coverage_row(json_array_get(ifaces, i)));
	table_print(rows, coverage_columns, LENGTH(coverage_columns), "no interface is watched");
	print_notes(ifaces);
	say("\n");
	print_maps(json_get(body, "maps"));
	say("\nevents lost %lld, skipped over their budget %lld\n",
	    (long long)number_of(body, "events_lost"),
	    (long long)number_of(body, "events_skipped"));
	print_names(json_get(body, "names"));
	return CLI_OK;
}

static int show_groups(const struct args *args, const char *path, const char *by)
{
	const struct column columns[] = {
		{ by, "key", COLUMN_TEXT },
		{ "BYTES", "bytes", COLUMN_BYTES },
		{ "PACKETS", "packets", COLUMN_COUNT },
		{ "RECORDS", "records", COLUMN_COUNT },
		{ "FIRST", "first_seen", COLUMN_TIME },
		{ "LAST", "last_seen", COLUMN_TIME },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", path, NULL, &body);
	char others[32];

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "nothing matches");
	units_format_bytes((uint64_t)number_of(json_get(body, "others"), "bytes"), others,
			   sizeof(others));
	if (number_of(json_get(body, "others"), "records"))
		say("all others: %s in %lld records\n", others,
		    (long long)number_of(json_get(body, "others"), "records"));
	search_note_cut(body);
	return CLI_OK;
}

int command_top(const struct args *args)
{
	static const struct column hosts[] = {
		{ "ADDRESS", "ip", COLUMN_TEXT },   { "PACKETS", "packets", COLUMN_COUNT },
		{ "BYTES", "bytes", COLUMN_BYTES }, { "FLOWS", "flows", COLUMN_COUNT },
		{ "PORTS", "ports", COLUMN_COUNT }, { "LAST SEEN", "last_seen", COLUMN_TIME },
	};
	static const struct column protocols[] = {
		{ "PROTOCOL", "proto", COLUMN_TEXT },
		{ "PACKETS", "packets", COLUMN_COUNT },
		{ "BYTES", "bytes", COLUMN_BYTES },
		{ "FLOWS", "flows", COLUMN_COUNT },
	};
	const char *by = args_option(args, "--by");
	const char *limit = args_option(args, "--limit");
	char path[PATH_QUERY_MAX] = "/api/v1/top?";
	bool is_protocols = by && !strcmp(by, "protocols");

	/* words are a search, and a search is of the history */
	if (!by)
		by = args->word_count ? "src" : "hosts";
	if (path_add(path, sizeof(path), "by", by) ||
	    path_add(path, sizeof(path), "limit", limit ? limit : "20") ||
	    path_add(path, sizeof(path), "order", args_option(args, "--order")) ||
	    path_add(path, sizeof(path), "from", args_option(args, "--from")) ||
	    path_add(path, sizeof(path), "to", args_option(args, "--to")) ||
	    path_add_query(path, sizeof(path), args))
		return usage_error("the search is too long");
	if (!is_protocols && strcmp(by, "hosts") != 0)
		return show_groups(args, path, by);
	return show_list(args, path, is_protocols ? protocols : hosts,
			 is_protocols ? LENGTH(protocols) : LENGTH(hosts),
			 "no traffic in the last minute");
}

/* ---- flows --------------------------------------------------------------------------------------
 */

static const struct column flow_columns[] = {
	{ "LAST", "end", COLUMN_TIME },
	{ "PROTO", "proto", COLUMN_TEXT },
	{ "SOURCE", "src_ip", COLUMN_TEXT },
	{ "PORT", "src_port", COLUMN_COUNT },
	{ "DESTINATION", "dst_ip", COLUMN_TEXT },
	{ "PORT", "dst_port", COLUMN_COUNT },
	{ "OUT", "bytes_out", COLUMN_BYTES },
	{ "IN", "bytes_in", COLUMN_BYTES },
	{ "PACKETS OUT", "packets_out", COLUMN_COUNT },
	{ "PACKETS IN", "packets_in", COLUMN_COUNT },
	{ "STATE", "state", COLUMN_TEXT },
	{ "INTERFACE", "iface", COLUMN_TEXT },
};

static int flows_path(const struct args *args, const char *limit, char *path, size_t size)
{
	(void)snprintf(path, size, "/api/v1/flows?");
	return path_add(path, size, "limit", limit) || path_add_query(path, size, args);
}

void search_note_cut(const struct json *body)
{
	bool is_complete = true;

	(void)json_get_bool(body, "complete", &is_complete);
	if (!is_complete)
		fprintf(stderr,
			"sluice: the search was cut at its deadline: all since %.19s was looked "
			"at; "
			"narrow it with since: and until:\n",
			text_of(body, "scanned_to"));
}

/* A search that was cut before it found anything goes on by itself. */
static int list_flows(const struct args *args, const char *path, struct json **body)
{
	char next[PATH_QUERY_MAX];
	bool is_complete = true;
	int status;

	(void)snprintf(next, sizeof(next), "%s", path);
	if (path_add(next, sizeof(next), "after", args_option(args, "--after")))
		return usage_error("--after is too long");
	while (!(status = client_call(args, "GET", next, NULL, body))) {
		if (json_get_bool(*body, "complete", &is_complete) || is_complete ||
		    json_array_len(json_get(*body, "items")))
			break;
		(void)snprintf(next, sizeof(next), "%s", path);
		if (path_add(next, sizeof(next), "after", text_of(*body, "next")))
			return usage_error("the query is too long");
		json_free(*body);
		*body = NULL;
	}
	return status;
}

int command_flows_list(const struct args *args)
{
	const char *limit = args_option(args, "--limit");
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_QUERY_MAX];
	int status;

	/* scripts get everything, people a screen or two */
	if (!limit)
		limit = args->is_json ? "100000" : "100";
	if (flows_path(args, limit, path, sizeof(path)) ||
	    path_add(path, sizeof(path), "from", args_option(args, "--from")) ||
	    path_add(path, sizeof(path), "to", args_option(args, "--to")) ||
	    path_add(path, sizeof(path), "live", args_option(args, "--history") ? "0" : NULL))
		return usage_error("the query is too long");
	status = list_flows(args, path, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, flow_columns, LENGTH(flow_columns), "no flows match");
	search_note_cut(body);
	return CLI_OK;
}

/* Flows whose number is above @last, oldest first; the new last. */
static int64_t print_new(const struct args *args, const struct json *items, int64_t last)
{
	int64_t newest = last;

	for (size_t i = json_array_len(items); i-- > 0;) {
		const struct json *flow = json_array_get(items, i);
		int64_t id = number_of(flow, "id");

		if (id <= last)
			continue;
		if (id > newest)
			newest = id;
		if (args->is_json)
			(void)answer_print(flow);
		else
			say("%.19s %-9s %s:%lld > %s:%lld\n", text_of(flow, "start"),
			    text_of(flow, "proto"), text_of(flow, "src_ip"),
			    (long long)number_of(flow, "src_port"), text_of(flow, "dst_ip"),
			    (long long)number_of(flow, "dst_port"));
	}
	(void)fflush(stdout);
	return newest;
}

int command_flows_follow(const struct args *args)
{
	const struct timespec second = { .tv_sec = 1 };
	char path[PATH_QUERY_MAX];
	int64_t last = 0;

	if (flows_path(args, "10000", path, sizeof(path)))
		return usage_error("the query is too long");
	for (;;) {
		CLEANUP(json_free) struct json *body = NULL;
		int status = client_call(args, "GET", path, NULL, &body);

		if (status)
			return status;
		last = print_new(args, json_get(body, "items"), last);
		if (ferror(stdout))
			return CLI_OK; /* whoever read us has gone */
		(void)nanosleep(&second, NULL);
	}
}

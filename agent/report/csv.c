/*
 * A document as CSV: per section a line with its name, a line of column names, its rows.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/report/internal.h"
#include "agent/util/csv.h"

#define COLUMNS_MAX 20

struct table {
	const char *title;
	const char *parent, *key; /* where its rows are: document.parent.key, parent may be NULL */
	const char *columns[COLUMNS_MAX];
};

static const struct table tables[] = {
	{ "Time series",
	  "series",
	  "items",
	  { "time", "packets_in", "bytes_in", "packets_out", "bytes_out", "dropped_packets",
	    "dropped_bytes", "new_flows" } },
	{ "Sources",
	  "tops",
	  "sources",
	  { "key", "name", "country", "as", "as_owner", "flows", "packets", "bytes", "bytes_out",
	    "bytes_in" } },
	{ "Destinations",
	  "tops",
	  "destinations",
	  { "key", "name", "country", "as", "as_owner", "flows", "packets", "bytes", "bytes_out",
	    "bytes_in" } },
	{ "Ports",
	  "tops",
	  "ports",
	  { "key", "flows", "packets", "bytes", "bytes_out", "bytes_in" } },
	{ "Protocols",
	  "tops",
	  "protocols",
	  { "key", "flows", "packets", "bytes", "bytes_out", "bytes_in" } },
	{ "Domains",
	  "tops",
	  "domains",
	  { "key", "flows", "packets", "bytes", "bytes_out", "bytes_in" } },
	{ "Incidents by detector",
	  "incident_counts",
	  "by_detector",
	  { "detector", "title", "technique", "count" } },
	{ "Incidents over time", "incident_series", "items", { "time", "low", "medium", "high" } },
	{ "Incidents",
	  NULL,
	  "incidents",
	  { "id", "detector", "title", "technique", "severity", "state", "score", "src_ip",
	    "src_name", "src_country", "dst_ip", "dst_name", "dst_country", "dst_port", "proto",
	    "first_seen", "last_seen", "count" } },
	{ "Blocks",
	  NULL,
	  "blocks",
	  { "id", "value", "reason", "author", "created", "expires", "hits", "hit_bytes" } },
};

static void append_value(struct buffer *out, const struct json *value)
{
	const char *text;
	int64_t number;
	double fraction;
	bool flag;

	if (!json_string(value, &text))
		csv_append_text(out, text);
	else if (!json_int(value, &number))
		buffer_append_format(out, "%" PRId64, number);
	else if (!json_double(value, &fraction))
		buffer_append_format(out, "%.6g", fraction);
	else if (!json_bool(value, &flag))
		buffer_append_text(out, flag ? "true" : "false");
}

static void append_table(struct buffer *out, const struct table *table, const struct json *rows)
{
	buffer_append_text(out, "\r\n");
	csv_append_text(out, table->title);
	for (size_t i = 0; i < COLUMNS_MAX && table->columns[i]; i++)
		buffer_append_format(out, "%s%s", i ? "," : "\r\n", table->columns[i]);
	buffer_append_text(out, "\r\n");
	for (size_t row = 0; row < json_array_len(rows); row++) {
		for (size_t i = 0; i < COLUMNS_MAX && table->columns[i]; i++) {
			buffer_append_text(out, i ? "," : "");
			append_value(out, json_get(json_array_get(rows, row), table->columns[i]));
		}
		buffer_append_text(out, "\r\n");
	}
}

static void append_pair(struct buffer *out, const char *name, const struct json *value)
{
	csv_append_text(out, name);
	buffer_append_text(out, ",");
	append_value(out, value);
	buffer_append_text(out, "\r\n");
}

static void append_object(struct buffer *out, const char *title, const struct json *object)
{
	if (!object)
		return;
	buffer_append_format(out, "\r\n%s\r\n", title);
	for (size_t i = 0; json_key(object, i); i++)
		append_pair(out, json_key(object, i), json_get(object, json_key(object, i)));
}

/* Bytes of each protocol per step; its columns are the names that the period had. */
static void append_protocols(struct buffer *out, const struct json *stack)
{
	const struct json *names = json_get(stack, "names"), *items = json_get(stack, "items");

	if (!stack)
		return;
	buffer_append_text(out, "\r\nBytes by protocol over time\r\ntime");
	for (size_t i = 0; i < json_array_len(names); i++) {
		buffer_append_text(out, ",");
		append_value(out, json_array_get(names, i));
	}
	buffer_append_text(out, "\r\n");
	for (size_t row = 0; row < json_array_len(items); row++) {
		const struct json *item = json_array_get(items, row);
		const struct json *bytes = json_get(item, "bytes");

		append_value(out, json_get(item, "time"));
		for (size_t i = 0; i < json_array_len(bytes); i++) {
			buffer_append_text(out, ",");
			append_value(out, json_array_get(bytes, i));
		}
		buffer_append_text(out, "\r\n");
	}
}

void report_csv(const struct json *document, struct buffer *out)
{
	static const char *const head[] = { "kind", "title",   "from", "to",
					    "zone", "product", "host", "demo" };
	const struct json *counts = json_get(document, "incident_counts");

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		append_pair(out, head[i], json_get(document, head[i]));
	append_object(out, "Summary", json_get(document, "summary"));
	append_object(out, "The period before", json_get(document, "previous"));
	append_object(out, "Incidents by severity", json_get(counts, "by_severity"));
	append_object(out, "Incidents by state", json_get(counts, "by_state"));
	append_protocols(out, json_get(document, "protocols"));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct json *at =
			tables[i].parent ? json_get(document, tables[i].parent) : document;
		const struct json *rows = json_get(at, tables[i].key);

		if (rows)
			append_table(out, &tables[i], rows);
	}
}

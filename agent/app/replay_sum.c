/*
 * The summary of a replay as JSON and as a page for people.
 */
#include "agent/app/replay_sum.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/proto.h"

static const char *const reason_names[NOT_FLOW_COUNT] = {
#define NOT_FLOW(id, name, help) name,
#include "include/not_flow.def"
#undef NOT_FLOW
};

static const char *const name_names[NAME_KIND_COUNT] = {
	[NAME_DNS_QUERY] = "dns_query",	      [NAME_DNS_ANSWER] = "dns_answer",
	[NAME_TLS_HELLO] = "tls_hello",	      [NAME_QUIC_HELLO] = "quic_hello",
	[NAME_HTTP_REQUEST] = "http_request", [NAME_HTTP_RESPONSE] = "http_response",
	[NAME_SSH_BANNER] = "ssh_banner",
};

static const struct coverage_direction *seen_of(const struct replay_sum *sum)
{
	return &sum->coverage.ifaces[0].dir[DIRECTION_INGRESS];
}

static double rate_of(const struct replay_sum *sum)
{
	return sum->seconds > 0 ? (double)sum->packets / sum->seconds : 0;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static struct json *encode_reasons(const struct coverage_direction *seen)
{
	struct json *object = json_new_object();

	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		json_set_uint(object, reason_names[i], seen->not_flow[i]);
	return object;
}

static struct json *encode_unused(const struct replay_sum *sum)
{
	struct json *object = json_new_object();

	json_set_uint(object, "too_short", sum->losses.too_short);
	json_set_uint(object, "too_long", sum->losses.too_long);
	json_set_uint(object, "no_ip", sum->losses.no_ip);
	json_set_uint(object, "refused", sum->refused);
	return object;
}

static struct json *encode_names(const struct names_counters *names)
{
	struct json *object = json_new_object();

	for (int i = 0; i < NAME_KIND_COUNT; i++)
		json_set_uint(object, name_names[i], names->events[i]);
	json_set_uint(object, "payloads", names->payloads);
	json_set_uint(object, "malformed", names->malformed);
	json_set_uint(object, "cut", names->cut);
	json_set_uint(object, "full", names->full);
	json_set_uint(object, "undecrypted", names->undecrypted);
	return object;
}

static struct json *encode_talkers(const struct replay_hosts *hosts)
{
	struct json *array = json_new_array();
	struct replay_host top[REPLAY_TALKERS];
	unsigned int count = replay_hosts_top(hosts, top);

	for (unsigned int i = 0; i < count; i++) {
		struct json *item = json_new_object();
		char text[ADDR_TEXT_MAX];

		json_set_string(item, "ip", addr_format(&top[i].addr, text));
		json_set_uint(item, "packets", top[i].packets);
		json_set_uint(item, "bytes", top[i].bytes);
		json_add(array, item);
	}
	return array;
}

static void set_times(struct json *object, const struct replay_sum *sum)
{
	const int64_t ns_per_ms = (int64_t)NS_PER_MS;

	json_set_time(object, "start", sum->first_unix_ns / ns_per_ms);
	json_set_time(object, "end", sum->last_unix_ns / ns_per_ms);
	json_set_uint(object, "bad_times", sum->losses.no_time);
	json_set_double(object, "seconds", sum->seconds);
	json_set_double(object, "packets_per_second", rate_of(sum));
}

int replay_sum_json(const struct replay_sum *sum)
{
	const struct coverage_direction *seen = seen_of(sum);
	CLEANUP(json_free) struct json *object = json_new_object();
	CLEANUP(free) char *text = NULL;

	json_set_string(object, "file", sum->file);
	json_set_string(object, "datapath", sum->datapath);
	json_set_uint(object, "packets", sum->packets);
	json_set_uint(object, "seen", seen->seen);
	json_set_uint(object, "in_flows", sum->flow_packets);
	json_set_uint(object, "bytes", sum->flow_bytes);
	json_set_uint(object, "wire_bytes", seen->wire_bytes);
	json_set_uint(object, "flows", sum->flows);
	json_set_uint(object, "dropped", seen->dropped);
	json_set_uint(object, "unattributed", seen->unattributed);
	json_set_uint(object, "events_lost", sum->coverage.events_lost);
	json_set_uint(object, "cut", sum->cut);
	json_set(object, "not_flow", encode_reasons(seen));
	json_set(object, "unused", encode_unused(sum));
	json_set(object, "names", encode_names(&sum->names));
	json_set(object, "alerts", replay_alerts_encode(&sum->alerts));
	json_set_uint(object, "alerts_more", sum->alerts.more);
	json_set(object, "talkers", encode_talkers(sum->hosts));
	set_times(object, sum);
	json_set_string(object, "note", *sum->losses.note ? sum->losses.note : NULL);
	text = json_print(object, NULL);
	if (!text)
		return -ENOMEM;
	printf("%s\n", text);
	return 0;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_count(const char *what, uint64_t count)
{
	if (count)
		printf("  %-24s %12" PRIu64 "\n", what, count);
}

static void print_protos(const struct replay_sum *sum)
{
	char text[PROTO_TEXT_MAX];

	printf("\nflows by protocol\n");
	for (int i = 0; i < 256; i++)
		print_count(proto_format((uint8_t)i, text), sum->protos[i]);
}

static void print_unused(const struct replay_sum *sum)
{
	const struct coverage_direction *seen = seen_of(sum);
	const struct capture_file_losses *losses = &sum->losses;
	uint64_t all = losses->too_short + losses->too_long + losses->no_ip + sum->refused +
		       seen->unattributed;

	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		all += seen->not_flow[i];
	if (!all)
		return;
	printf("\nnot counted as flows\n");
	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		print_count(reason_names[i], seen->not_flow[i]);
	print_count("unattributed", seen->unattributed);
	print_count("frame too short", losses->too_short);
	print_count("frame too long", losses->too_long);
	print_count("not IP (link type)", losses->no_ip);
	print_count("refused by the kernel", sum->refused);
}

static void print_names(const struct names_counters *names)
{
	uint64_t all = 0;

	for (int i = 0; i < NAME_KIND_COUNT; i++)
		all += names->events[i];
	if (!all)
		return;
	printf("\nnames\n");
	for (int i = 0; i < NAME_KIND_COUNT; i++)
		print_count(name_names[i], names->events[i]);
}

static void print_talkers(const struct replay_hosts *hosts)
{
	struct replay_host top[REPLAY_TALKERS];
	unsigned int count = replay_hosts_top(hosts, top);

	if (count)
		printf("\n%-41s %14s %12s\n", "busiest addresses", "bytes", "packets");
	for (unsigned int i = 0; i < count; i++) {
		char text[ADDR_TEXT_MAX];

		printf("  %-39s %14" PRIu64 " %12" PRIu64 "\n", addr_format(&top[i].addr, text),
		       top[i].bytes, top[i].packets);
	}
}

void replay_sum_print(const struct replay_sum *sum)
{
	const int64_t ns_per_ms = (int64_t)NS_PER_MS;
	char start[CLOCK_TEXT_MAX], end[CLOCK_TEXT_MAX];

	printf("%" PRIu64 " packets, %" PRIu64 " in %" PRIu64 " flows with %" PRIu64
	       " bytes of IP\n",
	       sum->packets, sum->flow_packets, sum->flows, sum->flow_bytes);
	if (sum->packets)
		printf("from %s to %s\n", clock_format(sum->first_unix_ns / ns_per_ms, start),
		       clock_format(sum->last_unix_ns / ns_per_ms, end));
	print_protos(sum);
	print_unused(sum);
	print_names(&sum->names);
	print_talkers(sum->hosts);
	replay_alerts_print(&sum->alerts);
	printf("\n%s datapath, %.2f s, %.0f packets/s\n", sum->datapath, sum->seconds,
	       rate_of(sum));
}

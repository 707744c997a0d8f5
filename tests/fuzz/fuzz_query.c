/*
 * A hostile search or indicator: it is refused with a place in the text, or what it compiles to
 * ends, and its plan leaves out no match.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/query/query.h"
#include "agent/util/addr.h"
#include "include/flow.h"
#include "include/history.h"

#define NOW_MS 1795521600000LL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct flow_texts *texts_of(void *arg, const struct flow_record *record)
{
	static const struct flow_texts texts = { .sni = "www.example.com", .iface = "eth0" };

	(void)arg;
	(void)record;
	return &texts;
}

static void check_match(const struct flow_query *query)
{
	const struct flow_query_plan *plan = flow_query_plan(query);
	struct flow_record record = { .end_unix_ms = NOW_MS - 1000, .bytes_out = 1000 };
	const uint8_t addr[4] = { 192, 0, 2, 1 };
	bool is_planned = !plan->addr_count;

	record.start_unix_ms = record.end_unix_ms;
	record.tuple.src = record.tuple.dst = addr_from_ipv4(addr);
	record.tuple.proto = 6;
	for (size_t i = 0; i < plan->addr_count; i++)
		is_planned |= addr_is_equal(&plan->addrs[i], &record.tuple.src);
	is_planned &=
		record.end_unix_ms >= plan->from_unix_ms && record.end_unix_ms < plan->to_unix_ms;
	if (flow_query_matches(query, &record, texts_of, NULL) && !is_planned)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(flow_query_free) struct flow_query *query = NULL;
	struct flow_query_error error;
	struct indicator indicator;
	char text[FLOW_QUERY_TEXT_MAX + 8];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (flow_query_parse(text, NOW_MS, &query, &error)) {
		if (!error.column || error.column > size + 1 || !strstr(error.text, "(column "))
			abort();
	} else {
		check_match(query);
	}
	if (!indicator_parse(text, &indicator) && !*indicator.text)
		abort();
	return 0;
}

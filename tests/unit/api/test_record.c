/*
 * Records as text: hostile names stay text in JSON (RFC 8259) and CSV (RFC 4180, OWASP "CSV
 * Injection"), and places in the history come back as they were given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"
#include "include/device.h"
#include "include/history.h"

static void cells_are_never_formulas(void **state)
{
	static const struct {
		const char *text, *cell;
	} cases[] = {
		{ "www.example.com", "www.example.com" },
		{ "", "" },
		{ "=1+1", "\"'=1+1\"" },
		{ "+1", "\"'+1\"" },
		{ "-1", "\"'-1\"" },
		{ "@SUM(A1)", "\"'@SUM(A1)\"" },
		{ "\t=1", "\"'\t=1\"" },
		{ "\r=1", "\"'\r=1\"" },
		{ "a,b", "\"a,b\"" },
		{ "a\"b", "\"a\"\"b\"" },
		{ "a\nb", "\"a\nb\"" },
		{ "=\"a\"", "\"'=\"\"a\"\"\"" },
		{ "a=b", "a=b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(buffer_done) struct buffer out;

		buffer_init(&out, 1000);
		buffer_append(&out, "", 0);
		append_csv_text(&out, cases[i].text);
		assert_int_equal(out.len, strlen(cases[i].cell));
		if (out.len)
			assert_memory_equal(out.data, cases[i].cell, out.len);
	}
}

static struct flow_record make_record(void)
{
	struct flow_record record = { .id = 9,
				      .start_unix_ms = 1768471200000LL, /* 2026-01-15T10:00Z */
				      .end_unix_ms = 1768471201500LL,
				      .state = FLOW_CLOSED,
				      .end = FLOW_END_RST,
				      .verdict = FLOW_DROPPED,
				      .rule_id = 77,
				      .vlan = 12,
				      .tcp_flags_out = 0x02,
				      .tcp_flags_in = 0x14,
				      .packets_out = 1,
				      .bytes_out = 60,
				      .packets_in = 2,
				      .bytes_in = UINT64_C(5000000000) };

	assert_int_equal(addr_parse("2001:db8::1", &record.tuple.src), 0);
	assert_int_equal(addr_parse("2001:db8::2", &record.tuple.dst), 0);
	record.tuple.src_port = 40000;
	record.tuple.dst_port = 443;
	record.tuple.proto = 6;
	return record;
}

static const struct flow_texts hostile = { .sni = "a\"b\\c\n\x01<script>\xff",
					   .host = "=cmd",
					   .iface = "eth0" };

static void json_of_a_record_is_json(void **state)
{
	const struct flow_record record = make_record();
	CLEANUP(buffer_done) struct buffer out;
	CLEANUP(json_free) struct json *json = NULL;
	const char *text;
	char error[128];
	int64_t number;

	(void)state;
	buffer_init(&out, 10000);
	record_append_json(&out, &record, &hostile);
	assert_null(memchr(out.data, '\n', out.len)); /* one line */
	assert_int_equal(json_parse((const char *)out.data, out.len, &json, error), 0);
	assert_int_equal(json_get_string(json, "sni", &text), 0);
	assert_string_equal(text, "a\"b\\c\n\x01<script>\xef\xbf\xbd"); /* U+FFFD for 0xff */
	assert_int_equal(json_get_string(json, "src_ip", &text), 0);
	assert_string_equal(text, "2001:db8::1");
	assert_int_equal(json_get_string(json, "end", &text), 0);
	assert_string_equal(text, "2026-01-15T10:00:01.500Z");
	assert_int_equal(json_get_string(json, "tcp_flags_in", &text), 0);
	assert_string_equal(text, "RA");
	assert_int_equal(json_get_string(json, "verdict", &text), 0);
	assert_string_equal(text, "drop");
	assert_int_equal(json_get_string(json, "end_reason", &text), 0);
	assert_string_equal(text, "rst");
	assert_int_equal(json_get_int(json, "bytes_in", &number), 0);
	assert_int_equal(number, 5000000000);
	assert_int_equal(json_get_int(json, "rule_id", &number), 0);
	assert_int_equal(number, 77);
	assert_int_equal(json_get_string(json, "ja4", &text), -2); /* null */
}

static unsigned int count_of(const struct buffer *out, char c)
{
	unsigned int count = 0;

	for (size_t i = 0; i < out->len; i++)
		count += out->data[i] == (uint8_t)c;
	return count;
}

/* As the source is known; a name that a spreadsheet would run. */
static const struct flow_ends *known(void *arg, const struct flow_record *record)
{
	static const struct flow_ends ends = { .src = { .place = { .country = "DE", .asn = 64500 },
							.name = "=nas" } };

	(void)arg;
	(void)record;
	return &ends;
}

/* Head and row have the same cells; members of the JSON are the columns. */
static void csv_has_a_cell_for_every_name_of_its_head(void **state)
{
	const struct flow_record record = make_record();
	const struct flow_texts plain = { .sni = "www.example.com", .ends = known };
	CLEANUP(buffer_done) struct buffer head;
	CLEANUP(buffer_done) struct buffer row;
	CLEANUP(buffer_done) struct buffer object;
	CLEANUP(json_free) struct json *json = NULL;
	char error[128];
	const char *at;

	(void)state;
	buffer_init(&head, 10000);
	buffer_init(&row, 10000);
	buffer_init(&object, 10000);
	record_append_csv_head(&head);
	record_append_csv(&row, &record, &plain);
	assert_int_equal(count_of(&head, ','), count_of(&row, ','));
	assert_memory_equal(row.data,
			    "9,2026-01-15T10:00:00.000Z,2026-01-15T10:00:01.500Z,,12,6,TCP,"
			    "2001:db8::1,40000,2001:db8::2,443,1,60,2,5000000000,S,RA,closed,rst,"
			    "www.example.com,,,drop,77,,,,,,\"'=nas\",,DE,,64500,\r\n",
			    row.len);
	record_append_json(&object, &record, &plain);
	assert_int_equal(json_parse((const char *)object.data, object.len, &json, error), 0);
	at = (const char *)head.data;
	for (size_t i = 0; json_key(json, i); i++) {
		size_t len = strcspn(at, ",\r");

		assert_int_equal(strlen(json_key(json, i)), len);
		assert_memory_equal(json_key(json, i), at, len);
		at += len + 1;
	}
	assert_string_equal(at, "\n");
}

static void cursors_come_back_and_others_are_refused(void **state)
{
	static const char *const refused[] = { "",
					       "h",
					       "h1",
					       "h1-",
					       "h-1",
					       "h1-2x",
					       "x1-2",
					       "h+1-2",
					       "h1- 2",
					       "1-2",
					       "h99999999999999999999-1" };
	char text[CURSOR_TEXT_MAX];
	int64_t hour, row;

	(void)state;
	cursor_format(491241, 123456789, text);
	assert_int_equal(cursor_parse(text, &hour, &row), 0);
	assert_int_equal(hour, 491241);
	assert_int_equal(row, 123456789);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!cursor_parse(refused[i], &hour, &row))
			fail_msg("\"%s\" was accepted", refused[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_never_formulas),
		cmocka_unit_test(json_of_a_record_is_json),
		cmocka_unit_test(csv_has_a_cell_for_every_name_of_its_head),
		cmocka_unit_test(cursors_come_back_and_others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

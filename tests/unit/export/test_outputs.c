/*
 * Syslog messages by RFC 5424 and CEF's rules of escaping; settings; a core that nobody reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/addr.h"

static struct output_settings settings(void)
{
	return (struct output_settings){ .eve_file = "",
					 .eve_socket = "",
					 .evebox = "",
					 .ca = "",
					 .syslog = "",
					 .ipfix = "",
					 .webhook = "",
					 .webhook_format = "json",
					 .webhook_secret = "",
					 .host = "web 1",
					 .version = "1.2|3" };
}

static struct output_incident incident(const char *reason)
{
	struct output_incident out = { .id = 7,
				       .finding = { .detector = DETECTOR_PORT_SCAN,
						    .severity = SEVERITY_HIGH,
						    .dst_port = 22,
						    .proto = 6,
						    .count = 5,
						    .last_unix_ms = 1796022000123 } };

	assert_int_equal(addr_parse("192.0.2.1", &out.finding.src), 0);
	assert_int_equal(addr_parse("2001:db8::1", &out.finding.dst), 0);
	(void)snprintf(out.finding.reason, sizeof(out.finding.reason), "%s", reason);
	return out;
}

static void a_sentence_by_rfc_5424(void **state)
{
	const struct output_settings plain = settings();
	const struct output_incident one = incident("Tried 5 ports.\nAnd more.\x1b");
	char text[2048];

	(void)state;
	assert_true(syslog_format(&plain, &one, text, sizeof(text)) > 0);
	assert_string_equal(text, "<170>1 2026-11-30T07:00:00.123Z web?1 sluice - port_scan - "
				  "\xef\xbb\xbfVertical port scan from 192.0.2.1 to 2001:db8::1, "
				  "incident 7: Tried 5 ports.\\nAnd more.?");
}

static void cef_escapes_what_steers_it(void **state)
{
	struct output_settings cef = settings();
	const struct output_incident one = incident("a=b|c\\d\xff");
	char text[2048];

	(void)state;
	cef.is_cef = true;
	assert_true(syslog_format(&cef, &one, text, sizeof(text)) > 0);
	assert_string_equal(
		text, "<170>1 2026-11-30T07:00:00.123Z web?1 sluice - port_scan - "
		      "CEF:0|sluice|sluice|1.2\\|3|port_scan|Vertical port scan|8|rt=1796022000123 "
		      "src=192.0.2.1 dst=2001:db8::1 c6a3=2001:db8::1 "
		      "c6a3Label=Destination IPv6 Address dpt=22 proto=TCP cnt=5 externalId=7 "
		      "dvchost=web 1 cs1Label=detector cs1=port_scan cs2Label=technique cs2=T1046 "
		      "msg=a\\=b|c\\\\d\xef\xbf\xbd");
}

static void a_long_reason_is_cut_between_characters(void **state)
{
	const struct output_settings plain = settings();
	char reason[FINDING_REASON_MAX], text[2048];

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(reason); i += 3)
		memcpy(reason + i, "\xe2\x82\xac", 4);
	const struct output_incident one = incident(reason);
	assert_true(syslog_format(&plain, &one, text, sizeof(text)) <= 2000);
	assert_int_equal(syslog_format(&plain, &one, text, 100), 0); /* no room, nothing half */
}

static void wrong_settings_are_named(void **state)
{
	struct output_settings wrong = settings();
	char reason[256];

	(void)state;
	assert_true(output_settings_are_empty(&wrong));
	assert_int_equal(output_settings_check(&wrong, reason), 0);
	wrong.syslog = "http://example.com:514";
	assert_int_equal(output_settings_check(&wrong, reason), -EINVAL);
	wrong.syslog = "udp://[::1]:514";
	assert_int_equal(output_settings_check(&wrong, reason), 0);
	wrong.evebox = "https://me:secret@evebox.example";
	assert_int_equal(output_settings_check(&wrong, reason), -EINVAL);
	wrong.evebox = "https://evebox.example:5636";
	assert_int_equal(output_settings_check(&wrong, reason), 0);
	wrong.syslog = "tls://logs.example";
	assert_int_equal(output_settings_check(&wrong, reason), -EINVAL);
	wrong.syslog = "tls://logs.example:6514";
	assert_int_equal(output_settings_check(&wrong, reason), 0);
	wrong.ipfix = "collector";
	assert_int_equal(output_settings_check(&wrong, reason), -EINVAL);
	assert_string_equal(reason, "ipfix is HOST:PORT");
	wrong.ipfix = "";
	wrong.eve_file = "eve.json";
	assert_int_equal(output_settings_check(&wrong, reason), -EINVAL);
}

/* Core must not wait for the export role, whatever it does. */
static void who_is_not_read_drops_and_counts(void **state)
{
	struct output_settings eve = settings();
	struct outputs *outputs;
	char line[4096];
	int pair[2];

	(void)state;
	eve.eve_file = "/x";
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(outputs_new(&eve, &outputs), 0);
	assert_true(outputs_is_beginning(outputs));
	assert_false(outputs_tick(outputs));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	outputs_link(outputs, pair[0]);
	for (int i = 0; i < 20000; i++) /* 80 MB */
		outputs_text(outputs, line, sizeof(line));
	assert_true(outputs_dropped(outputs) > 10000);
	assert_true(outputs_tick(outputs));
	close(pair[1]);
	assert_false(outputs_tick(outputs));
	assert_false(outputs_is_beginning(outputs));
	outputs_free(outputs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence_by_rfc_5424),
		cmocka_unit_test(cef_escapes_what_steers_it),
		cmocka_unit_test(a_long_reason_is_cut_between_characters),
		cmocka_unit_test(wrong_settings_are_named),
		cmocka_unit_test(who_is_not_read_drops_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

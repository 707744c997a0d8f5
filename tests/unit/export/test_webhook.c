/*
 * What chats are told, by their own documents: api.slack.com, discord.com/developers/docs,
 * adaptivecards.io. Names in it are an attacker's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"

#define SAID "Vertical port scan from 192.0.2.1, incident 7: "

static char *body_of(const char *format, const char *reason)
{
	const struct output_settings settings = { .webhook_format = format, .host = "web1" };
	struct output_incident one = { .id = 7,
				       .finding = { .detector = DETECTOR_PORT_SCAN,
						    .severity = SEVERITY_HIGH,
						    .last_unix_ms = 1796022000123 } };
	size_t len = 0;
	char *body;

	assert_int_equal(addr_parse("192.0.2.1", &one.finding.src), 0);
	(void)snprintf(one.finding.reason, sizeof(one.finding.reason), "%s", reason);
	body = webhook_body(&settings, &one, &len);
	assert_non_null(body);
	assert_int_equal(strlen(body), len);
	return body;
}

static void check(const char *format, const char *reason, const char *expected)
{
	char *body = body_of(format, reason);

	assert_string_equal(body, expected);
	free(body);
}

static void each_chat_gets_its_own_field(void **state)
{
	(void)state;
	check("slack", "Five ports.", "{\"text\":\"" SAID "Five ports.\"}");
	check("mattermost", "Five ports.", "{\"text\":\"" SAID "Five ports.\"}");
	check("discord", "Five ports.",
	      "{\"content\":\"" SAID "Five ports.\",\"allowed_mentions\":{\"parse\":[]},"
	      "\"flags\":4}");
	check("ntfy", "Five ports.", SAID "Five ports.");
	check("teams", "Five ports.",
	      "{\"type\":\"message\",\"attachments\":[{\"contentType\":"
	      "\"application/vnd.microsoft.card.adaptive\",\"content\":{\"$schema\":"
	      "\"http://adaptivecards.io/schemas/adaptive-card.json\",\"type\":\"AdaptiveCard\","
	      "\"version\":\"1.4\",\"body\":[{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":"
	      "\"TextRun\",\"text\":\"" SAID "Five ports.\"}]}]}}]}");
}

static void names_call_nobody_and_link_nowhere(void **state)
{
	const char *hostile = "<!channel> @all [x](http://e.example) \xe2\x80\xae";

	(void)state;
	check("slack", hostile,
	      "{\"text\":\"" SAID "&lt;!channel&gt; @all [x](http://e.example) (U+202E)\"}");
	check("mattermost", hostile,
	      "{\"text\":\"" SAID "\\\\<\\\\!channel\\\\> @\xe2\x80\x8b"
	      "all \\\\[x\\\\](http://e.example) (U+202E)\"}");
	check("discord", hostile,
	      "{\"content\":\"" SAID "\\\\<\\\\!channel\\\\> @all \\\\[x\\\\](http://e.example) "
	      "(U+202E)\",\"allowed_mentions\":{\"parse\":[]},\"flags\":4}");
	check("ntfy", "a\r\nPriority: max\x07", SAID "a\\n\\nPriority: max?");
}

static void check_fits(const char *character)
{
	size_t len = strlen(character);
	char reason[FINDING_REASON_MAX];
	struct json *body;
	const char *text;
	char wrong[128];
	char *made;

	memset(reason, 0, sizeof(reason));
	for (size_t i = 0; i + len + 1 < sizeof(reason); i += len)
		memcpy(reason + i, character, len);
	made = body_of("discord", reason);
	assert_int_equal(json_parse(made, strlen(made), &body, wrong), 0);
	assert_int_equal(json_get_string(body, "content", &text), 0);
	assert_true(strlen(text) <= 2000);
	json_free(body);
	free(made);
}

static void a_long_sentence_fits_discord(void **state)
{
	(void)state;
	check_fits("\xe2\x82\xac");
	check_fits("["); /* twice as long with what is put before it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_chat_gets_its_own_field),
		cmocka_unit_test(names_call_nobody_and_link_nowhere),
		cmocka_unit_test(a_long_sentence_fits_discord),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

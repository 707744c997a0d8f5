/*
 * What people do with incidents: who was faster, the history of each, what is advised.
 */
#include "tests/unit/incident/fixture.h"

static char *history_of(struct fixture *f, int64_t id)
{
	struct incident incident;
	struct json *history;
	char *text;

	assert_int_equal(store_incident_get(f->store, id, &incident, NULL), 0);
	history = incident_history_json(f->service, &incident);
	text = json_print(history, NULL);
	json_free(history);
	assert_non_null(text);
	return text;
}

static void second_of_two_is_refused_and_told_of_the_first(void **state)
{
	struct fixture *f = *state;
	struct incident_event last;
	struct incident_target seen;

	report(f, scan("198.18.0.2", 40, T0));
	seen = (struct incident_target){ f->last.id, f->last.version };
	assert_int_equal(incident_set_state(f->service, &admin, &seen, INCIDENT_ACKNOWLEDGED), 0);
	assert_int_equal(f->last.version, 1);
	assert_int_equal(incident_set_state(f->service, &analyst, &seen, INCIDENT_RESOLVED),
			 -ESTALE);
	assert_int_equal(incident_add_note(f->service, &analyst, &seen, "mine"), -ESTALE);
	assert_int_equal(incident_last_change(f->service, seen.id, &last), 0);
	assert_string_equal(last.who, "root");
	assert_string_equal(last.after, "acknowledged");
	seen.version = f->last.version;
	assert_int_equal(incident_set_state(f->service, &analyst, &seen, INCIDENT_RESOLVED), 0);
}

static void traffic_is_no_change_of_a_person(void **state)
{
	struct fixture *f = *state;
	struct incident_target seen;

	report(f, scan("198.18.0.2", 40, T0));
	seen = (struct incident_target){ f->last.id, f->last.version };
	report(f, scan("198.18.0.2", 90, T0 + MIN));
	assert_int_equal(incident_set_state(f->service, &analyst, &seen, INCIDENT_RESOLVED), 0);
}

static void history_says_who_did_what_and_when(void **state)
{
	struct fixture *f = *state;
	char *text;
	int64_t id;

	report(f, scan("198.18.0.2", 40, T0));
	id = f->last.id;
	fixture_now = T0 + MIN;
	assert_int_equal(set_state(f, &analyst, id, INCIDENT_ACKNOWLEDGED), 0);
	fixture_now = T0 + 2 * MIN;
	assert_int_equal(add_note(f, &admin, id, "kumquat"), 0);
	text = history_of(f, id);
	assert_string_equal(
		text, "[{\"time\":\"2023-11-14T22:13:18.000Z\",\"who\":\"sluice\","
		      "\"action\":\"opened\",\"from\":null,\"to\":null,\"text\":null},"
		      "{\"time\":\"2023-11-14T22:14:20.000Z\",\"who\":\"kim\",\"action\":\"state\","
		      "\"from\":\"open\",\"to\":\"acknowledged\",\"text\":null},"
		      "{\"time\":\"2023-11-14T22:15:20.000Z\",\"who\":\"root\",\"action\":\"note\","
		      "\"from\":null,\"to\":null,\"text\":null}]");
	free(text);
}

static void history_of_one_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct incident_event event = { .who = "kim", .action = "note" }, *events;

	report(f, scan("198.18.0.2", 40, T0));
	event.incident_id = f->last.id;
	for (int i = 0; i < STORE_INCIDENT_HISTORY_MAX + 3; i++) {
		event.time_unix_ms = T0 + i;
		assert_int_equal(store_incident_event_add(f->store, &event), 0);
	}
	events = calloc(STORE_INCIDENT_HISTORY_MAX + 8, sizeof(*events));
	assert_non_null(events);
	assert_int_equal(store_incident_event_list(f->store, event.incident_id, events,
						   STORE_INCIDENT_HISTORY_MAX + 8),
			 STORE_INCIDENT_HISTORY_MAX);
	assert_int_equal(events[0].time_unix_ms, T0 + 3);
	free(events);
}

/* ---- advice ------------------------------------------------------------------------------------
 */

static char *advice_of(struct fixture *f, const char *src, uint8_t detector, const char *numbers,
		       bool is_blocked)
{
	struct incident incident = { .detector = detector, .severity = SEVERITY_HIGH };
	struct json *list;
	char *text;

	assert_int_equal(addr_parse(src, &incident.src), 0);
	assert_int_equal(addr_parse("203.0.113.9", &incident.dst), 0);
	list = incident_advice(f->service, &incident, numbers, is_blocked);
	text = json_print(list, NULL);
	json_free(list);
	assert_non_null(text);
	return text;
}

static char *advice(struct fixture *f, const char *src, uint8_t detector, bool is_blocked)
{
	return advice_of(f, src, detector, NULL, is_blocked);
}

static void advice_on_an_anomaly_follows_what_was_unusual(void **state)
{
	static const char *const names[] = {
#define FEATURE(id, name, unit, formula, source) name,
#include "include/features.def"
#undef FEATURE
	};
	struct fixture *f = *state;
	char *plain = advice(f, "192.168.3.4", DETECTOR_ANOMALY, false);

	assert_non_null(strstr(plain, "beside those of another day"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char numbers[128], *text;

		(void)snprintf(numbers, sizeof(numbers), "[{\"name\":\"%s\",\"value\":1}]",
			       names[i]);
		text = advice_of(f, "192.168.3.4", DETECTOR_ANOMALY, numbers, false);
		assert_null(strstr(text, "beside those of another day"));
		free(text);
	}
	free(plain);
	plain = advice_of(
		f, "192.168.3.4", DETECTOR_ANOMALY,
		"[{\"name\":\"bytes sent\"},{\"name\":\"asymmetry\"},{\"name\":\"ports\"}]", false);
	assert_non_null(strstr(plain, "where the bytes went"));
	assert_non_null(strstr(plain, "which services it tried"));
	assert_ptr_equal(strstr(strstr(plain, "bytes went") + 1, "bytes went"), NULL);
	free(plain);
}

static void advice_depends_on_who_did_it(void **state)
{
	struct fixture *f = *state;
	char *remote = advice(f, "198.18.0.2", DETECTOR_BRUTE_FORCE, false);
	char *blocked = advice(f, "198.18.0.2", DETECTOR_BRUTE_FORCE, true);
	char *local = advice(f, "192.168.3.4", DETECTOR_BRUTE_FORCE, false);
	char *own = advice(f, "198.18.0.1", DETECTOR_BEACON, false);

	assert_non_null(strstr(remote, "Block 198.18.0.2 now"));
	assert_non_null(strstr(remote, "whether a login succeeded"));
	assert_null(strstr(blocked, "Block 198.18.0.2"));
	assert_non_null(strstr(blocked, "The source is blocked"));
	assert_non_null(strstr(local, "192.168.3.4 is in your own network"));
	assert_non_null(strstr(own, "This host did it"));
	assert_non_null(strstr(own, "Block 203.0.113.9 now")); /* the other end, never this one */
	assert_null(strstr(own, "Block 198.18.0.1"));
	free(remote);
	free(blocked);
	free(local);
	free(own);
}

static void every_detector_has_advice(void **state)
{
	struct fixture *f = *state;

	for (uint8_t i = 0; i < DETECTOR_COUNT; i++) {
		char *outside = advice(f, "198.18.0.2", i, false);
		char *inside = advice(f, "192.168.3.4", i, false);

		assert_string_not_equal(outside, "[]");
		assert_string_not_equal(inside, outside);
		free(outside);
		free(inside);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(second_of_two_is_refused_and_told_of_the_first),
		WITH_STORE(traffic_is_no_change_of_a_person),
		WITH_STORE(history_says_who_did_what_and_when),
		WITH_STORE(history_of_one_is_bounded),
		WITH_STORE(advice_on_an_anomaly_follows_what_was_unusual),
		WITH_STORE(advice_depends_on_who_did_it),
		WITH_STORE(every_detector_has_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Findings into incidents on a real store in a temporary folder: grouping by source, cause and
 * hour, states, notes, and the JSON shapes of docs/api.md.
 */
#include "tests/unit/incident/fixture.h"

/* ---- grouping ---------------------------------------------------------------------------------
 */

static void first_finding_opens_an_incident(void **state)
{
	struct fixture *f = *state;
	struct incident_details details;
	struct incident incident;

	report(f, scan("198.18.0.2", 40, T0));
	assert_true(f->is_new);
	assert_string_equal(f->reason, "198.18.0.2 tried 40 ports");
	incident = stored(f, f->last.id, &details);
	assert_int_equal(incident.count, 40);
	assert_int_equal(incident.state, INCIDENT_OPEN);
	assert_int_equal(incident.severity, SEVERITY_MEDIUM);
	assert_int_equal(incident.first_unix_ms, T0 - 2000);
	assert_int_equal(incident.last_unix_ms, T0);
	assert_string_equal(details.reason, "198.18.0.2 tried 40 ports");
	assert_null(details.notes);
	store_incident_details_done(&details);
}

static void same_source_and_cause_within_the_hour_is_one_incident(void **state)
{
	struct fixture *f = *state;
	struct finding weaker = scan("198.18.0.2", 30, T0 + 50 * MIN);
	struct incident_details details;
	struct incident incident;

	report(f, scan("198.18.0.2", 40, T0));
	report(f, scan("198.18.0.2", 900, T0 + MIN));
	assert_false(f->is_new);
	weaker.severity = SEVERITY_HIGH;
	report(f, weaker);
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->changes, 3);
	incident = stored(f, f->last.id, &details);
	assert_int_equal(incident.count, 900); /* distinct ports: the most, not the sum */
	assert_int_equal(incident.last_unix_ms, T0 + 50 * MIN);
	assert_int_equal(incident.first_unix_ms, T0 - 2000);
	assert_int_equal(incident.severity, SEVERITY_HIGH);
	assert_string_equal(details.reason, "198.18.0.2 tried 900 ports");
	store_incident_details_done(&details);
}

static void another_source_or_the_next_hour_is_another_incident(void **state)
{
	struct fixture *f = *state;

	report(f, scan("198.18.0.2", 40, T0));
	report(f, scan("198.18.0.3", 40, T0));
	assert_int_equal(f->opened, 2);
	report(f, scan("198.18.0.2", 40, T0 - 2000 + HOUR - 1));
	assert_int_equal(f->opened, 2);
	report(f, scan("198.18.0.2", 40, T0 - 2000 + HOUR));
	assert_int_equal(f->opened, 3);
}

static void resolved_one_takes_the_rest_of_its_hour(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	report(f, scan("198.18.0.2", 40, T0));
	id = f->last.id;
	assert_int_equal(set_state(f, &analyst, id, INCIDENT_RESOLVED), 0);
	report(f, scan("198.18.0.2", 50, T0 + 10 * MIN));
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->last.state, INCIDENT_RESOLVED);
	assert_int_equal(f->last.count, 50);
	report(f, scan("198.18.0.2", 50, T0 + 61 * MIN));
	assert_int_equal(f->opened, 2);
	assert_true(f->last.id > id);
	assert_int_equal(f->last.state, INCIDENT_OPEN);
}

static void impossible_findings_are_refused(void **state)
{
	struct fixture *f = *state;
	struct finding finding = scan("198.18.0.2", 40, T0);

	finding.score = NAN;
	assert_int_equal(incident_report(f->service, &finding), -EINVAL);
	finding = scan("198.18.0.2", 40, T0);
	finding.detector = DETECTOR_COUNT;
	assert_int_equal(incident_report(f->service, &finding), -EINVAL);
	finding = scan("198.18.0.2", 40, T0);
	memset(finding.reason, 'x', sizeof(finding.reason));
	assert_int_equal(incident_report(f->service, &finding), -EINVAL);
	assert_int_equal(f->changes, 0);
}

/* ---- people -----------------------------------------------------------------------------------
 */

static void state_changes_are_told_and_need_an_analyst(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	report(f, scan("198.18.0.2", 40, T0));
	id = f->last.id;
	assert_int_equal(set_state(f, &viewer, id, INCIDENT_RESOLVED), -EACCES);
	assert_int_equal(set_state(f, &analyst, id + 1, INCIDENT_RESOLVED), -ENOENT);
	assert_int_equal(set_state(f, &analyst, id, (enum incident_state)9), -EINVAL);
	assert_int_equal(f->changes, 1);
	assert_int_equal(set_state(f, &analyst, id, INCIDENT_ACKNOWLEDGED), 0);
	assert_int_equal(f->changes, 2);
	assert_false(f->is_new);
	assert_int_equal(f->last.state, INCIDENT_ACKNOWLEDGED);
	assert_string_equal(f->reason, "198.18.0.2 tried 40 ports");
	assert_int_equal(set_state(f, &analyst, id, INCIDENT_ACKNOWLEDGED), 0);
	assert_int_equal(f->changes, 2); /* nothing changed */
}

static void notes_are_appended_and_survive_findings(void **state)
{
	struct fixture *f = *state;
	struct incident_details details;
	struct json *notes = NULL;
	const char *text = NULL;
	char error[128];

	report(f, scan("198.18.0.2", 40, T0));
	assert_int_equal(add_note(f, &analyst, f->last.id, "first \"note\""), 0);
	report(f, scan("198.18.0.2", 90, T0 + MIN));
	assert_int_equal(add_note(f, &analyst, f->last.id, "second"), 0);
	assert_int_equal(set_state(f, &analyst, f->last.id, INCIDENT_RESOLVED), 0);
	(void)stored(f, f->last.id, &details);
	assert_string_equal(details.reason, "198.18.0.2 tried 90 ports");
	assert_int_equal(json_parse(details.notes, strlen(details.notes), &notes, error), 0);
	assert_int_equal(json_array_len(notes), 2);
	assert_int_equal(json_get_string(json_array_get(notes, 0), "text", &text), 0);
	assert_string_equal(text, "first \"note\"");
	assert_int_equal(json_get_string(json_array_get(notes, 1), "author", &text), 0);
	assert_string_equal(text, "kim");
	assert_int_equal(json_get_string(json_array_get(notes, 1), "time", &text), 0);
	assert_int_equal(strlen(text), 24);
	json_free(notes);
	store_incident_details_done(&details);
}

static void notes_are_bounded(void **state)
{
	struct fixture *f = *state;
	char note[4098];
	int error = 0, count = 0;

	report(f, scan("198.18.0.2", 40, T0));
	memset(note, 'x', sizeof(note));
	note[4097] = '\0';
	assert_int_equal(add_note(f, &analyst, f->last.id, note), -EINVAL);
	assert_int_equal(add_note(f, &analyst, f->last.id, " \n\t"), -EINVAL);
	assert_int_equal(add_note(f, &viewer, f->last.id, "x"), -EACCES);
	assert_int_equal(add_note(f, &analyst, 99, "x"), -ENOENT);
	note[4096] = '\0';
	while (!error && count < 1000) {
		error = add_note(f, &analyst, f->last.id, note);
		count += !error;
	}
	assert_int_equal(error, -ENOSPC);
	assert_in_range(count, 100, 128); /* 512 KiB of 4 KiB notes */
}

/* ---- shapes -----------------------------------------------------------------------------------
 */

static void check_text(struct json *object, const char *expected)
{
	char *text = json_print(object, NULL);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	json_free(object);
}

static void json_has_the_contracts_fields(void **state)
{
	struct incident incident = { .id = 7,
				     .detector = DETECTOR_PORT_SCAN,
				     .severity = SEVERITY_HIGH,
				     .state = INCIDENT_FALSE_POSITIVE,
				     .proto = IPPROTO_TCP,
				     .score = 0.5,
				     .first_unix_ms = T0,
				     .last_unix_ms = T0 + 1,
				     .count = 12 };

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &incident.src), 0);
	check_text(incident_to_json(&incident, NULL),
		   "{\"id\":7,\"detector\":\"port_scan\",\"title\":\"Vertical port scan\","
		   "\"severity\":\"high\",\"state\":\"false_positive\",\"score\":0.5,"
		   "\"src_ip\":\"2001:db8::1\",\"dst_ip\":null,\"dst_port\":0,\"proto\":\"TCP\","
		   "\"first_seen\":\"2023-11-14T22:13:20.000Z\","
		   "\"last_seen\":\"2023-11-14T22:13:20.001Z\",\"count\":12,\"reason\":null,"
		   "\"technique\":\"T1046\",\"version\":0}");
	check_text(incident_to_legacy_json(&incident, "why"),
		   "{\"id\":7,\"timestamp\":\"2023-11-14T22:13:20.000Z\","
		   "\"src_ip\":\"2001:db8::1\",\"dst_ip\":null,\"protocol\":\"TCP\","
		   "\"details\":\"why\",\"severity\":\"high\",\"resolved\":true}");
}

static void evidence_is_an_array_of_contract_flows(void **state)
{
	struct fixture *f = *state;
	struct incident_details details;

	report(f, scan("198.18.0.2", 40, T0));
	(void)stored(f, f->last.id, &details);
	assert_string_equal(
		details.evidence_json,
		"[{\"id\":77,\"start\":\"2023-11-14T22:13:18.000Z\","
		"\"end\":\"2023-11-14T22:13:20.000Z\",\"iface\":\"eth0\",\"vlan\":null,\"ip_v\":4,"
		"\"proto\":\"TCP\",\"src_ip\":\"198.18.0.2\",\"src_port\":45000,"
		"\"dst_ip\":\"198.18.0.1\",\"dst_port\":23,\"packets_out\":1,\"bytes_out\":44,"
		"\"packets_in\":1,\"bytes_in\":40,\"tcp_flags_out\":\"S\",\"tcp_flags_in\":\"RA\","
		"\"state\":\"closed\",\"verdict\":\"pass\",\"rule_id\":null,\"sni\":null,"
		"\"host\":null,\"ja4\":null,\"process\":null,\"pid\":null,\"uid\":null,"
		"\"unit\":null,\"incident_id\":null}]");
	store_incident_details_done(&details);
}

static void numbers_come_with_their_normal_range(void **state)
{
	struct fixture *f = *state;
	struct incident_details details;
	struct finding finding = scan("198.18.0.2", 40, T0);

	finding.features[0] = (struct finding_feature){
		.name = "hosts", .unit = "per s", .value = 41.5, .normal_low = 0, .normal_high = 12
	};
	finding.feature_count = 1;
	report(f, finding);
	(void)stored(f, f->last.id, &details);
	assert_string_equal(details.features_json,
			    "[{\"name\":\"hosts\",\"unit\":\"per s\",\"value\":41.5,"
			    "\"normal_low\":0,\"normal_high\":12}]");
	store_incident_details_done(&details);
	/* a note leaves them as they are */
	assert_int_equal(add_note(f, &analyst, f->last.id, "seen"), 0);
	(void)stored(f, f->last.id, &details);
	assert_non_null(strstr(details.features_json, "41.5"));
	store_incident_details_done(&details);
	finding.feature_count = FINDING_FEATURES_MAX + 1;
	assert_int_equal(incident_report(f->service, &finding), -EINVAL);
}

static void names_go_both_ways(void **state)
{
	uint8_t value = 99;

	(void)state;
	assert_string_equal(incident_detector_name(DETECTOR_PORT_SCAN), "port_scan");
	assert_string_equal(incident_detector_technique(DETECTOR_PORT_SCAN), "T1046");
	assert_string_equal(incident_detector_title(200), "");
	assert_string_equal(incident_severity_name(3), "");
	assert_int_equal(incident_severity_parse("high", &value), 0);
	assert_int_equal(value, SEVERITY_HIGH);
	assert_int_equal(incident_severity_parse("High", &value), -EINVAL);
	assert_int_equal(incident_state_parse("false_positive", &value), 0);
	assert_int_equal(value, INCIDENT_FALSE_POSITIVE);
	assert_int_equal(incident_state_parse("", &value), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(first_finding_opens_an_incident),
		WITH_STORE(same_source_and_cause_within_the_hour_is_one_incident),
		WITH_STORE(another_source_or_the_next_hour_is_another_incident),
		WITH_STORE(resolved_one_takes_the_rest_of_its_hour),
		WITH_STORE(impossible_findings_are_refused),
		WITH_STORE(state_changes_are_told_and_need_an_analyst),
		WITH_STORE(notes_are_appended_and_survive_findings),
		WITH_STORE(notes_are_bounded),
		cmocka_unit_test(json_has_the_contracts_fields),
		WITH_STORE(evidence_is_an_array_of_contract_flows),
		WITH_STORE(numbers_come_with_their_normal_range),
		cmocka_unit_test(names_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

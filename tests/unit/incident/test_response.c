/*
 * What is done by itself: nothing by default, nothing but words in the dry run, one address wide,
 * once until it ends, and never against this host.
 */
#include "tests/unit/incident/fixture.h"

static void let(struct fixture *f, uint8_t detector, enum response_kind kind)
{
	const struct response_policy policy = { .kind = (uint8_t)kind, .ttl_s = 600 };

	assert_int_equal(incident_response_set(f->service, &admin, detector, &policy), 0);
}

/* The newest line of its history. */
static struct incident_event newest(struct fixture *f, int64_t id)
{
	struct incident_event events[8];
	int count = store_incident_event_list(f->store, id, events, 8);

	assert_true(count > 0);
	return events[count - 1];
}

static void nothing_is_done_by_default(void **state)
{
	struct fixture *f = *state;

	assert_true(incident_response_is_dry(f->service));
	report(f, scan("198.18.0.2", 40, T0));
	assert_int_equal(f->orders, 0);
	assert_int_equal(incident_response_policy(f->service, DETECTOR_PORT_SCAN).kind,
			 RESPONSE_NONE);
}

static void dry_run_only_says_what_it_would_do(void **state)
{
	struct fixture *f = *state;
	struct incident_event line;

	let(f, DETECTOR_PORT_SCAN, RESPONSE_BLOCK);
	report(f, scan("198.18.0.2", 40, T0));
	assert_int_equal(f->orders, 1);
	assert_true(f->order.is_dry);
	line = newest(f, f->last.id);
	assert_string_equal(line.who, "sluice");
	assert_string_equal(line.action, "response");
	assert_string_equal(line.after, "dry_run");
	assert_string_equal(line.text, "would have blocked 198.18.0.2 for 10 min");
}

static void live_it_blocks_one_address_for_the_incident(void **state)
{
	struct fixture *f = *state;

	let(f, DETECTOR_PORT_SCAN, RESPONSE_BLOCK);
	assert_int_equal(incident_response_set_dry(f->service, &admin, false), 0);
	report(f, scan("198.18.0.2", 40, T0));
	assert_false(f->order.is_dry);
	assert_int_equal(f->order.target.len, 32);
	assert_int_equal(f->order.ttl_s, 600);
	assert_int_equal(f->order.incident_id, f->last.id);
	assert_string_equal(newest(f, f->last.id).after, "blocked");
	report(f, scan("2001:db8:5:6:7::8", 40, T0));
	assert_int_equal(f->order.target.len, 64);
	assert_int_equal(f->order.target.addr.bytes[7], 6);
	assert_int_equal(f->order.target.addr.bytes[15], 0);
	assert_int_equal(f->order.about.bytes[15], 8);
}

static void it_acts_once_until_the_block_ends(void **state)
{
	struct fixture *f = *state;

	let(f, DETECTOR_PORT_SCAN, RESPONSE_BLOCK);
	report(f, scan("198.18.0.2", 40, T0));
	report(f, scan("198.18.0.2", 80, T0 + MIN));
	assert_int_equal(f->orders, 1);
	fixture_now = T0 + 10 * MIN;
	report(f, scan("198.18.0.2", 90, T0 + 10 * MIN));
	assert_int_equal(f->orders, 2);
	/* and not for what a person resolved */
	assert_int_equal(set_state(f, &analyst, f->last.id, INCIDENT_RESOLVED), 0);
	fixture_now = T0 + 25 * MIN;
	report(f, scan("198.18.0.2", 95, T0 + 25 * MIN));
	assert_int_equal(f->orders, 2);
}

static void a_refusal_is_said_with_its_reason(void **state)
{
	struct fixture *f = *state;

	let(f, DETECTOR_PORT_SCAN, RESPONSE_BLOCK);
	assert_int_equal(incident_response_set_dry(f->service, &admin, false), 0);
	f->answer = -EPERM;
	report(f, scan("198.18.0.2", 40, T0));
	assert_string_equal(newest(f, f->last.id).after, "refused");
	assert_string_equal(newest(f, f->last.id).text,
			    "did not block 198.18.0.2: it is the gateway");
}

static void what_is_long_over_needs_no_answer(void **state)
{
	struct fixture *f = *state;

	let(f, DETECTOR_PORT_SCAN, RESPONSE_BLOCK);
	report(f, scan("198.18.0.2", 40, T0 - 2 * HOUR));
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->orders, 0);
}

static void asking_blocks_nothing(void **state)
{
	struct fixture *f = *state;

	let(f, DETECTOR_PORT_SCAN, RESPONSE_ASK);
	assert_int_equal(incident_response_set_dry(f->service, &admin, false), 0);
	report(f, scan("198.18.0.2", 40, T0));
	assert_int_equal(f->orders, 0);
	assert_string_equal(newest(f, f->last.id).after, "asked");
	assert_string_equal(newest(f, f->last.id).text, "asks: block 198.18.0.2 for 10 min?");
}

static void this_host_and_made_up_sources_are_never_met(void **state)
{
	struct fixture *f = *state;
	struct finding finding = scan("198.18.0.1", 40, T0);

	f->default_kind = RESPONSE_BLOCK;
	assert_int_equal(addr_parse("203.0.113.9", &finding.dst), 0);
	report(f, finding);
	finding.src = (struct addr){ .bytes = { [10] = 0xff, [11] = 0xff }, .family = ADDR_IPV4 };
	finding.detector = DETECTOR_SYN_FLOOD;
	report(f, finding);
	assert_int_equal(f->opened, 2);
	assert_int_equal(f->orders, 0);
	/* a beacon of this host: the other end */
	finding = scan("198.18.0.1", 40, T0);
	finding.detector = DETECTOR_BEACON;
	assert_int_equal(addr_parse("203.0.113.9", &finding.dst), 0);
	report(f, finding);
	assert_int_equal(f->orders, 1);
	assert_int_equal(f->order.about.bytes[15], 9);
	assert_int_equal(f->order.ttl_s, RESPONSE_TTL_DEFAULT_S);
}

static void policies_are_an_admins_and_survive(void **state)
{
	struct fixture *f = *state;
	struct response_policy policy = { .kind = RESPONSE_ASK, .ttl_s = 60 };

	assert_int_equal(incident_response_set(f->service, &analyst, DETECTOR_DGA, &policy),
			 -EACCES);
	assert_int_equal(incident_response_set_dry(f->service, &analyst, false), -EACCES);
	let(f, DETECTOR_DGA, RESPONSE_ASK);
	assert_int_equal(incident_response_set_dry(f->service, &admin, false), 0);
	policy.ttl_s = 0;
	assert_int_equal(incident_response_set(f->service, &admin, DETECTOR_DGA, &policy), -EINVAL);
	restart(f);
	assert_false(incident_response_is_dry(f->service));
	policy = incident_response_policy(f->service, DETECTOR_DGA);
	assert_int_equal(policy.kind, RESPONSE_ASK);
	assert_int_equal(policy.ttl_s, 600);
	assert_string_equal(policy.author, "root");
	assert_int_equal(incident_response_set(f->service, &admin, DETECTOR_DGA, NULL), 0);
	restart(f);
	assert_int_equal(incident_response_policy(f->service, DETECTOR_DGA).kind, RESPONSE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(nothing_is_done_by_default),
		WITH_STORE(dry_run_only_says_what_it_would_do),
		WITH_STORE(live_it_blocks_one_address_for_the_incident),
		WITH_STORE(it_acts_once_until_the_block_ends),
		WITH_STORE(a_refusal_is_said_with_its_reason),
		WITH_STORE(what_is_long_over_needs_no_answer),
		WITH_STORE(asking_blocks_nothing),
		WITH_STORE(this_host_and_made_up_sources_are_never_met),
		WITH_STORE(policies_are_an_admins_and_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

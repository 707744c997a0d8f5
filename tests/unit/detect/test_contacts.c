/*
 * What is found in who contacts whom: regular contact, large uploads, new ports, listed places,
 * passwords in plain text; and what only looks like them.
 */
#include "fixture.h"

#include "include/history.h"

#define HOST  "192.168.1.5"
#define PLACE "203.0.113.9"
#define LATE  (T0 + (uint64_t)(LEARN_S + 60) * S)

/* Between -1 and 1, differing with @n. */
static double noise(uint32_t n)
{
	uint64_t x = (n + 1) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	return (double)(x >> 11) / 4503599627370496.0 - 1;
}

/* ---- regular contact --------------------------------------------------------------------------
 */

static void contact(struct seen *seen, struct addr src, uint16_t port, uint64_t at_ns)
{
	struct flow flow = probe(src, addr_of(PLACE), port, at_ns);

	feed(seen, talked(flow, 900, 1200, 100));
}

static void contact_often(struct seen *seen, uint64_t from_ns, unsigned int count, double gap_s,
			  double jitter)
{
	uint64_t at = from_ns;

	for (unsigned int i = 0; i < count; i++) {
		contact(seen, addr_of(HOST), 443, at);
		tick(seen, at + S / 10);
		at += (uint64_t)(gap_s * (1 + jitter * noise(i)) * 1e9);
	}
}

static void beacon_is_found_at_its_24th_interval(void **state)
{
	struct seen *seen = begin();

	(void)state;
	contact_often(seen, LATE, 24, 60, 0);
	assert_int_equal(seen->count[DETECTOR_BEACON], 0);
	contact(seen, addr_of(HOST), 443, LATE + 24 * 60 * S);
	tick(seen, LATE + 24 * 60 * S + S);
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	assert_int_equal(seen->last[DETECTOR_BEACON].severity, SEVERITY_MEDIUM);
	assert_non_null(strstr(seen->last[DETECTOR_BEACON].reason,
			       "contacted 203.0.113.9 port 443 25 times, every 60.0 s"));
	assert_int_equal(others(seen, DETECTOR_BEACON), 0);
	end(seen);
}

/* Again and again what is not there: a service that is down, most often. */
static void tries_without_an_answer_are_low(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 30; i++) {
		feed(seen, probe(addr_of(HOST), addr_of(PLACE), 443, LATE + i * 5 * S));
		tick(seen, LATE + i * 5 * S + S);
	}
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	assert_int_equal(seen->above_low, 0);
	end(seen);
}

/* Who is polled from outside; what goes on within the network since before the learning ended; what
 * leaves it since then is said once. */
static void regular_life_is_not_said_each_day(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		uint64_t at = T0 + i * 60 * S;
		struct flow polled = probe(addr_of(PLACE), addr_of(HOST), 443, at);
		struct flow within = probe(addr_of(HOST), addr_of("192.168.1.9"), 9100, at);

		polled.ingress = true;
		feed(seen, talked(polled, 900, 1200, 100));
		feed(seen, talked(within, 900, 1200, 100));
		contact(seen, addr_of(HOST), 8443, at);
		tick(seen, at + S);
	}
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	assert_int_equal(seen->above_low, 0);
	end(seen);
}

static void jitter_of_a_fifth_does_not_hide_it(void **state)
{
	struct seen *seen = begin();

	(void)state;
	contact_often(seen, LATE, 40, 60, 0.2);
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	end(seen);
}

static void a_fast_one_is_found_too(void **state)
{
	struct seen *seen = begin();

	(void)state;
	contact_often(seen, LATE, 30, 0.5, 0.1);
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	end(seen);
}

static void flows_read_in_no_order_are_put_in_order(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 32; i += 4) { /* four of each scan, the last one first */
		for (unsigned int k = 4; k-- > 0;)
			contact(seen, addr_of(HOST), 443, LATE + (i + k) * 300 * MS);
		tick(seen, LATE + (i + 4) * 300 * MS);
	}
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	assert_non_null(
		strstr(seen->last[DETECTOR_BEACON].reason, "every 0.3 s give or take 0.0 s"));
	end(seen);
}

static void what_was_there_from_the_beginning_is_low(void **state)
{
	struct seen *seen = begin();

	(void)state;
	contact_often(seen, T0, 40, 60, 0);
	assert_int_equal(seen->count[DETECTOR_BEACON], 1);
	assert_int_equal(seen->above_low, 0);
	end(seen);
}

static void browsing_is_no_beacon(void **state)
{
	struct seen *seen = begin();
	uint64_t at = LATE;

	(void)state;
	for (uint32_t i = 0; i < 200; i++) { /* pages: a burst of connections, then reading */
		struct flow flow = probe(addr_of(HOST), addr_of(PLACE), 443, at);

		feed(seen, talked(flow, 900 + i * 37 % 5000, 1000 + i * 7919 % 90000, 100));
		tick(seen, at + S / 10);
		at += i % 5 ? 80 * MS : (uint64_t)((20 + 19 * noise(i)) * 1e9);
	}
	assert_int_equal(seen->count[DETECTOR_BEACON], 0);
	end(seen);
}

static void clocks_and_resolvers_are_no_beacons(void **state)
{
	static const uint16_t ports[] = { 53, 123, 161, 514, 5353 };
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 60; i++)
		for (size_t k = 0; k < sizeof(ports) / sizeof(ports[0]); k++) {
			struct flow flow =
				probe(addr_of(HOST), addr_of(PLACE), ports[k], LATE + i * 64 * S);

			flow.tuple.proto = IPPROTO_UDP;
			flow.tcp_flags_out = 0;
			feed(seen, flow);
		}
	tick(seen, LATE + 61 * 64 * S);
	assert_int_equal(seen->count[DETECTOR_BEACON], 0);
	end(seen);
}

static void a_place_that_many_contact_is_no_masters(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 40; i++) { /* each of 60 hosts asks for updates */
		for (unsigned int k = 0; k < 60; k++)
			contact(seen, addr_plus("192.168.1.0", k), 443, LATE + i * 60 * S + k * MS);
		tick(seen, LATE + i * 60 * S + S);
	}
	assert_int_equal(seen->count[DETECTOR_BEACON], 0);
	end(seen);
}

/* ---- ports ------------------------------------------------------------------------------------
 */

static void accept_one(struct seen *seen, uint16_t port, uint64_t at_ns)
{
	struct flow flow =
		talked(probe(addr_of(PLACE), addr_of(HOST), port, at_ns), 900, 5000 + port, 50);

	flow.ingress = true;
	feed(seen, flow);
	tick(seen, at_ns + S);
}

static void a_port_after_the_learning_is_new_once(void **state)
{
	struct seen *seen = begin();

	(void)state;
	accept_one(seen, 443, T0);
	accept_one(seen, 443, LATE);
	assert_int_equal(seen->count[DETECTOR_NEW_PORT], 0);
	accept_one(seen, 4444, LATE);
	accept_one(seen, 4444, LATE + 100 * S);
	assert_int_equal(seen->count[DETECTOR_NEW_PORT], 1);
	assert_int_equal(seen->last[DETECTOR_NEW_PORT].dst_port, 4444);
	assert_int_equal(seen->last[DETECTOR_NEW_PORT].severity, SEVERITY_LOW);
	assert_true(addr_is_equal(&seen->last[DETECTOR_NEW_PORT].src,
				  &seen->last[DETECTOR_NEW_PORT].evidence[0].tuple.dst));
	end(seen);
}

static void told(void *arg, const struct seen_key *key)
{
	struct seen_key *last = arg;

	*last = *key;
}

static void what_was_known_before_a_restart_is_not_new(void **state)
{
	struct seen_key last = { .len = 0 };
	struct seen *first = begin(), *second = begin();
	const struct detect_options options = { .on_finding = on_finding,
						.on_seen = told,
						.arg = &last,
						.hosts_max = 16,
						.start_ns = T0 - 10 * S,
						.learn_s = LEARN_S };
	struct seen_entry known[2] = { { .key = { .kind = SEEN_MAC, .len = 6 } } };

	(void)state;
	/* what a detector tells is what another one takes */
	detect_free(first->detect);
	assert_int_equal(detect_new(&options, &first->detect), 0);
	struct flow flow = talked(probe(addr_of(PLACE), addr_of(HOST), 443, T0), 900, 1, 50);
	flow.ingress = true;
	detect_flow(first->detect, &flow, true, T0);
	detect_tick(first->detect, T0 + S, UNIX);
	assert_int_equal(last.kind, SEEN_LISTENER);
	assert_int_equal(last.len, 7);
	known[1].key = last;
	detect_know(second->detect, known, 2, true);
	accept_one(second, 443, T0 + 5 * S);
	assert_int_equal(second->count[DETECTOR_NEW_PORT], 0);
	accept_one(second, 444, T0 + 6 * S); /* and the learning is over */
	assert_int_equal(second->count[DETECTOR_NEW_PORT], 1);
	end(first);
	end(second);
}

static void refused_ports_and_passive_data_ports_are_not_new(void **state)
{
	struct seen *seen = begin();
	struct flow flow = probe(addr_of(PLACE), addr_of(HOST), 8081, LATE);

	(void)state;
	flow.ingress = true;
	flow.packets_in = 1;
	flow.tcp_flags_in = TCP_FLAG_RST | TCP_FLAG_ACK;
	feed(seen, flow);
	for (unsigned int i = 0; i < 50; i++)
		accept_one(seen, (uint16_t)(40000 + i), LATE + i * S);
	assert_int_equal(seen->count[DETECTOR_NEW_PORT], 0);
	end(seen);
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static void contact_with_a_listed_address_names_the_list(void **state)
{
	struct seen *seen = begin();
	struct detect_contact hit = { .tuple = { .src = addr_of(HOST),
						 .dst = addr_of(PLACE),
						 .dst_port = 443,
						 .proto = IPPROTO_TCP },
				      .is_outgoing = true,
				      .list = "botnets",
				      .at_ns = T0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		detect_listed(seen->detect, &hit);
	tick(seen, T0 + S);
	detect_listed(seen->detect, &hit);
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count[DETECTOR_LISTED_CONTACT], 1);
	assert_int_equal(seen->last[DETECTOR_LISTED_CONTACT].severity, SEVERITY_MEDIUM);
	assert_string_equal(
		seen->last[DETECTOR_LISTED_CONTACT].reason,
		"192.168.1.5 sent packets to 203.0.113.9 port 443, and the list botnets "
		"holds the latter; 5 were looked at. Normal is 0.");
	hit.domain = "evil.example";
	detect_listed(seen->detect, &hit);
	tick(seen, T0 + 3 * S);
	assert_non_null(strstr(seen->last[DETECTOR_LISTED_CONTACT].reason,
			       "for evil.example, which the list botnets holds"));
	end(seen);
}

/* ---- passwords --------------------------------------------------------------------------------
 */

static void say_bytes(struct seen *seen, bool is_client, uint16_t port, const char *text)
{
	const struct payload payload = {
		.tuple = { .src = addr_of(is_client ? HOST : PLACE),
			   .dst = addr_of(is_client ? PLACE : HOST),
			   .src_port = is_client ? 40000 : port,
			   .dst_port = is_client ? port : 40000,
			   .proto = IPPROTO_TCP },
		.at_ns = T0,
		.data = (const uint8_t *)text,
		.len = strlen(text),
		.whole = (uint32_t)strlen(text),
	};

	detect_payload(seen->detect, &payload);
	tick(seen, T0 + S);
}

static void passwords_are_noticed_and_never_told(void **state)
{
	static const struct {
		uint16_t port;
		const char *first, *text, *how;
	} rows[] = {
		{ 21, "USER me\r\n", "PASS s3cret\r\n", "FTP" },
		{ 110, "USER me\r\n", "PASS s3cret\r\n", "POP3" },
		{ 21, "SYST\r\n", "USER me\r\nPASS s3cret\r\n", "FTP" },
		{ 143, "a1 CAPABILITY\r\n", "a2 LOGIN me s3cret\r\n", "IMAP" },
		{ 143, "a1 NOOP\r\n", "a2 AUTHENTICATE PLAIN s3cret\r\n", "IMAP" },
		{ 587, "EHLO me\r\n", "AUTH PLAIN s3cret\r\n", "SMTP" },
		{ 80, "x", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic s3cret\r\n\r\n",
		  "HTTP Basic" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen *seen = begin();
		const struct finding *last = &seen->last[DETECTOR_PLAIN_PASSWORD];

		say_bytes(seen, true, rows[i].port, rows[i].first);
		assert_int_equal(seen->count[DETECTOR_PLAIN_PASSWORD], 0);
		say_bytes(seen, true, rows[i].port, rows[i].text);
		assert_int_equal(seen->count[DETECTOR_PLAIN_PASSWORD], 1);
		assert_int_equal(last->severity, SEVERITY_LOW);
		assert_non_null(strstr(last->reason, rows[i].how));
		assert_null(strstr(last->reason, "s3cret"));
		end(seen);
	}
}

static void telnet_is_a_question_and_a_word(void **state)
{
	struct seen *seen = begin();

	(void)state;
	say_bytes(seen, true, 23, "root\r\n");
	say_bytes(seen, false, 23, "\r\nPassword: ");
	assert_int_equal(seen->count[DETECTOR_PLAIN_PASSWORD], 0);
	say_bytes(seen, true, 23, "s");
	assert_int_equal(seen->count[DETECTOR_PLAIN_PASSWORD], 1);
	end(seen);
}

/* AUTH LOGIN and AUTH PLAIN by itself: the secret comes when the server says to go on. */
static void mail_passwords_wait_for_the_servers_word(void **state)
{
	struct seen *seen = begin();

	(void)state;
	say_bytes(seen, false, 25, "334 VXNlcm5hbWU6\r\n");
	say_bytes(seen, true, 25, "MAIL FROM:<me@example.com>\r\n");
	say_bytes(seen, true, 25, "AUTH LOGIN\r\n");
	say_bytes(seen, false, 25, "530 Must issue STARTTLS first\r\n");
	say_bytes(seen, true, 25, "STARTTLS\r\n");
	say_bytes(seen, true, 25, "\x16\x03\x01\x02\x01\x01AUTH PLAIN s3cret\r\n");
	assert_int_equal(seen->count[DETECTOR_PLAIN_PASSWORD], 0);
	say_bytes(seen, true, 25, "AUTH LOGIN\r\n");
	say_bytes(seen, false, 25, "334 VXNlcm5hbWU6\r\n");
	say_bytes(seen, true, 25, "czNjcmV0\r\n");
	assert_int_equal(seen->count[DETECTOR_PLAIN_PASSWORD], 1);
	assert_null(strstr(seen->last[DETECTOR_PLAIN_PASSWORD].reason, "czNjcmV0"));
	end(seen);
}

static void anonymous_and_bearers_are_no_passwords(void **state)
{
	struct seen *seen = begin();

	(void)state;
	say_bytes(seen, true, 21, "USER anonymous\r\n");
	say_bytes(seen, true, 21, "PASS me@example.com\r\n");
	say_bytes(seen, true, 80, "GET / HTTP/1.1\r\nAuthorization: Bearer abc\r\n\r\n");
	say_bytes(seen, true, 80, "GET /?q=authorization: basic HTTP/1.1\r\n\r\n");
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beacon_is_found_at_its_24th_interval),
		cmocka_unit_test(tries_without_an_answer_are_low),
		cmocka_unit_test(regular_life_is_not_said_each_day),
		cmocka_unit_test(jitter_of_a_fifth_does_not_hide_it),
		cmocka_unit_test(a_fast_one_is_found_too),
		cmocka_unit_test(flows_read_in_no_order_are_put_in_order),
		cmocka_unit_test(what_was_there_from_the_beginning_is_low),
		cmocka_unit_test(browsing_is_no_beacon),
		cmocka_unit_test(clocks_and_resolvers_are_no_beacons),
		cmocka_unit_test(a_place_that_many_contact_is_no_masters),
		cmocka_unit_test(a_port_after_the_learning_is_new_once),
		cmocka_unit_test(what_was_known_before_a_restart_is_not_new),
		cmocka_unit_test(refused_ports_and_passive_data_ports_are_not_new),
		cmocka_unit_test(contact_with_a_listed_address_names_the_list),
		cmocka_unit_test(passwords_are_noticed_and_never_told),
		cmocka_unit_test(telnet_is_a_question_and_a_word),
		cmocka_unit_test(mail_passwords_wait_for_the_servers_word),
		cmocka_unit_test(anonymous_and_bearers_are_no_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What is found in names: tunnels, generated names; and names that only look like them. Floors are
 * those of the measured starting values: 50 long names in 60 s; 30 that do not exist, 60 % of all.
 */
#include "fixture.h"

#include "agent/detect/domain.h"

#define CLIENT "198.18.0.2"

enum {
	TYPE_A = 1,
	TYPE_NULL = 10,
	TYPE_PTR = 12,
	TYPE_TXT = 16
};
enum {
	NOERROR = 0,
	NXDOMAIN = 3
};

/* Letters that differ with @n, @len of them. */
static const char *label(uint32_t n, unsigned int len)
{
	static char text[64];
	uint64_t state = n * 0x9e3779b97f4a7c15ULL + 1;

	for (unsigned int i = 0; i < len; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		text[i] = (char)('a' + (state >> 40) % 26);
	}
	text[len] = '\0';
	return text;
}

/* @count names of @len characters below @base, ten a second. */
static void ask_many(struct seen *seen, const char *base, unsigned int count, unsigned int len,
		     uint16_t type)
{
	char name[256];

	for (unsigned int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "%s.%s", label(i, len), base);
		ask(seen, CLIENT, name, type, T0 + i * 100 * MS);
	}
	tick(seen, T0 + count * 100 * MS + S);
}

/* ---- tunnels ----------------------------------------------------------------------------------
 */

static void fifty_long_names_are_a_tunnel_and_forty_nine_are_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	ask_many(seen, "t.example.com", 49, 31, TYPE_A);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 0);
	ask_many(seen, "t.example.com", 50, 31, TYPE_A);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 1);
	assert_int_equal(seen->last[DETECTOR_DNS_TUNNEL].severity, SEVERITY_HIGH);
	assert_non_null(strstr(seen->last[DETECTOR_DNS_TUNNEL].reason,
			       "asked for 50 different names below example.com in 5 s, 32 "
			       "characters long in the mean"));
	assert_int_equal(others(seen, DETECTOR_DNS_TUNNEL), 0);
	end(seen);
}

static void records_that_carry_much_need_fewer(void **state)
{
	struct seen *seen = begin();

	(void)state;
	ask_many(seen, "a.example", 19, 8, TYPE_NULL);
	ask_many(seen, "b.example", 29, 20, TYPE_TXT);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 0);
	ask_many(seen, "c.example", 20, 8, TYPE_NULL);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 1);
	ask_many(seen, "d.example", 30, 20, TYPE_TXT);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 2);
	end(seen);
}

static void a_name_asked_again_is_no_other(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		ask(seen, CLIENT,
		    i % 2 ? "an-exceedingly-long-name-of-a-host.EXAMPLE.com"
			  : "an-exceedingly-long-name-of-a-HOST.example.com.",
		    TYPE_A, T0 + i * 10 * MS);
	tick(seen, T0 + 6 * S);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 0);
	end(seen);
}

static void content_networks_and_blocklists_are_no_tunnels(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	ask_many(seen, "cdn.example.net", 120, 12, TYPE_A); /* hosts of a content network */
	for (unsigned int i = 0; i < 120; i++) {
		/* a mail server asks of each sender; an address its name; a scanner of each file */
		(void)snprintf(name, sizeof(name), "%u.3.2.10.zen.example.org", i);
		ask(seen, CLIENT, name, TYPE_TXT, T0 + i * 100 * MS);
		(void)snprintf(name, sizeof(name),
			       "%x.%x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
			       "list.example.org",
			       i & 15, i >> 4);
		ask(seen, CLIENT, name, TYPE_TXT, T0 + i * 100 * MS);
		(void)snprintf(name, sizeof(name), "%u.2.0.192.in-addr.arpa", i);
		ask(seen, CLIENT, name, TYPE_PTR, T0 + i * 100 * MS);
		(void)snprintf(name, sizeof(name), "%s.avts.mcafee.com", label(i, 40));
		ask(seen, CLIENT, name, TYPE_A, T0 + i * 100 * MS);
	}
	tick(seen, T0 + 13 * S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

static void slow_names_are_no_tunnel(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	for (unsigned int i = 0; i < 200; i++) { /* one in two seconds */
		(void)snprintf(name, sizeof(name), "%s.example.com", label(i, 40));
		ask(seen, CLIENT, name, TYPE_A, T0 + i * 2 * S);
		tick(seen, T0 + i * 2 * S + S);
	}
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 0);
	end(seen);
}

/* ---- names that do not exist ------------------------------------------------------------------
 */

static void answer_generated(struct seen *seen, unsigned int count)
{
	char name[256];

	for (unsigned int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "%s.%s", label(i, 14), i % 2 ? "com" : "info");
		answer(seen, CLIENT, name, NXDOMAIN, T0 + i * 500 * MS);
	}
	tick(seen, T0 + count * 500 * MS + S);
}

static void thirty_generated_names_are_found_and_twenty_nine_are_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	answer_generated(seen, 29);
	assert_int_equal(seen->count[DETECTOR_DGA], 0);
	answer_generated(seen, 30);
	assert_int_equal(seen->count[DETECTOR_DGA], 1);
	assert_string_equal(seen->last[DETECTOR_DGA].reason,
			    "198.18.0.2 asked for 30 different names in 15 s that do not exist, "
			    "below 30 domains; 0 others exist. Normal is under 30 in 60 s.");
	assert_int_equal(others(seen, DETECTOR_DGA), 0);
	end(seen);
}

static void below_one_domain_a_hundred_are_needed(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	for (unsigned int i = 0; i < 99; i++) { /* somebody wears down its servers */
		(void)snprintf(name, sizeof(name), "%s.example.com", label(i, 9));
		answer(seen, CLIENT, name, NXDOMAIN, T0 + i * 400 * MS);
	}
	tick(seen, T0 + 41 * S);
	assert_int_equal(seen->count[DETECTOR_DGA], 0);
	answer(seen, CLIENT, "one-more.example.com", NXDOMAIN, T0 + 41 * S);
	tick(seen, T0 + 42 * S);
	assert_int_equal(seen->count[DETECTOR_DGA], 1);
	end(seen);
}

static void search_lists_are_quiet(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "%s.com.corp.example.org", label(i, 9));
		answer(seen, CLIENT, name, NXDOMAIN, T0 + i * 100 * MS);
		(void)snprintf(name, sizeof(name), "%s.svc.cluster.local", label(i, 9));
		answer(seen, CLIENT, name, NXDOMAIN, T0 + i * 100 * MS);
	}
	tick(seen, T0 + 21 * S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

/* A tunnel whose server answers that its names do not exist has one name, that of the tunnel. */
static void data_in_names_is_not_told_twice(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	for (unsigned int i = 0; i < 120; i++) {
		(void)snprintf(name, sizeof(name), "%s.t.example.com", label(i, 40));
		ask(seen, CLIENT, name, TYPE_A, T0 + i * 100 * MS);
		answer(seen, CLIENT, name, NXDOMAIN, T0 + i * 100 * MS);
	}
	tick(seen, T0 + 13 * S);
	assert_int_equal(seen->count[DETECTOR_DNS_TUNNEL], 1);
	assert_int_equal(others(seen, DETECTOR_DNS_TUNNEL), 0);
	end(seen);
}

static void forty_percent_that_exist_are_too_many(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	for (unsigned int i = 0; i < 60; i++) { /* a crawler meets many dead ends */
		(void)snprintf(name, sizeof(name), "%s.com", label(i, 9));
		answer(seen, CLIENT, name, i % 5 < 3 ? NXDOMAIN : NOERROR, T0 + i * 300 * MS);
	}
	tick(seen, T0 + 20 * S);
	assert_int_equal(seen->count[DETECTOR_DGA], 1); /* 36 of 60: 60 % */
	end(seen);
	seen = begin();
	for (unsigned int i = 0; i < 80; i++) {
		(void)snprintf(name, sizeof(name), "%s.com", label(i, 9));
		answer(seen, CLIENT, name, i % 2 ? NXDOMAIN : NOERROR, T0 + i * 300 * MS);
	}
	tick(seen, T0 + 25 * S);
	assert_int_equal(seen->count[DETECTOR_DGA], 0);
	end(seen);
}

static void mail_server_asking_blocklists_is_quiet(void **state)
{
	struct seen *seen = begin();
	char name[256];

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "%u.%u.2.10.bl%u.example.org", i % 256, i % 100,
			       i % 20);
		answer(seen, CLIENT, name, NXDOMAIN, T0 + i * 100 * MS);
	}
	tick(seen, T0 + 31 * S);
	assert_int_equal(seen->count[DETECTOR_DGA], 0);
	end(seen);
}

/* ---- what a name is made of -------------------------------------------------------------------
 */

static void names_are_split_where_people_register(void **state)
{
	static const struct {
		const char *name, *base;
		unsigned int labels, bytes;
	} rows[] = {
		{ "a.Example.COM", "example.com", 1, 1 },
		{ "example.com.", "example.com", 0, 0 },
		{ "x.y.example.co.uk", "example.co.uk", 2, 2 },
		{ "co.uk", "co.uk", 0, 0 },
		{ "\\000\\255ab.t.example", "t.example", 1, 4 },
		{ "a\\.b.t.example", "t.example", 1, 3 },
		/* dnscat2 without a domain of its own */
		{ "DNSCAT.0f.1234567890abcdef", "dnscat", 2, 18 },
		{ "a.b.xn--p1ai", "b.xn--p1ai", 1, 1 },
	};
	struct domain domain;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(domain_split(rows[i].name, &domain));
		assert_string_equal(domain.base, rows[i].base);
		assert_int_equal(domain.labels, rows[i].labels);
		assert_int_equal(domain.sub_bytes, rows[i].bytes);
	}
	assert_false(domain_split("", &domain));
	assert_false(domain_split("localhost", &domain));
	assert_true(domain_split("4.3.2.1.in-addr.arpa", &domain) && domain.is_reverse);
	assert_true(domain_split("4.3.2.1.bl.example.org", &domain) && !domain.is_reverse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifty_long_names_are_a_tunnel_and_forty_nine_are_not),
		cmocka_unit_test(records_that_carry_much_need_fewer),
		cmocka_unit_test(a_name_asked_again_is_no_other),
		cmocka_unit_test(content_networks_and_blocklists_are_no_tunnels),
		cmocka_unit_test(slow_names_are_no_tunnel),
		cmocka_unit_test(thirty_generated_names_are_found_and_twenty_nine_are_not),
		cmocka_unit_test(below_one_domain_a_hundred_are_needed),
		cmocka_unit_test(search_lists_are_quiet),
		cmocka_unit_test(data_in_names_is_not_told_twice),
		cmocka_unit_test(forty_percent_that_exist_are_too_many),
		cmocka_unit_test(mail_server_asking_blocklists_is_quiet),
		cmocka_unit_test(names_are_split_where_people_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

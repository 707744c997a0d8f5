/* Payloads in, name events out: who is the client, what was in pieces, which names addresses have.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/names.h"
#include "agent/util/addr.h"

#define SECOND	 1000000000ull
#define BYTES(t) (const uint8_t *)(t), sizeof(t) - 1

/* www.a.example, id 7; the answer: CNAME c.cdn.example, its address 192.0.2.1, TTL 120; and one
 * that nobody asked for, of bank.example. */
#define QUESTION "\3www\1a\7example\0\0\1\0\1"
#define QUERY	 "\0\7\1\0\0\1\0\0\0\0\0\0" QUESTION
#define ANSWER                                                                                     \
	"\0\7\x81\x80\0\1\0\3\0\0\0\0" QUESTION "\xc0\x0c\0\5\0\1\0\0\0\x78\0\x08\1c\3cdn\xc0\x12" \
	"\xc0\x2b\0\1\0\1\0\0\0\x78\0\4\xc0\0\2\1"                                                 \
	"\4bank\xc0\x12\0\1\0\1\0\0\0\x78\0\4\xc0\0\2\x63"

struct world {
	struct names *names;
	struct name_event last;
	unsigned int count;
	char name[256];
	uint64_t latency_ns;
	uint64_t now_ns;
};

static void on_name(void *arg, const struct name_event *event)
{
	struct world *world = arg;

	world->count++;
	world->last = *event;
	world->name[0] = '\0';
	if (event->kind == NAME_DNS_QUERY || event->kind == NAME_DNS_ANSWER)
		(void)snprintf(world->name, sizeof(world->name), "%.255s",
			       event->dns->questions[0].name);
	if (event->kind == NAME_DNS_ANSWER)
		world->latency_ns = event->dns->latency_ns;
	if (event->kind == NAME_HTTP_REQUEST)
		(void)snprintf(world->name, sizeof(world->name), "%.255s", event->http->host);
	if (event->kind == NAME_SSH_BANNER)
		(void)snprintf(world->name, sizeof(world->name), "%.255s", event->ssh);
}

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static int set_up(void **state)
{
	static struct world world;
	struct names_options options = {
		.streams = 16, .addrs = 8, .arg = &world, .on_name = on_name
	};

	world = (struct world){ .now_ns = SECOND };
	*state = &world;
	return names_new(&options, &world.names);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	names_free(world->names);
	return 0;
}

/* From the client 10.0.0.2 to the server 10.0.0.1. */
static struct payload to_server(const struct world *world, uint8_t proto, uint16_t port)
{
	return (struct payload){ .tuple = { .src = addr("10.0.0.2"),
					    .dst = addr("10.0.0.1"),
					    .src_port = 40000,
					    .dst_port = port,
					    .proto = proto },
				 .direction = DIRECTION_EGRESS,
				 .at_ns = world->now_ns };
}

static struct payload to_client(const struct world *world, uint8_t proto, uint16_t port)
{
	struct payload payload = to_server(world, proto, port);
	struct five_tuple sent = payload.tuple;

	payload.tuple.src = sent.dst;
	payload.tuple.dst = sent.src;
	payload.tuple.src_port = port;
	payload.tuple.dst_port = sent.src_port;
	payload.direction = DIRECTION_INGRESS;
	return payload;
}

static void take(struct world *world, struct payload payload, const uint8_t *data, size_t len)
{
	payload.data = data;
	payload.len = payload.whole = (uint32_t)len;
	names_take(world->names, &payload);
}

static void assert_client(const struct world *world, uint16_t port)
{
	struct addr client = addr("10.0.0.2");

	assert_true(addr_is_equal(&world->last.tuple.src, &client));
	assert_int_equal(world->last.tuple.src_port, 40000);
	assert_int_equal(world->last.tuple.dst_port, port);
	assert_false(world->last.ingress);
}

static void question_and_answer_have_the_same_client(void **state)
{
	struct world *world = *state;

	take(world, to_server(world, 17, 53), BYTES(QUERY));
	assert_int_equal(world->last.kind, NAME_DNS_QUERY);
	assert_string_equal(world->name, "www.a.example");
	assert_client(world, 53);
	world->now_ns += 5000000;
	take(world, to_client(world, 17, 53), BYTES(ANSWER));
	assert_int_equal(world->last.kind, NAME_DNS_ANSWER);
	assert_client(world, 53);
	assert_int_equal(world->latency_ns, 5000000);
	assert_false(world->last.is_pieced);
}

static void answer_nobody_asked_for_has_no_latency_and_teaches_nothing(void **state)
{
	struct world *world = *state;
	struct addr target = addr("192.0.2.1");

	take(world, to_client(world, 17, 53), BYTES(ANSWER));
	assert_int_equal(world->last.kind, NAME_DNS_ANSWER);
	assert_int_equal(world->latency_ns, 0);
	assert_null(names_of_addr(world->names, NULL, &target, world->now_ns));
}

static void ask(struct world *world)
{
	take(world, to_server(world, 17, 53), BYTES(QUERY));
	take(world, to_client(world, 17, 53), BYTES(ANSWER));
}

static void address_has_the_name_asked_for_until_its_ttl_ends(void **state)
{
	struct world *world = *state;
	struct addr target = addr("192.0.2.1"), other = addr("192.0.2.99");
	struct addr client = addr("10.0.0.2"), stranger = addr("10.0.0.3");

	ask(world);
	assert_string_equal(names_of_addr(world->names, &client, &target, world->now_ns),
			    "www.a.example");
	assert_non_null(names_of_addr(world->names, NULL, &target, world->now_ns));
	assert_null(names_of_addr(world->names, &stranger, &target, world->now_ns));
	assert_null(names_of_addr(world->names, NULL, &other, world->now_ns)); /* not asked for */
	names_expire(world->names, world->now_ns + 119 * SECOND);
	assert_non_null(names_of_addr(world->names, NULL, &target, world->now_ns + 119 * SECOND));
	names_expire(world->names, world->now_ns + 120 * SECOND);
	assert_null(names_of_addr(world->names, NULL, &target, world->now_ns));
}

#define GET "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n"

static void shared_address_is_told_with_its_other_name(void **state)
{
	struct world *world = *state;
	struct payload request;
	struct name_addr list[4];

	ask(world);
	assert_int_equal(names_addrs_of(world->names, "A.example", list, 4), 1);
	assert_false(list[0].is_shared);
	request = to_server(world, 6, 80);
	request.tuple.dst = addr("192.0.2.1");
	take(world, request, BYTES(GET));
	assert_int_equal(names_addrs_of(world->names, "a.example", list, 4), 1);
	assert_true(list[0].is_shared);
	assert_string_equal(list[0].other, "other.example");
	assert_int_equal(names_addrs_of(world->names, "other.example", list, 4), 1);
	assert_string_equal(list[0].other, "www.a.example");
	assert_int_equal(names_addrs_of(world->names, "ample", list, 4), 0);
}

static void addresses_of_several_owners_are_shared(void **state)
{
	struct world *world = *state;
	struct name_addr about = { .addr = addr("192.0.2.1") };
	struct payload request = to_server(world, 6, 80);

	assert_false(names_is_shared(world->names, &about)); /* never seen */
	ask(world);
	request.tuple.dst = addr("192.0.2.1");
	take(world, request, BYTES("GET / HTTP/1.1\r\nHost: img.a.example\r\n\r\n"));
	assert_false(names_is_shared(world->names, &about)); /* the same owner's */
	request = to_server(world, 6, 80);
	request.tuple.dst = addr("192.0.2.1");
	request.tuple.src_port++; /* another connection */
	take(world, request, BYTES(GET));
	assert_true(names_is_shared(world->names, &about));
}

static void proxies_and_literals_name_no_address(void **state)
{
	struct world *world = *state;
	struct name_addr list[4];

	take(world, to_server(world, 6, 3128),
	     BYTES("GET http://p.example/ HTTP/1.1\r\n"
		   "Host: p.example\r\n\r\n"
		   "GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n"));
	assert_int_equal(world->count, 2);
	assert_int_equal(names_addrs_of(world->names, "p.example", list, 4), 0);
	assert_int_equal(names_addrs_of(world->names, "7", list, 4), 0);
}

static void oldest_address_makes_room(void **state)
{
	struct world *world = *state;
	struct name_addr list[16];
	struct payload request = to_server(world, 6, 80);

	for (uint8_t i = 0; i < 12; i++) {
		request.tuple.dst.bytes[15] = i;
		take(world, request, BYTES(GET));
	}
	assert_int_equal(names_addrs_of(world->names, "other.example", list, 16), 8);
	assert_int_equal(list[0].addr.bytes[15], 11);
	assert_int_equal(list[7].addr.bytes[15], 4);
}

static void dns_over_tcp_in_pieces_says_so(void **state)
{
	struct world *world = *state;
	struct payload segment = to_server(world, 6, 53);

	take(world, segment, BYTES("\0"));
	segment.seq = 1;
	take(world, segment, BYTES("\x1f" QUERY));
	assert_int_equal(world->count, 1);
	assert_string_equal(world->name, "www.a.example");
	assert_true(world->last.is_pieced);
}

static void fragmented_answer_is_read(void **state)
{
	static const char udp[] = "\0\x35\x9c\x40\0\x60\0\0" ANSWER;
	struct world *world = *state;
	struct payload fragment = to_client(world, 17, 0);

	fragment.tuple.src_port = fragment.tuple.dst_port = 0;
	fragment.is_fragment = true;
	fragment.seq = 99;
	fragment.offset = 24;
	take(world, fragment, (const uint8_t *)udp + 24, sizeof(udp) - 1 - 24);
	fragment.offset = 0;
	fragment.more = true;
	take(world, fragment, (const uint8_t *)udp, 24);
	assert_int_equal(world->last.kind, NAME_DNS_ANSWER);
	assert_true(world->last.is_pieced);
	assert_client(world, 53);
}

static void response_and_banner_have_their_ends_right(void **state)
{
	struct world *world = *state;

	take(world, to_client(world, 6, 80), BYTES("HTTP/1.1 200 OK\r\n\r\n"));
	assert_int_equal(world->last.kind, NAME_HTTP_RESPONSE);
	assert_client(world, 80);
	take(world, to_client(world, 6, 22), BYTES("SSH-2.0-x\r\n"));
	assert_int_equal(world->last.kind, NAME_SSH_BANNER);
	assert_string_equal(world->name, "SSH-2.0-x");
	assert_int_equal(world->last.tuple.src_port, 22); /* who sent it */
	assert_true(world->last.ingress);
}

static void what_is_not_read_is_counted(void **state)
{
	struct world *world = *state;
	struct names_counters counters;

	take(world, to_server(world, 17, 53), BYTES("garbage"));
	take(world, to_server(world, 17, 443), BYTES("\xc0\0\0\0\1garbage that is long enough"));
	ask(world);
	names_count(world->names, &counters);
	assert_int_equal(counters.payloads, 4);
	assert_int_equal(counters.malformed, 1);
	assert_int_equal(counters.undecrypted, 1);
	assert_int_equal(counters.events[NAME_DNS_QUERY], 1);
	assert_int_equal(counters.events[NAME_DNS_ANSWER], 1);
}

static void name_is_under_itself_and_what_it_ends_with(void **state)
{
	(void)state;
	assert_true(names_is_under("a.example", "a.example"));
	assert_true(names_is_under("WWW.A.Example.", "a.example"));
	assert_true(names_is_under("www.a.example", "A.EXAMPLE."));
	assert_false(names_is_under("ba.example", "a.example"));
	assert_false(names_is_under("example", "a.example"));
	assert_false(names_is_under("a.example", ""));
	assert_false(names_is_under("", "a.example"));
}

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAMES_TEST(question_and_answer_have_the_same_client),
		NAMES_TEST(answer_nobody_asked_for_has_no_latency_and_teaches_nothing),
		NAMES_TEST(address_has_the_name_asked_for_until_its_ttl_ends),
		NAMES_TEST(shared_address_is_told_with_its_other_name),
		NAMES_TEST(addresses_of_several_owners_are_shared),
		NAMES_TEST(proxies_and_literals_name_no_address),
		NAMES_TEST(oldest_address_makes_room),
		NAMES_TEST(dns_over_tcp_in_pieces_says_so),
		NAMES_TEST(fragmented_answer_is_read),
		NAMES_TEST(response_and_banner_have_their_ends_right),
		NAMES_TEST(what_is_not_read_is_counted),
		cmocka_unit_test(name_is_under_itself_and_what_it_ends_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Connections per address, proxies and routes. Sources: docs/api.md; RFC 7239 5.2 for the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/front/peers.h"
#include "agent/front/route.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"

static struct addr addr(const char *text)
{
	struct addr parsed;

	assert_int_equal(addr_parse(text, &parsed), 0);
	return parsed;
}

static int new_peers(void **state)
{
	CLEANUP(config_free) struct config *config = config_new();
	char reason[256];

	assert_int_equal(
		config_set(config, CONFIG_WEB_TRUSTED_PROXIES, "10.0.0.0/8, 2001:db8::1", reason),
		0);
	return peers_new(config, (struct peers **)state);
}

static int free_peers(void **state)
{
	peers_free(*state);
	return 0;
}

static void connect_times(struct peers *peers, const char *text, int times)
{
	const struct addr peer = addr(text);

	for (int i = 0; i < times; i++)
		peers_connected(peers, &peer);
}

static bool may_connect(struct peers *peers, const char *text)
{
	const struct addr peer = addr(text);

	return peers_may_connect(peers, &peer);
}

static void an_address_has_32_connections(void **state)
{
	const struct addr peer = addr("192.0.2.1");

	connect_times(*state, "192.0.2.1", 31);
	assert_true(may_connect(*state, "192.0.2.1"));
	connect_times(*state, "192.0.2.1", 1);
	assert_false(may_connect(*state, "192.0.2.1"));
	peers_disconnected(*state, &peer);
	assert_true(may_connect(*state, "192.0.2.1"));
}

static void a_customer_of_ipv6_is_one_64(void **state)
{
	connect_times(*state, "2001:db8:1:1::1", 16);
	connect_times(*state, "2001:db8:1:1:ffff::2", 16);
	assert_false(may_connect(*state, "2001:db8:1:1::3"));
}

static void proxies_and_loopback_have_no_limit(void **state)
{
	connect_times(*state, "10.1.2.3", 100);
	connect_times(*state, "127.0.0.1", 100);
	connect_times(*state, "::1", 100);
	connect_times(*state, "2001:db8::1", 100);
	assert_true(may_connect(*state, "10.1.2.3"));
	assert_true(may_connect(*state, "127.0.0.1"));
	assert_true(may_connect(*state, "::1"));
	assert_true(may_connect(*state, "2001:db8::1"));
}

static void assert_client(struct peers *peers, const char *peer_text, const char *field,
			  const char *want)
{
	const struct addr peer = addr(peer_text), wanted = addr(want);
	struct addr client = peers_client(peers, &peer, field, field ? strlen(field) : 0);

	assert_true(addr_is_equal(&client, &wanted));
}

static void the_client_is_the_last_address_no_proxy_wrote_about_itself(void **state)
{
	assert_client(*state, "10.0.0.1", "192.0.2.7", "192.0.2.7");
	assert_client(*state, "10.0.0.1", "203.0.113.1, 192.0.2.7", "192.0.2.7");
	assert_client(*state, "10.0.0.1", "192.0.2.7 ,10.0.0.2", "192.0.2.7");
	assert_client(*state, "2001:db8::1", "2001:db8::99", "2001:db8::99");
	assert_client(*state, "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3");
}

static void strangers_and_broken_fields_change_nothing(void **state)
{
	assert_client(*state, "192.0.2.1", "203.0.113.1", "192.0.2.1");
	assert_client(*state, "10.0.0.1", NULL, "10.0.0.1");
	assert_client(*state, "10.0.0.1", "", "10.0.0.1");
	assert_client(*state, "10.0.0.1", "unknown", "10.0.0.1");
	assert_client(*state, "10.0.0.1", "192.0.2.7, ", "10.0.0.1");
	assert_client(*state, "10.0.0.1", "192.0.2.7, x, 10.0.0.2", "10.0.0.2");
}

static void assert_route(const char *path, enum method method, enum route_kind kind,
			 unsigned int methods)
{
	struct route route = route_find(path, method);

	assert_int_equal(route.kind, kind);
	assert_int_equal(route.methods, methods);
}

static void routes_follow_the_table(void **state)
{
	const unsigned int read = METHOD_GET | METHOD_HEAD;

	(void)state;
	assert_route("/", METHOD_GET, ROUTE_ROOT, read);
	assert_route("/login", METHOD_GET, ROUTE_PAGE, read | METHOD_POST);
	assert_route("/login", METHOD_POST, ROUTE_CORE, read | METHOD_POST);
	assert_route("/dashboard", METHOD_GET, ROUTE_INSIDE, read);
	assert_route("/incidents/12", METHOD_GET, ROUTE_INSIDE, read | METHOD_POST);
	assert_route("/incidents/12", METHOD_POST, ROUTE_CORE, read | METHOD_POST);
	assert_route("/unblock_ip/12", METHOD_GET, ROUTE_INSIDE, read | METHOD_POST);
	assert_route("/register", METHOD_POST, ROUTE_CORE, read | METHOD_POST);
	assert_route("/incidents/1x", METHOD_GET, ROUTE_ASSET, read);
	assert_route("/hosts/2001:db8::7", METHOD_GET, ROUTE_INSIDE, read);
	assert_route("/hosts/", METHOD_GET, ROUTE_ASSET, read);
	assert_route("/hosts/evil.example", METHOD_GET, ROUTE_ASSET, read);
	assert_route("/hosts/0000000000000000000000000000000000000000000000", METHOD_GET,
		     ROUTE_ASSET, read);
	assert_route("/block_ip", METHOD_POST, ROUTE_CORE, METHOD_POST);
	assert_route("/api", METHOD_GET, ROUTE_ASSET, read);
	assert_int_equal(route_find("/api/anything", METHOD_DELETE).kind, ROUTE_CORE);
	assert_route("/app.js", METHOD_GET, ROUTE_ASSET, read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_address_has_32_connections, new_peers,
						free_peers),
		cmocka_unit_test_setup_teardown(a_customer_of_ipv6_is_one_64, new_peers,
						free_peers),
		cmocka_unit_test_setup_teardown(proxies_and_loopback_have_no_limit, new_peers,
						free_peers),
		cmocka_unit_test_setup_teardown(
			the_client_is_the_last_address_no_proxy_wrote_about_itself, new_peers,
			free_peers),
		cmocka_unit_test_setup_teardown(strangers_and_broken_fields_change_nothing,
						new_peers, free_peers),
		cmocka_unit_test(routes_follow_the_table),
	};

	return crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

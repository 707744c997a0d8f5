/* What is read from this host: TCP tables, resolver files, the routing socket. */
#include "tests/unit/block/fixture.h"

static bool has(const struct safe_list *list, const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, false, &prefix), 0);
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_is_equal(&list->items[i].prefix, &prefix))
			return true;
	}
	return false;
}

/* Lines as printed by Linux 6.18 on a little-endian machine. */
static void tcp_line_gives_port_and_other_end(void **state)
{
	uint16_t port = 0;
	struct addr remote;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_true(host_parse_tcp_line("   1: 0A0200C0:0016 076433C6:D431 01 00000000:00000000 "
					"02:000AFC1D 00000000     0        0 27893 4",
					&port, &remote));
	assert_int_equal(port, 22);
	assert_string_equal(addr_format(&remote, text), "198.51.100.7");
	assert_true(host_parse_tcp_line("   0: B80D01200000000000000000010000 00:0016", &port,
					&remote) == false);
	assert_true(
		host_parse_tcp_line("   3: B80D0120000000000000000001000000:0016 "
				    "B80D0120000000000000000002000000:C001 01 00000000:00000000",
				    &port, &remote));
	assert_string_equal(addr_format(&remote, text), "2001:db8::2");
}

static void ipv4_peer_of_dual_stack_socket_is_ipv4(void **state)
{
	uint16_t port;
	struct addr remote;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_true(
		host_parse_tcp_line("  12: 0000000000000000FFFF00000A0200C0:0016 "
				    "0000000000000000FFFF0000076433C6:C001 01 00000000:00000000",
				    &port, &remote));
	assert_int_equal(remote.family, ADDR_IPV4);
	assert_string_equal(addr_format(&remote, text), "198.51.100.7");
}

static void other_states_and_headings_are_no_peers(void **state)
{
	uint16_t port;
	struct addr remote;

	(void)state;
	assert_false(host_parse_tcp_line(
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000", &port,
		&remote)); /* listening */
	assert_false(host_parse_tcp_line("  sl  local_address rem_address   st tx_queue", &port,
					 &remote));
	assert_false(host_parse_tcp_line("", &port, &remote));
	assert_false(host_parse_tcp_line("   0: xyz:0016 076433C6:D431 01", &port, &remote));
}

static void resolver_lines_are_read_others_skipped(void **state)
{
	struct fixture *f = *state;
	struct safe_list list = { 0 };
	char path[96];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/resolv.conf", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs("# nameserver 192.0.2.1\nsearch example.org\n"
		    "nameserver 192.0.2.53\r\n\tnameserver\t2001:db8::53 # ours\n"
		    "nameserver fe80::1%eth0\nnameservers 192.0.2.2\nnameserver nonsense\n",
		    file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(host_read_resolvers(path, &list), 0);
	assert_int_equal(list.count, 3);
	assert_true(has(&list, "192.0.2.53"));
	assert_true(has(&list, "2001:db8::53"));
	assert_true(has(&list, "fe80::1"));
	safe_list_done(&list);
	assert_int_equal(host_read_resolvers("/nonexistent", &list), -ENOENT);
}

static void own_loopback_address_is_found_with_its_interface(void **state)
{
	struct host *host = NULL;
	struct safe_list own = { 0 }, gateways = { 0 };

	(void)state;
	assert_int_equal(host_open(&host), 0);
	/* twice: the same socket serves every later reading */
	for (int i = 0; i < 2; i++)
		assert_int_equal(host_read_network(host, &own, &gateways), 0);
	assert_true(own.count >= 1);
	if (has(&own, "127.0.0.1")) /* down in a bare network namespace */
		assert_string_equal(own.items[0].note, "lo");
	safe_list_done(&own);
	safe_list_done(&gateways);
	host_close(host);
}

static void list_is_bounded_and_counts_what_it_refuses(void **state)
{
	struct safe_list list = { 0 };
	struct prefix prefix;

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.0", false, &prefix), 0);
	for (int i = 0; i < SAFE_LIST_MAX; i++) {
		prefix.addr.bytes[14] = (uint8_t)(i >> 8);
		prefix.addr.bytes[15] = (uint8_t)i;
		assert_int_equal(safe_list_add(&list, &prefix, SAFE_OWN, ""), 0);
	}
	assert_int_equal(safe_list_add(&list, &prefix, SAFE_OWN, ""), 0); /* known */
	prefix.addr.bytes[13] = 1;
	assert_int_equal(safe_list_add(&list, &prefix, SAFE_OWN, ""), -ENOSPC);
	assert_int_equal(list.count, SAFE_LIST_MAX);
	assert_int_equal(list.refused, 1);
	safe_list_done(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tcp_line_gives_port_and_other_end),
		TEST(ipv4_peer_of_dual_stack_socket_is_ipv4),
		TEST(other_states_and_headings_are_no_peers),
		TEST(resolver_lines_are_read_others_skipped),
		TEST(own_loopback_address_is_found_with_its_interface),
		TEST(list_is_bounded_and_counts_what_it_refuses),
	};

	return cmocka_run_group_tests_name("block_host", tests, NULL, NULL);
}

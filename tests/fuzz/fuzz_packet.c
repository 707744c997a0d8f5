/*
 * Hostile frames through the datapath compiled for user space, with rules of every kind loaded:
 * addresses, prefixes, scopes, a safe list, names, a refused name. Each record of the input is one
 * frame: way and seconds since the last (1 byte), its length (2), its bytes. Whatever comes, each
 * packet is counted in exactly one place, and what goes up is within its bounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_BYTES 3
#define SECOND_NS    1000000000ull
#define SLOTS	     64 /* few, so that flows make room for others */

struct run {
	struct capture *user;
	struct names *names;
	struct coverage coverage;
	uint64_t flow_packets; /* of one drain */
	uint64_t now_ns;
};

static void on_flow(void *arg, const struct flow_delta *delta)
{
	struct run *run = arg;

	if (delta->new_flags & ~delta->tcp_flags || delta->first_ns > delta->last_ns)
		abort();
	run->flow_packets += delta->packets;
}

static void on_payload(void *arg, const struct payload *payload)
{
	struct run *run = arg;

	if (payload->len > payload->whole && !payload->is_fragment)
		abort();
	names_take(run->names, payload);
}

static void add_rules(struct capture *user)
{
	static const struct {
		const char *target; /* an address or prefix, else a name */
		uint8_t action, direction, proto;
		uint16_t port;
	} rules[] = {
		{ "192.0.2.1", BLOCK_DROP, BLOCK_BOTH, 6, 0 },
		{ "192.0.2.0/24", BLOCK_DROP, BLOCK_BOTH, 17, 5353 },
		{ "198.51.0.0/16", BLOCK_COUNT, BLOCK_OUT, 0, 0 },
		{ "10.0.0.0/8", BLOCK_DROP, BLOCK_IN, 0, 0 },
		{ "2001:db8::1", BLOCK_DROP, BLOCK_BOTH, 58, 0 },
		{ "2001:db8::/48", BLOCK_DROP, BLOCK_IN, 6, 443 },
		{ "2001:db8::/29", BLOCK_DROP, BLOCK_BOTH, 132, 0 },
		{ "evil.com", BLOCK_DROP, BLOCK_BOTH, 0, 0 },
		{ "refused.example", BLOCK_REFUSE, BLOCK_BOTH, 0, 0 },
	};
	struct prefix safe;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct block_rule rule = { .rule_id = (uint32_t)i + 1,
					   .action = rules[i].action,
					   .direction = rules[i].direction,
					   .proto = rules[i].proto,
					   .port = rules[i].port };

		if (prefix_parse(rules[i].target, true, &rule.target))
			rule.domain = rules[i].target;
		if (capture_block(user, &rule))
			abort();
	}
	if (prefix_parse("10.9.0.0/16", true, &safe) || capture_safe_set(user, &safe, 1))
		abort();
}

/* Made once: the maps cost more than an input. */
static struct run *run_of_all(void)
{
	static struct run run = { .now_ns = SECOND_NS };
	const struct names_options names = { .streams = 16, .addrs = 16 };

	if (run.user)
		return &run;
	if (capture_user_new(SLOTS, &run.user) || capture_user_add_iface(run.user, "eth0") ||
	    names_new(&names, &run.names))
		abort();
	add_rules(run.user);
	return &run;
}

static void feed(struct run *run, uint8_t how, const uint8_t *bytes, size_t len)
{
	/* a buffer of its own size: the sanitizer sees a read beyond its end */
	uint8_t *exact = malloc(len + !len);
	struct capture_frame frame = { .data = exact, .len = len, .direction = how & 1 };

	if (!exact)
		abort();
	memcpy(exact, bytes, len);
	run->now_ns += (how >> 1 & 7) * SECOND_NS;
	frame.at_ns = run->now_ns;
	capture_user_set_boot_ns(run->user, run->now_ns);
	if (capture_user_feed(run->user, &frame) < 0)
		abort();
	free(exact);
}

static void check_sums(struct run *run)
{
	const struct capture_sink sink = { .arg = run,
					   .on_flow = on_flow,
					   .on_payload = on_payload };
	const struct coverage_direction *dir = run->coverage.ifaces[0].dir;

	if (capture_drain(run->user, true, &sink) < 0 ||
	    capture_coverage(run->user, &run->coverage))
		abort();
	for (int d = 0; d < 2; d++) {
		uint64_t sum = dir[d].in_flows + dir[d].dropped + dir[d].unattributed;

		for (int i = 0; i < NOT_FLOW_COUNT; i++)
			sum += dir[d].not_flow[i];
		if (sum != dir[d].seen || dir[d].unattributed)
			abort();
	}
	if (run->flow_packets != dir[0].in_flows + dir[1].in_flows)
		abort();
	names_expire(run->names, run->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *run = run_of_all();

	while (size >= RECORD_BYTES) {
		size_t len = (size_t)data[1] << 8 | data[2];
		uint8_t how = data[0];

		data += RECORD_BYTES;
		size -= RECORD_BYTES;
		len = len < size ? len : size;
		feed(run, how, data, len);
		data += len;
		size -= len;
		if (capture_user_is_full(run->user))
			check_sums(run);
	}
	check_sums(run);
	return 0;
}

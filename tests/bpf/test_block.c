/*
 * The verdict in the kernel, by test runs: names of every protocol (and the same in user space),
 * refusals, sets of rules, nested prefixes, blocked five-tuples, panic, lease and end.
 * usage: test_block OBJECT   prints one line a check and "N passed, N failed"; exit 1 on failure.
 */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "agent/util/addr.h"
#include "bpf/hash.h"
#include "tests/bpf/kernel.h"
#include "tests/bpf/name_frames.h"

#define BOOT_NS	 5000000000000ULL
#define RULE_ID	 7
#define FRAME_IP 14
#define FRAME_L4 34

struct tester {
	const char *path;
	int passed, failed;
	struct frame frame;
	uint8_t out[FRAME_ROOM];
	uint32_t out_len, retval;
};

static void report(struct tester *t, bool is_ok, const char *name)
{
	*(is_ok ? &t->passed : &t->failed) += 1;
	(void)printf("%sok - %s\n", is_ok ? "" : "not ", name);
	(void)fflush(stdout);
}

static bool open_kernel(struct tester *t, struct kernel *kernel, enum program program,
			bool own_clock)
{
	const struct kernel_options options = { program, 64, 0, own_clock };

	return kernel_open(kernel, t->path, &options) && kernel_take_over(kernel, BOOT_NS);
}

static int run(struct tester *t, struct kernel *kernel)
{
	return kernel_run(kernel, t->frame.data, t->frame.len, NULL);
}

static void build(struct tester *t, void (*how)(struct frame *))
{
	t->frame.len = 0;
	how(&t->frame);
}

/* ---- names ---- */

static struct block_rule name_rule(uint8_t action)
{
	return (struct block_rule){ .rule_id = RULE_ID, .domain = EVIL, .action = action };
}

static bool user_open(struct capture **user)
{
	const struct block_rule rule = name_rule(BLOCK_DROP);

	if (capture_user_new(64, user) || capture_user_add_iface(*user, "a") < 0)
		return false;
	capture_user_set_boot_ns(*user, BOOT_NS);
	return !capture_block(*user, &rule) && !capture_lease(*user, UINT64_MAX);
}

static void test_names(struct tester *t, enum program program)
{
	static const char *const programs[] = { "xdp", "tc ingress", "tc egress" };
	const struct block_rule rule = name_rule(BLOCK_DROP);
	struct block_hits in_kernel = { 0 }, in_user = { 0 };
	CLEANUP(capture_close) struct capture *user = NULL;
	struct kernel kernel;
	bool is_ok = open_kernel(t, &kernel, program, false) && !rules_block(kernel.rules, &rule) &&
		     user_open(&user);
	char name[96];

	for (size_t i = 0; is_ok && i < NAME_CASES; i++) {
		struct capture_frame fed = { .direction = program == PROGRAM_EGRESS };
		bool is_as_said;

		build(t, name_cases[i].build);
		fed.data = t->frame.data;
		fed.len = t->frame.len;
		is_as_said = run(t, &kernel) == !name_cases[i].drops &&
			     capture_user_feed(user, &fed) == !name_cases[i].drops;
		(void)snprintf(name, sizeof(name), "%s: %s", programs[program], name_cases[i].name);
		report(t, is_as_said, name);
	}
	is_ok = is_ok && !rules_hits(kernel.rules, RULE_ID, &kernel.clock, &in_kernel) &&
		!capture_block_hits(user, RULE_ID, &in_user) && in_kernel.packets &&
		in_kernel.packets == in_user.packets && in_kernel.bytes == in_user.bytes &&
		!memcmp(in_kernel.layers, in_user.layers, sizeof(in_user.layers)) &&
		in_kernel.layers[HIT_TLS] == 3 && in_kernel.layers[HIT_HTTP] == 6;
	report(t, is_ok, "hits by layer, the same in user space");
	kernel_close(&kernel);
}

static void test_name_rules(struct tester *t)
{
	struct block_rule rule = name_rule(BLOCK_DROP);
	struct prefix resolver;
	struct kernel kernel;
	struct control *control;
	bool is_ok = open_kernel(t, &kernel, PROGRAM_INGRESS, false) &&
		     !prefix_parse("198.51.100.2", false, &resolver) &&
		     !rules_block(kernel.rules, &rule);

	control = kernel.rules_tables.control;
	build(t, dns_exact);
	is_ok = is_ok && !rules_safe_set(kernel.rules, &resolver, 1) && run(t, &kernel) == 0;
	report(t, is_ok, "a safe resolver is not asked for the name");
	rules_set_panic(control, true);
	report(t, is_ok && run(t, &kernel) == 1, "names: panic passes");
	rules_set_panic(control, false);
	rules_set_lease(control, BOOT_NS);
	report(t, is_ok && run(t, &kernel) == 1, "names: nothing drops beyond the lease");
	rules_set_lease(control, UINT64_MAX);
	rule.direction = BLOCK_OUT;
	is_ok = is_ok && !rules_block(kernel.rules, &rule);
	report(t, is_ok && run(t, &kernel) == 1, "names: a rule for what leaves, on what enters");
	rule.direction = BLOCK_IN;
	rule.end_boot_ns = BOOT_NS;
	is_ok = is_ok && !rules_block(kernel.rules, &rule);
	report(t, is_ok && run(t, &kernel) == 1, "names: a rule ends");
	rule.end_boot_ns = BOOT_NS + 1;
	is_ok = is_ok && !rules_block(kernel.rules, &rule) && run(t, &kernel) == 0;
	rule.action = BLOCK_COUNT;
	is_ok = is_ok && !rules_block(kernel.rules, &rule);
	report(t, is_ok && run(t, &kernel) == 1, "names: a rule that counts lets pass");
	kernel_close(&kernel);
}

/* ---- refusals ---- */

static void run_out(struct tester *t, struct kernel *kernel)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = t->frame.data,
		    .data_size_in = (uint32_t)t->frame.len, .data_out = t->out,
		    .data_size_out = sizeof(t->out), .repeat = 1);

	t->retval =
		bpf_prog_test_run_opts(kernel->program_fd, &options) ? UINT32_MAX : options.retval;
	t->out_len = options.data_size_out;
}

/* The one's complement sum of 16-bit words, RFC 1071. */
static uint32_t sum16(const uint8_t *at, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of a UDP datagram with its pseudo header (RFC 768, RFC 8200 8.1): 0xffff when it is right. */
static uint32_t udp_sum(const uint8_t *frame, size_t len, bool is_ipv6)
{
	size_t l4 = is_ipv6 ? 54 : FRAME_L4, addresses = is_ipv6 ? 22 : 26;

	return sum16(frame + l4, len - l4,
		     sum16(frame + addresses, l4 - addresses, (uint32_t)(len - l4) + 17));
}

static void seal(struct tester *t, bool is_ipv6)
{
	size_t at = (is_ipv6 ? 54 : FRAME_L4) + 6;

	set16(&t->frame, at, 0);
	set16(&t->frame, at, 0xffff - udp_sum(t->frame.data, t->frame.len, is_ipv6));
}

/* Question for question, everything that must change places or bits and nothing else. */
static bool is_refusal(const struct tester *t, bool is_ipv6)
{
	const uint8_t *q = t->frame.data, *a = t->out;
	size_t l4 = is_ipv6 ? 54 : FRAME_L4, from = is_ipv6 ? 22 : 26, size = is_ipv6 ? 16 : 4;

	return t->out_len == t->frame.len && !memcmp(a, q + 6, 6) && !memcmp(a + 6, q, 6) &&
	       !memcmp(a + 12, q + 12, from - 12) && !memcmp(a + from, q + from + size, size) &&
	       !memcmp(a + from + size, q + from, size) && !memcmp(a + l4, q + l4 + 2, 2) &&
	       !memcmp(a + l4 + 2, q + l4, 2) && !memcmp(a + l4 + 4, q + l4 + 4, 2) &&
	       !memcmp(a + l4 + 8, q + l4 + 8, 2) && a[l4 + 10] == (q[l4 + 10] | 0x80) &&
	       a[l4 + 11] == ((q[l4 + 11] & 0xf0) | 0x85) &&
	       !memcmp(a + l4 + 12, q + l4 + 12, t->frame.len - l4 - 12);
}

static void query6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 0, 17);
	put16(f, 5000);
	put16(f, 53);
	put32(f, 0);
	put_query(f, 0x0120, "Www." EVIL);
	set16(f, 18, f->len - 54);
	set16(f, 58, f->len - 54);
}

static void test_refuse(struct tester *t, enum program program, uint32_t answered)
{
	const struct block_rule rule = name_rule(BLOCK_REFUSE);
	struct kernel kernel;
	bool is_ok = open_kernel(t, &kernel, program, true) && !rules_block(kernel.rules, &rule);

	build(t, dns_exact);
	seal(t, false);
	run_out(t, &kernel);
	report(t,
	       is_ok && t->retval == answered && is_refusal(t, false) &&
		       udp_sum(t->out, t->out_len, false) == 0xffff,
	       "a query over IPv4 becomes its refusal, the checksum right");
	set16(&t->frame, FRAME_L4 + 6, 0);
	run_out(t, &kernel);
	report(t,
	       t->retval == answered && is_refusal(t, false) && !t->out[FRAME_L4 + 6] &&
		       !t->out[FRAME_L4 + 7],
	       "no checksum stays none");
	build(t, query6);
	seal(t, true);
	run_out(t, &kernel);
	report(t,
	       t->retval == answered && is_refusal(t, true) &&
		       udp_sum(t->out, t->out_len, true) == 0xffff,
	       "a query over IPv6 becomes its refusal, the checksum right");
	build(t, dns_exact);
	t->frame.data[FRAME_IP + 6] = 0x20;
	run_out(t, &kernel);
	report(t, t->retval == TC_ACT_SHOT || t->retval == XDP_DROP, "a fragment is dropped");
	build(t, dns_exact);
	memcpy(t->frame.data, "\1\0\x5e\0\0\1", 6);
	run_out(t, &kernel);
	report(t, t->retval != answered, "what went to a group is not answered");
	build(t, dns_answer);
	run_out(t, &kernel);
	report(t, t->retval != answered, "an answer is not answered");
	kernel_close(&kernel);
}

static void test_refuse_budget(struct tester *t)
{
	const struct block_rule rule = name_rule(BLOCK_REFUSE);
	uint32_t answered = 0;
	struct kernel kernel;
	bool is_ok =
		open_kernel(t, &kernel, PROGRAM_INGRESS, true) && !rules_block(kernel.rules, &rule);

	build(t, dns_exact);
	for (int i = 0; i < 20000 && is_ok; i++) {
		run_out(t, &kernel);
		answered += t->retval == XDP_TX;
		is_ok = t->retval == XDP_TX || t->retval == XDP_DROP;
	}
	report(t, is_ok && answered >= 200 && answered < 15000, "answers have a budget");
	kernel_close(&kernel);
}

/* ---- sets, prefixes, five-tuples: by the maps themselves ---- */

static bool put(struct kernel *kernel, const char *map, const void *key, const void *value)
{
	return !bpf_map_update_elem(kernel_map_fd(kernel, map), key, value, BPF_ANY);
}

static uint64_t packets_of(struct kernel *kernel, const char *map, const void *key)
{
	struct block_entry entry = { 0 };

	(void)bpf_map_lookup_elem(kernel_map_fd(kernel, map), key, &entry); /* then 0 */
	return entry.packets;
}

static void test_sets(struct tester *t)
{
	const uint32_t host = 0xc0000201;
	struct block_entry entry = { .rule = ENTRY_SET | 3, .prefix_len = 32 };
	uint32_t key = __builtin_bswap32(host);
	struct kernel kernel;
	struct rules_tables *tables = &kernel.rules_tables;
	bool is_ok = open_kernel(t, &kernel, PROGRAM_INGRESS, false);

	build(t, dns_cut);
	if (is_ok) {
		tables->nets16[net16_index(key)] = 1;
		tables->bits24[host >> 13] = 1ULL << (host >> 8 & 31) * 2;
		tables->rules[10] = (struct rule){ .flags = RULE_ACTIVE, .proto = 6 };
		tables->rules[11] = (struct rule){ .flags = RULE_ACTIVE | RULE_COUNT_ONLY };
		tables->rules[12] = (struct rule){ .flags = RULE_ACTIVE, .proto = 17 };
		tables->rule_sets[3] = (struct rule_set){ { 10, 11, 0, 12 } };
		is_ok = put(&kernel, "block4", &key, &entry);
	}
	is_ok = is_ok && run(t, &kernel) == 1 && packets_of(&kernel, "block4", &key) == 1;
	report(t, is_ok, "a set: rules that count, count; 0 ends the row");
	if (is_ok)
		tables->rule_sets[3] = (struct rule_set){ { 10, 11, 12 } };
	is_ok = is_ok && run(t, &kernel) == 0 && packets_of(&kernel, "block4", &key) == 2;
	report(t, is_ok, "a set: the first that applies decides, a packet is one hit");
	if (is_ok)
		tables->rules[12].flags = 0;
	report(t, is_ok && run(t, &kernel) == 1, "a set: none applies");
	if (is_ok)
		tables->rule_sets[3] = (struct rule_set){ { 10, 10, 10, 10, 10, 10, 10, 13 } };
	if (is_ok)
		tables->rules[13] = (struct rule){ .flags = RULE_ACTIVE };
	report(t, is_ok && run(t, &kernel) == 0, "a set: the eighth decides");
	kernel_close(&kernel);
}

static void test_nested(struct tester *t)
{
	struct block_rule rule = { .proto = 6 };
	struct kernel kernel;
	bool is_ok = open_kernel(t, &kernel, PROGRAM_INGRESS, false);

	for (uint32_t len = 31; is_ok && len >= 8; len--) {
		char text[32];

		(void)snprintf(text, sizeof(text), "192.0.2.1/%u", len);
		rule.rule_id = len;
		rule.proto = len == 8 ? 0 : 6;
		is_ok = !prefix_parse(text, true, &rule.target) &&
			!rules_block(kernel.rules, &rule);
	}
	build(t, dns_cut);
	report(t, is_ok && run(t, &kernel) == 0, "23 nested prefixes do not hide the widest");
	for (uint32_t len = 127; is_ok && len >= 16; len--) {
		char text[64];

		(void)snprintf(text, sizeof(text), "2001:db8::1/%u", len);
		rule.rule_id = 100 + len;
		rule.proto = len == 16 ? 17 : 6;
		is_ok = !prefix_parse(text, true, &rule.target) &&
			!rules_block(kernel.rules, &rule);
	}
	build(t, query6);
	report(t, is_ok && run(t, &kernel) == 0, "111 nested IPv6 prefixes do not hide the widest");
	kernel_close(&kernel);
}

static void test_flows(struct tester *t, enum program program)
{
	struct flow6_key key = { .proto = 17, .used = 4 };
	struct flow_block block = { .rule = RULE_ID,
				    .layer = LAYER_QUIC,
				    .end_boot_ns = BOOT_NS + 1 };
	struct prefix safe;
	struct kernel kernel;
	bool is_ok = open_kernel(t, &kernel, program, false) &&
		     !prefix_parse("192.0.2.1", false, &safe) &&
		     !rules_safe_set(kernel.rules, &safe, 1);

	build(t, dns_cut);
	memcpy(&key.src[0], t->frame.data + 26, 4);
	memcpy(&key.dst[0], t->frame.data + 30, 4);
	memcpy(&key.src_port, t->frame.data + FRAME_L4, 2);
	memcpy(&key.dst_port, t->frame.data + FRAME_L4 + 2, 2);
	is_ok = is_ok && put(&kernel, "flow_blocks", &key, &block);
	if (is_ok)
		kernel.rules_tables.rules[RULE_ID].flags = RULE_ACTIVE;
	report(t, is_ok && run(t, &kernel) == 1, "five-tuples are asked only when told");
	if (is_ok)
		kernel.rules_tables.control->flags |= CONTROL_FLOWS;
	is_ok = is_ok && run(t, &kernel) == 0 && run(t, &kernel) == 0 &&
		!bpf_map_lookup_elem(kernel_map_fd(&kernel, "flow_blocks"), &key, &block);
	report(t, is_ok && block.packets == 2, "a blocked five-tuple drops and counts, also safe");
	t->frame.data[FRAME_L4]++;
	report(t, is_ok && run(t, &kernel) == 1, "another port is another five-tuple");
	t->frame.data[FRAME_L4]--;
	rules_set_panic(kernel.rules_tables.control, true);
	report(t, is_ok && run(t, &kernel) == 1, "five-tuples: panic passes");
	rules_set_panic(kernel.rules_tables.control, false);
	rules_set_lease(kernel.rules_tables.control, BOOT_NS);
	report(t, is_ok && run(t, &kernel) == 1, "five-tuples: nothing drops beyond the lease");
	rules_set_lease(kernel.rules_tables.control, UINT64_MAX);
	block.end_boot_ns = BOOT_NS;
	is_ok = is_ok && put(&kernel, "flow_blocks", &key, &block);
	report(t, is_ok && run(t, &kernel) == 1, "five-tuples: a block ends");
	kernel_close(&kernel);
}

int main(int argc, char **argv)
{
	struct tester *t = calloc(1, sizeof(*t));
	int failed;

	if (argc != 2 || !t) {
		(void)fprintf(stderr, "usage: test_block OBJECT\n");
		return 2;
	}
	t->path = argv[1];
	for (enum program program = PROGRAM_INGRESS; program <= PROGRAM_EGRESS; program++)
		test_names(t, program);
	test_name_rules(t);
	test_refuse(t, PROGRAM_INGRESS, XDP_TX);
	test_refuse(t, PROGRAM_INGRESS_TC, TC_ACT_REDIRECT);
	test_refuse(t, PROGRAM_EGRESS, TC_ACT_REDIRECT);
	test_refuse_budget(t);
	test_sets(t);
	test_nested(t);
	test_flows(t, PROGRAM_INGRESS);
	test_flows(t, PROGRAM_EGRESS);
	failed = t->failed;
	(void)printf("%d passed, %d failed\n", t->passed, failed);
	free(t);
	return failed ? 1 : 0;
}

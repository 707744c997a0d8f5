/*
 * Each kind of frame, whole, hostile or cut, is counted as what it is.
 */
#include "tests/bpf/frames.h"
#include "tests/unit/capture/user_fixture.h"

static void check_flow(const struct frame_case *want, const struct kept *kept)
{
	const struct flow_delta *delta = &kept->deltas[0];

	if (kept->delta_count != 1)
		fail_msg("%s: %zu flows", want->name, kept->delta_count);
	if (delta->tuple.src.family != want->family || delta->tuple.proto != want->proto ||
	    delta->tuple.src_port != want->src_port || delta->tuple.dst_port != want->dst_port)
		fail_msg("%s: ip %u proto %u ports %u %u", want->name, delta->tuple.src.family,
			 delta->tuple.proto, delta->tuple.src_port, delta->tuple.dst_port);
	if (delta->tcp_flags != want->tcp_flags || delta->vlan != want->vlan ||
	    delta->packets != 1 || delta->bytes != want->ip_bytes)
		fail_msg("%s: flags %x vlan %u packets %lu bytes %lu", want->name, delta->tcp_flags,
			 delta->vlan, (unsigned long)delta->packets, (unsigned long)delta->bytes);
}

static void check_case(const struct frame_case *want, enum direction direction)
{
	struct capture *user = user_open(64);
	struct frame *frame = calloc(1, sizeof(*frame));
	struct kept *kept = calloc(1, sizeof(*kept));
	struct coverage_direction counts;
	uint8_t *exact;

	want->build(frame);
	/* a buffer of the frame's own size: the sanitizer sees a read beyond its end */
	exact = malloc(frame->len);
	memcpy(exact, frame->data, frame->len);
	if (feed_bytes(user, direction, exact, frame->len, SECOND) != 1)
		fail_msg("%s: dropped", want->name);
	assert_true(drain(user, true, kept) >= 0);
	counts = counted(user, direction);
	assert_int_equal(counts.seen, 1);
	assert_int_equal(counts.wire_bytes, frame->len);
	assert_int_equal(counts.in_flows + not_flow_sum(&counts), 1);
	if (want->reason == IS_FLOW)
		check_flow(want, kept);
	else if (counts.not_flow[want->reason] != 1)
		fail_msg("%s: not counted by its reason", want->name);
	capture_close(user);
	free(exact);
	free(frame);
	free(kept);
}

static void every_frame_is_counted_as_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < FRAME_CASES; i++) {
		check_case(&frame_cases[i], DIRECTION_INGRESS);
		check_case(&frame_cases[i], DIRECTION_EGRESS);
	}
}

static void addresses_come_up_as_sent(void **state)
{
	struct capture *user = user_open(64);
	struct frame *frame = calloc(1, sizeof(*frame));
	struct kept *kept = calloc(1, sizeof(*kept));
	char text[ADDR_TEXT_MAX];

	(void)state;
	frame_udp4(frame, 0xc0000201, 5000, 0xc6336402);
	assert_int_equal(feed_bytes(user, DIRECTION_INGRESS, frame->data, frame->len, 1), 1);
	assert_int_equal(drain(user, true, kept), 1);
	assert_string_equal(addr_format(&kept->deltas[0].tuple.src, text), "192.0.2.1");
	assert_string_equal(addr_format(&kept->deltas[0].tuple.dst, text), "198.51.100.2");
	capture_close(user);
	free(frame);
	free(kept);
}

/* An IPv4 address mapped into IPv6 on the wire is not the IPv4 address. */
static void mapped_address_is_another_flow(void **state)
{
	struct capture *user = user_open(64);
	struct frame *frame = calloc(1, sizeof(*frame));
	struct kept *kept = calloc(1, sizeof(*kept));

	(void)state;
	udp4(frame);
	(void)feed_bytes(user, DIRECTION_INGRESS, frame->data, frame->len, 1);
	mapped6(frame);
	(void)feed_bytes(user, DIRECTION_INGRESS, frame->data, frame->len, 1);
	assert_int_equal(drain(user, true, kept), 2);
	assert_int_not_equal(kept->deltas[0].tuple.src.family, kept->deltas[1].tuple.src.family);
	capture_close(user);
	free(frame);
	free(kept);
}

/* Every frame of the table cut at every length: nothing but a count comes of it. */
static void a_cut_at_any_byte_is_counted_once(void **state)
{
	struct capture *user = user_open(1024);
	struct frame *frame = calloc(1, sizeof(*frame));
	struct kept *kept = calloc(1, sizeof(*kept));
	struct coverage_direction counts;
	uint64_t fed = 0;

	(void)state;
	for (size_t i = 0; i < FRAME_CASES; i++) {
		frame_cases[i].build(frame);
		for (size_t len = 0; len < frame->len && len < 200; len++) {
			uint8_t *exact = malloc(len + !len);

			memcpy(exact, frame->data, len);
			assert_int_equal(feed_bytes(user, DIRECTION_INGRESS, exact, len, SECOND),
					 1);
			free(exact);
			fed++;
		}
	}
	assert_true(drain(user, true, kept) > 0);
	counts = counted(user, DIRECTION_INGRESS);
	assert_int_equal(counts.seen, fed);
	assert_int_equal(counts.in_flows + not_flow_sum(&counts), fed);
	assert_int_equal(kept->packets, counts.in_flows);
	capture_close(user);
	free(frame);
	free(kept);
}

/* 17 headers of 2048 bytes: farther into the packet than the datapath walks. */
static void headers_that_reach_too_far_are_counted(void **state)
{
	static struct {
		size_t len;
		uint8_t data[40000];
	} far;
	struct capture *user = user_open(64);
	struct frame *frame = calloc(1, sizeof(*frame));
	const size_t count = 17, bytes = 2048;
	struct coverage_direction counts;

	(void)state;
	put_ether(frame, 0x86dd);
	put_ipv6(frame, (unsigned int)(count * bytes + 8), 60);
	memcpy(far.data, frame->data, frame->len);
	for (size_t i = 0; i < count; i++) {
		far.data[frame->len + i * bytes] = i + 1 == count ? 17 : 60;
		far.data[frame->len + i * bytes + 1] = 255;
	}
	far.len = frame->len + count * bytes + 8;
	assert_int_equal(feed_bytes(user, DIRECTION_INGRESS, far.data, far.len, 1), 1);
	counts = counted(user, DIRECTION_INGRESS);
	assert_int_equal(counts.not_flow[NOT_FLOW_IPV6_EXT], 1);
	capture_close(user);
	free(frame);
}

static void unknown_interface_and_huge_frame_are_refused(void **state)
{
	struct capture *user = user_open(64);
	static uint8_t huge[70000];
	const struct capture_frame elsewhere = { .data = huge, .len = 60, .iface = 1 };

	(void)state;
	assert_int_equal(capture_user_feed(user, &elsewhere), -EINVAL);
	assert_int_equal(feed_bytes(user, DIRECTION_INGRESS, huge, sizeof(huge), 1), -EINVAL);
	capture_close(user);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_is_counted_as_what_it_is),
		cmocka_unit_test(addresses_come_up_as_sent),
		cmocka_unit_test(mapped_address_is_another_flow),
		cmocka_unit_test(a_cut_at_any_byte_is_counted_once),
		cmocka_unit_test(headers_that_reach_too_far_are_counted),
		cmocka_unit_test(unknown_interface_and_huge_frame_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

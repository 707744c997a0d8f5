/*
 * What neighbours say: forged answers, new devices, sweeps by ARP; and frames that are none.
 */
#include "fixture.h"

#define LATE (T0 + (uint64_t)(LEARN_S + 60) * S)

static const uint8_t router[6] = { 0x00, 0x11, 0x22, 0, 0, 1 };
static const uint8_t victim[6] = { 0x00, 0x11, 0x22, 0, 0, 7 };
static const uint8_t liar[6] = { 0x00, 0x11, 0x22, 0, 0, 66 };
static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct arp {
	uint16_t operation;
	const uint8_t *from, *to;
	uint8_t sender, target; /* 198.18.0.x */
	uint64_t at_ns;
};

static void send_frame(struct seen *seen, const uint8_t *frame, size_t len, uint64_t at_ns)
{
	const struct payload payload = {
		.is_frame = true, .data = frame, .len = len, .whole = (uint32_t)len, .at_ns = at_ns
	};

	detect_payload(seen->detect, &payload);
}

/* RFC 826 */
static void send_arp(struct seen *seen, const struct arp *arp)
{
	uint8_t frame[42] = { [12] = 0x08, [13] = 0x06, [15] = 1, [16] = 0x08, [18] = 6, [19] = 4 };
	const uint8_t net[3] = { 198, 18, 0 };

	memcpy(frame, arp->to, 6);
	memcpy(frame + 6, arp->from, 6);
	frame[21] = (uint8_t)arp->operation;
	memcpy(frame + 22, arp->from, 6);
	memcpy(frame + 28, net, 3);
	frame[31] = arp->sender;
	memcpy(frame + 38, net, 3);
	frame[41] = arp->target;
	send_frame(seen, frame, sizeof(frame), arp->at_ns);
}

static void ask_for(struct seen *seen, const uint8_t *from, uint8_t sender, uint8_t target,
		    uint64_t at_ns)
{
	send_arp(seen, &(struct arp){ 1, from, all, sender, target, at_ns });
}

static void tell(struct seen *seen, const uint8_t *from, uint8_t sender, uint8_t target,
		 uint64_t at_ns)
{
	send_arp(seen, &(struct arp){ 2, from, victim, sender, target, at_ns });
}

/* The victim asks for the router and gets its answer, once a minute. */
static void live(struct seen *seen, uint64_t from_ns, unsigned int minutes)
{
	for (unsigned int i = 0; i < minutes; i++) {
		uint64_t at = from_ns + i * 60 * S;

		ask_for(seen, victim, 7, 1, at);
		tell(seen, router, 1, 7, at + MS);
		tick(seen, at + S);
	}
}

/* ---- forged answers ---------------------------------------------------------------------------
 */

static void three_unasked_answers_are_forged_and_two_are_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (int i = 0; i < 2; i++)
		tell(seen, liar, 1, 7, T0 + i * S);
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 0);
	tell(seen, liar, 1, 7, T0 + 2 * S);
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].severity, SEVERITY_HIGH);
	assert_string_equal(seen->last[DETECTOR_ARP_SPOOF].reason,
			    "The device 00:11:22:00:00:42 told 198.18.0.7 3 times, without being "
			    "asked, that 198.18.0.1 is its own address. Normal are 0 unasked "
			    "answers.");
	end(seen);
}

static void two_against_the_routers_own_are_enough(void **state)
{
	struct seen *seen = begin();

	(void)state;
	live(seen, T0, 1);
	tell(seen, liar, 1, 7, T0 + 20 * S);
	tell(seen, liar, 1, 7, T0 + 22 * S);
	tick(seen, T0 + 23 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_non_null(strstr(seen->last[DETECTOR_ARP_SPOOF].reason,
			       "; it was at 00:11:22:00:00:01 before"));
	end(seen);
}

static void one_by_a_device_with_another_address_names_it(void **state)
{
	struct seen *seen = begin();

	(void)state;
	send_arp(seen, &(struct arp){ 1, liar, victim, 1, 7, T0 }); /* "tell 198.18.0.1" */
	tell(seen, liar, 1, 7, T0 + MS);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 0);
	ask_for(seen, liar, 105, 9, T0 + 10 * S);
	tick(seen, T0 + 11 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].src.bytes[15], 105);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].dst.bytes[15], 1);
	end(seen);
}

/* Judged when what was known of the device is old: the address is told all the same. */
static void a_late_look_names_the_address_too(void **state)
{
	struct seen *seen = begin();

	(void)state;
	ask_for(seen, liar, 105, 9, T0);
	for (int i = 1; i <= 3; i++)
		tell(seen, liar, 1, 7, T0 + i * S);
	tick(seen, T0 + 900 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].src.family, ADDR_IPV4);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].src.bytes[15], 105);
	end(seen);
}

/* Another device asked for the router, not the one that is told: no excuse. */
static void an_answer_to_somebody_elses_question_is_unasked(void **state)
{
	static const uint8_t other[6] = { 0x00, 0x11, 0x22, 0, 0, 8 };
	struct seen *seen = begin();

	(void)state;
	for (int i = 0; i < 3; i++) {
		ask_for(seen, other, 8, 1, T0 + i * 10 * S);
		tell(seen, liar, 1, 7, T0 + i * 10 * S + S);
	}
	tick(seen, T0 + 22 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].features[0].value, 3);
	end(seen);
}

/* After a power cut everybody asks for the router at once: more than are remembered. */
static void a_crowd_that_asks_is_answered(void **state)
{
	struct seen *seen = begin();
	uint8_t mac[6] = { 0x00, 0x11, 0x22, 0, 1, 0 };

	(void)state;
	for (int round = 0; round < 3; round++) {
		uint64_t at = T0 + (uint64_t)round * 20 * S;

		ask_for(seen, victim, 7, 1, at);
		for (uint8_t i = 0; i < 40; i++) {
			mac[5] = i;
			ask_for(seen, mac, (uint8_t)(100 + i), 1, at + MS);
		}
		tell(seen, router, 1, 7, at + S);
	}
	tick(seen, T0 + 50 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 0);
	end(seen);
}

static void push(struct seen *seen, unsigned int times, uint64_t from_ns)
{
	for (unsigned int i = 0; i < times; i++)
		send_arp(seen, &(struct arp){ 2, liar, all, 1, 1, from_ns + i * 2 * S });
}

/* A device with another address tells everybody, and goes on. */
static void announcing_the_routers_address_on_and_on_is_forged(void **state)
{
	struct seen *seen = begin();

	(void)state;
	live(seen, T0, 1);
	ask_for(seen, liar, 66, 7, T0 + 10 * S);
	push(seen, 8, T0 + 20 * S); /* 14 s */
	tick(seen, T0 + 35 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 0);
	push(seen, 1, T0 + 36 * S);
	tick(seen, T0 + 37 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].severity, SEVERITY_HIGH);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].src.bytes[15], 66);
	assert_non_null(strstr(seen->last[DETECTOR_ARP_SPOOF].reason, "told everybody 9 times"));
	end(seen);
}

/* It has one address and nobody else speaks for it: it moved there. */
static void a_device_that_took_an_address_over_may_go_on(void **state)
{
	struct seen *seen = begin();

	(void)state;
	live(seen, T0, 1);
	push(seen, 60, T0 + 20 * S);
	tick(seen, T0 + 200 * S);
	assert_int_equal(seen->above_low, 0);
	end(seen);
}

static void both_ends_of_one_betrayal_are_one_source(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (int i = 0; i < 3; i++) {
		tell(seen, liar, 1, 7, T0 + i * S);
		send_arp(seen, &(struct arp){ 2, liar, router, 7, 1, T0 + i * S });
	}
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 2);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].src.bytes[15], 1);
	assert_int_equal(seen->last[DETECTOR_ARP_SPOOF].dst.bytes[15], 7);
	end(seen);
}

static void honest_networks_are_quiet(void **state)
{
	static const uint8_t vrrp[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0x0a };
	struct seen *seen = begin();

	(void)state;
	live(seen, T0, 30);
	/* a card was changed, and says so to all; a router took over, and says so; one address is
	 * shared by design */
	for (int i = 0; i < 5; i++)
		send_arp(seen, &(struct arp){ 1, liar, all, 9, 9, T0 + 2000 * S + i * S });
	for (int i = 0; i < 5; i++)
		send_arp(seen, &(struct arp){ 2, liar, all, 10, 10, T0 + 2010 * S + i * S });
	for (int i = 0; i < 20; i++)
		tell(seen, vrrp, 20, 7, T0 + 2020 * S + i * S);
	tick(seen, T0 + 2050 * S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

static void what_was_asked_before_the_start_is_not_known(void **state)
{
	struct seen *seen = begin(); /* watches from T0 - 10 s on */

	(void)state;
	for (int i = 0; i < 5; i++)
		tell(seen, router, 1, 7, T0 - 10 * S + (uint64_t)i * 100 * MS);
	tick(seen, T0);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 0);
	end(seen);
}

static void forged_neighbour_answers_are_found(void **state)
{
	/* RFC 4861 4.4: 86 bytes; told to one, not asked for */
	uint8_t frame[86] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60, [19] = 32,	  [20] = 58,
			      [21] = 255,  [22] = 0xfe, [23] = 0x80, [37] = 66,	  [38] = 0xfe,
			      [39] = 0x80, [53] = 7,	[54] = 136,  [58] = 0x20, [62] = 0xfe,
			      [63] = 0x80, [77] = 1,	[78] = 2,    [79] = 1 };
	struct seen *seen = begin();

	(void)state;
	memcpy(frame, victim, 6);
	memcpy(frame + 6, liar, 6);
	memcpy(frame + 80, liar, 6);
	for (int i = 0; i < 3; i++)
		send_frame(seen, frame, sizeof(frame), T0 + i * S);
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_ARP_SPOOF], 1);
	assert_non_null(
		strstr(seen->last[DETECTOR_ARP_SPOOF].reason,
		       "told fe80::7 3 times, without being asked, that fe80::1 is its own"));
	end(seen);
}

/* ---- devices, sweeps, nonsense ----------------------------------------------------------------
 */

static void a_device_after_the_learning_is_new_once(void **state)
{
	struct seen *seen = begin();

	(void)state;
	ask_for(seen, router, 1, 7, T0);
	tick(seen, T0 + S);
	ask_for(seen, router, 1, 7, LATE);
	ask_for(seen, liar, 66, 1, LATE);
	tick(seen, LATE + S);
	ask_for(seen, liar, 66, 1, LATE + 2 * S);
	tick(seen, LATE + 3 * S);
	assert_int_equal(seen->count[DETECTOR_NEW_DEVICE], 1);
	assert_string_equal(seen->last[DETECTOR_NEW_DEVICE].reason,
			    "A device with the hardware address 00:11:22:00:00:42 and the address "
			    "198.18.0.66 was seen for the first time. Normal are the devices seen "
			    "while learning.");
	assert_int_equal(seen->above_low, 0);
	end(seen);
}

static void made_up_devices_are_said_a_few_times_an_hour(void **state)
{
	struct seen *seen = begin();
	uint8_t mac[6] = { 0x02 };

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(mac + 1, &i, 4);
		ask_for(seen, mac, 66, 1, LATE + i * 1000);
		if (i % 1000 == 0)
			tick(seen, LATE + i * 1000);
	}
	tick(seen, LATE + S);
	assert_int_equal(seen->count[DETECTOR_NEW_DEVICE], 8);
	end(seen);
}

static void asking_for_sixty_addresses_is_a_sweep(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 59; i++)
		ask_for(seen, liar, 66, (uint8_t)(100 + i), T0 + i * 20 * MS);
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
	ask_for(seen, liar, 66, 200, T0 + 2 * S);
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 1);
	assert_string_equal(seen->last[DETECTOR_HOST_SCAN].reason,
			    "198.18.0.66 asked by ARP for 60 addresses of its network in 2 s. "
			    "Normal is under 60 in 10 s.");
	end(seen);
}

static void frames_of_any_length_and_content_are_survived(void **state)
{
	struct seen *seen = begin();
	uint8_t frame[256];
	uint64_t x = 7;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		static const uint16_t types[] = { 0x0806, 0x86dd, 0x8100, 0x0800 };
		size_t len = round % sizeof(frame);
		uint8_t *exact = malloc(len ? len : 1); /* so that a read beyond is seen */

		assert_non_null(exact);
		for (size_t i = 0; i < sizeof(frame); i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			frame[i] = (uint8_t)(x >> 56);
		}
		frame[12] = (uint8_t)(types[round % 4] >> 8);
		frame[13] = (uint8_t)types[round % 4];
		frame[20] = 58;
		frame[21] = 255;
		frame[54] = round & 1 ? 135 : 136;
		memcpy(exact, frame, len);
		send_frame(seen, exact, len, T0 + round);
		free(exact);
	}
	tick(seen, T0 + S);
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_unasked_answers_are_forged_and_two_are_not),
		cmocka_unit_test(two_against_the_routers_own_are_enough),
		cmocka_unit_test(one_by_a_device_with_another_address_names_it),
		cmocka_unit_test(a_late_look_names_the_address_too),
		cmocka_unit_test(an_answer_to_somebody_elses_question_is_unasked),
		cmocka_unit_test(a_crowd_that_asks_is_answered),
		cmocka_unit_test(announcing_the_routers_address_on_and_on_is_forged),
		cmocka_unit_test(a_device_that_took_an_address_over_may_go_on),
		cmocka_unit_test(both_ends_of_one_betrayal_are_one_source),
		cmocka_unit_test(honest_networks_are_quiet),
		cmocka_unit_test(what_was_asked_before_the_start_is_not_known),
		cmocka_unit_test(forged_neighbour_answers_are_found),
		cmocka_unit_test(a_device_after_the_learning_is_new_once),
		cmocka_unit_test(made_up_devices_are_said_a_few_times_an_hour),
		cmocka_unit_test(asking_for_sixty_addresses_is_a_sweep),
		cmocka_unit_test(frames_of_any_length_and_content_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

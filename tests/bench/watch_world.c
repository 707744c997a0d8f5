/*
 * One step after the other, as the pipeline does it.
 */
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "agent/detect/detect.h"
#include "agent/model/model.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/flow.h"
#include "tests/bench/watch_world.h"

#define SEEN_MAX 65536

/* ---- a world: time, hosts, flows --------------------------------------------------------------
 */

static bool is_first(struct world *world, const struct addr *src)
{
	uint64_t key = addr_hash(src, world->now_ns / (3600 * NS_PER_S)) | 1;

	for (uint64_t at = key % SEEN_MAX;; at = (at + 1) % SEEN_MAX) {
		if (world->seen[at] == key)
			return false;
		if (!world->seen[at]) {
			world->seen[at] = key;
			return true;
		}
	}
}

static void take_alarm(void *arg, const struct model_alarm *alarm)
{
	struct world *world = arg;

	world->alarms++;
	if (!is_first(world, &alarm->src))
		return;
	world->incidents++;
	world->suspicious += model_alarm_is_suspicious(alarm) && alarm->rate * 10 < alarm->allowed;
}

static void take_finding(void *arg, const struct finding *finding)
{
	struct world *world = arg;

	if (finding->severity == SEVERITY_LOW)
		return;
	model_watch_flag(world->watch, &finding->src, world->now_ns);
	model_watch_suffer(world->watch, &finding->dst, world->now_ns);
}

void open_world(struct world *world, double budget, bool has_detectors)
{
	const struct model_watch_options options = { .hosts_max = HOSTS_MAX,
						     .alerts_per_day = budget,
						     .settle_s = 3600,
						     .seed = 11,
						     .on_alarm = take_alarm,
						     .arg = world };
	const struct detect_options detect = {
		.on_finding = take_finding, .arg = world, .hosts_max = 16384, .start_ns = BEGIN_NS
	};

	*world = (struct world){ .random = { .state = 17 }, .now_ns = BEGIN_NS };
	world->seen = calloc(SEEN_MAX, sizeof(*world->seen));
	if (!world->seen || model_watch_new(&options, &world->watch) ||
	    (has_detectors && detect_new(&detect, &world->detect)))
		exit(1);
}

void close_world(struct world *world)
{
	model_watch_free(world->watch);
	detect_free(world->detect);
	free(world->seen);
}

struct addr address(uint32_t host_order)
{
	const uint32_t network = htonl(host_order);

	return addr_from_ipv4(&network);
}

void say(struct world *world, const struct talk *talk)
{
	bool is_answered = talk->is_answered;
	struct flow flow = {
		.id = ++world->flows,
		.tuple = { .src = talk->src,
			   .dst = talk->dst,
			   .src_port = (uint16_t)(32768 + world->flows % 28000),
			   .dst_port = talk->port,
			   .proto = talk->port == 53 ? IPPROTO_UDP : IPPROTO_TCP },
		.state = is_answered ? FLOW_CLOSED : FLOW_EXPIRED,
		.is_final = true,
		.ingress = true,
		.packets_out = is_answered ? 4 + talk->bytes_out / 1400 : 1,
		.packets_in = is_answered ? 4 + talk->bytes_in / 1400 : 0,
		.bytes_out = is_answered ? talk->bytes_out : 60,
		.bytes_in = is_answered ? talk->bytes_in : 0,
		.tcp_flags_out = TCP_FLAG_SYN | (is_answered ? TCP_FLAG_ACK : 0),
		.tcp_flags_in = is_answered ? TCP_FLAG_SYN | TCP_FLAG_ACK : 0,
		.first_ns = world->now_ns,
		.last_ns = world->now_ns + talk->length_ms * NS_PER_MS,
	};
	uint8_t src = talk->src.bytes[12] == 10 || talk->src.bytes[12] == 172 ? LEARNING_LOCAL
									      : LEARNING_REMOTE;
	uint8_t dst = talk->dst.bytes[12] == 10 || talk->dst.bytes[12] == 172 ? LEARNING_LOCAL
									      : LEARNING_REMOTE;

	model_watch_begin(world->watch, &flow, src, dst);
	model_watch_record(world->watch, &flow);
	if (world->detect)
		detect_flow(world->detect, &flow, true, world->now_ns);
}

void tick(struct world *world, uint64_t now_ns)
{
	struct model_job *job;

	world->now_ns = now_ns;
	if (world->detect)
		detect_tick(world->detect, now_ns, (int64_t)(now_ns / NS_PER_MS));
	model_watch_tick(world->watch, now_ns);
	while ((job = model_watch_job(world->watch))) {
		model_job_run(job);
		(void)model_watch_take(world->watch, job, 0);
	}
}

uint32_t below(struct world *world, uint32_t n)
{
	return random_below(&world->random, n);
}

uint64_t draw_bytes(struct world *world, double middle)
{
	double u = random_unit(&world->random), v = random_unit(&world->random);

	return (uint64_t)(middle * exp(1.5 * sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v)));
}

/* ---- ordinary life of @clients: pages in bursts by day, checks for mail, a nightly backup ------
 */

static void fetch(struct world *world, uint32_t client)
{
	struct talk talk = { .src = address(0x0a000001 + client),
			     .dst = address(0x0a0000fe),
			     .port = 53,
			     .is_answered = true,
			     .bytes_out = 60 + below(world, 30),
			     .bytes_in = 100 + below(world, 300),
			     .length_ms = 5 + below(world, 40) };
	/* a few places often, many seldom (Zipf) */
	uint32_t place = (uint32_t)exp(random_unit(&world->random) * 6.9);

	say(world, &talk);
	talk.dst = address(0xcb007100U + place);
	talk.port = below(world, 10) ? 443 : 80;
	talk.is_answered = below(world, 100) != 0;
	talk.bytes_out = 400 + draw_bytes(world, 800);
	talk.bytes_in = draw_bytes(world, 20000);
	talk.length_ms = 50 + (uint32_t)draw_bytes(world, 400) % 60000;
	say(world, &talk);
}

void pass_second(struct world *world, struct office *office)
{
	uint64_t second = world->now_ns / NS_PER_S, hour = second / 3600 % 24;
	bool is_day = hour >= 8 && hour < 18;

	for (uint32_t i = 0; i < office->clients; i++) {
		const struct talk mail = { .src = address(0x0a000001 + i),
					   .dst = address(0xcb007102U),
					   .port = 993,
					   .is_answered = true,
					   .bytes_out = 900,
					   .bytes_in = 1500 + below(world, 3000),
					   .length_ms = 300 };
		struct talk backup = mail;

		if ((second + i * 37) % 300 == 0)
			say(world, &mail);
		if (below(world, is_day ? 60 : 1800) == 0)
			office->pages_left[i] = 1 + below(world, 12);
		for (int n = 0; n < 3 && office->pages_left[i]; n++, office->pages_left[i]--)
			fetch(world, i);
		backup.dst = address(0x0a0000fd);
		backup.port = 22;
		backup.bytes_out = 200000000 + draw_bytes(world, 50000000);
		backup.length_ms = 20000;
		if (second % DAY_S == 2 * 3600 + i * 90)
			say(world, &backup);
	}
	tick(world, world->now_ns + NS_PER_S);
}

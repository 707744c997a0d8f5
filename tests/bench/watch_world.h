/*
 * Simulated hosts for the bench of the anomaly model: ordinary life of an office's clients, flow by
 * flow, second by second, into the model and, if wanted, the named detectors.
 */
#ifndef SLUICE_TESTS_BENCH_WATCH_WORLD_H
#define SLUICE_TESTS_BENCH_WATCH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/model/random.h"
#include "include/addr.h"

#define BEGIN_NS  (1000 * NS_PER_S)
#define DAY_S	  86400
#define HOSTS_MAX 100000
#define BUDGET	  5 /* [Detect] alerts_per_day */

struct detect;
struct model_watch;

struct world {
	struct model_watch *watch;
	struct detect *detect; /* NULL: nobody keeps attacks out */
	struct random random;
	uint64_t now_ns, flows, alarms, suspicious, incidents;
	uint64_t *seen; /* hashes of source and hour: one incident each */
};

void open_world(struct world *world, double budget, bool has_detectors);
void close_world(struct world *world);

struct talk {
	struct addr src, dst;
	uint16_t port;
	bool is_answered;
	uint64_t bytes_out, bytes_in;
	uint32_t length_ms;
};

/* say - a flow, whole. */
void say(struct world *world, const struct talk *talk);
/* tick - windows close, detectors judge, fits that are due are made at once. */
void tick(struct world *world, uint64_t now_ns);
uint32_t below(struct world *world, uint32_t n);
/* Heavy-tailed, as sizes of what people fetch are: log-normal around @middle, factor e^1.5. */
uint64_t draw_bytes(struct world *world, double middle);
struct addr address(uint32_t host_order);

/* Pages in bursts by day, checks for mail, a nightly backup. */
#define CLIENTS_MAX 64

struct office {
	uint32_t clients;
	uint32_t pages_left[CLIENTS_MAX];
};

void pass_second(struct world *world, struct office *office);

#endif

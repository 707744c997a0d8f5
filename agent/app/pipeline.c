/*
 * A packet's way through core, one step after the other.
 */
#include "agent/app/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/app/anomaly.h"
#include "agent/app/cell.h"
#include "agent/app/hits.h"
#include "agent/app/known.h"
#include "agent/app/messages.h"
#include "agent/app/mirror.h"
#include "agent/app/naming.h"
#include "agent/app/orders.h"
#include "agent/app/outlet.h"
#include "agent/app/pipeline_internal.h"
#include "agent/capture/capture.h"
#include "agent/detect/detect.h"
#include "agent/flow/flow.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/queue.h"

#define DRAIN_PERIOD_MS	  100 /* rings: an eviction waits at most this long */
#define DRAINS_PER_SECOND (1000 / DRAIN_PERIOD_MS)
#define FLOWS_MAX	  100000 /* issue's memory bar is measured at this many */
#define FLOWS_ENDED_KEPT  4096
#define DETECT_PAIRS_MAX  16384
#define ORDERS_MAX	  64
#define EVENTS_MAX	  4
/* The lease (DESIGN 3): renewed every second, see renew_lease; a clean stop leaves a minute. */
#define LEASE_NS      (24ULL * 3600 * NS_PER_S)
#define LEASE_STOP_NS (60 * NS_PER_S)

static int64_t unix_minus_mono_ms(struct pipeline *p)
{
	return clock_unix_ms() - (int64_t)(capture_now_ns(p->options.capture) / NS_PER_MS);
}

/* ---- steps -------------------------------------------------------------------------------- */

static void take_delta(void *arg, const struct flow_delta *delta)
{
	struct pipeline *p = arg;
	struct flow_delta turned = *delta;

	if (atomic_load(&p->is_paused))
		return;
	mirror_turn(p->options.mirror, &turned);
	detect_delta(p->detect, &turned);
	p->processed += delta->packets;
	(void)flow_table_add(p->flows, &turned,
			     unix_minus_mono_ms(p)); /* "full" is counted there */
}

static void take_hit(void *arg, const struct capture_hit *hit)
{
	struct pipeline *p = arg;

	if (hit->is_counted) {
		const struct detect_contact contact = {
			.tuple = hit->tuple,
			.is_outgoing = hit->direction == DIRECTION_EGRESS,
			.list = hits_list_of(p->hits, hit->rule_id),
			.at_ns = hit->at_ns,
		};

		detect_listed(p->detect, &contact);
		return;
	}
	hits_take(p->hits, hit, unix_minus_mono_ms(p)); /* "full" is counted there */
}

static void take_payload(void *arg, const struct payload *payload)
{
	struct pipeline *p = arg;

	if (!atomic_load(&p->is_paused))
		detect_payload(p->detect, payload);
	if (!payload->is_frame)
		naming_way_take(p->naming, payload);
}

static void flow_changed(void *arg, const struct flow *flow, bool is_new)
{
	struct pipeline *p = arg;

	if (is_new) {
		naming_way_begin(p->naming, flow);
		anomaly_begin(p->anomaly, flow);
	}
	detect_flow(p->detect, flow, is_new, capture_now_ns(p->options.capture));
}

/* Hits are counted by the rules; these are samples, and say who and where. */
static void hit_recorded(void *arg, const struct flow *flow, const struct flow_extra *extra)
{
	struct pipeline *p = arg;

	(void)store_flow_add(p->options.store, flow, extra); /* counted there when full */
}

static uint64_t take_flow_id(void *arg)
{
	struct pipeline *p = arg;

	return flow_table_take_id(p->flows);
}

static void flow_recorded(void *arg, const struct flow *flow)
{
	struct pipeline *p = arg;

	const struct flow_extra extra = { .names = flow_table_names(p->flows, flow) };

	anomaly_record(p->anomaly, flow);
	outlet_flow(p->outlet, flow);
	/* a full queue is counted as rows lost */
	(void)store_flow_add(p->options.store, flow, &extra);
}

static void finding_found(void *arg, const struct finding *finding)
{
	struct pipeline *p = arg;
	struct service_message *message = malloc(sizeof(*message));

	anomaly_flag(p->anomaly, finding, capture_now_ns(p->options.capture));
	if (message) {
		message->kind = MESSAGE_FINDING;
		message->finding = *finding;
		if (!queue_push(p->options.service, message))
			return;
		free(message);
	}
	p->findings_lost++;
	log_write_limited(&p->limit, LOG_LEVEL_WARN, "a finding was lost lost=%llu",
			  (unsigned long long)p->findings_lost);
}

static void thing_seen(void *arg, const struct seen_key *key)
{
	const struct pipeline *p = arg;

	store_seen_note(p->options.store, key, clock_unix_ms() / 1000);
}

static void drain(struct pipeline *p, bool scan)
{
	const struct capture_sink sink = {
		.arg = p, .on_flow = take_delta, .on_hit = take_hit, .on_payload = take_payload
	};
	int error = capture_drain(p->options.capture, scan, &sink);

	naming_way_enforce(p->naming);
	if (error < 0)
		log_write_limited(&p->limit, LOG_LEVEL_ERROR, "cannot drain the datapath error=%s",
				  strerror(-error));
}

/*
 * The lease keeps a dead agent from blocking for ever. Renewed every second, so that whatever took
 * it away (`sluice panic off` included) is made good at once; `sluice panic` is not overruled.
 */
static void renew_lease(struct pipeline *p)
{
	bool is_panicked = p->is_panic_ordered || capture_is_panicked(p->options.capture);
	bool may_drop = !p->options.is_dry_run && !p->is_panic_ordered;
	int error;

	atomic_store(&p->is_panicked, is_panicked);
	error = capture_lease(p->options.capture, may_drop ? clock_boot_ns() + LEASE_NS : 0);
	if (error)
		log_write_limited(&p->limit, LOG_LEVEL_ERROR,
				  "cannot renew the lease, blocks end by themselves error=%s",
				  strerror(-error));
}

static void close_second(struct pipeline *p)
{
	int64_t unix_ms = clock_unix_ms();
	int64_t unix_s = unix_ms / 1000;
	struct totals totals = { 0 };

	/* one row a second, also when two ticks fall into one second of the wall clock */
	if (unix_s <= p->last_unix_s && p->last_unix_s - unix_s < 5)
		unix_s = p->last_unix_s + 1;
	p->last_unix_s = unix_s;
	drain(p, true);
	flow_table_expire(p->flows, capture_now_ns(p->options.capture));
	naming_way_expire(p->naming, capture_now_ns(p->options.capture));
	hits_expire(p->hits, capture_now_ns(p->options.capture));
	if (!atomic_load(&p->is_paused)) {
		detect_tick(p->detect, capture_now_ns(p->options.capture), unix_ms);
		anomaly_tick(p->anomaly, capture_now_ns(p->options.capture), unix_ms);
	}
	flow_table_second(p->flows, unix_s, &totals);
	if (capture_coverage(p->options.capture, &p->coverage))
		log_write_limited(&p->limit, LOG_LEVEL_WARN, "cannot read the counters");
	else
		pipeline_take_coverage(p, &totals, unix_ms);
	(void)store_totals_add(p->options.store, &totals); /* counted there when full */
	renew_lease(p);
	pipeline_publish(p, &totals, unix_ms);
}

/* ---- the thread --------------------------------------------------------------------------- */

static void catch_up(void *arg)
{
	drain(arg, false);
}

static void serve_orders(struct pipeline *p)
{
	const struct orders_ends ends = { .capture = p->options.capture,
					  .names = naming_way_names(p->naming),
					  .hits = p->hits,
					  .panic = &p->is_panic_ordered,
					  .catch_up = catch_up,
					  .arg = p };
	bool was = p->is_panic_ordered;

	orders_serve(&p->orders, &ends);
	if (was != p->is_panic_ordered)
		renew_lease(p);
}

/* Lists go into the datapath a few milliseconds at a time. Returns whether there is more. */
static bool step_lists(struct pipeline *p)
{
	int left = capture_list_step(p->options.capture);

	if (left < 0)
		log_write_limited(&p->limit, LOG_LEVEL_ERROR,
				  "a blocklist is not complete error=%s", strerror(-left));
	atomic_store(&p->orders.is_busy, left > 0);
	return left > 0;
}

static void take_ticks(struct pipeline *p)
{
	uint64_t ticks = 0;
	unsigned int was;

	if (read(p->timer, &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks))
		return;
	was = p->drains;
	p->drains += (unsigned int)(ticks < DRAINS_PER_SECOND ? ticks : DRAINS_PER_SECOND);
	if (p->drains < DRAINS_PER_SECOND) {
		bool is_half = was < DRAINS_PER_SECOND / 2 && p->drains >= DRAINS_PER_SECOND / 2;

		drain(p, is_half);
		if (is_half)
			detect_glance(p->detect, capture_now_ns(p->options.capture),
				      clock_unix_ms());
		return;
	}
	p->drains = 0;
	close_second(p);
	outlet_flush(p->outlet);
}

static void *pipeline_main(void *arg)
{
	struct pipeline *p = arg;
	int event_fd = capture_event_fd(p->options.capture);
	bool has_more = false;

	/* a connection in pieces is cut within 20 ms, whatever else this machine computes; where
	 * the limit does not allow it (a demo without rights) it waits its turn */
	(void)setpriority(PRIO_PROCESS, 0, PIPELINE_NICE);
	while (!atomic_load(&p->is_stopping)) {
		struct epoll_event events[EVENTS_MAX];
		int count = epoll_wait(p->epoll, events, EVENTS_MAX, has_more ? 0 : 1000);

		atomic_fetch_add(&p->beats, 1);
		serve_orders(p);
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == p->timer)
				take_ticks(p);
			else if (events[i].data.fd == event_fd)
				drain(p, false); /* a name that may be blocked */
		}
		has_more = step_lists(p);
	}
	return NULL;
}

static int watch(struct pipeline *p, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_clockwork(struct pipeline *p)
{
	struct itimerspec every = { .it_interval.tv_nsec = DRAIN_PERIOD_MS * 1000000L,
				    .it_value.tv_nsec = DRAIN_PERIOD_MS * 1000000L };
	int error;

	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (p->epoll < 0 || p->timer < 0 || timerfd_settime(p->timer, 0, &every, NULL))
		return -errno;
	error = watch(p, p->timer);
	if (!error)
		error = watch(p, queue_fd(p->orders.queue));
	if (!error && capture_event_fd(p->options.capture) >= 0)
		error = watch(p, capture_event_fd(p->options.capture));
	return error;
}

static int open_anomaly(struct pipeline *p)
{
	const struct anomaly_options options = { .config = p->options.config,
						 .dir = p->options.dir,
						 .cell = p->options.cell,
						 .seed = p->options.seed,
						 .on_finding = finding_found,
						 .arg = p };

	return anomaly_start(&options, &p->anomaly);
}

static int open_naming(struct pipeline *p)
{
	const struct naming_ends ends = { .capture = p->options.capture,
					  .flows = p->flows,
					  .detect = p->detect,
					  .hits = p->hits,
					  .facts = p->options.facts };

	return naming_way_new(&ends, &p->naming);
}

static int build(struct pipeline *p)
{
	const struct flow_options flows = {
		.capacity = FLOWS_MAX,
		.ended_kept = FLOWS_ENDED_KEPT,
		.first_id = store_next_flow_id(p->options.store) + p->options.flow_ids_used,
		.sink = { .arg = p, .on_change = flow_changed, .on_record = flow_recorded },
	};
	const struct detect_options detect = { .on_finding = finding_found,
					       .arg = p,
					       .hosts_max = DETECT_PAIRS_MAX,
					       .start_ns = capture_now_ns(p->options.capture),
					       .learn_s = p->options.learn_s,
					       .on_seen = thing_seen };
	const struct hits_sink hits = { p, take_flow_id, hit_recorded };
	int error = flow_table_new(&flows, &p->flows);

	if (!error)
		error = hits_new(&hits, &p->hits);
	if (!error)
		error = detect_new(&detect, &p->detect);
	if (!error)
		known_load(p->options.store, p->detect, p->options.learn_s);
	if (!error)
		error = open_anomaly(p);
	if (!error)
		error = open_naming(p);
	if (!error)
		error = outlet_new(p->options.outputs, &p->outlet);
	if (!error)
		naming_way_tell(p->naming, p->outlet);
	if (!error)
		error = queue_new(ORDERS_MAX, &p->orders.queue);
	if (!error)
		error = open_clockwork(p);
	return error;
}

static void unbuild(struct pipeline *p)
{
	if (p->timer >= 0)
		close(p->timer);
	if (p->epoll >= 0)
		close(p->epoll);
	queue_free(p->orders.queue);
	hits_free(p->hits);
	naming_way_free(p->naming);
	outlet_free(p->outlet);
	anomaly_stop(p->anomaly);
	detect_free(p->detect);
	flow_table_free(p->flows);
	free(p);
}

int pipeline_start(const struct pipeline_options *options, struct pipeline **out)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int error;

	if (!p)
		return -ENOMEM;
	p->options = *options;
	p->epoll = p->timer = -1;
	error = build(p);
	if (!error) {
		renew_lease(p); /* before the first packet, not a second after it */
		pipeline_show_beginning(p);
		error = -pthread_create(&p->thread, NULL, pipeline_main, p);
	}
	if (error) {
		unbuild(p);
		return error;
	}
	*out = p;
	return 0;
}

void pipeline_stop(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	atomic_store(&pipeline->is_stopping, true);
	(void)pthread_join(pipeline->thread, NULL); /* it wakes at least once a second */
	serve_orders(pipeline);
	drain(pipeline, true);
	flow_table_flush(pipeline->flows);
	hits_flush(pipeline->hits);
	if (!pipeline->options.keeps_on_stop && !pipeline->options.is_dry_run &&
	    capture_lease(pipeline->options.capture, clock_boot_ns() + LEASE_STOP_NS))
		log_warn("the lease could not be shortened, blocks stay up to 24 h");
	unbuild(pipeline);
}

struct block_datapath pipeline_datapath(struct pipeline *pipeline)
{
	return orders_datapath(&pipeline->orders);
}

int pipeline_panic(struct pipeline *pipeline, bool on)
{
	return orders_panic(&pipeline->orders, on);
}

void pipeline_pause(struct pipeline *pipeline, bool on)
{
	atomic_store(&pipeline->is_paused, on);
}

bool pipeline_is_paused(const struct pipeline *pipeline)
{
	return atomic_load(&pipeline->is_paused);
}

struct orders *pipeline_orders(struct pipeline *pipeline)
{
	return &pipeline->orders;
}

struct anomaly *pipeline_anomaly(struct pipeline *pipeline)
{
	return pipeline->anomaly;
}

uint64_t pipeline_beats(const struct pipeline *pipeline)
{
	return atomic_load(&pipeline->beats);
}

bool pipeline_is_panicked(const struct pipeline *pipeline)
{
	return atomic_load(&pipeline->is_panicked);
}

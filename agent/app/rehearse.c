/*
 * The clock goes in steps as the pipeline's does: rings ten times a second, everything once.
 */
#include "agent/app/rehearse.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/app/naming.h"
#include "agent/capture/capture.h"
#include "agent/demo/demo.h"
#include "agent/detect/detect.h"
#include "agent/flow/flow.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

#define STEP_NS	   (100 * NS_PER_MS)
#define STEPS	   10 /* a second */
#define FLOWS_MAX  65536
#define PAIRS_MAX  16384
#define FLOW_SLOTS 1024
#define IDLE_NS	   (20 * NS_PER_S)
#define BEGIN_NS   NS_PER_S /* no time is 0: it means never */

struct rehearsal {
	const struct rehearse_options *options;
	struct capture *capture;
	struct flow_table *flows;
	struct detect *detect;
	struct naming_way *naming;
	uint64_t now_ns;
};

static uint64_t read_clock(void *arg)
{
	const struct rehearsal *r = arg;

	return r->now_ns;
}

static int64_t unix_minus_mono_ms(const struct rehearsal *r)
{
	return r->options->start_unix_ms - (int64_t)(BEGIN_NS / NS_PER_MS);
}

static int64_t unix_now_ms(const struct rehearsal *r)
{
	return unix_minus_mono_ms(r) + (int64_t)(r->now_ns / NS_PER_MS);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void take_delta(void *arg, const struct flow_delta *delta)
{
	struct rehearsal *r = arg;

	detect_delta(r->detect, delta);
	(void)flow_table_add(r->flows, delta, unix_minus_mono_ms(r)); /* full: as when it runs */
}

static void take_payload(void *arg, const struct payload *payload)
{
	struct rehearsal *r = arg;

	detect_payload(r->detect, payload);
	if (!payload->is_frame)
		naming_way_take(r->naming, payload);
}

static void flow_changed(void *arg, const struct flow *flow, bool is_new)
{
	struct rehearsal *r = arg;

	if (is_new)
		naming_way_begin(r->naming, flow);
	detect_flow(r->detect, flow, is_new, r->now_ns);
}

static void flow_recorded(void *arg, const struct flow *flow)
{
	struct rehearsal *r = arg;

	if (r->options->on_record)
		r->options->on_record(r->options->arg, flow, flow_table_names(r->flows, flow));
}

static void finding_found(void *arg, const struct finding *finding)
{
	struct rehearsal *r = arg;

	if (r->options->on_finding)
		r->options->on_finding(r->options->arg, finding, unix_now_ms(r));
}

static int step(struct rehearsal *r, bool is_second)
{
	const struct capture_sink sink = { .arg = r,
					   .on_flow = take_delta,
					   .on_payload = take_payload };
	int count = capture_drain(r->capture, is_second, &sink);

	if (count < 0)
		return count;
	if (!is_second)
		return 0;
	flow_table_expire(r->flows, r->now_ns);
	naming_way_expire(r->naming, r->now_ns);
	detect_tick(r->detect, r->now_ns, unix_now_ms(r));
	return 0;
}

/* Where nothing happens for longer than flows and detectors remember what goes on, nothing is to be
 * seen: on to the next attack, a whole number of seconds. */
static void skip_idle(struct rehearsal *r, uint64_t end_ns)
{
	uint64_t due_ns = demo_due_ns(r->capture);

	if (due_ns > end_ns)
		due_ns = end_ns;
	if (flow_table_len(r->flows) || due_ns < r->now_ns + IDLE_NS)
		return;
	r->now_ns += (due_ns - r->now_ns) / NS_PER_S * NS_PER_S - NS_PER_S;
}

static int run(struct rehearsal *r)
{
	uint64_t end_ns = r->now_ns + r->options->length_s * NS_PER_S;
	int error = 0;

	for (unsigned int i = 1; !error && r->now_ns < end_ns; i++) {
		r->now_ns += STEP_NS;
		error = step(r, i % STEPS == 0);
		if (r->options->quiet_after_s && i % STEPS == 0)
			skip_idle(r, end_ns);
	}
	if (!error)
		flow_table_flush(r->flows);
	return error;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_naming(struct rehearsal *r)
{
	const struct naming_ends ends = { .capture = r->capture,
					  .flows = r->flows,
					  .detect = r->detect };

	return naming_way_new(&ends, &r->naming);
}

static int open_all(struct rehearsal *r)
{
	const struct rehearse_options *options = r->options;
	const struct demo_options demo = { .seed = options->seed,
					   .speed = 1.0,
					   .flow_slots = FLOW_SLOTS,
					   .truth_path = options->truth_path,
					   .clock_ns = read_clock,
					   .clock_arg = r,
					   .start_unix_ms = options->start_unix_ms,
					   .quiet_after_s = options->quiet_after_s,
					   .attack_rarity = options->attack_rarity };
	const struct flow_options flows = {
		.capacity = FLOWS_MAX,
		.first_id = options->first_flow_id,
		.sink = { .arg = r, .on_change = flow_changed, .on_record = flow_recorded },
	};
	const struct detect_options detect = { .on_finding = finding_found,
					       .arg = r,
					       .hosts_max = PAIRS_MAX,
					       .start_ns = r->now_ns,
					       .learn_s = options->learn_s };
	int error = demo_open(&demo, &r->capture);

	if (!error)
		error = flow_table_new(&flows, &r->flows);
	if (!error)
		error = detect_new(&detect, &r->detect);
	if (!error)
		error = open_naming(r);
	return error;
}

int rehearse(const struct rehearse_options *options)
{
	struct rehearsal r = { .options = options, .now_ns = BEGIN_NS };
	int error = open_all(&r);

	if (!error)
		error = run(&r);
	naming_way_free(r.naming);
	detect_free(r.detect);
	flow_table_free(r.flows);
	capture_close(r.capture);
	return error;
}

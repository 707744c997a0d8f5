/*
 * The coverage meter watches itself: packets the datapath saw but neither counted into a flow nor
 * under another name, packets it could not attribute, events it lost. Fed once a second.
 *
 * Flows are read before the counters, so the gap of a busy interface is at most what came since the
 * look before. Whatever is more than that through a whole window, and was not there in earlier
 * ones, is packets that will never be accounted for: on a quiet interface a single one.
 */
#include "agent/detect/detect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/say.h"
#include "agent/util/clock.h"
#include "include/coverage.h"

#define WINDOW_S  5
#define REPEAT_NS (60 * NS_PER_S)
#define SIDES	  2

struct side {
	char name[IFACE_NAME_MAX];
	uint64_t seen, unattributed; /* as of the last look */
	/* of this window's looks: the least gap, and the least of what no traffic explains */
	uint64_t least_gap, least_sure;
	uint64_t known; /* missing: said, or from before; UINT64_MAX: no window is over yet */
	unsigned int looks;
};

struct watch {
	struct side sides[COVERAGE_IFACES_MAX][SIDES];
	uint64_t events_lost;
	bool has_first;
	/* what is to be said: collected until the repeat is over */
	uint64_t gap, unattributed, lost;
	char where[IFACE_NAME_MAX];
	uint64_t since_ns, said_ns;
};

/* ---- looking ----------------------------------------------------------------------------------
 */

static uint64_t gap_of(const struct coverage_direction *dir)
{
	uint64_t known = dir->in_flows + dir->dropped + dir->unattributed;

	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		known += dir->not_flow[i];
	return dir->seen > known ? dir->seen - known : known - dir->seen;
}

static void begin_side(struct side *side, const char *name, const struct coverage_direction *dir)
{
	*side = (struct side){ .seen = dir->seen,
			       .unattributed = dir->unattributed,
			       .least_gap = UINT64_MAX,
			       .least_sure = UINT64_MAX,
			       .known = UINT64_MAX };
	(void)snprintf(side->name, sizeof(side->name), "%s", name);
}

/* The packets of which it is known since this look that they are missing for good.
 * @moved: packets seen since the look before */
static uint64_t look_at_gap(struct side *side, uint64_t gap, uint64_t moved)
{
	uint64_t sure = gap > moved ? gap - moved : 0, risen = 0;

	if (gap < side->least_gap)
		side->least_gap = gap;
	if (sure < side->least_sure)
		side->least_sure = sure;
	if (++side->looks < WINDOW_S)
		return 0;
	if (side->least_gap < side->known)
		side->known = side->least_gap; /* the rest was on its way */
	if (side->least_sure > side->known) {
		risen = side->least_sure - side->known;
		side->known = side->least_sure;
	}
	side->least_gap = side->least_sure = UINT64_MAX;
	side->looks = 0;
	return risen;
}

static void note_place(struct watch *watch, const char *name)
{
	(void)snprintf(watch->where, sizeof(watch->where), "%s", name);
}

static void look_at_side(struct watch *watch, struct side *side, const char *name,
			 const struct coverage_direction *dir)
{
	uint64_t missing;

	/* another interface has the index, or its counters began anew */
	if (strcmp(side->name, name) != 0 || dir->seen < side->seen ||
	    dir->unattributed < side->unattributed) {
		begin_side(side, name, dir);
		return;
	}
	missing = look_at_gap(side, gap_of(dir), dir->seen - side->seen);
	if (missing || dir->unattributed > side->unattributed)
		note_place(watch, name);
	watch->gap += missing;
	watch->unattributed += dir->unattributed - side->unattributed;
	side->seen = dir->seen;
	side->unattributed = dir->unattributed;
}

static void look(struct watch *watch, const struct coverage *coverage)
{
	for (unsigned int i = 0; i < coverage->iface_count && i < COVERAGE_IFACES_MAX; i++) {
		const struct coverage_iface *iface = &coverage->ifaces[i];
		struct side *sides = watch->sides[iface->index % COVERAGE_IFACES_MAX];

		for (int side = 0; side < SIDES; side++)
			look_at_side(watch, &sides[side], iface->name, &iface->dir[side]);
	}
	/* what earlier runs lost was said then */
	if (watch->has_first && coverage->events_lost > watch->events_lost)
		watch->lost += coverage->events_lost - watch->events_lost;
	watch->events_lost = coverage->events_lost;
	watch->has_first = true;
}

/* ---- saying -----------------------------------------------------------------------------------
 */

static void write_reason(const struct watch *watch, char *reason)
{
	const char *at = *watch->where ? watch->where : "all interfaces";

	(void)snprintf(reason, FINDING_REASON_MAX,
		       "Not everything was counted: on %s %llu packets are missing from the sums, "
		       "%llu could not be put into a flow, and %llu events were lost. Normal is 0 "
		       "of each; blocking is not affected.",
		       at, (unsigned long long)watch->gap, (unsigned long long)watch->unattributed,
		       (unsigned long long)watch->lost);
}

static void say(struct watch *watch, const struct detect_moment *moment)
{
	struct finding finding = {
		.detector = DETECTOR_COVERAGE,
		.severity = watch->gap ? detect_severity(DETECTOR_COVERAGE) : SEVERITY_LOW,
		.score = watch->gap ? 1 : 0.5, /* a sum that does not add up is never chance */
		.src = { .family = 4 },	       /* of no host: this one, 0.0.0.0 (RFC 1122) */
		.dst = { .family = 4 },
		.first_unix_ms = detect_unix_ms(moment, watch->since_ns),
		.last_unix_ms = moment->unix_ms,
		.count = watch->gap + watch->unattributed + watch->lost,
	};

	finding.src.bytes[10] = finding.src.bytes[11] = 0xff; /* mapped, as all IPv4 in agent/ */
	finding.dst = finding.src;
	write_reason(watch, finding.reason);
	say_number(&finding, &(struct say_number){ "packets missing from the sums", "packets",
						   (double)watch->gap, 0, 0 });
	say_number(&finding, &(struct say_number){ "packets without a flow", "packets",
						   (double)watch->unattributed, 0, 0 });
	say_number(&finding,
		   &(struct say_number){ "events lost", "events", (double)watch->lost, 0, 0 });
	moment->on_finding(moment->arg, &finding);
	watch->gap = watch->unattributed = watch->lost = 0;
	watch->where[0] = '\0';
	watch->said_ns = moment->now_ns;
}

void coverage_watch(void *state, const struct coverage *coverage,
		    const struct detect_moment *moment)
{
	struct watch *watch = state;
	bool was_clean = !(watch->gap || watch->unattributed || watch->lost);

	look(watch, coverage);
	if (!(watch->gap || watch->unattributed || watch->lost))
		return;
	if (was_clean)
		watch->since_ns = moment->now_ns;
	if (!watch->said_ns || moment->now_ns >= watch->said_ns + REPEAT_NS)
		say(watch, moment);
}

/* ---- the row ----------------------------------------------------------------------------------
 */

static int coverage_open(unsigned int hosts_max, void **state)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	(void)hosts_max; /* as many interfaces as there can be */
	if (!watch)
		return -ENOMEM;
	*state = watch;
	return 0;
}

static uint64_t coverage_full(const void *state)
{
	(void)state;
	return 0;
}

const struct detector_ops coverage_detector = {
	.open = coverage_open,
	.close = free,
	.full = coverage_full,
};

/*
 * Counters to features: logarithms, shares, entropies, and distances from the host's own past.
 */
#include "agent/model/row.h"

#include <math.h>

#include "agent/util/clock.h"
#include "agent/util/sketch_hll.h"
#include "agent/util/sketch_moments.h"

/* Constants of z: "Starting values" of the measured detection; three windows make a past. */
#define Z_RATE	    0.05
#define Z_SLACK	    0.05
#define PAST_LEAST  3
#define AGE_MOST_NS (3600 * NS_PER_S) /* then a host is known; as long as the watch settles */

static double slot_entropy(const uint16_t *slots, uint32_t *top)
{
	double total = 0, sum = 0;

	*top = 0;
	for (int i = 0; i < HOST_SLOTS; i++) {
		total += slots[i];
		sum += slots[i] > 1 ? slots[i] * log2(slots[i]) : 0;
		*top = slots[i] > *top ? slots[i] : *top;
	}
	return total > 0 ? fmax(0, log2(total) - sum / total) : 0;
}

static float share(double part, double whole)
{
	return whole > 0 ? (float)(part / whole) : 0;
}

/* How far the window lies from the host's own past. */
static float past_z(const struct ew *past, float x)
{
	return past->count >= PAST_LEAST ? (float)ew_z(past, (double)x, Z_SLACK) : 0;
}

static float age_of(const struct host *host, uint64_t now_ns)
{
	uint64_t age_ns = now_ns > host->first_ns ? now_ns - host->first_ns : 0;

	return log1pf((float)(age_ns < AGE_MOST_NS ? age_ns : AGE_MOST_NS) / (60.0F * NS_PER_S));
}

void row_fill(const struct host *host, int w, uint64_t now_ns, float row[static FEATURE_COUNT])
{
	const struct host_window *x = &host->windows[w];
	double bytes = (double)x->bytes_out + (double)x->bytes_in;
	uint32_t top, top_port;

	row[FEATURE_FLOWS] = log1pf((float)x->flows);
	row[FEATURE_DESTINATIONS] = (float)log1p(hll_count(x->to, HOST_HLL_TO_BITS));
	row[FEATURE_PORTS] = (float)log1p(hll_count(x->on, HOST_HLL_ON_BITS));
	row[FEATURE_PAIR_ENTROPY] = (float)slot_entropy(x->pairs, &top);
	row[FEATURE_PORT_ENTROPY] = (float)slot_entropy(x->ports, &top_port);
	row[FEATURE_TOP] = log1pf((float)top);
	row[FEATURE_TOP_SHARE] = share(top, x->flows);
	row[FEATURE_NEW] = log1pf((float)x->fresh);
	row[FEATURE_NEW_SHARE] = share(x->fresh, x->flows);
	row[FEATURE_FAILED] = log1pf((float)x->failed);
	row[FEATURE_FAILED_SHARE] = share(x->failed, x->ended);
	row[FEATURE_TINY_SHARE] = share(x->tiny, x->ended);
	row[FEATURE_BYTES_OUT] = (float)log1p((double)x->bytes_out);
	row[FEATURE_BYTES_IN] = (float)log1p((double)x->bytes_in);
	row[FEATURE_ASYMMETRY] = share((double)x->bytes_out - (double)x->bytes_in, bytes);
	row[FEATURE_DURATION] = log1pf(share((double)x->duration_ms, x->ended));
	row[FEATURE_DNS] = log1pf((float)x->dns);
	row[FEATURE_LOAD] = log1pf((float)x->load);
	row[FEATURE_Z_FLOWS] = past_z(&host->flows[w], row[FEATURE_FLOWS]);
	row[FEATURE_Z_BYTES] = past_z(&host->bytes[w], row[FEATURE_BYTES_OUT]);
	row[FEATURE_Z_LOAD] = past_z(&host->load[w], row[FEATURE_LOAD]);
	row[FEATURE_AGE] = age_of(host, now_ns);
}

void row_remember(struct host *host, int w, const float row[static FEATURE_COUNT])
{
	ew_add(&host->flows[w], (double)row[FEATURE_FLOWS], Z_RATE);
	ew_add(&host->bytes[w], (double)row[FEATURE_BYTES_OUT], Z_RATE);
	ew_add(&host->load[w], (double)row[FEATURE_LOAD], Z_RATE);
}

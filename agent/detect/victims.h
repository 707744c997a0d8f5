/*
 * Who is being flooded: per destination the packets of this second, how many of them came to
 * something, whether one source stands out and how many there are. One row per victim, however many
 * sources are made up. Only agent/detect includes it.
 */
#ifndef SLUICE_DETECT_VICTIMS_H
#define SLUICE_DETECT_VICTIMS_H

#include "agent/detect/detector.h"
#include "agent/detect/evidence.h"
#include "agent/detect/learned.h"
#include "agent/detect/rowset.h"

struct victim {
	struct row row;
	struct addr dst;
	uint16_t port; /* 0: all of them; of ICMP: which of a host's two rows */
	bool is_on;    /* a flood goes on */
	/* since the last tick */
	uint64_t packets, bytes, answered;
	struct addr lead; /* the one source that may have sent most of them */
	uint64_t lead_count;
	uint64_t sources[4]; /* a bit for each hashed one */
	uint64_t first_ns, last_ns;
	/* of the flood */
	uint64_t began_ns, total, peak_pps, said_ns;
	/* its history: log of packets a second, exponentially weighted */
	double mean, variance;
	uint32_t seconds;
};

struct victims {
	struct rowset table;
	struct learned learned; /* packets a second, per destination */
	struct evidence evidence;
	unsigned int on; /* floods that go on */
};

/* What a detector judges with. */
struct flood {
	enum detector detector;
	const char *what; /* "UDP packets" */
	uint32_t floor_pps, history_pps;
	uint32_t small_pps;   /* of packets below 200 bytes in the mean */
	uint32_t per_answer;  /* so many for each that was answered; 0: answers do not count */
	uint32_t sources_min; /* for a row of all ports: fewer are a scan */
	/* of what may be asked for: as many send it, and it is not the row's first second, in which
	 * the questions before it were not counted; 0: it may not */
	uint32_t senders_min;
};

int victims_open(unsigned int hosts_max, void **state);
void victims_close(void *state);
uint64_t victims_full(const void *state);
struct victim *victims_take(struct victims *victims, const struct five_tuple *tuple, uint16_t port,
			    uint64_t now_ns);
/* victims_count - packets of @delta that may be a flood. */
void victims_count(struct victims *victims, struct victim *victim, const struct flow_delta *delta);
/* victims_keep - @flow as evidence, if its destination is being flooded. */
void victims_keep(struct victims *victims, const struct flow *flow, uint16_t port);
/* victims_judge - one row: says when it is flooded, and begins its next second. */
void victims_judge(struct victims *victims, const struct flood *flood, struct victim *victim,
		   const struct detect_moment *moment);
/* victims_glance - one row in the middle of its second: says what is enough for a whole one. */
void victims_glance(struct victims *victims, const struct flood *flood, struct victim *victim,
		    const struct detect_moment *moment);

#endif

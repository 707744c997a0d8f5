/*
 * What the tests of detectors share: a set of detectors whose findings are kept by name, and flows,
 * deltas and names as the pipeline would hand them on.
 */
#ifndef SLUICE_TEST_DETECT_FIXTURE_H
#define SLUICE_TEST_DETECT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "agent/util/addr.h"
#include "include/name.h"
#include "include/payload.h"

#define S	1000000000ULL
#define MS	1000000ULL
#define T0	(1000 * S)
#define UNIX	1700000000000LL /* at T0 */
#define LEARN_S 3600

struct seen {
	struct detect *detect;
	struct finding last[DETECTOR_COUNT];
	unsigned int count[DETECTOR_COUNT];
	unsigned int above_low; /* findings of any detector */
	uint64_t next_id;
	struct dns_message dns;
};

static inline void on_finding(void *arg, const struct finding *finding)
{
	struct seen *seen = arg;

	/* each says what was measured and what is normal */
	assert_in_range(finding->feature_count, 1, FINDING_FEATURES_MAX);
	for (unsigned int i = 0; i < finding->feature_count; i++) {
		const struct finding_feature *feature = &finding->features[i];

		assert_true(*feature->name && isfinite(feature->value));
		assert_true(feature->normal_low <= feature->normal_high);
	}
	seen->last[finding->detector] = *finding;
	seen->count[finding->detector]++;
	seen->above_low += finding->severity > SEVERITY_LOW;
}

static inline struct seen *begin(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	const struct detect_options options = { .on_finding = on_finding,
						.arg = seen,
						.hosts_max = 1024,
						.start_ns = T0 - 10 * S,
						.learn_s = LEARN_S };

	assert_non_null(seen);
	assert_int_equal(detect_new(&options, &seen->detect), 0);
	return seen;
}

static inline void end(struct seen *seen)
{
	detect_free(seen->detect);
	free(seen);
}

static inline void tick(struct seen *seen, uint64_t now_ns)
{
	detect_tick(seen->detect, now_ns, UNIX + (int64_t)((now_ns - T0) / MS));
}

/* How many findings there were of other detectors. */
static inline unsigned int others(const struct seen *seen, enum detector than)
{
	unsigned int count = 0;

	for (int i = 0; i < DETECTOR_COUNT; i++)
		count += i == (int)than ? 0 : seen->count[i];
	return count;
}

static inline struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* "10.0.0.0" + n */
static inline struct addr addr_plus(const char *text, uint32_t n)
{
	struct addr addr = addr_of(text);

	for (int i = 15; n; i--, n >>= 8)
		addr.bytes[i] = (uint8_t)(addr.bytes[i] + (n & 0xff));
	return addr;
}

/* A SYN without an answer, at @at_ns. */
static inline struct flow probe(struct addr src, struct addr dst, uint16_t port, uint64_t at_ns)
{
	return (struct flow){
		.tuple = { .src = src,
			   .dst = dst,
			   .src_port = 45000,
			   .dst_port = port,
			   .proto = IPPROTO_TCP },
		.packets_out = 1,
		.bytes_out = 44,
		.tcp_flags_out = TCP_FLAG_SYN,
		.first_ns = at_ns,
		.last_ns = at_ns,
	};
}

/* It was accepted, and ended after @ms with so many bytes each way. */
static inline struct flow talked(struct flow flow, uint64_t out, uint64_t in, uint64_t ms)
{
	flow.packets_out = 3 + out / 1000;
	flow.packets_in = 3 + in / 1000;
	flow.bytes_out = out;
	flow.bytes_in = in;
	flow.tcp_flags_out = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN;
	flow.tcp_flags_in = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN;
	flow.state = FLOW_CLOSED;
	flow.last_ns += ms * MS;
	return flow;
}

static inline void feed(struct seen *seen, struct flow flow)
{
	flow.id = ++seen->next_id;
	detect_flow(seen->detect, &flow, true, flow.last_ns);
}

static inline struct flow_delta delta_of(struct addr src, struct addr dst, uint16_t port,
					 uint8_t proto, uint64_t at_ns)
{
	return (struct flow_delta){ .tuple = { .src = src,
					       .dst = dst,
					       .src_port = 40000,
					       .dst_port = port,
					       .proto = proto },
				    .packets = 1,
				    .bytes = 60,
				    .first_ns = at_ns,
				    .last_ns = at_ns };
}

/* Of @src and its resolver; the message lies in @seen. */
static inline void tell_dns(struct seen *seen, enum name_kind kind, const char *src,
			    const char *name, uint64_t at_ns)
{
	struct name_event event = { .kind = kind,
				    .tuple = { .src = addr_of(src),
					       .dst = addr_of("198.18.0.53"),
					       .src_port = 40000,
					       .dst_port = 53,
					       .proto = IPPROTO_UDP },
				    .at_ns = at_ns,
				    .dns = &seen->dns };

	seen->dns.question_count = 1;
	(void)snprintf(seen->dns.questions[0].name, NAME_TEXT_MAX, "%s", name);
	detect_name(seen->detect, &event);
}

static inline void ask(struct seen *seen, const char *src, const char *name, uint16_t type,
		       uint64_t at_ns)
{
	memset(&seen->dns, 0, sizeof(seen->dns));
	seen->dns.questions[0].type = type;
	tell_dns(seen, NAME_DNS_QUERY, src, name, at_ns);
}

static inline void answer(struct seen *seen, const char *src, const char *name, uint8_t rcode,
			  uint64_t at_ns)
{
	memset(&seen->dns, 0, sizeof(seen->dns));
	seen->dns.is_answer = true;
	seen->dns.rcode = rcode;
	seen->dns.questions[0].type = 1;
	tell_dns(seen, NAME_DNS_ANSWER, src, name, at_ns);
}

#endif

/*
 * New listening port: a TCP port of this host accepts a connection and never did before. What
 * answers while the learning lasts is taken for known.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/evidence.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/detect/try.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/history.h"

#define MEMORY_NS     (30ULL * 24 * 3600 * NS_PER_S)
#define PORTS	      4096
#define EPHEMERAL     32768 /* Linux ip_local_port_range: passive data ports are used once */
#define EPHEMERAL_MIN 3	    /* connections */
#define TELL_GAP_NS   (60 * NS_PER_S)
#define LISTENER_ADDR 3 /* where a key of SEEN_LISTENER has its address */
#define ACCEPTED      (TCP_FLAG_SYN | TCP_FLAG_ACK)

struct port {
	struct row row;
	struct addr dst, src; /* src: who connected */
	uint16_t port;
	bool is_known;
	uint64_t first_ns, flow_id, told_ns;
	uint32_t connections;
};

struct new_port {
	struct rowset ports;
	struct evidence evidence;
};

static const struct row_shape port_shape = { .size = sizeof(struct port), .keep_ns = MEMORY_NS };

static void new_port_close(void *state)
{
	struct new_port *new_port = state;

	if (!new_port)
		return;
	rowset_done(&new_port->ports);
	evidence_done(&new_port->evidence);
	free(new_port);
}

static int new_port_open(unsigned int hosts_max, void **state)
{
	struct new_port *new_port = calloc(1, sizeof(*new_port));
	int error;

	(void)hosts_max; /* as many ports as hosts listen on, not as many as come */
	if (!new_port)
		return -ENOMEM;
	error = rowset_init(&new_port->ports, PORTS, &port_shape);
	if (!error)
		error = evidence_init(&new_port->evidence);
	if (error)
		new_port_close(new_port);
	else
		*state = new_port;
	return error;
}

static uint64_t new_port_full(const void *state)
{
	const struct new_port *new_port = state;

	return new_port->ports.full;
}

/* It came in and its answer went out by the same interface: this host answered. A router's answer
 * comes in by another one. */
static bool is_accepted_here(const struct flow *flow)
{
	/* on a mirror, or in a capture, it may be a host of the network that went out */
	if (try_is_private(&flow->tuple.src) && !try_is_private(&flow->tuple.dst))
		return false;
	return flow->tuple.proto == IPPROTO_TCP && flow->ingress && flow->packets_in &&
	       (flow->tcp_flags_in & ACCEPTED) == ACCEPTED;
}

static void new_port_flow(void *state, const struct flow *flow)
{
	struct new_port *new_port = state;
	const struct five_tuple *tuple = &flow->tuple;
	struct port *port;
	bool is_new;

	if (!is_accepted_here(flow))
		return;
	port = rowset_take(&new_port->ports,
			   rowset_key(&new_port->ports, &tuple->dst, NULL, tuple->dst_port),
			   flow->last_ns, &is_new);
	if (is_new) {
		port->dst = tuple->dst;
		port->src = tuple->src;
		port->port = tuple->dst_port;
		port->first_ns = flow->first_ns;
	}
	if (!is_new && port->flow_id == flow->id)
		return;
	port->flow_id = flow->id;
	if (port->is_known) {
		if (flow->last_ns >= port->told_ns + TELL_GAP_NS)
			rowset_mark(&new_port->ports, port); /* it is seen */
		return;
	}
	port->connections++;
	evidence_keep(&new_port->evidence, port->row.key, flow);
	rowset_mark(&new_port->ports, port);
}

static void say(const struct new_port *new_port, const struct port *port,
		const struct detect_moment *moment)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	struct finding finding = {
		.detector = DETECTOR_NEW_PORT,
		.severity = detect_severity(DETECTOR_NEW_PORT),
		.score = 0.5, /* it is new, or it is not */
		.src = port->dst,
		.dst = port->src,
		.dst_port = port->port,
		.proto = IPPROTO_TCP,
		.first_unix_ms = detect_unix_ms(moment, port->first_ns),
		.last_unix_ms = moment->unix_ms,
		.count = port->connections,
	};

	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "%s accepted a connection of %s on TCP port %u, which never answered "
		       "before. Normal are the ports seen while learning.",
		       addr_format(&port->dst, dst), addr_format(&port->src, src), port->port);
	evidence_give(&new_port->evidence, port->row.key, &finding);
	say_number(&finding,
		   &(struct say_number){ "connections to the port", "", port->connections, 0, 0 });
	moment->on_finding(moment->arg, &finding);
}

static void tell(struct port *port, const struct detect_moment *moment)
{
	struct seen_key key = { .kind = SEEN_LISTENER, .len = LISTENER_ADDR };
	bool is_ipv4 = port->dst.family == ADDR_IPV4;

	port->told_ns = moment->now_ns;
	if (!moment->on_seen)
		return;
	key.bytes[0] = IPPROTO_TCP;
	key.bytes[1] = (uint8_t)(port->port >> 8);
	key.bytes[2] = (uint8_t)port->port;
	memcpy(key.bytes + key.len, port->dst.bytes + (is_ipv4 ? 12 : 0), is_ipv4 ? 4 : 16);
	key.len += is_ipv4 ? 4 : 16;
	moment->on_seen(moment->arg, &key);
}

static void new_port_know(void *state, const struct seen_key *key, uint64_t now_ns)
{
	struct new_port *new_port = state;
	bool is_ipv4 = key->len == LISTENER_ADDR + 4;
	struct port *port;
	struct addr dst;
	uint16_t number = (uint16_t)(key->bytes[1] << 8 | key->bytes[2]);
	bool is_new;

	if (key->kind != SEEN_LISTENER || key->bytes[0] != IPPROTO_TCP ||
	    (!is_ipv4 && key->len != LISTENER_ADDR + 16))
		return;
	dst = is_ipv4 ? addr_from_ipv4(key->bytes + LISTENER_ADDR)
		      : addr_from_ipv6(key->bytes + LISTENER_ADDR);
	port = rowset_take(&new_port->ports, rowset_key(&new_port->ports, &dst, NULL, number),
			   now_ns, &is_new);
	port->dst = dst;
	port->port = number;
	port->is_known = true;
	rowset_weigh(&new_port->ports, port, 1);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct new_port *new_port = state;
	struct port *port = row;

	bool is_new = port->first_ns >= moment->new_from_ns;

	if (!port->is_known && is_new && port->port >= EPHEMERAL &&
	    port->connections < EPHEMERAL_MIN)
		return false;
	tell(port, moment);
	if (port->is_known)
		return false;
	port->is_known = true;
	rowset_weigh(&new_port->ports, port, 1);
	if (is_new)
		say(new_port, port, moment);
	return false;
}

static void new_port_tick(void *state, const struct detect_moment *moment)
{
	struct new_port *new_port = state;

	rowset_judge(&new_port->ports, judge, new_port, moment);
}

const struct detector_ops new_port_detector = {
	.open = new_port_open,
	.close = new_port_close,
	.flow = new_port_flow,
	.tick = new_port_tick,
	.full = new_port_full,
	.know = new_port_know,
};

/*
 * The queue of addresses, what is remembered of them, and one batch at a time on its way.
 */
#include "agent/intel/reverse.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/json.h"
#include "agent/util/log.h"
#include "agent/util/packet.h"

#define EVERY_NS       (10 * NS_PER_S) /* with REVERSE_BATCH_MAX: 96 questions a minute at most */
#define FETCH_START_NS (10 * NS_PER_S)
#define PAUSE_LEAST_NS (60 * NS_PER_S) /* after a failure, then twice as long each time */
#define PAUSE_MOST_NS  (3600 * NS_PER_S)
#define NAMED_LEAST_S  300U
#define NAMED_MOST_S   86400U
#define NAMELESS_S     3600U /* RFC 2308 5: negative answers are kept for hours at most */
#define REFUSED_S      600U
#define REMEMBERED     2048U /* of two in one place the later stays; the other is asked again */

struct remembered {
	struct addr addr;
	uint64_t until_ns;
};

/* On its way; the jobs thread has it between run and done. */
struct batch {
	struct reverse_service *service;
	struct addr addrs[REVERSE_BATCH_MAX], resolvers[REVERSE_RESOLVERS_MAX];
	size_t count, resolver_count;
	int fetch; /* -1 = none */
	atomic_bool is_cancelled;
	/* out */
	bool is_answered[REVERSE_BATCH_MAX];
	char names[REVERSE_BATCH_MAX][DEVICE_NAME_MAX];
	uint32_t ttls_s[REVERSE_BATCH_MAX];
	char error[160];
};

struct reverse_service {
	struct reverse_options options;
	struct addr queue[REVERSE_QUEUE_MAX];
	struct remembered remembered[REMEMBERED];
	uint64_t seed;
	struct batch *batch; /* NULL = none; of the queue's first */
	bool is_asking, is_stopping;
	uint64_t asked_ns, next_ns, pause_ns;
	struct reverse_state state;
};

int reverse_service_new(const struct reverse_options *options, struct reverse_service **out)
{
	struct reverse_service *service = calloc(1, sizeof(*service));

	if (!service)
		return -ENOMEM;
	service->options = *options;
	service->state.is_up = true; /* until it is not */
	crypto_random(&service->seed, sizeof(service->seed));
	*out = service;
	return 0;
}

static void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	if (batch->fetch >= 0)
		close(batch->fetch);
	free(batch);
}

void reverse_service_stop(struct reverse_service *service)
{
	if (!service)
		return;
	service->is_stopping = true;
	if (service->batch)
		atomic_store(&service->batch->is_cancelled, true);
}

void reverse_service_free(struct reverse_service *service)
{
	if (!service)
		return;
	batch_free(service->batch);
	free(service);
}

/* ---- the queue ---------------------------------------------------------------------------------
 */

static struct remembered *place_of(struct reverse_service *service, const struct addr *addr)
{
	return &service->remembered[addr_hash(addr, service->seed) % REMEMBERED];
}

static void remember(struct reverse_service *service, const struct addr *addr, uint32_t life_s)
{
	*place_of(service, addr) =
		(struct remembered){ .addr = *addr,
				     .until_ns = clock_monotonic_ns() + life_s * NS_PER_S };
}

void reverse_ask(struct reverse_service *service, const struct addr *addr)
{
	const struct remembered *known = place_of(service, addr);
	size_t *waiting = &service->state.waiting;

	if (addr_is_equal(&known->addr, addr) && clock_monotonic_ns() < known->until_ns)
		return;
	for (size_t i = 0; i < *waiting; i++)
		if (addr_is_equal(&service->queue[i], addr))
			return;
	if (*waiting == REVERSE_QUEUE_MAX)
		service->state.dropped++;
	else
		service->queue[(*waiting)++] = *addr;
}

/* ---- what came of it ---------------------------------------------------------------------------
 */

static void fail(struct reverse_service *service, const char *reason)
{
	struct reverse_state *state = &service->state;

	if (state->is_up)
		log_warn("reverse look-ups pause reason=\"%s\"", reason);
	service->pause_ns = service->pause_ns ? 2 * service->pause_ns : PAUSE_LEAST_NS;
	if (service->pause_ns > PAUSE_MOST_NS)
		service->pause_ns = PAUSE_MOST_NS;
	service->next_ns = clock_monotonic_ns() + service->pause_ns;
	state->failures++;
	state->is_up = false;
	(void)snprintf(state->error, sizeof(state->error), "%s", reason);
}

static void succeed(struct reverse_service *service)
{
	service->pause_ns = 0;
	service->next_ns = clock_monotonic_ns() + EVERY_NS;
	service->state.is_up = true;
	service->state.error[0] = '\0';
}

static void learn(struct reverse_service *service, const struct batch *batch, size_t at)
{
	struct device_name device = { .addr = batch->addrs[at], .source = DEVICE_DNS };
	uint32_t life_s = batch->ttls_s[at];

	if (!*batch->names[at]) {
		remember(service, &device.addr, NAMELESS_S);
		return;
	}
	life_s = life_s < NAMED_LEAST_S ? NAMED_LEAST_S : life_s;
	remember(service, &device.addr, life_s > NAMED_MOST_S ? NAMED_MOST_S : life_s);
	memcpy(device.name, batch->names[at], sizeof(device.name));
	service->options.learn(service->options.arg, &device);
	service->state.named++;
}

/* The batch is the queue's first: what is not settled stays there. */
static void settle(struct reverse_service *service, const struct batch *batch)
{
	size_t left = 0, *waiting = &service->state.waiting;

	for (size_t i = 0; i < batch->count; i++) {
		if (batch->is_answered[i])
			learn(service, batch, i);
		else if (!*batch->error)
			remember(service, &batch->addrs[i], REFUSED_S);
		else
			service->queue[left++] = batch->addrs[i];
		service->state.asked += batch->is_answered[i];
	}
	memmove(&service->queue[left], &service->queue[batch->count],
		(*waiting - batch->count) * sizeof(service->queue[0]));
	*waiting -= batch->count - left;
}

static void answered(void *arg)
{
	struct batch *batch = arg;
	struct reverse_service *service = batch->service;

	service->batch = NULL;
	if (!service->is_stopping) {
		settle(service, batch);
		if (*batch->error)
			fail(service, batch->error);
		else
			succeed(service);
	}
	batch_free(batch);
}

/* ---- on its way: the jobs thread ---------------------------------------------------------------
 */

static int send_order(const struct batch *batch, const struct exchange *exchange)
{
	CLEANUP(json_free) struct json *order = json_new_object();
	struct json *addrs = json_new_array(), *resolvers = json_new_array();
	char text[ADDR_TEXT_MAX];
	size_t len;

	for (size_t i = 0; i < batch->count; i++)
		json_add_string(addrs, addr_format(&batch->addrs[i], text));
	for (size_t i = 0; i < batch->resolver_count; i++)
		json_add_string(resolvers, addr_format(&batch->resolvers[i], text));
	json_set(order, "addrs", addrs);
	json_set(order, "resolvers", resolvers);
	CLEANUP(free) char *words = json_print(order, &len);
	return words ? packet_send(exchange, PACKET_HEAD, words, len) : -ENOMEM;
}

static void take_item(struct batch *batch, const struct json *item)
{
	const char *text, *name;
	int64_t ttl_s = 0;
	struct addr addr;

	if (json_get_string(item, "addr", &text) || addr_parse(text, &addr) ||
	    json_get_string(item, "name", &name) || strlen(name) >= DEVICE_NAME_MAX ||
	    json_get_int(item, "ttl_s", &ttl_s) || ttl_s < 0 || ttl_s > UINT32_MAX)
		return;
	for (size_t i = 0; i < batch->count; i++) {
		if (!addr_is_equal(&batch->addrs[i], &addr))
			continue;
		batch->is_answered[i] = true;
		batch->ttls_s[i] = (uint32_t)ttl_s;
		memcpy(batch->names[i], name, strlen(name) + 1);
	}
}

static int take_answer(struct batch *batch, const struct packet *packet)
{
	CLEANUP(json_free) struct json *head = NULL;
	const struct json *items;
	const char *error;
	char reason[128];

	if (packet->kind != PACKET_HEAD ||
	    json_parse((const char *)packet->data, packet->len, &head, reason))
		return -EPROTO;
	items = json_get(head, "items");
	for (size_t i = 0; i < json_array_len(items); i++)
		take_item(batch, json_array_get(items, i));
	if (!json_get_string(head, "error", &error)) /* null: none */
		(void)snprintf(batch->error, sizeof(batch->error), "%s", error);
	return 0;
}

static void look_up(void *arg)
{
	struct batch *batch = arg;
	const struct exchange exchange = { batch->fetch, &batch->is_cancelled };
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	int error = packet ? send_order(batch, &exchange) : -ENOMEM;

	if (!error)
		error = packet_receive(&exchange, packet);
	if (!error)
		error = take_answer(batch, packet);
	if (error)
		(void)snprintf(batch->error, sizeof(batch->error), "%s",
			       "The asking process ended early.");
	close(batch->fetch);
	batch->fetch = -1;
}

/* ---- when -------------------------------------------------------------------------------------
 */

static void drop_batch(struct reverse_service *service, const char *reason)
{
	fail(service, reason);
	service->is_asking = false;
	batch_free(service->batch);
	service->batch = NULL;
}

static void begin(struct reverse_service *service)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return; /* the next tick tries again */
	batch->service = service;
	batch->fetch = -1;
	batch->count = service->state.waiting < REVERSE_BATCH_MAX ? service->state.waiting
								  : REVERSE_BATCH_MAX;
	memcpy(batch->addrs, service->queue, batch->count * sizeof(batch->addrs[0]));
	batch->resolver_count = service->options.resolvers(service->options.arg, batch->resolvers);
	service->batch = batch;
	service->is_asking = true;
	service->asked_ns = clock_monotonic_ns();
	if (!batch->resolver_count)
		drop_batch(service, "No resolver is known.");
	else if (service->options.ask_fetch(service->options.arg))
		drop_batch(service, "No process to ask could be started.");
}

void reverse_service_take_fetch(struct reverse_service *service, int fd)
{
	if (!service || !service->batch || !service->is_asking) {
		if (fd >= 0)
			close(fd); /* came too late */
		return;
	}
	service->batch->fetch = fd;
	service->is_asking = false;
	if (fd < 0)
		drop_batch(service, "No process to ask could be started.");
	else if (service->options.run(service->options.arg, look_up, answered, service->batch))
		drop_batch(service, "The service is busy.");
}

void reverse_service_tick(struct reverse_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (service->is_asking && now_ns - service->asked_ns > FETCH_START_NS)
		drop_batch(service, "No process to ask could be started.");
	if (!service->batch && !service->is_stopping && service->state.waiting &&
	    now_ns >= service->next_ns)
		begin(service);
}

bool reverse_state(const struct reverse_service *service, struct reverse_state *out)
{
	if (service)
		*out = service->state;
	return service != NULL;
}

/*
 * When feeds are due and what becomes of them: unchanged, held, failed, or a list's next version.
 */
#include "agent/intel/feeds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/block.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/prefix_set.h"

#define FETCH_START_NS (10 * NS_PER_S)
#define RETRY_S	       3600	      /* of one that failed, where its own time is longer */
#define SOON_NS	       (5 * NS_PER_S) /* after a start: the service comes first */
#define PART_BYTES     (1U << 20)
#define HELD_PERCENT   50 /* WIRE 3.11: more change than this is a mistake more often than news */
#define END_GRACE_NS   (2 * NS_PER_S) /* until the block service has ended a list */

static const char *const state_names[FEED_STATE_COUNT] = {
	[FEED_NEW] = "new",   [FEED_OK] = "ok",		  [FEED_FAILED] = "failed",
	[FEED_HELD] = "held", [FEED_EXPIRED] = "expired",
};

const char *feed_state_name(uint8_t state)
{
	return state < FEED_STATE_COUNT ? state_names[state] : "";
}

int64_t feed_expires_unix_ms(const struct feed *feed)
{
	return feed->lifetime_s && feed->seen_unix_ms ? feed->seen_unix_ms + feed->lifetime_s * 1000
						      : 0;
}

/* When its list should be over, and a little; 0: never. */
static uint64_t end_of(const struct feed *feed, uint64_t now_ns)
{
	int64_t expires_unix_ms = feed_expires_unix_ms(feed);
	int64_t left_ms = expires_unix_ms - clock_unix_ms();

	if (!expires_unix_ms || feed->state == FEED_EXPIRED)
		return 0;
	return now_ns + (left_ms > 0 ? (uint64_t)left_ms * NS_PER_MS : 0) + END_GRACE_NS;
}

int feed_service_new(const struct feed_options *options, struct feed_service **out)
{
	CLEANUP(feed_service_free) struct feed_service *service = calloc(1, sizeof(*service));
	uint64_t now_ns = clock_monotonic_ns();
	int count;

	if (!service)
		return -ENOMEM;
	service->options = *options;
	count = store_feed_list(options->store, service->feeds, FEEDS_MAX);
	if (count < 0)
		return count;
	service->count = (size_t)count;
	for (int i = 0; i < count; i++) {
		const struct feed *feed = &service->feeds[i];
		int64_t left_s = feed->every_s - (clock_unix_ms() - feed->checked_unix_ms) / 1000;

		if (left_s > feed->every_s) /* the clock was elsewhere then */
			left_s = feed->every_s;
		service->due_ns[i] = now_ns + (left_s > 0 ? (uint64_t)left_s * NS_PER_S : SOON_NS);
		service->ends_ns[i] = end_of(feed, now_ns);
	}
	*out = TAKE(service);
	return 0;
}

void feeds_work_free(struct feed_work *work)
{
	if (!work)
		return;
	if (work->fetch >= 0)
		close(work->fetch);
	buffer_done(&work->lines);
	free(work);
}

void feed_service_stop(struct feed_service *service)
{
	if (!service)
		return;
	service->is_stopping = true;
	if (service->work)
		atomic_store(&service->work->is_cancelled, true);
}

void feed_service_free(struct feed_service *service)
{
	if (!service)
		return;
	feeds_work_free(service->work);
	prefix_set_unref(service->preview.set);
	free(service);
}

/* ---- after the fetch ------------------------------------------------------------------------- */

static size_t find(const struct feed_service *service, int64_t id)
{
	size_t at = 0;

	while (at < service->count && service->feeds[at].id != id)
		at++;
	return at;
}

/* Its row as it is now; when it is due again. */
static void finish(struct feed_service *service, enum feed_state state)
{
	struct feed_work *work = service->work;
	size_t at = find(service, work->feed.id);
	int64_t pause_s = work->feed.every_s;

	if (work->is_preview) {
		preview_end(service);
		return;
	}
	service->work = NULL;
	service->is_applying = false;
	if (state == FEED_FAILED && work->feed.state == FEED_EXPIRED)
		state = FEED_EXPIRED; /* still */
	work->feed.state = (uint8_t)state;
	work->feed.checked_unix_ms = clock_unix_ms();
	if (state == FEED_OK)
		work->feed.seen_unix_ms = work->feed.checked_unix_ms;
	if ((state == FEED_FAILED || state == FEED_EXPIRED) && pause_s > RETRY_S)
		pause_s = RETRY_S;
	if (at < service->count && !work->is_deleted) {
		service->feeds[at] = work->feed;
		service->due_ns[at] = clock_monotonic_ns() + (uint64_t)pause_s * NS_PER_S;
		service->ends_ns[at] = end_of(&work->feed, clock_monotonic_ns());
		service->is_accepted[at] = false;
		if (store_feed_update(service->options.store, &work->feed))
			log_error("the state of a feed could not be stored feed=%s",
				  work->feed.name);
	}
	if (state == FEED_OK)
		log_info("feed fetched feed=%s entries=%" PRId64, work->feed.name,
			 work->feed.entries);
	else
		log_warn("feed not applied feed=%s reason=\"%s\"", work->feed.name,
			 work->feed.error);
	feeds_work_free(work);
}

struct principal feeds_principal(const struct feed *feed)
{
	struct principal who = { .role = ROLE_ADMIN, .is_local = true };

	(void)snprintf(who.name, sizeof(who.name), "feed:%.60s", feed->name);
	return who;
}

bool feeds_is_in_force(const struct block *list)
{
	return list->state == BLOCK_ACTIVE || list->state == BLOCK_OFF ||
	       list->state == BLOCK_PENDING;
}

/* A version by itself is confirmed by itself: what changes too much is held before it comes so
 * far. Only the first one, which somebody just asked for, waits for that person. */
static void confirm(struct feed_service *service, const struct block *list)
{
	const struct principal who = feeds_principal(&service->work->feed);
	struct block_outcome outcome;

	if (list->state != BLOCK_PENDING)
		return;
	if (!service->work->feed.changed_unix_ms && !service->work->is_accepted) {
		(void)snprintf(service->work->feed.error, FEED_ERROR_MAX,
			       "It is large: it ends within the minute unless you confirm it: "
			       "sluice block confirm %" PRId64,
			       list->id);
		return;
	}
	if (block_confirm(service->options.block, &who, list->id, &outcome))
		log_warn("a feed's list could not be confirmed feed=%s", service->work->feed.name);
}

static void applied(void *arg, const struct block_outcome *outcome,
		    const struct block_list_report *report)
{
	struct feed_service *service = arg;
	struct feed *feed = &service->work->feed;

	if (outcome->error || !report->is_applied) {
		(void)snprintf(feed->error, sizeof(feed->error), "%.190s",
			       *outcome->message ? outcome->message : "No line of it is an entry.");
		feed->etag[0] = feed->last_modified[0] = '\0'; /* ask for all of it again */
		finish(service, FEED_FAILED);
		return;
	}
	feed->error[0] = '\0';
	confirm(service, &outcome->block);
	feed->entries = (int64_t)(outcome->block.state == BLOCK_PENDING
					  ? outcome->block.facts.pending_entries
					  : outcome->block.facts.entries);
	feed->refused = (int64_t)report->refused;
	feed->changed_unix_ms = clock_unix_ms();
	finish(service, FEED_OK);
}

int feeds_upload(struct feed_service *service, struct block_outcome *outcome)
{
	const struct feed_work *work = service->work;
	const struct principal who = feeds_principal(&work->feed);
	size_t at = 0;
	int error;

	do {
		size_t len = work->lines.len - at < PART_BYTES ? work->lines.len - at : PART_BYTES;
		const struct block_list_part part = { .name = work->feed.name,
						      .offset = (int64_t)at,
						      .data = work->lines.data + at,
						      .len = len };

		error = block_list_part(service->options.block, &who, &part, outcome);
		at += len;
	} while (!error && at < work->lines.len);
	return error;
}

static void apply(struct feed_service *service)
{
	struct feed *feed = &service->work->feed;
	const struct principal who = feeds_principal(feed);
	struct block_outcome outcome = { .error = 0 };
	char server[FEED_URL_MAX]; /* everybody reads the reason of a list */
	const struct block_list_order order = {
		.request = { .list = feed->name,
			     .action = feed->action == BLOCK_COUNT ? "count" : "drop",
			     .direction = "",
			     .proto = "",
			     .ttl_s = feed->lifetime_s,
			     .reason = feed_server(feed->url, server) },
		.done = applied,
		.arg = service
	};

	if (feeds_upload(service, &outcome)) {
		(void)snprintf(feed->error, sizeof(feed->error), "%.190s",
			       *outcome.message ? outcome.message : "It could not be taken in.");
		finish(service, FEED_FAILED);
		return;
	}
	service->is_applying = true;
	block_list_apply(service->options.block, &who, &order);
}

static bool changes_too_much(const struct feed_work *work)
{
	int64_t before = work->feed.entries, now = (int64_t)work->line_count - work->feed.refused;
	int64_t change = now > before ? now - before : before - now;

	return before > 0 && !work->is_accepted && change * 100 > before * HELD_PERCENT;
}

/* The server says that all entries are in the feed as before: they live on from now. */
static void unchanged(struct feed_service *service)
{
	struct feed *feed = &service->work->feed;
	int error = 0;

	if (feed->lifetime_s)
		error = block_list_renew(service->options.block, feed->name, feed->lifetime_s);
	if (!error) {
		finish(service, FEED_OK);
		return;
	}
	(void)snprintf(feed->error, sizeof(feed->error), "Its entries could not be renewed.");
	feed->etag[0] = feed->last_modified[0] = '\0'; /* ask for all of it again */
	finish(service, FEED_FAILED);
}

static void fetched(void *arg)
{
	struct feed_work *work = arg;
	struct feed_service *service = work->service;

	if (work->is_deleted || service->is_stopping) {
		service->work = NULL;
		feeds_work_free(work);
	} else if (work->error) {
		finish(service, FEED_FAILED);
	} else if (work->is_preview) {
		preview_fetched(service);
	} else if (work->is_unchanged) {
		unchanged(service);
	} else if (!work->line_count) {
		(void)snprintf(work->feed.error, sizeof(work->feed.error),
			       "It is empty; what was fetched before stays.");
		finish(service, FEED_FAILED);
	} else if (changes_too_much(work)) {
		(void)snprintf(work->feed.error, sizeof(work->feed.error),
			       "It has %" PRIu64 " entries instead of %" PRId64
			       ". If that is right: sluice feed refresh %.64s --accept",
			       work->line_count, work->feed.entries, work->feed.name);
		work->feed.etag[0] = work->feed.last_modified[0] = '\0';
		finish(service, FEED_HELD);
	} else {
		apply(service);
	}
}

/* ---- before the fetch ------------------------------------------------------------------------ */

static void start_work(struct feed_service *service)
{
	service->is_asking = false;
	if (service->options.run(service->options.arg, feeds_work, fetched, service->work)) {
		(void)snprintf(service->work->feed.error, FEED_ERROR_MAX,
			       "The service is busy with others.");
		finish(service, FEED_FAILED);
	}
}

/* A file is read by the jobs thread itself. */
static void ask_process(struct feed_service *service)
{
	if (!strncmp(service->work->feed.url, "file://", 7)) {
		start_work(service);
		return;
	}
	service->is_asking = true;
	service->asked_ns = clock_monotonic_ns();
	if (service->options.ask_fetch(service->options.arg))
		feed_service_take_fetch(service, -1);
}

/* One whose list a person ended waits for a person; one that ran out comes back by itself. Both
 * have to be sent as a whole. */
static bool may_begin(const struct feed_service *service, struct feed_work *work)
{
	struct block list;
	int error = store_block_of_list(service->options.store, work->feed.name, &list);
	bool is_over = !error && list.state == BLOCK_EXPIRED;

	if (error ? error != -ENOENT : feeds_is_in_force(&list))
		return true;
	work->feed.etag[0] = work->feed.last_modified[0] = '\0';
	if (!is_over && work->is_accepted)
		work->feed.entries = 0;
	return is_over || work->is_accepted;
}

static void begin(struct feed_service *service, size_t at)
{
	struct feed_work *work = calloc(1, sizeof(*work));

	if (!work)
		return; /* the next tick tries again */
	work->service = service;
	work->feed = service->feeds[at];
	work->is_accepted = service->is_accepted[at];
	work->fetch = -1;
	buffer_init(&work->lines, FEED_BYTES_MAX);
	service->work = work;
	if (work->feed.changed_unix_ms && !may_begin(service, work)) {
		(void)snprintf(work->feed.error, sizeof(work->feed.error),
			       "Its list is not in force: it was not confirmed, or was "
			       "removed. To have it again: sluice feed refresh %.50s --accept",
			       work->feed.name);
		finish(service, FEED_HELD);
		return;
	}
	ask_process(service);
}

void feeds_begin(struct feed_service *service, struct feed_work *work)
{
	service->work = work;
	ask_process(service);
}

void feed_service_take_fetch(struct feed_service *service, int fd)
{
	if (!service->work || !service->is_asking) {
		if (fd >= 0)
			close(fd); /* came too late */
		return;
	}
	service->work->fetch = fd;
	if (fd >= 0) {
		start_work(service);
		return;
	}
	service->is_asking = false;
	(void)snprintf(service->work->feed.error, FEED_ERROR_MAX,
		       "No process to fetch it could be started.");
	finish(service, FEED_FAILED);
}

/* Its end has come: the kernel has looked at it with every packet, this only says so. */
static void look_at_end(struct feed_service *service, size_t at)
{
	struct feed *feed = &service->feeds[at];
	struct block list;

	service->ends_ns[at] = 0;
	if (store_block_of_list(service->options.store, feed->name, &list) != 0 ||
	    list.state != BLOCK_EXPIRED)
		return;
	if (feed->state != FEED_HELD) /* a person has to see that one first */
		feed->state = FEED_EXPIRED;
	if (service->work && service->work->feed.id == feed->id)
		service->work->feed.state = feed->state;
	if (store_feed_update(service->options.store, feed))
		log_error("the state of a feed could not be stored feed=%s", feed->name);
	log_warn("a feed ran out: it was not fetched for its lifetime feed=%s", feed->name);
}

void feed_service_tick(struct feed_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (service->is_asking && now_ns - service->asked_ns > FETCH_START_NS)
		feed_service_take_fetch(service, -1);
	preview_tick(service); /* first: a person waits */
	for (size_t i = 0; i < service->count && !service->is_stopping; i++)
		if (service->ends_ns[i] && now_ns >= service->ends_ns[i])
			look_at_end(service, i);
	for (size_t i = 0; i < service->count && !service->work && !service->is_stopping; i++)
		if (now_ns >= service->due_ns[i])
			begin(service, i);
}

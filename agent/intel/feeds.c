/*
 * When feeds are due and what becomes of them: unchanged, held, failed, or a list's next version.
 */
#include "agent/intel/feeds.h"

#include <ctype.h>
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

#define FETCH_START_NS	(10 * NS_PER_S)
#define RETRY_S		3600	       /* of one that failed, where its own time is longer */
#define SOON_NS		(5 * NS_PER_S) /* after a start: the service comes first */
#define PART_BYTES	(1U << 20)
#define HELD_PERCENT	50 /* WIRE 3.11: more change than this is a mistake more often than news */
#define LISTS_LOOKED_AT 1024

static const char *const state_names[FEED_STATE_COUNT] = {
	[FEED_NEW] = "new", [FEED_OK] = "ok", [FEED_FAILED] = "failed", [FEED_HELD] = "held"
};

const char *feed_state_name(uint8_t state)
{
	return state < FEED_STATE_COUNT ? state_names[state] : "";
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
	work->feed.state = (uint8_t)state;
	work->feed.checked_unix_ms = clock_unix_ms();
	if (state == FEED_FAILED && pause_s > RETRY_S)
		pause_s = RETRY_S;
	if (at < service->count && !work->is_deleted) {
		service->feeds[at] = work->feed;
		service->due_ns[at] = clock_monotonic_ns() + (uint64_t)pause_s * NS_PER_S;
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

/* The block of its list; 0: none is in force. */
static int64_t find_list(const struct feed_service *service, const char *name)
{
	CLEANUP(free) struct block *rows = calloc(LISTS_LOOKED_AT, sizeof(*rows));
	int count = rows ? store_block_list(service->options.store, true, 0, rows, LISTS_LOOKED_AT)
			 : -ENOMEM;

	for (int i = 0; i < count; i++)
		if (!strcmp(rows[i].list, name))
			return rows[i].id;
	return count < 0 ? count : 0;
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
		finish(service, FEED_OK);
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
	if (work->feed.changed_unix_ms && find_list(service, work->feed.name) == 0) {
		if (!work->is_accepted) {
			(void)snprintf(
				work->feed.error, sizeof(work->feed.error),
				"Its list is not in force: it was not confirmed, or was "
				"removed. To have it again: sluice feed refresh %.50s --accept",
				work->feed.name);
			finish(service, FEED_HELD);
			return;
		}
		work->feed.entries = 0;
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

void feed_service_tick(struct feed_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (service->is_asking && now_ns - service->asked_ns > FETCH_START_NS)
		feed_service_take_fetch(service, -1);
	preview_tick(service); /* first: a person waits */
	for (size_t i = 0; i < service->count && !service->work && !service->is_stopping; i++)
		if (now_ns >= service->due_ns[i])
			begin(service, i);
}

/* ---- orders ---------------------------------------------------------------------------------- */

static bool is_list_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return false;
	return len > 0 && len < 60;
}

bool feeds_is_url(const char *url)
{
	bool is_known = !strncmp(url, "https://", 8) || !strncmp(url, "http://", 7) ||
			!strncmp(url, "file:///", 8);

	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return is_known && strlen(url) < FEED_URL_MAX && strlen(url) > 8;
}

int feed_add(struct feed_service *service, struct feed *feed, const char **field)
{
	*field = !is_list_name(feed->name)	      ? "name"
		 : !feeds_is_url(feed->url)	      ? "url"
		 : feed->every_s < FEED_EVERY_LEAST_S ? "every"
		 : feed->every_s > 366LL * 86400      ? "every"
						      : NULL;
	if (*field)
		return -EINVAL;
	if (service->count == FEEDS_MAX)
		return -ENOSPC;
	feed->created_unix_ms = clock_unix_ms();
	int error = store_feed_insert(service->options.store, feed);
	if (error)
		return error;
	service->feeds[service->count] = *feed;
	service->due_ns[service->count] = 0;
	service->is_accepted[service->count++] = false;
	return 0;
}

static size_t find_name(const struct feed_service *service, const char *name)
{
	size_t at = 0;

	while (at < service->count && strcmp(service->feeds[at].name, name) != 0)
		at++;
	return at;
}

static int remove_list(struct feed_service *service, const struct principal *who, const char *name)
{
	struct block_outcome outcome;
	int64_t id = find_list(service, name);

	if (id <= 0)
		return (int)id;
	return block_remove(service->options.block, who, id, &outcome);
}

int feed_remove(struct feed_service *service, const struct principal *who, const char *name)
{
	size_t at = find_name(service, name);
	int error;

	if (at == service->count)
		return -ENOENT;
	if (service->work && service->work->feed.id == service->feeds[at].id) {
		if (service->is_applying)
			return -EBUSY;
		service->work->is_deleted = true;
		atomic_store(&service->work->is_cancelled, true);
	}
	error = remove_list(service, who, name);
	if (!error)
		error = store_feed_delete(service->options.store, service->feeds[at].id);
	if (error)
		return error;
	service->count--;
	for (; at < service->count; at++) {
		service->feeds[at] = service->feeds[at + 1];
		service->due_ns[at] = service->due_ns[at + 1];
		service->is_accepted[at] = service->is_accepted[at + 1];
	}
	return 0;
}

int feed_refresh(struct feed_service *service, const char *name, bool is_accepted)
{
	size_t at = find_name(service, name);

	if (at == service->count)
		return -ENOENT;
	service->due_ns[at] = 0;
	service->is_accepted[at] = is_accepted;
	return 0;
}

int feed_list(struct feed_service *service, struct feed *out, size_t max)
{
	size_t count = service->count < max ? service->count : max;

	memcpy(out, service->feeds, count * sizeof(*out));
	return (int)count;
}

bool feed_is_fetching(const struct feed_service *service, int64_t id)
{
	return service->work && service->work->feed.id == id;
}

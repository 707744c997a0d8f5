/*
 * A feed before it is one: fetched and read like any other, and then nothing is applied.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/block.h"
#include "agent/intel/feeds.h"
#include "agent/util/clock.h"
#include "agent/util/prefix_set.h"

#define NAME	"feed-preview"	 /* of the upload; no list gets it */
#define KEPT_NS (300 * NS_PER_S) /* its entries; whoever asked has long had the answer */

int feed_preview_ask(struct feed_service *service, const char *url)
{
	struct feed_preview *preview = &service->preview;

	if (!feeds_is_url(url))
		return -EINVAL;
	if (preview->state == FEED_PREVIEW_FETCHING)
		return -EBUSY;
	prefix_set_unref(preview->set);
	*preview = (struct feed_preview){ .state = FEED_PREVIEW_FETCHING };
	(void)snprintf(preview->url, sizeof(preview->url), "%s", url);
	service->wants_preview = true;
	return 0;
}

const struct feed_preview *feed_preview(const struct feed_service *service)
{
	return &service->preview;
}

static void begin(struct feed_service *service)
{
	struct feed_work *work = calloc(1, sizeof(*work));

	if (!work)
		return; /* the next tick tries again */
	service->wants_preview = false;
	work->service = service;
	work->is_preview = true;
	work->fetch = -1;
	(void)snprintf(work->feed.name, sizeof(work->feed.name), NAME);
	memcpy(work->feed.url, service->preview.url, sizeof(work->feed.url));
	buffer_init(&work->lines, FEED_BYTES_MAX);
	feeds_begin(service, work);
}

void preview_tick(struct feed_service *service)
{
	struct feed_preview *preview = &service->preview;

	if (service->wants_preview && !service->work && !service->is_stopping)
		begin(service);
	if (preview->state != FEED_PREVIEW_READY ||
	    clock_monotonic_ns() - service->preview_ended_ns < KEPT_NS)
		return;
	prefix_set_unref(preview->set);
	*preview = (struct feed_preview){ .state = FEED_PREVIEW_NONE };
}

void preview_end(struct feed_service *service)
{
	struct feed_work *work = service->work;
	struct feed_preview *preview = &service->preview;

	service->work = NULL;
	service->is_applying = false;
	service->preview_ended_ns = clock_monotonic_ns();
	preview->state = *work->feed.error ? FEED_PREVIEW_FAILED : FEED_PREVIEW_READY;
	memcpy(preview->error, work->feed.error, sizeof(preview->error));
	feeds_work_free(work);
}

static void was_read(void *arg, const struct block_outcome *outcome,
		     const struct block_list_report *report)
{
	struct feed_service *service = arg;
	struct feed *feed = &service->work->feed;

	service->preview.lines = report->lines;
	service->preview.refused = report->refused;
	if (outcome->error)
		(void)snprintf(feed->error, sizeof(feed->error), "%.190s", outcome->message);
	else
		service->preview.set = prefix_set_ref(report->set);
	preview_end(service);
}

void preview_fetched(struct feed_service *service)
{
	struct feed *feed = &service->work->feed;
	const struct principal who = feeds_principal(feed);
	struct block_outcome outcome = { .error = 0 };
	const struct block_list_order order = {
		.request = { .list = NAME, .action = "drop", .direction = "", .proto = "" },
		.is_dry = true,
		.done = was_read,
		.arg = service
	};

	if (!service->work->line_count) {
		(void)snprintf(feed->error, sizeof(feed->error), "It is empty.");
	} else if (feeds_upload(service, &outcome)) {
		(void)snprintf(feed->error, sizeof(feed->error), "%.190s",
			       *outcome.message ? outcome.message : "It could not be taken in.");
	} else {
		service->is_applying = true;
		block_list_apply(service->options.block, &who, &order);
		return;
	}
	preview_end(service);
}

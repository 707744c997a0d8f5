/*
 * Orders of people: feeds added, removed, fetched soon; and what is there.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/block.h"
#include "agent/intel/feeds.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"

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

/* A lifetime spans two turns at least, so that one that fails ends nothing. */
static const char *wrong_field(const struct feed *feed)
{
	if (!is_list_name(feed->name))
		return "name";
	if (!feeds_is_url(feed->url))
		return "url";
	if (feed->every_s < FEED_EVERY_LEAST_S || feed->every_s > FEED_TIME_MOST_S)
		return "every";
	if (feed->lifetime_s &&
	    (feed->lifetime_s < 2 * feed->every_s || feed->lifetime_s > FEED_TIME_MOST_S))
		return "lifetime";
	return NULL;
}

int feed_add(struct feed_service *service, struct feed *feed, const char **field)
{
	*field = wrong_field(feed);
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
	service->ends_ns[service->count] = 0;
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
	struct block list;
	int error = store_block_of_list(service->options.store, name, &list);

	if (error == -ENOENT || (!error && !feeds_is_in_force(&list)))
		return 0;
	return error ? error : block_remove(service->options.block, who, list.id, &outcome);
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
		service->ends_ns[at] = service->ends_ns[at + 1];
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

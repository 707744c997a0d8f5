/*
 * Feeds: lists that are fetched; and those that are offered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/intel/intel.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"

static struct json *encode_feed(const struct call *call, const struct feed *feed)
{
	struct json *item = json_new_object();
	char url[FEED_URL_MAX];

	json_set_int(item, "id", feed->id);
	json_set_string(item, "name", feed->name);
	json_set_string(item, "url",
			call->who.role < ROLE_ADMIN ? feed_server(feed->url, url) : feed->url);
	json_set_string(item, "action", feed->action == BLOCK_COUNT ? "count" : "drop");
	json_set_string(item, "state", feed_state_name(feed->state));
	json_set_bool(item, "fetching", feed_is_fetching(call->api->options.feeds, feed->id));
	json_set_int(item, "every", feed->every_s);
	json_set_int(item, "lifetime", feed->lifetime_s);
	json_set_int(item, "column", feed->column);
	json_set_int(item, "entries", feed->entries);
	json_set_int(item, "refused", feed->refused);
	json_set_string(item, "author", feed->author);
	json_set_time(item, "created", feed->created_unix_ms);
	json_set_time(item, "checked", feed->checked_unix_ms);
	json_set_time(item, "changed", feed->changed_unix_ms);
	json_set_time(item, "seen", feed->seen_unix_ms);
	json_set_time(item, "expires", feed_expires_unix_ms(feed));
	json_set_string(item, "error", *feed->error ? feed->error : NULL);
	return edit_tagged(EDITED_FEED, item);
}

static int audit(const struct call *call, const char *action, const char *name)
{
	const struct audit_entry entry = {
		.who = call->who.name, .peer = &call->who.peer, .action = action, .target = name
	};

	return store_audit_write(call->api->options.store, &entry);
}

void handle_feeds(struct call *call)
{
	CLEANUP(free) struct feed *rows = calloc(FEEDS_MAX, sizeof(*rows));
	struct json *items;
	int count = rows ? feed_list(call->api->options.feeds, rows, FEEDS_MAX) : -ENOMEM;

	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_feed(call, &rows[i]));
	answer_list(call, items, 0);
}

void handle_feeds_offered(struct call *call)
{
	static const struct {
		const char *name, *url, *what, *licence;
	} offered[] = {
#define FEED(name, url, what, licence) { name, url, what, licence },
#include "include/feeds.def"
#undef FEED
	};
	struct json *items = json_new_array();

	for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++) {
		struct json *item = json_new_object();

		json_set_string(item, "name", offered[i].name);
		json_set_string(item, "url", offered[i].url);
		json_set_string(item, "what", offered[i].what);
		json_set_string(item, "licence", offered[i].licence);
		json_add(items, item);
	}
	answer_list(call, items, 0);
}

/* A time of the body; absent or empty: @seconds stays. */
static int read_time(struct call *call, const struct json *body, const char *field,
		     int64_t *seconds)
{
	char message[64];
	const char *text;

	if (body_text(call, body, field, &text))
		return -EINVAL;
	if (!*text || !duration_parse(text, seconds))
		return 0;
	(void)snprintf(message, sizeof(message), "%s is a time like 6h or 1d.", field);
	answer_error(call, 422, "invalid", field, message);
	return -EINVAL;
}

static int read_feed(struct call *call, const struct json *body, struct feed *feed)
{
	const char *name, *url, *action;
	int64_t column = 0;

	feed->every_s = FEED_EVERY_DEFAULT_S;
	if (body_text(call, body, "name", &name) || body_text(call, body, "url", &url) ||
	    body_text(call, body, "action", &action) ||
	    read_time(call, body, "every", &feed->every_s) ||
	    read_time(call, body, "lifetime", &feed->lifetime_s))
		return -EINVAL;
	if (*action && strcmp(action, "drop") != 0 && strcmp(action, "count") != 0) {
		answer_error(call, 422, "invalid", "action", "action is drop or count.");
		return -EINVAL;
	}
	(void)json_get_int(body, "column", &column); /* absent: none */
	if (column < 0 || column > FEED_COLUMN_MAX) {
		answer_error(call, 422, "invalid", "column", "column is from 1 to 64.");
		return -EINVAL;
	}
	feed->column = (uint8_t)column;
	feed->action = !strcmp(action, "count") ? BLOCK_COUNT : BLOCK_DROP;
	(void)snprintf(feed->name, sizeof(feed->name), "%s", name);
	(void)snprintf(feed->url, sizeof(feed->url), "%s", url);
	(void)snprintf(feed->author, sizeof(feed->author), "%s", call->who.name);
	return 0;
}

static void answer_wrong(struct call *call, const char *field)
{
	static const struct {
		const char *field, *text;
	} wrong[] = {
		{ "name", "name is letters, digits, - _ and ., at most 59 of them." },
		{ "url", "url is http://, https:// or file:///PATH." },
		{ "every", "every is from 1h to 366d." },
		{ "lifetime", "lifetime is at least twice every, and at most 366d." },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!strcmp(field, wrong[i].field))
			answer_error(call, 422, "invalid", field, wrong[i].text);
}

void handle_feed_add(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct feed feed = { 0 };
	const char *field = NULL;
	int error;

	if (body_json(call, &body) || read_feed(call, body, &feed))
		return;
	error = feed_add(call->api->options.feeds, &feed, &field);
	if (error == -EINVAL && field)
		answer_wrong(call, field);
	else if (error == -EEXIST)
		answer_error(call, 409, "exists", "name", "There is a feed of this name already.");
	else if (error == -ENOSPC)
		answer_error(call, 409, "full", NULL, "There are as many feeds as there may be.");
	else if (error || (error = audit(call, "feed.add", feed.name)))
		answer_failure(call, error);
	else
		answer_json(call, 201, encode_feed(call, &feed));
}

/* The feed of the path is as who asks saw it. */
static bool is_as_seen(struct call *call)
{
	CLEANUP(free) struct feed *rows = calloc(FEEDS_MAX, sizeof(*rows));
	int count = rows ? feed_list(call->api->options.feeds, rows, FEEDS_MAX) : -ENOMEM;

	for (int i = 0; i < count; i++)
		if (!strcmp(rows[i].name, call->part))
			return edit_goes_on(call, EDITED_FEED, encode_feed(call, &rows[i]),
					    call->part);
	return count < 0 || edit_goes_on(call, EDITED_FEED, NULL, call->part);
}

void handle_feed_remove(struct call *call)
{
	int error;

	if (!is_as_seen(call))
		return;
	error = feed_remove(call->api->options.feeds, &call->who, call->part);
	if (error == -EBUSY) {
		answer_error(call, 409, "busy", NULL, "It is being applied. Try again.");
		return;
	}
	if (!error)
		error = audit(call, "feed.remove", call->part);
	if (error)
		answer_failure(call, error);
	else
		answer_empty(call, 204);
}

void handle_feed_refresh(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	bool is_accepted = false;
	int error;

	if (body_json(call, &body) || !is_as_seen(call))
		return;
	(void)json_get_bool(body, "accept", &is_accepted); /* absent: no */
	error = feed_refresh(call->api->options.feeds, call->part, is_accepted);
	if (!error)
		error = audit(call, is_accepted ? "feed.accept" : "feed.refresh", call->part);
	if (error)
		answer_failure(call, error);
	else
		answer_empty(call, 202);
}

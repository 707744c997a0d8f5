/*
 * Known ports and devices across a restart.
 */
#include "agent/app/known.h"

#include <stdlib.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/log.h"

/* As many as the detectors hold (new_device.c). */
#define KNOWN_MAX 8192

/* How long things of one kind were seen, from the first to the last. */
static int64_t load_kind(struct store *store, enum seen_kind kind, struct seen_entry *out,
			 int *count)
{
	const struct seen_query query = { .kind = kind };
	int64_t first = INT64_MAX, last = INT64_MIN;

	*count = store_seen_list(store, &query, out, KNOWN_MAX);
	for (int i = 0; i < *count; i++) {
		if (out[i].first_unix_s < first)
			first = out[i].first_unix_s;
		if (out[i].last_unix_s > last)
			last = out[i].last_unix_s;
	}
	return last > first ? last - first : 0;
}

void known_load(struct store *store, struct detect *detect, uint64_t learn_s)
{
	CLEANUP(free) struct seen_entry *known = calloc(2UL * KNOWN_MAX, sizeof(*known));
	int ports, devices;

	if (!known)
		return;
	int64_t ports_s = load_kind(store, SEEN_LISTENER, known, &ports);
	if (ports < 0) {
		log_warn("known ports cannot be read, learning begins anew: %s", strerror(-ports));
		return;
	}
	int64_t devices_s = load_kind(store, SEEN_MAC, known + ports, &devices);
	if (devices < 0) {
		log_warn("known devices cannot be read, learning begins anew: %s",
			 strerror(-devices));
		return;
	}
	int64_t seen_s = ports_s > devices_s ? ports_s : devices_s;
	detect_know(detect, known, (size_t)ports + (size_t)devices, seen_s >= (int64_t)learn_s);
}

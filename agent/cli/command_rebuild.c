/*
 * check --rebuild: the history's hourly sums anew from its records, through the running service, or
 * on its store when nobody holds the lock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/offline.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"

static int rebuild_online(const struct args *args, struct store_rebuilt *sum)
{
	bool has_next = true;

	while (has_next) {
		CLEANUP(json_free) struct json *body = NULL;
		char path[64];

		(void)snprintf(path, sizeof(path), "/api/v1/store/rebuild?after=%" PRId64,
			       sum->next_hour);
		int status = client_call(args, "POST", path, NULL, &body);
		if (status)
			return status;
		sum->hours += (uint64_t)number_of(body, "hours");
		sum->records += (uint64_t)number_of(body, "records");
		sum->changed += (uint64_t)number_of(body, "changed");
		has_next = !json_get_int(body, "next", &sum->next_hour);
	}
	return CLI_OK;
}

static int rebuild_offline(const struct args *args, struct store_rebuilt *sum)
{
	struct offline offline;
	int status = offline_open(args, &offline);
	int error = status ? 0 : store_rebuild_sums(offline.store, 0, 0, sum);

	if (error) {
		fprintf(stderr, "sluice: %s\n", strerror(-error));
		status = CLI_FAILED;
	}
	offline_done(&offline);
	return status;
}

int check_rebuild(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct store_rebuilt sum = { 0 };
	int status =
		client_is_running(args) ? rebuild_online(args, &sum) : rebuild_offline(args, &sum);

	if (status)
		return status;
	if (args->is_json) {
		body = json_new_object();
		json_set_uint(body, "hours", sum.hours);
		json_set_uint(body, "records", sum.records);
		json_set_uint(body, "changed", sum.changed);
		return answer_print(body);
	}
	say("%" PRIu64 " hours with %" PRIu64 " records were summed anew; ", sum.hours,
	    sum.records);
	if (sum.changed)
		say("the sums of %" PRIu64 " hours were wrong\n", sum.changed);
	else
		say("no sum was wrong\n");
	return CLI_OK;
}

/*
 * The export role: messages from core to the sinks that want them, their states back once a second.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"

#define POLL_MS 250
#define STOP_MS 3000 /* for what is left at the end, of all sinks together */

struct run {
	struct sink sinks[OUTPUTS_MAX];
	size_t count;
	uint64_t told_ns;
};

static int start_sinks(struct run *run, const struct output_settings *settings)
{
	const struct {
		const char *wanted;
		const struct sink_type *type;
	} all[OUTPUTS_MAX] = {
		{ settings->eve_file, &sink_eve_file }, { settings->eve_socket, &sink_eve_socket },
		{ settings->evebox, &sink_evebox },	{ settings->syslog, &sink_syslog },
		{ settings->ipfix, &sink_ipfix },	{ settings->webhook, &sink_webhook }
	};

	for (size_t i = 0; i < OUTPUTS_MAX; i++) {
		struct sink *sink = &run->sinks[run->count];
		int error;

		if (!*all[i].wanted)
			continue;
		sink->type = all[i].type;
		sink->settings = settings;
		error = sink_start(sink);
		if (error)
			return error;
		run->count++;
	}
	return 0;
}

static void stop_sinks(struct run *run)
{
	uint64_t until_ns = clock_monotonic_ns() + STOP_MS * NS_PER_MS;

	for (size_t i = 0; i < run->count; i++)
		atomic_store(&run->sinks[i].is_stopping, true); /* they end side by side */
	for (size_t i = 0; i < run->count; i++)
		sink_stop(&run->sinks[i], until_ns);
}

static void tell_states(struct run *run, int fd)
{
	struct output_message message = { .kind = OUTPUT_STATES };

	run->told_ns = clock_monotonic_ns();
	for (size_t i = 0; i < run->count; i++) {
		struct output_state state;

		sink_state(&run->sinks[i], &state);
		memcpy(message.data + message.len, &state, sizeof(state));
		message.len += sizeof(state);
	}
	/* a core that does not read has the next one to read */
	(void)send(fd, &message, OUTPUT_HEADER_BYTES + message.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What came is from core, and yet measured before it is used. */
static bool is_whole(const struct output_message *message, size_t len)
{
	if (len < OUTPUT_HEADER_BYTES || len != OUTPUT_HEADER_BYTES + message->len)
		return false;
	if (message->kind == OUTPUT_FLOWS)
		return message->len % sizeof(struct flow) == 0;
	return message->kind == OUTPUT_TEXT ||
	       (message->kind == OUTPUT_INCIDENT && message->len == sizeof(struct output_incident));
}

static int take_messages(struct run *run, int fd)
{
	struct output_message message;
	ssize_t got;

	while ((got = recv(fd, &message, sizeof(message), MSG_DONTWAIT)) > 0) {
		if (!is_whole(&message, (size_t)got))
			return -EPROTO;
		for (size_t i = 0; i < run->count; i++)
			if (run->sinks[i].type->takes == message.kind)
				sink_take(&run->sinks[i], &message);
	}
	return got == 0 ? -EPIPE : 0;
}

int outputs_run(int fd, const struct output_settings *settings)
{
	CLEANUP(free) struct run *run = calloc(1, sizeof(*run));
	struct pollfd watched = { .fd = fd, .events = POLLIN };
	int error = run ? start_sinks(run, settings) : -ENOMEM;

	while (!error) {
		if (poll(&watched, 1, POLL_MS) < 0 && errno != EINTR)
			error = -errno;
		if (!error)
			error = take_messages(run, fd);
		if (clock_monotonic_ns() - run->told_ns > NS_PER_S)
			tell_states(run, fd);
	}
	if (run)
		stop_sinks(run);
	return error == -EPIPE ? 0 : error;
}

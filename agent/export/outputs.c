/*
 * Core's side: one socket, messages that it takes at once, wait for it in a bounded backlog, or are
 * dropped and counted.
 */
#include "agent/export/export.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"

/* A socket takes what net.core.wmem_max allows, by default 17 ms of 50,000 lines a second; for as
 * long as the export role is not scheduled, or is started again, lines wait here. */
#define BACKLOG_BYTES (8U << 20)
#define LAST_WAIT_MS  100

struct waiting {
	struct waiting *next;
	struct output_message message; /* only as much of it as it has */
};

struct outputs {
	pthread_mutex_t lock; /* of everything below */
	int fd;		      /* -1 = none */
	struct waiting *first, *last;
	size_t backlog_bytes;
	bool wants_text, wants_flows, was_linked;
	struct output_message flows;
	struct output_state states[OUTPUTS_MAX];
	size_t state_count;
	atomic_uint_fast64_t dropped;
};

bool output_settings_are_empty(const struct output_settings *settings)
{
	return !*settings->eve_file && !*settings->eve_socket && !*settings->syslog &&
	       !*settings->evebox && !*settings->ipfix && !*settings->webhook;
}

static bool is_target(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && colon > text && colon[1] && strlen(text) < 256 &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

static bool is_syslog(const char *text)
{
	static const char *const schemes[] = { "udp://", "tcp://", "tls://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncmp(text, schemes[i], 6))
			return is_target(text + 6);
	return false;
}

static bool is_http(const char *text)
{
	return !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8);
}

int output_settings_check(const struct output_settings *settings, char *reason)
{
	const struct {
		const char *value;
		bool is_right;
		const char *reason;
	} checks[] = {
		{ settings->eve_file, *settings->eve_file == '/', "eve_file is an absolute path" },
		{ settings->eve_socket, *settings->eve_socket == '/',
		  "eve_socket is an absolute path" },
		{ settings->evebox, is_http(settings->evebox) && !strchr(settings->evebox, '@'),
		  "evebox is http://HOST:PORT or https://HOST:PORT, with evebox_user and "
		  "evebox_password where it asks for them" },
		{ settings->syslog, is_syslog(settings->syslog),
		  "syslog is udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT" },
		{ settings->webhook, is_http(settings->webhook),
		  "webhook is http://... or https://..." },
		{ settings->ipfix, is_target(settings->ipfix), "ipfix is HOST:PORT" },
		{ settings->ca, *settings->ca == '/', "ca is an absolute path" },
	};

	reason[0] = '\0';
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (*checks[i].value && !checks[i].is_right) {
			(void)snprintf(reason, 256, "%s", checks[i].reason);
			return -EINVAL;
		}
	return 0;
}

int outputs_new(const struct output_settings *settings, struct outputs **out)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));

	if (!outputs)
		return -ENOMEM;
	(void)pthread_mutex_init(&outputs->lock, NULL); /* cannot fail with default attributes */
	outputs->fd = -1;
	outputs->wants_text = *settings->eve_file || *settings->eve_socket || *settings->evebox;
	outputs->wants_flows = *settings->ipfix != '\0';
	*out = outputs;
	return 0;
}

bool outputs_wants_text(const struct outputs *outputs)
{
	return outputs && outputs->wants_text;
}

bool outputs_wants_flows(const struct outputs *outputs)
{
	return outputs && outputs->wants_flows;
}

void outputs_link(struct outputs *outputs, int fd)
{
	if (!outputs) {
		close(fd);
		return;
	}
	(void)pthread_mutex_lock(&outputs->lock);
	if (outputs->fd >= 0)
		close(outputs->fd);
	outputs->fd = fd;
	outputs->was_linked = true;
	(void)pthread_mutex_unlock(&outputs->lock);
}

static bool try_send(struct outputs *outputs, const struct output_message *message)
{
	return outputs->fd >= 0 && send(outputs->fd, message, OUTPUT_HEADER_BYTES + message->len,
					MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void drop_first(struct outputs *outputs)
{
	struct waiting *first = outputs->first;

	outputs->first = first->next;
	outputs->backlog_bytes -= first->message.len;
	if (!outputs->first)
		outputs->last = NULL;
	free(first);
}

static void keep_locked(struct outputs *outputs, const struct output_message *message)
{
	size_t size = OUTPUT_HEADER_BYTES + message->len;
	struct waiting *waiting = outputs->backlog_bytes + message->len > BACKLOG_BYTES
					  ? NULL
					  : malloc(offsetof(struct waiting, message) + size);

	if (!waiting) {
		(void)atomic_fetch_add(&outputs->dropped, 1);
		return;
	}
	waiting->next = NULL;
	memcpy(&waiting->message, message, size);
	if (outputs->last)
		outputs->last->next = waiting;
	else
		outputs->first = waiting;
	outputs->last = waiting;
	outputs->backlog_bytes += message->len;
}

static void send_backlog(struct outputs *outputs)
{
	while (outputs->first && try_send(outputs, &outputs->first->message))
		drop_first(outputs);
}

static void send_locked(struct outputs *outputs, const struct output_message *message)
{
	send_backlog(outputs);
	if (outputs->first || !try_send(outputs, message))
		keep_locked(outputs, message);
}

/* At the end what waits may go, for a second. */
static void send_last(struct outputs *outputs)
{
	uint64_t until_ns = clock_monotonic_ns() + NS_PER_S;
	struct pollfd watched = { .fd = outputs->fd, .events = POLLOUT };

	send_backlog(outputs);
	while (outputs->fd >= 0 && outputs->first && clock_monotonic_ns() < until_ns &&
	       poll(&watched, 1, LAST_WAIT_MS) >= 0 && !(watched.revents & (POLLERR | POLLHUP)))
		send_backlog(outputs);
}

void outputs_free(struct outputs *outputs)
{
	if (!outputs)
		return;
	send_last(outputs);
	while (outputs->first)
		drop_first(outputs);
	if (outputs->fd >= 0)
		close(outputs->fd);
	(void)pthread_mutex_destroy(&outputs->lock);
	free(outputs);
}

void outputs_text(struct outputs *outputs, const char *text, size_t len)
{
	struct output_message message;

	if (!outputs_wants_text(outputs))
		return;
	while (len) {
		size_t part = len < OUTPUT_DATA_MAX ? len : OUTPUT_DATA_MAX;

		while (part && text[part - 1] != '\n') /* whole lines */
			part--;
		if (!part) {
			(void)atomic_fetch_add(&outputs->dropped, 1); /* one line over the bound */
			return;
		}
		message.kind = OUTPUT_TEXT;
		message.len = (uint32_t)part;
		memcpy(message.data, text, part);
		(void)pthread_mutex_lock(&outputs->lock);
		send_locked(outputs, &message);
		(void)pthread_mutex_unlock(&outputs->lock);
		text += part;
		len -= part;
	}
}

static void flush_locked(struct outputs *outputs)
{
	if (outputs->flows.len)
		send_locked(outputs, &outputs->flows);
	outputs->flows.len = 0;
}

void outputs_flow(struct outputs *outputs, const struct flow *flow)
{
	if (!outputs_wants_flows(outputs))
		return;
	(void)pthread_mutex_lock(&outputs->lock);
	outputs->flows.kind = OUTPUT_FLOWS;
	memcpy(outputs->flows.data + outputs->flows.len, flow, sizeof(*flow));
	outputs->flows.len += sizeof(*flow);
	if (outputs->flows.len + sizeof(*flow) > OUTPUT_DATA_MAX)
		flush_locked(outputs);
	(void)pthread_mutex_unlock(&outputs->lock);
}

void outputs_flush(struct outputs *outputs)
{
	if (!outputs)
		return;
	(void)pthread_mutex_lock(&outputs->lock);
	flush_locked(outputs);
	send_backlog(outputs);
	(void)pthread_mutex_unlock(&outputs->lock);
}

void outputs_incident(struct outputs *outputs, const struct output_incident *incident)
{
	struct output_message message = { .kind = OUTPUT_INCIDENT, .len = sizeof(*incident) };

	if (!outputs)
		return;
	memcpy(message.data, incident, sizeof(*incident));
	(void)pthread_mutex_lock(&outputs->lock);
	send_locked(outputs, &message);
	(void)pthread_mutex_unlock(&outputs->lock);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void take_states(struct outputs *outputs, const struct output_message *message, size_t len)
{
	size_t count = message->len / sizeof(struct output_state);

	if (message->kind != OUTPUT_STATES || len != OUTPUT_HEADER_BYTES + message->len ||
	    count > OUTPUTS_MAX)
		return;
	memcpy(outputs->states, message->data, count * sizeof(struct output_state));
	for (size_t i = 0; i < count; i++) {
		outputs->states[i].name[sizeof(outputs->states[i].name) - 1] = '\0';
		outputs->states[i].error[OUTPUT_ERROR_MAX - 1] = '\0';
	}
	outputs->state_count = count;
}

/* Its end, an error such as the reset of one that died, or no message of ours. */
static void unlink_locked(struct outputs *outputs)
{
	close(outputs->fd);
	outputs->fd = -1;
	for (size_t i = 0; i < outputs->state_count; i++)
		outputs->states[i].is_up = 0;
}

static void read_locked(struct outputs *outputs)
{
	struct output_message message;

	while (outputs->fd >= 0) {
		ssize_t got = recv(outputs->fd, &message, sizeof(message), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got >= (ssize_t)OUTPUT_HEADER_BYTES)
			take_states(outputs, &message, (size_t)got);
		else
			unlink_locked(outputs);
	}
}

bool outputs_tick(struct outputs *outputs)
{
	bool is_linked;

	if (!outputs)
		return true;
	(void)pthread_mutex_lock(&outputs->lock);
	read_locked(outputs);
	send_backlog(outputs);
	is_linked = outputs->fd >= 0;
	(void)pthread_mutex_unlock(&outputs->lock);
	return is_linked;
}

bool outputs_is_beginning(struct outputs *outputs)
{
	bool was_linked;

	if (!outputs)
		return false;
	(void)pthread_mutex_lock(&outputs->lock);
	was_linked = outputs->was_linked;
	(void)pthread_mutex_unlock(&outputs->lock);
	return !was_linked;
}

size_t outputs_states(struct outputs *outputs, struct output_state states[static OUTPUTS_MAX])
{
	size_t count;

	if (!outputs)
		return 0;
	(void)pthread_mutex_lock(&outputs->lock);
	count = outputs->state_count;
	memcpy(states, outputs->states, sizeof(outputs->states));
	(void)pthread_mutex_unlock(&outputs->lock);
	return count;
}

uint64_t outputs_dropped(struct outputs *outputs)
{
	return outputs ? atomic_load(&outputs->dropped) : 0;
}

/*
 * Between the two sides of the outputs, and what each output is. Only agent/export includes it.
 *   outputs.c     core's side
 *   outputs_run.c the export role: takes messages, hands them to its sinks, tells their state
 *   sink.c        one sink's thread: queue, back-off, counters
 *   sink_*.c      the sinks
 */
#ifndef SLUICE_EXPORT_OUTPUTS_INTERNAL_H
#define SLUICE_EXPORT_OUTPUTS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/export/outputs.h"

enum output_kind {
	OUTPUT_TEXT = 1,     /* EVE lines */
	OUTPUT_FLOWS = 2,    /* struct flow, several */
	OUTPUT_INCIDENT = 3, /* struct output_incident */
	OUTPUT_STATES = 4,   /* back: struct output_state, several */
};

/* One packet of the socket (SOCK_SEQPACKET): header and data. */
#define OUTPUT_DATA_MAX (48U << 10)

struct output_message {
	uint32_t kind, len;
	uint8_t data[OUTPUT_DATA_MAX];
};
#define OUTPUT_HEADER_BYTES offsetof(struct output_message, data)
#define OUTPUT_FLOWS_MAX    (OUTPUT_DATA_MAX / sizeof(struct flow))

struct sink;

/* What an output can do. All run on the sink's own thread and may wait, within seconds. */
struct sink_type {
	const char *name;
	enum output_kind takes;
	int (*open)(struct sink *sink); /* 0 or -errno; asked again after a pause */
	/* Returns how many lines, messages or flows went out, or -errno: then it is closed. */
	int (*send)(struct sink *sink, const struct output_message *message);
	int (*idle)(struct sink *sink); /* once a second; may be NULL. 0 or -errno */
};

extern const struct sink_type sink_eve_file, sink_eve_socket, sink_syslog, sink_ipfix, sink_webhook;

struct queue;

struct sink {
	const struct sink_type *type;
	const struct output_settings *settings;
	int fd; /* -1 = closed */
	bool is_stream;
	struct {
		uint32_t sequence, domain;
		int64_t templates_s; /* monotonic; when they were sent */
		uint8_t *packet;
	} ipfix;
	/* sink.c's own */
	struct queue *queue;
	pthread_t thread;
	atomic_bool is_stopping;
	atomic_uint_fast64_t sent, dropped, failures;
	atomic_int error; /* -errno of the last failure; 0 while all is well */
	atomic_bool is_up;
};

int sink_start(struct sink *sink);
void sink_stop(struct sink *sink);
/* sink_take - a copy of @message, dropped and counted when its queue is full. */
void sink_take(struct sink *sink, const struct output_message *message);
void sink_state(struct sink *sink, struct output_state *out);

/* How much of a message one thing is: lines of text, flows. */
uint64_t output_count(const struct output_message *message);

/* sink_connect - "HOST:PORT", "[ADDR]:PORT"; @type SOCK_DGRAM or SOCK_STREAM; 5 s. -errno. */
int sink_connect(struct sink *sink, const char *target, int type);
/* sink_write - all of it, within 5 s. */
int sink_write(struct sink *sink, const void *data, size_t len);

/* output_sentence - an incident for people, without a line break. */
struct buffer;
void output_sentence(struct buffer *out, const struct output_incident *incident);

/* syslog_format - RFC 5424 with a sentence or CEF. Returns the length. */
size_t syslog_format(const struct output_settings *settings, const struct output_incident *incident,
		     char *text, size_t size);

#endif

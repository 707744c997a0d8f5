/*
 * Between the two sides of the outputs, and what each output is. Only agent/export includes it.
 *   outputs.c     core's side
 *   outputs_run.c the export role: takes messages, hands them to its sinks, tells their state
 *   sink.c        one sink's thread: queue, back-off, counters
 *   sink_socket.c what sinks do with sockets
 *   sink_*.c      the sinks
 *   webhook_body.c what a webhook's receiver is told
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

/* What an output can do. All run on the sink's own thread and may wait, within seconds. A failure
 * is an errno; sink_say before it gives it better words. */
struct sink_type {
	const char *name;
	enum output_kind takes;
	int (*open)(struct sink *sink); /* 0 or -errno; asked again after a pause */
	/* Returns how many lines, messages or flows went out, or -errno: then it is closed, and
	 * after a pause the same message is tried again. sink_refuse: it would be in vain. */
	int (*send)(struct sink *sink, const struct output_message *message);
	int (*idle)(struct sink *sink); /* once a second; may be NULL. 0 or -errno */
};

extern const struct sink_type sink_eve_file, sink_eve_socket, sink_evebox, sink_syslog, sink_ipfix,
	sink_webhook;

struct queue;
struct tls_client;

#define DELIVERY_MAX 37 /* a UUID as text */

struct sink {
	const struct sink_type *type;
	const struct output_settings *settings;
	int fd; /* -1 = closed */
	bool is_stream;
	struct tls_client *tls; /* NULL = plain */
	struct {
		uint32_t sequence, domain;
		int64_t templates_s; /* monotonic; when they were sent */
		uint8_t *packet;
	} ipfix;
	char delivery[DELIVERY_MAX]; /* webhook: of the message under way; "" = a new one */
	/* sink.c's own, the sink's thread alone */
	struct output_message *pending; /* being tried */
	unsigned int tries;		/* of it */
	uint64_t refused;		/* of the last send: counted as dropped, not tried again */
	uint64_t retry_ns, idle_ns;
	unsigned int pause_s;
	char said[OUTPUT_ERROR_MAX];
	/* shared */
	struct queue *queue;
	pthread_t thread;
	atomic_bool is_stopping;
	atomic_uint_fast64_t sent, dropped, failures;
	atomic_bool is_up;
	pthread_mutex_t lock; /* of reason */
	char reason[OUTPUT_ERROR_MAX];
};

int sink_start(struct sink *sink);
/* sink_stop - what is left is still sent, but not after @until_ns (monotonic). */
void sink_stop(struct sink *sink, uint64_t until_ns);
/* sink_take - a copy of @message, dropped and counted when its queue is full. */
void sink_take(struct sink *sink, const struct output_message *message);
void sink_state(struct sink *sink, struct output_state *out);
/* sink_say - why what fails next fails. */
void sink_say(struct sink *sink, const char *text);
/* sink_refuse - so much of the message under way will never be taken. */
void sink_refuse(struct sink *sink, uint64_t count);

/* How much of a message one thing is: lines of text, flows. */
uint64_t output_count(const struct output_message *message);

/* ---- sink_socket.c ---- */

/* sink_connect - "HOST:PORT", "[ADDR]:PORT"; @type SOCK_DGRAM or SOCK_STREAM; 5 s. -errno. */
int sink_connect(struct sink *sink, const char *target, int type);
/* sink_secure - TLS over the stream that sink_connect made to @target. */
int sink_secure(struct sink *sink, const char *target);
/* sink_write - all of it, within 5 s. */
int sink_write(struct sink *sink, const void *data, size_t len);
/* sink_watch - take and forget what a stream sent. -ECONNRESET: the other side has gone. */
int sink_watch(struct sink *sink);
void sink_close(struct sink *sink);

/* ---- what is said ---- */

struct buffer;
/* output_sentence - an incident for people, without a line break. */
void output_sentence(struct buffer *out, const struct output_incident *incident);

/* syslog_format - RFC 5424 with a sentence or CEF. Returns the length. */
size_t syslog_format(const struct output_settings *settings, const struct output_incident *incident,
		     char *text, size_t size);

/* webhook_body - by the settings' format; caller frees. NULL without memory. */
char *webhook_body(const struct output_settings *settings, const struct output_incident *incident,
		   size_t *len);

#endif

/*
 * The link to core: requests out, responses, events and ended sessions in. Owns the socket to core,
 * which comes and goes with core, and the table of requests that wait for an answer. One thread,
 * which also runs the callbacks. What one turn of its loop asks leaves in one piece (ask_flush).
 */
#ifndef SLUICE_FRONT_ASK_H
#define SLUICE_FRONT_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/request.h"

struct ask;

/* Requests waiting at once; the connection limit's tenth, beyond it people see "busy". */
#define ASK_PENDING_MAX 1024
#define ASK_TIMEOUT_S	10
/* Bytes waiting for core to read: ASK_PENDING_MAX requests of 4 KiB; larger bodies are few. */
#define ASK_OUT_MAX (4U << 20)

/* An answer; @response points into @memory. */
struct ask_reply {
	int error; /* 0; -ENOTCONN core went away; -ETIMEDOUT; -EPROTO */
	struct response response;
	uint8_t *memory;
};
/* ask_reply_done - wipes and frees the memory; the struct may be used again. */
void ask_reply_done(struct ask_reply *reply);

/* Takes @reply's memory by copying the struct and zeroing it, or leaves it to be freed. */
typedef void (*ask_done_fn)(void *arg, struct ask_reply *reply);

struct ask_events {
	void (*on_event)(void *arg, const struct event *event);
	void (*on_session_end)(void *arg, uint64_t session_tag);
	void *arg;
};

/* ask_new - takes @core_fd, which may be -1. Returns 0, -ENOMEM, -errno of epoll. */
int ask_new(int core_fd, const struct ask_events *events, struct ask **out);
/* ask_free - waiting requests must have been failed (ask_fail_all). Accepts NULL. */
void ask_free(struct ask *ask);
DEFINE_CLEANUP(ask_free, struct ask)

/*
 * ask_send - one more question for the next ask_flush. @done runs once, only if this returns 0, and
 * never before the return. Returns 0, -ENOTCONN without core, -EAGAIN when too much waits.
 */
int ask_send(struct ask *ask, const struct request *request, ask_done_fn done, void *arg);

/* ask_fd - readable when ask_handle has work. */
int ask_fd(const struct ask *ask);
void ask_handle(struct ask *ask);
/* ask_flush - what was asked goes out, as much as the socket takes; the rest when it is writable.
 */
void ask_flush(struct ask *ask);
/* ask_tick - requests that waited ASK_TIMEOUT_S fail with -ETIMEDOUT. */
void ask_tick(struct ask *ask, uint64_t now_ns);
/* ask_set_core - a new link, taken; what waits on the old one fails. */
void ask_set_core(struct ask *ask, int core_fd);
/* ask_fail_all - end the link; everything that waits fails, ask_send refuses from now on. */
void ask_fail_all(struct ask *ask);

#endif

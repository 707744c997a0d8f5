/*
 * For tests of the whole web role: front_run in a child process on a loopback port, a core played
 * by a thread of the test, and a client that sends raw bytes.
 */
#ifndef SLUICE_TESTS_UNIT_FRONT_HARNESS_H
#define SLUICE_TESTS_UNIT_FRONT_HARNESS_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/front/front.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"
#include "agent/util/frame.h"
#include "agent/util/log.h"
#include "agent/util/message.h"
#include "agent/util/rights.h"
#include "include/user.h"

/* Sessions the played core knows: one per role, 43 characters as real ones. */
#define SESSION_VIEWER "viewerviewerviewerviewerviewerviewerviewer1"
#define SESSION_ADMIN  "adminadminadminadminadminadminadminadmin123"
#define TAG_VIEWER     11U
#define TAG_ADMIN      33U
#define WAIT_MS	       5000 /* for anything that happens at once on an idle machine */

struct core {
	int fd;
	pthread_t thread;
	pthread_mutex_t mutex; /* sending */
	uint64_t next_event_id;
	atomic_uint requests;
};

struct web {
	pid_t pid;
	uint16_t port;
	int control_fd;
	char url[128];
	struct core core;
};

/* ---- the played core ------------------------------------------------------------------------- */

static inline void core_send(struct core *core, enum frame_type type, uint64_t id,
			     const struct buffer *body)
{
	const struct frame frame = {
		.type = (uint16_t)type, .id = id, .body = body->data, .len = body->len
	};

	(void)pthread_mutex_lock(&core->mutex);
	(void)frame_send(core->fd, &frame, WAIT_MS); /* front may be gone */
	(void)pthread_mutex_unlock(&core->mutex);
}

static inline void core_event(struct core *core, const char *name, const char *data,
			      uint8_t min_role, bool is_sticky)
{
	const struct event event = { .id = ++core->next_event_id,
				     .min_role = min_role,
				     .is_sticky = is_sticky,
				     .name = name,
				     .data = data };
	struct buffer body;

	buffer_init(&body, FRAME_BODY_MAX);
	message_encode_event(&body, &event);
	core_send(core, FRAME_EVENT, 0, &body);
	buffer_done(&body);
}

static inline void core_session_end(struct core *core, uint64_t tag)
{
	struct buffer body;

	buffer_init(&body, 64);
	buffer_append(&body, &tag, sizeof(tag));
	core_send(core, FRAME_SESSION_END, 0, &body);
	buffer_done(&body);
}

/* What was asked, as one line, so that a test sees what reached core. */
static inline void echo(const struct request *request, struct buffer *out)
{
	char peer[ADDR_TEXT_MAX];

	buffer_append_format(out, "%s|%s|%s|%s|%s|%s|%s|%s|%s|", request->method, request->path,
			     request->query, request->content_type, request->session, request->csrf,
			     request->bearer, addr_format(&request->peer, peer),
			     request->tls ? "tls" : "plain");
	buffer_append(out, request->body, request->body_len);
}

static inline enum role role_of(const struct request *request)
{
	if (strcmp(request->session, SESSION_VIEWER) == 0)
		return ROLE_VIEWER;
	return strcmp(request->session, SESSION_ADMIN) == 0 ? ROLE_ADMIN : ROLE_NONE;
}

/* A body of PARTS_COUNT parts, each 10,000 times its letter; "/api/v1/parts_broken" stops in the
 * middle. The query must come back as it was asked, but for "after". */
#define PARTS_COUNT 26
#define PART_BYTES  10000

static inline void core_part(const struct request *request, struct response *response)
{
	static char body[PART_BYTES + 1], next[16];
	const char *after = strstr(request->query, "after=");
	int part = after ? atoi(after + 6) : 0;

	assert_int_equal(strncmp(request->query, "q=a%20b&", 8), 0);
	memset(body, 'a' + part, PART_BYTES);
	response->body = body;
	response->content_type = "text/csv";
	response->location = "attachment; filename=\"flows.csv\"";
	(void)snprintf(next, sizeof(next), "%d", part + 1);
	response->next = part + 1 < PARTS_COUNT ? next : "";
	if (part == 12 && strcmp(request->path, "/api/v1/parts_broken") == 0)
		response->status = 500;
}

static inline void core_decide(const struct request *request, struct response *response)
{
	enum role role = role_of(request);

	if (strncmp(request->path, "/api/v1/parts", 13) == 0) {
		core_part(request, response);
		return;
	}
	if (strcmp(request->path, "/api/v1/session") == 0) {
		response->body = role ? "{\"user\":{\"name\":\"ann\"}}" : "{\"user\":null}";
	} else if (strcmp(request->path, "/api/v1/events") == 0) {
		response->status = role ? 200 : 401;
		response->stream = role != ROLE_NONE;
		response->role = (uint8_t)role;
		response->session_tag = role == ROLE_ADMIN ? TAG_ADMIN : TAG_VIEWER;
	} else if (strcmp(request->path, "/api/v1/get_only") == 0) {
		response->status = 405;
		response->location = "GET, HEAD";
	} else if (strcmp(request->path, "/api/v1/throttled") == 0) {
		response->status = 429;
		response->location = "7";
	} else if (strcmp(request->path, "/api/v1/nothing") == 0) {
		response->status = 204;
	} else if (strcmp(request->path, "/login") == 0) {
		response->status = 303;
		response->location = "/dashboard";
		response->set_session = SESSION_ADMIN;
	} else if (strcmp(request->path, "/logout") == 0) {
		response->status = 303;
		response->location = "/login";
		response->set_session = "-";
	}
}

static inline void core_answer(struct core *core, const struct frame *frame)
{
	struct response response = { .status = 200,
				     .content_type = "",
				     .location = "",
				     .next = "",
				     .set_session = "",
				     .body = "" };
	struct request request;
	struct buffer text, body;

	if (frame->type != FRAME_REQUEST ||
	    message_decode_request(frame->body, frame->len, &request))
		abort();
	atomic_fetch_add(&core->requests, 1);
	if (strcmp(request.path, "/api/v1/silent") == 0)
		return;
	buffer_init(&text, FRAME_BODY_MAX);
	buffer_init(&body, FRAME_BODY_MAX);
	core_decide(&request, &response);
	if (strcmp(request.path, "/api/v1/echo") == 0) {
		echo(&request, &text);
		response.content_type = "text/plain";
		response.body = (const char *)text.data;
	}
	response.body_len = strlen(response.body);
	message_encode_response(&body, &response);
	core_send(core, FRAME_RESPONSE, frame->id, &body);
	buffer_done(&body);
	buffer_done(&text);
}

static inline void *core_main(void *arg)
{
	struct core *core = arg;
	struct frame_reader reader;
	struct frame frame;

	frame_reader_init(&reader);
	while (frame_reader_fill(&reader, core->fd) > 0)
		while (frame_reader_next(&reader, &frame) > 0)
			core_answer(core, &frame);
	frame_reader_done(&reader);
	return NULL;
}

static inline void core_start(struct core *core, int fd)
{
	core->fd = fd;
	assert_int_equal(pthread_mutex_init(&core->mutex, NULL), 0);
	assert_int_equal(pthread_create(&core->thread, NULL, core_main, core), 0);
}

static inline void core_stop(struct core *core)
{
	assert_int_equal(shutdown(core->fd, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(core->thread, NULL), 0);
	assert_int_equal(close(core->fd), 0);
	assert_int_equal(pthread_mutex_destroy(&core->mutex), 0);
	core->fd = -1;
}

/* ---- front in a child ------------------------------------------------------------------------ */

struct web_options {
	const char *listen; /* NULL: 127.0.0.1, any port */
	const char *allowed_hosts, *trusted_proxies;
	const char *cert_pem, *key_pem;
	bool is_confined; /* drop rights as the service does */
};

static inline int drop_rights(void)
{
	struct rights_request request = { .role = RIGHTS_FRONT };
	struct rights_report report;
	bool is_fallback;

	if (rights_find_user("nobody", &request.uid, &request.gid, &is_fallback))
		return 1;
	return rights_drop(&request, &report);
}

static inline void web_child(const struct web_options *options, int listen_fd, int core_fd,
			     int control_fd)
{
	struct config *config = config_new();
	struct front_options front = { .listen_fd = listen_fd,
				       .core_fd = core_fd,
				       .control_fd = control_fd,
				       .tls = options->cert_pem != NULL,
				       .config = config,
				       .mode = "demo",
				       .version = "test" };
	char reason[256];
	int error;

	log_init("front", LOG_LEVEL_ERROR);
	front.cert_pem = options->cert_pem ? strdup(options->cert_pem) : NULL;
	front.key_pem = options->key_pem ? strdup(options->key_pem) : NULL;
	if (options->allowed_hosts)
		(void)config_set(config, CONFIG_WEB_ALLOWED_HOSTS, options->allowed_hosts, reason);
	if (options->trusted_proxies)
		(void)config_set(config, CONFIG_WEB_TRUSTED_PROXIES, options->trusted_proxies,
				 reason);
	error = crypto_init();
	if (!error && options->is_confined)
		error = drop_rights();
	if (!error)
		error = front_run(&front);
	free((void *)(uintptr_t)front.cert_pem);
	free((void *)(uintptr_t)front.key_pem);
	config_free(config);
	exit(error ? 1 : 0); /* not _exit: the leak check runs at exit */
}

static inline void web_start(struct web *web, const struct web_options *options)
{
	int core[2], control[2], listen_fd;
	struct front_listener listener;

	memset(web, 0, sizeof(*web));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, core), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
	assert_int_equal(front_listen(options->listen ? options->listen : "127.0.0.1:0", &listener),
			 0);
	listen_fd = listener.fd;
	(void)snprintf(web->url, sizeof(web->url), "%s://%s", options->cert_pem ? "https" : "http",
		       listener.authority);
	web->port = (uint16_t)atoi(strrchr(web->url, ':') + 1);
	web->pid = fork();
	assert_true(web->pid >= 0);
	if (web->pid == 0) {
		(void)close(core[0]);
		(void)close(control[0]);
		web_child(options, listen_fd, core[1], control[1]);
	}
	assert_int_equal(close(listen_fd), 0);
	assert_int_equal(close(core[1]), 0);
	assert_int_equal(close(control[1]), 0);
	web->control_fd = control[0];
	core_start(&web->core, core[0]);
}

/* The supervisor goes, so front ends by itself, cleanly. */
static inline void web_stop(struct web *web)
{
	int status;

	assert_int_equal(close(web->control_fd), 0);
	assert_int_equal(waitpid(web->pid, &status, 0), web->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	if (web->core.fd >= 0)
		core_stop(&web->core);
}

/* What the supervisor does when core was restarted. */
static inline void web_replace_core(struct web *web)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .space = { 0 } };
	char one = 0;
	struct iovec iov = { &one, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int core[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, core), 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &core[1], sizeof(int));
	assert_int_equal(sendmsg(web->control_fd, &message, 0), 1);
	assert_int_equal(close(core[1]), 0);
	core_start(&web->core, core[0]);
}

#endif

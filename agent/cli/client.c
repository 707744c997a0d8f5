/*
 * One request to the running service: the same frame that the web side sends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"
#include "agent/util/frame.h"
#include "agent/util/message.h"

#define CONTROL_DEFAULT "/run/sluice/control.sock"
#define ANSWER_LIMIT_S	30

static int connect_service(const struct args *args, struct sockaddr_un *address)
{
	struct timeval limit = { .tv_sec = ANSWER_LIMIT_S };
	const char *dir = args_state_dir(args);
	CLEANUP(close) int fd = -1;
	int length;

	address->sun_family = AF_UNIX;
	if (dir)
		length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/control.sock",
				  dir);
	else
		length = snprintf(address->sun_path, sizeof(address->sun_path), CONTROL_DEFAULT);
	if (length >= (int)sizeof(address->sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	return TAKE_FD(fd);
}

bool client_is_running(const struct args *args)
{
	struct sockaddr_un address;
	CLEANUP(close) int fd = connect_service(args, &address);

	return fd >= 0;
}

static int say_unreachable(int error, const char *path)
{
	if (error == -ENOENT || error == -ECONNREFUSED) {
		fprintf(stderr,
			"sluice: no service answers at %s. Start one with `sluice run` or `sluice "
			"demo`, or name its state directory with --state DIR.\n",
			path);
		return CLI_FAILED;
	}
	if (error == -EACCES) {
		fprintf(stderr,
			"sluice: %s: you may not ask this service. Use sudo, or join the group "
			"sluice.\n",
			path);
		return CLI_NO_PERMISSION;
	}
	fprintf(stderr, "sluice: %s: %s\n", path, strerror(-error));
	return CLI_FAILED;
}

/* What goes with a request. */
struct payload {
	const char *type; /* "" none */
	const char *data;
	size_t len;
};

/* Core is told the path as front would, decoded (path_append wrote the escapes); an escaped slash
 * stays, for it is of no path's part. */
static void unescape(char *path)
{
	char *out = path;

	for (; *path; path++) {
		unsigned int byte;

		*out = *path;
		if (*path == '%' && strncmp(path, "%2F", 3) &&
		    sscanf(path + 1, "%2X", &byte) == 1) {
			*out = (char)byte;
			path += 2;
		}
		out++;
	}
	*out = '\0';
}

static int send_request(int fd, const char *method, const char *path, const struct payload *body)
{
	CLEANUP(buffer_done) struct buffer out;
	char *query = strchr(path, '?');
	char plain[1024];
	struct request request = { .method = method,
				   .query = query ? query + 1 : "",
				   .content_type = body->type,
				   .session = "",
				   .csrf = "",
				   .bearer = "",
				   .request_id = "",
				   .body = body->data,
				   .body_len = body->len };

	buffer_init(&out, FRAME_BODY_MAX);
	if (snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(path, "?"), path) >=
	    (int)sizeof(plain))
		return -E2BIG;
	unescape(plain);
	request.path = plain;
	message_encode_request(&out, &request);
	if (out.error)
		return out.error;
	return frame_send(fd, &(struct frame){ FRAME_REQUEST, 1, out.data, out.len },
			  ANSWER_LIMIT_S * 1000);
}

/* The one frame that answers; it stays in @reader while @response is used. */
static int receive(int fd, struct frame_reader *reader, struct response *response)
{
	struct frame frame;
	int got;

	while (!(got = frame_reader_next(reader, &frame))) {
		got = frame_reader_fill(reader, fd);
		if (got == 0)
			return -EACCES; /* the service closes on whom it does not serve */
		if (got < 0)
			return got == -EAGAIN ? -ETIMEDOUT : got;
	}
	if (got < 0 || frame.type != FRAME_RESPONSE)
		return -EPROTO;
	return message_decode_response(frame.body, frame.len, response);
}

static int judge(const struct response *response, const struct json *body)
{
	const struct json *error = body ? json_get(body, "error") : NULL;
	const char *field = NULL;

	if (response->status < 400)
		return CLI_OK;
	if (error) {
		(void)json_get_string(error, "field", &field); /* NULL when none is at fault */
		fprintf(stderr, "sluice: %s%s%s\n", field ? field : "", field ? ": " : "",
			text_of(error, "message"));
	} else {
		fprintf(stderr, "sluice: the service answered %d\n", response->status);
	}
	return response->status == 403 ? CLI_NO_PERMISSION : CLI_FAILED;
}

static int exchange(int fd, const char *method, const char *path, const struct payload *body,
		    struct json **out)
{
	struct frame_reader reader;
	struct response response = { 0 };
	char reason[128];
	int status = CLI_FAILED;
	int error = send_request(fd, method, path, body);

	frame_reader_init(&reader);
	if (!error)
		error = receive(fd, &reader, &response);
	if (error) {
		(void)say_unreachable(error, "the control socket");
		status = error == -EACCES ? CLI_NO_PERMISSION : CLI_FAILED;
	} else {
		*out = NULL;
		if (response.body_len)
			(void)json_parse(response.body, response.body_len, out, reason);
		status = judge(&response, *out);
	}
	frame_reader_done(&reader);
	return status;
}

static int call_service(const struct args *args, const char *method, const char *path,
			const struct payload *body, struct json **out)
{
	struct sockaddr_un address;
	CLEANUP(close) int fd = connect_service(args, &address);

	*out = NULL;
	if (fd < 0)
		return say_unreachable(fd, address.sun_path);
	return exchange(fd, method, path, body, out);
}

int client_call(const struct args *args, const char *method, const char *path, struct json *body,
		struct json **out)
{
	size_t len = 0;
	CLEANUP(free) char *text = body ? json_print(body, &len) : NULL;
	const struct payload payload = { body ? "application/json" : "", text ? text : "", len };

	*out = NULL;
	if (body && !text)
		return say_unreachable(-ENOMEM, "the request");
	return call_service(args, method, path, &payload, out);
}

int client_upload(const struct args *args, const char *path, const void *data, size_t len)
{
	const struct payload payload = { "application/octet-stream", data, len };
	CLEANUP(json_free) struct json *answer = NULL;

	return call_service(args, "POST", path, &payload, &answer);
}

/* ---- bodies in parts ---------------------------------------------------------------------------
 */

/* One part to standard output, whose reader sets the pace. @next: where it goes on. */
static int print_part(const struct response *response, char *next, size_t size)
{
	CLEANUP(json_free) struct json *error = NULL;
	char reason[128];

	if (response->status >= 400) {
		(void)json_parse(response->body, response->body_len, &error, reason);
		return judge(response, error);
	}
	(void)snprintf(next, size, "%s", response->next);
	if (fwrite(response->body, 1, response->body_len, stdout) != response->body_len ||
	    fflush(stdout)) {
		if (errno != EPIPE) /* else whoever read us has enough */
			fprintf(stderr, "sluice: standard output: %s\n", strerror(errno));
		return CLI_FAILED;
	}
	return CLI_OK;
}

static int exchange_part(int fd, const char *path, char *next, size_t size)
{
	const struct payload nothing = { "", "", 0 };
	struct frame_reader reader;
	struct response response = { 0 };
	int status = CLI_FAILED;
	int error = send_request(fd, "GET", path, &nothing);

	frame_reader_init(&reader);
	if (!error)
		error = receive(fd, &reader, &response);
	if (error)
		(void)say_unreachable(error, "the control socket");
	else
		status = print_part(&response, next, size);
	frame_reader_done(&reader);
	return status;
}

int client_print_parts(const struct args *args, const char *path)
{
	struct sockaddr_un address;
	CLEANUP(close) int fd = connect_service(args, &address);
	char whole[PATH_QUERY_MAX + 64], next[64] = "";
	int status = CLI_OK;

	if (fd < 0)
		return say_unreachable(fd, address.sun_path);
	do {
		(void)snprintf(whole, sizeof(whole), "%s%s%s", path, *next ? "&after=" : "", next);
		*next = '\0';
		status = exchange_part(fd, whole, next, sizeof(next));
	} while (!status && *next);
	return status;
}

int path_append(char *path, size_t size, const char *text)
{
	size_t used = strlen(path);

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z') || strchr("-._~", c);
		int length = snprintf(path + used, size - used, is_plain ? "%c" : "%%%02X", c);

		if (used + (size_t)length >= size)
			return -E2BIG;
		used += (size_t)length;
	}
	return 0;
}

int path_add(char *path, size_t size, const char *name, const char *value)
{
	size_t used = strlen(path);

	if (!value)
		return 0;
	if ((size_t)snprintf(path + used, size - used, "&%s=", name) >= size - used)
		return -E2BIG;
	return path_append(path, size, value);
}

int path_add_query(char *path, size_t size, const struct args *args)
{
	int error = path_add(path, size, "q", "");

	for (size_t i = 0; i < args->word_count && !error; i++) {
		error = i ? path_append(path, size, " ") : 0;
		if (!error)
			error = path_append(path, size, args->words[i]);
	}
	return error;
}

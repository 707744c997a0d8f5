/* A client for tests that sends bytes as they are and reads answers by RFC 9112 framing. */
#ifndef SLUICE_TESTS_UNIT_FRONT_CLIENT_H
#define SLUICE_TESTS_UNIT_FRONT_CLIENT_H

#include <strings.h>

#include "tests/unit/front/harness.h"

#define ANSWER_MAX (512 << 10)

struct answer {
	int status; /* 0 = closed without an answer, -1 = none within WAIT_MS */
	size_t head_len, len;
	char text[ANSWER_MAX + 1];
};

static inline int client_connect(const struct web *web)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(web->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline void client_send(int fd, const void *bytes, size_t len)
{
	/* a server that has refused may have closed already */
	(void)!send(fd, bytes, len, MSG_NOSIGNAL);
}

/* One more read; 0 at the end or a reset, -1 when nothing came in time. */
static inline ssize_t client_read(int fd, struct answer *answer, int wait_ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	ssize_t got;

	if (poll(&one, 1, wait_ms) != 1)
		return -1;
	got = recv(fd, answer->text + answer->len, ANSWER_MAX - answer->len, 0);
	if (got < 0)
		got = 0;
	answer->len += (size_t)got;
	answer->text[answer->len] = '\0';
	return got;
}

/* A field of the head, copied; false when absent. */
static inline bool answer_field(const struct answer *answer, const char *name, char *out,
				size_t max)
{
	const char *at = answer->text, *end = answer->text + answer->head_len;
	size_t name_len = strlen(name);

	while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at < end) {
		size_t len = strcspn(at, "\r\n");

		if (strncasecmp(at, name, name_len) || at[name_len] != ':')
			continue;
		at += name_len + 1 + strspn(at + name_len + 1, " ");
		len = strcspn(at, "\r\n");
		(void)snprintf(out, max, "%.*s", (int)len, at);
		return true;
	}
	return false;
}

static inline void answer_parse_head(struct answer *answer)
{
	const char *end = strstr(answer->text, "\r\n\r\n");

	if (!end || strncmp(answer->text, "HTTP/1.", 7) != 0)
		return;
	answer->head_len = (size_t)(end + 4 - answer->text);
	answer->status = atoi(answer->text + 9);
}

/* Until the head is whole; status as in struct answer. */
static inline void client_read_head(int fd, struct answer *answer)
{
	ssize_t got = 1;

	answer->status = 0;
	answer->len = answer->head_len = 0;
	answer->text[0] = '\0';
	while (!answer->head_len && got > 0) {
		got = client_read(fd, answer, WAIT_MS);
		answer_parse_head(answer);
		if (answer->status == 100) { /* before the real one */
			memmove(answer->text, answer->text + answer->head_len,
				answer->len - answer->head_len + 1);
			answer->len -= answer->head_len;
			answer->head_len = 0;
			answer->status = 0;
			answer_parse_head(answer);
		}
	}
	if (!answer->head_len)
		answer->status = got < 0 ? -1 : 0;
}

/* Head and the body its Content-Length promises. */
static inline void client_read_answer(int fd, struct answer *answer, bool is_head)
{
	char length[32];
	size_t want;

	client_read_head(fd, answer);
	if (is_head || !answer_field(answer, "Content-Length", length, sizeof(length)))
		return;
	want = answer->head_len + strtoul(length, NULL, 10);
	while (answer->len < want && client_read(fd, answer, WAIT_MS) > 0)
		;
}

static inline const char *answer_body(const struct answer *answer)
{
	return answer->text + answer->head_len;
}

/* One connection, one request of @len bytes. */
static inline void ask_raw(const struct web *web, const void *bytes, size_t len,
			   struct answer *answer)
{
	int fd = client_connect(web);

	client_send(fd, bytes, len);
	client_read_answer(fd, answer, len > 4 && memcmp(bytes, "HEAD", 4) == 0);
	assert_int_equal(close(fd), 0);
}

static inline void ask_text(const struct web *web, struct answer *answer, const char *text)
{
	ask_raw(web, text, strlen(text), answer);
}

/* GET with extra header lines, each ended by CRLF. */
static inline void ask_get(const struct web *web, struct answer *answer, const char *path,
			   const char *fields)
{
	char text[16384];
	int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path,
			   fields);

	ask_raw(web, text, (size_t)len, answer);
}

/* POST with extra header lines and a body. */
static inline void ask_post(const struct web *web, struct answer *answer, const char *path,
			    const char *fields, const char *body)
{
	char text[16384];
	int len = snprintf(text, sizeof(text),
			   "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n%s\r\n%s",
			   path, strlen(body), fields, body);

	ask_raw(web, text, (size_t)len, answer);
}

static inline void assert_field(const struct answer *answer, const char *name, const char *value)
{
	char text[1024];

	assert_true(answer_field(answer, name, text, sizeof(text)));
	assert_string_equal(text, value);
}

#endif

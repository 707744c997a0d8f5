/*
 * One message by SMTP with libcurl, which stuffs dots and greets by this machine's name.
 */
#include "agent/util/smtp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/curl.h"

/* Below the minute that core waits for a sign of life (packet.h), but the last. */
#define CONNECT_S  20L
#define RESPONSE_S 50L
#define SLOW_BYTES 1L /* a second: a server may look at a message for a while */
#define SLOW_S	   50L
#define WHOLE_S	   600L /* 20 MiB at 300 kbit/s */

struct transfer {
	const struct smtp_request *request;
	size_t sent;
	uint64_t moved_ns;
};

int smtp_load(void)
{
	return curl_load();
}

static size_t give_data(char *out, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t left = transfer->request->len - transfer->sent;
	size_t len = size * count < left ? size * count : left;
	uint64_t now_ns = clock_monotonic_ns();

	memcpy(out, transfer->request->data + transfer->sent, len);
	transfer->sent += len;
	if (transfer->request->moved && now_ns - transfer->moved_ns > NS_PER_S) {
		transfer->moved_ns = now_ns;
		transfer->request->moved(transfer->request->arg);
	}
	return len;
}

static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
	(void)data;
	(void)arg;
	return size * count;
}

static bool is_smtps(const char *url)
{
	return !strncmp(url, "smtps://", 8);
}

static void set_server(CURL *handle, const struct smtp_request *request)
{
	const struct curl *curl = curl_get();

	(void)curl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	(void)curl->easy_setopt(handle, CURLOPT_URL, request->url);
	(void)curl->easy_setopt(handle, CURLOPT_PROXY, ""); /* not by the environment */
	(void)curl->easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl->easy_setopt(handle, CURLOPT_USE_SSL,
				request->needs_tls || is_smtps(request->url)
					? (long)CURLUSESSL_ALL
					: (long)CURLUSESSL_NONE);
	if (*request->ca)
		(void)curl->easy_setopt(handle, CURLOPT_CAINFO, request->ca);
	if (*request->user) {
		(void)curl->easy_setopt(handle, CURLOPT_USERNAME, request->user);
		(void)curl->easy_setopt(handle, CURLOPT_PASSWORD, request->password);
	}
	(void)curl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	(void)curl->easy_setopt(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, RESPONSE_S);
	(void)curl->easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	(void)curl->easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	(void)curl->easy_setopt(handle, CURLOPT_TIMEOUT, WHOLE_S);
	(void)curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
}

static int fail(struct smtp_answer *answer, int error, const char *text)
{
	(void)snprintf(answer->error, sizeof(answer->error), "%s", text);
	return error;
}

/* What was refused: the letter, from MAIL on, or this host before there was one. A server that
 * wants a log-in or TLS first says so at MAIL (RFC 4954 6, RFC 3207 4): that is no word on the
 * letter. */
static int refused(struct smtp_answer *answer, bool is_letter)
{
	bool is_final = answer->status >= 500 && answer->status <= 599;

	is_letter = is_letter && answer->status != 530;
	(void)snprintf(answer->error, sizeof(answer->error),
		       is_letter ? "The server refused the message (%ld)."
				 : "The server turned this host away (%ld).",
		       answer->status);
	return is_letter && is_final ? -EREMOTEIO : -EAGAIN;
}

/* libcurl 7.88, smtp.c: MAIL, RCPT and DATA that are refused are CURLE_SEND_ERROR, the message
 * after it was @given, a greeting or EHLO are something else. */
static int judge(struct smtp_answer *answer, CURLcode code, bool given)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail(answer, -ECONNREFUSED, "The server's name has no address.");
	case CURLE_COULDNT_CONNECT:
		return fail(answer, -ECONNREFUSED, "Nobody answers there.");
	case CURLE_OPERATION_TIMEDOUT:
		return fail(answer, -ETIMEDOUT, "The server did not answer in time.");
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail(answer, -EPROTO, "The server's certificate is not trusted.");
	case CURLE_SSL_CACERT_BADFILE:
		return fail(answer, -EPROTO, "The file of [Mail] ca cannot be read.");
	case CURLE_USE_SSL_FAILED:
		return fail(answer, -EPROTO, "The server offers no STARTTLS, so nothing was sent.");
	case CURLE_SSL_CONNECT_ERROR:
		return fail(answer, -EPROTO, "There is no TLS with this server.");
	case CURLE_LOGIN_DENIED:
		return fail(answer, -EACCES, "The server does not take this user and password.");
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return answer->status >= 400 ? refused(answer, given || code == CURLE_SEND_ERROR)
					     : fail(answer, -EPROTO, "The server hung up.");
	default:
		return answer->status >= 400
			       ? refused(answer, given)
			       : fail(answer, -EPROTO, "The server could not be understood.");
	}
}

int smtp_send(const struct smtp_request *request, struct smtp_answer *answer)
{
	const struct curl *curl = curl_get();
	struct transfer transfer = { .request = request };
	struct curl_slist *to = NULL;
	CURLcode code;
	CURL *handle;

	*answer = (struct smtp_answer){ 0 };
	if (*request->user && !request->needs_tls && !is_smtps(request->url))
		return fail(answer, -EACCES, "A password is not sent without TLS.");
	handle = curl->easy_init();
	if (!handle)
		return fail(answer, -ENOMEM, "There is no memory.");
	for (size_t i = 0; request->to[i]; i++)
		to = curl->slist_append(to, request->to[i]);
	set_server(handle, request);
	(void)curl->easy_setopt(handle, CURLOPT_MAIL_FROM, request->from);
	(void)curl->easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
	(void)curl->easy_setopt(handle, CURLOPT_UPLOAD, 1L);
	(void)curl->easy_setopt(handle, CURLOPT_READFUNCTION, give_data);
	(void)curl->easy_setopt(handle, CURLOPT_READDATA, &transfer);
	(void)curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore);
	code = curl->easy_perform(handle);
	(void)curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
	curl->easy_cleanup(handle);
	curl->slist_free_all(to);
	return judge(answer, code, transfer.sent > 0);
}

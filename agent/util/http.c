/*
 * One HTTP request by libcurl.
 */
#include "agent/util/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/util/curl.h"

#define REDIRECTS_MAX 5L
#define CONNECT_S     10L
#define WHOLE_S	      120L
#define SLOW_BYTES    100L /* a second */
#define SLOW_S	      20L

int http_load(void)
{
	return curl_load();
}

/* ---- one request ----------------------------------------------------------------------------- */

struct transfer {
	const struct http_request *request;
	struct http_answer *answer;
	CURL *handle;
	uint64_t bytes;
	bool was_private, was_large;
};

/* Not to be asked on somebody else's word: RFC 6890 and what it left to later ones. */
static bool is_private_ipv4(uint32_t ip)
{
	static const struct {
		uint32_t net;
		int len;
	} nets[] = { { 0x00000000, 8 },	 { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
		     { 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0a80000, 16 },
		     { 0xc6120000, 15 }, { 0xe0000000, 3 } };

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if ((ip ^ nets[i].net) >> (32 - nets[i].len) == 0)
			return true;
	return false;
}

/* Outside 2000::/3 nothing is routed; in it 2001::/23, 2001:db8::/32 and 6to4 are not servers. */
static bool is_private_ipv6(const uint8_t ip[static 16])
{
	if ((ip[0] & 0xe0) != 0x20)
		return true;
	if (ip[0] != 0x20)
		return false;
	return (ip[1] == 0x01 && ip[2] < 0x02) || ip[1] == 0x02 ||
	       (ip[1] == 0x01 && ip[2] == 0x0d && ip[3] == 0xb8);
}

static bool is_private(const struct sockaddr *address)
{
	struct sockaddr_in four;
	struct sockaddr_in6 six;

	if (address->sa_family == AF_INET) {
		memcpy(&four, address, sizeof(four));
		return is_private_ipv4(ntohl(four.sin_addr.s_addr));
	}
	if (address->sa_family != AF_INET6)
		return true;
	memcpy(&six, address, sizeof(six));
	if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
		uint32_t ip;

		memcpy(&ip, six.sin6_addr.s6_addr + 12, sizeof(ip));
		return is_private_ipv4(ntohl(ip));
	}
	return is_private_ipv6(six.sin6_addr.s6_addr);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = arg;

	(void)purpose;
	if (!transfer->request->allow_private && is_private(&address->addr)) {
		transfer->was_private = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t len = size * count;
	long status = 0;

	(void)curl_get()->easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		return len; /* an error's page is nobody's data */
	transfer->bytes += len;
	transfer->was_large = transfer->bytes > transfer->request->max_bytes;
	if (transfer->was_large || !transfer->request->take(transfer->request->arg, data, len))
		return 0;
	return len;
}

static void keep_value(const char *line, size_t len, const char *name, char *out)
{
	size_t skip = strlen(name);

	if (len <= skip || strncasecmp(line, name, skip) != 0)
		return;
	while (skip < len && line[skip] == ' ')
		skip++;
	while (len > skip && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (len - skip < HTTP_TAG_MAX)
		(void)snprintf(out, HTTP_TAG_MAX, "%.*s", (int)(len - skip), line + skip);
}

static size_t take_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	char seconds[HTTP_TAG_MAX] = "";
	size_t len = size * count;

	keep_value(line, len, "ETag:", transfer->answer->etag);
	keep_value(line, len, "Last-Modified:", transfer->answer->last_modified);
	keep_value(line, len, "Retry-After:", seconds);
	if (*seconds)
		transfer->answer->retry_after_s = strtol(seconds, NULL, 10);
	return len;
}

static void set_limits(CURL *handle, const struct http_request *request)
{
	(void)curl_get()->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_get()->easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	(void)curl_get()->easy_setopt(handle, CURLOPT_FOLLOWLOCATION,
				      request->body || request->is_secret ? 0L : 1L);
	(void)curl_get()->easy_setopt(handle, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	(void)curl_get()->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	(void)curl_get()->easy_setopt(handle, CURLOPT_TIMEOUT,
				      request->timeout_s ? request->timeout_s : WHOLE_S);
	(void)curl_get()->easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	(void)curl_get()->easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	(void)curl_get()->easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE,
				      (curl_off_t)request->max_bytes);
	(void)curl_get()->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	(void)curl_get()->easy_setopt(handle, CURLOPT_PROXY, ""); /* not by the environment */
	(void)curl_get()->easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_get()->easy_setopt(handle, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
}

static int fail(const struct transfer *transfer, int error, const char *text)
{
	(void)snprintf(transfer->answer->error, HTTP_ERROR_MAX, "%s", text);
	return error;
}

static int judge(const struct transfer *transfer, CURLcode code)
{
	if (code == CURLE_OK)
		return 0;
	if (transfer->was_private)
		return fail(transfer, -EACCES, "It leads to a private address of this network.");
	if (transfer->was_large || code == CURLE_FILESIZE_EXCEEDED)
		return fail(transfer, -EFBIG, "It is larger than allowed.");
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail(transfer, -ECONNREFUSED, "Its name has no address.");
	case CURLE_COULDNT_CONNECT:
		return fail(transfer, -ECONNREFUSED, "Nobody answers there.");
	case CURLE_OPERATION_TIMEDOUT:
		return fail(transfer, -ETIMEDOUT, "It did not answer in time.");
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail(transfer, -EPROTO, "Its certificate is not trusted.");
	case CURLE_SSL_CACERT_BADFILE:
		return fail(transfer, -EPROTO, "The certificates to trust cannot be read.");
	case CURLE_SSL_CONNECT_ERROR:
		return fail(transfer, -EPROTO, "There is no TLS with it.");
	case CURLE_TOO_MANY_REDIRECTS:
		return fail(transfer, -EPROTO, "It redirects without end.");
	case CURLE_UNSUPPORTED_PROTOCOL:
		return fail(transfer, -EPROTO, "It answers, or leads to, what is not HTTP.");
	case CURLE_URL_MALFORMAT:
		return fail(transfer, -EPROTO, "This is no http or https address.");
	default:
		return fail(transfer, -EPROTO, "Its answer could not be understood.");
	}
}

int http_fetch(const struct http_request *request, struct http_answer *answer)
{
	struct transfer transfer = { .request = request, .answer = answer };
	struct curl_slist *headers = NULL;
	CURL *handle = curl_get()->easy_init();
	CURLcode code;

	*answer = (struct http_answer){ 0 };
	if (!handle)
		return fail(&transfer, -ENOMEM, "There is no memory.");
	transfer.handle = handle;
	for (size_t i = 0; request->headers && request->headers[i]; i++)
		headers = curl_get()->slist_append(headers, request->headers[i]);
	set_limits(handle, request);
	if (request->user && *request->user) {
		(void)curl_get()->easy_setopt(handle, CURLOPT_USERNAME, request->user);
		(void)curl_get()->easy_setopt(handle, CURLOPT_PASSWORD,
					      request->password ? request->password : "");
	}
	if (request->ca && *request->ca) /* the folder of the system's stays beside it */
		(void)curl_get()->easy_setopt(handle, CURLOPT_CAINFO, request->ca);
	(void)curl_get()->easy_setopt(handle, CURLOPT_URL, request->url);
	(void)curl_get()->easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
	if (request->body) {
		(void)curl_get()->easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
					      (curl_off_t)request->body_len);
		(void)curl_get()->easy_setopt(handle, CURLOPT_POSTFIELDS, request->body);
	}
	(void)curl_get()->easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	(void)curl_get()->easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &transfer);
	(void)curl_get()->easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_get()->easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
	(void)curl_get()->easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_get()->easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
	code = curl_get()->easy_perform(handle);
	(void)curl_get()->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_get()->easy_cleanup(handle);
	curl_get()->slist_free_all(headers);
	return judge(&transfer, code);
}

/* The web role's one thread: start, the loop over HTTP, core, supervisor and signals, stop. */
#include "agent/front/front.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "agent/config/config.h"
#include "agent/front/assets.h"
#include "agent/front/exchange.h"
#include "agent/front/http.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

#define TICK_MS 1000
/* Sessions asked about in one tick: 10,000 streams every 30 s are 334 a second. */
#define CHECKS_PER_TICK 400

struct front {
	const struct front_options *options;
	struct site site;
	struct http *http;
	int epoll_fd, signal_fd;
	uint64_t next_tick_ns;
	uint64_t next_turn_ns; /* of the event streams; 0: at once, when any is called */
};

/* ---- start and stop -------------------------------------------------------------------------- */

/* [Web] allowed_hosts, lower case, without a port: any port is allowed. */
static int read_policy(const struct config *config, struct guard_policy *policy)
{
	char name[GUARD_NAME_MAX];
	size_t count = 0;

	while (config_list_item(config, CONFIG_WEB_ALLOWED_HOSTS, count, name, sizeof(name)))
		count++;
	policy->names = calloc(count + 1, sizeof(policy->names[0]));
	if (!policy->names)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		char *at = policy->names[i];

		if (!config_list_item(config, CONFIG_WEB_ALLOWED_HOSTS, i, at, GUARD_NAME_MAX))
			break;
		for (; *at; at++)
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
		policy->name_count++;
	}
	return 0;
}

/* Where the listener stands, for the Host guard and the cookie's name. */
static int read_listener(int listen_fd, struct site *site)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	socklen_t len = sizeof(storage);
	static const uint8_t zero[16];

	if (getsockname(listen_fd, (struct sockaddr *)&storage, &len))
		return -errno;
	site->policy.listen = peers_addr((const struct sockaddr *)&storage);
	memcpy(&v4, &storage, sizeof(v4));
	memcpy(&v6, &storage, sizeof(v6));
	site->port = ntohs(storage.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
	site->policy.listen_is_any =
		storage.ss_family == AF_INET
			? v4.sin_addr.s_addr == htonl(INADDR_ANY)
			: memcmp(v6.sin6_addr.s6_addr, zero, sizeof(zero)) == 0;
	return 0;
}

static void on_event(void *arg, const struct event *event)
{
	struct front *front = arg;

	sse_publish(front->site.hub, event);
}

static void on_session_end(void *arg, uint64_t session_tag)
{
	struct front *front = arg;

	sse_end_session(front->site.hub, session_tag);
	cache_forget(front->site.cache, session_tag);
}

static int open_site(struct front *front)
{
	const struct front_options *options = front->options;
	const struct ask_events events = { on_event, on_session_end, front };
	struct site *site = &front->site;
	int error;

	site->tls = options->tls;
	crypto_random(&site->id_base, sizeof(site->id_base));
	error = read_policy(options->config, &site->policy);
	if (!error)
		error = read_listener(options->listen_fd, site);
	if (!error)
		error = peers_new(options->config, &site->peers);
	if (!error)
		error = static_new(assets, asset_count, &site->files);
	if (!error)
		error = sse_hub_new(&site->hub);
	if (!error)
		error = cache_new(&site->cache);
	if (!error)
		error = ask_new(options->core_fd, &events, &site->ask);
	return error;
}

/* SIGTERM and SIGINT by descriptor; SIGPIPE never: GnuTLS writes without MSG_NOSIGNAL. */
static int open_signals(void)
{
	sigset_t stop, blocked;
	int fd;

	if (sigemptyset(&stop) || sigaddset(&stop, SIGTERM) || sigaddset(&stop, SIGINT))
		return -errno;
	blocked = stop;
	if (sigaddset(&blocked, SIGPIPE) || pthread_sigmask(SIG_BLOCK, &blocked, NULL))
		return -EINVAL;
	fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int watch(const struct front *front, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(front->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_loop(struct front *front)
{
	int error;

	front->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (front->epoll_fd < 0)
		return -errno;
	error = watch(front, front->signal_fd);
	if (!error)
		error = watch(front, http_fd(front->http));
	if (!error)
		error = watch(front, ask_fd(front->site.ask));
	if (!error && front->options->control_fd >= 0)
		error = watch(front, front->options->control_fd);
	return error;
}

/* The key is in GnuTLS's hands now; the text of it must not be found in a dump of this process. */
static void wipe_key(const char *key_pem)
{
	if (key_pem)
		crypto_wipe((void *)key_pem, strlen(key_pem));
}

static int start(struct front *front)
{
	const struct front_options *options = front->options;
	const struct http_options http = {
		.listen_fd = options->listen_fd,
		.cert_pem = options->tls ? options->cert_pem : NULL,
		.key_pem = options->tls ? options->key_pem : NULL,
		.site = &front->site,
		.descriptors = options->descriptors,
	};
	int error;

	if (options->tls && (!options->cert_pem || !options->key_pem))
		return -EINVAL;
	front->signal_fd = open_signals();
	if (front->signal_fd < 0)
		return front->signal_fd;
	error = open_site(front);
	if (!error)
		error = http_start(&http, &front->http);
	if (!error)
		error = open_loop(front);
	wipe_key(options->key_pem);
	if (error == -EINVAL)
		log_error("the web server does not start; are certificate and key a pair?");
	return error;
}

/* In this order: nothing may be suspended when libmicrohttpd stops (its manual calls it undefined).
 */
static void stop(struct front *front)
{
	struct site *site = &front->site;

	if (site->ask)
		ask_fail_all(site->ask);
	if (site->hub)
		sse_end_all(site->hub);
	http_stop(front->http);
	ask_free(site->ask);
	sse_hub_free(site->hub);
	cache_free(site->cache);
	static_free(site->files);
	peers_free(site->peers);
	free(site->policy.names);
	if (front->epoll_fd >= 0)
		(void)close(front->epoll_fd); /* nothing to do about a failing close */
	if (front->signal_fd >= 0)
		(void)close(front->signal_fd);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/*
 * One message of the supervisor; a descriptor that comes with it is the new link to core.
 * Returns 0, or 1 when the supervisor is gone.
 */
static int handle_control(struct front *front)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char bytes[64];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	ssize_t got =
		recvmsg(front->options->control_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *header;
	int fd;

	if (got < 0)
		return errno != EAGAIN && errno != EINTR;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(fd))) {
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
		cache_clear(front->site.cache);
		ask_set_core(front->site.ask, fd);
		log_info("linked to a new core");
	}
	return got == 0;
}

/* A session that core is asked to confirm for its stream. */
struct check {
	struct sse_hub *hub;
	uint64_t stream_id;
};

static void on_checked(void *arg, struct ask_reply *reply)
{
	CLEANUP(free) struct check *check = arg;
	const struct response *core = &reply->response;

	/* no word from core is no reason to end it: nothing flows without core either */
	if (reply->error || core->status >= 500 || core->status == 429)
		return;
	sse_checked(check->hub, check->stream_id, core->status == 200 && core->stream, core->role);
}

/* Returns false when no stream is due, or core cannot be asked now. */
static bool check_one(struct front *front, uint64_t now_ns)
{
	CLEANUP(free) struct check *check = calloc(1, sizeof(*check));
	struct sse_owner owner;
	struct request request = {
		.method = "GET",
		.path = "/api/v1/events",
		.query = "",
		.content_type = "",
		.csrf = "",
		.request_id = "",
		.body = "",
		.port = front->site.port,
	};
	int error;

	if (!check || !sse_next_check(front->site.hub, now_ns, &check->stream_id, &owner))
		return false;
	check->hub = front->site.hub;
	request.session = owner.session;
	request.bearer = owner.bearer;
	request.peer = owner.peer;
	request.tls = owner.tls;
	error = ask_send(front->site.ask, &request, on_checked, check);
	crypto_wipe(&owner, sizeof(owner));
	if (error)
		return false;
	check = NULL; /* on_checked has it */
	return true;
}

static void tick(struct front *front, uint64_t now_ns)
{
	const struct front_options *options = front->options;

	front->next_tick_ns = now_ns + TICK_MS * NS_PER_MS;
	if (options->on_beat && options->control_fd >= 0)
		options->on_beat(options->control_fd);
	http_sweep(front->http, now_ns);
	ask_tick(front->site.ask, now_ns);
	sse_tick(front->site.hub, now_ns);
	for (int i = 0; i < CHECKS_PER_TICK && check_one(front, now_ns); i++)
		;
}

/* Returns true when it is time to end. */
static bool handle_events(struct front *front, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;

		if (fd == front->signal_fd)
			return true;
		if (fd == ask_fd(front->site.ask))
			ask_handle(front->site.ask);
		else if (fd != http_fd(front->http) &&
			 handle_control(front)) /* each turn runs it */
			return true;
	}
	return false;
}

/* Answers that came go out, new requests come in, what they ask leaves together. */
static void take_turn(struct front *front, uint64_t now_ns)
{
	if (now_ns >= front->next_tick_ns)
		tick(front, now_ns);
	if (now_ns >= front->next_turn_ns)
		front->next_turn_ns =
			sse_take_turn(front->site.hub) ? now_ns + SSE_TURN_MS * NS_PER_MS : 0;
	http_run(front->http);
	ask_flush(front->site.ask);
}

/* How long the loop may sleep when nothing happens. */
static int wait_ms(const struct front *front)
{
	uint64_t now = clock_monotonic_ns(), due = front->next_tick_ns;

	if (http_is_due(front->http))
		return 0;
	if (front->next_turn_ns && front->next_turn_ns < due)
		due = front->next_turn_ns;
	/* rounded up, or the last millisecond would be spent turning */
	return due > now ? (int)((due - now) / NS_PER_MS) + 1 : 0;
}

static int run_loop(struct front *front)
{
	struct epoll_event events[4];
	bool is_over = false;

	while (!is_over) {
		int count;

		take_turn(front, clock_monotonic_ns());
		count = epoll_wait(front->epoll_fd, events, 4, wait_ms(front));
		if (count < 0 && errno != EINTR)
			return -errno;
		is_over = handle_events(front, events, count);
	}
	return 0;
}

int front_run(const struct front_options *options)
{
	struct front front = { .options = options, .epoll_fd = -1, .signal_fd = -1 };
	int error = start(&front);

	if (!error)
		error = run_loop(&front);
	stop(&front);
	return error;
}

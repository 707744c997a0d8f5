/*
 * The queue of questions, the limits of each provider, and one question at a time on its way.
 */
#include "agent/intel/reputation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/block.h"
#include "agent/intel/reputation_internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/util/log.h"

#define ANSWER_MAX	   (1U << 20) /* VirusTotal's longest have 100 KB */
#define FETCH_START_NS	   (10 * NS_PER_S)
#define PAUSE_NS	   (60 * NS_PER_S) /* after a failure, where they name no time */
#define PER_MINUTE_MAX	   30
#define MS_PER_DAY	   86400000LL
#define RESOLVER_FILE	   "/etc/resolv.conf"
#define RESOLVER_BYTES_MAX (64U << 10) /* far more than six domains need */

/* WIRE 3.5: VirusTotal's public key has 4 a minute and 500 a day, renewed at 00:00 UTC;
 * AbuseIPDB's free one 1000 a day. */
static const struct {
	const char *url, *header;
	unsigned int per_minute;
	int64_t per_day;
} providers[REPUTATION_PROVIDER_COUNT] = {
	[REPUTATION_VIRUSTOTAL] = { "https://www.virustotal.com", "x-apikey", 4, 500 },
	[REPUTATION_ABUSEIPDB] = { "https://api.abuseipdb.com", "Key", 30, 1000 },
};

struct limits {
	uint64_t sent_ns[PER_MINUTE_MAX]; /* a ring: never more than so many in any minute */
	unsigned int sent_at;
	uint64_t pause_ns; /* until then none goes */
	int64_t day, used;
	char error[160];
};

struct reputation_service {
	struct reputation_options options;
	struct question queue[REPUTATION_QUEUE_MAX];
	size_t count;
	struct limits limits[REPUTATION_PROVIDER_COUNT];
	struct lookup *lookup; /* NULL = none */
	bool is_asking, is_stopping;
	uint64_t asked_ns;
};

/* ---- the day's quota, kept over restarts -------------------------------------------------------
 */

static void quota_key(uint8_t provider, char key[static 48])
{
	(void)snprintf(key, 48, "reputation.%s.used", reputation_provider_name(provider));
}

static void load_quota(struct reputation_service *service, uint8_t provider)
{
	struct limits *limits = &service->limits[provider];
	char key[48], text[64], *rest;

	quota_key(provider, key);
	if (store_setting_get(service->options.store, key, text, sizeof(text)))
		return; /* never asked */
	limits->day = strtoll(text, &rest, 10);
	limits->used = strtoll(rest, NULL, 10);
}

static int64_t left_today(const struct reputation_service *service, uint8_t provider)
{
	const struct limits *limits = &service->limits[provider];
	int64_t used = limits->day == clock_unix_ms() / MS_PER_DAY ? limits->used : 0;

	return used < providers[provider].per_day ? providers[provider].per_day - used : 0;
}

/* On disk before it is spent: a restart in a loop asks no more than one that stays. */
static int spend(struct reputation_service *service, uint8_t provider)
{
	struct limits *limits = &service->limits[provider];
	int64_t today = clock_unix_ms() / MS_PER_DAY;
	char key[48], text[64];

	limits->used = limits->day == today ? limits->used + 1 : 1;
	limits->day = today;
	limits->sent_ns[limits->sent_at] = clock_monotonic_ns();
	limits->sent_at = (limits->sent_at + 1) % providers[provider].per_minute;
	quota_key(provider, key);
	(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, limits->day, limits->used);
	return store_setting_set(service->options.store, key, text);
}

int reputation_service_new(const struct reputation_options *options,
			   struct reputation_service **out)
{
	struct reputation_service *service = calloc(1, sizeof(*service));

	if (!service)
		return -ENOMEM;
	service->options = *options;
	for (unsigned int i = 0; i < REPUTATION_PROVIDER_COUNT; i++)
		load_quota(service, (uint8_t)i);
	*out = service;
	return 0;
}

static void lookup_free(struct lookup *lookup)
{
	if (!lookup)
		return;
	if (lookup->fetch >= 0)
		close(lookup->fetch);
	buffer_done(&lookup->body);
	free(lookup);
}

void reputation_service_stop(struct reputation_service *service)
{
	if (!service)
		return;
	service->is_stopping = true;
	if (service->lookup)
		atomic_store(&service->lookup->is_cancelled, true);
}

void reputation_service_free(struct reputation_service *service)
{
	if (!service)
		return;
	lookup_free(service->lookup);
	free(service);
}

/* ---- questions ---------------------------------------------------------------------------------
 */

static bool is_on(const struct reputation_service *service, uint8_t provider)
{
	return *service->options.keys[provider] != '\0';
}

bool reputation_is_on(const struct reputation_service *service)
{
	return is_on(service, REPUTATION_VIRUSTOTAL) || is_on(service, REPUTATION_ABUSEIPDB);
}

/* Names are few: the file is read for each, so that a change counts at once. */
static bool is_of_search_domain(const char *name)
{
	CLEANUP(free) char *text = NULL;

	return !file_read(RESOLVER_FILE, RESOLVER_BYTES_MAX, &text, NULL) &&
	       reputation_is_completed(text, name);
}

/* Own, inner and safe addresses, what a safe prefix holds, names of this house. */
static bool is_ours(const struct reputation_service *service, const char *value)
{
	CLEANUP(free) struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	const struct block_question question = { .value = value, .direction = "", .proto = "" };
	struct addr addr;

	if (!addr_parse(value, &addr) ? service->options.is_inside(service->options.arg, &addr)
				      : is_of_search_domain(value))
		return true;
	return !verdict || block_test(service->options.block, &question, verdict) == -EPERM;
}

static bool is_fresh(struct reputation_service *service, const char *value, uint8_t provider)
{
	struct reputation known[REPUTATION_PROVIDER_COUNT];
	int count = store_reputation_get(service->options.store, value, known,
					 REPUTATION_PROVIDER_COUNT);

	for (int i = 0; i < count; i++)
		if (known[i].provider == provider && known[i].expires_unix_ms > clock_unix_ms())
			return true;
	return false;
}

static bool is_same(const struct question *question, const char *value, uint8_t provider)
{
	return question->provider == provider && !strcmp(question->value, value);
}

/* Returns 1; -EAGAIN when it is full of what matters as much. */
static int enqueue(struct reputation_service *service, const struct question *question)
{
	size_t at;

	for (size_t i = 0; i < service->count; i++)
		if (is_same(&service->queue[i], question->value, question->provider)) {
			if (service->queue[i].priority < question->priority)
				service->queue[i].priority = question->priority;
			return 1;
		}
	if (service->count < REPUTATION_QUEUE_MAX) {
		service->queue[service->count++] = *question;
		return 1;
	}
	for (at = service->count; at && service->queue[at - 1].priority >= question->priority;)
		at--;
	if (!at)
		return -EAGAIN;
	service->queue[at - 1] = *question;
	return 1;
}

int reputation_ask(struct reputation_service *service, const char *value,
		   enum reputation_priority priority)
{
	struct question question = { .priority = (uint8_t)priority };
	int error = reputation_canonical(value, question.value, &question.is_addr);
	bool has_key = false;
	int result = 0;

	if (error)
		return error;
	if (is_ours(service, question.value))
		return -EPERM;
	for (unsigned int i = 0; i < REPUTATION_PROVIDER_COUNT; i++) {
		if (!is_on(service, (uint8_t)i) || (i == REPUTATION_ABUSEIPDB && !question.is_addr))
			continue;
		has_key = true;
		question.provider = (uint8_t)i;
		if (is_fresh(service, question.value, (uint8_t)i))
			continue;
		error = enqueue(service, &question);
		result = error > 0 || !result ? error : result;
	}
	return has_key ? result : -ENODATA;
}

bool reputation_is_queued(const struct reputation_service *service, const char *value)
{
	for (size_t i = 0; i < service->count; i++)
		if (!strcmp(service->queue[i].value, value))
			return true;
	return service->lookup && !strcmp(service->lookup->question.value, value);
}

void reputation_state(const struct reputation_service *service,
		      struct reputation_state out[static REPUTATION_PROVIDER_COUNT])
{
	for (unsigned int i = 0; i < REPUTATION_PROVIDER_COUNT; i++) {
		out[i] = (struct reputation_state){ .is_on = is_on(service, (uint8_t)i),
						    .left_today = left_today(service, (uint8_t)i) };
		memcpy(out[i].error, service->limits[i].error, sizeof(out[i].error));
	}
}

/* ---- what came of it ---------------------------------------------------------------------------
 */

static void pause_provider(struct reputation_service *service, const struct lookup *lookup,
			   const char *reason)
{
	struct limits *limits = &service->limits[lookup->question.provider];
	int64_t wait_s = lookup->retry_after_s;

	(void)snprintf(limits->error, sizeof(limits->error), "%s", reason);
	limits->pause_ns = clock_monotonic_ns() + PAUSE_NS;
	if (wait_s > 60 && wait_s < 86400)
		limits->pause_ns = clock_monotonic_ns() + (uint64_t)wait_s * NS_PER_S;
	log_warn("reputation not learned provider=%s reason=\"%s\"",
		 reputation_provider_name(lookup->question.provider), reason);
}

/* NULL: it is an answer. */
static const char *refusal(const struct lookup *lookup)
{
	if (lookup->error)
		return *lookup->reason ? lookup->reason : "The fetching process ended early.";
	switch (lookup->status) {
	case 200:
	case 404:
		return NULL;
	case 401:
	case 403:
		return "The key is not accepted.";
	case 429:
		return "The key's quota is used up.";
	case 301 ... 308:
		return "The server leads elsewhere, and the key is not sent there.";
	default:
		return "The server cannot answer now.";
	}
}

static void answered(void *arg)
{
	struct lookup *lookup = arg;
	struct reputation_service *service = lookup->service;
	struct reputation row = { .provider = lookup->question.provider };
	const char *reason = refusal(lookup);

	service->lookup = NULL;
	memcpy(row.value, lookup->question.value, sizeof(row.value));
	if (service->is_stopping)
		reason = "";
	else if (!reason &&
		 reputation_read(lookup->status,
				 lookup->body.data ? (const char *)lookup->body.data : "",
				 lookup->body.len, &row))
		reason = "The answer could not be understood.";
	if (!reason) {
		service->limits[row.provider].error[0] = '\0';
		if (store_reputation_put(service->options.store, &row))
			log_error("a reputation could not be stored");
	} else if (*reason) {
		pause_provider(service, lookup, reason);
	}
	lookup_free(lookup);
}

/* ---- on its way --------------------------------------------------------------------------------
 */

static void drop_lookup(struct reputation_service *service, const char *reason)
{
	pause_provider(service, service->lookup, reason);
	service->is_asking = false;
	lookup_free(service->lookup);
	service->lookup = NULL;
}

static void fill_lookup(struct reputation_service *service, struct lookup *lookup)
{
	const struct question *question = &lookup->question;
	uint8_t provider = question->provider;
	const char *base = *service->options.urls[provider] ? service->options.urls[provider]
							    : providers[provider].url;

	if (provider == REPUTATION_ABUSEIPDB)
		(void)snprintf(lookup->url, REPUTATION_URL_MAX,
			       "%.300s/api/v2/check?ipAddress=%s&maxAgeInDays=90", base,
			       question->value);
	else
		(void)snprintf(lookup->url, REPUTATION_URL_MAX, "%.300s/api/v3/%s/%s", base,
			       question->is_addr ? "ip_addresses" : "domains", question->value);
	lookup->is_test = *service->options.urls[provider] != '\0';
	(void)snprintf(lookup->key_header, sizeof(lookup->key_header), "%s: %.256s",
		       providers[provider].header, service->options.keys[provider]);
}

static void begin(struct reputation_service *service, size_t at)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return; /* the next tick tries again */
	lookup->service = service;
	lookup->question = service->queue[at];
	lookup->fetch = -1;
	buffer_init(&lookup->body, ANSWER_MAX);
	service->count--;
	memmove(&service->queue[at], &service->queue[at + 1],
		(service->count - at) * sizeof(service->queue[0]));
	fill_lookup(service, lookup);
	service->lookup = lookup;
	service->is_asking = true;
	service->asked_ns = clock_monotonic_ns();
	if (spend(service, lookup->question.provider))
		drop_lookup(service, "The quota cannot be kept on disk.");
	else if (service->options.ask_fetch(service->options.arg))
		drop_lookup(service, "No process to ask could be started.");
}

void reputation_service_take_fetch(struct reputation_service *service, int fd)
{
	if (!service->lookup || !service->is_asking) {
		if (fd >= 0)
			close(fd); /* came too late */
		return;
	}
	service->lookup->fetch = fd;
	if (fd < 0) {
		drop_lookup(service, "No process to ask could be started.");
		return;
	}
	service->is_asking = false;
	if (service->options.run(service->options.arg, reputation_look_up, answered,
				 service->lookup))
		drop_lookup(service, "The service is busy.");
}

static bool is_past(uint64_t sent_ns, uint64_t now_ns)
{
	return !sent_ns || now_ns - sent_ns >= 60 * NS_PER_S;
}

/* What nobody waits for leaves one question of each minute, and half of the day's, to people and
 * incidents. */
static bool may_go(const struct reputation_service *service, const struct question *question,
		   uint64_t now_ns)
{
	const uint8_t provider = question->provider;
	const struct limits *limits = &service->limits[provider];
	unsigned int second = (limits->sent_at + 1) % providers[provider].per_minute;
	int64_t left = left_today(service, provider);

	if (now_ns < limits->pause_ns || left <= 0 ||
	    !is_past(limits->sent_ns[limits->sent_at], now_ns))
		return false;
	return question->priority != REPUTATION_BACKGROUND ||
	       (left > providers[provider].per_day / 2 && is_past(limits->sent_ns[second], now_ns));
}

/* The most pressing one whose provider may be asked now. */
void reputation_service_tick(struct reputation_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();
	size_t best = service->count;

	if (service->is_asking && now_ns - service->asked_ns > FETCH_START_NS)
		drop_lookup(service, "No process to ask could be started.");
	if (service->lookup || service->is_stopping)
		return;
	for (size_t i = 0; i < service->count; i++) {
		const struct question *question = &service->queue[i];

		if (!may_go(service, question, now_ns))
			continue;
		if (best == service->count || question->priority > service->queue[best].priority)
			best = i;
	}
	if (best < service->count)
		begin(service, best);
}

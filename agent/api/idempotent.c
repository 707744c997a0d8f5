/*
 * Idempotency keys: a change that is sent twice with one key, because the answer was lost on its
 * way, happens once, and the second gets the answer of the first. Kept in memory: bounded by
 * number, size and age, gone with the service. Source:
 * draft-ietf-httpapi-idempotency-key-header-06.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/util/buffer.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define KEYS_MAX     256
#define KEY_TEXT_MAX 64
#define ANSWER_MAX   (64U << 10) /* a longer one is not kept: the second is told to look */
#define KEEP_NS	     (3600 * NS_PER_S)

/* One change and its answer. */
struct kept {
	uint8_t who[CRYPTO_HASH_BYTES];	 /* who, and the key */
	uint8_t what[CRYPTO_HASH_BYTES]; /* method, path, query and body */
	uint64_t at_ns;			 /* 0 = free */
	uint64_t serial;
	bool is_answered;
	int status;
	struct buffer body;
	char location[128];
};

struct idempotent {
	struct kept kept[KEYS_MAX];
	uint64_t next_serial;
};

/* Stands between the handler and whoever asked; freed with the answer. */
struct catcher {
	struct api *api;
	uint64_t serial;
	api_reply_fn reply;
	void *reply_arg;
};

int idempotent_new(struct idempotent **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void forget(struct kept *kept)
{
	buffer_done(&kept->body);
	*kept = (struct kept){ 0 };
}

void idempotent_free(struct idempotent *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < KEYS_MAX; i++)
		forget(&table->kept[i]);
	free(table);
}

/* ---- which change -----------------------------------------------------------------------------
 */

/* Texts one by one, so that none runs into the next. */
static void digest(const char *const *texts, size_t count, const struct request *body,
		   uint8_t out[static CRYPTO_HASH_BYTES])
{
	uint8_t all[2 * CRYPTO_HASH_BYTES] = { 0 };

	for (size_t i = 0; i < count; i++) {
		crypto_digest(texts[i], strlen(texts[i]), all + CRYPTO_HASH_BYTES);
		crypto_digest(all, sizeof(all), out);
		memcpy(all, out, CRYPTO_HASH_BYTES);
	}
	if (!body)
		return;
	crypto_digest(body->body, body->body_len, all + CRYPTO_HASH_BYTES);
	crypto_digest(all, sizeof(all), out);
}

static bool is_key(const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < len; i++)
		if (key[i] < '!' || key[i] > '~')
			return false;
	return len <= KEY_TEXT_MAX;
}

static struct kept *find(struct idempotent *table, const uint8_t who[static CRYPTO_HASH_BYTES])
{
	for (size_t i = 0; i < KEYS_MAX; i++)
		if (table->kept[i].at_ns && memcmp(table->kept[i].who, who, CRYPTO_HASH_BYTES) == 0)
			return &table->kept[i];
	return NULL;
}

/* A free place, else the oldest's. */
static struct kept *take_place(struct idempotent *table)
{
	struct kept *place = &table->kept[0];

	for (size_t i = 0; i < KEYS_MAX; i++)
		if (table->kept[i].at_ns < place->at_ns)
			place = &table->kept[i];
	forget(place);
	return place;
}

/* ---- the answer -------------------------------------------------------------------------------
 */

/* A failure of ours is not kept: sent again, it may work. */
static void keep(struct kept *kept, const struct response *response)
{
	bool is_kept =
		response->status < 500 && strlen(response->location) < sizeof(kept->location);

	if (!is_kept) {
		forget(kept);
		return;
	}
	buffer_append(&kept->body, response->body, response->body_len);
	if (kept->body.error) {
		forget(kept);
		return;
	}
	kept->status = response->status;
	(void)snprintf(kept->location, sizeof(kept->location), "%s", response->location);
	kept->is_answered = true;
}

static void catch_answer(void *arg, const struct response *response)
{
	struct catcher *catcher = arg;
	struct idempotent *table = catcher->api->idempotent;

	for (size_t i = 0; i < KEYS_MAX; i++)
		if (table->kept[i].at_ns && table->kept[i].serial == catcher->serial) {
			keep(&table->kept[i], response);
			break;
		}
	catcher->reply(catcher->reply_arg, response);
	free(catcher);
}

static void answer_again(struct call *call, const struct kept *kept)
{
	const struct response response = { .status = kept->status,
					   .content_type = "application/json",
					   .location = kept->location,
					   .next = "",
					   .set_session = "",
					   .etag = "",
					   .role = call->who.role,
					   .session_tag = call->session_tag,
					   .body = kept->body.data ? (const char *)kept->body.data
								   : "",
					   .body_len = kept->body.len };

	call->reply(call->reply_arg, &response);
}

static void catch_next(struct call *call, const uint8_t who[static CRYPTO_HASH_BYTES],
		       const uint8_t what[static CRYPTO_HASH_BYTES])
{
	struct idempotent *table = call->api->idempotent;
	struct catcher *catcher = malloc(sizeof(*catcher));
	struct kept *place;

	if (!catcher)
		return; /* then it is as without a key */
	place = take_place(table);
	buffer_init(&place->body, ANSWER_MAX);
	place->at_ns = clock_monotonic_ns();
	place->serial = ++table->next_serial;
	memcpy(place->who, who, sizeof(place->who));
	memcpy(place->what, what, sizeof(place->what));
	*catcher = (struct catcher){ .api = call->api,
				     .serial = place->serial,
				     .reply = call->reply,
				     .reply_arg = call->reply_arg };
	call->reply = catch_answer;
	call->reply_arg = catcher;
}

bool idempotent_passes(struct call *call)
{
	const struct request *request = call->request;
	const char *const who_texts[] = { call->who.name, request->idempotency_key };
	const char *const what_texts[] = { request->method, request->path, request->query };
	uint8_t who[CRYPTO_HASH_BYTES], what[CRYPTO_HASH_BYTES];
	struct kept *kept;

	if (!is_key(request->idempotency_key)) {
		answer_error(call, 422, "invalid", "Idempotency-Key",
			     "An idempotency key has 1 to 64 visible characters.");
		return false;
	}
	digest(who_texts, 2, NULL, who);
	digest(what_texts, 3, request, what);
	kept = find(call->api->idempotent, who);
	if (kept && kept->is_answered && clock_monotonic_ns() - kept->at_ns > KEEP_NS) {
		forget(kept);
		kept = NULL;
	}
	if (!kept) {
		catch_next(call, who, what);
		return true;
	}
	if (memcmp(kept->what, what, sizeof(what)) != 0)
		answer_error(call, 422, "key_used", "Idempotency-Key",
			     "This key was used for another request.");
	else if (!kept->is_answered)
		answer_error(call, 409, "in_progress", "Idempotency-Key",
			     "The first request with this key is under way.");
	else
		answer_again(call, kept);
	return false;
}

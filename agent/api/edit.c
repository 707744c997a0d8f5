/*
 * Two people, one thing: what can be changed has an `etag` of the members that people change, one
 * hash each. A change that brings one back (If-Match, RFC 9110 13.1.1) is refused with 412 when the
 * thing is another one by now, and told what of it changed, and by whom as the audit log has it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

#define MEMBERS_MAX  5
#define HASH_CHARS   6	 /* 24 bits of each member: enough for two versions of one thing */
#define AUDIT_LOOKED 400 /* newest rows; older changes are told without a name */

static const struct {
	const char *noun, *members[MEMBERS_MAX + 1];
} kinds[EDITED_COUNT] = {
	[EDITED_USER] = { "user", { "role", "disabled", "must_change", "totp", "email" } },
	[EDITED_BLOCK] = { "block", { "state", "expires", "reason", "action", "version" } },
	[EDITED_SAFE] = { "safe address", { "prefix", "note" } },
	[EDITED_FEED] = { "feed", { "state", "url", "action", "every" } },
	[EDITED_TOKEN] = { "token", { "name", "role", "scopes", "expires" } },
	[EDITED_SCHEDULE] = { "schedule", { "kind", "format", "every", "at", "to" } },
	[EDITED_RESPONSE] = { "policy", { "response", "ttl_s", "is_default" } },
	[EDITED_EXPECTED] = { "expectation", { "detector", "src", "dst", "port", "expires" } },
};

/* What the audit log calls a change, the member it changes ("" it is gone), and what people say. */
static const struct deed {
	enum edited kind;
	const char *action, *member, *words;
} deeds[] = {
	{ EDITED_USER, "user.role", "role", "changed the role of" },
	{ EDITED_USER, "user.disable", "disabled", "disabled" },
	{ EDITED_USER, "user.enable", "disabled", "enabled" },
	{ EDITED_USER, "user.password", "must_change", "set the password of" },
	{ EDITED_USER, "password.change", "must_change", "set the password of" },
	{ EDITED_USER, "totp.on", "totp", "turned on the second factor of" },
	{ EDITED_USER, "totp.off", "totp", "took the second factor off" },
	{ EDITED_BLOCK, "block.confirm", "state", "confirmed" },
	{ EDITED_BLOCK, "block.off", "state", "switched off" },
	{ EDITED_BLOCK, "block.on", "state", "switched on" },
	{ EDITED_BLOCK, "block.remove", "state", "removed" },
	{ EDITED_BLOCK, "block.rollback", "state", "rolled back" },
	{ EDITED_BLOCK, "block.expire", "state", "ended" },
	{ EDITED_BLOCK, "block.list", "version", "loaded another version of" },
	{ EDITED_SAFE, "safe.remove", "", "removed" },
	{ EDITED_FEED, "feed.accept", "state", "accepted what changed in" },
	{ EDITED_FEED, "feed.refresh", "state", "fetched" },
	{ EDITED_FEED, "feed.remove", "", "removed" },
	{ EDITED_TOKEN, "token.revoke", "", "revoked" },
	{ EDITED_SCHEDULE, "report.unschedule", "", "removed" },
	{ EDITED_RESPONSE, "response.set", "response", "changed" },
	{ EDITED_RESPONSE, "response.set", "ttl_s", "changed" },
	{ EDITED_RESPONSE, "response.set", "is_default", "changed" },
	{ EDITED_EXPECTED, "expected.remove", "", "removed" },
	{ EDITED_EXPECTED, "expected.expire", "", "ended" },
};

/* ---- the tag ----------------------------------------------------------------------------------
 */

static void hash_member(const struct json *item, const char *name, char out[static HASH_CHARS + 1])
{
	const struct json *value = json_get(item, name);
	CLEANUP(free) char *text = value ? json_print(value, NULL) : NULL;
	uint8_t hash[CRYPTO_HASH_BYTES];

	crypto_digest(text ? text : "", text ? strlen(text) : 0, hash);
	for (size_t i = 0; i < HASH_CHARS / 2; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* Without the quotes. */
static void tag_of(enum edited kind, const struct json *item, char out[static CALL_VERSION_MAX])
{
	for (size_t i = 0; kinds[kind].members[i]; i++)
		hash_member(item, kinds[kind].members[i], out + i * HASH_CHARS);
}

_Static_assert(MEMBERS_MAX *HASH_CHARS < CALL_VERSION_MAX, "a tag is a version");

struct json *edit_tagged(enum edited kind, struct json *item)
{
	char tag[CALL_VERSION_MAX] = "", quoted[CALL_VERSION_MAX + 2];

	tag_of(kind, item, tag);
	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", tag);
	json_set_string(item, "etag", quoted);
	return item;
}

void edit_show(struct call *call, enum edited kind, const struct json *item)
{
	tag_of(kind, item, call->version);
}

/* ---- who was faster ---------------------------------------------------------------------------
 */

/* A person's If-Match, and what is there in its place. */
struct conflict {
	enum edited kind;
	const char *target;	 /* as the audit log names it */
	const struct json *item; /* NULL: gone */
	char seen[CALL_VERSION_MAX], now[CALL_VERSION_MAX];
	const struct deed *deed; /* NULL: the log does not say */
	struct audit_record by;
};

static bool is_changed(const struct conflict *conflict, size_t member)
{
	size_t at = member * HASH_CHARS;

	return strlen(conflict->seen) < at + HASH_CHARS ||
	       memcmp(conflict->seen + at, conflict->now + at, HASH_CHARS) != 0;
}

static bool explains(const struct conflict *conflict, const struct deed *deed)
{
	const char *const *members = kinds[conflict->kind].members;

	if (deed->kind != conflict->kind)
		return false;
	if (!conflict->item)
		return !*deed->member;
	for (size_t i = 0; members[i]; i++)
		if (!strcmp(members[i], deed->member))
			return is_changed(conflict, i);
	return false;
}

/* What is gone is known by its number alone; the log keeps that beside the name. */
static bool is_of_id(const struct audit_record *record, const char *target)
{
	CLEANUP(json_free) struct json *detail = NULL;
	char reason[128], text[24];
	int64_t id;

	if (!record->detail ||
	    json_parse(record->detail, strlen(record->detail), &detail, reason) ||
	    json_get_int(detail, "id", &id))
		return false;
	(void)snprintf(text, sizeof(text), "%lld", (long long)id);
	return !strcmp(text, target);
}

static const struct deed *find_deed(const struct conflict *conflict,
				    const struct audit_record *record)
{
	if (strcmp(record->target, conflict->target) != 0 && !is_of_id(record, conflict->target))
		return NULL;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (!strcmp(deeds[i].action, record->action) && explains(conflict, &deeds[i]))
			return &deeds[i];
	return NULL;
}

static void find_who(const struct call *call, struct conflict *conflict)
{
	CLEANUP(free) struct audit_record *rows = calloc(AUDIT_LOOKED, sizeof(*rows));
	const struct audit_filter newest = { 0 };
	int count =
		rows ? store_audit_list(call->api->options.store, &newest, rows, AUDIT_LOOKED) : 0;

	for (int i = 0; i < count && !conflict->deed; i++) {
		conflict->deed = find_deed(conflict, &rows[i]);
		if (conflict->deed)
			conflict->by = rows[i];
	}
	if (count > 0)
		store_audit_records_done(rows, (size_t)count);
	conflict->by.detail = NULL;
}

/* ---- what is told -----------------------------------------------------------------------------
 */

static struct json *encode_changed(const struct conflict *conflict)
{
	struct json *list = json_new_array();

	for (size_t i = 0; conflict->item && kinds[conflict->kind].members[i]; i++)
		if (is_changed(conflict, i))
			json_add_string(list, kinds[conflict->kind].members[i]);
	return list;
}

static void answer_conflict(struct call *call, const struct conflict *conflict, struct json *item)
{
	const char *noun = kinds[conflict->kind].noun;
	const struct deed *deed = conflict->deed;
	struct json *more = json_new_object();
	char message[256];

	if (deed)
		(void)snprintf(message, sizeof(message), "%s %s this %s meanwhile.%s",
			       conflict->by.who, deed->words, noun,
			       item ? " Look at it again." : "");
	else
		(void)snprintf(message, sizeof(message), "This %s %s meanwhile.%s", noun,
			       item ? "was changed" : "was removed",
			       item ? " Look at it again." : "");
	json_set(more, "changed", encode_changed(conflict));
	json_set_string(more, "who", deed ? conflict->by.who : NULL);
	json_set_time(more, "when", deed ? conflict->by.time_unix_ms : 0);
	if (item)
		json_set(more, "current", item);
	else
		json_set_null(more, "current");
	answer_overtaken(call, 412, "If-Match", message, more);
}

bool edit_seen_tag(const struct call *call, char out[static CALL_VERSION_MAX])
{
	const char *tag = call->request->if_match;

	if (!tag || !*tag || !strcmp(tag, "*"))
		return false;
	tag += strncmp(tag, "W/", 2) == 0 ? 2 : 0;
	tag += *tag == '"';
	(void)snprintf(out, CALL_VERSION_MAX, "%.*s", (int)strcspn(tag, "\"-"), tag);
	return true;
}

bool edit_goes_on(struct call *call, enum edited kind, struct json *item, const char *target)
{
	CLEANUP(json_free) struct json *owned = item;
	struct conflict conflict = { .kind = kind, .target = target, .item = item };

	if (!edit_seen_tag(call, conflict.seen))
		return true;
	if (item) {
		tag_of(kind, item, conflict.now);
		if (!strcmp(conflict.seen, conflict.now))
			return true;
	}
	find_who(call, &conflict);
	answer_conflict(call, &conflict, TAKE(owned));
	return false;
}

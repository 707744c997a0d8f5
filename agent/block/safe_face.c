/*
 * The safe list towards people: the reason of a refusal, entries by hand, admins' addresses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

/* ---- the question --------------------------------------------------------------------------- */

/* "this host's own address on eth0": what an entry is, as the end of a sentence. */
static void describe_entry(const struct safe_entry *entry, char *text, size_t size)
{
	static const struct {
		const char *bare, *before_note, *after_note;
	} words[] = {
		[SAFE_MANUAL] = { "on the safe list", "on the safe list (", ")" },
		[SAFE_LOOPBACK] = { "loopback", "", "" },
		[SAFE_OWN] = { "this host's own address", "this host's own address on ", "" },
		[SAFE_GATEWAY] = { "the default gateway", "the default gateway on ", "" },
		[SAFE_RESOLVER] = { "a DNS resolver", "a DNS resolver (", ")" },
		[SAFE_ADMIN] = { "the address an admin is logged in from", "the address admin ",
				 " is logged in from" },
		[SAFE_SSH] = { "the other end of an SSH session",
			       "the other end of an SSH session (", ")" },
		[SAFE_SPECIAL] = { "a special range", "", "" },
		[SAFE_CONFIG] = { "on the safe list of the configuration",
				  "on the safe list of the configuration (", ")" },
	};

	if (entry->note[0])
		(void)snprintf(text, size, "%s%s%s", words[entry->kind].before_note, entry->note,
			       words[entry->kind].after_note); /* may cut a long note */
	else
		(void)snprintf(text, size, "%s", words[entry->kind].bare); /* fits */
}

int safe_refuse(const struct safe_entry *entry, const struct prefix *target,
		struct block_outcome *outcome)
{
	char asked[PREFIX_TEXT_MAX], safe[PREFIX_TEXT_MAX], what[160];

	(void)prefix_format(target, asked);
	(void)prefix_format(&entry->prefix, safe);
	describe_entry(entry, what, sizeof(what));
	if (prefix_is_equal(&entry->prefix, target))
		return outcome_fail(outcome, -EPERM, "value", "%s is %s", asked, what);
	if (target->len < entry->prefix.len)
		return outcome_fail(outcome, -EPERM, "value", "%s holds %s, %s", asked, safe, what);
	return outcome_fail(outcome, -EPERM, "value", "%s is inside %s, %s", asked, safe, what);
}

int safe_check(const struct block_service *service, const struct principal *who,
	       const struct prefix *target, struct block_outcome *outcome)
{
	struct safe_entry self = { .prefix = prefix_from_addr(&who->peer), .kind = SAFE_ADMIN };

	/* who asks may not be on the list yet: the session may be a second old */
	if (who->peer.family != ADDR_NONE && prefix_overlaps(&self.prefix, target)) {
		(void)snprintf(self.note, sizeof(self.note), "%s", who->name); /* fits */
		return safe_refuse(&self, target, outcome);
	}
	for (size_t source = 0; source < SAFE_SOURCE_COUNT; source++) {
		const struct safe_list *list = &service->safe[source];

		for (size_t i = 0; i < list->count; i++) {
			if (prefix_overlaps(&list->items[i].prefix, target))
				return safe_refuse(&list->items[i], target, outcome);
		}
	}
	return 0;
}

bool block_is_own(const struct block_service *service, const struct addr *addr)
{
	for (size_t source = 0; source < SAFE_SOURCE_COUNT; source++) {
		const struct safe_list *list = &service->safe[source];

		for (size_t i = 0; i < list->count; i++) {
			if (list->items[i].kind == SAFE_OWN &&
			    prefix_has_addr(&list->items[i].prefix, addr))
				return true;
		}
	}
	return false;
}

struct safe_entry *safe_copy(const struct block_service *service, const struct principal *who,
			     size_t *count)
{
	size_t most = 1, used = 0;
	struct safe_entry *copy;

	for (size_t source = 0; source < SAFE_SOURCE_COUNT; source++)
		most += service->safe[source].count;
	copy = calloc(most, sizeof(*copy));
	if (!copy)
		return NULL;
	if (who->peer.family != ADDR_NONE) {
		copy[used].prefix = prefix_from_addr(&who->peer);
		copy[used].kind = SAFE_ADMIN;
		(void)snprintf(copy[used++].note, sizeof(copy->note), "%s", who->name);
	}
	for (size_t source = 0; source < SAFE_SOURCE_COUNT; source++) {
		const struct safe_list *list = &service->safe[source];

		for (size_t i = 0; i < list->count; i++)
			copy[used++] = list->items[i];
	}
	*count = used;
	return copy;
}

/* ---- admins' addresses ----------------------------------------------------------------------- */

/* Name of an admin whose session was opened from @peer; "" when not known. */
static void admin_name(struct block_service *service, const struct addr *peer,
		       const struct session *sessions, int count, char name[static USER_NAME_MAX])
{
	struct user user;

	name[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (!addr_is_equal(&sessions[i].peer, peer))
			continue;
		if (store_user_by_id(service->options.store, sessions[i].user_id, &user) == 0 &&
		    user.role == ROLE_ADMIN)
			memcpy(name, user.name, sizeof(user.name));
	}
	crypto_wipe(&user, sizeof(user));
}

static bool has_peers(const struct safe_list *list, const struct addr *peers, size_t count)
{
	if (list->count != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!addr_is_equal(&list->items[i].prefix.addr, &peers[i]))
			return false;
	}
	return true;
}

void block_set_admin_peers(struct block_service *service, const struct addr *peers, size_t count)
{
	enum {
		SESSIONS = 256
	};
	CLEANUP(safe_list_done) struct safe_list fresh = { 0 };
	CLEANUP(free) struct session *sessions = NULL;
	char name[USER_NAME_MAX];
	int known;

	if (has_peers(&service->safe[SAFE_FROM_ADMINS], peers, count))
		return;
	sessions = calloc(SESSIONS, sizeof(*sessions));
	known = sessions ? store_session_list(service->options.store, sessions, SESSIONS) : 0;
	for (size_t i = 0; i < count; i++) {
		struct prefix prefix = prefix_from_addr(&peers[i]);

		admin_name(service, &peers[i], sessions, known, name);
		if (safe_list_add(&fresh, &prefix, SAFE_ADMIN, name) != 0)
			log_warn("an admin's address is not on the safe list: no room");
	}
	safe_exchange(service, SAFE_FROM_ADMINS, &fresh);
	(void)safe_push(service); /* logged there, tried again at the next tick */
}

/* ---- entries by hand ------------------------------------------------------------------------- */

int block_safe_list(struct block_service *service, struct safe_entry *out, size_t max)
{
	size_t count = 0;

	/* people's own entries first, special ranges last */
	for (size_t source = SAFE_SOURCE_COUNT; source-- > 0;) {
		const struct safe_list *list = &service->safe[source];

		for (size_t i = 0; i < list->count && count < max; i++)
			out[count++] = list->items[i];
	}
	return (int)count;
}

static int admit_safe(struct block_service *service, const struct prefix *prefix,
		      struct block_outcome *outcome)
{
	const struct safe_list *manual = &service->safe[SAFE_FROM_MANUAL];
	const struct active_block *active = active_overlapping(service, prefix);
	char text[PREFIX_TEXT_MAX], other[BLOCK_TEXT_MAX];

	(void)prefix_format(prefix, text);
	for (size_t i = 0; i < manual->count; i++) {
		if (prefix_is_equal(&manual->items[i].prefix, prefix))
			return outcome_fail(outcome, -EEXIST, "prefix",
					    "%s is on the safe list already", text);
	}
	if (active)
		return outcome_fail(outcome, -EBUSY, "prefix",
				    "%s overlaps block %lld of %s: remove that block first", text,
				    (long long)active->id, active_text(active, other));
	if (manual->count >= SAFE_LIST_MAX)
		return outcome_fail(outcome, -ENOSPC, "", "the safe list is full (%d entries)",
				    SAFE_LIST_MAX);
	return 0;
}

static int read_note(const char *note, struct safe_entry *entry, struct block_outcome *outcome)
{
	if (!note)
		note = "";
	if (strlen(note) >= sizeof(entry->note))
		return outcome_fail(outcome, -EINVAL, "note", "a note is at most %zu bytes",
				    sizeof(entry->note) - 1);
	for (const char *c = note; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return outcome_fail(outcome, -EINVAL, "note",
					    "a note is one line without control characters");
	}
	memcpy(entry->note, note, strlen(note) + 1);
	return 0;
}

/* After a change of the rows: the list and the datapath follow. */
static int reload(struct block_service *service, struct block_outcome *outcome)
{
	int error = safe_load_manual(service);

	if (!error)
		error = safe_push(service);
	if (!error)
		return 0;
	return outcome_fail(outcome, error, "",
			    "stored, but not in the datapath yet (tried again each second): %s",
			    strerror(-error));
}

int block_safe_add(struct block_service *service, const struct principal *who, const char *prefix,
		   const char *note, struct block_outcome *outcome)
{
	struct safe_entry entry = { .kind = SAFE_MANUAL };
	char text[PREFIX_TEXT_MAX];
	struct json *detail;
	int error;

	*outcome = (struct block_outcome){ .field = "" };
	if (order_require_admin(who, outcome) != 0)
		return outcome->error;
	if (order_parse_target(prefix, "prefix", &entry.prefix, outcome) != 0 ||
	    read_note(note, &entry, outcome) != 0 ||
	    admit_safe(service, &entry.prefix, outcome) != 0)
		return outcome->error;
	error = store_safe_insert(service->options.store, &entry, who->name);
	if (error)
		return outcome_fail(outcome, error, "", "the entry could not be stored: %s",
				    strerror(-error));
	detail = json_new_object();
	json_set_string(detail, "note", entry.note);
	block_audit(service, who, "safe.add", prefix_format(&entry.prefix, text), detail);
	return reload(service, outcome);
}

int block_safe_remove(struct block_service *service, const struct principal *who, int64_t id,
		      struct block_outcome *outcome)
{
	const struct safe_list *manual = &service->safe[SAFE_FROM_MANUAL];
	const struct safe_entry *entry = NULL;
	char text[PREFIX_TEXT_MAX];
	struct json *detail;
	int error;

	*outcome = (struct block_outcome){ .field = "" };
	if (order_require_admin(who, outcome) != 0)
		return outcome->error;
	for (size_t i = 0; i < manual->count; i++) {
		if (manual->items[i].id == id)
			entry = &manual->items[i];
	}
	if (!entry)
		return outcome_fail(outcome, -ENOENT, "id",
				    "no entry %lld made by hand is on the safe list",
				    (long long)id);
	(void)prefix_format(&entry->prefix, text);
	error = store_safe_delete(service->options.store, id);
	if (error)
		return outcome_fail(outcome, error, "", "the entry could not be removed: %s",
				    strerror(-error));
	detail = json_new_object();
	json_set_int(detail, "id", id);
	block_audit(service, who, "safe.remove", text, detail);
	return reload(service, outcome);
}

/*
 * Backups and the vault's keys, for admins.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "include/upkeep.h"

/* A rotation reseals 100,000 incidents in seconds; nobody needs a new key more often. */
#define ROTATE_EVERY_S 600

static int audit(const struct call *call, const char *action, const char *target,
		 const struct json *detail)
{
	CLEANUP(free) char *text = detail ? json_print(detail, NULL) : NULL;
	const struct audit_entry entry = { .who = call->who.name,
					   .peer = &call->who.peer,
					   .action = action,
					   .target = target,
					   .detail = text };

	return store_audit_write(call->api->options.store, &entry);
}

static void set_text(struct json *body, const char *key, const char *text)
{
	json_set_string(body, key, *text ? text : NULL);
}

/* ---- backups ----------------------------------------------------------------------------------
 */

static void answer_backups(struct call *call, int status)
{
	CLEANUP(free) struct store_backup_entry *found = calloc(STORE_BACKUPS_MAX, sizeof(*found));
	const struct api_options *options = &call->api->options;
	struct upkeep_status upkeep;

	options->upkeep(options->arg, &upkeep);
	int count =
		found ? store_backups_list(upkeep.backup_dir, found, STORE_BACKUPS_MAX) : -ENOMEM;
	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	struct json *body = json_new_object(), *items = json_new_array();
	for (int i = 0; i < count; i++) {
		struct json *item = json_new_object();

		json_set_string(item, "name", found[i].name);
		json_set_time(item, "time", found[i].unix_ms);
		json_set_uint(item, "bytes", found[i].bytes);
		json_add(items, item);
	}
	json_set(body, "items", items);
	json_set_null(body, "next");
	json_set_string(body, "dir", upkeep.backup_dir);
	json_set_bool(body, "running", upkeep.is_backing_up);
	json_set_uint(body, "made", upkeep.backups_made);
	json_set_uint(body, "failed", upkeep.backups_failed);
	set_text(body, "error", upkeep.backup_error);
	if (upkeep.next_backup_s < 0)
		json_set_null(body, "next_backup_s");
	else
		json_set_int(body, "next_backup_s", upkeep.next_backup_s);
	answer_json(call, status, body);
}

void handle_backups(struct call *call)
{
	answer_backups(call, 200);
}

void handle_backup_make(struct call *call)
{
	const struct api_options *options = &call->api->options;
	int error = options->back_up(options->arg);

	if (error == -EBUSY) {
		answer_error(call, 409, "busy", NULL, "A backup is under way already.");
		return;
	}
	if (!error)
		error = audit(call, "backup.order", "", NULL);
	if (error)
		answer_failure(call, error);
	else
		answer_backups(call, 202);
}

/* The command line makes files that the service may not reach, and tells it afterwards. */
void handle_backup_taken(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	CLEANUP(json_free) struct json *detail = json_new_object();
	const char *file;
	int64_t bytes;
	bool is_encrypted;

	if (body_json(call, &body) || body_text(call, body, "file", &file))
		return;
	if (!*file || strlen(file) > 1024) {
		answer_error(call, 422, "invalid", "file", "file is the path of the backup.");
		return;
	}
	if (json_get_int(body, "bytes", &bytes) || bytes < 0 ||
	    json_get_bool(body, "encrypted", &is_encrypted)) {
		answer_error(call, 422, "invalid", "bytes",
			     "bytes is a whole number, encrypted is true or false.");
		return;
	}
	json_set_int(detail, "bytes", bytes);
	json_set_bool(detail, "encrypted", is_encrypted);
	int error = audit(call, "backup.make", file, detail);
	if (error)
		answer_failure(call, error);
	else
		answer_empty(call, 204);
}

/* ---- the vault --------------------------------------------------------------------------------
 */

static void answer_vault(struct call *call, int status)
{
	const struct api_options *options = &call->api->options;
	struct store_vault_facts facts;
	struct upkeep_status upkeep;
	int error = store_vault_facts(options->store, &facts);

	if (error) {
		answer_failure(call, error);
		return;
	}
	options->upkeep(options->arg, &upkeep);
	struct json *body = json_new_object(), *keys = json_new_array();
	for (unsigned int i = 0; i < facts.key_count; i++) {
		struct json *item = json_new_object();

		json_set_int(item, "id", facts.keys[i].id);
		json_set_time(item, "created", facts.keys[i].created_unix_ms);
		json_add(keys, item);
	}
	json_set_int(body, "key_id", facts.write_key);
	json_set(body, "keys", keys);
	json_set_bool(body, "recovery_key", facts.has_recovery);
	json_set_bool(body, "rotating", upkeep.is_rotating);
	json_set_uint(body, "resealed", upkeep.resealed);
	json_set_uint(body, "left", facts.left);
	json_set_uint(body, "damaged", upkeep.damaged);
	set_text(body, "error", upkeep.rotate_error);
	answer_json(call, status, body);
}

void handle_vault(struct call *call)
{
	answer_vault(call, 200);
}

/* Seconds until the next new key, 0 for now: a stolen session must not fill the key ring and keep
 * the disk busy. The end of a rotation that was cut off, and root on this machine, need not wait.
 */
static int64_t rotate_wait_s(const struct call *call)
{
	struct store_vault_facts facts;
	int64_t age_s;

	if (call->who.is_local || store_vault_facts(call->api->options.store, &facts) ||
	    facts.left || !facts.key_count || facts.keys[facts.key_count - 1].id <= 1)
		return 0;
	age_s = (clock_unix_ms() - facts.keys[facts.key_count - 1].created_unix_ms) / 1000;
	return age_s >= 0 && age_s < ROTATE_EVERY_S ? ROTATE_EVERY_S - age_s : 0;
}

void handle_vault_rotate(struct call *call)
{
	const struct api_options *options = &call->api->options;
	int64_t wait_s = rotate_wait_s(call);
	int error;

	if (wait_s) {
		answer_throttled(call, wait_s, "The key was changed minutes ago. Try again later.");
		return;
	}
	error = options->rotate(options->arg);
	if (error == -EBUSY) {
		answer_error(call, 409, "busy", NULL, "A rotation is under way already.");
		return;
	}
	if (!error)
		error = audit(call, "vault.rotate", "", NULL);
	if (error)
		answer_failure(call, error);
	else
		answer_vault(call, 202);
}

/* Only the public half comes here; the other never leaves whoever made it. */
void handle_vault_recovery(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const struct api_options *options = &call->api->options;
	struct store_vault_facts facts;
	const char *text;
	uint8_t public_key[32];
	bool replace = false;

	if (body_json(call, &body) || body_text(call, body, "public_key", &text))
		return;
	if (crypto_base64url_decode(text, public_key, sizeof(public_key)) != sizeof(public_key)) {
		answer_error(call, 422, "invalid", "public_key",
			     "public_key is 32 bytes as base64url.");
		return;
	}
	(void)json_get_bool(body, "replace", &replace); /* absent: no */
	int error = store_vault_facts(options->store, &facts);
	if (!error && facts.has_recovery && !replace) {
		answer_error(call, 409, "exists", NULL,
			     "A recovery key was made before. With replace it opens only what was "
			     "backed up until now.");
		return;
	}
	if (!error)
		error = store_recovery_set(options->store, public_key);
	if (error == -EINVAL) {
		answer_error(call, 422, "invalid", "public_key", "public_key is no X25519 key.");
		return;
	}
	if (!error)
		error = audit(call, "vault.recovery", "", NULL);
	if (error)
		answer_failure(call, error);
	else
		answer_vault(call, 200);
}

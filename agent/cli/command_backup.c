/*
 * backup and restore: on the files themselves, as whoever may read them; a running service goes on.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/offline.h"
#include "agent/cli/recovery_text.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"
#include "agent/util/file.h"
#include "agent/util/units.h"

/* What locks or opens a backup, and its memory. */
struct lock_words {
	struct store_backup_key key;
	char passphrase[SECRET_TEXT_MAX];
	uint8_t bytes[32];
};

static void lock_words_done(struct lock_words *words)
{
	crypto_wipe(words, sizeof(*words));
}

static inline void lock_words_done_cleanup(struct lock_words *words)
{
	lock_words_done(words);
}

/* ---- backup ------------------------------------------------------------------------------------
 */

static int read_recovery_public(const struct state_place *place, uint8_t out[static 32])
{
	const struct store_options options = { .dir = place->dir,
					       .key_file = place->key_file,
					       .is_demo = place->is_demo };
	int error = store_backup_public_key(&options, out);

	if (!error)
		return CLI_OK;
	if (error == -ENOENT)
		fprintf(stderr, "sluice: there is no recovery key yet: make one with `sluice "
				"recovery-key`, or use --encrypt passphrase\n");
	else
		fprintf(stderr, "sluice: the recovery key in %s cannot be read: %s\n", place->dir,
			strerror(-error));
	return CLI_FAILED;
}

static int choose_lock(const struct args *args, const struct state_place *place,
		       struct lock_words *words)
{
	const char *how = args_option(args, "--encrypt");

	if (!how && !args_option(args, "--passphrase-file"))
		return CLI_OK;
	if (!how || !strcmp(how, "passphrase")) {
		if (read_secret(args, "--passphrase-file", "passphrase", words->passphrase))
			return CLI_FAILED;
		if (strlen(words->passphrase) < 12)
			return usage_error("the passphrase needs 12 characters at least");
		words->key.passphrase = words->passphrase;
		return CLI_OK;
	}
	if (strcmp(how, "recovery") != 0)
		return usage_error("--encrypt takes passphrase or recovery, not \"%s\"", how);
	words->key.public_key = words->bytes;
	return read_recovery_public(place, words->bytes);
}

static int tell_service(const struct args *args, const char *file, uint64_t bytes,
			bool is_encrypted)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;

	json_set_string(body, "file", file);
	json_set_uint(body, "bytes", bytes);
	json_set_bool(body, "encrypted", is_encrypted);
	return client_call(args, "POST", "/api/v1/backups/taken", body, &answer);
}

static int tell_store(const struct args *args, const char *file, uint64_t bytes, bool is_encrypted)
{
	struct json *detail = json_new_object();
	struct offline offline;
	int status = offline_open(args, &offline);

	json_set_uint(detail, "bytes", bytes);
	json_set_bool(detail, "encrypted", is_encrypted);
	if (status)
		json_free(detail);
	else if (offline_audit(offline.store, "backup.make", file, detail))
		status = CLI_FAILED;
	offline_done(&offline);
	return status;
}

static int say_backup(const struct args *args, const struct store_backup *order, uint64_t bytes)
{
	CLEANUP(json_free) struct json *body = NULL;
	char size[32];

	if (args->is_json) {
		body = json_new_object();
		json_set_string(body, "file", order->file);
		json_set_uint(body, "bytes", bytes);
		json_set_bool(body, "encrypted", order->key != NULL);
		return answer_print(body);
	}
	units_format_bytes(bytes, size, sizeof(size));
	say("%s: %s, %s\n", order->file, size,
	    order->key ? "encrypted"
		       : "in clear: incident details are sealed, everything else is readable");
	return CLI_OK;
}

int command_backup(const struct args *args)
{
	CLEANUP(lock_words_done) struct lock_words words = { 0 };
	CLEANUP(config_free) struct config *config = config_new();
	const char *file = args_option(args, "-c");
	const char *configs[STORE_BACKUP_CONFIGS_MAX];
	struct state_place place;
	struct store_backup order = { .file = args->words[0],
				      .with_flows = !args_option(args, "--no-flows"),
				      .configs = configs,
				      .version = SLUICE_VERSION };
	uint64_t bytes;
	char reason[256];

	state_find(args, &place);
	int status = crypto_init() ? CLI_FAILED : choose_lock(args, &place, &words);
	if (status || !config)
		return status ? status : CLI_FAILED;
	/* problems are `sluice check`'s to say; what cannot be read is not copied */
	(void)config_load(config, file ? file : args_option(args, "--config"));
	while (order.config_count < STORE_BACKUP_CONFIGS_MAX &&
	       (configs[order.config_count] = config_file(config, order.config_count)))
		order.config_count++;
	if (*place.settings && order.config_count < STORE_BACKUP_CONFIGS_MAX)
		configs[order.config_count++] = place.settings;
	order.dir = place.dir;
	order.is_demo = place.is_demo;
	order.key = words.key.passphrase || words.key.public_key ? &words.key : NULL;
	if (store_backup_make(&order, &bytes, reason)) {
		fprintf(stderr, "sluice: %s\n", reason);
		return CLI_FAILED;
	}
	status = client_is_running(args) ? tell_service(args, order.file, bytes, order.key != NULL)
					 : tell_store(args, order.file, bytes, order.key != NULL);
	if (status)
		fprintf(stderr, "sluice: %s is whole, but the audit log does not tell of it\n",
			order.file);
	int said = say_backup(args, &order, bytes);
	return status ? status : said;
}

/* ---- restore ----------------------------------------------------------------------------------
 */

static int choose_key(const struct args *args, struct lock_words *words)
{
	const char *recovery = args_option(args, "--recovery-key");

	if (args_option(args, "--passphrase-file")) {
		if (read_secret(args, "--passphrase-file", "passphrase", words->passphrase))
			return CLI_FAILED;
		words->key.passphrase = words->passphrase;
	}
	if (!recovery)
		return CLI_OK;
	words->key.secret = words->bytes;
	return recovery_text_read(recovery, words->bytes);
}

static int say_restored(const struct args *args, const struct store_restored *out, bool is_check)
{
	CLEANUP(json_free) struct json *body = NULL;

	if (args->is_json) {
		body = json_new_object();
		json_set_bool(body, "restored", !is_check);
		json_set_string(body, "created", out->created);
		json_set_string(body, "version", out->version);
		json_set_int(body, "users", out->users);
		json_set_int(body, "blocks", out->blocks);
		json_set_int(body, "incidents", out->incidents);
		json_set_bool(body, "flows", out->has_flows);
		json_set_bool(body, "key_ring", out->has_key_ring);
		json_set_string(body, "aside", *out->aside ? out->aside : NULL);
		return answer_print(body);
	}
	say("%s: made %s by sluice %s; %u users, %u active blocks, %u incidents%s\n",
	    is_check ? "the backup is whole" : "restored", out->created, out->version, out->users,
	    out->blocks, out->incidents, out->has_flows ? ", flow history" : "");
	if (*out->aside)
		say("the former files are in %s; configuration of the backup, if any, in "
		    "restored-config beside it\n",
		    out->aside);
	return CLI_OK;
}

static int finish_restore(const struct args *args, struct offline *locked)
{
	struct offline offline;
	int status;

	/* the lock is taken again by who opens the store; nobody starts in between unseen: the
	 * state is whole by now */
	offline_done(locked);
	*locked = (struct offline){ .lock = -1 };
	status = offline_open(args, &offline);
	if (!status && offline_audit(offline.store, "restore", args->words[0], NULL))
		status = CLI_FAILED;
	offline_done(&offline);
	return status;
}

int command_restore(const struct args *args)
{
	CLEANUP(lock_words_done) struct lock_words words = { 0 };
	bool is_check = args_option(args, "--check") != NULL;
	struct state_place place;
	struct store_restored out;
	struct offline offline;
	char reason[256];

	state_find(args, &place);
	int status = choose_key(args, &words);
	if (status)
		return status;
	if (file_make_dir(place.dir, 0700)) { /* a fresh machine has none */
		fprintf(stderr, "sluice: cannot make %s: %s\n", place.dir, strerror(errno));
		return CLI_NO_PERMISSION;
	}
	status = offline_lock(place.dir, &offline);
	const struct store_restore order = { .dir = place.dir,
					     .key_file = place.key_file,
					     .is_demo = place.is_demo,
					     .with_flows = !args_option(args, "--no-flows"),
					     .only_check = is_check,
					     .file = args->words[0],
					     .key = words.key.passphrase || words.key.secret
							    ? &words.key
							    : NULL };
	if (!status && store_restore_run(&order, &out, reason)) {
		fprintf(stderr, "sluice: %s\n", reason);
		status = CLI_FAILED;
	} else if (!status && !is_check) {
		status = finish_restore(args, &offline);
	}
	offline_done(&offline);
	return status ? status : say_restored(args, &out, is_check);
}

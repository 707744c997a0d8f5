/*
 * rotate-key, recovery-key and check --audit: through the running service, or on its store when
 * nobody holds the lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/offline.h"
#include "agent/cli/recovery_text.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto_stream.h"
#include "agent/util/file.h"

#define ASK_AGAIN_MS 200

/* ---- rotate-key -------------------------------------------------------------------------------
 */

static int say_rotated(const struct args *args, int64_t key_id, int64_t resealed, int64_t damaged)
{
	CLEANUP(json_free) struct json *body = NULL;

	if (args->is_json) {
		body = json_new_object();
		json_set_int(body, "key_id", key_id);
		json_set_int(body, "resealed", resealed);
		json_set_int(body, "damaged", damaged);
		return answer_print(body);
	}
	say("key %" PRId64 " seals from now on; %" PRId64 " incidents were sealed again\n", key_id,
	    resealed);
	if (damaged)
		say("%" PRId64 " incidents did not open and were left as they are\n", damaged);
	return CLI_OK;
}

/* Asks until the service has done it: it takes a second for 100,000 incidents. */
static int rotate_online(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *error = NULL;
	bool is_rotating = true;
	int status = client_call(args, "POST", "/api/v1/vault/rotate", NULL, &body);

	while (!status) {
		if (!json_get_bool(body, "rotating", &is_rotating) && !is_rotating)
			break;
		(void)poll(NULL, 0, ASK_AGAIN_MS); /* a signal ends the command anyway */
		json_free(body);
		body = NULL;
		status = client_call(args, "GET", "/api/v1/vault", NULL, &body);
	}
	if (status)
		return status;
	if (!json_get_string(body, "error", &error)) {
		fprintf(stderr, "sluice: %s\n", error);
		return CLI_FAILED;
	}
	return say_rotated(args, number_of(body, "key_id"), number_of(body, "resealed"),
			   number_of(body, "damaged"));
}

static int rotate_offline(const struct args *args)
{
	struct store_rotation rotation = { 0 };
	struct offline offline;
	char reason[256];
	int status = offline_open(args, &offline);

	if (!status && store_rotate_key(offline.store, NULL, &rotation, reason)) {
		fprintf(stderr, "sluice: %s\n", reason);
		status = CLI_FAILED;
	}
	if (!status && offline_audit(offline.store, "vault.rotate", "", NULL))
		status = CLI_FAILED;
	offline_done(&offline);
	return status ? status
		      : say_rotated(args, rotation.key_id, (int64_t)rotation.resealed,
				    rotation.damaged);
}

int command_rotate_key(const struct args *args)
{
	return client_is_running(args) ? rotate_online(args) : rotate_offline(args);
}

/* ---- recovery-key -----------------------------------------------------------------------------
 */

void recovery_text_write(const uint8_t secret[static 32], char out[static RECOVERY_TEXT_MAX])
{
	char text[CRYPTO_TOKEN_TEXT_MAX];

	crypto_base64url(secret, 32, text);
	(void)snprintf(out, RECOVERY_TEXT_MAX, RECOVERY_TEXT_PREFIX "%s", text);
	crypto_wipe(text, sizeof(text));
}

int recovery_text_read(const char *path, uint8_t out[static 32])
{
	const size_t prefix = sizeof(RECOVERY_TEXT_PREFIX) - 1;
	char *text = NULL;
	size_t len = 0;
	int error = file_read(path, 4096, &text, &len);

	if (error) {
		fprintf(stderr, "sluice: %s: %s\n", path, strerror(-error));
		return CLI_FAILED;
	}
	text[strcspn(text, "\r\n")] = '\0';
	if (strncmp(text, RECOVERY_TEXT_PREFIX, prefix) != 0 ||
	    crypto_base64url_decode(text + prefix, out, 32) != 32)
		error = -EINVAL;
	crypto_wipe(text, len);
	free(text);
	if (error)
		fprintf(stderr,
			"sluice: %s does not begin with a recovery key (" RECOVERY_TEXT_PREFIX
			"...)\n",
			path);
	return error ? CLI_FAILED : CLI_OK;
}

static int set_recovery_online(const struct args *args, const uint8_t public_key[static 32])
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	char text[CRYPTO_TOKEN_TEXT_MAX];

	crypto_base64url(public_key, 32, text);
	json_set_string(body, "public_key", text);
	json_set_bool(body, "replace", args_option(args, "--replace") != NULL);
	return client_call(args, "POST", "/api/v1/vault/recovery", body, &answer);
}

static int set_recovery_offline(const struct args *args, const uint8_t public_key[static 32])
{
	struct store_vault_facts facts = { 0 };
	struct offline offline;
	int status = offline_open(args, &offline);
	int error = status ? 0 : store_vault_facts(offline.store, &facts);

	if (!status && !error && facts.has_recovery && !args_option(args, "--replace")) {
		fprintf(stderr, "sluice: a recovery key was made before; with --replace it opens "
				"only what was backed up until now\n");
		status = CLI_FAILED;
	}
	if (!status && !error)
		error = store_recovery_set(offline.store, public_key);
	if (!status && !error)
		error = offline_audit(offline.store, "vault.recovery", "", NULL);
	if (error) {
		fprintf(stderr, "sluice: %s\n", strerror(-error));
		status = CLI_FAILED;
	}
	offline_done(&offline);
	return status;
}

static int show_recovery(const struct args *args, const uint8_t secret[static 32])
{
	char text[RECOVERY_TEXT_MAX];

	recovery_text_write(secret, text);
	/* not through a JSON tree, which nobody wipes */
	if (args->is_json)
		printf("{\"recovery_key\":\"%s\"}\n", text);
	else
		printf("%s\n", text);
	crypto_wipe(text, sizeof(text));
	if (!args->is_json)
		fprintf(stderr,
			"sluice: this line is shown once: keep it where neither this machine "
			"nor its backups are\n");
	return CLI_OK;
}

int command_recovery_key(const struct args *args)
{
	uint8_t public_key[CRYPTO_BOX_PUBLIC_BYTES], secret[CRYPTO_BOX_SECRET_BYTES];
	int status;

	if (crypto_init()) {
		fprintf(stderr, "sluice: no source of random numbers\n");
		return CLI_FAILED;
	}
	crypto_box_new(public_key, secret);
	status = client_is_running(args) ? set_recovery_online(args, public_key)
					 : set_recovery_offline(args, public_key);
	if (!status)
		status = show_recovery(args, secret);
	crypto_wipe(secret, sizeof(secret));
	return status;
}

/* ---- check --audit ----------------------------------------------------------------------------
 */

static struct json *check_offline(const struct args *args, int *status)
{
	struct audit_verdict verdict;
	struct offline offline;
	struct json *body = NULL, *problems;

	*status = offline_open(args, &offline);
	if (!*status && store_audit_check(offline.store, &verdict))
		*status = CLI_FAILED;
	if (!*status) {
		body = json_new_object();
		problems = json_new_array();
		json_set_bool(body, "ok", !verdict.problems_found);
		json_set_uint(body, "rows", verdict.rows);
		json_set_int(body, "head", verdict.head);
		json_set_int(body, "sealed_from", verdict.sealed_from);
		json_set_uint(body, "problems_found", verdict.problems_found);
		json_set(body, "problems", problems);
		for (unsigned int i = 0; i < verdict.problem_count; i++) {
			struct json *item = json_new_object();

			json_set_int(item, "row", verdict.problems[i].row);
			json_set_string(item, "text", verdict.problems[i].text);
			json_add(problems, item);
		}
	}
	offline_done(&offline);
	return body;
}

static void print_audit(const struct json *body, bool is_ok)
{
	const struct json *problems = json_get(body, "problems");

	for (size_t i = 0; i < json_array_len(problems); i++)
		say("%s\n", text_of(json_array_get(problems, i), "text"));
	if (number_of(body, "problems_found") > (int64_t)json_array_len(problems))
		say("%" PRId64 " problems in all\n", number_of(body, "problems_found"));
	if (is_ok)
		say("the audit log is whole: %" PRId64 " rows, the newest is %" PRId64 "\n",
		    number_of(body, "rows"), number_of(body, "head"));
	if (number_of(body, "sealed_from") > 1)
		say("rows before %" PRId64 " were written by a version without seals\n",
		    number_of(body, "sealed_from"));
}

int check_audit(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	bool is_ok = false;
	int status = CLI_OK;

	if (client_is_running(args))
		status = client_call(args, "GET", "/api/v1/audit/check", NULL, &body);
	else
		body = check_offline(args, &status);
	if (status)
		return status;
	(void)json_get_bool(body, "ok", &is_ok); /* then it is not */
	if (args->is_json)
		(void)answer_print(body);
	else
		print_audit(body, is_ok);
	return is_ok ? CLI_OK : CLI_FAILED;
}

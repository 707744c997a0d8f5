/*
 * user: through the running service, or on its store when nobody holds the lock.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/auth/auth.h"
#include "agent/cli/internal.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"
#include "agent/util/file.h"

#define STATE_DIR_DEFAULT "/var/lib/sluice"
#define KEY_FILE_DEFAULT  "/etc/sluice/secret.key"
#define PASSWORD_MAX	  520 /* 128 characters of four bytes, a line end and the end */
#define USERS_MAX	  1000
#define LENGTH(array)	  (sizeof(array) / sizeof((array)[0]))

/* ---- passwords ----------------------------------------------------------------------------------
 */

static int read_line(FILE *in, char *out, size_t size)
{
	if (!fgets(out, (int)size, in)) {
		fprintf(stderr,
			"sluice: no password was given, on a terminal, standard input or with "
			"--password-file\n");
		return -EIO;
	}
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

/* Asked without echo on a terminal; one line of standard input otherwise. */
static int ask_password(char out[static PASSWORD_MAX])
{
	struct termios shown, hidden;
	bool is_terminal = !tcgetattr(STDIN_FILENO, &shown);
	int error;

	if (is_terminal) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		fprintf(stderr, "password: ");
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden); /* then it is echoed, no worse */
	}
	error = read_line(stdin, out, PASSWORD_MAX);
	if (is_terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fprintf(stderr, "\n");
	}
	return error;
}

static int read_password(const struct args *args, char out[static PASSWORD_MAX])
{
	const char *path = args_option(args, "--password-file");
	FILE *file;
	int error;

	if (!path)
		return ask_password(out);
	file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	error = read_line(file, out, PASSWORD_MAX);
	(void)fclose(file); /* read only */
	return error;
}

/* ---- without a service --------------------------------------------------------------------------
 */

struct offline {
	struct store *store;
	const char *dir;
	int lock;
};

static void offline_done(struct offline *offline)
{
	store_close(offline->store);
	/* what root made here is the service's */
	if (geteuid() == 0 && offline->dir && file_give_to_owner(offline->dir))
		fprintf(stderr, "sluice: %s keeps files of root's\n", offline->dir);
	if (offline->lock >= 0)
		(void)close(offline->lock); /* the lock goes with it */
}

/* As the service finds it: configured, below --state DIR, or the packaged place. */
static void find_key_file(const struct args *args, char out[static PATH_MAX])
{
	CLEANUP(config_free) struct config *config = config_new();
	const char *dir = args_state_dir(args);
	const char *configured = "";

	if (config && !config_load(config, NULL))
		configured = config_text(config, CONFIG_STORE_KEY_FILE);
	if (*configured)
		(void)snprintf(out, PATH_MAX, "%s", configured);
	else if (dir)
		(void)snprintf(out, PATH_MAX, "%.*s/secret.key", PATH_MAX - 16, dir);
	else
		(void)snprintf(out, PATH_MAX, KEY_FILE_DEFAULT);
}

/* The store opened here and now; says what is wrong. */
static int offline_open(const struct args *args, struct offline *offline)
{
	const char *dir = args_state_dir(args);
	char key_file[PATH_MAX], reason[256];
	struct store_options options = { .dir = dir ? dir : STATE_DIR_DEFAULT,
					 .key_file = key_file,
					 .flows_max_bytes = UINT64_MAX,
					 .flows_max_age_s = INT64_MAX };
	int error;

	*offline = (struct offline){ .lock = -1 };
	if (crypto_init()) {
		fprintf(stderr, "sluice: no source of random numbers\n");
		return CLI_FAILED;
	}
	find_key_file(args, key_file);
	offline->dir = options.dir;
	offline->lock = file_lock_dir(options.dir);
	if (offline->lock < 0) {
		fprintf(stderr, "sluice: %s: %s\n", options.dir, strerror(-offline->lock));
		return offline->lock == -EACCES ? CLI_NO_PERMISSION : CLI_FAILED;
	}
	error = store_open(&options, &offline->store, reason);
	if (error)
		fprintf(stderr, "sluice: %s\n", reason);
	return error ? CLI_FAILED : CLI_OK;
}

static int finish(const struct args *args, int error, const char *message, const char *done)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *name = args->words[0];

	if (error) {
		fprintf(stderr, "sluice: %s\n", message && *message ? message : strerror(-error));
		return CLI_FAILED;
	}
	if (!args->is_json) {
		say("%s %s\n", done, name);
		return CLI_OK;
	}
	body = json_new_object();
	json_set_string(body, "name", name);
	return answer_print(body);
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static int add_online(const struct args *args, const char *role, const char *password)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	const char *email = args_option(args, "--email");
	int status;

	json_set_string(body, "name", args->words[0]);
	json_set_string(body, "email", email ? email : "");
	json_set_string(body, "role", role);
	json_set_string(body, "password", password);
	status = client_call(args, "POST", "/api/v1/users", body, &answer);
	if (status)
		return status;
	return args->is_json ? answer_print(answer) : finish(args, 0, NULL, "added");
}

static int add_offline(const struct args *args, enum role role, const char *password)
{
	const char *email = args_option(args, "--email");
	const struct auth_user_order order = { .name = args->words[0],
					       .email = email ? email : "",
					       .password = password,
					       .role = role };
	const char *message = NULL;
	struct offline offline;
	int error, status = offline_open(args, &offline);

	if (!status) {
		error = auth_user_add(offline.store, &order, &message);
		status = finish(args, error, message, "added");
	}
	offline_done(&offline);
	return status;
}

int command_user_add(const struct args *args)
{
	const char *role_name = args_option(args, "--role");
	char password[PASSWORD_MAX];
	enum role role = ROLE_VIEWER;
	int status;

	if (role_name && auth_role_parse(role_name, &role))
		return usage_error("--role takes viewer, analyst or admin, not \"%s\"", role_name);
	if (read_password(args, password))
		return CLI_FAILED;
	status = client_is_running(args) ? add_online(args, auth_role_name(role), password)
					 : add_offline(args, role, password);
	crypto_wipe(password, sizeof(password));
	return status;
}

static int set_password_online(const struct args *args, const char *password)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	char path[512] = "/api/v1/users/";
	int status;

	if (path_append(path, sizeof(path) - 16, args->words[0]))
		return usage_error("the name is too long");
	(void)strncat(path, "/password", sizeof(path) - strlen(path) - 1);
	json_set_string(body, "password", password);
	status = client_call(args, "POST", path, body, &answer);
	return status ? status : finish(args, 0, NULL, "password set for");
}

static int set_password_offline(const struct args *args, const char *password)
{
	const char *message = NULL;
	struct offline offline;
	int status = offline_open(args, &offline);

	if (!status)
		status = finish(
			args,
			auth_user_set_password(offline.store, args->words[0], password, &message),
			message, "password set for");
	offline_done(&offline);
	return status;
}

int command_user_passwd(const struct args *args)
{
	char password[PASSWORD_MAX];
	int status;

	if (read_password(args, password))
		return CLI_FAILED;
	status = client_is_running(args) ? set_password_online(args, password)
					 : set_password_offline(args, password);
	crypto_wipe(password, sizeof(password));
	return status;
}

static int set_disabled(const struct args *args, bool disabled)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	const char *done = disabled ? "disabled" : "enabled";
	const char *message = NULL;
	char path[512] = "/api/v1/users/";
	struct offline offline;
	int status;

	if (client_is_running(args)) {
		if (path_append(path, sizeof(path) - 16, args->words[0]))
			return usage_error("the name is too long");
		(void)strncat(path, "/disabled", sizeof(path) - strlen(path) - 1);
		json_set_bool(body, "disabled", disabled);
		status = client_call(args, "POST", path, body, &answer);
		return status ? status : finish(args, 0, NULL, done);
	}
	status = offline_open(args, &offline);
	if (!status)
		status = finish(
			args,
			auth_user_set_disabled(offline.store, args->words[0], disabled, &message),
			message, done);
	offline_done(&offline);
	return status;
}

int command_user_disable(const struct args *args)
{
	return set_disabled(args, true);
}

int command_user_enable(const struct args *args)
{
	return set_disabled(args, false);
}

static int list_offline(const struct args *args, struct json **out)
{
	CLEANUP(free) struct user *users = calloc(USERS_MAX, sizeof(*users));
	struct json *items = json_new_array();
	struct offline offline;
	int status = users ? offline_open(args, &offline) : CLI_FAILED;
	int count = users && !status ? store_user_list(offline.store, users, USERS_MAX) : 0;

	for (int i = 0; i < count; i++) {
		struct json *item = json_new_object();

		json_set_int(item, "id", users[i].id);
		json_set_string(item, "name", users[i].name);
		json_set_string(item, "email", users[i].email);
		json_set_string(item, "role", auth_role_name((enum role)users[i].role));
		json_set_bool(item, "disabled", users[i].disabled);
		json_set_bool(item, "must_change", users[i].must_change);
		json_set_time(item, "created", users[i].created_unix_ms);
		json_set_time(item, "last_login", users[i].last_login_unix_ms);
		json_add(items, item);
	}
	if (users)
		offline_done(&offline);
	*out = json_new_object();
	json_set(*out, "items", items);
	json_set_null(*out, "next");
	return count < 0 ? CLI_FAILED : status;
}

int command_user_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "NAME", "name", COLUMN_TEXT },
		{ "ROLE", "role", COLUMN_TEXT },
		{ "DISABLED", "disabled", COLUMN_TEXT },
		{ "LAST LOGIN", "last_login", COLUMN_TIME },
		{ "E-MAIL", "email", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_is_running(args)
			     ? client_call(args, "GET", "/api/v1/users", NULL, &body)
			     : list_offline(args, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "there are no users");
	return CLI_OK;
}

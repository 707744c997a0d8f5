/*
 * The parts of the command line and what they share. Only agent/cli includes it.
 *   cli.c          the command table, usage, dispatch
 *   args.c         options and words of one command
 *   client.c       one request to the running service over its control socket
 *   table.c        JSON lists as columns for people
 *   offline.c      the store without a service; secret.c: what is typed without echo
 *   command_*.c    the commands
 */
#ifndef SLUICE_CLI_INTERNAL_H
#define SLUICE_CLI_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/cli/cli.h"
#include "agent/util/json.h"

#define WORDS_MAX   64
#define OPTIONS_MAX 16

struct option_value {
	const char *name; /* "--state" */
	const char *value;
};

/* One parsed command line behind the command's own words. */
struct args {
	const char *words[WORDS_MAX];
	size_t word_count;
	struct option_value options[OPTIONS_MAX];
	size_t option_count;
	bool is_json;
	bool is_eve;	  /* replay only */
	const char *form; /* export only: "csv", "ndjson"; NULL = csv */
	const struct cli_callbacks *callbacks;
};

struct command {
	const char *noun, *verb; /* verb "" = none */
	const char *words;	 /* usage of what follows, "ADDRESS [...]" */
	const char *options;	 /* space separated; '=' at the end: takes a value */
	const char *summary;
	int (*run)(const struct args *args);
};

extern const struct command cli_commands[];
extern const size_t cli_command_count;

/* ---- args.c ------------------------------------------------------------------------------------
 */

/* args_parse - argv behind the command's words. Says what is wrong; returns 0 or CLI_USAGE. */
int args_parse(const struct command *command, int argc, char **argv, struct args *args);
/* args_option - value, "" for a switch that is there, or NULL. */
const char *args_option(const struct args *args, const char *name);
/* args_state_dir - --state, SLUICE_STATE, or NULL for the packaged service. */
const char *args_state_dir(const struct args *args);
/* usage_error - one sentence on stderr. Returns CLI_USAGE. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- client.c ----------------------------------------------------------------------------------
 */

/*
 * client_call - @body may be NULL. An error of the service or of the way there is said on stderr.
 * @out: the answer's body, NULL for an empty one; caller frees. Returns a cli_exit.
 */
int client_call(const struct args *args, const char *method, const char *path, struct json *body,
		struct json **out);
/* client_upload - POST of plain bytes that no body answers; errors as above. */
int client_upload(const struct args *args, const char *path, const void *data, size_t len);
/* A path with a query: a search of 2048 bytes, each as %XX, and what stands beside it. */
#define PATH_QUERY_MAX 8192
/* client_print_parts - GET; the body, of any size, to standard output as it comes. */
int client_print_parts(const struct args *args, const char *path);
/* client_is_running - somebody answers on the control socket. */
bool client_is_running(const struct args *args);
/* path_add - "&NAME=VALUE", the value percent-encoded; nothing for NULL. -E2BIG. */
int path_add(char *path, size_t size, const char *name, const char *value);
/* path_add_query - "&q=" and the words of the command line. -E2BIG. */
int path_add_query(char *path, size_t size, const struct args *args);
/* path_append - query or path part, percent-encoded. -E2BIG. */
int path_append(char *path, size_t size, const char *text);

/* ---- table.c -----------------------------------------------------------------------------------
 */

/* ---- say.c --------------------------------------------------------------------------------------
 */

/* say - printf for people: what would steer a terminal becomes '?'. JSON goes through answer_print.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void make_printable(char *text);

enum column_kind {
	COLUMN_TEXT,
	COLUMN_COUNT,
	COLUMN_BYTES,
	COLUMN_TIME
};

struct column {
	const char *title, *key;
	enum column_kind kind;
};

/* search_note_cut - says on stderr that a search of the history came to its deadline. */
void search_note_cut(const struct json *body);

/* table_print - items of a list, or of a plain array. @empty: said when there is none. */
void table_print(const struct json *list, const struct column *columns, size_t count,
		 const char *empty);
/* answer_print - JSON on one line. Returns CLI_OK. */
int answer_print(const struct json *body);
const char *text_of(const struct json *object, const char *key);
int64_t number_of(const struct json *object, const char *key);

/* ---- commands ----------------------------------------------------------------------------------
 */

int command_run(const struct args *args);
int command_demo(const struct args *args);
int command_replay(const struct args *args);
int command_selftest(const struct args *args);
int command_check(const struct args *args);
int command_status(const struct args *args);
int command_coverage(const struct args *args);
int command_top(const struct args *args);
int command_flows_list(const struct args *args);
int command_flows_follow(const struct args *args);
int command_geo(const struct args *args);
int command_host(const struct args *args);
int command_reputation(const struct args *args);
int command_hunt(const struct args *args);
int command_export_flows(const struct args *args);
int command_export_incidents(const struct args *args);
int command_block_add(const struct args *args);
int command_block_confirm(const struct args *args);
int command_block_on(const struct args *args);
int command_block_off(const struct args *args);
/* command_block.c, for command_list.c: a body's members of the options that orders share. */
int block_set_options(const struct args *args, struct json *body);
/* block_find_list - the number of the list @name; -1, said. */
int64_t block_find_list(const struct args *args, const char *name);
int list_add_file(const struct args *args, const char *file);
int list_print_entries(const struct args *args, const char *name);
int command_block_del(const struct args *args);
int command_block_list(const struct args *args);
int command_block_test(const struct args *args);
int command_safe_add(const struct args *args);
int command_safe_del(const struct args *args);
int command_safe_list(const struct args *args);
int command_incident_list(const struct args *args);
int command_incident_show(const struct args *args);
int command_incident_note(const struct args *args);
int command_incident_resolve(const struct args *args);
int command_incident_reopen(const struct args *args);
int command_incident_ack(const struct args *args);
int command_incident_expected(const struct args *args);
int command_response_list(const struct args *args);
int command_response_set(const struct args *args);
int command_response_live(const struct args *args);
int command_feed_add(const struct args *args);
int command_feed_del(const struct args *args);
int command_feed_list(const struct args *args);
int command_feed_preview(const struct args *args);
int command_feed_refresh(const struct args *args);
int command_mail_test(const struct args *args);
int command_outputs(const struct args *args);
int command_report_create(const struct args *args);
int command_report_list(const struct args *args);
int command_report_get(const struct args *args);
int command_report_del(const struct args *args);
int command_report_schedule(const struct args *args);
int command_user_add(const struct args *args);
int command_user_list(const struct args *args);
int command_user_passwd(const struct args *args);
int command_user_disable(const struct args *args);
int command_user_enable(const struct args *args);
int command_user_totp(const struct args *args);
int command_user_role(const struct args *args);
int command_token_create(const struct args *args);
int command_token_list(const struct args *args);
int command_token_revoke(const struct args *args);
int command_model_eval(const struct args *args);
int command_model_show(const struct args *args);
int command_backup(const struct args *args);
int command_restore(const struct args *args);
int command_rotate_key(const struct args *args);
int command_recovery_key(const struct args *args);
int command_panic(const struct args *args);
int command_version(const struct args *args);

#endif

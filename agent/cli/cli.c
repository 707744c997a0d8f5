/*
 * The command table: every command, its usage and what runs it.
 */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/internal.h"

#define SERVICE_OPTIONS "-c= --config= -i= --interface= --listen= --dry-run"

const struct command cli_commands[] = {
	{ "run", "", "", SERVICE_OPTIONS, "capture and block on this machine", command_run },
	{ "demo", "", "", "-c= --config= --listen= --seed= --speed= --for=",
	  "the same on simulated traffic, without privileges", command_demo },
	{ "status", "", "", "", "is it running, on what, since when", command_status },
	{ "coverage", "", "", "", "what was seen, and what of it was not counted",
	  command_coverage },
	{ "check", "", "", "-c= --config= --audit --rebuild",
	  "check the configuration, the audit log, or the hourly sums", command_check },
	{ "selftest", "", "", "", "attack itself in a network of its own, and check every drop",
	  command_selftest },
	{ "version", "", "", "", "version", command_version },
	{ "top", "", "[QUERY]", "--by= --limit= --order= --from= --to=",
	  "busiest hosts or protocols now, or any field over the history", command_top },
	{ "flows", "list", "[QUERY]", "--limit= --after= --from= --to= --history",
	  "flows of now, or of the history since a time", command_flows_list },
	{ "flows", "follow", "[QUERY]", "", "new flows as they appear, until interrupted",
	  command_flows_follow },
	{ "host", "", "ADDRESS", "", "what is known of an address", command_host },
	{ "hunt", "", "[INDICATOR...]", "-f= --file= --from= --to=",
	  "where addresses, prefixes, names or JA4 were seen", command_hunt },
	{ "export", "flows", "[QUERY]", "--from= --to=", "the history as CSV, or -o ndjson",
	  command_export_flows },
	{ "export", "incidents", "", "", "incidents as CSV, or -o ndjson",
	  command_export_incidents },
	{ "replay", "", "FILE",
	  "--datapath=", "flows and names of a capture file (-o eve: EVE JSON)", command_replay },
	{ "geo", "", "", "", "files of country and network, and their state", command_geo },
	{ "block", "add", "[ADDRESS|PREFIX|NAME]",
	  "--ttl= --reason= --direction= --proto= --port= --count-only --refuse --addresses "
	  "--file= --list= --all-or-nothing",
	  "drop packets in the kernel", command_block_add },
	{ "block", "confirm", "ID", "", "keep a wide block that counts down",
	  command_block_confirm },
	{ "block", "off", "ID", "", "keep it, but drop nothing", command_block_off },
	{ "block", "on", "ID", "", "drop again", command_block_on },
	{ "block", "del", "ID|ADDRESS|PREFIX|NAME", "", "stop dropping them", command_block_del },
	{ "block", "list", "", "--all --limit= --list= --from=",
	  "blocks with their hits, or the entries of a list", command_block_list },
	{ "block", "test", "ADDRESS|PREFIX|NAME",
	  "--proto= --port= --direction=", "what would happen to it, and why", command_block_test },
	{ "safe", "add", "ADDRESS|PREFIX", "--note=", "never block it", command_safe_add },
	{ "safe", "del", "ID|ADDRESS|PREFIX", "", "take it off the safe list", command_safe_del },
	{ "safe", "list", "", "", "what can never be blocked, and why", command_safe_list },
	{ "feed", "add", "NAME URL", "--every= --lifetime= --column= --count-only",
	  "fetch a list again and again, and block what is in it", command_feed_add },
	{ "feed", "del", "NAME", "", "end it, with its list", command_feed_del },
	{ "feed", "list", "", "--offered", "feeds and their state, or those that are offered",
	  command_feed_list },
	{ "feed", "preview", "URL", "", "what it would have dropped in the last 7 days",
	  command_feed_preview },
	{ "feed", "refresh", "NAME", "--accept", "fetch it now; accept what was held",
	  command_feed_refresh },
	{ "panic", "", "[off]", "", "end all blocking now, service alive or not", command_panic },
	{ "incident", "list", "",
	  "--severity= --incident-state= --detector= --source= --destination= --from= --to= "
	  "--search= --limit=",
	  "incidents, newest first", command_incident_list },
	{ "incident", "show", "ID", "", "one incident with its evidence", command_incident_show },
	{ "incident", "note", "ID TEXT", "", "add a note", command_incident_note },
	{ "incident", "ack", "ID [...]", "", "somebody works on it", command_incident_ack },
	{ "incident", "resolve", "ID [...]", "--false-positive", "close them",
	  command_incident_resolve },
	{ "incident", "reopen", "ID [...]", "", "open them again", command_incident_reopen },
	{ "incident", "expected", "list|add|del [ID]",
	  "--incident= --detector= --source= --destination= --port= --ttl= --note=",
	  "what is no incident here, and is silenced", command_incident_expected },
	{ "response", "list", "", "", "what detectors may do by themselves",
	  command_response_list },
	{ "response", "set", "DETECTOR none|ask|block|default",
	  "--ttl=", "let a detector block, or ask", command_response_set },
	{ "response", "live", "on|off", "", "let responses act, or only say what they would do",
	  command_response_live },
	{ "model", "eval", "FILE.csv[.gz] [...]",
	  "--label= --trees= --sample= --seed= --train-rows= --log --rules --density --scores=",
	  "fit the anomaly model on a labelled file and judge it", command_model_eval },
	{ "model", "show", "[ADDRESS]", "",
	  "what the anomaly model has learned, or a host beside what is normal",
	  command_model_show },
	{ "reputation", "", "[ADDRESS|NAME]", "--ask",
	  "what others say of it, or how much may be asked today", command_reputation },
	{ "report", "create", "KIND", "--from= --to= --format= --zone= -f= --file= --no-wait",
	  "make a report as PDF, JSON or CSV", command_report_create },
	{ "report", "list", "", "--limit=", "reports, newest first", command_report_list },
	{ "report", "get", "ID", "-f= --file=", "fetch its file", command_report_get },
	{ "report", "del", "ID", "", "delete it", command_report_del },
	{ "report", "schedule", "[KIND|list|del ID]", "--every= --at= --zone= --format= --to=",
	  "make one by itself every day, week or month", command_report_schedule },
	{ "mail", "test", "", "", "send a mail, to see whether it arrives", command_mail_test },
	{ "outputs", "", "", "", "what goes out, and whether it arrives", command_outputs },
	{ "user", "add", "NAME", "--role= --email= --password-file=", "add a user",
	  command_user_add },
	{ "user", "list", "", "", "users and their roles", command_user_list },
	{ "user", "passwd", "NAME", "--password-file=", "set a user's password",
	  command_user_passwd },
	{ "user", "disable", "NAME", "", "end a user's access", command_user_disable },
	{ "user", "enable", "NAME", "", "give it back", command_user_enable },
	{ "user", "role", "NAME ROLE", "", "make it viewer, analyst or admin", command_user_role },
	{ "user", "totp", "NAME on|off", "", "ask a code of an app at log-in, or no longer",
	  command_user_totp },
	{ "token", "create", "NAME", "--role= --scopes= --ttl=", "a token for scripts, shown once",
	  command_token_create },
	{ "token", "list", "", "", "tokens, when they end and were used", command_token_list },
	{ "token", "revoke", "ID|NAME", "", "end it at once", command_token_revoke },
	{ "backup", "", "FILE", "-c= --config= --no-flows --encrypt= --passphrase-file=",
	  "everything that is kept, in one file, also while it runs", command_backup },
	{ "restore", "", "FILE", "--no-flows --passphrase-file= --recovery-key= --check",
	  "check a backup and put it in place of the state", command_restore },
	{ "rotate-key", "", "", "", "seal incidents with a new key", command_rotate_key },
	{ "recovery-key", "", "", "--replace",
	  "make the key that opens backups without the key ring", command_recovery_key },
};

const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

/* What the list of commands is parted by: each part begins with the commands of @noun. */
static const struct {
	const char *noun, *title;
} parts[] = {
	{ "run", "The service" },     { "top", "Traffic" },	     { "block", "Blocking" },
	{ "incident", "Incidents" },  { "report", "What goes out" }, { "user", "Who may do what" },
	{ "backup", "What is kept" },
};

static void print_line(FILE *out, const struct command *command)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "%s%s%s%s%s", command->noun, *command->verb ? " " : "",
		       command->verb, *command->words ? " " : "", command->words);
	if (strlen(left) > 34)
		fprintf(out, "  %s\n%37s%s\n", left, "", command->summary);
	else
		fprintf(out, "  %-34s %s\n", left, command->summary);
}

static void print_usage(FILE *out)
{
	size_t part = 0;

	fprintf(out, "usage: sluice COMMAND [WORDS] [--state DIR] [-o human|json] [--help]\n");
	for (size_t i = 0; i < cli_command_count; i++) {
		if (part < sizeof(parts) / sizeof(parts[0]) &&
		    !strcmp(parts[part].noun, cli_commands[i].noun))
			fprintf(out, "\n%s\n", parts[part++].title);
		print_line(out, &cli_commands[i]);
	}
	fprintf(out, "\nOptions of a command: sluice COMMAND --help. All of it: man sluice.\n"
		     "Exit status: 0 done, 1 failed, 2 usage, 69 no kernel support, "
		     "77 no permission, 78 bad configuration.\n");
}

/* The verbs of one noun. */
static void print_verbs(FILE *out, const char *noun)
{
	fprintf(out, "usage: sluice %s VERB [WORDS] [OPTIONS]\n\n", noun);
	for (size_t i = 0; i < cli_command_count; i++)
		if (!strcmp(cli_commands[i].noun, noun))
			print_line(out, &cli_commands[i]);
	fprintf(out, "\nOptions: sluice %s VERB --help\n", noun);
}

static void print_command_usage(const struct command *command)
{
	printf("usage: sluice %s%s%s%s%s [OPTIONS]\n%s\n", command->noun, *command->verb ? " " : "",
	       command->verb, *command->words ? " " : "", command->words, command->summary);
	printf("options: --state DIR, -o human|json, --help");
	for (const char *at = command->options; *at;) {
		size_t len = strcspn(at, " ");
		bool takes = at[len - 1] == '=';

		printf(", %.*s%s", (int)(takes ? len - 1 : len), at, takes ? " VALUE" : "");
		at += len;
		at += *at == ' ';
	}
	printf("\n");
}

/* The longest match: "flows list" before a noun alone. @used: words of argv it took. */
static const struct command *find_command(int argc, char **argv, int *used)
{
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct command *c = &cli_commands[i];

		if (strcmp(c->noun, argv[1]) != 0)
			continue;
		*used = *c->verb ? 2 : 1;
		if (!*c->verb || (argc > 2 && !strcmp(c->verb, argv[2])))
			return c;
	}
	return NULL;
}

static bool is_noun(const char *word)
{
	for (size_t i = 0; i < cli_command_count; i++)
		if (!strcmp(cli_commands[i].noun, word))
			return true;
	return false;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

int cli_main(int argc, char **argv, const struct cli_callbacks *callbacks)
{
	struct args args = { .callbacks = callbacks };
	const struct command *command;
	int used, status;

	if (argc < 2) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--version"))
		return command_version(&args);
	command = find_command(argc, argv, &used);
	if (wants_help(argc, argv)) {
		if (command)
			print_command_usage(command);
		else if (is_noun(argv[1]))
			print_verbs(stdout, argv[1]);
		else
			print_usage(stdout);
		return CLI_OK;
	}
	if (!command && is_noun(argv[1]) && argc > 2)
		return usage_error("%s has no verb \"%s\"; see sluice %s --help", argv[1], argv[2],
				   argv[1]);
	if (!command && is_noun(argv[1])) {
		print_verbs(stderr, argv[1]);
		return CLI_USAGE;
	}
	if (!command)
		return usage_error("there is no command \"%s\"; see sluice --help", argv[1]);
	status = args_parse(command, argc - 1 - used, argv + 1 + used, &args);
	return status ? status : command->run(&args);
}

/*
 * The command line: every command but run and demo. Speaks to the running service through its
 * control socket with the same request frames as the web; `user` opens the store itself when
 * nobody holds the lock, and panic goes to the pins.
 */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

struct config;

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NO_KERNEL = 69, /* EX_UNAVAILABLE, sysexits.h */
	CLI_NO_PERMISSION = 77,
	CLI_BAD_CONFIG = 78,
};

/* Options of `run` and `demo`, parsed here so that all usage texts live in one place. */
struct cli_service_options {
	const char *config_file; /* NULL = default */
	const char *interfaces;	 /* NULL = config */
	const char *listen;
	const char *state_dir; /* NULL = default */
	int is_dry_run;
	int is_demo;
	unsigned long long seed;
	double speed;
	long long for_s; /* 0 = until stopped */
};

enum cli_replay_output {
	CLI_REPLAY_HUMAN,
	CLI_REPLAY_JSON, /* one summary object */
	CLI_REPLAY_EVE,	 /* one object a line */
};

struct cli_replay_options {
	const char *file; /* "-": standard input */
	enum cli_replay_output output;
	int is_kernel; /* --datapath kernel */
};

struct cli_selftest_options {
	int is_json;
};

/* What is wired above the command line: each takes parsed options and returns the exit status. */
struct cli_callbacks {
	int (*service)(const struct cli_service_options *options); /* run and demo */
	int (*replay)(const struct cli_replay_options *options);
	/* sections as a whole; told one by one, returns how many */
	int (*check)(const struct config *config,
		     void (*tell)(void *arg, const char *section, const char *reason), void *arg);
	int (*selftest)(const struct cli_selftest_options *options);
};

/* cli_main - parse argv and run the command. Returns the exit status. */
int cli_main(int argc, char **argv, const struct cli_callbacks *callbacks);

#endif

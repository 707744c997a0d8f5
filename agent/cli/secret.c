/*
 * Passwords and passphrases: asked without echo on a terminal; one line of a file or of standard
 * input otherwise.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/cli/offline.h"

static int read_line(FILE *in, const char *option, const char *what, char *out)
{
	if (!fgets(out, SECRET_TEXT_MAX, in)) {
		fprintf(stderr,
			"sluice: no %s was given, on a terminal, standard input or with %s\n", what,
			option);
		return -EIO;
	}
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

static int ask(const char *option, const char *what, char out[static SECRET_TEXT_MAX])
{
	struct termios shown, hidden;
	bool is_terminal = !tcgetattr(STDIN_FILENO, &shown);
	int error;

	if (is_terminal) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		fprintf(stderr, "%s: ", what);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden); /* then it is echoed, no worse */
	}
	error = read_line(stdin, option, what, out);
	if (is_terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fprintf(stderr, "\n");
	}
	return error;
}

int read_secret(const struct args *args, const char *option, const char *what,
		char out[static SECRET_TEXT_MAX])
{
	const char *path = args_option(args, option);
	FILE *file;
	int error;

	if (!path)
		return ask(option, what, out);
	file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	error = read_line(file, option, what, out);
	(void)fclose(file); /* read only */
	return error;
}

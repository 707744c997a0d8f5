/* sluice.conf(5) from the option table: what the program reads is what the page says. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/config/config.h"

static const struct config_option options[] = {
#define OPTION(id, section, key, type, dflt, min, max, words, unit, help) \
	{ section, key, type, dflt, min, max, words, unit, help },
#include "agent/config/options.def"
#undef OPTION
};

static const char *const types[] = {
	[CONFIG_BOOL] = "yes or no",
	[CONFIG_INT] = "number",
	[CONFIG_SIZE] = "size, such as 512MiB",
	[CONFIG_DURATION] = "time, such as 30s, 15m or 7d",
	[CONFIG_TEXT] = "text",
	[CONFIG_ENUM] = NULL,
	[CONFIG_LIST] = "list, comma separated",
	[CONFIG_SECRET] = "secret",
};

/* A line of text as roff takes it: no control line, no escape, a hyphen that can be searched. */
static void put(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static void print_option(const struct config_option *option)
{
	printf(".TP\n.B ");
	put(option->key);
	printf("\n");
	put(option->help);
	printf(".\n(");
	put(option->type == CONFIG_ENUM ? option->words : types[option->type]);
	if (option->unit)
		printf(", %s", option->unit);
	if ((option->type == CONFIG_INT || option->type == CONFIG_DURATION) &&
	    (option->min || option->max)) {
		printf(", from %lld", (long long)option->min);
		if (option->max)
			printf(" to %lld", (long long)option->max);
		fputs(option->type == CONFIG_DURATION ? " seconds" : "", stdout);
	}
	if (*option->dflt) {
		printf("; default ");
		put(option->dflt);
	}
	printf(")\n");
}

int main(void)
{
	const char *section = "";

	printf(".\\\" Made from agent/config/options.def\n"
	       ".TH SLUICE.CONF 5 \"\" \"sluice\" \"File formats\"\n"
	       ".SH NAME\nsluice.conf \\- configuration of sluice(8)\n"
	       ".SH DESCRIPTION\n"
	       ".I /etc/sluice/sluice.conf\nis read, then the files\n"
	       ".I /etc/sluice/sluice.conf.d/*.conf\nby name, then variables\n"
	       ".BI SLUICE_ SECTION _ KEY\nof the environment; later wins.\n"
	       "Lines are [Section], key = value, or comments that begin with # or ;. An indented\n"
	       "line continues the value above it. An unknown key is a warning, a wrong value an\n"
	       "error;\n.B sluice check\nsays which line is wrong and why, and\n"
	       ".B systemctl reload sluice\nhas a running service read the files again.\n");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(section, options[i].section) != 0)
			printf(".SH [%s]\n", options[i].section);
		section = options[i].section;
		print_option(&options[i]);
	}
	printf(".SH SEE ALSO\n.BR sluice (8)\n");
	return fflush(stdout) ? 1 : 0;
}

/*
 * A file of addresses and names, line by line: comments, ranges, prefixes, names, lines of hosts
 * files; each wrong line refused by itself with its number. A pure function of bytes and of the
 * safe list, for the jobs thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/util/addr.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

/* A line of a hosts file with some names; an address or a name alone is shorter (RFC 1035 2.3.4).
 */
#define LINE_MAX_LEN 1023
#define BLANKS	     " \t"
#define ONE_A_LINE   "one address or name a line, or an address and names as in hosts(5)"

__extension__ typedef unsigned __int128 wide;

struct reader {
	const struct lines_input *input;
	struct block_list_report *report;
	struct prefix_set_builder *builder;
	struct name_set_builder *names;
	struct prefix_set *safe;
	size_t taken; /* entries handed to the builders */
	uint32_t line;
	bool has_tail; /* a comment begins right behind the text: perhaps it is none */
	char text[LINE_MAX_LEN + 1];
};

static void note(struct reader *reader, bool is_warning, const char *reason)
{
	struct block_list_report *report = reader->report;
	struct block_line_note *entry;

	*(is_warning ? &report->warned : &report->refused) += 1;
	if (report->note_count == BLOCK_LIST_NOTES_MAX)
		return;
	entry = &report->notes[report->note_count++];
	entry->line = reader->line;
	entry->is_warning = is_warning;
	(void)snprintf(entry->text, sizeof(entry->text), "%.47s", reader->text);
	(void)snprintf(entry->reason, sizeof(entry->reason), "%s", reason); /* may cut */
	for (char *c = entry->text; *c; c++) {
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
}

/* Whether @prefix may be blocked; if not, why. */
static bool is_allowed(const struct reader *reader, const struct prefix *prefix,
		       struct block_outcome *outcome)
{
	struct prefix found;

	if (order_check_width(prefix, "", outcome) != 0)
		return false;
	if (!prefix_set_overlapping(reader->safe, prefix, &found))
		return true;
	for (size_t i = 0; i < reader->input->safe_count; i++) {
		const struct safe_entry *entry = &reader->input->safe[i];

		if (prefix_overlaps(&entry->prefix, prefix)) {
			(void)safe_refuse(entry, prefix, outcome); /* only the sentence */
			return false;
		}
	}
	return false;
}

static int take(struct reader *reader, const struct prefix *prefix)
{
	int error = prefix_set_builder_add(reader->builder, prefix);

	if (!error)
		reader->taken++;
	return error;
}

/* ---- ranges -----------------------------------------------------------------------------------
 */

static wide wide_of(const struct addr *addr)
{
	size_t first = addr->family == ADDR_IPV4 ? 12 : 0;
	wide value = 0;

	for (size_t i = first; i < sizeof(addr->bytes); i++)
		value = value << 8 | addr->bytes[i];
	return value;
}

static struct addr addr_of(wide value, uint8_t family)
{
	uint8_t bytes[16];

	for (size_t i = sizeof(bytes); i-- > 0; value >>= 8)
		bytes[i] = (uint8_t)value;
	return family == ADDR_IPV4 ? addr_from_ipv4(bytes + 12) : addr_from_ipv6(bytes);
}

/* The widest prefix that begins at @first and ends by @last; @next: behind it. */
static struct prefix cut_prefix(wide first, wide last, uint8_t family, wide *next)
{
	unsigned int bits = family == ADDR_IPV4 ? 32 : 128, host = 0;

	while (host < bits - 1 && !(first >> host & 1) &&
	       (((wide)1 << (host + 1)) - 1) <= last - first)
		host++;
	*next = first + ((wide)1 << host);
	return (struct prefix){ .addr = addr_of(first, family), .len = (uint8_t)(bits - host) };
}

/* All prefixes of the range, first only checked, then taken: a line goes whole or not at all. */
static int walk_range(struct reader *reader, const struct addr *from, const struct addr *to,
		      bool is_taking)
{
	struct block_outcome outcome = { .field = "" };
	wide first = wide_of(from), last = wide_of(to), next;

	for (;; first = next) {
		struct prefix prefix = cut_prefix(first, last, from->family, &next);
		int error = is_taking ? take(reader, &prefix) : 0;

		if (error)
			return error;
		if (!is_taking && !is_allowed(reader, &prefix, &outcome)) {
			note(reader, false, outcome.message);
			return 1;
		}
		if (next - 1 == last)
			return 0;
	}
}

static int read_range(struct reader *reader, char *dash)
{
	char *left, *right, *end;
	struct addr from, to;
	char copy[LINE_MAX_LEN + 1];
	int error;

	memcpy(copy, reader->text, sizeof(copy)); /* the note shows the line whole */
	left = copy;
	end = copy + (dash - reader->text);
	right = end + 1;
	while (end > left && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	right += strspn(right, " \t");
	if (addr_parse(left, &from) || addr_parse(right, &to) || from.family != to.family) {
		note(reader, false, "not a range of two addresses");
		return 0;
	}
	if (addr_compare(&from, &to) > 0) {
		note(reader, false, "the range ends before it begins");
		return 0;
	}
	error = walk_range(reader, &from, &to, false);
	if (error)
		return error < 0 ? error : 0;
	return walk_range(reader, &from, &to, true);
}

static int read_prefix(struct reader *reader)
{
	struct block_outcome outcome = { .field = "" };
	struct prefix prefix;
	char fixed[PREFIX_TEXT_MAX], reason[96];
	int error = prefix_parse(reader->text, false, &prefix);
	bool was_masked = error == -ERANGE && !prefix_parse(reader->text, true, &prefix);

	if (error && !was_masked) {
		note(reader, false, "not an address, a prefix or a name");
		return 0;
	}
	if (!is_allowed(reader, &prefix, &outcome)) {
		note(reader, false, outcome.message);
		return 0;
	}
	if (was_masked) {
		(void)snprintf(reason, sizeof(reason),
			       "has bits set behind its length: taken as %s",
			       prefix_format(&prefix, fixed));
		note(reader, true, reason);
	}
	return take(reader, &prefix);
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* Signs of ad blockers' filters, whose meaning is more, or less, than a name's. */
static bool is_filter(const struct reader *reader, const char *name)
{
	bool is_wild = strncmp(name, "*.", 2) == 0;

	return reader->has_tail || strpbrk(name + (is_wild ? 2 : 0), "|^$@*!,=~()[]{}<>");
}

/* Returns 0, or -errno; what is wrong is noted. @is_soft: left out with a warning only. */
static int read_name(struct reader *reader, const char *text, bool is_soft)
{
	struct block_outcome outcome = { .field = "" };
	char name[DOMAIN_TEXT_MAX];
	int error;

	if (is_filter(reader, text)) {
		note(reader, false, "filter syntax and URLs are not read: write the name alone");
		return 0;
	}
	if (domain_canonical(reader->input->own_name, text, name, &outcome) != 0) {
		note(reader, is_soft, outcome.message);
		return 0;
	}
	if (!strchr(name, '.')) {
		note(reader, is_soft,
		     "a name without a dot is a whole domain of the Internet: not in a list");
		return 0;
	}
	error = name_set_builder_add(reader->names, name);
	if (!error)
		reader->taken++;
	return error;
}

/* Where hosts files send what they block; with others they answer instead of a name server. */
static bool is_sink(const char *text)
{
	static const struct prefix loopback = { .addr = { .family = ADDR_IPV4 }, .len = 8 };
	struct addr addr;

	if (addr_parse(text, &addr))
		return false;
	if (addr.family == ADDR_IPV4)
		return addr.bytes[12] == 127 || !memcmp(addr.bytes + 12, loopback.addr.bytes, 4);
	return !memcmp(addr.bytes, loopback.addr.bytes, 15) && addr.bytes[15] <= 1;
}

/* Names that hosts files give to the machine itself, its networks and nothing (hosts(5)). */
static bool is_of_this_host(const char *name)
{
	return !strchr(name, '.') || !strncmp(name, "localhost.", sizeof("localhost.") - 1) ||
	       is_sink(name);
}

/* An address, then names. */
static int read_hosts(struct reader *reader)
{
	char copy[LINE_MAX_LEN + 1], *rest = copy;
	const char *address, *name;
	int error = 0;

	memcpy(copy, reader->text, sizeof(copy)); /* the note shows the line whole */
	address = strsep(&rest, BLANKS);
	if (domain_is_meant(address)) {
		note(reader, false, ONE_A_LINE);
		return 0;
	}
	while (!error && (name = strsep(&rest, BLANKS))) {
		if (!*name)
			continue;
		if (is_of_this_host(name)) {
			note(reader, true, "names this host or its network: left out");
		} else if (!domain_is_meant(name)) {
			note(reader, false, ONE_A_LINE);
			return 0;
		} else if (!is_sink(address)) {
			note(reader, false,
			     "a hosts line of another address than 0.0.0.0, 127.0.0.1, :: or ::1 "
			     "is no "
			     "block: write the name alone");
			return 0;
		} else {
			error = read_name(reader, name, true);
		}
	}
	return error;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

static bool begins_comment(const char *at, size_t i, size_t len)
{
	return at[i] == '#' || at[i] == ';' || (at[i] == '/' && i + 1 < len && at[i + 1] == '/') ||
	       (at[i] == '!' && i == 0);
}

/* The line without comment and spaces; false when nothing is left. */
static bool cut_line(struct reader *reader, const char *at, size_t len, bool *is_too_long)
{
	reader->has_tail = false;
	for (size_t i = 0; i < len; i++) {
		if (!begins_comment(at, i, len))
			continue;
		reader->has_tail = i > 0 && !strchr(BLANKS, at[i - 1]);
		len = i;
	}
	while (len > 0 && strchr(" \t\r", at[len - 1]) && at[len - 1])
		len--;
	while (len > 0 && (*at == ' ' || *at == '\t')) {
		at++;
		len--;
	}
	*is_too_long = len > LINE_MAX_LEN;
	if (*is_too_long)
		len = LINE_MAX_LEN;
	memcpy(reader->text, at, len);
	reader->text[len] = '\0';
	if (strlen(reader->text) != len)
		*is_too_long = true; /* a NUL inside: no line of text */
	return len > 0;
}

/* A hyphen may also stand in a name. */
static bool is_range(const struct reader *reader, const char *dash)
{
	char left[LINE_MAX_LEN + 1];
	size_t len = dash ? (size_t)(dash - reader->text) : 0;
	struct addr addr;

	while (len > 0 && strchr(BLANKS, reader->text[len - 1]))
		len--;
	memcpy(left, reader->text, len);
	left[len] = '\0';
	return len > 0 && !addr_parse(left, &addr);
}

static int read_line(struct reader *reader, const char *at, size_t len)
{
	bool is_too_long;
	char *dash;

	reader->line++;
	if (!cut_line(reader, at, len, &is_too_long))
		return 0;
	reader->report->lines++;
	dash = strchr(reader->text, '-');
	if (is_too_long)
		note(reader, false, "too long for a line, or a zero byte in it");
	else if (is_range(reader, dash))
		return read_range(reader, dash);
	else if (strpbrk(reader->text, BLANKS))
		return read_hosts(reader);
	else if (domain_is_meant(reader->text))
		return read_name(reader, reader->text, false);
	else
		return read_prefix(reader);
	return 0;
}

static int read_lines(struct reader *reader)
{
	const char *at = reader->input->data;
	size_t left = reader->input->len;
	int error = 0;

	if (left >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
		at += 3;
		left -= 3;
	}
	while (left > 0 && !error) {
		const char *end = memchr(at, '\n', left);
		size_t len = end ? (size_t)(end - at) : left;

		error = read_line(reader, at, len);
		len += end ? 1 : 0;
		at += len;
		left -= len;
	}
	return error;
}

static struct prefix_set *build_safe(const struct lines_input *input)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(input->safe_count + 1);

	for (size_t i = 0; builder && i < input->safe_count; i++) {
		if (prefix_set_builder_add(builder, &input->safe[i].prefix) != 0) {
			prefix_set_builder_free(builder);
			return NULL;
		}
	}
	return builder ? prefix_set_builder_finish(builder) : NULL;
}

/* Both builders are used up. Returns 0 or -ENOMEM. */
static int finish(struct reader *reader)
{
	struct block_list_report *report = reader->report;
	struct name_set *names = name_set_builder_finish(TAKE(reader->names));

	report->set = prefix_set_builder_finish(TAKE(reader->builder));
	if (!report->set || !names) {
		name_set_unref(names);
		return -ENOMEM;
	}
	prefix_set_attach(report->set, names);
	report->duplicates = reader->taken - prefix_set_total(report->set);
	return 0;
}

int lines_read(const struct lines_input *input, struct block_list_report *report)
{
	CLEANUP(prefix_set_unref) struct prefix_set *safe = build_safe(input);
	struct reader reader = { .input = input,
				 .report = report,
				 .safe = safe,
				 .builder = prefix_set_builder_new(BLOCK_LIST_ENTRIES_MAX),
				 .names = name_set_builder_new(BLOCK_LIST_NAMES_MAX) };
	int error = -ENOMEM;

	*report = (struct block_list_report){ 0 };
	report->notes = calloc(BLOCK_LIST_NOTES_MAX, sizeof(*report->notes));
	if (safe && reader.builder && reader.names && report->notes)
		error = read_lines(&reader);
	if (!error)
		return finish(&reader);
	prefix_set_builder_free(reader.builder);
	name_set_builder_free(reader.names);
	return error;
}

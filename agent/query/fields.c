/*
 * The table of fields: their names, what their values look like and what they look at.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"

/* An alias stands behind the name it is another word for. */
static const struct field fields[] = {
	{ "src", VALUE_ADDR, SUBJECT_SRC, 0 },
	{ "dst", VALUE_ADDR, SUBJECT_DST, 0 },
	{ "ip", VALUE_ADDR, SUBJECT_EITHER, 0 },
	{ "host", VALUE_HOST, SUBJECT_TEXT, TEXT_HOST },
	{ "sport", VALUE_PORT, SUBJECT_SPORT, 0 },
	{ "dport", VALUE_PORT, SUBJECT_DPORT, 0 },
	{ "port", VALUE_PORT, SUBJECT_PORT, 0 },
	{ "proto", VALUE_PROTO, SUBJECT_PROTO, 0 },
	{ "bytes", VALUE_SIZE, SUBJECT_BYTES, 0 },
	{ "bytes_out", VALUE_SIZE, SUBJECT_BYTES_OUT, 0 },
	{ "bytes_in", VALUE_SIZE, SUBJECT_BYTES_IN, 0 },
	{ "packets", VALUE_COUNT, SUBJECT_PACKETS, 0 },
	{ "packets_out", VALUE_COUNT, SUBJECT_PACKETS_OUT, 0 },
	{ "packets_in", VALUE_COUNT, SUBJECT_PACKETS_IN, 0 },
	{ "duration", VALUE_DURATION, SUBJECT_DURATION, 0 },
	{ "state", VALUE_STATE, SUBJECT_STATE, 0 },
	{ "verdict", VALUE_VERDICT, SUBJECT_VERDICT, 0 },
	{ "rule", VALUE_COUNT, SUBJECT_RULE, 0 },
	{ "iface", VALUE_WORD, SUBJECT_TEXT, TEXT_IFACE },
	{ "vlan", VALUE_COUNT, SUBJECT_VLAN, 0 },
	{ "sni", VALUE_NAME, SUBJECT_TEXT, TEXT_SNI },
	{ "dns", VALUE_NAME, SUBJECT_TEXT, TEXT_HOST },
	{ "domain", VALUE_DOMAIN, SUBJECT_TEXT, TEXT_SNI | TEXT_HOST },
	{ "ja4", VALUE_NAME, SUBJECT_TEXT, TEXT_JA4 },
	{ "name", VALUE_NAME, SUBJECT_TEXT, TEXT_DEVICE },
	{ "country", VALUE_WORD, SUBJECT_TEXT, TEXT_COUNTRY },
	{ "asn", VALUE_ASN, SUBJECT_ASN, 0 },
	{ "owner", VALUE_NAME, SUBJECT_TEXT, TEXT_OWNER },
	{ "proc", VALUE_WORD, SUBJECT_TEXT, TEXT_PROCESS },
	{ "unit", VALUE_WORD, SUBJECT_TEXT, TEXT_UNIT },
	{ "pid", VALUE_COUNT, SUBJECT_PID, 0 },
	{ "uid", VALUE_COUNT, SUBJECT_UID, 0 },
	{ "incident", VALUE_COUNT, SUBJECT_INCIDENT, 0 },
	{ "flags", VALUE_FLAGS, SUBJECT_FLAGS, 0 },
	{ "dir", VALUE_DIR, SUBJECT_DIR, 0 },
	{ "ipv", VALUE_COUNT, SUBJECT_IP_VERSION, 0 },
	{ "id", VALUE_COUNT, SUBJECT_ID, 0 },
	{ "since", VALUE_SINCE, SUBJECT_END, 0 },
	{ "until", VALUE_UNTIL, SUBJECT_END, 0 },
};

/* Words of other tools, and this API's own names of the same things. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{ "src_ip", "src" },	  { "dst_ip", "dst" },	   { "source", "src" },
	{ "destination", "dst" }, { "addr", "ip" },	   { "src_port", "sport" },
	{ "dst_port", "dport" },  { "protocol", "proto" }, { "rule_id", "rule" },
	{ "interface", "iface" }, { "process", "proc" },   { "incident_id", "incident" },
	{ "direction", "dir" },	  { "ip_v", "ipv" },	   { "end", "until" },
	{ "from", "since" },	  { "to", "until" },	   { "device", "name" },
	{ "hostname", "name" },	  { "as", "asn" },	   { "org", "owner" },
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))
#define ALIAS_COUNT (sizeof(aliases) / sizeof(aliases[0]))

static bool is_name(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && !strncasecmp(name, text, len);
}

const struct field *field_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ALIAS_COUNT; i++)
		if (is_name(aliases[i].alias, name, len)) {
			name = aliases[i].name;
			len = strlen(name);
			break;
		}
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (is_name(fields[i].name, name, len))
			return &fields[i];
	return NULL;
}

#define SUGGEST_LEN_MAX 16

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int d = a < b ? a : b;

	return c < d ? c : d;
}

/* Edits of one character that turn @a into @b, a swap of neighbours being one.
 * Source: Damerau, CACM 7(3) 1964; Levenshtein 1966 (restricted form). */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][SUGGEST_LEN_MAX + 1];

	for (unsigned int j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned int *before = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = (a[i - 1] | 0x20) == b[j - 1];

			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && (a[i - 1] | 0x20) == b[j - 2] &&
			    (a[i - 2] | 0x20) == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return rows[a_len % 3][b_len];
}

/* One edit in a short word, two in a longer one: more would suggest anything. The beginning of a
 * name is nearer than any other. */
static void consider(const char *candidate, const char *name, size_t len, unsigned int *best,
		     const char **found)
{
	unsigned int edits = len >= 3 && !strncasecmp(candidate, name, len)
				     ? 0
				     : distance(name, len, candidate, strlen(candidate));

	if (edits <= (len < 4 ? 1U : 2U) && edits < *best && edits < strlen(candidate)) {
		*best = edits;
		*found = candidate;
	}
}

const char *field_suggest(const char *name, size_t len)
{
	const char *found = NULL;
	unsigned int best = 3;

	if (!len || len > SUGGEST_LEN_MAX)
		return NULL;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		consider(fields[i].name, name, len, &best, &found);
	for (size_t i = 0; i < ALIAS_COUNT; i++) {
		const char *alias = NULL;

		consider(aliases[i].alias, name, len, &best, &alias);
		if (alias)
			found = aliases[i].name;
	}
	return found;
}

void field_list(char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < FIELD_COUNT && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
					 fields[i].name);
}

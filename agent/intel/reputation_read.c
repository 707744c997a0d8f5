/*
 * What may be asked, and what their answers mean.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/intel/reputation_internal.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"

#define MS_PER_S    1000LL
#define MS_PER_DAY  86400000LL
#define YEAR_9999_S 253402300799LL /* RFC 3339 1: no later time can be said */
#define CLEAN_MS    (7 * MS_PER_DAY)
#define OTHER_MS    MS_PER_DAY /* unknown, suspicious or bad: opinions change */

/* ---- what may be asked ----------------------------------------------------------------------- */

/* Source: IANA special-purpose address registries (RFC 6890) and multicast. */
static bool is_public(const struct addr *addr)
{
	static const char *const nets[] = {
		"0.0.0.0/8",	  "10.0.0.0/8",	    "100.64.0.0/10", "127.0.0.0/8",
		"169.254.0.0/16", "172.16.0.0/12",  "192.0.0.0/24",  "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/3",    "2001:db8::/32", "2001::/23",
		"2002::/16",	  "3fff::/20",
	};
	struct prefix prefix, routed;

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (!prefix_parse(nets[i], true, &prefix) && prefix_has_addr(&prefix, addr))
			return false;
	if (addr->family == ADDR_IPV4)
		return true;
	return !prefix_parse("2000::/3", true, &routed) && prefix_has_addr(&routed, addr);
}

/* Names that only this house knows: RFC 6761, RFC 6762, RFC 8375, and what people use. */
static bool is_inner_name(const char *name)
{
	static const char *const ends[] = { ".local",	".localhost", ".localdomain", ".lan",
					    ".home",	".internal",  ".intranet",    ".corp",
					    ".private", ".test",      ".example",     ".invalid",
					    ".onion",	".arpa",      ".home.arpa" };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i]);

		if (len > end && !strcmp(name + len - end, ends[i]))
			return true;
	}
	return !strchr(name, '.');
}

/* @name is the domain of @len bytes, which may end in a dot, or below it. */
static bool is_below(const char *name, const char *domain, size_t len)
{
	size_t name_len = strlen(name);

	while (len && domain[len - 1] == '.')
		len--;
	return len && name_len >= len && !strncasecmp(name + name_len - len, domain, len) &&
	       (name_len == len || name[name_len - len - 1] == '.');
}

bool reputation_is_completed(const char *resolv_conf, const char *name)
{
	static const char blanks[] = " \t\r", ends[] = " \t\r\n";
	const char *at = resolv_conf;

	while (*at) {
		const char *word = at + strspn(at, blanks);
		bool is_list = !strncmp(word, "search", 6) || !strncmp(word, "domain", 6);
		size_t len = strcspn(word, ends);

		is_list = is_list && len == 6;
		while (is_list && *(word += len + strspn(word + len, blanks)) && *word != '\n') {
			len = strcspn(word, ends);
			if (is_below(name, word, len))
				return true;
		}
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return false;
}

/* RFC 3696 2: a top-level name is never all digits; an address with a dot behind it would be. */
static bool ends_in_digits(const char *name)
{
	const char *dot = strrchr(name, '.'), *label = dot ? dot + 1 : name;

	return strspn(label, "0123456789") == strlen(label);
}

int reputation_canonical(const char *text, char value[static REPUTATION_VALUE_MAX], bool *is_addr)
{
	struct addr addr;
	size_t len = strlen(text);

	*is_addr = !addr_parse(text, &addr);
	if (*is_addr) {
		char plain[ADDR_TEXT_MAX];

		(void)snprintf(value, REPUTATION_VALUE_MAX, "%s", addr_format(&addr, plain));
		return is_public(&addr) ? 0 : -EPERM;
	}
	if (len && text[len - 1] == '.')
		len--;
	if (!len || len >= REPUTATION_VALUE_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return -EINVAL;
		if (text[i] == '.' && (!i || text[i - 1] == '.' || i + 1 == len))
			return -EINVAL; /* an empty label, which would hide how the name ends */
		value[i] = (char)tolower((unsigned char)text[i]);
	}
	value[len] = '\0';
	if (ends_in_digits(value))
		return -EINVAL;
	return is_inner_name(value) ? -EPERM : 0;
}

/* ---- what they say --------------------------------------------------------------------------- */

static int64_t number(const struct json *object, const char *key)
{
	int64_t value = 0;

	(void)json_get_int(object, key, &value); /* absent: 0 */
	return value;
}

/* Of what is counted there is no less than nothing. */
static int64_t count_of(const struct json *object, const char *key)
{
	int64_t value = number(object, key);

	return value > 0 ? value : 0;
}

/* A moment in seconds; one that cannot be is unknown. */
static int64_t unix_ms(const struct json *object, const char *key)
{
	int64_t value = number(object, key);

	return value > 0 && value <= YEAR_9999_S ? value * MS_PER_S : 0;
}

static void copy_text(const struct json *object, const char *key, char *out, size_t size)
{
	const char *text;

	if (!json_get_string(object, key, &text))
		(void)snprintf(out, size, "%s", text);
}

/* WIRE 3.5: two engines or more are high; one, or three that suspect, medium. */
static int read_virustotal(const struct json *body, struct reputation *out)
{
	const struct json *attributes = json_get(json_get(body, "data"), "attributes");
	const struct json *stats = json_get(attributes, "last_analysis_stats");

	if (!json_is_object(attributes))
		return -EPROTO;
	out->malicious = count_of(stats, "malicious");
	out->suspicious = count_of(stats, "suspicious");
	out->harmless = count_of(stats, "harmless");
	out->undetected = count_of(stats, "undetected");
	out->score = number(attributes, "reputation");
	out->analysed_unix_ms = unix_ms(attributes, "last_analysis_date");
	copy_text(attributes, "as_owner", out->owner, sizeof(out->owner));
	copy_text(attributes, "country", out->country, sizeof(out->country));
	out->verdict = out->malicious >= 2			     ? REPUTATION_HIGH
		       : out->malicious == 1 || out->suspicious >= 3 ? REPUTATION_MEDIUM
		       : out->analysed_unix_ms			     ? REPUTATION_CLEAN
								     : REPUTATION_UNKNOWN;
	return 0;
}

/* AbuseIPDB calls 75 and more "high confidence"; 25 is where it begins to count. */
static int read_abuseipdb(const struct json *body, struct reputation *out)
{
	const struct json *data = json_get(body, "data");
	const char *last;

	if (!json_is_object(data))
		return -EPROTO;
	out->score = number(data, "abuseConfidenceScore");
	out->reports = count_of(data, "totalReports");
	copy_text(data, "isp", out->owner, sizeof(out->owner));
	copy_text(data, "countryCode", out->country, sizeof(out->country));
	if (!json_get_string(data, "lastReportedAt", &last))
		(void)clock_parse(last, &out->analysed_unix_ms); /* of no use otherwise */
	if (out->analysed_unix_ms < 0)
		out->analysed_unix_ms = 0;
	out->verdict = out->score >= 75	  ? REPUTATION_HIGH
		       : out->score >= 25 ? REPUTATION_MEDIUM
					  : REPUTATION_CLEAN;
	return 0;
}

int reputation_read(long status, const char *text, size_t len, struct reputation *out)
{
	CLEANUP(json_free) struct json *body = NULL;
	char reason[128];
	int error = 0;

	out->fetched_unix_ms = clock_unix_ms();
	if (status == 404) {
		out->verdict = REPUTATION_UNKNOWN; /* they do not know it; that is an answer */
	} else {
		error = json_parse(text, len, &body, reason) ? -EPROTO : 0;
		if (!error)
			error = out->provider == REPUTATION_VIRUSTOTAL ? read_virustotal(body, out)
								       : read_abuseipdb(body, out);
	}
	out->expires_unix_ms =
		out->fetched_unix_ms + (out->verdict == REPUTATION_CLEAN ? CLEAN_MS : OTHER_MS);
	return error;
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *reputation_provider_name(uint8_t provider)
{
	static const char *const names[] = { "virustotal", "abuseipdb" };

	return provider < REPUTATION_PROVIDER_COUNT ? names[provider] : "";
}

const char *reputation_verdict_name(uint8_t verdict)
{
	static const char *const names[] = { "unknown", "clean", "medium", "high" };

	return verdict < REPUTATION_VERDICT_COUNT ? names[verdict] : "";
}

const char *reputation_link(const struct reputation *reputation, char *text)
{
	struct addr addr;
	bool is_addr = !addr_parse(reputation->value, &addr);

	if (reputation->provider == REPUTATION_ABUSEIPDB)
		(void)snprintf(text, 400, "https://www.abuseipdb.com/check/%s", reputation->value);
	else
		(void)snprintf(text, 400, "https://www.virustotal.com/gui/%s/%s",
			       is_addr ? "ip-address" : "domain", reputation->value);
	return text;
}

/*
 * Names into base and labels. Under which suffixes people register is kept short here: the country
 * domains' second levels that say company, organisation, network and the like. A suffix missed
 * makes one base of several; the detectors count what is below.
 */
#include "agent/detect/domain.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/sketch_hash.h"

#define LABELS_MAX    128 /* RFC 1035 2.3.4: 255 bytes */
#define LIST_NAME_MAX 16

/* Whose programs ask for digests of files and addresses in names, by their own documentation. */
static const char *const reputations[] = {
	"sophosxl.net",	      "mcafee.com",	      "e5.sk",	   "trendmicro.com", "spamhaus.org",
	"spamhaus.net",	      "barracudacentral.org", "dnswl.org", "surbl.org",	     "uribl.com",
	"senderbase.org",     "spamcop.net",	      "cymru.com", "avast.com",	     "avg.com",
	"webrootcloudav.com", "spotify.com",
};

/* Whose hosts have long names that they make up themselves and delegate to nobody, by their own
 * documentation: balancers, caches, stores. */
static const char *const providers[] = {
	"amazonaws.com",  "cloudfront.net", "akamai.net",
	"akamaiedge.net", "akadns.net",	    "edgekey.net",
	"edgesuite.net",  "fastly.net",	    "googlevideo.com",
	"gvt1.com",	  "windows.net",    "trafficmanager.net",
	"azureedge.net",  "apple-dns.net",  "googleusercontent.com",
};

struct labels {
	const char *at[LABELS_MAX];
	unsigned int count;
	size_t text_len;
};

/* Length on the wire: \DDD is one byte, so is \. */
static unsigned int wire_bytes(const char *label, const char *end)
{
	unsigned int bytes = 0;

	while (label < end) {
		bool is_number =
			label[0] == '\\' && end - label >= 4 && isdigit((unsigned char)label[1]);

		label += is_number ? 4 : label[0] == '\\' && end - label >= 2 ? 2 : 1;
		bytes++;
	}
	return bytes;
}

static void find_labels(const char *name, struct labels *labels)
{
	size_t len = strlen(name);
	bool begins = true;

	if (len && name[len - 1] == '.')
		len--;
	labels->count = 0;
	labels->text_len = len;
	for (size_t i = 0; i < len && labels->count < LABELS_MAX; i++) {
		if (begins)
			labels->at[labels->count++] = name + i;
		begins = name[i] == '.';
		if (name[i] == '\\')
			i++; /* a dot behind it is none */
	}
}

static size_t label_len(const struct labels *labels, unsigned int i, const char *end)
{
	return (size_t)((i + 1 < labels->count ? labels->at[i + 1] - 1 : end) - labels->at[i]);
}

static bool is_second_level(const char *label, size_t len)
{
	static const char *const words[] = { "co",  "com", "net", "org", "gov", "edu", "ac",
					     "gob", "go",  "or",  "ne",	 "nom", "mil", "ltd" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && strncasecmp(words[i], label, len) == 0)
			return true;
	return false;
}

static unsigned int base_labels(const struct labels *labels, const char *end)
{
	unsigned int last = labels->count - 1;

	if (labels->count > 2 && label_len(labels, last, end) == 2 &&
	    is_second_level(labels->at[last - 1], label_len(labels, last - 1, end)))
		return 3;
	return 2;
}

/* An octet, or one hex digit of an IPv6 address. */
static bool is_address_label(const char *label, size_t len)
{
	if (len == 1)
		return isxdigit((unsigned char)label[0]);
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)label[i]))
			return false;
	return len <= 3;
}

/* A reversed address and the name of the list (RFC 5782 2.1, 2.4), which is short: whoever hides
 * data behind four numbers gets no more than this through. */
static bool is_address(const struct labels *labels, unsigned int below, const char *end)
{
	unsigned int address = 0;
	size_t rest = 0;

	while (address < below &&
	       is_address_label(labels->at[address], label_len(labels, address, end)))
		address++;
	for (unsigned int i = address; i < below; i++)
		rest += label_len(labels, i, end);
	return address >= 4 && rest <= LIST_NAME_MAX;
}

static bool is_known_base(const char *base)
{
	for (size_t i = 0; i < sizeof(reputations) / sizeof(reputations[0]); i++)
		if (strcmp(base, reputations[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (strcmp(base, providers[i]) == 0)
			return true;
	return false;
}

static uint32_t hash_lower(const char *text, size_t len)
{
	uint64_t hash = len;

	for (size_t i = 0; i < len; i++)
		hash = hash_pair(hash, (uint64_t)tolower((unsigned char)text[i]));
	return (uint32_t)hash;
}

/* Below these hosts and services of one network have their names: RFC 6762 3 and appendix G, ICANN
 * resolution 2024.07.29.06 (internal). */
static bool is_private_suffix(const char *label, size_t len)
{
	static const char *const words[] = { "local",	    "internal", "lan",	   "home", "corp",
					     "localdomain", "intranet", "private", "svc" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && strncasecmp(words[i], label, len) == 0)
			return true;
	return false;
}

static bool is_common_top(const char *label, size_t len)
{
	static const char *const words[] = { "com", "net",  "org",   "io",
					     "dev", "info", "cloud", "app" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && strncasecmp(words[i], label, len) == 0)
			return true;
	return false;
}

/* A resolver with a search list (resolv.conf(5)) asks for "api.example.com.corp.example" first; a
 * pod of Kubernetes five such names for each. */
static bool is_searched(const struct labels *labels, unsigned int below, const char *end)
{
	unsigned int last = labels->count - 1;

	if (is_private_suffix(labels->at[last], label_len(labels, last, end)))
		return true;
	for (unsigned int i = 1; i < below; i++)
		if (is_common_top(labels->at[i], label_len(labels, i, end)))
			return true;
	return false;
}

/* Top-level domains have letters only, but for those of other scripts (RFC 3696 2, RFC 5890). */
static bool is_top_level(const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalpha((unsigned char)label[i]))
			return len > 4 && strncasecmp(label, "xn--", 4) == 0;
	return true;
}

/* No name of the Internet: a program's own, spoken with its own server ("dnscat.0123abcd"). What
 * all of its names share is in front. */
static void split_own(const struct labels *labels, const char *end, struct domain *domain)
{
	size_t len = label_len(labels, 0, end);

	for (size_t i = 0; i < len && i + 1 < sizeof(domain->base); i++)
		domain->base[i] = (char)tolower((unsigned char)labels->at[0][i]);
	domain->base_hash = hash_lower(labels->at[0], len);
	domain->labels = labels->count - 1;
	domain->is_lookup = is_address(labels, labels->count, end);
	for (unsigned int i = 1; i < labels->count; i++)
		domain->sub_bytes +=
			wire_bytes(labels->at[i], labels->at[i] + label_len(labels, i, end));
}

bool domain_split(const char *name, struct domain *domain)
{
	struct labels labels;
	const char *end;
	unsigned int base, below;
	size_t len;

	memset(domain, 0, sizeof(*domain));
	find_labels(name, &labels);
	if (labels.count < 2)
		return false;
	end = name + labels.text_len;
	domain->name_hash = hash_lower(name, labels.text_len);
	if (!is_top_level(labels.at[labels.count - 1], label_len(&labels, labels.count - 1, end))) {
		split_own(&labels, end, domain);
		return true;
	}
	base = base_labels(&labels, end);
	below = labels.count - base;
	len = (size_t)(end - labels.at[below]);
	for (size_t i = 0; i < len && i + 1 < sizeof(domain->base); i++)
		domain->base[i] = (char)tolower((unsigned char)labels.at[below][i]);
	domain->base_hash = hash_lower(labels.at[below], len);
	domain->labels = below;
	for (unsigned int i = 0; i < below; i++)
		domain->sub_bytes +=
			wire_bytes(labels.at[i], labels.at[i] + label_len(&labels, i, end));
	len = label_len(&labels, labels.count - 1, end);
	domain->is_reverse = len == 4 && strncasecmp(labels.at[labels.count - 1], "arpa", 4) == 0;
	domain->is_searched = is_searched(&labels, below, end);
	domain->is_lookup = is_address(&labels, below, end) || is_known_base(domain->base);
	return true;
}

/*
 * What a DNS name is made of, for the detectors that judge names: the domain somebody registered,
 * and what stands below it. Texts are as struct dns_question has them. Pure; only agent/detect
 * includes it.
 */
#ifndef SLUICE_DETECT_DOMAIN_H
#define SLUICE_DETECT_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#define DOMAIN_BASE_MAX 128

struct domain {
	char base[DOMAIN_BASE_MAX]; /* lower case; cut at its end when longer */
	uint32_t base_hash, name_hash;
	unsigned int sub_bytes; /* of the labels below the base, without dots, as on the wire */
	unsigned int labels;	/* below the base */
	bool is_reverse;	/* arpa: an address asked for its name (RFC 1035 3.5) */
	bool is_searched;	/* a name of elsewhere with a domain of a search list behind it */
	bool is_lookup;		/* an address, a digest or a provider's own as a name: blocklists,
				   reputations */
};

/* domain_split - false for the root and single labels, which nobody registers. */
bool domain_split(const char *name, struct domain *domain);

#endif

/*
 * Nouns of reputation: what others say of an address or a name.
 */
#ifndef SLUICE_INCLUDE_REPUTATION_H
#define SLUICE_INCLUDE_REPUTATION_H

#include <stdint.h>

/* The numbers are stored. */
enum reputation_provider {
	REPUTATION_VIRUSTOTAL = 0,
	REPUTATION_ABUSEIPDB = 1,
	REPUTATION_PROVIDER_COUNT
};

enum reputation_verdict {
	REPUTATION_UNKNOWN = 0, /* they do not know it */
	REPUTATION_CLEAN = 1,
	REPUTATION_MEDIUM = 2,
	REPUTATION_HIGH = 3,
	REPUTATION_VERDICT_COUNT
};

#define REPUTATION_VALUE_MAX 254 /* a name, RFC 1035 2.3.4, and the end */
#define REPUTATION_OWNER_MAX 96

struct reputation {
	uint8_t provider, verdict;
	char value[REPUTATION_VALUE_MAX];
	char owner[REPUTATION_OWNER_MAX]; /* of the network; "" unknown */
	char country[4];
	/* VirusTotal: engines; AbuseIPDB: score 0..100 and reports */
	int64_t malicious, suspicious, harmless, undetected;
	int64_t score, reports;
	int64_t analysed_unix_ms; /* by them; 0 unknown */
	int64_t fetched_unix_ms, expires_unix_ms;
};

#endif

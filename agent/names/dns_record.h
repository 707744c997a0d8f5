/*
 * Between dns.c, which walks a message, and dns_record.c, which reads what one record holds.
 */
#ifndef SLUICE_NAMES_DNS_RECORD_H
#define SLUICE_NAMES_DNS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_record;

/* A place in a message; @len is where reading must stop (names may point to anywhere before). */
struct dns_cursor {
	const uint8_t *data;
	size_t pos, len;
};

/* dns_read_name - also compressed; false when it is not well formed or goes beyond the end. */
bool dns_read_name(struct dns_cursor *at, char *out, size_t size);
bool dns_read_u16(struct dns_cursor *at, uint16_t *out);
/* dns_read_rdata - fills addr and rdata by record->type; @at spans the RDATA. */
bool dns_read_rdata(struct dns_cursor *at, struct dns_record *record);

#endif

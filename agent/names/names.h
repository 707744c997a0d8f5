/*
 * Names reads what flows call themselves out of payload events: it puts pieces together (TCP
 * segments, IP fragments, QUIC CRYPTO frames), parses, and hands up struct name_event; and it keeps
 * which names an address was seen under. Owned by the pipeline thread; takes time as input. All
 * memory is allocated at the start and bounded; what does not fit is counted.
 */
#ifndef SLUICE_NAMES_NAMES_H
#define SLUICE_NAMES_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/device.h"
#include "include/name.h"
#include "include/payload.h"

struct names;

struct names_options {
	unsigned int streams; /* directions being put together at once */
	unsigned int addrs;   /* addresses whose names are kept */
	void *arg;
	void (*on_name)(void *arg, const struct name_event *event);
	/* what a device is called, by DHCP, mDNS or a reverse look-up; NULL: nobody asks */
	void (*on_device)(void *arg, const struct device_name *device);
};

/* What was not read, and why. */
struct names_counters {
	uint64_t events[NAME_KIND_COUNT];
	uint64_t payloads;    /* taken in */
	uint64_t malformed;   /* looked like a name's protocol and was not well formed */
	uint64_t cut;	      /* the capture or the event held too little of it */
	uint64_t full;	      /* pieces given up: no room, or too old */
	uint64_t undecrypted; /* QUIC Initials whose keys did not fit */
};

/* names_new - returns 0, -EINVAL or -ENOMEM. */
int names_new(const struct names_options *options, struct names **out);
void names_free(struct names *names); /* accepts NULL */
DEFINE_CLEANUP(names_free, struct names)

/* names_take - one payload; on_name may be called, several times, before it returns. */
void names_take(struct names *names, const struct payload *payload);
/* names_expire - give up pieces and forget addresses that are too old at @now_ns. */
void names_expire(struct names *names, uint64_t now_ns);
void names_count(const struct names *names, struct names_counters *out);

/*
 * names_of_addr - the name that @client (NULL: anybody) last looked up and got @addr for, while its
 * TTL (at least a minute, at most a day) runs. Borrowed until the next call of names_take or
 * names_expire; NULL when unknown.
 */
const char *names_of_addr(struct names *names, const struct addr *client, const struct addr *addr,
			  uint64_t now_ns);

/* names_addrs_of - addresses seen in answers for @domain and names below it, and by SNI or Host on
 * flows. Returns how many were written. */
size_t names_addrs_of(struct names *names, const char *domain, struct name_addr *out, size_t max);

/*
 * names_is_shared - names of different owners were seen on @about->addr: is_shared and one of the
 * others are filled in. Owners are told apart by the last two labels, as the guard may err towards
 * shared.
 */
bool names_is_shared(struct names *names, struct name_addr *about);

/*
 * names_is_under - @name equals @domain or ends with ".@domain"; case does not count, nor does a
 * final dot.
 */
bool names_is_under(const char *name, const char *domain);

/* 12 bytes of header, 32 hexadecimal digits with their lengths, "ip6.arpa", type and class. */
#define NAMES_QUERY_MAX 90

/* What an address is called. */
struct names_reverse {
	uint32_t ttl_s;
	char name[DEVICE_NAME_MAX]; /* "" = it has no name */
};

/* names_reverse_query - the question for the name of @addr, recursion desired. Returns its bytes.
 */
size_t names_reverse_query(const struct addr *addr, uint16_t id,
			   uint8_t out[static NAMES_QUERY_MAX]);
/*
 * names_reverse_answer - 0, also when there is no such name; -EAGAIN: it is no answer to that
 * question; -EREMOTEIO: the resolver could not or would not; -ENOMEM.
 */
int names_reverse_answer(const uint8_t *data, size_t len, const struct addr *addr, uint16_t id,
			 struct names_reverse *out);

/* "TYPE65535" with its end. */
#define DNS_TYPE_TEXT_MAX 10

/* dns_type_name - "A", "HTTPS", ...; "TYPE123" (written to @text) for those without a name. */
const char *dns_type_name(uint16_t type, char text[static DNS_TYPE_TEXT_MAX]);
/* dns_rcode_name - "NOERROR", "NXDOMAIN", ...; else "RCODE12", written to @text. */
const char *dns_rcode_name(uint8_t rcode, char text[static DNS_TYPE_TEXT_MAX]);

#endif

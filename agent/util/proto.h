/*
 * IP protocol numbers and TCP flags as text, the same in the API, the command line and exports.
 * Pure functions; any thread.
 */
#ifndef SLUICE_UTIL_PROTO_H
#define SLUICE_UTIL_PROTO_H

#include <stdint.h>

#define PROTO_TEXT_MAX	   10 /* IPv6-ICMP and the end */
#define TCP_FLAGS_TEXT_MAX 9  /* eight letters and the end */

/*
 * proto_format - TCP, UDP, ICMP, IPv6-ICMP, SCTP, else three digits ("047"), as Suricata's EVE
 * writes them. Returns @text.
 */
const char *proto_format(uint8_t proto, char text[static PROTO_TEXT_MAX]);

/*
 * proto_parse - a name of proto_format in any case, ICMPv6 too, or a number 0..255 with or without
 * leading zeros. Returns 0 or -EINVAL.
 */
int proto_parse(const char *text, uint8_t *proto);

/*
 * tcp_flags_format - one letter per bit, lowest first: F S R P A U, E (ECE), C (CWR); "SA" is
 * 0x12, "" is 0. Returns @text. Source: RFC 9293 3.1.
 */
const char *tcp_flags_format(uint8_t flags, char text[static TCP_FLAGS_TEXT_MAX]);

#endif

/*
 * Names of DNS types and response codes, as IANA's registry "Domain Name System Parameters" writes
 * them.
 */
#include <stdio.h>

#include "agent/names/names.h"

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{ 1, "A" },	      { 2, "NS" },	 { 5, "CNAME" },       { 6, "SOA" },
	{ 10, "NULL" },	      { 12, "PTR" },	 { 13, "HINFO" },      { 15, "MX" },
	{ 16, "TXT" },	      { 17, "RP" },	 { 18, "AFSDB" },      { 24, "SIG" },
	{ 25, "KEY" },	      { 28, "AAAA" },	 { 29, "LOC" },	       { 30, "NXT" },
	{ 33, "SRV" },	      { 35, "NAPTR" },	 { 36, "KX" },	       { 37, "CERT" },
	{ 38, "A6" },	      { 39, "DNAME" },	 { 41, "OPT" },	       { 42, "APL" },
	{ 43, "DS" },	      { 44, "SSHFP" },	 { 45, "IPSECKEY" },   { 46, "RRSIG" },
	{ 47, "NSEC" },	      { 48, "DNSKEY" },	 { 49, "DHCID" },      { 50, "NSEC3" },
	{ 51, "NSEC3PARAM" }, { 52, "TLSA" },	 { 53, "SMIMEA" },     { 55, "HIP" },
	{ 59, "CDS" },	      { 60, "CDNSKEY" }, { 61, "OPENPGPKEY" }, { 62, "CSYNC" },
	{ 63, "ZONEMD" },     { 64, "SVCB" },	 { 65, "HTTPS" },      { 99, "SPF" },
	{ 108, "EUI48" },     { 109, "EUI64" },	 { 249, "TKEY" },      { 250, "TSIG" },
	{ 251, "IXFR" },      { 252, "AXFR" },	 { 253, "MAILB" },     { 254, "MAILA" },
	{ 255, "ANY" },	      { 256, "URI" },	 { 257, "CAA" },
};

static const char *const rcodes[] = {
	"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE", "DSOTYPENI",
};

const char *dns_type_name(uint16_t type, char text[static DNS_TYPE_TEXT_MAX])
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].type == type)
			return types[i].name;
	}
	(void)snprintf(text, DNS_TYPE_TEXT_MAX, "TYPE%u", type); /* RFC 3597 5 */
	return text;
}

const char *dns_rcode_name(uint8_t rcode, char text[static DNS_TYPE_TEXT_MAX])
{
	if (rcode < sizeof(rcodes) / sizeof(rcodes[0]))
		return rcodes[rcode];
	(void)snprintf(text, DNS_TYPE_TEXT_MAX, "RCODE%u", rcode);
	return text;
}

/*
 * The bytes people would find in the packets: questions, hellos and requests with names in them.
 */
#include <stdio.h>
#include <string.h>

#include "agent/demo/internal.h"

static void put16(uint8_t **at, uint32_t value)
{
	*(*at)++ = (uint8_t)(value >> 8);
	*(*at)++ = (uint8_t)value;
}

/* Labels with their lengths (RFC 1035 3.1). Names of the scenario are well formed. */
static void put_name(uint8_t **at, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		*(*at)++ = (uint8_t)len;
		memcpy(*at, name, len);
		*at += len;
		name += len;
		name += *name == '.';
	}
	*(*at)++ = 0;
}

/* Flags as in RFC 1035 4.1.1. */
static void put_dns(uint8_t **at, const struct dns_question *question, uint32_t flags,
		    uint16_t answers)
{
	char name[320];

	(void)snprintf(name, sizeof(name), "%s%s%s", question->label, *question->label ? "." : "",
		       question->name); /* fits: a label and a name of the scenario */
	put16(at, question->id);
	put16(at, flags);
	put16(at, 1);
	put16(at, answers);
	put16(at, 0);
	put16(at, 0);
	put_name(at, name);
	put16(at, question->type);
	put16(at, 1);
}

size_t payload_dns_query(const struct dns_question *question, uint8_t *out)
{
	uint8_t *at = out;

	put_dns(&at, question, 0x0100, 0);
	return (size_t)(at - out);
}

size_t payload_dns_answer(const struct dns_question *question, const struct addr *addr,
			  uint8_t *out)
{
	bool is_ipv6 = addr && addr->family == ADDR_IPV6;
	size_t size = is_ipv6 ? 16 : 4;
	uint8_t *at = out;

	if (!addr) {
		put_dns(&at, question, 0x8183, 0); /* NXDOMAIN */
		return (size_t)(at - out);
	}
	put_dns(&at, question, 0x8180, 1);
	put16(&at, 0xc00c); /* the question's name */
	put16(&at, is_ipv6 ? 28 : 1);
	put16(&at, 1);
	put16(&at, 0);
	put16(&at, 300);
	put16(&at, (uint32_t)size);
	memcpy(at, addr->bytes + 16 - size, size);
	return (size_t)(at + size - out);
}

static void put_extension(uint8_t **at, uint32_t type, const void *data, size_t len)
{
	put16(at, type);
	put16(at, (uint32_t)len);
	memcpy(*at, data, len);
	*at += len;
}

static void put_server_name(uint8_t **at, const char *name)
{
	size_t len = strlen(name);

	put16(at, 0); /* server_name, RFC 6066 3 */
	put16(at, (uint32_t)len + 5);
	put16(at, (uint32_t)len + 3);
	*(*at)++ = 0;
	put16(at, (uint32_t)len);
	memcpy(*at, name, len);
	*at += len;
}

/* A TLS 1.3 ClientHello (RFC 8446 4.1.2), small but whole. */
size_t payload_client_hello(struct random *random, const char *name, uint8_t *out)
{
	static const uint8_t ciphers[] = { 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b };
	static const uint8_t alpn[] = { 0,   12,  2,   'h', '2', 8,   'h',
					't', 't', 'p', '/', '1', '.', '1' };
	static const uint8_t versions[] = { 4, 3, 4, 3, 3 };
	static const uint8_t groups[] = { 0, 4, 0, 0x1d, 0, 0x17 };
	uint8_t *at = out + 9, *extensions;
	size_t len;

	put16(&at, 0x0303);
	for (int i = 0; i < 32; i++)
		*at++ = (uint8_t)random_next(random);
	*at++ = 0;
	put16(&at, sizeof(ciphers));
	memcpy(at, ciphers, sizeof(ciphers));
	at += sizeof(ciphers);
	*at++ = 1;
	*at++ = 0;
	extensions = at;
	at += 2;
	put_server_name(&at, name);
	put_extension(&at, 10, groups, sizeof(groups));
	put_extension(&at, 16, alpn, sizeof(alpn));
	put_extension(&at, 43, versions, sizeof(versions));
	len = (size_t)(at - extensions) - 2;
	put16(&extensions, (uint32_t)len);
	len = (size_t)(at - out);
	at = out;
	*at++ = 22; /* handshake record */
	put16(&at, 0x0301);
	put16(&at, (uint32_t)len - 5);
	*at++ = 1; /* client_hello */
	*at++ = 0;
	put16(&at, (uint32_t)len - 9);
	return len;
}

size_t payload_http_request(const char *name, bool has_password, uint8_t *out)
{
	int len = snprintf((char *)out, PAYLOAD_MAX,
			   "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/7.88.1\r\n"
			   "Accept: */*\r\n%s\r\n",
			   name, has_password ? "Authorization: Basic ZGVtbzpkZW1v\r\n" : "");

	return len < 0 || len >= PAYLOAD_MAX ? 0 : (size_t)len;
}

size_t payload_ssh_banner(uint8_t *out)
{
	static const char banner[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";

	memcpy(out, banner, sizeof(banner) - 1);
	return sizeof(banner) - 1;
}

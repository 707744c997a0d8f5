/* Resolvers from resolv.conf(5) and SSH peers from the kernel's TCP tables: text, line by line. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/block/host.h"
#include "agent/block/host_internal.h"
#include "agent/util/addr.h"

#define TCP_ESTABLISHED_STATE 1 /* include/net/tcp_states.h */
#define LINE_BYTES	      512

static void file_close_cleanup(FILE **file)
{
	if (*file)
		(void)fclose(*file); /* read only: nothing to lose */
}

/* ---- resolvers ------------------------------------------------------------------------------- */

/* The address of a "nameserver" line, without its zone; false for every other line. */
static bool parse_nameserver(char *line, struct addr *addr)
{
	static const char keyword[] = "nameserver";
	char *word = line + strspn(line, " \t");

	if (strncmp(word, keyword, sizeof(keyword) - 1) != 0)
		return false;
	word += sizeof(keyword) - 1;
	if (*word != ' ' && *word != '\t')
		return false;
	word += strspn(word, " \t");
	word[strcspn(word, " \t\r\n#;%")] = '\0';
	return addr_parse(word, addr) == 0;
}

int host_read_resolvers(const char *path, struct safe_list *resolvers)
{
	CLEANUP(file_close) FILE *file = fopen(path, "re");
	char line[LINE_BYTES];
	struct addr addr;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		struct prefix prefix;

		if (!parse_nameserver(line, &addr))
			continue;
		prefix = prefix_from_addr(&addr);
		/* a list that is full is counted in it and told by whoever takes it */
		(void)safe_list_add(resolvers, &prefix, SAFE_RESOLVER, path);
		if (resolvers->count >= HOST_RESOLVERS_MAX)
			break;
	}
	return ferror(file) ? -EIO : 0;
}

/* ---- SSH peers ------------------------------------------------------------------------------- */

/* Exactly @digits hexadecimal ones at the start of @text. */
static bool parse_hex(const char *text, size_t digits, uint32_t *value)
{
	char copy[9] = "";

	if (strspn(text, "0123456789ABCDEFabcdef") < digits)
		return false;
	memcpy(copy, text, digits);
	*value = (uint32_t)strtoul(copy, NULL, 16);
	return true;
}

/* "0100007F:0016" or 32 digits: each 4-byte word printed as a number of the machine. */
static bool parse_endpoint(const char *text, struct addr *addr, uint32_t *port)
{
	size_t digits = strspn(text, "0123456789ABCDEFabcdef");
	uint32_t words[4] = { 0 };

	if ((digits != 8 && digits != 32) || text[digits] != ':')
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		if (!parse_hex(text + 8 * i, 8, &words[i]))
			return false;
	}
	if (!parse_hex(text + digits + 1, 4, port))
		return false;
	if (digits == 8)
		*addr = addr_from_ipv4(words);
	else if (words[0] == 0 && words[1] == 0 && words[2] == htonl(0xffff))
		*addr = addr_from_ipv4(&words[3]); /* an IPv4 peer of a dual-stack socket */
	else
		*addr = addr_from_ipv6(words);
	return true;
}

bool host_parse_tcp_line(const char *line, uint16_t *local_port, struct addr *remote)
{
	char local_text[48], remote_text[48], state_text[3];
	uint32_t state, local, remote_port;
	struct addr local_addr, addr;

	if (sscanf(line, " %*u: %47s %47s %2s", local_text, remote_text, state_text) != 3)
		return false;
	if (!parse_hex(state_text, 2, &state) || state != TCP_ESTABLISHED_STATE ||
	    !parse_endpoint(local_text, &local_addr, &local) ||
	    !parse_endpoint(remote_text, &addr, &remote_port))
		return false;
	*local_port = (uint16_t)local;
	*remote = addr;
	return true;
}

static bool is_ssh_port(const struct host *host, uint16_t port)
{
	for (size_t i = 0; i < host->ssh_port_count; i++) {
		if (host->ssh_ports[i] == port)
			return true;
	}
	return false;
}

static int read_table(const struct host *host, FILE *table, struct safe_list *peers)
{
	char line[LINE_BYTES];
	uint16_t port;
	struct addr addr;

	rewind(table);
	while (peers->count < HOST_SSH_PEERS_MAX && fgets(line, sizeof(line), table)) {
		struct prefix prefix;
		char note[16];

		if (!host_parse_tcp_line(line, &port, &addr) || !is_ssh_port(host, port))
			continue;
		prefix = prefix_from_addr(&addr);
		(void)snprintf(note, sizeof(note), "port %u", port); /* fits */
		(void)safe_list_add(peers, &prefix, SAFE_SSH, note); /* below the list's room */
	}
	return ferror(table) ? -EIO : 0;
}

int host_read_ssh(struct host *host, struct safe_list *peers)
{
	int error = -ENOENT;

	for (size_t i = 0; i < sizeof(host->tcp) / sizeof(host->tcp[0]); i++) {
		if (!host->tcp[i])
			continue;
		error = read_table(host, host->tcp[i], peers);
		if (error)
			return error;
	}
	return error;
}

static void add_port(struct host *host, unsigned long port)
{
	if (port == 0 || port > UINT16_MAX || is_ssh_port(host, (uint16_t)port))
		return;
	if (host->ssh_port_count < HOST_SSH_PORTS_MAX)
		host->ssh_ports[host->ssh_port_count++] = (uint16_t)port;
}

void host_find_ssh_ports(struct host *host, const char *sshd_config)
{
	CLEANUP(file_close) FILE *file = fopen(sshd_config, "re");
	char line[LINE_BYTES];

	add_port(host, 22);
	while (file && fgets(line, sizeof(line), file)) {
		char *word = line + strspn(line, " \t");

		/* keywords are case-insensitive: sshd_config(5) */
		if (strncasecmp(word, "port", 4) == 0 && isspace((unsigned char)word[4]))
			add_port(host, strtoul(word + 4, NULL, 10));
	}
}

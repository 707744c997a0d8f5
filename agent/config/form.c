/*
 * The checks of single options: what their text has to look like beyond its type, so that
 * `sluice check` finds it and not a service at three in the morning.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "agent/config/internal.h"
#include "agent/util/addr.h"

#define PORT_DIGITS_MAX 5

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool config_next_item(const char **at, const char **item, size_t *len)
{
	const char *start = *at, *end;

	while (*start == ',' || is_blank(*start))
		start++;
	if (*start == '\0') {
		*at = start;
		return false;
	}
	end = start + strcspn(start, ",");
	*at = end;
	while (is_blank(end[-1])) /* stops at the item's first character */
		end--;
	*item = start;
	*len = (size_t)(end - start);
	return true;
}

static int refuse(char *reason, const char *item, const char *what)
{
	(void)snprintf(reason, CONFIG_REASON_MAX, "\"%.64s\" %s", item, what); /* cut is fine */
	return -EINVAL;
}

static int check_interface(const char *item, char *reason)
{
	/* dev_valid_name of the kernel, net/core/dev.c. */
	if (strlen(item) >= IFNAMSIZ || strpbrk(item, "/: \t") || strcmp(item, ".") == 0 ||
	    strcmp(item, "..") == 0)
		return refuse(reason, item, "is no name of an interface");
	return 0;
}

static int check_prefix(const char *item, char *reason)
{
	struct prefix prefix;
	int err = prefix_parse(item, false, &prefix);

	if (err == -ERANGE)
		return refuse(reason, item, "has bits set behind its prefix length");
	return err ? refuse(reason, item, "is neither an address nor a prefix") : 0;
}

static int check_host(const char *item, char *reason)
{
	struct addr addr;

	if (addr_parse(item, &addr) == 0)
		return 0;
	if (strspn(item, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") !=
	    strlen(item))
		return refuse(reason, item, "is no host name");
	return 0;
}

static int check_port(const char *text, char *reason)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > PORT_DIGITS_MAX || text[digits] != '\0' ||
	    strtoul(text, NULL, 10) > UINT16_MAX)
		return refuse(reason, text, "is no port");
	return 0;
}

/* "ADDR:PORT" or "[ADDR]:PORT". */
static int check_listen(const char *text, char *reason)
{
	const char *colon = strrchr(text, ':');
	char host[ADDR_TEXT_MAX];
	struct addr addr;
	bool is_bracketed;
	size_t len;

	if (!colon)
		return refuse(reason, text, "is not ADDRESS:PORT");
	len = (size_t)(colon - text);
	is_bracketed = len >= 2 && text[0] == '[' && colon[-1] == ']';
	if (is_bracketed) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return refuse(reason, text, "is not ADDRESS:PORT");
	memcpy(host, text, len);
	host[len] = '\0';
	if (addr_parse(host, &addr))
		return refuse(reason, host, "is no address");
	if (strchr(host, ':') && !is_bracketed)
		return refuse(reason, host, "needs brackets, as in [::1]:5000");
	return check_port(colon + 1, reason);
}

/* One of the two per option: for the whole text, or for each item of a list. */
static const struct {
	int (*check)(const char *text, char *reason);
	enum config_key key;
	bool is_per_item;
} forms[] = {
	{ check_listen, CONFIG_WEB_LISTEN, false },
	{ check_interface, CONFIG_CAPTURE_INTERFACES, true },
	{ check_prefix, CONFIG_CAPTURE_LOCAL_NETWORKS, true },
	{ check_prefix, CONFIG_WEB_TRUSTED_PROXIES, true },
	{ check_host, CONFIG_WEB_ALLOWED_HOSTS, true },
	{ check_prefix, CONFIG_BLOCK_SAFE, true },
};
#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

static int check_items(const char *text, int (*check)(const char *, char *), char *reason)
{
	char copy[CONFIG_ITEM_MAX + 1];
	const char *at = text, *item;
	size_t len;

	while (config_next_item(&at, &item, &len)) {
		if (len > CONFIG_ITEM_MAX)
			return refuse(reason, item, "is too long");
		memcpy(copy, item, len);
		copy[len] = '\0';
		if (check && check(copy, reason))
			return -EINVAL;
	}
	return 0;
}

int config_check_form(enum config_key key, const char *text, int64_t number, char *reason)
{
	if (key == CONFIG_CAPTURE_FLOW_SLOTS && (number & (number - 1)) != 0)
		return refuse(reason, text, "is not a power of two");
	for (size_t i = 0; i < FORM_COUNT; i++) {
		if (forms[i].key != key)
			continue;
		if (forms[i].is_per_item)
			return check_items(text, forms[i].check, reason);
		return forms[i].check(text, reason);
	}
	return 0;
}

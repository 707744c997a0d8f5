/* The table of pages and of the original's form paths. */
#include "agent/front/route.h"

#include <stdio.h>
#include <string.h>

#define READ (METHOD_GET | METHOD_HEAD)
#define ANY  (READ | METHOD_POST | METHOD_PUT | METHOD_DELETE)

struct page {
	const char *path; /* ends with '*': one number in its place, with '@': one address */
	enum route_kind kind;
	bool has_form; /* POST goes to core (ORIGINAL.md 4.2) */
};

static const struct page pages[] = {
	{ "/", ROUTE_ROOT, false },
	{ "/login", ROUTE_PAGE, true },
	{ "/setup", ROUTE_PAGE, false },
	{ "/logout", ROUTE_PAGE, true },
	{ "/password", ROUTE_INSIDE, false },
	{ "/dashboard", ROUTE_INSIDE, false },
	{ "/flows", ROUTE_INSIDE, false },
	{ "/incidents", ROUTE_INSIDE, false },
	{ "/incidents/*", ROUTE_INSIDE, true },
	{ "/unblock_ip/*", ROUTE_INSIDE, true },
	{ "/unblock_domain/*", ROUTE_INSIDE, true },
	{ "/incidents/expected", ROUTE_INSIDE, false },
	{ "/blocks", ROUTE_INSIDE, false },
	{ "/hosts/@", ROUTE_INSIDE, false },
	{ "/reports", ROUTE_INSIDE, false },
	{ "/settings", ROUTE_INSIDE, false },
	{ "/users", ROUTE_INSIDE, false },
	{ "/audit", ROUTE_INSIDE, false },
	{ "/backups", ROUTE_INSIDE, false },
	{ "/account", ROUTE_INSIDE, false },
	{ "/about", ROUTE_INSIDE, false },
	{ "/help", ROUTE_INSIDE, false },
	{ "/help/search", ROUTE_INSIDE, false },
	{ "/help/api", ROUTE_INSIDE, false },
	{ "/healthz", ROUTE_HEALTH, false },
};

enum method method_parse(const char *text)
{
	static const struct {
		const char *text;
		enum method method;
	} methods[] = { { "GET", METHOD_GET },
			{ "HEAD", METHOD_HEAD },
			{ "POST", METHOD_POST },
			{ "PUT", METHOD_PUT },
			{ "DELETE", METHOD_DELETE } };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(text, methods[i].text) == 0)
			return methods[i].method;
	return 0;
}

/* All of @text, 1 to @max characters of @set. */
static bool is_made_of(const char *text, const char *set, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strspn(text, set) == len;
}

static bool is_page(const struct page *page, const char *path)
{
	size_t len = strlen(page->path) - 1;
	char last = page->path[len];

	if (last != '*' && last != '@')
		return strcmp(page->path, path) == 0;
	if (strncmp(page->path, path, len) != 0)
		return false;
	/* a row id has at most 19 digits, an address 45 characters (RFC 4291, 2.2) */
	return last == '*' ? is_made_of(path + len, "0123456789", 19)
			   : is_made_of(path + len, "0123456789abcdefABCDEF.:", 45);
}

struct route route_find(const char *path, enum method method)
{
	if (strncmp(path, "/api/", 5) == 0)
		return (struct route){ ROUTE_CORE, ANY, false };
	if (strcmp(path, "/block_ip") == 0 || strcmp(path, "/block_domain") == 0)
		return (struct route){ ROUTE_CORE, METHOD_POST, true };
	if (strcmp(path, "/register") == 0 || strcmp(path, "/config") == 0)
		return (struct route){ ROUTE_CORE, READ | METHOD_POST, true };
	if (strcmp(path, "/generate_report") == 0 || strcmp(path, "/reports/generate") == 0)
		return (struct route){ ROUTE_CORE, METHOD_POST, true };
	if (strcmp(path, "/metrics") == 0)
		return (struct route){ ROUTE_CORE, READ, false };
	if (strncmp(path, "/download_report/", 17) == 0 ||
	    strncmp(path, "/reports/download/", 18) == 0)
		return (struct route){ ROUTE_CORE, READ, false };
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (!is_page(&pages[i], path))
			continue;
		if (pages[i].has_form)
			return (struct route){ method == METHOD_POST ? ROUTE_CORE : pages[i].kind,
					       READ | METHOD_POST, true };
		return (struct route){ pages[i].kind, READ, false };
	}
	return (struct route){ ROUTE_ASSET, READ, false };
}

const char *route_allow(unsigned int methods, char *text)
{
	(void)snprintf(text, ROUTE_ALLOW_MAX, "%s%s%s%s", methods & METHOD_GET ? ", GET, HEAD" : "",
		       methods & METHOD_POST ? ", POST" : "", methods & METHOD_PUT ? ", PUT" : "",
		       methods & METHOD_DELETE ? ", DELETE" : "");
	if (*text)
		memmove(text, text + 2, strlen(text + 2) + 1);
	return text;
}

/*
 * Which part of front answers a path, and with which methods. Pure; any thread. Core has the route
 * table of the API; this one holds what is no API.
 */
#ifndef SLUICE_FRONT_ROUTE_H
#define SLUICE_FRONT_ROUTE_H

#include <stdbool.h>

enum method {
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_POST = 4,
	METHOD_PUT = 8,
	METHOD_DELETE = 16,
};

enum route_kind {
	ROUTE_ASSET,  /* a file of web/, if there is one of that name */
	ROUTE_PAGE,   /* the one page; its script reads the address */
	ROUTE_INSIDE, /* the same, for who is logged in; others go to /login */
	ROUTE_ROOT,   /* to /dashboard or /login */
	ROUTE_HEALTH,
	ROUTE_CORE,
};

struct route {
	enum route_kind kind;
	unsigned int methods; /* of enum method; 0 = core decides */
	bool may_be_form;
};

/* method_parse - 0 for a method front does not take. */
enum method method_parse(const char *text);

/* route_find - @method matters where a page and a form share the path. */
struct route route_find(const char *path, enum method method);

/* route_allow - @methods as an Allow field; @text: at least 40 bytes. Returns @text. */
const char *route_allow(unsigned int methods, char *text);
#define ROUTE_ALLOW_MAX 40

#endif

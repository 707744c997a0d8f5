/*
 * export flows, export incidents: any size, as it comes, to standard output.
 */
#include <stdio.h>
#include <string.h>

#include "agent/cli/internal.h"

static int export(const struct args *args, const char *what)
{
	char path[PATH_QUERY_MAX];

	(void)snprintf(path, sizeof(path), "/api/v1/%s.%s?", what, args->form ? args->form : "csv");
	if (path_add(path, sizeof(path), "from", args_option(args, "--from")) ||
	    path_add(path, sizeof(path), "to", args_option(args, "--to")) ||
	    path_add_query(path, sizeof(path), args))
		return usage_error("the search is too long");
	return client_print_parts(args, path);
}

int command_export_flows(const struct args *args)
{
	return export(args, "flows");
}

int command_export_incidents(const struct args *args)
{
	return export(args, "incidents");
}

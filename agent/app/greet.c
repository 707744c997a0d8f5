/*
 * The lines on stdout that scripts and people wait for.
 */
#include "agent/app/greet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/app/internal.h"

/* Without a display the browser is elsewhere: the line that makes its loopback ours. */
static void print_tunnel(const struct app *app)
{
	char host[128] = "HOST";
	const char *port = strrchr(app->url, ':');

	if (!app->is_loopback || !port || getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"))
		return;
	if (gethostname(host, sizeof(host)))
		(void)snprintf(host, sizeof(host), "HOST");
	host[sizeof(host) - 1] = '\0';
	port++;
	printf("from another machine: ssh -L %s:127.0.0.1:%s %s, then open the address above "
	       "there\n",
	       port, port, host);
}

void greet_print(const struct app *app, const char *token)
{
	printf("listening on %s\n", app->url);
	if (app->is_demo)
		printf("demo: simulated traffic, nothing of this machine is captured; state in "
		       "%s\n",
		       app->state_dir);
	if (*token)
		printf("set up: %s/setup#%s\n", app->url, token);
	else if (app->is_demo && app->is_loopback)
		printf("log in: admin / admin, changed at the first login\n");
	if (app->tls)
		printf("certificate: self-signed or own, SHA-256 %s\n", app->identity.fingerprint);
	print_tunnel(app);
	(void)fflush(stdout); /* a closed stdout must not stop the service */
}

void greet_print_password(const char *password)
{
	printf("log in: admin / %s\n", password);
	(void)fflush(stdout);
}

void greet_print_summary(const char *text)
{
	printf("%s\n", text);
	(void)fflush(stdout);
}

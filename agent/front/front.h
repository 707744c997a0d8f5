/*
 * The web role: HTTP and TLS, guards, static files, event fan-out. No database, no key, no map, no
 * file system: it asks core in framed messages and gets events pushed. Runs in its own process.
 */
#ifndef SLUICE_FRONT_FRONT_H
#define SLUICE_FRONT_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct front;

struct front_options {
	int listen_fd;	/* bound and listening */
	int core_fd;	/* stream socket to core, taken; -1 while core is away */
	int control_fd; /* supervisor: the descriptor with any message (SCM_RIGHTS) is a new
			 * core_fd; its end ends front; -1 = none */
	/* once a second while the loop turns; gets @control_fd; NULL = nobody listens */
	void (*on_beat)(int control_fd);
	bool tls;
	const char *cert_pem, *key_pem; /* with tls; wiped by front_run when loaded */
	const struct config *config;
	uint64_t descriptors; /* that may be open, as read before the drop; 0: ask now */
	const char *mode;     /* "live", "demo": shown on every page */
	const char *version;
};

/*
 * front_run - serve until @control_fd closes or SIGTERM; after crypto_init. It opens no file and no
 * socket but by accept, so rights are dropped before. Its filter refuses to ask for limits, so
 * @options->descriptors says how many connections there may be. Returns 0 or -errno.
 */
int front_run(const struct front_options *options);

/* An open listener: what front_listen leaves. */
struct front_listener {
	int fd;
	bool is_loopback;
	char authority[112]; /* "127.0.0.1:5000" or "[::1]:5000", with the real port */
	char error[128];     /* one sentence when it failed */
};

/* front_listen - parse "ADDR:PORT" or "[ADDR]:PORT", bind and listen (any thread, before roles).
 * Returns 0, -EINVAL for the text, or the socket's error (-EADDRINUSE). */
int front_listen(const char *listen, struct front_listener *out);

#endif

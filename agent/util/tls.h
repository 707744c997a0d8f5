/*
 * The certificate and key of the web side: given by the administrator, or self-signed and kept.
 * The one place that makes certificates (GnuTLS). Any thread; before the roles separate.
 */
#ifndef SLUICE_UTIL_TLS_H
#define SLUICE_UTIL_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_FINGERPRINT_MAX 96 /* SHA-256 as 32 pairs of digits with colons, and the end */

struct tls_identity {
	char *cert_pem;			       /* may be a chain; NUL-terminated */
	char *key_pem;			       /* NUL-terminated; wiped by tls_identity_done */
	char fingerprint[TLS_FINGERPRINT_MAX]; /* SHA-256 of the certificate, "AB:CD:..." */
	int64_t expires_unix_ms;
	bool is_new; /* tls_identity_obtain made it just now */
};

/*
 * tls_identity_load - read and check a certificate (or chain) and its private key, both PEM.
 * Returns 0, -EINVAL when one is no such PEM, -EKEYREJECTED when they do not belong together,
 * -EFBIG, -ENOMEM, or the error of reading. @identity is for tls_identity_done on success.
 */
int tls_identity_load(const char *cert_path, const char *key_path, struct tls_identity *identity);

/*
 * tls_identity_make - a new P-256 key and a self-signed certificate for it: CN=sluice, each of
 * @names (addresses and host names as text; what is neither is left out) as subject alternative
 * name, valid for 825 days from an hour ago. The files are written 0600, the key first.
 *
 * 825 days because some browsers refuse a longer-lived server certificate even after the user
 * trusted it (Apple, "Requirements for trusted certificates in iOS 13 and macOS 10.15").
 * Returns 0, -EIO when GnuTLS fails, -ENOMEM, or the error of writing.
 */
int tls_identity_make(const char *cert_path, const char *key_path, const char *const *names,
		      size_t name_count, struct tls_identity *identity);

/*
 * tls_identity_obtain - what the two files hold; made anew when neither is there, or when the
 * certificate is our own self-signed one and ends within 30 days (identity->is_new then).
 * Returns as the two above.
 */
int tls_identity_obtain(const char *cert_path, const char *key_path, const char *const *names,
			size_t name_count, struct tls_identity *identity);

void tls_identity_done(struct tls_identity *identity);

static inline void tls_identity_done_cleanup(struct tls_identity *identity)
{
	tls_identity_done(identity);
}

#endif

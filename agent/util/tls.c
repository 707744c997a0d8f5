/*
 * The certificate that the web side shows. A self-signed one lives as long as browsers allow and
 * is renewed at a start near its end, so nobody has to remember it.
 */
#include "agent/util/tls.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/file.h"

#define DAY_S	     86400
#define VALID_S	     (825L * DAY_S) /* from notBefore to notAfter; source: tls.h */
#define BACKDATE_S   3600	    /* for browsers whose clock is behind */
#define RENEW_S	     (30L * DAY_S)
#define SERIAL_BYTES 16 /* RFC 5280 4.1.2.2: positive, at most 20 bytes */
#define PEM_MAX	     (256U << 10)
#define CHAIN_MAX    16
#define NAME_MAX_LEN 253 /* of a host name, RFC 1035 2.3.4 */

/* The subject and issuer of what we make ourselves; nobody else's certificate is replaced. */
#define OUR_NAME "CN=sluice"

static void free_cert(gnutls_x509_crt_t cert)
{
	if (cert)
		gnutls_x509_crt_deinit(cert);
}

static void free_key(gnutls_x509_privkey_t key)
{
	if (key)
		gnutls_x509_privkey_deinit(key);
}

static void free_datum(gnutls_datum_t *datum)
{
	if (datum->data)
		gnutls_memset(datum->data, 0, datum->size); /* it may be a key */
	gnutls_free(datum->data);
}

static void free_cert_cleanup(gnutls_x509_crt_t *cert)
{
	free_cert(*cert);
}

static void free_key_cleanup(gnutls_x509_privkey_t *key)
{
	free_key(*key);
}

static void free_datum_cleanup(gnutls_datum_t *datum)
{
	free_datum(datum);
}

static int to_errno(int code)
{
	if (code >= 0)
		return 0;
	return code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
}

void tls_identity_done(struct tls_identity *identity)
{
	if (identity->key_pem)
		crypto_wipe(identity->key_pem, strlen(identity->key_pem));
	free(identity->key_pem);
	free(identity->cert_pem);
	*identity = (struct tls_identity){ .expires_unix_ms = 0 };
}

static gnutls_datum_t datum_of(char *text)
{
	return (gnutls_datum_t){ .data = (unsigned char *)text,
				 .size = (unsigned int)strlen(text) };
}

/* The first certificate of @pem, the one that is shown; the chain's others must parse too. */
static int parse_cert(char *pem, gnutls_x509_crt_t *cert)
{
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned int count = CHAIN_MAX;
	gnutls_datum_t datum = datum_of(pem);

	if (gnutls_x509_crt_list_import(chain, &count, &datum, GNUTLS_X509_FMT_PEM,
					GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED) < 1)
		return -EINVAL;
	for (unsigned int i = 1; i < count; i++)
		free_cert(chain[i]);
	*cert = chain[0];
	return 0;
}

static int check_pair(gnutls_x509_crt_t cert, char *key_pem)
{
	CLEANUP(free_key) gnutls_x509_privkey_t key = NULL;
	unsigned char cert_id[64], key_id[64];
	size_t cert_id_len = sizeof(cert_id), key_id_len = sizeof(key_id);
	gnutls_datum_t datum = datum_of(key_pem);

	if (gnutls_x509_privkey_init(&key) < 0)
		return -ENOMEM;
	if (gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0) < 0)
		return -EINVAL;
	if (gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256, cert_id, &cert_id_len) < 0 ||
	    gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, key_id, &key_id_len) < 0)
		return -EINVAL;
	if (cert_id_len != key_id_len || memcmp(cert_id, key_id, key_id_len) != 0)
		return -EKEYREJECTED;
	return 0;
}

static int describe(gnutls_x509_crt_t cert, struct tls_identity *identity)
{
	unsigned char digest[32];
	size_t digest_len = sizeof(digest);
	time_t end = gnutls_x509_crt_get_expiration_time(cert);

	if (end == (time_t)-1 ||
	    gnutls_x509_crt_get_fingerprint(cert, GNUTLS_DIG_SHA256, digest, &digest_len) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(identity->fingerprint + i * 3, 4,
			       i + 1 < sizeof(digest) ? "%02X:" : "%02X", digest[i]);
	identity->expires_unix_ms = (int64_t)end * 1000;
	return 0;
}

int tls_identity_load(const char *cert_path, const char *key_path, struct tls_identity *identity)
{
	CLEANUP(tls_identity_done) struct tls_identity loaded = { .expires_unix_ms = 0 };
	CLEANUP(free_cert) gnutls_x509_crt_t cert = NULL;
	int err = file_read(cert_path, PEM_MAX, &loaded.cert_pem, NULL);

	if (!err)
		err = file_read(key_path, PEM_MAX, &loaded.key_pem, NULL);
	if (!err)
		err = parse_cert(loaded.cert_pem, &cert);
	if (!err)
		err = check_pair(cert, loaded.key_pem);
	if (!err)
		err = describe(cert, &loaded);
	if (err)
		return err;
	*identity = loaded;
	loaded = (struct tls_identity){ .expires_unix_ms = 0 };
	return 0;
}

/* Letters, digits, '-', '.' (RFC 1123 2.1), and '_', which hosts do have in their names. */
static bool is_host_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && strspn(name, allowed) == len;
}

static int add_name(gnutls_x509_crt_t cert, const char *name)
{
	struct addr addr;

	if (addr_parse(name, &addr) == 0) {
		bool is_ipv4 = addr.family == ADDR_IPV4;

		return to_errno(gnutls_x509_crt_set_subject_alt_name(
			cert, GNUTLS_SAN_IPADDRESS, addr.bytes + (is_ipv4 ? 12 : 0),
			is_ipv4 ? 4 : 16, GNUTLS_FSAN_APPEND));
	}
	if (!is_host_name(name)) /* a kernel without a name says "(none)" */
		return 0;
	return to_errno(gnutls_x509_crt_set_subject_alt_name(
		cert, GNUTLS_SAN_DNSNAME, name, (unsigned int)strlen(name), GNUTLS_FSAN_APPEND));
}

/* Everything but the names and the signature. Returns GnuTLS's code. */
static int fill_cert(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key)
{
	time_t start = (time_t)(clock_unix_ms() / 1000) - BACKDATE_S;
	unsigned char serial[SERIAL_BYTES], key_id[32];
	size_t key_id_len = sizeof(key_id);
	const char *wrong = NULL;
	int code;

	crypto_random(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and never short */
	code = gnutls_x509_crt_set_version(cert, 3);
	if (code >= 0)
		code = gnutls_x509_crt_set_serial(cert, serial, sizeof(serial));
	if (code >= 0)
		code = gnutls_x509_crt_set_activation_time(cert, start);
	if (code >= 0)
		code = gnutls_x509_crt_set_expiration_time(cert, start + VALID_S);
	if (code >= 0)
		code = gnutls_x509_crt_set_dn(cert, OUR_NAME, &wrong);
	if (code >= 0)
		code = gnutls_x509_crt_set_key(cert, key);
	if (code >= 0)
		code = gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256, key_id,
						  &key_id_len);
	if (code >= 0)
		code = gnutls_x509_crt_set_subject_key_id(cert, key_id, key_id_len);
	if (code >= 0)
		code = gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
	if (code >= 0)
		code = gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (code >= 0)
		code = gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
	return code;
}

static int make_key(gnutls_x509_privkey_t *key)
{
	int code = gnutls_x509_privkey_init(key);

	if (code >= 0)
		code = gnutls_x509_privkey_generate(
			*key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	return to_errno(code);
}

static int make_cert(gnutls_x509_privkey_t key, const char *const *names, size_t name_count,
		     gnutls_x509_crt_t *cert)
{
	int err = to_errno(gnutls_x509_crt_init(cert));

	if (!err)
		err = to_errno(fill_cert(*cert, key));
	for (size_t i = 0; !err && i < name_count; i++)
		err = add_name(*cert, names[i]);
	if (!err)
		err = to_errno(gnutls_x509_crt_sign2(*cert, *cert, key, GNUTLS_DIG_SHA256, 0));
	return err;
}

int tls_identity_make(const char *cert_path, const char *key_path, const char *const *names,
		      size_t name_count, struct tls_identity *identity)
{
	CLEANUP(free_datum) gnutls_datum_t cert_pem = { .data = NULL };
	CLEANUP(free_datum) gnutls_datum_t key_pem = { .data = NULL };
	CLEANUP(free_key) gnutls_x509_privkey_t key = NULL;
	CLEANUP(free_cert) gnutls_x509_crt_t cert = NULL;
	int err = make_key(&key);

	if (!err)
		err = make_cert(key, names, name_count, &cert);
	if (!err)
		err = to_errno(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &cert_pem));
	if (!err)
		err = to_errno(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
								 GNUTLS_PKCS_PLAIN, &key_pem));
	/* The key first: a certificate without its key would look like a given one. */
	if (!err)
		err = file_write(key_path, key_pem.data, key_pem.size, 0600);
	if (!err)
		err = file_write(cert_path, cert_pem.data, cert_pem.size, 0600);
	return err ? err : tls_identity_load(cert_path, key_path, identity);
}

/* Issued by us to ourselves, and near its end. */
static bool is_to_be_renewed(struct tls_identity *identity)
{
	CLEANUP(free_cert) gnutls_x509_crt_t cert = NULL;
	char subject[64], issuer[64];
	size_t subject_len = sizeof(subject), issuer_len = sizeof(issuer);

	if (identity->expires_unix_ms - clock_unix_ms() > RENEW_S * 1000 ||
	    parse_cert(identity->cert_pem, &cert) ||
	    gnutls_x509_crt_get_dn(cert, subject, &subject_len) < 0 ||
	    gnutls_x509_crt_get_issuer_dn(cert, issuer, &issuer_len) < 0)
		return false;
	return strcmp(subject, OUR_NAME) == 0 && strcmp(issuer, OUR_NAME) == 0;
}

int tls_identity_obtain(const char *cert_path, const char *key_path, const char *const *names,
			size_t name_count, struct tls_identity *identity)
{
	int err = tls_identity_load(cert_path, key_path, identity);

	if (!err && !is_to_be_renewed(identity))
		return 0;
	if (err && (err != -ENOENT || access(cert_path, F_OK) == 0))
		return err; /* a certificate that is there and wrong is for a person to look at */
	if (!err)
		tls_identity_done(identity);
	err = tls_identity_make(cert_path, key_path, names, name_count, identity);
	if (!err)
		identity->is_new = true;
	return err;
}

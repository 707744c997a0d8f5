/* Certificates are looked at with GnuTLS itself; one pair comes from the openssl command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/crypto.h"
#include "agent/util/file.h"
#include "agent/util/tls.h"

#define DAY_S 86400

static const char *const names[] = { "127.0.0.1", "::1", "localhost", "host.example" };
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static int enter_directory(void **state)
{
	char *name = strdup("/tmp/sluice-tls-XXXXXX");

	assert_non_null(name);
	assert_non_null(mkdtemp(name));
	assert_int_equal(chdir(name), 0);
	*state = name;
	return crypto_init();
}

static int leave_directory(void **state)
{
	(void)unlink("cert"); /* those the test made */
	(void)unlink("key");
	(void)unlink("key2");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(*state), 0);
	free(*state);
	return 0;
}

static gnutls_x509_crt_t parse(const struct tls_identity *identity)
{
	gnutls_datum_t pem = { (unsigned char *)identity->cert_pem,
			       (unsigned int)strlen(identity->cert_pem) };
	gnutls_x509_crt_t cert;

	assert_int_equal(gnutls_x509_crt_init(&cert), 0);
	assert_int_equal(gnutls_x509_crt_import(cert, &pem, GNUTLS_X509_FMT_PEM), 0);
	return cert;
}

static void made_certificate_is_p256_for_its_names_and_825_days(void **state)
{
	struct tls_identity identity;
	gnutls_x509_crt_t cert;
	unsigned int bits = 0, status = 0;
	time_t start, end;

	(void)state;
	assert_int_equal(tls_identity_make("cert", "key", names, NAME_COUNT, &identity), 0);
	cert = parse(&identity);
	assert_int_equal(gnutls_x509_crt_get_pk_algorithm(cert, &bits), GNUTLS_PK_ECDSA);
	assert_int_equal(bits, 256);
	for (size_t i = 0; i < NAME_COUNT; i++)
		assert_true(gnutls_x509_crt_check_hostname(cert, names[i]));
	assert_false(gnutls_x509_crt_check_hostname(cert, "127.0.0.2"));
	assert_false(gnutls_x509_crt_check_hostname(cert, "other.example"));
	start = gnutls_x509_crt_get_activation_time(cert);
	end = gnutls_x509_crt_get_expiration_time(cert);
	assert_int_equal(end - start, 825 * DAY_S);
	assert_true(start < time(NULL) && end > time(NULL) + 800 * DAY_S);
	assert_true(identity.expires_unix_ms == (int64_t)end * 1000);
	assert_int_equal(
		gnutls_x509_crt_verify(cert, &cert, 1, GNUTLS_VERIFY_DO_NOT_ALLOW_SAME, &status),
		0);
	gnutls_x509_crt_deinit(cert);
	tls_identity_done(&identity);
}

static void made_files_are_private_and_load_again(void **state)
{
	struct tls_identity made, loaded;
	struct stat st;

	(void)state;
	assert_int_equal(tls_identity_make("cert", "key", names, NAME_COUNT, &made), 0);
	assert_int_equal(stat("key", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat("cert", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(tls_identity_load("cert", "key", &loaded), 0);
	assert_string_equal(loaded.cert_pem, made.cert_pem);
	assert_string_equal(loaded.key_pem, made.key_pem);
	assert_string_equal(loaded.fingerprint, made.fingerprint);
	tls_identity_done(&made);
	tls_identity_done(&loaded);
	tls_identity_done(&loaded); /* a second time is harmless */
}

/* openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=sluice
 * (of 2026-11-24), its fingerprint by openssl x509 -fingerprint -sha256. */
static const char openssl_cert[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBdjCCAR2gAwIBAgIUCsp2MQQSd3c4qMAy6ajvIT9aTgUwCgYIKoZIzj0EAwIw\n"
	"ETEPMA0GA1UEAwwGc2x1aWNlMB4XDTI2MTEyNDE0MzUwMloXDTI2MTEyNTE0MzUw\n"
	"MlowETEPMA0GA1UEAwwGc2x1aWNlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
	"A8Ul/IejEHCM7/4LHiO6V0rgYDNW4mE9BuaqAheA5ccCfwTPXBzIrq58nrB4QJ4n\n"
	"6w78CAZArYMX3GOb+OwqY6NTMFEwHQYDVR0OBBYEFCvSsZJ89S8vizkpJ4G+wRe4\n"
	"BHnVMB8GA1UdIwQYMBaAFCvSsZJ89S8vizkpJ4G+wRe4BHnVMA8GA1UdEwEB/wQF\n"
	"MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgGphoIxiW0dskw3IBj3GAQUG5U21AQ1aF\n"
	"4LQIgbBarXYCICSAURRrrV6zHO9LqX0m6X3Sw+59jhMNTVakR9Dt+dI1\n"
	"-----END CERTIFICATE-----\n";
static const char openssl_key[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9R9cadC61XLoxC+2\n"
	"RugTwgpJMrGqqFpx3l4P8TiC7oehRANCAAQDxSX8h6MQcIzv/gseI7pXSuBgM1bi\n"
	"YT0G5qoCF4DlxwJ/BM9cHMiurnyesHhAnifrDvwIBkCtgxfcY5v47Cpj\n"
	"-----END PRIVATE KEY-----\n";
static const char openssl_fingerprint[] = "55:15:90:31:3F:7B:FD:AA:08:A9:1B:DF:D2:2C:51:2C:"
					  "61:E1:30:5B:60:AF:D0:99:93:96:FD:A6:16:91:68:FA";

static void fingerprint_agrees_with_openssl(void **state)
{
	struct tls_identity identity;

	(void)state;
	assert_int_equal(file_write("cert", openssl_cert, strlen(openssl_cert), 0600), 0);
	assert_int_equal(file_write("key", openssl_key, strlen(openssl_key), 0600), 0);
	assert_int_equal(tls_identity_load("cert", "key", &identity), 0);
	assert_string_equal(identity.fingerprint, openssl_fingerprint);
	tls_identity_done(&identity);
}

static void our_certificate_near_its_end_is_made_anew(void **state)
{
	struct tls_identity identity;

	(void)state;
	assert_int_equal(file_write("cert", openssl_cert, strlen(openssl_cert), 0600), 0);
	assert_int_equal(file_write("key", openssl_key, strlen(openssl_key), 0600), 0);
	assert_int_equal(tls_identity_obtain("cert", "key", names, NAME_COUNT, &identity), 0);
	assert_true(identity.is_new);
	assert_string_not_equal(identity.fingerprint, openssl_fingerprint);
	tls_identity_done(&identity);
}

static void obtain_makes_once_and_keeps_then(void **state)
{
	struct tls_identity first, second;

	(void)state;
	assert_int_equal(tls_identity_obtain("cert", "key", names, NAME_COUNT, &first), 0);
	assert_true(first.is_new);
	assert_int_equal(tls_identity_obtain("cert", "key", names, NAME_COUNT, &second), 0);
	assert_false(second.is_new);
	assert_string_equal(first.fingerprint, second.fingerprint);
	tls_identity_done(&first);
	tls_identity_done(&second);
}

static void certificate_and_key_that_do_not_belong_together_are_refused(void **state)
{
	struct tls_identity identity;

	(void)state;
	assert_int_equal(tls_identity_make("cert", "key2", names, NAME_COUNT, &identity), 0);
	tls_identity_done(&identity);
	assert_int_equal(tls_identity_make("cert", "key", names, NAME_COUNT, &identity), 0);
	tls_identity_done(&identity);
	assert_int_equal(tls_identity_load("cert", "key2", &identity), -EKEYREJECTED);
	assert_int_equal(tls_identity_obtain("cert", "key2", names, NAME_COUNT, &identity),
			 -EKEYREJECTED);
}

static void certificate_whose_key_is_lost_is_not_replaced(void **state)
{
	struct tls_identity identity;

	(void)state;
	assert_int_equal(tls_identity_make("cert", "key", names, NAME_COUNT, &identity), 0);
	tls_identity_done(&identity);
	assert_int_equal(unlink("key"), 0);
	assert_int_equal(tls_identity_obtain("cert", "key", names, NAME_COUNT, &identity), -ENOENT);
}

static void files_that_are_no_pem_are_refused(void **state)
{
	struct tls_identity identity;

	(void)state;
	assert_int_equal(tls_identity_make("cert", "key", names, NAME_COUNT, &identity), 0);
	tls_identity_done(&identity);
	assert_int_equal(tls_identity_load("key", "key", &identity), -EINVAL);
	assert_int_equal(tls_identity_load("cert", "cert", &identity), -EINVAL);
	assert_int_equal(file_write("key2", "", 0, 0600), 0);
	assert_int_equal(tls_identity_load("key2", "key", &identity), -EINVAL);
	assert_int_equal(tls_identity_load("cert", "key2", &identity), -EINVAL);
	assert_int_equal(tls_identity_load("absent", "key", &identity), -ENOENT);
}

static void names_that_are_none_are_left_out(void **state)
{
	static const char *const mixed[] = { "two words", "", "(none)", "my_host" };
	struct tls_identity identity;
	gnutls_x509_crt_t cert;

	(void)state;
	assert_int_equal(tls_identity_make("cert", "key", mixed, 4, &identity), 0);
	cert = parse(&identity);
	assert_true(gnutls_x509_crt_check_hostname(cert, "my_host"));
	assert_false(gnutls_x509_crt_check_hostname(cert, "(none)"));
	gnutls_x509_crt_deinit(cert);
	tls_identity_done(&identity);
}

#define inside(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		inside(made_certificate_is_p256_for_its_names_and_825_days),
		inside(made_files_are_private_and_load_again),
		inside(fingerprint_agrees_with_openssl),
		inside(our_certificate_near_its_end_is_made_anew),
		inside(obtain_makes_once_and_keeps_then),
		inside(certificate_and_key_that_do_not_belong_together_are_refused),
		inside(certificate_whose_key_is_lost_is_not_replaced),
		inside(files_that_are_no_pem_are_refused),
		inside(names_that_are_none_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
